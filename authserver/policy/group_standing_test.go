// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestGroupsBecome: whichever group comes in place of which, what is said of those who name it
// is what Build says: of groups that are missing, mistaken, or look at something else.
func TestGroupsBecome(t *testing.T) {
	seen := &tiny{text: "ten", looks: Looks{Request: true}, cost: 1}
	was := map[string][]Group{
		"none":     nil,
		"missing":  {groupOf("other", everyone(), nil, nil)},
		"mistaken": {groupOf("g", nil, nil, nil)},
		"everyone": {groupOf("g", everyone(), nil, nil)},
		"email":    {groupOf("g", emails("ann@x"), nil, nil)},
		"idp":      {groupOf("g", groups("staff"), nil, nil)},
		"ip":       {groupOf("g", networks("10.0.0.0/8"), nil, nil)},
		"country":  {groupOf("g", countries("NL"), nil, nil)},
		"request":  {groupOf("g", cel(seen), nil, nil)},
		"identity": {groupOf("g", cel(isAnn), nil, nil)},
		"card":     {groupOf("g", certificate("ci"), nil, nil)},
		"circle":   {groupOf("g", named("h"), nil, nil), groupOf("h", named("g"), nil, nil)},
	}
	policies := CompileAll([]Policy{one(Rule{Action: Bypass, Include: named("g")}, Rule{Action: Allow, Include: named("g")})})
	see := func(table *Table, issues []Issue) string {
		return table.Revision() + "\n" + spoken(issues) + fmt.Sprint(brief(get(table, "https://a.x/", true)))
	}
	all := map[string]bool{}
	for from, before := range was {
		for to, after := range was {
			in := Input{Policies: policies, Groups: CompileGroups(after), Terms: Terms{NoCountries: true}}
			var a Assembler
			a.SetTerms(in.Terms)
			a.Set("1", policies[0])
			a.SetGroups(CompileGroups(before))
			a.Table()
			a.SetGroups(in.Groups)
			want := see(Build(in))
			if got := see(a.Table(), a.Issues()); got != want {
				t.Errorf("from %s to %s:\n%s\nwant\n%s", from, to, got, want)
			}
			all[want] = true
		}
	}
	if len(all) != len(was) {
		t.Errorf("%d kinds of groups, and %d things to say", len(was), len(all))
	}
}

// TestGroupsSayWhatIsBehindThem: what stands for the groups of a policy is another one after a
// change of any group behind them, and only then.
func TestGroupsSayWhatIsBehindThem(t *testing.T) {
	p := one(Rule{Action: Allow, Include: named("a", "z")})
	says := func(set ...Group) string {
		table, _ := withGroups(set)
		return table.SaysOfGroups(&p)
	}
	b, c, other := groupOf("b", named("c"), nil, nil), groupOf("c", emails("ann@x"), nil, nil), groupOf("other", everyone(), nil, nil)
	a := groupOf("a", named("b"), nil, nil)
	base := says(a, b, c)
	seen := map[string]string{base: "as it was"}
	for name, set := range map[string][]Group{
		"a differs":      {groupOf("a", named("b"), everyone(), nil), b, c},
		"b differs":      {a, groupOf("b", append(named("c"), emails("bob@x")...), nil, nil), c},
		"c differs":      {a, b, groupOf("c", emails("eve@x"), nil, nil)},
		"c has a fault":  {a, b, groupOf("c", nil, nil, nil)},
		"z is there":     {a, b, c, groupOf("z", everyone(), nil, nil)},
		"a is not there": {b, c},
	} {
		got := says(set...)
		if like, is := seen[got]; is {
			t.Errorf("%s says the same as %s", name, like)
		}
		seen[got] = name
	}
	if says(other, c, b, a) != base || says(a, b, c, groupOf("z", nil, nil, nil)) != base {
		t.Error("the order, another group, or why one cannot be used, is none of it")
	}
}

