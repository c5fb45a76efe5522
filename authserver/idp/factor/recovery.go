// SPDX-License-Identifier: Apache-2.0

package factor

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"slices"
	"strings"
)

const (
	// RecoveryCodes is how many are made at a time.
	RecoveryCodes = 10
	codeBytes     = 10 // 80 bits, in 16 letters
	ofGroup       = 4
)

// A CodeHash stands for a recovery code. A fast hash is enough, as a code is not chosen by
// a person: it has 80 random bits, which nobody tries out. A slow one would take a second of a
// processor at each sign-in, for all ten.
type CodeHash [16]byte

// Crockford's base 32: no two of its letters look alike.
var codeText = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewRecovery replaces a user's recovery codes, and returns the new ones, which nobody can
// find out again.
func (e *Enrolled) NewRecovery() []string {
	e.Recovery = nil
	codes := make([]string, RecoveryCodes)
	for i := range codes {
		raw := make([]byte, codeBytes)
		_, _ = rand.Read(raw) // it never fails
		code := codeText.EncodeToString(raw)
		e.Recovery = append(e.Recovery, hashOf(code))
		var groups []string
		for group := range slices.Chunk([]byte(code), ofGroup) {
			groups = append(groups, string(group))
		}
		codes[i] = strings.Join(groups, "-")
	}
	return codes
}

// UseRecovery takes a recovery code out, and reports whether there was such a one.
func (e *Enrolled) UseRecovery(typed string) bool {
	code, ok := codeTyped(typed)
	if !ok {
		return false
	}
	hash, at := hashOf(code), -1
	for i := range e.Recovery {
		if subtle.ConstantTimeCompare(hash[:], e.Recovery[i][:]) == 1 {
			at = i
		}
	}
	if at < 0 {
		return false
	}
	e.Recovery = slices.Delete(slices.Clone(e.Recovery), at, at+1)
	return true
}

// IsRecoveryCode reports whether what somebody typed has the form of a recovery code.
func IsRecoveryCode(typed string) bool {
	_, ok := codeTyped(typed)
	return ok
}

// codeTyped returns a code as it was made, of one as people write it: with capital letters,
// other or no hyphens, and letters that look like digits.
func codeTyped(typed string) (string, bool) {
	if len(typed) > 64 {
		return "", false
	}
	code := strings.Map(func(r rune) rune {
		switch r {
		case '-', ' ', '\u2010', '\u2011', '\u2013':
			return -1
		case 'o':
			return '0'
		case 'i', 'l':
			return '1'
		}
		return r
	}, strings.ToLower(typed))
	raw, err := codeText.DecodeString(code)
	return code, err == nil && len(raw) == codeBytes
}

func hashOf(code string) CodeHash {
	sum := sha256.Sum256([]byte("ostiary recovery code\x00" + code))
	return CodeHash(sum[:16])
}
