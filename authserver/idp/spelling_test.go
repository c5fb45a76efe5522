// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
)

// TestSpellingsOfPasswords: one password is one, however a keyboard sends it and whatever
// tool hashed it, and no other is.
func TestSpellingsOfPasswords(t *testing.T) {
	const typed = "Škôlka Ωméga ñ"
	other := map[string]string{"case": strings.ToLower(typed), "accents": "Skolka Omega n", "cut": typed[:len(typed)-2],
		"longer": typed + "x",
		"blank":  typed + " ", "zero width": typed + "\u200b"}
	forms := map[string]string{"NFC": norm.NFC.String(typed), "NFD": norm.NFD.String(typed), "blanks": strings.ReplaceAll(typed, " ",
		"\u00a0"),
		"mixed": norm.NFD.String(typed[:4]) + typed[4:]}
	for how, hashed := range map[string]string{"NFC": forms["NFC"], "NFD": forms["NFD"]} {
		p := people(t, `[{name: ann, passwordHash: "`+hash(t, hashed, 10)+`"}]`)
		for form, password := range forms {
			if _, err := p.CheckPassword(t.Context(), Turn{}, "ann", password); err != nil {
				t.Errorf("hashed as %s, typed as %s: %v", how, form, err)
			}
		}
		for form, password := range other {
			if _, err := p.CheckPassword(t.Context(), Turn{}, "ann", password); !errors.Is(err, ErrWrongPassword) {
				t.Errorf("hashed as %s: %s: %v", how, form, err)
			}
		}
	}
}

// TestLongSpellings: no spelling of a password is cut, and who sends a large one has it
// compared once.
func TestLongSpellings(t *testing.T) {
	long := strings.Repeat("é", 36) // 72 bytes, and 108 with accents apart
	p := people(t, `[{name: ann, passwordHash: "`+hash(t, long, 10)+`"}]`)
	for password, want := range map[string]bool{long: true, norm.NFD.String(long): true, long + "x": false, long + "é": false,
		norm.NFD.String(long + "x"): false, long[:70]: false} {
		if _, err := p.CheckPassword(t.Context(), Turn{}, "ann", password); (err == nil) != want {
			t.Errorf("%d bytes: %v", len(password), err)
		}
	}
	for password, want := range map[string]int{"plain": 1, "é": 2, "é\u00a0": 3, strings.Repeat("é", 1<<20): 1, "\xff": 1, "": 1,
		"a\x00": 1} {
		if got := len(spellings(password)); got != want {
			t.Errorf("%.20q is compared in %d spellings, want %d", password, got, want)
		}
	}
}

// TestSameTimeInEverySpelling: THREATS F17.
func TestSameTimeInEverySpelling(t *testing.T) {
	p := people(t, `[{name: ann, passwordHash: "`+hash(t, "é", 10)+`"}]`)
	compare, work := p.users.compare, 0
	p.users.compare = func(hash, password []byte) error { work++; return compare(hash, password) }
	for _, password := range []string{"é", "e\u0301", "è", "e", "é\u00a0x"} {
		did := map[int]bool{}
		for _, name := range []string{"ann", "ANN", "nobody", ""} {
			work = 0
			_, _ = p.CheckPassword(t.Context(), Turn{}, name, password)
			did[work] = true
		}
		if len(did) != 1 {
			t.Errorf("%q: the work tells who is a user: %v", password, did)
		}
	}
}

// TestSpellingsShareGuesses: no other spelling of an account has guesses of its own.
// THREATS F14.
func TestSpellingsShareGuesses(t *testing.T) {
	p := people(t, `[{name: jörg, passwordHash: "HASH"}]`)
	for _, typed := range []string{"jörg", "JÖRG", "jo\u0308rg", " Jörg\n", "ｊörg"} {
		if p.Account(typed) != "jörg" || p.IDOf(typed) != "jörg" {
			t.Errorf("%q: guesses at %q, and user %q", typed, p.Account(typed), p.IDOf(typed))
		}
	}
	if p.Account("jorg") == "jörg" || p.IDOf("jorg") != "" {
		t.Error("another name")
	}
}
