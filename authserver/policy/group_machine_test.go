// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"
)

// TestGroupsOfMachines: a ServiceAuth rule that names a group decides as one that has what
// the group says, whatever tokens come: in one group, in two below one another, and with
// the group in require.
func TestGroupsOfMachines(t *testing.T) {
	clear(said)
	defer clear(said)
	main := jwt("ci", "app", says("sub", "repo:o/n:*"))
	token := []Selector{{Property: Token, Value: "n/ci"}}
	lists := [][]Selector{nil, main, jwt("ci", "other"), jwt("hub", "app", says("a.b", "1", "x")), jwt("theirs", "app"), jwt("nobodys", "app"),
		everyone(), networks("10.0.0.0/8"), anyToken(), token, slices.Concat(everyone(), main), slices.Concat(token, main)}
	visits := bearerVisits(t)
	with := func(p Policy, groups ...Group) *Table {
		table, _ := Build(Input{Policies: CompileAll([]Policy{p}), Groups: CompileGroups(groups), Tokens: tokens(),
			TokenIssuers: NewTokenIssuers(tokenIssuers()...)})
		return table
	}
	admitted := 0
	for i, include := range lists[1:] {
		for j, require := range lists {
			for k, exclude := range lists {
				if (i+j+k)%every(5) > 0 {
					continue
				}
				direct := with(one(Rule{Action: ServiceAuth, Include: include, Require: require, Exclude: exclude}))
				g := groupOf("g", include, require, exclude)
				named1 := with(one(Rule{Action: ServiceAuth, Include: named("g")}), g)
				nested := with(one(Rule{Action: ServiceAuth, Include: named("h")}), g, groupOf("h", named("g"), nil, nil))
				required := with(one(Rule{Action: ServiceAuth, Include: everyone(), Require: named("g")}), g)
				for _, r := range visits {
					want := direct.Decide(r)
					for way, table := range map[string]*Table{"named": named1, "nested": nested, "required": required} {
						d := table.Decide(r)
						if d.Verdict != want.Verdict || d.Reason != want.Reason || (d.Machine == nil) != (want.Machine == nil) ||
							d.Machine != nil && d.Machine.Name != want.Machine.Name {
							t.Fatalf("%s: %s %+v %+v %s: %+v, and directly %+v\ninclude %+v\nrequire %+v\nexclude %+v", way, r.Method, r.Token, r.Bearer,
								r.BearerRefused, d, want, include, require, exclude)
						}
					}
					if want.Reason == ServiceAdmitted {
						admitted++
					}
				}
			}
		}
	}
	if admitted < 500/every(5) {
		t.Errorf("%d were admitted", admitted)
	}
}

// TestGroupOfMachinesIssues: what a group of machines cannot do is said, of the group and of
// the policy that names it.
func TestGroupOfMachinesIssues(t *testing.T) {
	robots := groupOf("robots", jwt("ci", "app", says("sub", "job")), nil, nil)
	for name, c := range map[string]struct {
		group  Group
		rule   Rule
		issuer []TokenIssuer
		want   Code
	}{
		"good": {robots, Rule{Action: ServiceAuth, Include: named("robots")},
			tokenIssuers(), ""},
		"a rule for people": {robots, Rule{Action: Allow, Include: named("robots")},
			tokenIssuers(), codeGroupMachine},
		"a Bypass rule": {robots, Rule{Action: Bypass, Include: named("robots")},
			tokenIssuers(), codeGroupMachine},
		"no issuer": {robots, Rule{Action: ServiceAuth, Include: named("robots")},
			[]TokenIssuer{}, codeIssuerUnknown},
		"another audience": {groupOf("robots", jwt("ci", "x", says("sub", "job")), nil, nil), Rule{Action: ServiceAuth, Include: named("robots")},
			tokenIssuers(), codeAudienceUnlisted},
		"of other namespaces": {groupOf("robots", jwt("theirs", "app", says("sub", "job")), nil, nil), Rule{Action: ServiceAuth, Include: named("robots")},
			tokenIssuers(), codeIssuerOthers},
		"no namespace": {groupOf("robots", []Selector{{Property: Token, Value: "ci"}}, nil, nil), Rule{Action: ServiceAuth, Include: named("robots")},
			tokenIssuers(), codeServiceToken},
	} {
		p := one(c.rule)
		_, issues := Build(Input{Policies: CompileAll([]Policy{p}), Groups: CompileGroups([]Group{c.group}), TokenIssuers: NewTokenIssuers(c.issuer...)})
		var a Assembler
		a.SetGroups(CompileGroups([]Group{c.group}))
		a.SetTokenIssuers(NewTokenIssuers(c.issuer...))
		issues = append(issues, a.GroupUses()["robots"].Issues...)
		found := slices.ContainsFunc(issues, func(i Issue) bool { return i.Code == c.want })
		if c.want == "" && len(issues) > 0 || c.want != "" && !found {
			t.Errorf("%s: %v, want %s", name, issues, c.want)
		}
		for _, i := range issues {
			if i.Code == codeIssuerOthers && !strings.Contains(i.Source.Field, "spec.rules[0].include[0]") {
				t.Errorf("%s: at %s", name, i.Source.Field)
			}
		}
	}
}
