// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// TestUpstreamHeaders: every listed header is on every 200, filled in by the policy that
// decides alone, and a header that is not listed is on none.
func TestUpstreamHeaders(t *testing.T) {
	for _, set := range sets {
		for _, e := range endpoints(set) {
			if e.name == "preflight" || strings.HasPrefix(e.name, "render") {
				continue
			}
			for _, c := range []struct {
				host, uri, as      string
				user, email, group string
			}{
				{"app.example.com", "/api", "api", "u1", "UTF-8''ann%40example.com", "dev;ops"},
				{"app.example.com", "/", "app", "", "", ""}, // this policy sets none
				{"app.example.com", "/public", "public", "", "", ""},
				{"managed.example.com", "/", "managed", "u1", "UTF-8''ann%40example.com", "dev;ops"},
			} {
				if e.name == "nginx-headers" && c.as == "public" { // there is no bypass here: TestUnprovenHost
					continue
				}
				r := request{method: "GET", host: c.host, uri: c.uri, as: ann(c.as), headers: []string{spa, "X-Webauth-User: root", "X_Webauth_User: root"}}
				a, _ := e.ask(fixture(t), r)
				checkAnswer(t, e, r, a, set)
				want := map[string]string{"X-Webauth-User": c.user, "X-Webauth-Email": c.email, "X-Webauth-Groups": c.group}
				for name, value := range want {
					got, n := field(a, name)
					if listed := slices.Contains(set.Upstream(), name); a.Status != 200 || listed != (n == 1) || listed && got != value {
						t.Errorf("%s, %s%s: %d, %s: %q, %d times, want %q", e.name, c.host, c.uri, a.Status, name, got, n, value)
					}
				}
				if _, n := field(a, "X-Webauth-Unlisted"); n > 0 {
					t.Errorf("%s: a header that is not listed: no proxy takes a client's off", e.name)
				}
				if e.name == "envoy" {
					checkRemoved(t, a, set)
				}
			}
		}
	}
}

// checkRemoved: what is empty, and every other spelling, Envoy takes off.
func checkRemoved(t *testing.T, a *dialect.Answer, set dialect.IdentityHeaders) {
	t.Helper()
	list, _ := field(a, "X-Envoy-Auth-Headers-To-Remove")
	removed := strings.Split(list, ",")
	for _, name := range set.Upstream() {
		value, _ := field(a, name)
		for i, spelling := range contract.Spellings(strings.ToLower(name)) {
			if got := slices.Contains(removed, spelling); got != (i > 0 || value == "") {
				t.Errorf("%s is %q; removed: %t", spelling, value, got)
			}
		}
	}
}

// TestUpstreamMachine: a machine is told of by its name.
func TestUpstreamMachine(t *testing.T) {
	set := dialect.DefaultIdentityHeaders.With(webauthNames)
	p := policy.Policy{Source: policy.Source{Namespace: "shop", Name: "m"}, Hosts: []string{"m.example.com"}, UpstreamHeaders: webauth,
		Rules: []policy.Rule{{Action: policy.ServiceAuth, Include: []policy.Selector{{Property: policy.AnyToken}}}}}
	table, _ := policy.Build(policy.Input{Policies: policy.CompileAll([]policy.Policy{p})})
	var a dialect.Answer
	q := dialect.Ask{}
	d := policy.Decision{Verdict: policy.Admit, Machine: &policy.Machine{Name: "service:shop/ci"}, Upstream: upstreamOf(t, table)}
	q.Subject = ann("m") // a session beside it counts for nothing
	a.Reset()
	dialect.Nginx{Identity: set}.Write(&a, &q, &d)
	for name, want := range map[string]string{"X-Webauth-User": "service:shop/ci", "X-Webauth-Email": "", "X-Webauth-Groups": ""} {
		if got, n := field(&a, name); got != want || n != 1 {
			t.Errorf("%s: %q, %d times, want %q", name, got, n, want)
		}
	}
}

// upstreamOf is what the policy of a machine sets.
func upstreamOf(t *testing.T, table *policy.Table) *policy.Upstream {
	t.Helper()
	target, err := policy.ParseTarget("https://m.example.com/")
	if err != nil {
		t.Fatal(err)
	}
	return table.Decide(policy.Request{Target: target, Method: "GET", Now: now}).Upstream
}

// TestUpstreamLong: what has no room is empty, and nothing else for its sake: the answer
// stays what nginx takes.
func TestUpstreamLong(t *testing.T) {
	set := sets[3]
	for n := 1; n < 6000; n += 37 {
		s := ann("api")
		s.User = strings.Repeat("u", n)
		for _, e := range endpoints(set)[:4] {
			r := request{method: "GET", host: "app.example.com", uri: "/api", as: s, headers: []string{spa}}
			a, _ := e.ask(fixture(t), r)
			checkAnswer(t, e, r, a, set)
			own, _ := field(a, contract.IdentityUser)
			user, _ := field(a, "X-Webauth-User")
			if groups, _ := field(a, "X-Webauth-Groups"); own != "" && own != s.User || user != "" && user != s.User || groups == "" && n < 500 {
				t.Errorf("%s: %d: %d, %d, %q", e.name, n, len(own), len(user), groups)
			}
		}
	}
}

func TestWithNothing(t *testing.T) {
	for _, set := range sets[:2] {
		if set.With(nil) != set || len(set.Upstream()) != 0 {
			t.Errorf("%v: another set", set)
		}
	}
	if set := sets[2]; set.Cloudflare() || !set.Has("X-Webauth-User") || set.Has("X-Webauth-Name") || !set.Has(contract.IdentityEmail) || !sets[3].Cloudflare() {
		t.Error("a set is not what it was made of")
	}
}
