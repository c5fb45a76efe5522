// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"weak"
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

func countries(codes ...string) []Selector { return []Selector{{Property: Country, Countries: codes}} }

// An atlas is Countries for tests.
type atlas map[netip.Addr]string

func (a atlas) Country(addr netip.Addr) string { return a[addr] }

// earth knows where two of three clients are.
var earth = atlas{netip.MustParseAddr("10.1.2.3"): "NL", netip.MustParseAddr("10.1.1.1"): "NL", netip.MustParseAddr("11.1.2.3"): "DE"}

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

// build builds what has never been compiled, on terms of grants alone.
func build(policies []Policy, grants ...Grant) (*Table, []Issue) {
	in := Input{Policies: CompileAll(policies), Terms: Terms{Grants: grants}}
	table, issues := Build(in)
	return remember(table, in), issues
}

// inputs are those of tables that tests made, for as long as they are in use.
var inputs sync.Map // weak.Pointer[Table] → Input

// remember lets a table be built again with more in the input: bound, providing, revoking.
func remember(t *Table, in Input) *Table {
	key := weak.Make(t)
	inputs.Store(key, in)
	runtime.AddCleanup(t, func(key weak.Pointer[Table]) { inputs.Delete(key) }, key)
	return t
}

func (t *Table) with(change func(in *Input)) *Table {
	in := Input{}
	if known, ok := inputs.Load(weak.Make(t)); ok {
		in = known.(Input) //nolint:forcetypeassert // nothing else is in it
	} else if t.Len() > 0 {
		panic("the input of the table is not known")
	}
	change(&in)
	table, _ := Build(in)
	return remember(table, in)
}

func (t *Table) bound(b []Binding) *Table        { return t.with(func(in *Input) { in.Bindings = b }) }
func (t *Table) providing(p *Providers) *Table   { return t.with(func(in *Input) { in.Providers = p }) }
func (t *Table) knowing(s []ServiceToken) *Table { return t.with(func(in *Input) { in.Tokens = s }) }
func (t *Table) revoking(r []Revocation) *Table {
	return t.with(func(in *Input) { in.Revocations = r })
}

// mustBuild builds policies that have nothing wrong but warnings.
func mustBuild(tb testing.TB, policies ...Policy) *Table {
	tb.Helper()
	in := Input{Policies: CompileAll(policies)}
	table, issues := Build(in)
	coded(tb, issues)
	for _, i := range issues {
		if !i.Warning() {
			tb.Fatalf("unexpected issue: %v %s: %s", i.Source, i.Reason, i.Message)
		}
	}
	return remember(table, in)
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

// tokens are service tokens of namespaces n and m: good ones, one that n may use, and bad ones.
func tokens() []ServiceToken {
	secret := func(text string) []TokenSecret { return []TokenSecret{{Sum: SecretSum(text)}} }
	later := now.Add(time.Hour)
	return []ServiceToken{
		{Source: Source{Namespace: "n", Name: "ci"}, ClientID: "id-ci", ExpiresAt: later,
			Secrets: append(secret("new"), TokenSecret{SecretSum("old"), now.Add(1)}, TokenSecret{SecretSum("older"), now})},
		{Source: Source{Namespace: "n", Name: "bot"}, ClientID: "id-bot", Secrets: secret("bot"), ExpiresAt: later},
		{Source: Source{Namespace: "m", Name: "ci"}, ClientID: "id-m", Secrets: secret("m"), ExpiresAt: later},
		{Source: Source{Namespace: "m", Name: "shared"}, ClientID: "id-shared", Secrets: secret("shared"), ExpiresAt: later,
			PolicyNamespaces: []string{"k", "n"}},
		{Source: Source{Namespace: "n", Name: "off"}, ClientID: "id-off", Secrets: secret("off"), ExpiresAt: later, Disabled: true},
		{Source: Source{Namespace: "n", Name: "over"}, ClientID: "id-over", Secrets: secret("over"), ExpiresAt: now},
		{Source: Source{Namespace: "n", Name: "fresh"}, ClientID: "id-fresh", ExpiresAt: later},
		{Source: Source{Namespace: "n", Name: "twin"}, ClientID: "id-twin", Secrets: secret("twin"), ExpiresAt: later},
		{Source: Source{Namespace: "m", Name: "twin"}, ClientID: "id-twin", Secrets: secret("twin"), ExpiresAt: later},
	}
}

// presented are tokens as requests bring them, and of which they are; "" is of none that is good.
var presented = map[PresentedToken]string{
	{ID: "id-ci", Secret: "new"}: "n/ci", {ID: "id-ci", Secret: "old"}: "n/ci", {ID: "id-ci", Secret: "older"}: "",
	{ID: "id-bot", Secret: "bot"}: "n/bot", {ID: "id-m", Secret: "m"}: "m/ci", {ID: "id-shared", Secret: "shared"}: "m/shared",
	{ID: "id-off", Secret: "off"}: "", {ID: "id-over", Secret: "over"}: "", {ID: "id-fresh"}: "", {ID: "id-fresh", Secret: "\x00"}: "",
	{ID: "id-twin", Secret: "twin"}: "", {ID: "nobody", Secret: "new"}: "", {ID: "id-ci", Secret: "bot"}: "", {ID: "id-ci"}: "",
	{Secret: "new"}: "", {ID: "id-ci", Secret: "new", Broken: true}: "", {Broken: true}: "",
	{ID: "id-ci", Secret: strings.Repeat("n", 300)}: "", {ID: strings.Repeat("i", 300), Secret: "new"}: "", {ID: "ID-CI", Secret: "new"}: "",
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
