// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// readToken reads a service token. What came twice, or in both pairs of headers, is none:
// nobody could tell which of them counts.
func (a *Ask) readToken(v View) {
	a.Token = readPair(v, contract.ClientID, contract.ClientSecret)
	if !a.Cloudflare {
		return
	}
	other := readPair(v, contract.CloudflareClientID, contract.CloudflareClientSecret)
	switch {
	case other == (policy.PresentedToken{}):
	case a.Token == (policy.PresentedToken{}):
		a.Token = other
	case a.Token != other:
		a.Token = policy.PresentedToken{Broken: true}
	}
}

// brokenToken stands for what is no token, whoever looks at it.
const brokenToken = "?"

// readAccessToken reads the session that a linked application sends along. One that came
// twice is none that is good: nobody could tell which of them counts. An empty one is none,
// as proxies make that of one which they take away.
func (a *Ask) readAccessToken(v View) {
	a.AccessToken = readOnce(v, contract.AccessToken)
	if !a.Cloudflare {
		return
	}
	switch other := readOnce(v, contract.CloudflareAccessToken); {
	case other == "" || other == a.AccessToken:
	case a.AccessToken == "":
		a.AccessToken = other
	default:
		a.AccessToken = brokenToken
	}
}

func readOnce(v View, header string) string {
	value, n := v.Header(header)
	if n > 1 {
		return brokenToken
	}
	return value
}

// readPair reads two headers, or the header of the secret alone, in which a client that can
// set one only says both. All proxies know already to keep that from applications.
func readPair(v View, idHeader, secretHeader string) policy.PresentedToken {
	id, n := v.Header(idHeader)
	secret, m := v.Header(secretHeader)
	if n == 0 && m == 1 {
		if both, ok := readBoth(secret); ok {
			return both
		}
	}
	if n > 1 || m > 1 || n+m > 0 && (id == "" || secret == "") {
		return policy.PresentedToken{Broken: true}
	}
	return policy.PresentedToken{ID: id, Secret: secret}
}

// readBoth reads a service token that is one value: a JSON object of two strings, the names
// of which are those of the headers, ours or Cloudflare's.
//
//	{"x-access-client-id": "ID", "x-access-client-secret": "SECRET"}
//
// No ID and no secret holds a character that JSON escapes, so a text with an escape is none:
// nothing is unescaped here, and so nothing is read in two ways.
func readBoth(text string) (p policy.PresentedToken, ok bool) {
	rest, ok := symbol(text, '{')
	if !ok {
		return p, false
	}
	var names, values [2]string
	for i, end := range [...]byte{',', '}'} {
		if names[i], values[i], rest, ok = member(rest, end); !ok {
			return p, false
		}
	}
	id := 0
	if isNamed(names, contract.ClientSecret, contract.ClientID) || isNamed(names, contract.CloudflareClientSecret,
		contract.CloudflareClientID) {
		id = 1
	} else if !isNamed(names, contract.ClientID, contract.ClientSecret) && !isNamed(names, contract.CloudflareClientID,
		contract.CloudflareClientSecret) {
		return p, false
	}
	p = policy.PresentedToken{ID: values[id], Secret: values[1-id]}
	return p, rest == "" && p.ID != "" && p.Secret != ""
}

func isNamed(names [2]string, first, second string) bool {
	return strings.EqualFold(names[0], first) && strings.EqualFold(names[1], second)
}

// member takes a member of an object off, and what follows it.
func member(s string, end byte) (name, value, rest string, ok bool) {
	if name, rest, ok = quoted(s); !ok {
		return "", "", s, false
	}
	if rest, ok = symbol(rest, ':'); !ok {
		return "", "", s, false
	}
	if value, rest, ok = quoted(rest); !ok {
		return "", "", s, false
	}
	rest, ok = symbol(rest, end)
	return name, value, rest, ok
}

// symbol takes a character off, and the blanks around it.
func symbol(s string, c byte) (rest string, ok bool) {
	s = strings.TrimLeft(s, " \t")
	if s == "" || s[0] != c {
		return s, false
	}
	return strings.TrimLeft(s[1:], " \t"), true
}

// quoted takes a string of JSON off that stands for what it shows: printable ASCII.
func quoted(s string) (value, rest string, ok bool) {
	if s == "" || s[0] != '"' {
		return "", s, false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[1:i], s[i+1:], true
		case c < ' ', c > '~', c == '\\':
			return "", s, false
		}
	}
	return "", s, false
}
