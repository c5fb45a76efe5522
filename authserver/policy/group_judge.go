// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// judgeGroups says which of the groups that a policy names cannot be used.
func (a *Assembler) judgeGroups(e *entry) {
	app := e.used.app
	if app.groupKey == "" {
		return
	}
	for _, rules := range [...][]rule{app.relaxing, app.identity} {
		for i := range rules {
			r := &rules[i]
			for l, list := range r.lists() {
				for j := range list {
					if list[j].Property == AccessGroup {
						a.judgeGroup(e, r, item(r.field+listNames[l], j), list[j].Value)
					}
				}
			}
		}
	}
}

func (a *Assembler) judgeGroup(e *entry, r *rule, field, name string) {
	app := e.used.app
	if code, text := a.groups.unusable(name); text != "" {
		e.issues = append(e.issues, newIssue(app.source.at(field), code, text))
		return
	}
	g := a.groups.find(name)
	switch {
	case r.action.relaxes() && g.identifies:
		e.issues = append(e.issues, app.issue(field, codeGroupIdentity, "the AccessGroup %q looks at who somebody is, and a %s rule "+
			"never sees that: the rule matches nobody. Use Allow, or a group of addresses", name, r.action))
	case r.action != ServiceAuth && g.looks.ofMachine():
		e.issues = append(e.issues, app.issue(field, codeGroupMachine, "the AccessGroup %q looks at what machines have, and a rule with "+
			"action: %s admits none: they match nobody there. Use ServiceAuth", name, r.action))
	case g.unseen(r.action):
		e.issues = append(e.issues, app.issue(field, codeGroupNotAsked, "the AccessGroup %q looks at client certificates, and a Bypass rule "+
			"asks for no credential: the rule matches nobody. Use ServiceAuth, which tells the application who is calling", name))
	}
	if a.terms.NoCountries && g.looks.has(Country) {
		e.issues = append(e.issues, app.issue(field, codeNoCountries, "the AccessGroup %q looks at country, and %s", name, noCountries))
	}
}

// unseen reports whether a group looks at what rules with the action do not see.
func (g *group) unseen(a Action) bool {
	return a.relaxes() && g.identifies || a == Bypass && (g.looks.has(ClientCertificate) || g.looks.ofMachine())
}

// use notes that bearer tokens of an issuer are looked at.
func (g *group) use(u tokenUse) {
	if !slices.Contains(g.tokens, u) {
		g.tokens = append(g.tokens, u)
	}
}

// link notes that a linked application is looked at.
func (g *group) link(u linkUse) {
	if !slices.Contains(g.links, u) {
		g.links = append(g.links, u)
	}
}

// wholeNames refuses service tokens and linked applications of a group without their
// namespace.
func (v *validator) wholeNames(field string, list []Selector) {
	for i := range list {
		switch s := &list[i]; {
		case strings.Contains(s.Value, "/"):
		case s.Property == Token:
			v.wrong(item(field, i), codeServiceToken, "serviceToken: a group is of no namespace: write that of the token as well, "+
				"such as shop/%s", s.Value)
		case s.Property == LinkedApp:
			v.wrong(item(field, i), codeLinkedApp, "linkedApp: a group is of no namespace: write that of the policy %s as well", s.Value)
		}
	}
}

// groupIssues are those of the groups.
func (a *Assembler) groupIssues() []Issue {
	if a.groups == nil {
		return nil
	}
	out := slices.Clone(a.groups.issues)
	for _, name := range a.groups.names {
		g := a.groups.byName[name]
		out = append(out, a.countriesIn(name, g)...)
		for _, u := range g.tokens {
			if code, text := a.tokenIssuers.problemOf(u); code != "" && u.field != "" {
				out = append(out, newIssue(Source{Name: name, Field: u.field}, code, text))
			}
		}
	}
	sortIssues(out)
	return out
}

// countriesIn says where a group looks at countries, if nothing tells which one it is.
func (a *Assembler) countriesIn(name string, g *group) []Issue {
	for i, list := range g.lists {
		if j := slices.IndexFunc(list, func(s Selector) bool { return s.Property == Country }); j >= 0 && a.terms.NoCountries {
			return []Issue{newIssue(Source{Name: name, Field: item("spec"+listNames[i], j)}, codeNoCountries, "country: "+noCountries)}
		}
	}
	return nil
}

// groupsIn returns the groups that selectors name.
func groupsIn(list []Selector) (out []string) {
	for i := range list {
		if list[i].Property == AccessGroup {
			out = append(out, list[i].Value)
		}
	}
	return out
}

func sortedOnce(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
