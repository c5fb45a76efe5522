// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"testing"
)

// TestLintSays: which rules stand before another, by name, and what comes of it.
func TestLintSays(t *testing.T) {
	ann := emails("ann@example.com")
	two := []Rule{
		{Name: "a", Action: Allow, Include: groups("g")},
		{Name: "z", Action: Allow, Include: everyone(), Exclude: groups("g")},
		{Action: Allow, Include: ann},
	}
	for name, tc := range map[string]struct {
		rules []Rule
		want  []string
	}{
		"one": {[]Rule{{Action: Block, Include: everyone()}, {Name: "x", Action: Allow, Include: ann}},
			[]string{`the Block rule spec.rules[0] matches first whatever the Allow rule "x" matches, so it decides nothing`}},
		"two, by name": {two,
			[]string{`the Allow rule "a" and the Allow rule "z" match first whatever the Allow rule spec.rules[2] matches, so it decides nothing`}},
		"a contradiction": {[]Rule{{Name: "x", Action: Block, Include: ann, Exclude: everyone()}},
			[]string{`the Block rule "x" can match nobody: what it includes, requires and excludes contradict each other`}},
		"one before is not known": {slices.Concat([]Rule{{Action: Block, Include: countries("NL")}}, two), nil},
		"one after is not known":  {slices.Concat(two[:2], []Rule{{Action: Block, Include: countries("NL")}}), nil},
		"none":                    {nil, []string{"there are no rules, so all requests are denied"}},
	} {
		var got []string
		for _, issue := range Lint([]Policy{one(tc.rules...)}, nil) {
			got = append(got, issue.Message)
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestLintWork: what takes as much work as it may is judged, and what takes more is left alone.
func TestLintWork(t *testing.T) {
	const shadowed = "spec.rules[1] rule-never-reached"
	many := func(n int, one func(i int) []Selector) (out []Selector) {
		for i := range n {
			out = append(out, one(i)...)
		}
		return out
	}
	group := func(i int) []Selector { return groups(fmt.Sprint("g", i)) }
	method := func(i int) []Selector { return proof(fmt.Sprint("m", i)) }
	value := func(i int) []Selector { return hasClaim("a", fmt.Sprint(i)) }
	address := func(i int) []Selector { return emails(fmt.Sprintf("u%d@x", i)) }
	// Two rules, 5 methods, 25 addresses, 5 providers, 32 sets of groups and 5 networks.
	bound := slices.Concat(many(5, group), many(23, address), many(4, func(i int) []Selector { return provider(fmt.Sprint("p", i)) }),
		networks("10.0.0.0/24", "10.0.1.0/24"))
	if lintWork != 2*5*25*5*32*5 {
		t.Fatal(lintWork)
	}
	methods := []string{"GET", "PUT", "POST", "DELETE"}
	for name, tc := range map[string]struct {
		include []Selector
		methods []string
		want    string
	}{
		"8 groups": {many(8, group), nil, shadowed}, "9 groups": {many(9, group), nil, ""},
		"8 proofs": {many(8, method), nil, shadowed}, "9 proofs": {many(9, method), nil, ""},
		"8 values": {many(8, value), nil, shadowed}, "9 values": {many(9, value), nil, ""},
		"all there is": {bound, methods, shadowed}, "one more": {append(bound, address(99)...), methods, ""},
	} {
		p := one(Rule{Action: Allow, Include: everyone()}, Rule{Action: Allow, Include: tc.include, Methods: tc.methods})
		if got := linted(&p); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

// TestLintCandidatesOnce: what several rules name, by turns, is tried once. So are groups.
func TestLintCandidatesOnce(t *testing.T) {
	set := []Group{groupOf("staff", emails("b@x"), nil, nil), groupOf("all", named("staff", "staff"), named("staff"), nil), groupOf("broken", nil, nil, nil)}
	l := lint{table: &Table{groups: newGroups(CompileGroups(set))}}
	list := slices.Concat(networks("10.0.0.0/8", "11.0.0.0/8", "10.0.0.0/8"), groups("b", "a", "b"), named("all", "staff", "broken", "none", "all"))
	p := one(Rule{Action: Allow, Include: list, Methods: []string{"PUT", "GET"}}, Rule{Action: Allow, Include: list, Methods: []string{"GET", "PUT"}})
	var rules []*rule
	for i := range Compile(&p).app.identity {
		rules = append(rules, &Compile(&p).app.identity[i])
	}
	written := l.written(rules)
	if len(written) != len(rules)+2 {
		t.Errorf("%d rules and groups, want %d", len(written), len(rules)+2)
	}
	sets, _ := powerset([]string{"a", "b"})
	for what, got := range map[string]string{
		"methods [\x00another GET PUT]":                     fmt.Sprint("methods ", methodsOf(written)),
		"groups [a b]":                                      fmt.Sprint("groups ", valuesOf(written, IdPGroup)),
		"addresses [0.0.0.0 10.0.0.0 11.0.0.0 12.0.0.0 ::]": fmt.Sprint("addresses ", addressesOf(written)),
		"emails [ \x00another@\x00another b@x]":             fmt.Sprint("emails ", emailsOf(written)),
		"of two [[] [a] [b] [a b]]":                         fmt.Sprint("of two ", sets),
	} {
		if got != what {
			t.Errorf("%q, want %q", got, what)
		}
	}
}
