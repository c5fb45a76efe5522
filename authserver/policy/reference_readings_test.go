// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

var (
	refEscape = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	refSlash  = regexp.MustCompile(`(?i)%2f`)
	refRepeat = regexp.MustCompile(`/+`)
	refParam  = regexp.MustCompile(`;[^/]*`)
	refQuery  = regexp.MustCompile(`(?s)[?#].*`)
)

func refDecode(p string) string {
	return refEscape.ReplaceAllStringFunc(p, func(e string) string {
		n, _ := strconv.ParseUint(e[1:], 16, 8)
		return string([]byte{byte(n)})
	})
}

var (
	refBlank  = regexp.MustCompile(`[\s\p{Z}\p{Cf}\x{85}\x{0b}\x{fe00}-\x{fe0f}\x{e0100}-\x{e01ef}\x{180b}-\x{180f}]`)
	refUnseen = regexp.MustCompile(`[\p{Cf}\x{fe00}-\x{fe0f}\x{e0100}-\x{e01ef}\x{180b}-\x{180f}]+$`)
)

// refWindows: "a name may not end with a space or a period".
func refWindows(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		last := refUnseen.ReplaceAllString(s, "")
		if l := lastRune(last); l != "." && !refBlank.MatchString(l) {
			continue
		}
		bare := refBlank.ReplaceAllString(s, "")
		switch {
		case bare == "." || bare == "":
			segments[i] = bare
		case strings.Trim(bare, ".") == "":
			segments[i] = ".."
		default:
			for r := lastRune(s); r == "." || refBlank.MatchString(r); r = lastRune(s) {
				s = strings.TrimSuffix(s, r)
			}
			segments[i] = s
		}
	}
	return strings.Join(segments, "/")
}

func lastRune(s string) string {
	_, n := utf8.DecodeLastRuneInString(s)
	return s[len(s)-n:]
}

// refNormal is the compatibility form of what becomes a dot or a slash.
func refNormal(p string) string {
	out := ""
	for _, r := range p {
		s := norm.NFKC.String(string(r))
		switch {
		case strings.ContainsRune("\u2044\u2215\u29f8", r):
			s = "/"
		case strings.ContainsRune("\u2216\u29f5", r):
			s = "\\"
		case !strings.ContainsAny(s, `./\`):
			s = string(r)
		}
		out += s
	}
	return out
}

func refResolve(p string) string {
	var out []string
	segments := strings.Split(strings.TrimPrefix(p, "/"), "/")
	for i, s := range segments {
		if s == ".." && len(out) > 0 {
			out = out[:len(out)-1]
		}
		if s != "." && s != ".." {
			out = append(out, s)
		} else if i == len(segments)-1 {
			out = append(out, "")
		}
	}
	return "/" + strings.Join(out, "/")
}

// readings are all that servers, one after the other, can make of a raw path.
func refReadings(raw string) []string {
	keepSlashes := func(p string) string {
		parts := refSlash.Split(p, -1)
		kept := refSlash.FindAllString(p, -1)
		out := refDecode(parts[0])
		for i, k := range kept {
			out += k + refDecode(parts[i+1])
		}
		return out
	}
	raw, _, _ = strings.Cut(raw, "?") // the query never counts
	if raw == "" {
		raw = "/"
	}
	seen := map[string]bool{}
	var out []string
	var visit func(string)
	visit = func(p string) {
		if seen[p] {
			return
		}
		seen[p], out = true, append(out, p)
		visit(refDecode(p))
		visit(keepSlashes(p))
		visit(refRepeat.ReplaceAllString(p, "/"))
		visit(refResolve(p))
		visit(refParam.ReplaceAllString(p, ""))
		visit(refQuery.ReplaceAllString(p, ""))
		visit(refWindows(p))
		visit(refNormal(p))
	}
	visit(refDecode(raw))
	visit(keepSlashes(raw))
	return out
}
