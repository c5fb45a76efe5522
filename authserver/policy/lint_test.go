// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func linted(p *Policy) string {
	var out []string
	for _, i := range Lint(p) {
		out = append(out, i.Source.Field+" "+string(i.Code))
	}
	return strings.Join(out, ", ")
}

func TestLint(t *testing.T) {
	in := func(list ...Selector) []Selector { return list }
	everyone, staff := Selector{Property: Everyone}, Selector{Property: EmailDomain, Value: "example.com"}
	ann := Selector{Property: Email, Value: "ann@example.com"}
	network := func(of ...string) Selector {
		s := Selector{Property: Address}
		for _, n := range of {
			s.Networks = append(s.Networks, netip.MustParsePrefix(n))
		}
		return s
	}
	group := func(v string) Selector { return Selector{Property: IdPGroup, Value: v} }
	for name, tc := range map[string]struct {
		rules     []Rule
		providers []string
		want      string
	}{
		"no rules":   {nil, nil, "spec.rules no-rules"},
		"plain":      {[]Rule{{Action: Allow, Include: in(staff)}}, nil, ""},
		"two emails": {[]Rule{{Action: Allow, Include: in(everyone), Require: in(ann, Selector{Property: Email, Value: "bob@example.com"})}}, nil, "spec.rules[0] rule-matches-nobody"},
		"excluded":   {[]Rule{{Action: Allow, Include: in(ann), Exclude: in(staff)}}, nil, "spec.rules[0] rule-matches-nobody"},
		"all but":    {[]Rule{{Action: Allow, Include: in(staff), Exclude: in(ann)}}, nil, ""},
		"a provider that is not for it": {[]Rule{{Action: Allow, Include: in(Selector{Property: LoginMethod, Value: "old"})}}, []string{"corp"},
			"spec.rules[0] rule-matches-nobody"},
		"networks apart":  {[]Rule{{Action: Bypass, Include: in(network("10.0.0.0/8")), Require: in(network("192.0.2.0/24"))}}, nil, "spec.rules[0] rule-matches-nobody"},
		"a hole":          {[]Rule{{Action: Bypass, Include: in(network("10.0.0.0/8")), Exclude: in(network("10.0.0.0/9", "10.128.0.0/9"))}}, nil, "spec.rules[0] rule-matches-nobody"},
		"nearly a hole":   {[]Rule{{Action: Bypass, Include: in(network("10.0.0.0/8")), Exclude: in(network("10.0.0.0/9", "10.129.0.0/16"))}}, nil, ""},
		"bypassed":        {[]Rule{{Action: Allow, Include: in(staff)}, {Action: Bypass, Include: in(everyone)}}, nil, "spec.rules[0] rule-bypassed"},
		"bypassed partly": {[]Rule{{Action: Allow, Include: in(staff)}, {Action: Bypass, Include: in(everyone), Methods: []string{"GET"}}}, nil, ""},
		"shadowed":        {[]Rule{{Action: Allow, Include: in(staff)}, {Action: Block, Include: in(ann)}}, nil, "spec.rules[1] rule-never-reached"},
		"block first":     {[]Rule{{Action: Block, Include: in(ann)}, {Action: Allow, Include: in(staff)}}, nil, ""},
		"shadowed by two": {[]Rule{{Action: Allow, Include: in(group("a"))}, {Action: Allow, Include: in(everyone), Exclude: in(group("a"))}, {Action: Allow, Include: in(ann)}},
			nil, "spec.rules[2] rule-never-reached"},
		"ServiceAuth is about machines": {[]Rule{{Action: ServiceAuth, Include: in(everyone)}, {Action: Allow, Include: in(staff)}}, nil, ""},
		"claims apart": {[]Rule{{Action: Allow, Include: hasClaimBy("corp", "a", "1"), Require: hasClaimBy("guests", "b", "1")}}, nil,
			"spec.rules[0] rule-matches-nobody"},
		"claims": {[]Rule{{Action: Block, Include: hasClaim("a", "1")}, {Action: Allow, Include: hasClaim("a", "2")}}, nil, ""},
		"claims shadowed": {[]Rule{{Action: Allow, Include: hasClaim("a", "1")}, {Action: Block, Include: hasClaimBy("corp", "a", "1")}}, nil,
			"spec.rules[1] rule-never-reached"},
		"with a mistake": {[]Rule{{Action: Allow}}, nil, ""},
	} {
		p := Policy{Source: Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"}, Rules: tc.rules, IdentityProviders: tc.providers}
		if got := linted(&p); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
	rules := []Rule{{Name: "all", Action: Bypass, Include: in(everyone)}, {Action: Allow, Include: in(staff)}}
	p := Policy{Source: Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"}, Rules: rules}
	if got := Lint(&p); len(got) != 1 || !got[0].Warning() || got[0].Source.String() != "n/p spec.rules[1]" ||
		got[0].Message != `the Bypass rule "all" matches first whatever the Allow rule spec.rules[1] matches, so it never asks anybody to sign in` {
		t.Errorf("%+v", got)
	}
}

// TestLintTooMuch: what would take too long is left alone.
func TestLintTooMuch(t *testing.T) {
	var rules []Rule
	for i := range 32 {
		r := Rule{Action: Allow}
		for j := range 64 {
			r.Include = append(r.Include, Selector{Property: IdPGroup, Value: strings.Repeat("g", i+1) + strings.Repeat("h", j)})
		}
		rules = append(rules, r)
	}
	if got := linted(&Policy{Hosts: []string{"a.x"}, Rules: rules}); got != "" {
		t.Error(got)
	}
}

// TestLintOracle compares what Lint finds with all visitors of a small world.
func TestLintOracle(t *testing.T) {
	nets := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/24"),
		netip.MustParsePrefix("10.0.0.0/16"),
		netip.MustParsePrefix("::ffff:10.0.0.0/112"),
	}
	selectors := []Selector{
		{Property: Everyone},
		{Property: Email, Value: "a@x"},
		{Property: Email, Value: "b@y"},
		{Property: EmailDomain, Value: "x"},
		{
			Property: IdPGroup,
			Value:    "g",
		},
		{Property: IdPGroup, Value: "h"},
		{Property: LoginMethod, Value: "p"},
		{Property: AuthMethod, Value: "m"},
		hasClaim("a", "1")[0],
		hasClaimBy("p", "a", "2")[0],
		{Property: Address, Networks: nets[:1]},
		{Property: Address, Networks: nets[1:2]},
		{Property: Address, Networks: nets[2:]},
	}
	var visitors []visitor
	for _, email := range []string{"", "a@x", "c@x", "b@y", "c@y"} {
		for _, groups := range [][]string{nil, {"g"}, {"h"}, {"g", "h"}} {
			for _, provider := range []string{"p", "q"} {
				for _, amr := range [][]string{nil, {"m"}} {
					for _, a := range []string{"10.0.0.1", "10.0.1.1", "192.0.2.1"} {
						for _, claims := range [][]IdentityClaim{nil, {saying("a", "1")}, {saying("a", "2")}, {saying("a", "1", "2")}} {
							visitors = append(
								visitors,
								visitor{
									subject: &Subject{Email: email, Groups: groups, Provider: provider, AMR: amr, Claims: claims},
									address: netip.MustParseAddr(a),
								},
							)
						}
					}
				}
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(most int, relaxes bool) (out []Selector) {
		for range random.IntN(most + 1) {
			if s := selectors[random.IntN(len(selectors))]; !relaxes || !s.Property.identifies() {
				out = append(out, s)
			}
		}
		return out
	}
	found := map[Code]int{}
	for range 3000 / every(1) {
		p := Policy{Source: Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"}}
		for range 1 + random.IntN(4) {
			r := Rule{Action: []Action{Block, Allow, Allow, Bypass}[random.IntN(4)]}
			relaxes := r.Action.relaxes()
			r.Require, r.Exclude = pick(2, relaxes), pick(2, relaxes)
			for len(r.Include) == 0 {
				r.Include = pick(2, relaxes)
			}
			if random.IntN(4) == 0 {
				r.Methods = []string{"GET"}
			}
			p.Rules = append(p.Rules, r)
		}
		c := Compile(&p)
		rules := slices.Concat(c.app.relaxing, c.app.identity)
		want := map[string]bool{}
		for i := range rules {
			want[rules[i].field] = !slices.ContainsFunc(visitors, func(v visitor) bool {
				return slices.ContainsFunc([]string{"GET", "PUT"}, func(method string) bool {
					first := slices.IndexFunc(rules[:i+1], func(r rule) bool { return r.match(method, &v) == yes })
					return first == i
				})
			})
		}
		got := map[string]bool{}
		for _, i := range Lint(&p) {
			got[i.Source.Field] = true
			found[i.Code]++
		}
		for field, silent := range want {
			if got[field] != silent {
				t.Fatalf("%+v\n%s: found %v, and it decides nothing: %v", p.Rules, field, got[field], silent)
			}
		}
	}
	for _, code := range []Code{codeNeverMatches, codeShadowed, codeBypassed} {
		if found[code] == 0 {
			t.Errorf("%s never came up: the test is blind", code)
		}
	}
}