// TestMistakenGroupsSayNothing: of a group that cannot be used nothing is looked at.
func TestMistakenGroupsSayNothing(t *testing.T) {
	token := []Selector{{Property: JWT, JWT: &TokenMatch{Issuer: "ci", Audience: "shop"}}}
	set := []Group{
		groupOf("m", append(append(groups("staff"), emails("ann@x")...), token...), []Selector{{Property: LinkedApp, Value: "n/q"}}, nil),
		groupOf("m", token, []Selector{{Property: LinkedApp, Value: "n/r"}}, nil), // twice, whichever is first
		groupOf("jwt", []Selector{{Property: JWT}}, nil, nil),
	}
	p := one(Rule{Action: Allow, Include: append(named("m", "jwt"), emails("bob@x")...)})
	table, issues := withGroups(set, p)
	for _, name := range []string{"m", "jwt"} {
		if lists, ok := table.GroupOf(name); ok || len(lists[0])+len(lists[1])+len(lists[2]) > 0 {
			t.Errorf("%s: %v, %v", name, lists, ok)
		}
		if g := table.groups.find(name); len(g.tokens)+len(g.links) > 0 || g.looks != 0 || g.email || g.identifies || g.sifts {
			t.Errorf("%s: %+v", name, g)
		}
	}
	in, _ := table.SignIn(mustTarget(t, "https://a.x/"), "")
	if len(in.Reads.Groups) > 0 {
		t.Errorf("a sign-in looks at %v", in.Reads.Groups)
	}
	if !slices.ContainsFunc(issues, func(i Issue) bool { return i.Source.Name == "jwt" && !i.Warning() }) {
		t.Errorf("a jwt without anything is right: %v", issues)
	}
}

// TestReadsOfGroupsOfGroups: what a group looks at that another one names is asked about, in one
// order and once.
func TestReadsOfGroupsOfGroups(t *testing.T) {
	deep := []Group{groupOf("a", named("b", "c"), nil, nil), groupOf("b", groups("z", "m"), nil, groups("a")), groupOf("c",
		named("b"), groups("m", "b"), nil)}
	flat := []Group{groupOf("a", groups("a", "b"), groups("m", "z"), groups("z"))}
	asked := map[string]bool{}
	for _, set := range [][]Group{deep, flat} {
		table, _ := withGroups(set, one(Rule{Action: Allow, Include: named("a")}))
		in, _ := table.SignIn(mustTarget(t, "https://a.x/"), "")
		if !slices.Equal(in.Reads.Groups, []string{"a", "b", "m", "z"}) {
			t.Errorf("%v", in.Reads.Groups)
		}
		asked[in.Reads.Asked()] = true
	}
	if len(asked) != 1 {
		t.Error("the same is asked, and stands for something else")
	}
	for _, links := range [][]string{{"n/q", "n/b", "n/q"}, {"n/b", "n/q"}} {
		var list []Selector
		for _, l := range links {
			list = append(list, Selector{Property: LinkedApp, Value: l})
		}
		var a Assembler
		p := one(Rule{Action: ServiceAuth, Include: named("l", "m")})
		a.Set("1", Compile(&p))
		a.SetGroups(CompileGroups([]Group{groupOf("l", list, nil, nil), groupOf("m", list[:1], nil, nil)}))
		a.Table()
		if got := a.groupReads[groupKey([]string{"l", "m"})].links; !slices.Equal(got, []string{"n/b", "n/q"}) {
			t.Errorf("%v: linked to %v", links, got)
		}
	}
}

// TestEmailsBehindGroups: a group that leaves out a group which leads to addresses sifts, however
// long the way is.
func TestEmailsBehindGroups(t *testing.T) {
	set := []Group{groupOf("c", emails("ann@x"), nil, nil), groupOf("b", append(networks("10.0.0.0/8"), named("c")...), nil, nil),
		groupOf("a", everyone(), nil, named("b")), groupOf("n", networks("10.0.0.0/8"), nil, nil), groupOf("e", everyone(), nil, named("n"))}
	for name, want := range map[string]bool{"a": true, "b": false, "c": false, "e": false} {
		table, _ := withGroups(set)
		if g := table.groups.find(name); g.sifts != want || g.email != (name == "a" || name == "b" || name == "c") {
			t.Errorf("%s: sifts %v, email %v", name, g.sifts, g.email)
		}
	}
}

