// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// FuzzLine: whatever a manifest holds, it is one line of characters that can be seen,
// and JSON stays the same value.
func FuzzLine(f *testing.F) {
	for _, s := range []string{"plain", "b\x1b]0;t\a", "a\nb", "a\r\tb", "\u202e\u2066\u2028\u200b\ufeff", "\xff\xc0", "\U000e0041", "é日本", "\x7f\u0085"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line := Line(s)
		if !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool {
			return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
		}) {
			t.Errorf("%q becomes %q", s, line)
		}
		if Line(line) != line {
			t.Errorf("%q changes twice", s)
		}
		js, err := json.Marshal(s)
		if err != nil {
			return
		}
		var before, after string
		escaped := EscapeJSON(js)
		if json.Unmarshal(js, &before) != nil || json.Unmarshal(escaped, &after) != nil || before != after {
			t.Errorf("%s becomes %s", js, escaped)
		}
		if strings.ContainsFunc(string(escaped), func(r rune) bool { return unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) }) {
			t.Errorf("%s shows what cannot be seen", escaped)
		}
	})
}

// TestLine: each character that is no part of a line is written as its escape, and every other
// one stays.
func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"": "",
		"plain é日本 \U0001f600 \ufffd \uffff": "plain é日本 \U0001f600 \ufffd \uffff",
		"a\nb\tc": `a\nb\tc`, "\r\x00\x1b\x7f": `\x0d\x00\x1b\x7f`,
		"\u0080\u0085\u202e\ufeff": `\u0080\u0085\u202e\ufeff`, "\U000e0041": `\U000e0041`, "a\xff\ufffdb\xc3": `a\xff` + "\ufffd" + `b\xc3`,
	} {
		if got := Line(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

// TestEscapeJSON: what cannot be seen is written as JSON has it. What can, and what stands
// between values, stays.
func TestEscapeJSON(t *testing.T) {
	for in, want := range map[string]string{
		"{\n\t\"é日本\": \"\U0001f600\"}\n": "{\n\t\"é日本\": \"\U0001f600\"}\n", "\"~\x7f\u0080é\"": "\"~" + `\u007f\u0080` + "é\"",
		"{\n\t\"é\": \"\u202e\ufeff\"}": "{\n\t\"é\": \"" + `\u202e\ufeff` + "\"}", "\"\U000e0041\"": `"\udb40\udc41"`,
		"\"\U000f0000\uffff\"": "\"\U000f0000\uffff\"",
	} {
		if got := string(EscapeJSON([]byte(in))); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}
