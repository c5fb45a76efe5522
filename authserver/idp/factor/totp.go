// SPDX-License-Identifier: Apache-2.0

package factor

import (
	"crypto/rand"
	"crypto/subtle"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
)

const (
	secretBytes = 20 // RFC 4226 §4, R6
	period      = 30 // seconds; RFC 6238 §5.2
	skew        = 1  // steps, either way: clocks of telephones, and somebody who types slowly
	digits      = 6
)

// NewSecret makes the secret of an authenticator app.
func NewSecret() []byte {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // it never fails
	return secret
}

// SecretText is a secret as people type it into an app.
func SecretText(secret []byte) string { return secretText.EncodeToString(secret) }

// Use reports whether a code is good now, and has it used: neither it nor one before it is
// good again (RFC 6238 §5.2).
func (t *TOTP) Use(typed string, now time.Time) bool {
	code := strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' { // as apps show it: 123 456
			return -1
		}
		return r
	}, typed)
	if len(code) != digits || strings.Trim(code, "0123456789") != "" {
		return false
	}
	at, used := now.Unix()/period, int64(-1)
	for step := max(at-skew, 0); step <= at+skew; step++ {
		want, err := hotp.GenerateCodeCustom(secretText.EncodeToString(t.Secret), uint64(step),
			hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if err == nil && subtle.ConstantTimeCompare([]byte(code), []byte(want)) == 1 && step > t.Step && used < 0 {
			used = step
		}
	}
	if used < 0 {
		return false
	}
	t.Step = used
	return true
}

// SecretOf reads what SecretText wrote.
func SecretOf(text string) ([]byte, error) { return secretText.DecodeString(text) }
