// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// tokenIssuers are those of the tests: policies of namespace n may name all but theirs.
func tokenIssuers() []TokenIssuer {
	return []TokenIssuer{
		{Name: "ci", Issuer: "https://ci.x", Audiences: []string{"app", "other"}, Namespaces: []string{"m", "n"}},
		{Name: "hub", Issuer: "https://hub.x", Audiences: []string{"app"}, Everywhere: true},
		{Name: "theirs", Issuer: "https://theirs.x", Audiences: []string{"app"}, Namespaces: []string{"m"}},
	}
}

// everywhere are those, for policies of all namespaces.
func everywhere() []TokenIssuer {
	out := tokenIssuers()
	for i := range out {
		out[i].Everywhere = true
	}
	return out
}

func (t *Table) trusting(i ...TokenIssuer) *Table {
	return t.with(func(in *Input) { in.TokenIssuers = NewTokenIssuers(i...) })
}

// bearing makes what a verified token of an issuer says, whose payload that is.
func bearing(t testing.TB, name, issuer, payload string) *Bearer {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(payload))
	d.UseNumber()
	var claims map[string]any
	if err := d.Decode(&claims); err != nil {
		t.Fatal(err)
	}
	subject, _ := claims["sub"].(string)
	b := NewBearer(Source{Name: name}, issuer, subject, []string{"app", "extra"}, NewClaims(claims), now.Add(time.Minute))
	said[b] = payload
	return b
}

func jwt(issuer, audience string, claims ...ClaimMatch) []Selector {
	return []Selector{{Property: JWT, JWT: &TokenMatch{issuer, audience, claims}}}
}

func says(path string, values ...string) ClaimMatch { return ClaimMatch{path, values} }

func init() {
	change := func(edit func(m *TokenMatch)) func(*Policy) {
		return func(p *Policy) { edit(p.Rules[2].Include[0].JWT) }
	}
	enforced["Rules.Include.JWT"] = func(p *Policy) { p.Rules[1].Include = jwt("ci", "app", says("sub", "job")) }
	enforced["Rules.Include.JWT.Issuer"] = change(func(m *TokenMatch) { m.Issuer = "hub" })
	enforced["Rules.Include.JWT.Audience"] = change(func(m *TokenMatch) { m.Audience = "other" })
	enforced["Rules.Include.JWT.Claims"] = change(func(m *TokenMatch) { m.Claims = append(m.Claims, says("no", "no")) })
	enforced["Rules.Include.JWT.Claims.Path"] = change(func(m *TokenMatch) { m.Claims[0].Path = "no" })
	enforced["Rules.Include.JWT.Claims.Values"] = change(func(m *TokenMatch) { m.Claims[0].Values = []string{"no"} })
}

