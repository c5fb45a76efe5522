// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// FuzzUsers: whoever is known has a hash, and is found by canonical keys alone;
// no problem quotes a hash.
func FuzzUsers(f *testing.F) {
	made, err := bcrypt.GenerateFromPassword([]byte("correct horse"), minCost)
	if err != nil {
		f.Fatal(err)
	}
	h := string(made)
	f.Add("- {name: Ann, email: a@b.c, groups: [x], passwordHash: " + h + "}")
	f.Add("- name: Ann\n  passwordHash: '" + h + "'\n- name: ann\n  passwordHash: '" + h + "'")
	f.Add("- &a {name: *a}\n---\n")
	f.Fuzz(func(t *testing.T, text string) {
		u, issues := readUsers([]byte(text))
		for _, p := range issues {
			if p.Message == "" || strings.ContainsFunc(p.Message, unprintable) || strings.Contains(p.Message, h[29:]) {
				t.Fatalf("%+v", p)
			}
		}
		if u == nil {
			return
		}
		for key, one := range u.byKey {
			if back, ok := Canonical(key); !ok || back != key || !slices.Contains(one.keys(), key) || one.Cost < minCost || one.Cost > maxCost || one.Cost > u.Cost || len(one.Hash) != 60 {
				t.Fatalf("%q: %+v", key, one)
			}
		}
	})
}
