// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"
)

// Bounds of what a provider says.
const (
	maxName   = 255  // bytes of an ID, a group, a method
	maxEmail  = 254  // RFC 5321 §4.5.3.1.3, less its angle brackets
	MaxGroups = 1000 // Entra names 200 at most, others all there are
)

// IsName reports whether s can be an ID or a group: it arrives as it is in a
// token, and in the value of an HTTP field (RFC 9110 §5.5), and looks to people
// like what it is.
func IsName(s string) bool {
	if s == "" || len(s) > maxName || !utf8.ValidString(s) || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	// U+FFFD is what encoding/json makes of all that is not Unicode: many names.
	return strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) < 0
}

// IsEmail reports whether s is an address whose domain cannot be read in two
// ways: one "@", no quotes, comments, lists or angle brackets (RFC 5322 §3.4),
// and a domain in ASCII, as policies compare it.
func IsEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > maxEmail || !IsName(s) {
		return false
	}
	// Nor is there another "@" for those who normalize it, as UTS 46 has it done.
	if strings.Count(norm.NFKC.String(s), "@") != 1 {
		return false
	}
	if local == "" || strings.ContainsAny(local, "\"(),:;<>[\\] ") || strings.Contains("."+local+".", "..") {
		return false
	}
	return isDomain(domain)
}

func isDomain(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "-") != label || strings.Trim(label, letters) != "" {
			return false
		}
	}
	return true
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// IsPrintable reports whether s is 1 to longest printable characters, without blanks
// at the ends. Blanks other than the plain one look like it, and are not.
func IsPrintable(s string, longest int) bool {
	return s != "" && utf8.ValidString(s) && strings.TrimSpace(s) == s &&
		strings.IndexFunc(s, unprintable) < 0 && utf8.RuneCountInString(s) <= longest
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// isWord reports whether s is a scope-token of RFC 6749 §3.3.
func isWord(s string) bool {
	return s != "" && len(s) <= maxName && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) < 0
}

// Canonical returns what a user is called, and whether anybody can be called that.
// Nothing is folded or normalized but the case of ASCII letters: sessions and policies
// know users by it. What people type is looked for by Folded as well.
func Canonical(name string) (string, bool) {
	if !IsName(name) || !norm.NFC.IsNormalString(name) || strings.ContainsFunc(name, invisible) {
		return "", false
	}
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name), true
}

// Folded returns what all spellings of a name have in common: case, width and
// normalization are taken away (RFC 8265 §3.3.2, UsernameCaseMapped), in each of the parts
// between blanks (§3.1), and blanks around it. It is false for what is nobody's name.
func Folded(typed string) (string, bool) {
	if typed = strings.TrimSpace(typed); typed == "" || len(typed) > 4*maxName || !utf8.ValidString(typed) {
		return "", false
	}
	parts := strings.Split(typed, " ")
	for i, part := range parts {
		if parts[i] = foldedPart(part); parts[i] == "" {
			return "", false
		}
	}
	return strings.Join(parts, " "), true
}

// foldedPart applies the profile until nothing changes, as RFC 8265 §3.3.3 advises: of a few
// characters one time makes what another would change again. Empty: it is no name.
func foldedPart(part string) string {
	for range 4 {
		next, err := precis.UsernameCaseMapped.String(part)
		switch {
		case err != nil:
			return ""
		case next == part:
			return part
		}
		part = next
	}
	return ""
}

// invisible reports whether a printable character cannot be seen, or is a blank
// that looks like another: fillers, variation selectors, combining joiners.
func invisible(r rune) bool {
	return unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r) ||
		r == '\u2800' || r != ' ' && unicode.IsSpace(r)
}
