// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestHelpAddress: what is said of where people find help.
func TestHelpAddress(t *testing.T) {
	const (
		broken = "not a URL"
		other  = "write it like https://help.example.com/access or mailto:help@example.com"
	)
	const start = "https://help.example.com/"
	for address, want := range map[string]string{
		"": "", "https://help.example.com": "", "http://help.example.com/a?b#c": "", "mailto:help@example.com": "",
		start + strings.Repeat("a", 2048-len(start)): "", start + strings.Repeat("a", 2049-len(start)): broken,
		"https://help.example.com/%zz": broken, "https://help.example.com/a b": broken, "https://help.example.com/\x7f": broken,
		"https:///access": other, "https:access": other, "ftp://help.example.com/": other, "//help.example.com/": other, "/access": other,
		"https://me@help.example.com/": other, "mailto:help": other, "javascript:alert(1)": other,
	} {
		if got := checkHelp(address); got != want {
			t.Errorf("%.60q: %q, want %q", address, got, want)
		}
	}
}

// TestUnprintable: of every character, whether a message may hold it.
func TestUnprintable(t *testing.T) {
	wrong := regexp.MustCompile(`^[\p{Cc}\x{2028}\x{2029}\x{202a}-\x{202e}\x{2066}-\x{2069}]$`)
	for r := range rune(utf8.MaxRune + 1) {
		if utf8.ValidRune(r) && (r < 0x3000 || r%251 == 0) && unprintable(r) != wrong.MatchString(string(r)) {
			t.Errorf("%U: %v", r, unprintable(r))
		}
	}
}

// TestSaidTexts: what a provider says is counted in characters.
func TestSaidTexts(t *testing.T) {
	for _, c := range []string{"a", "ä"} {
		if !isText(strings.Repeat(c, 256)) || isText(strings.Repeat(c, 257)) {
			t.Errorf("256 %q, or 257", c)
		}
	}
	for _, s := range []string{"", "a\n", "\xff", "a\u0085"} {
		if isText(s) {
			t.Errorf("%q is text", s)
		}
	}
}
