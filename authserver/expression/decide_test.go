// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// alphabet is expressions, each with what it says, once more in Go. known: it can be told.
var alphabet = map[string]func(r *policy.Request, s *policy.Subject) (holds, known bool){
	"request.method == 'POST'": func(r *policy.Request, _ *policy.Subject) (bool, bool) { return r.Method == "POST", true },
	"request.path.startsWith('/a')": func(r *policy.Request, _ *policy.Subject) (bool, bool) {
		return strings.HasPrefix(r.Target.Path(), "/a"), r.Target.Canonical()
	},
	"cidr('10.0.0.0/8').containsIP(request.address)": func(r *policy.Request, _ *policy.Subject) (bool, bool) {
		return strings.HasPrefix(r.Address.Unmap().String(), "10."), r.Address.IsValid()
	},
	"request.origin == 'https://o.x'": func(r *policy.Request, _ *policy.Subject) (bool, bool) {
		return r.Origin == "https://o.x", !r.OriginUnread
	},
	"1 / size(request.origin) == 0": func(r *policy.Request, _ *policy.Subject) (bool, bool) {
		return len(r.Origin) > 1, r.Origin != "" && !r.OriginUnread
	},
	"identity.email.endsWith('@x')": func(_ *policy.Request, s *policy.Subject) (bool, bool) { return strings.HasSuffix(s.Email, "@x"), true },
	"'dev' in identity.groups && request.method != 'POST'": func(r *policy.Request, s *policy.Subject) (bool, bool) {
		return slices.Contains(s.Groups, "dev") && r.Method != "POST", true
	},
	"'mfa' in identity.amr || identity.provider == 'corp'": func(_ *policy.Request, s *policy.Subject) (bool, bool) {
		return slices.Contains(s.AMR, "mfa") || s.Provider == "corp", true
	},
}

// TestOracleDecisions holds decisions by expressions against the functions beside them,
// of somebody who is signed in, wherever in a rule the expression stands.
func TestOracleDecisions(t *testing.T) {
	all := []policy.Selector{{Property: policy.Everyone}}
	admitted, denied := 0, 0
	for text, says := range alphabet {
		it := []policy.Selector{{Property: policy.Expression, Condition: Compile(text)}}
		for place, rule := range map[string]policy.Rule{
			"include": {Include: it}, "require": {Include: all, Require: it}, "exclude": {Include: all, Exclude: it},
		} {
			for _, action := range []policy.Action{policy.Allow, policy.Block} {
				rule.Action = action
				p := policy.Policy{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"}, AllowCrossSite: true,
					Rules: []policy.Rule{rule, {Action: policy.Block + policy.Allow - action, Include: all}}}
				table, issues := policy.Build(policy.Input{Policies: []*policy.Compiled{policy.Compile(&p)}})
				if len(issues) > 0 {
					t.Fatal(text, issues)
				}
				each(t, func(r *policy.Request) {
					holds, known := says(r, r.Subject)
					if place == "exclude" {
						holds = !holds
					}
					matches := holds
					if !known {
						matches = action == policy.Block // against the visitor
					}
					d := table.Decide(*r)
					if got := d.Source.Field == "spec.rules[0]"; got != matches || (d.Verdict == policy.Admit) != (matches == (action == policy.Allow)) {
						t.Fatalf("%s in %s of %s, %s %s %v %q: %v %s, want a match: %v", text, place, action, r.Method, r.Target.Path(), r.Address,
							r.Origin, d.Verdict, d.Source.Field, matches)
					}
					if d.Verdict == policy.Admit {
						admitted++
					} else {
						denied++
					}
				})
			}
		}
	}
	if admitted == 0 || denied == 0 {
		t.Error("the test is blind")
	}
}

func each(t *testing.T, visit func(*policy.Request)) {
	t.Helper()
	for _, path := range []string{"/", "/a", "/b/..;/a", "/A"} {
		target, err := policy.ParseTarget("https://a.x" + path)
		if err != nil {
			t.Fatal(err)
		}
		for _, method := range []string{"GET", "POST"} {
			for _, addr := range []string{"", "10.1.1.1", "::ffff:10.1.1.1", "11.1.1.1"} {
				for _, origin := range []string{"", "https://o.x", "unread"} {
					for i := range 8 {
						s := &policy.Subject{ID: "1", Email: []string{"ann@x", "bob@y"}[i&1], Audience: []string{"n/p"}, SignedInAt: birth,
							IssuedAt: birth, ExpiresAt: birth.AddDate(0, 0, 1)}
						if i&2 > 0 {
							s.Groups = []string{"ops", "dev"}
						}
						if i&4 > 0 {
							s.AMR, s.Provider = []string{"pwd", "mfa"}, "corp"
						}
						r := &policy.Request{Target: target, Method: method, Origin: origin, Subject: s, Now: birth}
						if origin == "unread" {
							r.Origin, r.OriginUnread = "", true
						}
						r.Address, _ = netip.ParseAddr(addr)
						visit(r)
					}
				}
			}
		}
	}
}

// TestSignInFirst: who is not signed in is asked to as soon as an expression is about that.
func TestSignInFirst(t *testing.T) {
	for text, want := range map[string]policy.Verdict{
		"identity.email == 'ann@x'":                             policy.Challenge,
		"identity.email == 'ann@x' && request.method == 'POST'": policy.Challenge,
		"request.method == 'POST'":                              policy.Deny,
		"request.method == 'GET'":                               policy.Challenge, // as an Allow rule asks who it is
	} {
		p := policy.Policy{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"},
			Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Expression, Condition: Compile(text)}}}}}
		table, _ := policy.Build(policy.Input{Policies: []*policy.Compiled{policy.Compile(&p)}})
		target, _ := policy.ParseTarget("https://a.x/")
		if d := table.Decide(policy.Request{Target: target, Method: "GET", Now: birth}); d.Verdict != want {
			t.Errorf("%s: %s", text, d.Verdict)
		}
	}
}

// BenchmarkDecide is a decision about somebody who is signed in, by selectors and by
// expressions that say the same.
func BenchmarkDecide(b *testing.B) {
	domain := policy.Selector{Property: policy.EmailDomain, Value: "example.com"}
	for name, list := range map[string][]policy.Selector{
		"emailDomain": {domain},
		"cel":         {{Property: policy.Expression, Condition: Compile("identity.email.endsWith('@example.com')")}},
		"cel of both": {{Property: policy.Expression,
			Condition: Compile("identity.email.endsWith('@example.com') && cidr('10.0.0.0/8').containsIP(request.address)")}},
	} {
		b.Run(name, func(b *testing.B) {
			p := policy.Policy{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"},
				Rules: []policy.Rule{{Action: policy.Allow, Include: list}}}
			table, issues := policy.Build(policy.Input{Policies: []*policy.Compiled{policy.Compile(&p)}})
			target, _ := policy.ParseTarget("https://a.x/")
			r := policy.Request{Target: target, Method: "GET", Now: birth, Address: netip.MustParseAddr("10.1.1.1"),
				Subject: &policy.Subject{ID: "1", Email: "ann@example.com", Audience: []string{"n/p"},
					SignedInAt: birth, IssuedAt: birth, ExpiresAt: birth.AddDate(0, 0, 1)}}
			if d := table.Decide(r); d.Verdict != policy.Admit {
				b.Fatal(fmt.Sprint(issues, d))
			}
			b.ReportAllocs()
			for b.Loop() {
				table.Decide(r)
			}
		})
	}
}
