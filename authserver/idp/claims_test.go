// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/oidc"
	"github.com/ostiary/ostiary/authserver/policy"
)

func mapped(t testing.TB, c Config, texts ...string) (Identity, string, error) {
	t.Helper()
	var sources []claims
	for _, text := range texts {
		s, err := decodeClaims("test", []byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		sources = append(sources, s)
	}
	m := newMapping(&c)
	return m.identity(sources)
}

// TestGroups: THREATS F9.
func TestGroups(t *testing.T) {
	many := make([]string, 10_000)
	for i := range many {
		many[i] = fmt.Sprintf("%q", fmt.Sprint("g", i))
	}
	deep := strings.Repeat(`[`, 5000) + strings.Repeat(`]`, 5000)
	for name, c := range map[string]struct {
		path, claims string
		want         string // separated by |
		dropped      bool
	}{
		"string":                {claims: `"groups":"staff"`, want: "staff"},
		"string with a comma":   {claims: `"groups":"a,b c"`, want: "a,b c"},
		"array":                 {claims: `"groups":["a","b"]`, want: "a|b"},
		"empty":                 {claims: `"groups":[]`},
		"missing":               {claims: `"x":1`},
		"null":                  {claims: `"groups":null`},
		"number":                {claims: `"groups":7`},
		"true":                  {claims: `"groups":true`},
		"object":                {claims: `"groups":{"admin":true}`},
		"mixed":                 {claims: `"groups":["a",1,null,true,{"name":"b"},["c"],"d"]`, want: "a|d"},
		"nested arrays":         {claims: `"groups":[["a"]]`},
		"deep":                  {claims: `"groups":` + deep},
		"twice":                 {claims: `"groups":["a","a","b","a"]`, want: "a|b"},
		"other case":            {claims: `"Groups":["a"]`},
		"odd characters":        {claims: `"groups":["a\nb","a\u0000","\u200ba","","  "," a","a ","ok ok","ö","\ud800"]`, want: "ok ok|ö"},
		"too long":              {claims: `"groups":["` + strings.Repeat("x", 256) + `","` + strings.Repeat("y", 255) + `"]`, want: strings.Repeat("y", 255)},
		"10 000":                {claims: `"groups":[` + strings.Join(many, ",") + `]`, want: strings.ReplaceAll(strings.Join(many[:1000], "|"), `"`, ""), dropped: true},
		"10 000 of one":         {claims: `"groups":[` + strings.Repeat(`"a",`, 9999) + `"a"]`, want: "a"},
		"Entra overage":         {claims: `"_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"https://graph.windows.net/x"}}`, dropped: true},
		"Entra hasgroups":       {claims: `"hasgroups":true`},
		"overage of another":    {claims: `"_claim_names":{"roles":"src1"}`},
		"overage a list":        {claims: `"_claim_names":["groups"]`},
		"overage and groups":    {claims: `"_claim_names":{"groups":"src1"},"groups":["a"]`, want: "a"},
		"path":                  {path: "realm_access.roles", claims: `"realm_access":{"roles":["a"]}`, want: "a"},
		"path through a string": {path: "realm_access.roles", claims: `"realm_access":"roles"`},
		"path through an array": {path: "a.b", claims: `"a":[{"b":"c"}]`},
		"path of three":         {path: "resource_access.app.roles", claims: `"resource_access":{"app":{"roles":["a"]}}`, want: "a"},
		"path with dots":        {path: "https://example.com/groups", claims: `"https://example.com/groups":["a"]`, want: "a"},
		"dots within":           {path: "resource_access.my.app.roles", claims: `"resource_access":{"my.app":{"roles":["a"]}}`, want: "a"},
		"the longer name first": {path: "a.b", claims: `"a.b":"x","a":{"b":"y"}`, want: "x"},
		"colons":                {path: "cognito:groups", claims: `"cognito:groups":["a"]`, want: "a"},
	} {
		who, dropped, err := mapped(t, Config{GroupsClaim: c.path}, `{"sub":"ann",`+c.claims+`}`)
		if err != nil || strings.Join(who.Groups, "|") != c.want || (dropped != "") != c.dropped {
			t.Errorf("%s: %.200q, %q, %v", name, who.Groups, dropped, err)
		}
		if c.path == "" {
			who, _, _ = mapped(t, Config{AMRClaim: "groups", GroupsClaim: "none"}, `{"sub":"ann",`+c.claims+`}`)
			if strings.Join(who.AMR, "|") != c.want {
				t.Errorf("%s: amr %.200q", name, who.AMR)
			}
		}
	}
}

func TestEmails(t *testing.T) {
	for text, ok := range map[string]bool{
		`ann@example.com`:                           true,
		`Ann.O'Neil+tag@Mail.Example.COM`:           true,
		`a@b`:                                       true,
		`jörg@example.com`:                          true,
		`a@xn--bcher-kva.example`:                   true,
		`a@bücher.example`:                          false,
		``:                                          false,
		`ann`:                                       false,
		`@example.com`:                              false,
		`ann@`:                                      false,
		`a@b@example.com`:                           false,
		`\"a@evil.example\"@example.com`:            false,
		`\"a b\"@example.com`:                       false,
		`a b@example.com`:                           false,
		` a@example.com`:                            false,
		`a@example.com `:                            false,
		`a@example.com\n`:                           false,
		`a@example.com\u0000`:                       false,
		`a@exam\u200bple.com`:                       false,
		`a\u200b@example.com`:                       false,
		`<a@example.com>`:                           false,
		`Ann <a@example.com>`:                       false,
		`a@example.com,b@example.com`:               false,
		`a@example.com;b`:                           false,
		`a(x)@example.com`:                          false,
		`a@(x)example.com`:                          false,
		`a@[127.0.0.1]`:                             false,
		`a@.example.com`:                            false,
		`a@example..com`:                            false,
		`a@example.com.`:                            false,
		`.a@example.com`:                            false,
		`a..b@example.com`:                          false,
		`a.@example.com`:                            false,
		`a@-example.com`:                            false,
		`a@example.com-`:                            false,
		`root\uff20example.com@evil.example`:        false, // a wide "@"
		`root\ufe6bexample.com@evil.example`:        false, // a small one
		`a\\@example.com`:                           false,
		`a@example.com\u2024evil.example`:           false,
		strings.Repeat("a", 242) + `@example.com`:   true, // 254
		strings.Repeat("a", 243) + `@example.com`:   false,
		`a@` + strings.Repeat("b", 64) + `.example`: false,
		`\u202emoc.elpmaxe@nna`:                     false, // right to left
		`a@example.com\u2028`:                       false,
		`%0a@example.com`:                           true,
		`=?utf-8?q?a=40evil.example=00?=@example.com`: true, // nothing decodes it
	} {
		who, _, err := mapped(t, Config{}, `{"sub":"ann","email":"`+text+`","email_verified":true}`)
		if err != nil || (who.Email != "") != ok {
			t.Errorf("%s: %q, %v", text, who.Email, err)
		}
	}
	for claims, want := range map[string]string{
		`"email":"a@b.example","email_verified":true`:                        "a@b.example",
		`"email":"a@b.example","email_verified":"true"`:                      "a@b.example",
		`"email":"a@b.example","email_verified":"True"`:                      "",
		`"email":"a@b.example","email_verified":"yes"`:                       "",
		`"email":"a@b.example","email_verified":1`:                           "",
		`"email":"a@b.example","email_verified":[true]`:                      "",
		`"email":"a@b.example","email_verified":"false"`:                     "",
		`"email":"a@b.example","email_verified":false`:                       "",
		`"email":"a@b.example","email_verified":null`:                        "",
		`"email":"a@b.example"`:                                              "",
		`"email":["a@b.example"],"email_verified":true`:                      "",
		`"Email":"a@b.example","email_verified":true`:                        "",
		`"email_verified":true`:                                              "",
		`"upn":"x@b.example","email":"a@b.example","email_verified":true`:    "a@b.example",
		`"email":{"value":"a@b.example"},"email_verified":true,"groups":"x"`: "",
	} {
		who, _, err := mapped(t, Config{}, `{"sub":"ann",`+claims+`}`)
		if err != nil || who.Email != want {
			t.Errorf("%s: %q, %v", claims, who.Email, err)
		}
	}
	// email_verified says nothing about another claim.
	for _, trust := range []bool{false, true} {
		who, _, _ := mapped(t, Config{EmailClaim: "upn", TrustUnverifiedEmail: trust}, `{"sub":"ann","upn":"root@b.example","email":"a@b.example","email_verified":true}`)
		if (who.Email == "root@b.example") != trust || who.Email == "a@b.example" {
			t.Errorf("%v: %+v", trust, who)
		}
	}
	who, _, _ := mapped(t, Config{EmailClaim: "user.mail"}, `{"sub":"ann","user":{"mail":"a@b.example","mail_verified":true}}`)
	if who.Email != "a@b.example" {
		t.Errorf("%+v", who)
	}
}

func TestIDs(t *testing.T) {
	for name, c := range map[string]struct {
		config       Config
		claims, want string // "": refused
	}{
		"sub":              {Config{}, `{"sub":"248289761001"}`, "248289761001"},
		"a number":         {Config{UserClaim: "uid"}, `{"sub":"x","uid":12345678901234567}`, "12345678901234567"},
		"a float":          {Config{UserClaim: "uid"}, `{"sub":"x","uid":1.5}`, ""},
		"negative":         {Config{UserClaim: "uid"}, `{"sub":"x","uid":-1}`, ""},
		"a list":           {Config{UserClaim: "uid"}, `{"sub":"x","uid":["a"]}`, ""},
		"missing":          {Config{UserClaim: "uid"}, `{"sub":"x"}`, ""},
		"empty":            {Config{UserClaim: "uid"}, `{"sub":"x","uid":""}`, ""},
		"line end":         {Config{UserClaim: "uid"}, `{"sub":"x","uid":"a\r\nb"}`, ""},
		"odd subject":      {Config{UserClaim: "uid"}, `{"sub":" x","uid":"ann"}`, ""},
		"no subject":       {Config{UserClaim: "uid"}, `{"uid":"ann"}`, ""},
		"a chosen name":    {Config{UserClaim: "preferred_username"}, `{"sub":"7","preferred_username":"ann"}`, "ann"},
		"email":            {Config{UserClaim: "email"}, `{"sub":"x","email":"a@b.example","email_verified":true}`, "a@b.example"},
		"email unverified": {Config{UserClaim: "email"}, `{"sub":"x","email":"a@b.example"}`, ""},
		"email beside upn": {Config{UserClaim: "email", EmailClaim: "upn", TrustUnverifiedEmail: true}, `{"sub":"x","email":"a@b.example","upn":"c@b.example"}`, "a@b.example"},
		"upn, unverified":  {Config{UserClaim: "upn", EmailClaim: "upn"}, `{"sub":"x","upn":"c@b.example"}`, ""},
		"upn, trusted":     {Config{UserClaim: "upn", EmailClaim: "upn", TrustUnverifiedEmail: true}, `{"sub":"x","upn":"c@b.example"}`, "c@b.example"},
	} {
		who, _, err := mapped(t, c.config, c.claims)
		if who.User != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		// Whatever they are called, sub is who they are.
		if err == nil && !strings.Contains(c.claims, `"sub":"`+who.ID+`"`) {
			t.Errorf("%s: %+v", name, who)
		}
	}
}

func TestErrorCode(t *testing.T) {
	for s, want := range map[string]string{
		"access_denied": "access_denied", "temporarily_unavailable": "temporarily_unavailable", "AADSTS50105": "AADSTS50105", "": "",
		"<script>": "", "a b": "", "a\nb": "", "ö": "", strings.Repeat("a", 65): "", "a%20b": "",
	} {
		if got := ErrorCode(s); got != want {
			t.Errorf("%q: %q", s, got)
		}
	}
	if got := oidc.Fail(ErrRejected, "%s", "a\nb\x1b[31m\u202e"+strings.Repeat("ö", 400)).Error(); strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) || len(got) > 400 {
		t.Errorf("%q", got)
	}
}

