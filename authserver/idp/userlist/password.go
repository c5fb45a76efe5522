// SPDX-License-Identifier: Apache-2.0

package userlist

import (
	"bufio"
	"crypto/rand"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"
	"golang.org/x/text/secure/precis"

	"github.com/ostiary/ostiary/authserver/command"
)

const (
	minPassword = 8  // characters; NIST SP 800-63B-4 §3.1.1.2
	maxPassword = 72 // bytes that bcrypt reads
	// alphabet is Crockford's base 32: no two of it look alike.
	alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	groups   = 5
	ofGroup  = 4
)

// newPassword returns one of 100 bits, which can be read to somebody.
func newPassword() string {
	random := make([]byte, groups*ofGroup)
	_, _ = rand.Read(random) // it never fails
	var b strings.Builder
	for i, r := range random {
		if i > 0 && i%ofGroup == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[r%byte(len(alphabet))]) // 32 divides 256
	}
	return b.String()
}

// readPassword reads one from the first line, as it is to be hashed.
func readPassword(r io.Reader) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, 64*maxPassword)).ReadString('\n')
	if err != nil && err != io.EOF {
		return "", command.Failed(err)
	}
	return prepared(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
}

// prepared returns a password in the one spelling that is hashed (RFC 8265 §4.2), or why
// it cannot be one. It quotes none.
func prepared(typed string) (string, error) {
	if !utf8.ValidString(typed) {
		return "", command.Mistake("the password is not in UTF-8")
	}
	password, err := precis.OpaqueString.String(typed)
	switch {
	case typed != "" && err != nil:
		return "", command.Mistake("the password holds characters that no keyboard types")
	case utf8.RuneCountInString(password) < minPassword:
		return "", command.Mistake("the password is shorter than %d characters", minPassword)
	case len(password) > maxPassword:
		return "", command.Mistake("the password has %d bytes, and bcrypt tells no more than %d apart: choose a shorter one",
			len(password), maxPassword)
	}
	return password, nil
}

func hashOf(password string, cost int) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password), cost)
	if err != nil {
		return "", command.Failed(err)
	}
	return string(hash), nil
}
