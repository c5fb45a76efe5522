// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lookalikes are the characters that some servers take for a dot, a slash or a
// backslash: all whose compatibility form (Unicode's NFKC) holds one, and those that
// Windows writes as one in an 8-bit code page. A test compares the table with Unicode's.
//
// Not here: what becomes a "?", "#", ";" or "%". Titles in Chinese and Japanese have them
// in full width, and no server is known that normalises a path before it ends it there.
var lookalikes = map[rune]string{
	'\u2024': ".", '\u2025': "..", '\u2026': "...", '\uFE19': "...", '\uFE30': "..", '\uFE52': ".", '\uFF0E': ".",
	'\u2100': "a/c", '\u2101': "a/s", '\u2105': "c/o", '\u2106': "c/u", '\uFF0F': "/",
	'\uFE68': `\`, '\uFF3C': `\`,
	'\u33C2': "a.m.", '\u33C7': "Co.", '\u33D8': "p.m.", '\U0001F100': "0.",
	'\u2488': "1.", '\u2489': "2.", '\u248A': "3.", '\u248B': "4.", '\u248C': "5.", '\u248D': "6.", '\u248E': "7.",
	'\u248F': "8.", '\u2490': "9.", '\u2491': "10.", '\u2492': "11.", '\u2493': "12.", '\u2494': "13.", '\u2495': "14.",
	'\u2496': "15.", '\u2497': "16.", '\u2498': "17.", '\u2499': "18.", '\u249A': "19.", '\u249B': "20.",

	'\u2044': "/", '\u2215': "/", '\u29F8': "/", '\u2216': `\`, '\u29F5': `\`, // best fit
}

// fold puts what they look like in place of lookalikes.
func fold(path string) string {
	if !strings.ContainsFunc(path, func(r rune) bool { return r >= utf8.RuneSelf && lookalikes[r] != "" }) {
		return path
	}
	var b strings.Builder
	for i, r := range path {
		if s := lookalikes[r]; s != "" {
			b.WriteString(s)
		} else {
			_, size := utf8.DecodeRuneInString(path[i:])
			b.WriteString(path[i : i+size])
		}
	}
	return b.String()
}

// isOdd reports whether a path can be read as another by what is below. high: it may
// hold more than ASCII.
func isOdd(path string, high bool) bool {
	return hasTrailing(path) || high && (fold(path) != path || trimSegments(path) != path)
}

// trimSegments takes off what Windows takes off names: blanks and dots at the end. What
// consists of nothing else is a dot segment there, wherever the blanks are.
func trimSegments(path string) string {
	if !anySegment(path, func(s string) bool { return trimSegment(s) != s }) {
		return path
	}
	segs := strings.Split(path, "/")
	for i, s := range segs {
		segs[i] = trimSegment(s)
	}
	return strings.Join(segs, "/")
}

// anySegment reports whether one of a path's segments is such.
func anySegment(path string, such func(string) bool) bool {
	for rest, more := path, true; more; {
		var s string
		if s, rest, more = strings.Cut(rest, "/"); such(s) {
			return true
		}
	}
	return false
}

func trimSegment(s string) string {
	if n := len(s); n == 0 || s[n-1] < utf8.RuneSelf && s[n-1] != '.' && s[n-1] != ' ' {
		return s // as all but a few
	}
	seen := strings.TrimRightFunc(s, isUnseen)
	last, _ := utf8.DecodeLastRuneInString(seen)
	if last != '.' && !unicode.IsSpace(last) {
		return s
	}
	switch bare := strings.Map(bared, s); {
	case strings.Trim(bare, ".") != "":
		return strings.TrimRightFunc(s, func(r rune) bool { return r == '.' || bared(r) < 0 })
	case len(bare) > 1: // "..." has been the parent's parent
		return ".."
	default:
		return bare
	}
}

// bared takes blanks off, and what is not seen at all: some file systems do not see
// it either.
func bared(r rune) rune {
	if unicode.IsSpace(r) || isUnseen(r) {
		return -1
	}
	return r
}

// isUnseen: joiners, marks of direction, soft hyphens and selectors of glyphs.
func isUnseen(r rune) bool {
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Variation_Selector, r)
}

// hasTrailing reports whether a segment ends with a dot or a space.
func hasTrailing(path string) bool {
	for i := 1; i <= len(path); i++ {
		if (i == len(path) || path[i] == '/') && (path[i-1] == '.' || path[i-1] == ' ') {
			return true
		}
	}
	return false
}
