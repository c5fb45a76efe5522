// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Line returns s as text for one line of a terminal or a log: characters that end a
// line, move the cursor, turn the direction of the text or cannot be seen are written
// as escapes. Names come from manifests, and a manifest is anybody's.
func Line(s string) string {
	if strings.IndexFunc(s, notInLine) < 0 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		if _, size := utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, `\x%02x`, s[i])
			continue
		}
		b.WriteString(inLine(r))
	}
	return b.String()
}

// Cut returns the beginning of a text that is at most so many bytes long, and ends with a
// whole character.
func Cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for n := most; n > most-utf8.UTFMax && n >= 0; n-- {
		if utf8.RuneStart(s[n]) {
			return s[:n]
		}
	}
	return s[:most] // it is no UTF-8
}

// inLine is one character of a Line.
func inLine(r rune) string {
	switch {
	case !notInLine(r):
		return string(r)
	case r == '\n':
		return `\n`
	case r == '\t':
		return `\t`
	case r < 0x80:
		return fmt.Sprintf(`\x%02x`, r)
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	default:
		return fmt.Sprintf(`\u%04x`, r)
	}
}

// notInLine: control and format characters, line and paragraph separators.
func notInLine(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || unicode.Is(unicode.Bidi_Control, r)
}

// EscapeJSON is the same for JSON, in which such characters stand in strings alone. It
// keeps line ends and tabs between values.
func EscapeJSON(js []byte) []byte {
	if !strings.ContainsFunc(string(js), unseenInJSON) {
		return js
	}
	var out []byte
	for _, r := range string(js) {
		if !unseenInJSON(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) { // RFC 8259 §7
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}

func unseenInJSON(r rune) bool { return r >= 0x7f && notInLine(r) }
