// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

func TestRevoked(t *testing.T) {
	at := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour) }
	table := mustBuild(t, one(does(Allow)...)).revoking([]Revocation{
		{User: "Ann@Example.com", Before: at(-2)},
		{User: "ann@example.com", Before: at(-5)}, // the later one counts
		{User: "u7", Before: at(-2)},
		{User: "ÉMILE@example.com", Before: at(-2)},
		{Before: at(9)}, // nobody
	})
	for name, tc := range map[string]struct {
		id, email string
		signedIn  time.Time
		want      bool
	}{
		"before":            {"u1", "ann@example.com", at(-3), true},
		"a moment before":   {"u1", "ann@example.com", at(-2).Add(-1), true},
		"at that time":      {"u1", "ann@example.com", at(-2), false},
		"after":             {"u1", "ann@example.com", at(-1), false},
		"in another case":   {"u1", "ANN@exAMPLE.com", at(-3), true},
		"beyond ASCII":      {"u1", "émile@EXAMPLE.com", at(-3), true},
		"somebody else":     {"u1", "bob@example.com", at(-3), false},
		"longer":            {"u1", "ann@example.com.evil", at(-3), false},
		"by ID":             {"u7", "bob@example.com", at(-3), true},
		"by ID, after":      {"u7", "", at(-2), false},
		"an ID has a case":  {"U7", "", at(-3), false},
		"an address as ID":  {"ann@example.com", "", at(-6), true},
		"nobody":            {"", "", at(-3), false},
		"never signed in":   {"u7", "", time.Time{}, true},
		"an endless name":   {"u1", string(make([]byte, 4096)), at(-3), false},
		"not even in UTF-8": {"u1", "\xffann@example.com", at(-3), false},
	} {
		s := &Subject{ID: tc.id, Email: tc.email, SignedInAt: tc.signedIn}
		if got := table.Revoked(s); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	var none *Table
	if !none.Revoked(&Subject{ID: "u1"}) || !table.Revoked(nil) || (&Table{}).Revoked(&Subject{ID: "u7"}) {
		t.Error("what a nil or an empty table says")
	}
}

// TestFoldedCharacters: of every character, its cases have the same in common, and no two
// others have.
func TestFoldedCharacters(t *testing.T) {
	seen := map[string]rune{}
	for r := range rune(0x20000) {
		if !utf8.ValidRune(r) {
			continue
		}
		folded := string(appendFolded(nil, string(r)))
		if other := string(unicode.SimpleFold(r)); string(appendFolded(nil, other)) != folded {
			t.Errorf("%q and %q are told apart", r, other)
		}
		if other, ok := seen[folded]; ok && !strings.EqualFold(string(r), string(other)) {
			t.Errorf("%q and %q have %q in common", r, other, folded)
		}
		seen[folded] = r
	}
}

// Whom equalFold takes for one, revoking does as well.
func FuzzFolded(f *testing.F) {
	for _, s := range []string{"ann@X", "ÉMILE", "\u212aelvin", "\u017ftaff", "ǅ", "\xff", "ß", "İı"} {
		f.Add(s, s)
	}
	f.Add("KELVIN@x", "kelvin@X")
	f.Fuzz(func(t *testing.T, a, b string) {
		same := string(appendFolded(nil, a)) == string(appendFolded(nil, b))
		if equalFold(a, b) && !same {
			t.Fatalf("%q and %q are folded to %q and %q", a, b, appendFolded(nil, a), appendFolded(nil, b))
		}
		table := (&Table{}).revoking([]Revocation{{User: a, Before: now}})
		if s := (&Subject{Email: b}); a != "" && b != "" && table.Revoked(s) != same {
			t.Fatalf("revoking %q: %q is revoked: %v", a, b, !same)
		}
	})
}

func TestRevocationsAreInTheRevision(t *testing.T) {
	table := mustBuild(t, one(does(Allow)...))
	a, b := Source{Name: "a"}, Source{Name: "b"}
	all := []Revocation{{a, "", "u1", "", "", now}, {b, "", "u1", "", "", now}, {b, "", "u2", "", "", now},
		{b, "", "u2", "", "", now.Add(1)}, {b, "corp", "u2", "", "", now}, {b, "cor", "pu2", "", "", now},
		{b, "corp", "u2", "cli", "", now}, {b, "corp", "u2c", "li", "", now}, {b, "corp", "u2", "cli", "shop/mcp", now},
		{b, "corp", "u2", "clis", "hop/mcp", now}}
	seen := map[string]bool{table.Revision(): true}
	for i := range all {
		for _, list := range [][]Revocation{all[i : i+1], {all[i], all[i]}} {
			r := table.revoking(list).Revision()
			if seen[r] {
				t.Errorf("%+v: a revision that was there before", list)
			}
			seen[r] = true
		}
	}
	revoking := table.revoking(all)
	other := slices.Clone(all)
	slices.Reverse(other)
	if again := table.revoking(other); again.Revision() != revoking.Revision() || again.revoked.find(&Subject{ID: "u1"}).Source.Name != revoking.revoked.find(&Subject{ID: "u1"}).Source.Name {
		t.Error("their order matters")
	}
	if revoking.revoking(nil).Revision() != table.Revision() || revoking.revoking(all[:1]).Revision() != table.revoking(all[:1]).Revision() {
		t.Error("revocations add up, instead of taking the place of others")
	}
	if revoking.revoking(nil).Revoked(&Subject{ID: "u1"}) || revoking.revoking(all[2:3]).Revoked(&Subject{ID: "u1"}) {
		t.Error("a revocation that is gone still counts")
	}
	if mustBuild(t, one(does(Block)...)).revoking(all).Revision() == revoking.Revision() {
		t.Error("policies are no part of the revision any more")
	}
	if revoking.Len() != table.Len() || table.Revoked(&Subject{ID: "u1"}) {
		t.Error("the table itself has changed")
	}
}