// TestOracleBearer: tokens of several issuers, good and not, with every rule that can look
// at them, beside rules for others: as the reference says. A token never leads to a login,
// never to a name of a person, and lets nothing in but by a rule that looks at it.
// (THREATS F6)
func TestOracleBearer(t *testing.T) {
	clear(said)
	defer clear(said)
	main := jwt("ci", "app", says("sub", "repo:o/n:*"))
	lists := [][]Selector{
		main,
		jwt("ci", "app"),
		jwt("ci", "other"),
		jwt("hub", "app", says("a.b", "1", "x")),
		jwt("theirs", "app"),
		jwt("nobodys", "app"),
		everyone(),
		networks("10.0.0.0/8"),
		anyToken(),
		append(everyone(), main...),
	}
	var rules []Rule
	for _, include := range lists {
		for _, require := range append([][]Selector{nil}, lists...) {
			for _, exclude := range append([][]Selector{nil}, lists...) {
				rules = append(rules, Rule{Action: ServiceAuth, Include: include, Require: require, Exclude: exclude})
			}
		}
	}
	besides := [][]Rule{
		nil,
		does(Bypass),
		does(Allow),
		does(Block),
		{{Action: Allow, Include: emails("ann@x")}},
		{{Action: ServiceAuth, Include: jwt("hub", "app")}},
	}
	visits := bearerVisits(t)
	counts := map[Reason]int{}
	for i, ru := range rules {
		for j, other := range besides {
			if (i+j)%every(7) > 0 {
				continue
			}
			for _, list := range [][]Rule{append([]Rule{ru}, other...), append(slices.Clone(other), ru)} {
				p := one(list...)
				table := mustBuild(t, p).knowing(tokens()).trusting(tokenIssuers()...)
				for _, r := range visits {
					v, why := refRules(&p, &r)
					d := table.Decide(r)
					if d.Verdict != v || d.Reason != why {
						t.Fatalf("%s %+v %s: %+v; the reference says %s %s\nrules: %+v", r.Method, r.Bearer, r.BearerRefused, d, v, why, list)
					}
					counts[why]++
					if (d.Machine != nil) != (why == ServiceAdmitted) || d.Machine != nil && d.Identified {
						t.Fatalf("%+v", d)
					}
					if d.Machine != nil && r.Token == (PresentedToken{}) && d.Machine.Name != "jwt:"+r.Bearer.Name+":"+r.Bearer.Subject {
						t.Fatalf("it is told as %s", d.Machine.Name)
					}
				}
				if e, _ := table.Explain(visits[i%len(visits)]); e != table.Decide(visits[i%len(visits)]) {
					t.Fatal("Explain differs")
				}
			}
		}
	}
	for _, why := range []Reason{TokenExpired, ServiceAdmitted, NoRuleMatched, Blocked, Bypassed, SignedIn, NoSession} {
		if counts[why] == 0 {
			t.Errorf("the test never saw %s", why)
		}
	}
}

// bearerVisits are requests with every kind of token.
func bearerVisits(t *testing.T) (out []Request) {
	bearers := []*Bearer{nil,
		bearing(t, "ci", "https://ci.x", `{"sub":"repo:o/n:ref:main","a":{"b":1}}`),
		bearing(t, "ci", "https://ci.x", `{"sub":"repo:o/n:"}`),
		bearing(t, "hub", "https://hub.x", `{"sub":"s","a":{"b":["x",true]},"a.b":"y"}`),
		bearing(t, "hub", "https://hub.x", `{"sub":"t","a":{"b":[{"b":"x"},"x"]}}`),
		bearing(t, "hub", "https://ci.x", `{"sub":"mixed"}`), // verified by what the table does not know
		bearing(t, "theirs", "https://theirs.x", `{"sub":"s"}`), bearing(t, "nobodys", "https://nobodys.x", `{"sub":"s"}`)}
	for _, b := range bearers {
		for _, refused := range []Reason{NoReason, TokenExpired} {
			if b != nil && refused != NoReason {
				continue
			}
			for _, s := range []*Subject{nil, session("n/p")} {
				for _, sent := range []PresentedToken{{}, {ID: "id-ci", Secret: "new"}} {
					for _, method := range []string{"GET", "OPTIONS"} {
						out = append(
							out,
							Request{Target: mustTarget(t, "https://a.x/"), Method: method, Subject: s, Token: sent, Bearer: b, BearerRefused: refused,
								Address: netip.MustParseAddr("10.1.1.1"), Now: now},
						)
					}
				}
			}
		}
	}
	return out
}

