// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// lines are a View of header lines alone.
type lines map[string][]string

func (lines) Method() string        { return "GET" }
func (lines) RequestTarget() string { return "/" }
func (lines) Host() string          { return "app.example.com" }
func (l lines) Header(name string) (string, int) {
	if len(l[name]) == 0 {
		return "", 0
	}
	return l[name][0], len(l[name])
}
func (l lines) Joined(name string) string { return strings.Join(l[name], ",") }

// TestReadToken: a token comes in two headers, or in one that says both, and in any other
// form it is none that is good. Nothing that came is ever taken for no token. (THREATS F1, F4)
func TestReadToken(t *testing.T) {
	const id, secret, cfID, cfSecret = "X-Access-Client-Id", "X-Access-Client-Secret", "Cf-Access-Client-Id", "Cf-Access-Client-Secret"
	const both = `{"x-access-client-id": "i", "x-access-client-secret": "s"}`
	good, none, broken := policy.PresentedToken{ID: "i", Secret: "s"}, policy.PresentedToken{}, policy.PresentedToken{Broken: true}
	one := func(name, value string) lines { return lines{name: {value}} }
	for name, c := range map[string]struct {
		in         lines
		want       policy.PresentedToken
		cloudflare policy.PresentedToken // with Cloudflare's names on
	}{
		"nothing":                 {lines{}, none, none},
		"a pair":                  {lines{id: {"i"}, secret: {"s"}}, good, good},
		"Cloudflare's pair":       {lines{cfID: {"i"}, cfSecret: {"s"}}, none, good},
		"both pairs":              {lines{id: {"i"}, secret: {"s"}, cfID: {"i"}, cfSecret: {"s"}}, good, good},
		"both pairs, differing":   {lines{id: {"i"}, secret: {"s"}, cfID: {"i"}, cfSecret: {"x"}}, good, broken},
		"the ID alone":            {one(id, "i"), broken, broken},
		"the secret alone":        {one(secret, "s"), broken, broken},
		"an empty ID":             {lines{id: {""}, secret: {"s"}}, broken, broken},
		"an empty secret":         {lines{id: {"i"}, secret: {""}}, broken, broken},
		"two IDs":                 {lines{id: {"i", "i"}, secret: {"s"}}, broken, broken},
		"two secrets":             {lines{id: {"i"}, secret: {"s", "s"}}, broken, broken},
		"one header":              {one(secret, both), good, good},
		"one header, Cloudflare":  {one(secret, `{"cf-access-client-id":"i","cf-access-client-secret":"s"}`), good, good},
		"one header of theirs":    {one(cfSecret, both), none, good},
		"in any case, turned":     {one(secret, " { \"X-Access-Client-Secret\" :\t\"s\" , \"X-Access-Client-Id\":\"i\" } "), good, good},
		"one header and the pair": {lines{secret: {both}, cfID: {"i"}, cfSecret: {"s"}}, good, good},
		"one header, differing":   {lines{secret: {both}, cfID: {"i"}, cfSecret: {"x"}}, good, broken},
		"one header, an empty ID": {lines{id: {""}, secret: {both}}, broken, broken},
		"one header twice":        {lines{secret: {both, both}}, broken, broken},
		"in the header of the ID": {one(id, both), broken, broken},
		"of two families":         {one(secret, `{"x-access-client-id":"i","cf-access-client-secret":"s"}`), broken, broken},
		"one name twice":          {one(secret, `{"x-access-client-id":"i","x-access-client-id":"i"}`), broken, broken},
		"the secret twice":        {one(secret, `{"x-access-client-secret":"s","x-access-client-secret":"s"}`), broken, broken},
		"half":                    {one(secret, `{"x-access-client-id":"i"}`), broken, broken},
		"three":                   {one(secret, `{"x-access-client-id":"i","x-access-client-secret":"s","a":"b"}`), broken, broken},
		"an empty value":          {one(secret, `{"x-access-client-id":"","x-access-client-secret":"s"}`), broken, broken},
		"no string":               {one(secret, `{"x-access-client-id":1,"x-access-client-secret":"s"}`), broken, broken},
		"an escape":               {one(secret, `{"x-access-client-id":"\u0069","x-access-client-secret":"s"}`), broken, broken},
		"a list":                  {one(secret, `["i","s"]`), broken, broken},
		"cut short":               {one(secret, both[:len(both)-1]), broken, broken},
		"cut in a string":         {one(secret, both[:len(both)-3]), broken, broken},
		"something behind":        {one(secret, both+"x"), broken, broken},
		"two of them":             {one(secret, both+","+both), broken, broken},
		"not JSON":                {one(secret, `{x-access-client-id: i, x-access-client-secret: s}`), broken, broken},
		"a control character":     {one(secret, "{\"x-access-client-id\":\"i\x00\",\"x-access-client-secret\":\"s\"}"), broken, broken},
		"a letter beyond ASCII":   {one(secret, `{"x-access-client-id":"ï","x-access-client-secret":"s"}`), broken, broken},
		"a disguised name":        {one(secret, `{"x-acceſſ-client-id":"i","x-access-client-secret":"s"}`), broken, broken},
		"blanks alone":            {one(secret, "   "), broken, broken},
		"a brace":                 {one(secret, "{"), broken, broken},
		"in Authorization":        {one("Authorization", both), none, none},
		"in a cookie":             {one("Cookie", secret+"="+both), none, none},
	} {
		for cloudflare, want := range map[bool]policy.PresentedToken{false: c.want, true: c.cloudflare} {
			ask := Ask{Cloudflare: cloudflare}
			ask.readToken(c.in)
			if ask.Token != want {
				t.Errorf("%s, Cloudflare's names %t: %+v, want %+v", name, cloudflare, ask.Token, want)
			}
			if n := testing.AllocsPerRun(10, func() { ask.readToken(c.in) }); n != 0 {
				t.Errorf("%s: %v allocations", name, n)
			}
		}
	}
}

