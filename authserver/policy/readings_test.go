// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// eachText visits all texts of at most so many characters of an alphabet.
func eachText(alphabet []string, most int, visit func(string)) {
	var add func(text string, left int)
	add = func(text string, left int) {
		visit(text)
		if left == 0 {
			return
		}
		for _, c := range alphabet {
			add(text+c, left-1)
		}
	}
	add("", most)
}

// TestSteps: each step does to every short path what its reference does.
func TestSteps(t *testing.T) {
	alphabet := []string{"/", ".", ";", "?", "#", " ", "%2F", "%2e", "%", "a", "\x00", "\u200b", "\u00a0", "\u2025"}
	keepSlashes := func(s string) string {
		return refDecode(refSlash.ReplaceAllStringFunc(s, func(e string) string { return "%25" + e[1:] }))
	}
	eachText(alphabet, 4, func(s string) {
		same := func(step, got, want string) {
			if got != want {
				t.Fatalf("%s: of %q %q, want %q", step, s, got, want)
			}
		}
		same("decode", decode(s, true), refDecode(s))
		same("decode, but for slashes", decode(s, false), keepSlashes(s))
		same("mergeSlashes", mergeSlashes(s), refRepeat.ReplaceAllString(s, "/"))
		same("dropParams", dropParams(s), refParam.ReplaceAllString(s, ""))
		same("cutQuery", cutQuery("/"+s), refQuery.ReplaceAllString("/"+s, ""))
		same("trimSegments", trimSegments(s), refWindows(s))
		same("fold", fold(s), refNormal(s))
		if got, ok := resolve("/" + s); ok {
			same("resolve", got, refResolve("/"+s))
		}
	})
}

// TestUnseen: of every character, whether it is one that is not seen.
func TestUnseen(t *testing.T) {
	unseen := regexp.MustCompile(`^[\p{Cf}\x{fe00}-\x{fe0f}\x{e0100}-\x{e01ef}\x{180b}-\x{180d}\x{180f}]$`)
	for r := range rune(utf8.MaxRune + 1) {
		if utf8.ValidRune(r) && (r < 0x3000 || r >= 0xfe00 && r < 0x10000 || r >= 0xe0000 && r < 0xe0200 || r%251 == 0) &&
			isUnseen(r) != unseen.MatchString(string(r)) {
			t.Errorf("%U: %v", r, isUnseen(r))
		}
	}
}

// TestNothingOdd: a path in any language that can be read in no other way costs no memory.
func TestNothingOdd(t *testing.T) {
	for _, path := range []string{"/", "/caf\u00e9/\u4f55\uff1f", "/a.b/\u00e9.x"} {
		if n := testing.AllocsPerRun(50, func() {
			if isOdd(path, true) {
				t.Errorf("%s is odd", path)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", path, n)
		}
	}
}

// TestReadingBytes: a path of 8 KiB may have nine readings, as the bytes of eight are what is
// allowed before the last one, and no more.
func TestReadingBytes(t *testing.T) {
	long := func(odd string) string { return odd + strings.Repeat("x", maxPath-len(decode(odd, true))) }
	for odd, want := range map[string]int{"/a//b/%253F/%252F/": 9, "/%2F/%253F/": 9, "/a//b/%253F/a/./b/": 0, "/a//b/a;x/%2F/": 0} {
		path := long(odd)
		got := 0
		target := Target{path: decode(path, true), raw: path}
		if err := target.read(); err == nil {
			got = len(target.readings) + 1
		}
		if len(decode(path, true)) != maxPath || got != want {
			t.Errorf("%s: %d readings, want %d", odd, got, want)
		}
	}
}
