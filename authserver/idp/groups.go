// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/idp/config"
)

// groupTexts returns what is written at the claim of groups in a format, and whether it is
// all of it: what is written in another form is nobody's group.
func groupTexts(format string, v any) (all []string, whole bool) {
	if v == nil {
		return nil, true
	}
	text, isText := v.(string)
	switch format {
	case config.Comma:
		return between(text, ","), isText
	case config.Space:
		return between(text, " "), isText
	case config.JSON:
		var list []any
		if json.Unmarshal([]byte(text), &list) != nil || list == nil {
			return nil, false
		}
		return groupTexts(config.List, list)
	case config.Keys:
		object, ok := v.(map[string]any)
		return slices.Sorted(maps.Keys(object)), ok
	case config.DN:
		return firstValues(v)
	}
	list, isList := v.([]any)
	all = texts(v)
	return all, isText || isList && len(all) == len(list)
}

// between returns what stands between separators, without blanks around it, if anything.
func between(text, separator string) (all []string) {
	for part := range strings.SplitSeq(text, separator) {
		if part = strings.Trim(part, " "); part != "" {
			all = append(all, part)
		}
	}
	return all
}

// firstValues returns the first value of each distinguished name.
func firstValues(v any) (all []string, whole bool) {
	names, whole := groupTexts(config.List, v)
	for _, dn := range names {
		name, ok := firstValue(dn)
		if whole = whole && ok; ok {
			all = append(all, name)
		}
	}
	return all, whole
}

// firstValue returns the value that comes first in a distinguished name (RFC 4514 §2.3,
// §2.4): "a, b" of `cn=a\, b,ou=groups`. One of several in the first place is not told
// from the others, and a value in hexadecimal (§2.4, "#") is no text.
func firstValue(dn string) (value string, ok bool) {
	kind, rest, ok := strings.Cut(dn, "=")
	if !ok || strings.Trim(kind, attributeLetters) != "" || kind == "" || strings.HasPrefix(rest, "#") {
		return "", false
	}
	var out []byte
	for at := 0; at < len(rest); at++ {
		switch c := rest[at]; c {
		case ',':
			return string(out), len(rest) > at+1 && strings.Contains(rest[at:], "=")
		case '+', '"', ';', '<', '>', 0:
			return "", false
		case '\\':
			plain, n := unescaped(rest[at+1:])
			if n == 0 {
				return "", false
			}
			out, at = append(out, plain), at+n
		default:
			out = append(out, c)
		}
	}
	return string(out), true
}

const attributeLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-."

// unescaped returns the byte that follows a backslash, and how long it is written; 0: none
// is.
func unescaped(s string) (plain byte, length int) {
	if s != "" && strings.ContainsRune(` "#+,;<=>\`, rune(s[0])) {
		return s[0], 1
	}
	if len(s) >= 2 {
		if b, err := hex.DecodeString(s[:2]); err == nil {
			return b[0], 2
		}
	}
	return 0, 0
}

// unread names the claims of somebody that could not be read, each with why: what they
// might have said, nobody knows.
func (m *mapping) unread(sources []claims) (out []string) {
	all, whole := groupTexts(m.format, first(sources, m.groups))
	if !whole || slices.ContainsFunc(all, isNoName) {
		out = append(out, m.groups+": it is, or holds, something else than groups of the format "+m.format+
			", or names that are longer than 255 bytes or not printable")
	}
	for _, c := range sources {
		v, has := lookup(c, m.email)
		verified, said := lookup(c, m.email+"_verified")
		if email, _ := v.(string); has && !config.IsEmail(email) {
			out = append(out, m.email+": it is no address")
		}
		if _, isBool := verified.(bool); said && !isBool && verified != "true" && verified != "false" {
			out = append(out, m.email+"_verified: it is neither true nor false")
		}
	}
	if methods, whole := groupTexts(config.List, first(sources, m.amr)); !whole || slices.ContainsFunc(methods, isNoName) {
		out = append(out, m.amr+": it is, or holds, something else than names of methods")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func isNoName(s string) bool { return !config.IsName(s) }
