// SPDX-License-Identifier: Apache-2.0

package manifests_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUserNamesOfFiles: users are told apart from when there is a second provider on,
// also while that one cannot be read, and after it was removed.
func TestUserNamesOfFiles(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one.yaml"), filepath.Join(dir, "two.yaml")
	l := newLoader(t, dir)
	check := func(step string, want map[string]bool) {
		t.Helper()
		s := l.Load()
		got := map[string]bool{}
		for _, p := range s.Providers {
			got[p.Name] = p.QualifiedUsers
		}
		for name, qualified := range want {
			if is, ok := got[name]; !ok || is != qualified {
				t.Errorf("%s: %s: %v %v, want %v", step, name, ok, is, qualified)
			}
		}
	}
	other := strings.ReplaceAll(provider, "corp}\nspec", "guests}\nspec")
	old(t, one, join(provider, providerSecret))
	check("alone", map[string]bool{"corp": false})
	old(t, two, other)
	check("two", map[string]bool{"corp": true, "guests": true})
	old(t, two, other+"  nonsense: true\n")
	check("a mistake", map[string]bool{"corp": true, "guests": true})
	if err := os.Remove(two); err != nil {
		t.Fatal(err)
	}
	check("removed", map[string]bool{"corp": true})
	old(t, one, join(strings.Replace(provider, "spec:\n", "spec:\n  userNames: Plain\n", 1), providerSecret))
	check("Plain", map[string]bool{"corp": false})
	old(t, two, other)
	check("Plain beside another", map[string]bool{"corp": false, "guests": true})
	old(t, two, strings.Replace(other, "spec:\n", "spec:\n  userNames: Plain\n", 1))
	check("Plain twice, one issuer", map[string]bool{"corp": false, "guests": false})
	old(t, two, strings.Replace(strings.Replace(other, "spec:\n", "spec:\n  userNames: Plain\n", 1), "sso.example.com", "sso.example.net", 1))
	check("Plain twice", map[string]bool{"corp": true, "guests": true})
	old(t, one, join(strings.Replace(provider, "spec:\n", "spec:\n  userNames: [\n", 1), providerSecret))
	check("unreadable: what it said before stays", map[string]bool{"guests": true})
}