// FuzzClaims: whatever a provider says, it is refused, or the result can be put
// into a token and a header; and an address counts only with a flag beside it.
func FuzzClaims(f *testing.F) {
	for _, s := range []string{
		`{"sub":"ann","email":"a@b.example","email_verified":true,"groups":["a","b"],"amr":"pwd","name":"Ann"}`,
		`{"sub":"ann","realm_access":{"roles":["x"]},"_claim_names":{"groups":"src1"}}`,
		`{"sub":7,"groups":{"a":[]},"email":["x"]}`, `{"a.b":{"c":"d"},"a":{"b.c":"e"},"email":"\ud800@x"}`, `[]`, `null`, `{}`,
	} {
		f.Add(s, `{"sub":"ann","groups":["info"]}`, "groups", "sub")
		f.Add(s, s, "realm_access.roles", "email")
		f.Add(s, s, "a.b.c", "a.b.c")
	}
	f.Fuzz(func(t *testing.T, id, info, groups, user string) {
		var sources []claims
		for _, text := range []string{id, info} {
			if c, err := decodeClaims("fuzz", []byte(text)); err == nil {
				sources = append(sources, c)
			}
		}
		c := Config{Name: "x", Type: TypeOIDC, Issuer: "https://x", ClientID: "x", GroupsClaim: groups, UserClaim: user}
		if len(config.Check(&c)) > 0 || len(sources) == 0 {
			return
		}
		m := newMapping(&c)
		_ = m.complete(sources[0], []string{groups})
		claims, _ := m.said(sources, []string{groups, user, "email"}, false)
		for _, one := range claims {
			if slices.ContainsFunc(one.Values, func(v string) bool { return !policy.IsClaimValue(v) }) {
				t.Fatalf("%+v", one)
			}
		}
		who, _, err := m.identity(sources)
		if (err == nil) != (who.ID != "") {
			t.Fatalf("%+v, %v", who, err)
		}
		for _, s := range slices.Concat([]string{who.ID, who.User, who.Email, who.Name}, who.Groups, who.AMR) {
			odd := func(r rune) bool { return r == unicode.ReplacementChar || !unicode.IsPrint(r) }
			if strings.ContainsFunc(s, odd) || strings.Trim(s, " ") != s || len(s) > 255 {
				t.Fatalf("%q", s)
			}
		}
		if slices.Contains(who.Groups, "") || len(who.Groups) > config.MaxGroups || who.Email != "" && strings.Count(who.Email, "@") != 1 {
			t.Fatalf("%+v", who)
		}
		if who.Email == "" {
			return
		}
		vouched := false
		for _, text := range []string{id, info} {
			var plain map[string]any
			_ = json.Unmarshal([]byte(text), &plain)
			vouched = vouched || plain["email"] == who.Email && (plain["email_verified"] == true || plain["email_verified"] == "true")
		}
		if !vouched {
			t.Fatalf("nobody vouches for %q: %s %s", who.Email, id, info)
		}
	})
}
