// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestDecideAllocatesNothing(t *testing.T) {
	policies := fixture()
	policies[3].Rules = []Rule{
		{Action: Block, Include: networks("10.66.0.0/16"), Exclude: emails("root@x")},
		{Action: Block, Include: certificate("mallory"), Exclude: emails("root@x")},
		{Action: Block, Include: countries("RU"), Exclude: emails("root@x")},
		{Action: Allow, Methods: []string{"GET"}, Include: append(emails("bob@x"), Selector{Property: EmailDomain, Value: "x"}),
			Require: networks("10.0.0.0/8")},
	}
	policies[3].CORS.Tokens, policies[3].IdentityProviders = true, []string{"guests", "corp"}
	policies[3].Rules = append(policies[3].Rules, Rule{Action: Allow, Include: groups("dev"), Require: append(proof("mfa"),
		provider("corp")...)})
	policies[3].Rules = append(policies[3].Rules, Rule{Action: Allow, Include: hasClaimBy("corp", "realm_access.roles", "admin"), Exclude: hasClaim("department", "ops")})
	policies[3].Rules = append(policies[3].Rules,
		Rule{Action: ServiceAuth, Include: jwt("ci", "app", says("a.b.c", "y", "x"), says("sub", "repo:o/n:*"))},
		Rule{Action: ServiceAuth, Include: tokenNamed("shop/ci")})
	policies[3].Rules = append(policies[3].Rules, Rule{Action: ServiceAuth, Include: linkedTo("intl", "apps"), Exclude: linkedTo("app")})
	plain := mustBuild(t, policies...)
	table := plain.bound([]Binding{{"shop/web", "shop/app-api"}, {"shop/back",
		"shop/app-admin"}}).trusting(everywhere()...).revoking([]Revocation{{User: "bob@x", Before: now}, {User: "u7", Before: now.Add(-2 * time.Hour)}}).
		knowing([]ServiceToken{{Source: Source{Namespace: "shop", Name: "ci"}, ClientID: "id-ci", Secrets: tokens()[0].Secrets, ExpiresAt: now.Add(1)}})
	const api = "https://app.example.com/api/v1/things?page=2"
	get := func(url string) Request {
		return Request{Target: mustTarget(t, url), Method: "GET", Now: now, Address: netip.MustParseAddr("::ffff:10.1.2.3"),
			Countries: earth, Certificate: cards[1]}
	}
	signedIn := get(api)
	signedIn.Subject, signedIn.Origin = session("shop/app-api"), "https://spa.example.com"
	signedIn.Subject.Provider = "corp"
	with := func(change func(*Request, *Subject)) Request {
		r, s := signedIn, *signedIn.Subject
		r.Subject = &s
		change(&r, &s)
		return r
	}
	member := with(func(_ *Request, s *Subject) {
		s.Email, s.Groups, s.AMR = "carol@"+strings.Repeat("y", 250), []string{"ops", "dev"}, []string{"pwd", "mfa"}
	})
	holder := with(func(_ *Request, s *Subject) {
		s.Email, s.Claims = "dave@y", []IdentityClaim{saying("department", "eng", "qa"), saying("realm_access.roles", "dev", "admin")}
	})
	token := with(func(r *Request, s *Subject) { s.AuthorizedParty = r.Origin })
	stray := with(func(r *Request, s *Subject) { s.AuthorizedParty, r.Origin = r.Origin, "https://pr-1.dev.example.com" })
	stranger := with(func(_ *Request, s *Subject) { s.Provider = "evil" })
	revokedMail := with(func(_ *Request, s *Subject) { s.Email = "Bob@X" })
	revokedID := with(func(_ *Request, s *Subject) { s.ID, s.SignedInAt = "u7", birth })
	pinned := with(func(r *Request, _ *Subject) { r.Ingress = "shop/web" })
	elsewhere := with(func(r *Request, _ *Subject) { r.Ingress = "shop/back" })
	job, stranger2, refusedToken := get(api), get(api), get(api)
	job.Bearer = bearing(t, "ci", "https://ci.x", `{"sub":"repo:o/n:ref","a.b":{"c":[1,"x"]}}`)
	stranger2.Bearer, refusedToken.BearerRefused = bearing(t, "ci", "https://ci.x", `{"sub":"repo:o/m:ref"}`), TokenExpired
	machine, guess := get(api), get(api)
	machine.Token, guess.Token = PresentedToken{ID: "id-ci", Secret: "new"}, PresentedToken{ID: "id-ci", Secret: "guess"}
	linked, unlinked, linkedOver, badLink := get(api), get(api), get(api), get(api)
	linked.Linked, unlinked.Linked = linkedAt("pr-1.apps.example.com", nil, "shop/apps"), linkedAt("public.example.com", nil, "shop/public")
	linkedOver.Linked = linkedAt("pr-1.apps.example.com", func(s *Subject) { s.ExpiresAt = now }, "shop/apps")
	badLink.LinkedRefused = TokenInvalid
	readable := get(api)
	readable.Origin = "https://Team-With-A-Long-Name.dev.example.com"
	for name, tc := range map[string]struct {
		r    Request
		want string
	}{
		"preflight": {preflight(t, api, "https://spa.example.com", "PATCH", "content-type,x-csrf"),
			"answer-preflight preflight-answered app-api"},
		"preflight refused": {preflight(t, api, "https://evil.example.com", "PATCH", ""), "deny origin-not-allowed app-api"},
		"method refused":    {preflight(t, api, "https://spa.example.com", "PUT", ""), "deny method-not-allowed app-api"},
		"header refused":    {preflight(t, api, "https://spa.example.com", "PATCH", "x-csrf, X-Evil"), "deny header-not-allowed app-api"},
		"upper-case origin": {preflight(t, api, "HTTPS://SPA.Example.COM", "PATCH", "X-CSRF, Content-Type"),
			"answer-preflight preflight-answered app-api"},
		"pattern": {preflight(t, api, "https://pr-1.dev.example.com", "PATCH", ""), "answer-preflight preflight-answered app-api"},
		"upper-case pattern, long": {
			preflight(t, api, "https://Team-With-A-Long-Name.dev.example.com", "PATCH", "Content-Type"),
			"answer-preflight preflight-answered app-api",
		},
		"long origin":      {preflight(t, api, "https://A"+strings.Repeat("a", 490)+".x", "PATCH", ""), "deny origin-not-allowed app-api"},
		"session":          {signedIn, "allow signed-in app-api"},
		"pinned":           {pinned, "allow signed-in app-api"},
		"pinned elsewhere": {elsewhere, "deny no-policy"},
		"group":            {member, "allow signed-in app-api"},
		"claim":            {holder, "allow signed-in app-api"},
		"token":            {token, "allow signed-in app-api"},
		"stray token":      {stray, "challenge wrong-audience app-api"},
		"stranger":         {stranger, "challenge wrong-provider app-api"},
		"revoked":          {revokedMail, "challenge session-revoked app-api"},
		"revoked by ID":    {revokedID, "challenge session-revoked app-api"},
		"may ask with a token": {preflight(t, api, "https://spa.example.com", "PATCH", "Authorization"),
			"answer-preflight preflight-answered app-api"},
		"machine":        {machine, "allow service-auth app-api"},
		"machine, wrong": {guess, "challenge service-token-invalid app-api"},
		"anonymous":      {get(api), "challenge no-session app-api"},
		"readable":       {readable, "challenge no-session app-api"},
		"bearer":         {job, "allow service-auth app-api"},
		"bearer, other":  {stranger2, "deny no-rule-matched app-api"},
		"bearer refused": {refusedToken, "challenge token-expired app-api"},
		"linked":         {linked, "allow service-auth app-api"},
		"linked, other":  {unlinked, "deny no-rule-matched app-api"},
		"linked, over":   {linkedOver, "challenge token-expired app-api"},
		"linked refused": {badLink, "challenge token-invalid app-api"},
		"bypass":         {get("https://app.example.com/public/logo.png"), "allow bypass app-public"},
		"wildcard host":  {get("https://pr-1.apps.example.com/"), "challenge no-session apps"},
		"no such host":   {get("https://nowhere.example.com/x"), "deny no-policy"},
		"odd path":       {get("https://app.example.com/public/../admin"), "deny ambiguous-path app-admin"},
	} {
		if got := brief(table.Decide(tc.r)); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		if n := testing.AllocsPerRun(200, func() { table.Decide(tc.r) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	for _, url := range []string{api, "https://app.example.com:443/", "https://app..example.com/", "https://a.x/%zz", "",
		"https://app.example.com/public\\x"} {
		if n := testing.AllocsPerRun(200, func() { _, _ = ParseTarget(url) }); n != 0 {
			t.Errorf("ParseTarget(%q): %v allocations", url, n)
		}
	}
}