// TestClaimValues: how the values of claims match.
func TestClaimValues(t *testing.T) {
	const payload = `{"sub":"repo:org/name:ref:refs/heads/main","n":12,"f":1.50,"big":12345678901234567890,"yes":true,"no":false,"null":null,
		"empty":"","list":["a",7,true,null,["nested"],{"o":"o"}],"o":{"p":{"q":"deep"},"list":["x"]},
		"kubernetes.io":{"namespace":"ci","serviceaccount":{"name":"robot"}},
		"a":{"b":"short","b.c":"inner"},"a.b":{"c":"outer"},"https://example.com/role":"admin","star":"*","slash":"refs/heads/"}`
	b := bearing(t, "ci", "https://ci.x", payload)
	defer clear(said)
	for _, tc := range []struct {
		path, value string
		want        bool
	}{
		{"sub", "repo:org/name:ref:refs/heads/main", true}, {"sub", "repo:org/name:ref:refs/heads/Main", false}, {"sub", "repo:org/name", false},
		{"sub", "repo:org/name:*", true}, {"sub", "repo:org/name:ref:refs/heads/*", true}, {"sub", "repo:org/*", true}, {"sub", "repo:*", true},
		{"sub", "repo:org/nam*", false}, {"sub", "*", false}, {"sub", "", false}, {"sub", "repo:org/name:ref:refs/heads/main/*", false},
		{"sub", "repo:other/*", false}, {"slash", "refs/heads/*", false}, {"slash", "refs/*", true},
		{"n", "12", true}, {"n", "12.0", false}, {"n", "012", false}, {"f", "1.50", true}, {"f", "1.5", false},
		{"big", "12345678901234567890", true},
		{"yes", "true", true}, {"yes", "True", false}, {"no", "false", true}, {"null", "null", false}, {"null", "", false},
		{"empty", "", true}, {"missing", "", false},
		{"list", "a", true}, {"list", "7", true}, {"list", "true", true}, {"list", "nested", false}, {"list", "o", false}, {"list.o", "o", false},
		{"o", "deep", false}, {"o.p.q", "deep", true}, {"o.list", "x", true}, {"o.p", "q", false},
		{"kubernetes.io.namespace", "ci", true}, {"kubernetes.io.serviceaccount.name", "robot", true}, {"kubernetes", "io", false},
		{"a.b", "short", false}, {"a.b.c", "outer", true}, {"a.b.c", "inner", false},
		{"https://example.com/role", "admin", true}, {"star", "*", false},
		{"", "x", false}, {".", "x", false}, {"sub.", "x", false}, {".sub", "repo:*", false},
	} {
		if got := b.Claims.has(tc.path, []string{tc.value}); got != tc.want {
			t.Errorf("%s %q: %v", tc.path, tc.value, got)
		}
		if got := slices.ContainsFunc(refSaid(payload, tc.path), func(s string) bool { return refValue(tc.value, s) }); got != tc.want {
			t.Errorf("the reference, %s %q: %v", tc.path, tc.value, got)
		}
	}
	if (Claims{}).has("sub", []string{""}) {
		t.Error("no claims say something")
	}
}

