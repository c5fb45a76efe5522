// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// ruleOf is how a rule fits by what its selectors are said to have come to.
func ruleOf(t *testing.T, list []Finding) string {
	t.Helper()
	value := func(f Finding) int {
		switch {
		case f.Matches == "yes", f.Counts == "yes":
			return 2
		case f.Matches == "unknown" && f.Counts == "":
			return 1
		default:
			return 0
		}
	}
	fits := 0
	for _, f := range list {
		if strings.HasPrefix(f.Field, "include") {
			fits = max(fits, value(f))
		}
	}
	for _, f := range list {
		switch {
		case strings.HasPrefix(f.Field, "require"):
			fits = min(fits, value(f))
		case strings.HasPrefix(f.Field, "exclude"):
			fits = min(fits, 2-value(f))
		}
	}
	return [...]string{"not matched", "depends on the user", "matched"}[fits]
}

// TestFindingsMakeTheRule: what explain says of each selector adds up to what it says of the
// rule, for all rules and visitors of the oracle.
func TestFindingsMakeTheRule(t *testing.T) {
	rules, visits := tinyRules(), tinyVisits(t)
	seen, unknown := map[string]int{}, 0
	for i := 0; i < len(rules); i += every(5) {
		p := one(rules[i])
		table, _ := Build(Input{Policies: CompileAll([]Policy{p}), Terms: Terms{EvaluationOrigins: evaluators}})
		for _, r := range visits {
			_, trace := table.Explain(r)
			for _, s := range trace.Steps {
				if s.What != "rule" || s.Outcome == "skipped" {
					continue
				}
				if len(s.Findings) != len(rules[i].Include)+len(rules[i].Require)+len(rules[i].Exclude) {
					t.Fatalf("%+v: %+v", rules[i], s)
				}
				for _, f := range s.Findings {
					if f.Matches == "unknown" {
						unknown++
					}
				}
				by := ruleOf(t, s.Findings)
				if why := strings.Contains(s.Detail, ": "); by != s.Outcome && !(why && s.Outcome == "not matched") {
					t.Fatalf("%+v\nsays %s, and its selectors %s: %+v", rules[i], s.Outcome, by, s)
				}
				seen[s.Outcome]++
			}
		}
	}
	if len(seen) != 3 || unknown == 0 {
		t.Errorf("hardly anything was said: %v, unknown %d", seen, unknown)
	}
}

// TestFindingsInWords: what is said of a selector names what was looked at.
func TestFindingsInWords(t *testing.T) {
	ann := session("shop/app")
	ann.Email, ann.Groups, ann.AMR, ann.Provider = "ann@example.com", []string{"dev", "ops"}, []string{"pwd"}, "corp"
	ann.Claims = []IdentityClaim{{Name: "department", Values: []string{"sales"}}}
	for _, tc := range []struct {
		selector Selector
		subject  *Subject
		want     string
	}{
		{Selector{Property: Email, Value: "bob@example.com"}, ann, "include[0] email bob@example.com: no  ann@example.com"},
		{Selector{Property: EmailDomain, Value: "example.com"}, ann, "include[0] emailDomain example.com: yes  ann@example.com"},
		{Selector{Property: IdPGroup, Value: "admins"}, ann, "include[0] idpGroup admins: no  groups of ann@example.com: dev, ops"},
		{Selector{Property: AuthMethod, Value: "mfa"}, ann, "include[0] authMethod mfa: no  this session has pwd"},
		{Selector{Property: LoginMethod, Value: "github"}, ann, "include[0] loginMethod github: no  signed in by corp"},
		{Selector{Property: OIDCClaim, Claim: &ClaimValue{Name: "department", Value: "eng"}}, ann,
			"include[0] claim department eng: no  of ann@example.com: sales"},
		{Selector{Property: Email, Value: "bob@example.com"}, nil, "include[0] email bob@example.com: unknown  it depends on who signs in"},
		{networks("10.0.0.0/8")[0], ann, "include[0] ip 10.0.0.0/8: unknown no the client's address is not known"},
	} {
		p := one(Rule{Action: Allow, Include: []Selector{tc.selector}})
		p.Source = Source{Namespace: "shop", Name: "app"}
		_, trace := mustBuild(t, p).Explain(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: tc.subject, Now: now})
		f := trace.last().Findings[0]
		if got := fmt.Sprintf("%s %s: %s %s %s", f.Field, f.Selector, f.Matches, f.Counts, f.Detail); got != tc.want {
			t.Errorf("%s\nwant %s", got, tc.want)
		}
	}
}

