// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// stepping is a table whose policies want mfa, of a provider that can be asked for it.
func stepping(t testing.TB) *policy.Table {
	t.Helper()
	rules := []policy.Rule{{Action: policy.Allow, Include: allow[0].Include,
		Require: []policy.Selector{{Property: policy.AuthMethod, Value: "m&fa"}}}}
	p := func(name string, oauth *policy.OAuth) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: "shop", Name: name}, Hosts: []string{name + ".example.com"}, Rules: rules,
			CORS: apiCORS, OAuth: oauth}
	}
	table, issues := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{p("app", nil), p("tools", &policy.OAuth{})}),
		Providers: policy.NewProviders(policy.Provider{Name: "corp", StepUp: []string{"m&fa"}})})
	for _, i := range issues {
		if !i.Warning() {
			t.Fatal(i)
		}
	}
	return table
}

// TestStepUp: who lacks what a rule requires is led to the login, which is told what; a script
// gets that address, readable by its page, and a program with a token what RFC 9470 says.
func TestStepUp(t *testing.T) {
	table := stepping(t)
	as := func(host string) *policy.Subject {
		s := ann(host)
		s.Provider = "corp"
		return s
	}
	const login = "https://app.example.com/.access/login?rd=%2Fx&step=m%26fa"
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		if e.name == "preflight" || e.name == "render-403" {
			continue
		}
		a, _ := e.ask(table, request{method: "GET", host: "app.example.com", uri: "/x", as: as("app"), headers: []string{spa}})
		origin, _ := field(a, "Access-Control-Allow-Origin")
		if reason, _ := field(a, "X-Access-Reason"); a.Status != 401 || reason != "insufficient-authentication" || origin == "" {
			t.Errorf("%s: %d %q, readable by %q", e.name, a.Status, reason, origin)
		}
		if strings.HasPrefix(e.name, "nginx") {
			continue // the render listener writes the body
		}
		var body struct {
			Reason   string `json:"reason"`
			LoginURL string `json:"login_url"`
		}
		if err := json.Unmarshal(a.Body, &body); err != nil || body.Reason != "insufficient-authentication" || body.LoginURL != login {
			t.Errorf("%s: %v %s", e.name, err, a.Body)
		}
		a, _ = e.ask(table, request{method: "GET", host: "app.example.com", uri: "/x", as: as("app"), headers: []string{navigate}})
		if to, _ := field(a, "Location"); a.Status != 302 || to != login {
			t.Errorf("%s: a navigation gets %d, to %q", e.name, a.Status, to)
		}
		a, _ = e.ask(table, request{method: "POST", host: "app.example.com", uri: "/x", as: as("app"),
			headers: []string{navigate, "Sec-Fetch-Site: same-origin"}})
		if a.Status != 401 || !strings.Contains(string(a.Body), "step=m%26fa") {
			t.Errorf("%s: a form gets %d %s", e.name, a.Status, a.Body)
		}
	}
}

// TestStepUpOfPrograms: RFC 9470 §3, where a program has a token that is good.
func TestStepUpOfPrograms(t *testing.T) {
	table := stepping(t)
	const metadata = `Bearer resource_metadata="https://tools.example.com/.access/oauth/resource"`
	for name, c := range map[string]struct {
		authorization, want string
	}{
		"a token": {"Bearer x", metadata + `, error="insufficient_user_authentication", acr_values="m&fa"`},
		"none":    {"", metadata},
	} {
		s := ann("tools")
		s.Provider = "corp"
		r := request{method: "GET", host: "tools.example.com", uri: "/", as: s}
		if c.authorization != "" {
			r.headers = append(r.headers, "Authorization: "+c.authorization)
		}
		for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
			if e.name == "preflight" || strings.HasPrefix(e.name, "nginx") || strings.HasPrefix(e.name, "render") {
				continue
			}
			a, _ := e.ask(table, r)
			if got, _ := field(a, "WWW-Authenticate"); got != c.want || a.Status != 401 {
				t.Errorf("%s, %s: %d %s", name, e.name, a.Status, got)
			}
		}
	}
}