// FuzzClaims: whatever a token says and a rule wants, as the reference has it.
func FuzzClaims(f *testing.F) {
	f.Add(`{"a":{"b.c":"x"},"a.b":{"c":["x",1]}}`, "a.b.c", "x")
	f.Add(`{"sub":"repo:o/n:ref"}`, "sub", "repo:o/n:*")
	f.Add(`{"a":true}`, "a", "true")
	f.Fuzz(func(t *testing.T, payload, path, value string) {
		d := json.NewDecoder(strings.NewReader(payload))
		d.UseNumber()
		var claims map[string]any
		if d.Decode(&claims) != nil || d.More() || strings.Count(path, ".") > 8 {
			return
		}
		plain, err := json.Marshal(claims) // without members that stand there twice
		if err != nil || strings.Contains(string(plain), `null`) || strings.Contains(string(plain), `\`) {
			return // which claims count that are null, the table above says
		}
		got := NewClaims(claims).has(path, []string{value})
		if want := slices.ContainsFunc(refSaid(string(plain), path), func(s string) bool { return refValue(value, s) }); got != want {
			t.Fatalf("%s, %q, %q: %v, and the reference %v", plain, path, value, got, want)
		}
	})
}

// TestTokenIssuerIssues: where a policy names an issuer whose tokens it cannot have, that is
// said, whatever comes first; and the rest of the policy is in force.
func TestTokenIssuerIssues(t *testing.T) {
	p := one(
		Rule{
			Action:  ServiceAuth,
			Include: jwt("ci", "app", says("sub", "x")),
			Require: jwt("nobodys", "app", says("sub", "x")),
			Exclude: jwt("theirs", "app"),
		},
		Rule{Action: ServiceAuth, Include: jwt("hub", "unlisted", says("sub", "x"))},
		Rule{Action: Bypass, Include: everyone()},
	)
	in := Input{Policies: CompileAll([]Policy{p}), TokenIssuers: NewTokenIssuers(tokenIssuers()...)}
	table, issues := Build(in)
	var got []string
	for _, i := range issues {
		got = append(got, fmt.Sprint(i.Source.Field, " ", i.Code, " ", i.Warning()))
	}
	want := []string{"spec.rules[0].exclude[0].jwt jwt-issuer-of-others true", "spec.rules[0].require[0].jwt jwt-issuer-unknown true",
		"spec.rules[1].include[0].jwt jwt-audience-not-listed true"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if d := table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now}); d.Verdict != Admit {
		t.Error(brief(d))
	}
	if in.TokenIssuers = nil; true { // not known yet: nothing is said, and nobody let in
		table, issues = Build(in)
	}
	b := bearing(t, "ci", "https://ci.x", `{"sub":"x"}`)
	defer clear(said)
	if d := table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Bearer: b, Now: now}); len(issues) > 0 ||
		d.Reason != Bypassed {
		t.Error(issues, brief(d))
	}
	// In any order of edits.
	var a Assembler
	a.SetTokenIssuers(NewTokenIssuers())
	a.Set("k", Compile(&p))
	a.Table()
	before := len(a.Issues())
	a.SetTokenIssuers(NewTokenIssuers(tokenIssuers()...))
	a.Table()
	if after := len(a.Issues()); before != 4 || after != 3 {
		t.Errorf("%d issues, and %d", before, after)
	}
	a.Delete("k")
	if a.Table(); len(a.Issues()) > 0 {
		t.Error(a.Issues())
	}
	// Of two of one name, nobody knows which is meant.
	twice := NewTokenIssuers(append(tokenIssuers(), tokenIssuers()[0])...)
	if twice.find("ci") != nil || twice.find("hub") == nil {
		t.Error("one of two issuers of one name is in use")
	}
}

// TestTokenIssuersInRevision: whatever is said of an issuer makes another table.
func TestTokenIssuersInRevision(t *testing.T) {
	seen := map[string]string{}
	both, mn := []string{"app", "other"}, []string{"m", "n"}
	for name, i := range map[string][]TokenIssuer{
		"none": {}, "one": tokenIssuers()[:1], "another name": {{Name: "x", Issuer: "https://ci.x", Audiences: both, Namespaces: mn}},
		"issuer":     {{Name: "ci", Issuer: "https://ci.x/", Audiences: []string{"app", "other"}, Namespaces: []string{"m", "n"}}},
		"audience":   {{Name: "ci", Issuer: "https://ci.x", Audiences: []string{"app"}, Namespaces: []string{"m", "n"}}},
		"namespace":  {{Name: "ci", Issuer: "https://ci.x", Audiences: []string{"app", "other"}, Namespaces: []string{"m"}}},
		"everywhere": {{Name: "ci", Issuer: "https://ci.x", Audiences: both, Namespaces: mn, Everywhere: true}},
	} {
		table, _ := Build(Input{TokenIssuers: NewTokenIssuers(i...)})
		if before, ok := seen[table.Revision()]; ok {
			t.Errorf("%s: the same revision as %s", name, before)
		}
		seen[table.Revision()] = name
	}
	unknown, _ := Build(Input{})
	if seen[unknown.Revision()] != "" {
		t.Error("not known, and none: the same revision")
	}
}
