// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// named are selectors of groups.
func named(names ...string) []Selector {
	var out []Selector
	for _, n := range names {
		out = append(out, Selector{Property: AccessGroup, Value: n})
	}
	return out
}

func groupOf(name string, include, require, exclude []Selector) Group {
	return Group{Source: Source{Name: name}, Include: include, Require: require, Exclude: exclude}
}

// withGroups builds policies and groups.
func withGroups(groups []Group, policies ...Policy) (*Table, []Issue) {
	in := Input{Policies: CompileAll(policies), Groups: CompileGroups(groups)}
	table, issues := Build(in)
	return remember(table, in), issues
}

// chain are groups of which each names the next, down to one of ann@x.
func chain(n int) []Group {
	out := []Group{groupOf("g1", emails("ann@x"), nil, nil)}
	for i := 2; i <= n; i++ {
		out = append(out, groupOf(fmt.Sprint("g", i), named(fmt.Sprint("g", i-1)), nil, nil))
	}
	return out
}

// fan are groups of which each names the one before so many times.
func fan(n, times int) []Group {
	out := []Group{groupOf("g1", emails("ann@x"), nil, nil)}
	for i := 2; i <= n; i++ {
		out = append(out, groupOf(fmt.Sprint("g", i), slices.Repeat(named(fmt.Sprint("g", i-1)), times), nil, nil))
	}
	return out
}

// TestGroupCountsAgainst: whom a group that cannot be used would have admitted is not
// admitted, and whom it would have kept out is kept out.
func TestGroupCountsAgainst(t *testing.T) {
	staff := groupOf("staff", emails("ann@x"), nil, nil)
	broken := groupOf("broken", emails("ann@x"), nil, nil)
	broken.Defects = []Issue{newIssue(broken.Source, codeInclude, "bad")}
	sets := map[string][]Group{
		"missing": nil, "mistaken": {broken}, "twice": {groupOf("broken", everyone(), nil, nil), groupOf("broken", emails("ann@x"), nil, nil)},
		"cycle":  {groupOf("broken", append(emails("ann@x"), named("other")...), nil, nil), groupOf("other", named("broken"), nil, nil)},
		"itself": {groupOf("broken", append(emails("ann@x"), named("broken")...), nil, nil)},
		"too deep": append(
			chain(maxGroupDepth),
			groupOf("broken", named("g8"), nil, nil),
		), "too large": append(fan(6, 6), groupOf("broken", named("g6"), nil, nil)),
		"empty": {groupOf("broken", nil, nil, nil)},
	}
	all := everyone()
	for name, set := range sets {
		set = append(
			set,
			staff,
			groupOf("in", named("broken"), nil, nil),
			groupOf("require", all, named("broken"), nil),
			groupOf("but", all, nil, named("broken")),
			groupOf("butbut", all, nil, named("but")),
		)
		for _, c := range []struct {
			rules []Rule
			want  Verdict
		}{
			{[]Rule{{Action: Allow, Include: named("broken")}}, Deny},
			{[]Rule{{Action: Allow, Include: named("broken", "staff")}}, Admit},
			{[]Rule{{Action: Allow, Include: all, Require: named("broken")}}, Deny},
			{[]Rule{{Action: Allow, Include: all, Exclude: named("broken")}}, Deny},
			{append([]Rule{{Action: Block, Include: named("broken")}}, does(Allow)...), Deny},
			{append([]Rule{{Action: Block, Include: all, Require: named("broken")}}, does(Allow)...), Deny},
			{append([]Rule{{Action: Block, Include: all, Exclude: named("broken")}}, does(Allow)...), Deny},
			{[]Rule{{Action: Bypass, Include: named("broken")}}, Deny},
			{[]Rule{{Action: Bypass, Include: all, Exclude: named("broken")}}, Deny},
			{[]Rule{{Action: Allow, Include: named("in")}}, Deny},
			{[]Rule{{Action: Allow, Include: all, Exclude: named("in")}}, Deny},
			{[]Rule{{Action: Allow, Include: named("require")}}, Deny},
			{[]Rule{{Action: Allow, Include: named("but")}}, Deny},
			{[]Rule{{Action: Allow, Include: all, Exclude: named("but")}}, Deny},
			{[]Rule{{Action: Allow, Include: named("butbut")}}, Deny},
			{[]Rule{{Action: Allow, Include: all, Exclude: named("butbut")}}, Deny},
			{append([]Rule{{Action: Block, Include: named("but")}}, does(Allow)...), Deny},
			{append([]Rule{{Action: Block, Include: named("butbut")}}, does(Allow)...), Deny},
			{does(Allow), Admit},
		} {
			table, issues := withGroups(set, one(c.rules...))
			coded(t, issues)
			r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: session("n/p"), Now: now}
			if d := table.Decide(r); d.Verdict != c.want {
				t.Errorf("%s: %s\n%+v", name, brief(d), c.rules)
			}
			told := slices.ContainsFunc(issues, func(i Issue) bool { return i.Source.Namespace == "n" && i.Reason == GroupUnusable })
			if direct := strings.Contains(fmt.Sprintf("%+v", c.rules), "Value:broken "); told != direct &&
				!strings.HasPrefix(name, "too ") { // of those above, too
				t.Errorf("%s: told %v: %v", name, told, issues)
			}
			if e, trace := table.Explain(r); e != table.Decide(r) ||
				told != slices.ContainsFunc(trace.Steps, func(s Step) bool { return s.What == "group" }) {
				t.Errorf("%s: %v", name, trace)
			}
		}
	}
}

