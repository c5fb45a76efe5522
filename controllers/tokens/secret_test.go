// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"regexp"
	"strings"
	"testing"
)

// TestSecrets: what is made is of the form that scanners look for, and never twice.
func TestSecrets(t *testing.T) {
	form := regexp.MustCompile(`^ostiary_st_[a-z2-7]{59}$`)
	seen := map[string]bool{}
	for range 1000 {
		secret, sum := newSecret()
		id := newClientID()
		if !form.MatchString(secret) || !IsSecret(secret) || len(sum) != 64 || sum != sumOf(secret) || seen[secret] || seen[id] {
			t.Fatal(secret, sum, id)
		}
		seen[secret], seen[id] = true, true
		for i := range secret { // each character counts
			other := secret[:i] + string("ab"[b2i(secret[i] == 'a')]) + secret[i+1:]
			if IsSecret(other) {
				t.Fatalf("%s, for %s", other, secret)
			}
		}
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// FuzzIsSecret: only a text of the form is a secret, and the checksum of each is its own.
func FuzzIsSecret(f *testing.F) {
	secret, _ := newSecret()
	for _, s := range []string{secret, secret + "a", secret[:69], strings.ToUpper(secret), "", SecretPrefix, " " + secret, secret + "\n"} {
		f.Add(s)
	}
	form := regexp.MustCompile(`^ostiary_st_([a-z2-7]{52})([a-z2-7]{7})\z`)
	f.Fuzz(func(t *testing.T, s string) {
		is := IsSecret(s)
		if !is {
			return
		}
		m := form.FindStringSubmatch(s)
		// The body alone could be of another alphabet: nobody but us computes a checksum for it.
		if len(s) != 70 || !strings.HasPrefix(s, SecretPrefix) || m != nil && checksum(SecretPrefix+m[1]) != m[2] {
			t.Fatalf("%q", s)
		}
	})
}
