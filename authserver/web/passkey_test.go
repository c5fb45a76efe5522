// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/web"
)

const getOptions = `{"challenge":"AAAA","rpId":"login.example.com","allowCredentials":[{"type":"public-key","id":"AAAA"}]}`

// passkeySamples are the pages that ask for passkeys.
func passkeySamples() []row {
	sealed := []web.Field{{Name: "step", Value: "sealed"}}
	mine := web.PasskeysView{Host: team, SignedInAs: ada, Action: "/.access/passkeys", SessionsURL: "/.access/sessions", HomeURL: "/",
		Keys: []web.PasskeyShown{{Name: "Work laptop", Since: signedIn},
			{Name: rightway, Since: signedIn}, {Name: strings.Repeat("key", 21), Since: signedIn}},
		Form: &web.PasskeyForm{Action: "/.access/passkeys", Hidden: sealed, Create: `{"challenge":"AAAA","user":{"id":"AAAA"}}`},
		Done: web.KeyAdded, RequestID: "4f1d09c2a7be6634"}
	wrong, full := mine, mine
	wrong.Keys, wrong.Done, wrong.Problem = nil, "", web.KeyBadName
	full.Form = nil
	one := web.FactorView{Host: "app1.example.com", Action: "/.access/second-factor", Step: "sealed", RequestID: "4f1d09c2a7be6634",
		Passkey: &web.PasskeyForm{Action: "/.access/second-factor", Hidden: sealed, Get: getOptions}}
	both := one
	both.App, both.Problem, both.OfPasskey, both.Host = true, web.KeyCopied, true, longHost
	enrol := web.EnrolView{Host: team, Action: "/.access/second-factor", Step: "sealed", Account: "ann",
		Secret:   "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		Required: true, HomeURL: "/", Passkey: mine.Form}
	return []row{
		{"enrol-passkey", web.Enrol(enrol), touching},
		{"passkeys", web.Passkeys(mine), touching},
		{"passkeys-wrong", web.Passkeys(wrong), touching}, {"passkeys-full", web.Passkeys(full), "'self'"},
		{"factor-passkey", web.Factor(one), touching}, {"factor-both", web.Factor(both), touching},
	}
}

// TestPasskeyPageIsHTML: what somebody called a passkey, or is called, ends no attribute.
func TestPasskeyPageIsHTML(t *testing.T) {
	const evil = `"><script>alert(1)</script>`
	html := string(page(web.Passkeys(web.PasskeysView{Host: evil, SignedInAs: evil, Action: "/a",
		Keys: []web.PasskeyShown{{Name: evil}}, SessionsURL: "/", HomeURL: "/",
		Form: &web.PasskeyForm{Action: "/a", Hidden: []web.Field{{Name: "step", Value: evil}},
			Create: `{"user":{"name":"` + `\"` + evil + `"}}`}})))
	if strings.Contains(html, "<script>alert") || strings.Count(html, "<script>") != 1 {
		t.Error(html)
	}
	if !strings.Contains(html, "<noscript>") || !strings.Contains(html, `data-create="{`) {
		t.Error("no word for browsers without scripts, or nothing to ask a passkey for")
	}
}
