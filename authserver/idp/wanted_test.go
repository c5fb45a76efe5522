// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"fmt"
	"strings"
	"testing"
)

// TestSaid: what rules can look at of an ID token, and of the userinfo endpoint after it.
func TestSaid(t *testing.T) {
	many := strings.Repeat(`"a",`, 1000) + `"b"`
	for name, c := range map[string]struct {
		claims, info string // of the ID token, of the userinfo endpoint
		unasked      bool
		want         string
		warns        string
	}{
		"string":          {claims: `"x":"eng"`, want: "[eng]"},
		"number":          {claims: `"x":1.50`, want: "[1.50]"},
		"large number":    {claims: `"x":123456789012345678901234567890`, want: "[123456789012345678901234567890]"},
		"true":            {claims: `"x":true`, want: "[true]"},
		"false":           {claims: `"x":false`, want: "[false]"},
		"list":            {claims: `"x":["a",1,null,true]`, want: "[a 1 true]"},
		"empty list":      {claims: `"x":[]`, want: "[]"},
		"null":            {claims: `"x":null`, want: "[]"},
		"missing":         {claims: `"y":1`, want: "[]"},
		"another case":    {claims: `"X":1`, want: "[]"},
		"object":          {claims: `"x":{"a":"b"}`, want: "[]", warns: "object"},
		"list of objects": {claims: `"x":[{"a":"b"},"c"]`, want: "[c]", warns: "object"},
		"list of lists":   {claims: `"x":[["a"]]`, want: "[]", warns: "object"},
		"not printable":   {claims: `"x":["a\nb"," c","\u200bd","","e"]`, want: "[e]", warns: "not printable"},
		"too long":        {claims: `"x":"` + strings.Repeat("y", 513) + `"`, want: "[]", warns: "longer"},
		"too many":        {claims: `"x":[` + many + `]`, want: "unknown", warns: "more than 1000"},
		"kept elsewhere":  {claims: `"_claim_names":{"x":"src1"}`, want: "unknown", warns: "_claim_names"},
		"userinfo":        {claims: `"y":1`, info: `"x":"eng"`, want: "[eng]"},
		"both":            {claims: `"x":"a"`, info: `"x":"b"`, want: "[a]"},
		"not asked":       {claims: `"y":1`, unasked: true, want: "nothing"},
		"not needed":      {claims: `"x":"a"`, unasked: true, want: "[a]"},
	} {
		sources := []claims{}
		for _, text := range []string{c.claims, c.info} {
			if one, err := decodeClaims("test", []byte("{"+text+"}")); err == nil && text != "" {
				sources = append(sources, one)
			}
		}
		m := newMapping(&Config{})
		out, warnings := m.said(sources, []string{"x"}, c.unasked)
		got := "nothing"
		if len(out) == 1 && out[0].Name == "x" {
			if got = fmt.Sprint(out[0].Values); out[0].Unknown {
				got = "unknown"
			}
		}
		if text := strings.Join(warnings, " "); got != c.want || c.warns == "" != (text == "") || !strings.Contains(text, c.warns) {
			t.Errorf("%s: %.100s, %q", name, got, text)
		}
	}
}

// TestSaidPaths: a claim's name is a path, and an address counts only if it is verified.
// (attack: an address that nobody verified, by a rule about the claim email)
func TestSaidPaths(t *testing.T) {
	token, err := decodeClaims("test", []byte(`{"realm_access":{"roles":["admin"]},"https://x/y":"z","email":"ceo@example.com","upn":"boss@example.com","upn_verified":true}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"realm_access.roles": "[admin]", "https://x/y": "[z]", "realm_access": "[]", "email": "[]", "upn": "[boss@example.com]"} {
		m := newMapping(&Config{EmailClaim: "upn"})
		if out, _ := m.said([]claims{token}, []string{path}, false); len(out) != 1 || fmt.Sprint(out[0].Values) != want {
			t.Errorf("%s: %v", path, out)
		}
	}
	m := newMapping(&Config{TrustUnverifiedEmail: true})
	if out, _ := m.said([]claims{token}, []string{"email"}, false); fmt.Sprint(out[0].Values) != "[ceo@example.com]" {
		t.Errorf("%v", out)
	}
	if m.complete(claims{"sub": "a", "groups": []any{}, "email": "a@x", "email_verified": true}, []string{"x"}) ||
		!m.complete(claims{"sub": "a", "groups": []any{}, "email": "a@x", "x": "y"}, []string{"x"}) {
		t.Error("the userinfo endpoint is asked for claims, and only for those that are missing")
	}
}