// TestFixes: a line that explain says to add is good, and has the preflight answered, or
// refused for what follows.
func TestFixes(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	pick := func(from ...string) string { return from[rng.IntN(len(from))] }
	some := func(from ...string) (out []string) {
		for _, s := range from {
			if rng.IntN(2) == 0 {
				out = append(out, s)
			}
		}
		return out
	}
	fixed, without := map[Reason]int{}, map[Reason]int{}
	for range 20_000 / every(4) {
		p := one(Rule{Action: Allow, Include: []Selector{{Property: Everyone}}})
		p.CORS = &CORS{
			AllowedOrigins: append(some("https://*.p.x.y", "http://localhost:*", "https://pr-*.x.y:8443", "null"), "https://a.x.y"),
			AllowedMethods: append(some("PUT", "DELETE"), "GET"), AllowedHeaders: some("X-Token", "Content-Type"),
			AllowCredentials: rng.IntN(2) == 0,
		}
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "OPTIONS", Now: now,
			Origin: pick("https://a.x.y", "http://a.x.y", "https://a.x.y:444", "https://b.p.x.y", "https://c.b.p.x.y", "null",
				"https://www.a.x.y", "https://pr-.x.y:8443", "https://a.x.y/", "https://*.x.y", "nonsense", "HTTPS://A.X.Y", "http://localhost:99999",
				"http://[::1]:80x", "http://localhost:3000"),
			Preflight: Preflight{Method: pick("GET", "PUT", "put", "PATCH", "TRACE", "G T", "*"),
				Headers: pick("", "x-token", "x-tokn", "x-token, x-other", "a b", "content-type,,x-y", strings.Repeat("x", 3000))}}
		d, trace := mustBuild(t, p).Explain(r)
		for steps := 0; d.Verdict != AnswerPreflight; steps++ {
			fix := trace.last().Fix
			if fix == nil {
				without[d.Reason]++
				break
			}
			value := strings.Trim(strings.TrimPrefix(fix.Line, "- "), `"`)
			list, is := map[string]*[]string{
				"spec.cors.allowedOrigins": &p.CORS.AllowedOrigins,
				"spec.cors.allowedMethods": &p.CORS.AllowedMethods,
				"spec.cors.allowedHeaders": &p.CORS.AllowedHeaders,
			}[fix.Field]
			if !is || slices.Contains(*list, value) || steps > 4 {
				t.Fatalf("%s %+.200v: %+v of %+v", r.Origin, r.Preflight, fix, p.CORS)
			}
			*list = append(*list, value)
			if issues := slices.DeleteFunc(Validate(&p), func(i Issue) bool { return i.Warning() }); len(issues) > 0 {
				t.Fatalf("%s %+.200v is told to add %+v, and then: %v", r.Origin, r.Preflight, fix, issues)
			}
			fixed[d.Reason]++
			d, trace = mustBuild(t, p).Explain(r)
		}
	}
	for _, why := range []Reason{OriginNotAllowed, MethodNotAllowed, HeaderNotAllowed} {
		if fixed[why] == 0 || without[why] == 0 {
			t.Errorf("%s: %d fixed, %d without a fix", why, fixed[why], without[why])
		}
	}
}

// TestRefusedPreflightsInWords: what is refused is said beside what is listed that is most like it.
func TestRefusedPreflightsInWords(t *testing.T) {
	p := one(Rule{Action: Allow, Include: []Selector{{Property: Everyone}}})
	p.CORS = &CORS{AllowedOrigins: []string{"https://shop.example.com", "https://*.preview.example.com", "http://localhost:3000"},
		AllowedMethods: []string{"GET", "PATCH"}, AllowedHeaders: []string{"X-Token"}}
	table := mustBuild(t, p)
	for _, tc := range []struct{ origin, method, headers, want string }{
		{"http://shop.example.com", "GET", "", "https://shop.example.com is, and the scheme differs, http and https"},
		{"https://shop.example.com:8443", "GET", "", "the port differs, 8443 and none"},
		{"http://localhost:5173", "GET", "", "http://localhost:3000 is, and the port differs, 5173 and 3000"},
		{"https://www.shop.example.com", "GET", "", "with and without www. are two origins"},
		{"https://a.b.preview.example.com", "GET", "", `"*" stands for one label, and a.b.preview.example.com has 2 in its place`},
		{"https://shpo.example.com", "GET", "", "https://shop.example.com is, and the host differs"},
		{"https://shop.example.com/", "GET", "", "without a path or a slash at the end"},
		{"https://other.example.org", "GET", "", "origin https://other.example.org is not listed"},
		{"null", "GET", "", "sandboxed frame"},
		{"https://shop.example.com", "patch", "", "PATCH is, and methods are case-sensitive"},
		{"https://shop.example.com", "DELETE", "", "allowed are GET, PATCH"},
		{"https://shop.example.com", "TRACE", "", "no page may use"},
		{"https://shop.example.com", "GET", "x-tokn", "x-token is"},
		{"https://shop.example.com", "GET", "x-token, x-trace-id", "header x-trace-id is not listed"},
	} {
		_, trace := table.Explain(Request{Target: mustTarget(t, "https://a.x/"), Method: "OPTIONS", Origin: tc.origin,
			Preflight: Preflight{Method: tc.method, Headers: tc.headers}, Now: now})
		if got := trace.last().Detail; !strings.Contains(got, tc.want) {
			t.Errorf("%s %s %s: %s\nwant %s", tc.origin, tc.method, tc.headers, got, tc.want)
		}
	}
}

// TestWhatAPreflightLacks: an OPTIONS that was meant as a preflight is told what it lacks.
func TestWhatAPreflightLacks(t *testing.T) {
	table := mustBuild(t, one(Rule{Action: Allow, Include: []Selector{{Property: Everyone}}}))
	for _, tc := range []struct{ method, origin, asks, want string }{
		{"OPTIONS", "https://o", "", "Access-Control-Request-Method is missing"},
		{"OPTIONS", "", "PUT", "Origin is missing"},
		{"OPTIONS", "", "", "Origin and Access-Control-Request-Method are missing"},
		{"OPTIONS", "https://o", "PUT", ""},
		{"GET", "", "", ""},
	} {
		_, trace := table.Explain(Request{Target: mustTarget(t, "https://a.x/"), Method: tc.method, Origin: tc.origin,
			Preflight: Preflight{Method: tc.asks}, Now: now})
		got := ""
		for _, s := range trace.Steps {
			if s.What == "preflight" && s.Outcome == "none" {
				got = s.Detail
			}
		}
		if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%+v: %q", tc, got)
		}
	}
}
