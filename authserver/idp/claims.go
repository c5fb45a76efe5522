// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/ostiary/ostiary/authserver/oidc"
)

// claims are what a provider says about somebody, by their exact names. Numbers
// are json.Number.
type claims map[string]any

func decodeClaims(what string, text []byte) (claims, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var c claims
	if err := d.Decode(&c); err != nil || c == nil || d.More() {
		return nil, oidc.Fail(ErrRejected, "%s holds no claims", what)
	}
	return c, nil
}

// lookup returns what is at a path such as realm_access.roles. A claim's name may
// hold dots itself: https://example.com/groups. The longer name comes first.
func lookup(c map[string]any, path string) (any, bool) {
	if v, ok := c[path]; ok {
		return v, v != nil
	}
	for at := strings.LastIndexByte(path, '.'); at > 0; at = strings.LastIndexByte(path[:at], '.') {
		if inner, ok := c[path[:at]].(map[string]any); ok {
			if v, ok := lookup(inner, path[at+1:]); ok {
				return v, true
			}
		}
	}
	return nil, false
}

// time returns a NumericDate (RFC 7519 §2).
func (c claims) time(name string) (time.Time, bool) {
	n, ok := c[name].(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := n.Float64()
	// Until the year 9999, so that adding to it does not overflow.
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > 253402300799 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// texts returns a string, or the strings of a list; what else there is does not
// count.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		all := make([]string, 0, len(v))
		for _, e := range v {
			if s, ok := e.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}

const (
	maxName   = 255  // bytes of an ID, a group, a method
	maxEmail  = 254  // RFC 5321 §4.5.3.1.3, less its angle brackets
	maxGroups = 1000 // Entra names 200 at most, others all there are
)

// isName reports whether s can be an ID or a group: it arrives as it is in a
// token, and in the value of an HTTP field (RFC 9110 §5.5), and looks to people
// like what it is.
func isName(s string) bool {
	if s == "" || len(s) > maxName || !utf8.ValidString(s) || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	// U+FFFD is what encoding/json makes of all that is not Unicode: many names.
	return strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }) < 0
}

// isEmail reports whether s is an address whose domain cannot be read in two
// ways: one "@", no quotes, comments, lists or angle brackets (RFC 5322 §3.4),
// and a domain in ASCII, as policies compare it.
func isEmail(s string) bool {
	local, domain, ok := strings.Cut(s, "@")
	if !ok || len(s) > maxEmail || !isName(s) {
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