// TestReadAccessToken: the session of a linked application comes in one header, once. (THREATS F4)
func TestReadAccessToken(t *testing.T) {
	const ours, theirs = "X-Access-Token", "Cf-Access-Token"
	for name, c := range map[string]struct {
		in               lines
		want, cloudflare string
	}{
		"nothing":          {lines{}, "", ""},
		"one":              {lines{ours: {"a"}}, "a", "a"},
		"Cloudflare's":     {lines{theirs: {"a"}}, "", "a"},
		"both":             {lines{ours: {"a"}, theirs: {"a"}}, "a", "a"},
		"both, differing":  {lines{ours: {"a"}, theirs: {"b"}}, "a", brokenToken},
		"twice":            {lines{ours: {"a", "a"}}, brokenToken, brokenToken},
		"twice, and one":   {lines{ours: {"a", "a"}, theirs: {"a"}}, brokenToken, brokenToken},
		"theirs twice":     {lines{theirs: {"a", "b"}}, "", brokenToken},
		"empty":            {lines{ours: {""}}, "", ""},
		"empty, and one":   {lines{ours: {""}, theirs: {"a"}}, "", "a"},
		"twice empty":      {lines{ours: {"", ""}}, brokenToken, brokenToken},
		"in Authorization": {lines{"Authorization": {"Bearer a"}}, "", ""},
	} {
		for cloudflare, want := range map[bool]string{false: c.want, true: c.cloudflare} {
			ask := Ask{Cloudflare: cloudflare}
			if ask.readAccessToken(c.in); ask.AccessToken != want {
				t.Errorf("%s, Cloudflare's names %t: %q, want %q", name, cloudflare, ask.AccessToken, want)
			}
		}
	}
}

// readings is the reference, by encoding/json: of an object with these two names alone.
func readings(text string) (p policy.PresentedToken, ok bool) {
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	if first, err := d.Token(); err != nil || first != json.Delim('{') {
		return p, false
	}
	seen := map[string]string{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return p, false
		}
		value, err := d.Token()
		text, isText := value.(string)
		key := strings.ToLower(name.(string))
		if _, twice := seen[key]; err != nil || !isText || twice {
			return p, false
		}
		seen[key] = text
	}
	if _, err := d.Token(); err != nil || len(seen) != 2 {
		return p, false
	}
	if d.More() || strings.TrimSpace(text[d.InputOffset():]) != "" {
		return p, false
	}
	for _, family := range []string{"x-access-client-", "cf-access-client-"} {
		if p = (policy.PresentedToken{ID: seen[family+"id"], Secret: seen[family+"secret"]}); p.ID != "" && p.Secret != "" {
			return p, true
		}
	}
	return policy.PresentedToken{}, false
}

// FuzzReadBoth: what is read in one header is what any reader of JSON would read there, and
// nothing is read out of what is none.
func FuzzReadBoth(f *testing.F) {
	for _, s := range []string{`{"x-access-client-id": "i", "x-access-client-secret": "s"}`,
		`{"cf-access-client-secret":"s","cf-access-client-id":"i"}`,
		`{"x-access-client-id":"i","x-access-client-secret":"s","x-access-client-id":"j"}`,
		`{"x-access-client-id":"\u0069","x-access-client-secret":"s"}`,
		`{}`, `[]`, `"`, `{"a":{}}`, ` {"X-ACCESS-CLIENT-ID" : "{\"" , "x-access-client-secret":"}"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := readBoth(text)
		want, isOne := readings(text)
		if ok && (!isOne || got != want) {
			t.Fatalf("%q is read as %+v; it is %+v, %t", text, got, want, isOne)
		}
		plain := !strings.ContainsFunc(text, func(r rune) bool { return r == '\\' || r < ' ' && r != '\t' || r > '~' })
		if isOne && plain && !ok {
			t.Fatalf("%q is not read", text)
		}
		a := Ask{Cloudflare: true}
		a.readToken(lines{"X-Access-Client-Secret": {text}})
		if a.Token == (policy.PresentedToken{}) || a.Token.Broken == ok {
			t.Fatalf("%q: %+v", text, a.Token)
		}
	})
}
