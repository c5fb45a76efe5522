// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// FuzzFolded: a folded name is its own, and so are its spellings; who is found by any is
// found by the name.
func FuzzFolded(f *testing.F) {
	for _, s := range []string{"ann", "JÖRG", "jo\u0308rg", "ａnn", "Ann Smith", "ann@example.com", "ΣΊΣΥΦΟΣ", "ǅ", "\u0130",
		"\u1e9e", "ᾈ", "א1", "ｶﾞ", "a\u200db"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		fold, ok := Folded(typed)
		if !ok {
			if fold != "" {
				t.Fatalf("%q: %q, and no name", typed, fold)
			}
			return
		}
		for _, spelling := range []string{fold, typed, " " + typed + "\u00a0", norm.NFC.String(typed), norm.NFD.String(typed)} {
			if again, ok := Folded(spelling); len(spelling) < 4*maxName && (!ok || again != fold) {
				t.Fatalf("%q is %q, and %q is %q", typed, fold, spelling, again)
			}
		}
	})
}

// TestFindBySpelling: users whose very names are spellings of each other stay two people.
func TestFindBySpelling(t *testing.T) {
	const hash = "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	u, issues := readUsers([]byte(strings.ReplaceAll(`
- {name: jörg, passwordHash: HASH}
- {name: JÖRG, passwordHash: HASH}
- {name: Ünal, email: unal@example.com, passwordHash: HASH}
- {name: Ann Smith, passwordHash: HASH}
- {name: "☃", passwordHash: HASH}
`, "HASH", `"`+hash+`"`)))
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	for typed, want := range map[string]string{"jörg": "jörg", "JÖRG": "jÖrg", "Jörg": "jörg", "ｊörg": "", "jo\u0308rg": "",
		"ünal": "Ünal", "U\u0308NAL": "Ünal",
		"UNAL@example.com": "Ünal", "ｕnal@example.com": "Ünal", "ANN SMITH": "ann smith", "ａnn smith ": "ann smith", "ann  smith": "",
		"annsmith": "",
		"☃":        "☃", "unal": "", "": "", " ": "", strings.Repeat("é", 1<<20): ""} {
		got := ""
		if one := u.Find(typed); one != nil {
			got = one.Name
		}
		if got != want {
			t.Errorf("%.40q: %q, want %q", typed, got, want)
		}
	}
}
