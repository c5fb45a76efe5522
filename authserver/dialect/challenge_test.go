// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// agents is a table with policies for programs that act for people.
func agents(t testing.TB) *policy.Table {
	t.Helper()
	p := func(name string, oauth *policy.OAuth, paths ...policy.Path) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: "shop", Name: name}, Hosts: []string{name + ".example.com"}, Rules: allow,
			Paths: paths, OAuth: oauth}
	}
	all := []policy.Policy{
		p("tools", &policy.OAuth{}), p("none", nil), p("part", &policy.OAuth{}, policy.Path{Value: "/mcp"}, policy.Path{Value: `/a"b`}),
		p("redirect", &policy.OAuth{}), p("pages", &policy.OAuth{}), p("blocked", &policy.OAuth{}),
	}
	all[3].Unauthenticated, all[4].CORS, all[5].Rules = policy.Redirect, apiCORS, block
	corp := p("corp", &policy.OAuth{Issuer: "corp"})
	corp.Rules = []policy.Rule{{Action: policy.ServiceAuth, Include: []policy.Selector{{Property: policy.JWT,
		JWT: &policy.TokenMatch{Issuer: "corp", Audience: "https://corp.example.com",
			Claims: []policy.ClaimMatch{{Path: "groups", Values: []string{"staff"}}}}}}}}
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll(append(all, corp)), TokenIssuers: policy.NewTokenIssuers(
		policy.TokenIssuer{Name: "corp", Issuer: "https://login.x", Audiences: []string{"https://corp.example.com"}, Everywhere: true})})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	return table
}

// challenged reports whether an answer is one on which a challenge can be.
func challenged(e endpoint, r request, a *dialect.Answer) bool {
	navigates := false
	for _, h := range r.headers {
		navigates = navigates || strings.EqualFold(h, navigate)
	}
	return a.Status == 401 && !navigates && !strings.HasPrefix(e.name, "render")
}

// TestChallenge: programs are told where they get a token by a 401 alone, where the policy is for
// them, and no person's login page is. (RFC 9728 §5.1, THREATS I20)
func TestChallenge(t *testing.T) {
	const metadata = `Bearer resource_metadata="https://tools.example.com/.access/oauth/resource"`
	get := func(host, uri string, headers ...string) request {
		return request{method: "GET", host: host, uri: uri, headers: headers}
	}
	table := agents(t)
	for name, tc := range map[string]struct {
		r    request
		want string
	}{
		"a program":              {get("tools.example.com", "/"), metadata},
		"its POST":               {request{method: "POST", host: "tools.example.com", uri: "/mcp?x"}, metadata},
		"an event stream":        {get("tools.example.com", "/mcp", "Accept: text/event-stream"), metadata},
		"a bad token":            {get("tools.example.com", "/", "Authorization: Bearer x"), metadata + `, error="invalid_token"`},
		"of any capitals":        {get("tools.example.com", "/", "Authorization: bearer x"), metadata + `, error="invalid_token"`},
		"another scheme":         {get("tools.example.com", "/", "Authorization: Basic eA=="), metadata},
		"a navigation":           {get("tools.example.com", "/", navigate), ""},
		"a navigation by Accept": {get("tools.example.com", "/", "Accept: text/html"), ""},
		"signed in":              {request{method: "GET", host: "tools.example.com", uri: "/", as: ann("tools")}, ""},
		"who may not":            {request{method: "GET", host: "blocked.example.com", uri: "/", as: ann("blocked")}, ""},
		"no preflight":           {request{method: "OPTIONS", host: "tools.example.com", uri: "/"}, ""},
		"no oauth":               {get("none.example.com", "/"), ""},
		"always a redirect":      {get("redirect.example.com", "/"), ""},
		"our own path":           {get("tools.example.com", "/.access/x"), ""},
		"no policy":              {get("nobody.example.com", "/"), ""},
		"a part": {get("part.example.com", "/mcp/x"),
			`Bearer resource_metadata="https://part.example.com/.access/oauth/resource/mcp"`},
		"a part, escaped": {get("part.example.com", "/a%22b/c"),
			`Bearer resource_metadata="https://part.example.com/.access/oauth/resource/a%22b"`},
		"beside the part": {get("part.example.com", "/other"), ""},
		"of another server": {get("corp.example.com", "/"),
			`Bearer resource_metadata="https://corp.example.com/.access/oauth/resource"`},
		"of another server, a person": {get("corp.example.com", "/", navigate), ""},
	} {
		for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
			if e.name == "preflight" || strings.HasPrefix(e.name, "nginx") && name == "a part, escaped" {
				continue
			}
			if nginx, ok := e.d.(dialect.Nginx); ok {
				nginx.Pages = pages
				e.d = nginx
			}
			if headers, ok := e.d.(dialect.NginxHeaders); ok {
				headers.Pages = pages
				e.d = headers
			}
			want := tc.want
			if strings.HasPrefix(e.name, "render") { // nginx adds that of the question by itself
				want = ""
			}
			a, _ := e.ask(table, tc.r)
			if got, n := field(a, "WWW-Authenticate"); got != want || n > 1 {
				t.Errorf("%s, %s: %d %q, want %q", name, e.name, a.Status, got, want)
			}
		}
	}
}

// Pages of programs that run in a browser can read the challenge where they can read the rest.
func TestChallengeIsReadable(t *testing.T) {
	table := agents(t)
	for origin, want := range map[string]string{"https://spa.example.com": "x-request-id, WWW-Authenticate", "https://evil.example": ""} {
		for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
			if strings.HasPrefix(e.name, "nginx") || e.name == "preflight" || e.name == "render-403" {
				continue
			}
			a, _ := e.ask(table, request{method: "GET", host: "pages.example.com", uri: "/", headers: []string{"Origin: " + origin}})
			if got, _ := field(a, "Access-Control-Expose-Headers"); got != want {
				t.Errorf("%s, %s: %q", origin, e.name, got)
			}
		}
	}
}

// TestNoLoginOfOthers: where tokens of another server alone open an application, nobody is sent to
// sign in here, or told where to.
func TestNoLoginOfOthers(t *testing.T) {
	table := agents(t)
	for _, headers := range [][]string{nil, {navigate}} {
		for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
			if e.name == "preflight" {
				continue
			}
			a, _ := e.ask(table, request{method: "GET", host: "corp.example.com", uri: "/", headers: headers})
			to, _ := field(a, "Location")
			if a.Status < 400 || to != "" || strings.Contains(string(a.Body), "/.access/login") {
				t.Errorf("%s, %v: %d %s %s", e.name, headers, a.Status, to, a.Body)
			}
		}
	}
}
