// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// SecretPrefix begins every secret, so that scanners of leaked secrets know one.
const SecretPrefix = "ostiary_st_" //nolint:gosec // no credential

// A secret is SecretPrefix, 52 characters of a-z and 2-7 that hold 256 random bits, and 7
// that hold the CRC-32 (IEEE) of all before them: a scanner can tell a secret from what
// looks like one.
const (
	secretBody     = 52
	secretChecksum = 7
)

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// newSecret makes a secret, and what is kept of it.
func newSecret() (secret, sum string) {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // it never fails (crypto/rand)
	secret = SecretPrefix + base32Lower.EncodeToString(raw[:])
	secret += checksum(secret)
	return secret, sumOf(secret)
}

func sumOf(secret string) string {
	sum := policy.SecretSum(secret)
	return hex.EncodeToString(sum[:])
}

func checksum(text string) string {
	return base32Lower.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text))))
}

// newClientID makes a client ID. It looks like Cloudflare's, which some clients check.
func newClientID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // as above
	return hex.EncodeToString(raw[:]) + ".access"
}

// IsSecret reports whether a text is a secret of ours, going by its form.
func IsSecret(text string) bool {
	body, ok := strings.CutPrefix(text, SecretPrefix)
	if !ok || len(body) != secretBody+secretChecksum {
		return false
	}
	return checksum(text[:len(SecretPrefix)+secretBody]) == body[secretBody:]
}
