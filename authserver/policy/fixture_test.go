// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// The clock of all tests.
var (
	now   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	birth = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func everyone() []Selector { return []Selector{{Property: Everyone}} }

func emails(addresses ...string) []Selector {
	var out []Selector
	for _, a := range addresses {
		out = append(out, Selector{Property: Email, Value: a})
	}
	return out
}

func networks(cidrs ...string) []Selector {
	var out []netip.Prefix
	for _, c := range cidrs {
		out = append(out, netip.MustParsePrefix(c))
	}
	return []Selector{{Property: Address, Networks: out}}
}

func groups(names ...string) []Selector {
	var out []Selector
	for _, n := range names {
		out = append(out, Selector{Property: IdPGroup, Value: n})
	}
	return out
}

func provider(name string) []Selector { return []Selector{{Property: LoginMethod, Value: name}} }

func proof(method string) []Selector { return []Selector{{Property: AuthMethod, Value: method}} }

func does(a Action) []Rule { return []Rule{{Action: a, Include: everyone()}} }

func prefixes(values ...string) []Path {
	var out []Path
	for _, v := range values {
		out = append(out, Path{Value: v})
	}
	return out
}

// spa is the CORS configuration of the threat list.
func spa() *CORS {
	return &CORS{
		AllowedOrigins:   []string{"https://spa.example.com", "https://*.dev.example.com"},
		AllowedMethods:   []string{"GET", "POST", "PATCH"},
		AllowedHeaders:   []string{"content-type", "x-csrf"},
		AllowCredentials: true,
	}
}

// fixture is the fixture of the threat list.
func fixture() []Policy {
	login := does(Allow)
	named := func(name string, p Policy) Policy {
		p.Source, p.Since = Source{Namespace: "shop", Name: name}, birth
		return p
	}
	return []Policy{
		named("app", Policy{Hosts: []string{"app.example.com"}, Rules: login}),
		named("app-admin", Policy{Hosts: []string{"app.example.com"}, Paths: prefixes("/admin"), Rules: login}),
		named("app-public", Policy{Hosts: []string{"app.example.com"}, Paths: prefixes("/public"), Rules: does(Bypass)}),
		named("app-api", Policy{Hosts: []string{"app.example.com"}, Paths: prefixes("/api"), Rules: login, CORS: spa()}),
		named("public", Policy{Hosts: []string{"public.example.com"}, Rules: does(Bypass)}),
		named("apps", Policy{Hosts: []string{"*.apps.example.com"}, Rules: login}),
		named("intl", Policy{Hosts: []string{"xn--bcher-kva.example.com"}, Rules: login}),
	}
}

// mustBuild builds policies that have nothing wrong but warnings.
func mustBuild(tb testing.TB, policies ...Policy) *Table {
	tb.Helper()
	table, issues := Build(policies)
	coded(tb, issues)
	for _, i := range issues {
		if !i.Warning() {
			tb.Fatalf("unexpected issue: %v %s: %s", i.Source, i.Reason, i.Message)
		}
	}
	return table
}

// one is a policy for a.x with a name, rules and nothing else.
func one(rules ...Rule) Policy {
	return Policy{
		Source: Source{Namespace: "n", Name: "p"},
		Since:  birth,
		Hosts:  []string{"a.x"},
		Rules:  rules,
	}
}

func mustTarget(tb testing.TB, rawURL string) Target {
	tb.Helper()
	t, err := ParseTarget(rawURL)
	if err != nil {
		tb.Fatalf("ParseTarget(%q): %v", rawURL, err)
	}
	return t
}

// session is a good session of ann@x for a policy.
func session(audience string) *Subject {
	return &Subject{ID: "1", Email: "ann@x", Audience: []string{audience}, SignedInAt: now.Add(-time.Hour), IssuedAt: now.Add(-time.Hour), ExpiresAt: now.Add(time.Hour)}
}

func machine(audience string) *Subject {
	s := session(audience)
	s.Email, s.Service = "", true
	return s
}

func preflight(tb testing.TB, url, origin, method, headers string) Request {
	tb.Helper()
	return Request{
		Target: mustTarget(tb, url), Method: "OPTIONS", Origin: origin, Now: now,
		Preflight: Preflight{Method: method, Headers: headers},
	}
}

// brief words a decision: "allow bypass app-public".
func brief(d Decision) string {
	return strings.TrimSpace(d.Verdict.String() + " " + d.Reason.String() + " " + d.Source.Name)
}

// get decides a GET of a URL by nobody, or by a person who holds a good session
// for whatever policy guards it.
func get(t *Table, url string, signedIn bool) Decision {
	target, err := ParseTarget(url)
	if err != nil {
		return Decision{Reason: err.(*TargetError).Reason} //nolint:errorlint // never wrapped
	}
	r := Request{Target: target, Method: "GET", Now: now}
	if signedIn {
		r.Subject = session(t.Audience(target))
	}
	return t.Decide(r)
}