// TestGroupIssues: what is said of groups, and where.
func TestGroupIssues(t *testing.T) {
	set := slices.Concat(chain(maxGroupDepth+1), []Group{
		groupOf("a", named("b"), nil, nil), groupOf("b", everyone(), named("c"), nil), groupOf("c", everyone(), nil, named("a", "staf")),
		groupOf("leads", named("a"), nil, nil), groupOf("staff", emails("ann@x"), nil, nil), groupOf("Bad", everyone(), nil, nil),
	})
	table, issues := withGroups(set, one(Rule{Action: Allow, Include: everyone(), Exclude: named("staff", "sttaff", "nothing")},
		Rule{Action: Bypass, Include: append(everyone(), named("staff")...)}))
	var got []string
	for _, i := range issues {
		text, _, _ := strings.Cut(i.Message, ".")
		text, _, _ = strings.Cut(text, ";")
		got = append(got, fmt.Sprintf("%s: %s: %s", i.Source, i.Code, text))
	}
	want := []string{
		`Bad metadata.name: group-not-a-name: "Bad": policies cannot name it`,
		`a spec: group-cycle: the group names itself by way of others: a → b → c → a`,
		`b spec: group-cycle: the group names itself by way of others: b → c → a → b`,
		`c spec: group-cycle: the group names itself by way of others: c → a → b → c`,
		`g9 spec: group-too-deep: the group names others, which name others, more than 8 in all`,
		`leads spec.include[0]: group-mistaken: the AccessGroup "a" has a mistake`,
		`n/p spec.rules[0].exclude[1]: group-missing: there is no AccessGroup "sttaff"`,
		`n/p spec.rules[0].exclude[2]: group-missing: there is no AccessGroup "nothing"`,
		`n/p spec.rules[1].include[1]: group-identity-never-seen: the AccessGroup "staff" looks at who somebody is, ` +
			`and a Bypass rule never sees that: the rule matches nobody`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if !slices.ContainsFunc(issues, func(i Issue) bool { return strings.Contains(i.Message, `Did you mean "staff"?`) }) {
		t.Error("nothing like it is named")
	}
	if d := get(table, "https://a.x/", false); d.Verdict == Admit {
		t.Error("a Bypass rule that names people lets everybody pass")
	}
}

// TestAskedOfGroups: a session takes two digests for a policy, however many groups it names.
func TestAskedOfGroups(t *testing.T) {
	var set []Group
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprint("g", i))
		set = append(set, groupOf(names[i], groups(fmt.Sprint("idp-", i)), nil, nil))
	}
	table, _ := withGroups(set, one(Rule{Action: Allow, Include: append(named(names...), groups("own")...)}))
	in, _ := table.SignIn(mustTarget(t, "https://a.x/"), "")
	if n := len(in.Reads.Asked()); n != len(askedForm)+2*askedSize || len(in.Reads.Groups) != 101 || len(table.Reads().Groups) != 101 {
		t.Errorf("%d bytes, %d groups", n, len(in.Reads.Groups))
	}
	without, _ := withGroups(set[1:], one(Rule{Action: Allow, Include: append(named(names...), groups("own")...)}))
	if table.AskedAll() == without.AskedAll() {
		t.Error("a team session outlives what a group looks at")
	}
}

