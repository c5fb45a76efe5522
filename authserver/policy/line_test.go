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
