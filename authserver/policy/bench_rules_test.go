// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

// twentyRules are of mixed selectors. The session of ann@example.com is admitted by the last.
func twentyRules() []Rule {
	var out []Rule
	for i := range 3 {
		out = append(out, Rule{Action: Bypass, Methods: []string{"HEAD"}, Include: networks(fmt.Sprintf("10.%d.0.0/16", i))})
	}
	out = append(out,
		Rule{Action: ServiceAuth, Include: []Selector{{Property: Token, Value: "n/bot"}}},
		Rule{Action: ServiceAuth, Include: []Selector{{Property: Token, Value: "n/ci"}}, Require: networks("192.0.2.0/24")})
	for i := range 7 {
		out = append(
			out,
			Rule{Action: Block, Include: emails(fmt.Sprintf("leaver%d@example.com", i)), Exclude: networks("10.0.0.0/8")},
			Rule{
				Action:  Allow,
				Include: append(groups(fmt.Sprintf("team-%d", i)), emails(fmt.Sprintf("guest%d@example.org", i))...),
				Require: proof("mfa"),
			},
		)
	}
	return append(
		out,
		Rule{Action: Allow, Include: []Selector{{Property: EmailDomain, Value: "example.com"}}, Require: countries("DE", "NL"),
			Exclude: emails("mallory@example.com")},
	)
}

// BenchmarkDecideTwentyRules is what it costs to try many rules, beside a policy of one.
func BenchmarkDecideTwentyRules(b *testing.B) {
	requests := map[string]func(r *Request){
		"session": func(r *Request) {
			r.Subject = session("n/p")
			r.Subject.Email, r.Subject.Groups, r.Subject.AMR = "ann@example.com", []string{"team-x", "team-y"}, []string{"pwd", "mfa"}
		},
		"service token": func(r *Request) { r.Token = PresentedToken{ID: "id-ci", Secret: "new"} },
		"anonymous":     func(*Request) {},
	}
	want := map[string]Verdict{"session": Admit, "service token": Admit, "anonymous": Challenge}
	one := one(Rule{Action: ServiceAuth, Include: []Selector{{Property: Token, Value: "n/ci"}}},
		Rule{Action: Allow, Include: []Selector{{Property: EmailDomain, Value: "example.com"}}})
	twenty := one
	twenty.Rules = twentyRules()
	for name, set := range requests {
		for rules, p := range map[string]Policy{"1": one, "20": twenty} {
			table, _ := Build(Input{Policies: CompileAll([]Policy{p}), Tokens: tokens()})
			b.Run(name+"/"+rules, func(b *testing.B) {
				r := Request{
					Target:    mustTarget(b, "https://a.x/"),
					Method:    "GET",
					Address:   netip.MustParseAddr("192.0.2.7"),
					Countries: atlas{netip.MustParseAddr("192.0.2.7"): "NL"},
					Now:       now,
				}
				set(&r)
				if d := table.Decide(r); d.Verdict != want[name] {
					b.Fatal(brief(d))
				}
				b.ReportAllocs()
				for b.Loop() {
					table.Decide(r)
				}
			})
		}
	}
}

// BenchmarkGroups is what a decision costs whose eight rules name groups, up to eight below
// one another.
func BenchmarkGroups(b *testing.B) {
	set := append(chain(maxGroupDepth), groupOf("net", networks("10.0.0.0/8"), nil, nil))
	rule := Rule{Action: Block, Include: named("net"), Require: named("g8")}
	rules := append(slices.Repeat([]Rule{rule}, 7), Rule{Action: Allow, Include: named("g8")})
	table, _ := withGroups(set, one(rules...))
	r := Request{Target: mustTarget(b, "https://a.x/"), Method: "GET", Subject: session("n/p"), Now: now}
	r.Address = netip.MustParseAddr("11.1.1.1")
	b.ReportAllocs()
	for b.Loop() {
		if table.Decide(r).Verdict != Admit {
			b.Fatal("denied")
		}
	}
}