// TestGroupNeedsEmail: who has no address must not slip past a group that looks at it.
func TestGroupNeedsEmail(t *testing.T) {
	set := []Group{
		groupOf(
			"mail",
			emails("ann@x"),
			nil,
			nil,
		), groupOf("sift", everyone(), nil, emails("ann@x")), groupOf("deep", everyone(), nil, named("mail")),
		groupOf("net", networks("10.0.0.0/8"), nil, nil), groupOf("over", named("deep"), nil, nil),
	}
	for name, c := range map[string]struct {
		rule       Rule
		own, other bool
	}{
		"include":        {Rule{Action: Allow, Include: named("mail")}, true, false},
		"exclude":        {Rule{Action: Allow, Include: everyone(), Exclude: named("mail")}, true, true},
		"block":          {Rule{Action: Block, Include: named("mail")}, true, true},
		"require, block": {Rule{Action: Block, Include: everyone(), Require: named("mail")}, true, true},
		"sifts":          {Rule{Action: Allow, Include: named("sift")}, true, true},
		"sifts, deep":    {Rule{Action: Allow, Include: everyone(), Require: named("over")}, true, true},
		"network":        {Rule{Action: Allow, Include: named("net")}, false, false},
		"missing":        {Rule{Action: Allow, Include: named("none")}, false, false},
	} {
		q := of("n", "q", 1, Bypass, []string{"b.x"})
		table, _ := withGroups(set, one(c.rule), q)
		if own, other := table.NeedsEmail(mustTarget(t, "https://a.x/")), table.NeedsEmail(mustTarget(t, "https://b.x/")); own != c.own ||
			other != c.other {
			t.Errorf("%s: %v, %v", name, own, other)
		}
	}
}

// TestGroupUses: who uses a group, by themselves and through others.
func TestGroupUses(t *testing.T) {
	var a Assembler
	a.SetGroups(
		CompileGroups(
			[]Group{
				groupOf("staff", named("ann", "bob"), nil, nil),
				groupOf("ann", emails("ann@x"), nil, nil),
				groupOf("bob", named("none"), nil, nil),
				groupOf("r", named("r2"), nil, nil),
				groupOf("r2", named("r"), nil, nil),
			},
		),
	)
	rule := func(names ...string) []Rule { return []Rule{{Action: Allow, Include: named(names...)}} }
	for i, names := range [][]string{{"staff"}, {"ann", "staff"}, {"bob"}, {"none", "r"}} {
		p := of("n", fmt.Sprint("p", i), i, Allow, []string{fmt.Sprint("h", i, ".x")})
		p.Rules = rule(names...)
		a.Set(fmt.Sprint(i), Compile(&p))
	}
	told := func() string {
		a.Table()
		var out []string
		uses := a.GroupUses()
		for _, name := range []string{"ann", "bob", "none", "r", "r2", "staff"} {
			use := uses[name]
			out = append(out, fmt.Sprintf("%s%d/%d", name, len(use.Policies), len(use.Issues)))
		}
		return strings.Join(out, " ")
	}
	if got, want := told(), "ann2/0 bob3/1 none0/0 r1/1 r21/1 staff2/0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	a.Delete("1")
	if got, want := told(), "ann1/0 bob2/1 none0/0 r1/1 r21/1 staff1/0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRevisionSeesEveryFieldOfAGroup(t *testing.T) {
	all := full().Rules[0]
	g := Group{Source: Source{"", "g", ""}, Include: all.Include, Require: all.Require, Exclude: all.Exclude, Defects: full().Defects}
	seen := map[string]string{}
	note := func(path string) {
		table, _ := withGroups([]Group{g})
		if before, ok := seen[table.Revision()]; ok {
			t.Errorf("%s: the same revision as %s", path, before)
		}
		seen[table.Revision()] = path
	}
	note("nothing changed")
	v := reflect.ValueOf(&g).Elem()
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; name != "Source" {
			eachChange(t, "Group."+name, v.Field(i), note)
		}
	}
	g.Source.Name = "h"
	note("name")
	if table, _ := withGroups(nil); seen[table.Revision()] != "" {
		t.Error("no groups are some")
	}
}

func TestNearest(t *testing.T) {
	set := newGroups(CompileGroups([]Group{groupOf("staff", everyone(), nil, nil), groupOf("contractors", everyone(), nil, nil)}))
	for name, want := range map[string]string{"staf": "staff", "stafff": "staff", "Staff": "staff", "contractor": "contractors",
		"kontraktors": "contractors",
		"x":           "", "people": "", "": ""} {
		if got := set.nearest(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestGroupsAllocateNothing(t *testing.T) {
	set := append(chain(maxGroupDepth), groupOf("net", networks("10.0.0.0/8"), nil, named("missing")))
	rules := slices.Repeat(
		[]Rule{
			{Action: Block, Include: named("net"), Exclude: named("g7", "missing")},
			{Action: Allow, Include: named("missing", "net", "g8")},
		},
		8,
	)
	table, _ := withGroups(set, one(rules...))
	r := Request{
		Target:  mustTarget(t, "https://a.x/"),
		Method:  "GET",
		Subject: session("n/p"),
		Now:     now,
		Address: netip.MustParseAddr("11.1.1.1"),
	}
	in, _ := table.SignIn(r.Target, "")
	r.Subject.Asked = in.Reads.Asked()
	if d := table.Decide(r); d.Verdict != Admit {
		t.Fatal(brief(d))
	}
	if n := testing.AllocsPerRun(200, func() { table.Decide(r) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