// TestBoundsOfGroups: what is at a bound is right, and one more is not.
func TestBoundsOfGroups(t *testing.T) {
	addresses := func(n int) (out []Selector) {
		for i := range n {
			out = append(out, emails(fmt.Sprintf("p%d@x", i))...)
		}
		return out
	}
	ask := func(n int) (out []Selector) {
		for i := range n {
			out = append(out, evaluates(fmt.Sprintf("https://e%d.x/", i))...)
		}
		return out
	}
	costs := func(n uint64) []Selector { return cel(&tiny{text: "POST", looks: Looks{Request: true}, cost: n}) }
	bad := Group{Source: Source{Name: "Bad"}, Include: everyone(), Defects: []Issue{{Source: Source{Name: "Bad",
		Field: "metadata.name"}, Code: codeGroupName}}}
	other := Group{Source: Source{Name: "Bad"}, Include: everyone(), Defects: []Issue{{Source: Source{Name: "Bad",
		Field: "spec.include"}, Code: codeInclude}}}
	// 32 groups of 127 selectors and their name are 4096.
	large := func(more int) []Group {
		set := []Group{groupOf("g", nil, addresses(more), nil)}
		for i := range 32 {
			set = append(set, groupOf(fmt.Sprint("h", i), addresses(127), nil, nil))
			set[0].Include = append(set[0].Include, named(fmt.Sprint("h", i))...)
		}
		return set
	}
	for _, c := range []struct {
		name string
		set  []Group
		want []Code
	}{
		{"as large as may be", large(0), nil},
		{"larger", large(1), []Code{codeGroupLarge}},
		{"four services", []Group{groupOf("g", ask(4), nil, nil)}, nil},
		{"five services", []Group{groupOf("g", ask(5), nil, nil)}, []Code{codeEvaluations}},
		{"as dear as may be", []Group{groupOf("g", costs(MaxConditionsCost), nil, nil)}, nil},
		{"dearer", []Group{groupOf("g", costs(MaxConditionsCost), cel(isPost), nil)}, []Code{codeConditions}},
		{"a name that was found wrong before", []Group{bad}, []Code{codeGroupName}},
		{"a name, and something else", []Group{other}, []Code{codeGroupName, codeInclude}},
	} {
		_, issues := Build(Input{Groups: CompileGroups(c.set), Terms: Terms{AllEvaluations: true}})
		var got []Code
		for _, i := range issues {
			got = append(got, i.Code)
		}
		slices.Sort(got)
		slices.Sort(c.want)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestCirclesInOrder: of several circles of one length the first by name is told, in whatever
// order groups are named, and if there are two groups of a name.
func TestCirclesInOrder(t *testing.T) {
	b, c := groupOf("b", named("a"), nil, nil), groupOf("c", named("a"), nil, nil)
	for _, set := range [][]Group{
		{groupOf("a", named("c", "b"), nil, nil), b, c}, {groupOf("a", named("b"), named("c"), nil), b, c},
		{groupOf("a", named("c"), nil, nil), groupOf("a", named("b"), nil, nil), b, c},
		{groupOf("a", named("b"), nil, nil), groupOf("a", named("c"), nil, nil), b, c},
	} {
		_, issues := withGroups(set)
		if text := spoken(issues); !strings.Contains(text, "by way of others: a → b → a") {
			t.Errorf("%s", text)
		}
	}
}

// TestUsesOfGroupsAreSorted: who uses a group, and what is wrong with it, is told in one order.
func TestUsesOfGroupsAreSorted(t *testing.T) {
	var a Assembler
	a.SetTerms(Terms{NoCountries: true})
	a.SetGroups(CompileGroups([]Group{groupOf("g", append(countries("NL"), named("none")...), nil, named("nil"))}))
	var want []Source
	for i := range 20 {
		p := of("n", fmt.Sprintf("p%02d", i), i, Allow, []string{fmt.Sprint("h", i, ".x")})
		p.Rules = []Rule{{Action: Allow, Include: named("g")}}
		a.Set(fmt.Sprint(i), Compile(&p))
		want = append(want, p.Source)
	}
	a.Table()
	use := a.GroupUses()["g"]
	if !slices.Equal(use.Policies, want) {
		t.Errorf("%v", use.Policies)
	}
	if !slices.IsSortedFunc(use.Issues, func(x, y Issue) int { return compareSource(x.Source, y.Source) }) || len(use.Issues) != 3 {
		t.Errorf("%v", use.Issues)
	}
}

// TestAnswersAreKeptApart: whether somebody is in a group where nothing can be known has an answer
// of its own for rules that admit and for those that block; and what is known of a group is not
// taken for what is known of one that has its place.
func TestAnswersAreKeptApart(t *testing.T) {
	table, _ := withGroups([]Group{groupOf("g", networks("10.0.0.0/8"), nil, nil)},
		one(Rule{Action: Bypass, Include: named("g")}, Rule{Action: Block, Include: named("g")}, Rule{Action: Allow, Include: everyone()}))
	if got := brief(get(table, "https://a.x/", true)); got != "deny blocked p" {
		t.Errorf("an unknown address: %s", got)
	}
	for far := 1; far <= 3; far++ {
		var set []Group
		for i := range 1 + far*remembered {
			set = append(set, groupOf(fmt.Sprintf("g%03d", i), emails("bob@x"), nil, nil))
		}
		last := &set[len(set)-1] // it has the place of the first
		last.Include = append(named("g000"), session("n/p").emails()...)
		table, _ := withGroups(set, one(Rule{Action: Allow, Include: named(last.Source.Name), Require: emails("nobody@x")},
			Rule{Action: Allow, Include: named("g000")}))
		if a, b := table.groups.find("g000").index, table.groups.find(last.Source.Name).index; a%remembered != b%remembered || a == b {
			t.Fatalf("places %d and %d", a, b)
		}
		if got := brief(get(table, "https://a.x/", true)); got != "deny no-rule-matched p" {
			t.Errorf("%d groups: %s", len(set), got)
		}
	}
}

// emails selects the address of a subject.
func (s *Subject) emails() []Selector { return emails(s.Email) }

// TestCirclesCount: a group that leads to a circle counts it towards the limits, as it does
// any other group.
func TestCirclesCount(t *testing.T) {
	above := func(steps, wide int) []Group { // so many groups, of which the last leads to a circle by so many selectors
		out := []Group{groupOf("c", named("d"), nil, nil), groupOf("d", named("c"), nil, nil),
			groupOf("g1", slices.Repeat(named("c"), wide), nil, nil)}
		for i := 2; i <= steps; i++ {
			out = append(out, groupOf(fmt.Sprint("g", i), named(fmt.Sprint("g", i-1)), nil, nil))
		}
		return out
	}
	for _, c := range []struct {
		steps, wide int
		code        Code
		want        bool
	}{
		{maxGroupDepth - 1, 1, codeGroupDeep, false}, {maxGroupDepth, 1, codeGroupDeep, true},
		{1, maxGroupSize / 2, codeGroupLarge, false}, {1, maxGroupSize/2 + 1, codeGroupLarge, true},
	} {
		table, issues := withGroups(above(c.steps, c.wide))
		told := slices.ContainsFunc(issues, func(i Issue) bool { return i.Code == c.code })
		if _, ok := table.GroupOf(fmt.Sprint("g", c.steps)); told != c.want || ok == c.want {
			t.Errorf("%d above a circle, %d wide: said %v, usable %v", c.steps, c.wide, told, ok)
		}
	}
}
