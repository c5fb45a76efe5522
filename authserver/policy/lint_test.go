// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func linted(p *Policy, groups ...Group) string {
	var out []string
	for _, i := range Lint([]Policy{*p}, CompileGroups(groups)) {
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
	if got := Lint([]Policy{p}, nil); len(got) != 1 || !got[0].Warning() || got[0].Source.String() != "n/p spec.rules[1]" ||
		got[0].Message != `the Bypass rule "all" matches first whatever the Allow rule spec.rules[1] matches, so it never asks anybody to sign in` {
		t.Errorf("%+v", got)
	}
}

// TestLintGroups: Lint looks into groups, and leaves out what it cannot tell.
func TestLintGroups(t *testing.T) {
	set := []Group{
		groupOf("staff", []Selector{{Property: EmailDomain, Value: "example.com"}}, nil, emails("bob@example.com")),
		groupOf("ann", emails("ann@example.com"), nil, nil),
		groupOf("world", everyone(), nil, nil),
		groupOf("office", networks("10.0.0.0/8"), nil, nil),
		groupOf("floor", networks("10.1.0.0/16"), nil, nil),
		groupOf("nested", named("ann"), nil, nil),
		groupOf("abroad", countries("NL"), nil, nil),
		groupOf("broken", nil, nil, nil),
	}
	bypass := func(names ...string) Rule { return Rule{Action: Bypass, Include: named(names...)} }
	allow := func(names ...string) Rule { return Rule{Action: Allow, Include: named(names...)} }
	block := func(names ...string) Rule { return Rule{Action: Block, Include: named(names...)} }
	for name, tc := range map[string]struct {
		rules []Rule
		want  string
	}{
		"bypassed":                      {[]Rule{allow("staff"), bypass("world")}, "spec.rules[0] rule-bypassed"},
		"bypassed at the office":        {[]Rule{allow("staff"), bypass("office")}, ""},
		"an Allow of less than that":    {[]Rule{{Action: Allow, Include: named("staff"), Require: named("floor")}, bypass("office")}, "spec.rules[0] rule-bypassed"},
		"an Allow of more than that":    {[]Rule{{Action: Allow, Include: named("staff"), Require: named("office")}, bypass("floor")}, ""},
		"never reached":                 {[]Rule{allow("staff"), block("nested")}, "spec.rules[1] rule-never-reached"},
		"reached by whom it leaves out": {[]Rule{allow("staff"), {Action: Block, Include: emails("bob@example.com")}}, ""},
		"matches nobody":                {[]Rule{{Action: Allow, Include: named("ann"), Exclude: named("staff")}}, "spec.rules[0] rule-matches-nobody"},
		"not known: a country":          {[]Rule{allow("staff"), bypass("abroad")}, ""},
		"not known: a missing group":    {[]Rule{allow("staff", "nobody"), bypass("world")}, ""},
		"not known: a broken group":     {[]Rule{allow("staff"), bypass("broken")}, ""},
		"a Bypass rule that is blind":   {[]Rule{allow("ann"), bypass("nested")}, ""},
	} {
		p := one(tc.rules...)
		if got := linted(&p, set...); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
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
	var set []Group // one for each selector, which means the same
	for i, s := range selectors {
		set = append(set, groupOf(string(rune('a'+i)), []Selector{s}, nil, nil))
	}
	groups := CompileGroups(set)
	table := &Table{groups: newGroups(groups)}
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
									table:   table,
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
			i := random.IntN(len(selectors))
			switch s := selectors[i]; {
			case relaxes && s.Property.identifies():
			case random.IntN(3) == 0:
				out = append(out, named(set[i].Source.Name)...)
			default:
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
		for _, i := range Lint([]Policy{p}, groups) {
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
