// SPDX-License-Identifier: Apache-2.0

package idp

import "testing"

// TestUserName: no two people have one name, whatever their providers and they are
// called, where at most one provider is plain.
func TestUserName(t *testing.T) {
	users := []string{"ann", "bob", "guests/ann", "people/ann", "corp/ann", "guests", "/ann", "x/guests/ann", "ann@corp.com", "Guests/ann", "spiffe://x/y", "guests//ann", "a/b", "ann/"}
	for _, plain := range []string{"", "people", "guests", "corp"} {
		s := New(Options{})
		var configs []Config
		for _, name := range []string{"people", "guests"} {
			c := corp(name)
			c.QualifiedUsers = name != plain
			configs = append(configs, c)
		}
		if problems := s.Update(configs); len(problems) > 0 {
			t.Fatal(problems)
		}
		seen := map[string]string{}
		for _, provider := range []string{"people", "guests", "corp"} { // there is no corp
			for _, user := range users {
				name := s.UserName(provider, user)
				if other, ok := seen[name]; ok {
					t.Errorf("%s plain: %s of %s is %q, and so is %s", plain, user, provider, name, other)
				}
				seen[name] = user + " of " + provider
			}
		}
		if got, want := s.UserName("people", "ann"), map[bool]string{true: "ann", false: "people/ann"}[plain == "people"]; got != want {
			t.Errorf("%s plain: %q, want %q", plain, got, want)
		}
	}
	var none *Set
	if got := none.UserName("corp", "ann"); got != "corp/ann" {
		t.Errorf("no providers: %q", got)
	}
}
