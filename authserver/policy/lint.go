// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Lint returns what valid policies say that their authors cannot have meant: no rules, rules
// that match nobody, and rules that decide nothing, as others always match before them.
// All of it is in force as it is written. What Lint cannot be sure of it leaves out: rules
// with selectors that it does not know or with groups that are not among these, and those
// that take more than lintWork to judge.
func Lint(policies []Policy, groups []*CompiledGroup) []Issue {
	var out []Issue
	among := &Table{groups: newGroups(groups)}
	for i := range policies {
		out = append(out, among.lint(&policies[i])...)
	}
	return out
}

func (t *Table) lint(p *Policy) []Issue {
	c := Compile(p)
	switch {
	case c.app.defective:
		return nil
	case len(p.Rules) == 0:
		return []Issue{newIssue(p.Source.at("spec.rules"), codeNoRules, "there are no rules, so all requests are denied")}
	}
	var out []Issue
	rules := slices.Concat(c.app.relaxing, c.app.identity) // as they are tried
	l := lint{table: t, providers: p.IdentityProviders, rules: rules}
	for i := range rules {
		if l.known(&rules[i]) {
			out = append(out, l.rule(i)...)
		}
	}
	for i := range out {
		out[i].Source.Namespace, out[i].Source.Name = p.Source.Namespace, p.Source.Name
	}
	return out
}

// lintWork bounds how many visitors are tried for one rule.
const lintWork = 200_000

type lint struct {
	table     *Table   // of the groups
	providers []string // that people may come from; none: any
	rules     []rule
}

// known reports whether the rule is about what a visitor of candidates has.
func (l *lint) known(r *rule) bool {
	return r.action != ServiceAuth && !l.table.blind(r) && l.knows(r.lists())
}

func (l *lint) knows(lists [3][]Selector) bool {
	for _, list := range lists {
		for i := range list {
			switch list[i].Property {
			case Everyone, Email, EmailDomain, Address, IdPGroup, LoginMethod, AuthMethod, OIDCClaim:
			case AccessGroup:
				if g := l.table.groups.find(list[i].Value); g.fault != usable || !l.knows(g.lists) {
					return false
				}
			default:
				return false
			}
		}
	}
	return true
}

// rule judges the rule at i: whom it matches, and who of them is left to it.
func (l *lint) rule(i int) []Issue {
	ru := &l.rules[i]
	earlier, sure := l.before(i)
	w, ok := l.newCandidates(ru, earlier)
	if !ok {
		return nil
	}
	matched := false
	var before []*rule
	left := w.each(func(method string, v *visitor) bool {
		if ru.match(method, v) != yes {
			return false
		}
		matched = true
		for _, e := range earlier {
			if l.known(e) && e.match(method, v) == yes {
				if !slices.Contains(before, e) {
					before = append(before, e)
				}
				return false
			}
		}
		return true
	})
	switch {
	case left:
		return nil
	case !matched:
		return []Issue{newIssue(Source{Field: ru.field}, codeNeverMatches,
			fmt.Sprintf("%s can match nobody: what it includes, requires and excludes contradict each other", ru.title()))}
	case sure:
		return []Issue{shadowed(ru, before)}
	}
	return nil
}

// before returns the rules before the one at i that can match people. sure: they are all
// known.
func (l *lint) before(i int) (earlier []*rule, sure bool) {
	sure = true
	for j := range i {
		if l.rules[j].action != ServiceAuth {
			sure = sure && l.known(&l.rules[j])
			earlier = append(earlier, &l.rules[j])
		}
	}
	return earlier, sure
}

// shadowed words that others match before a rule whenever it would.
func shadowed(ru *rule, before []*rule) Issue {
	names := make([]string, len(before))
	code, what := codeShadowed, "so it decides nothing"
	for i, e := range before {
		names[i] = e.title()
		if ru.action == Allow && e.action == Bypass {
			code, what = codeBypassed, "so it never asks anybody to sign in"
		}
	}
	slices.Sort(names)
	verb := "matches"
	if len(names) > 1 {
		verb = "match"
	}
	return newIssue(Source{Field: ru.field}, code,
		fmt.Sprintf("%s %s first whatever %s matches, %s", strings.Join(names, " and "), verb, ru.title(), what))
}

// title names a rule in a sentence.
func (r *rule) title() string {
	if r.name != "" {
		return fmt.Sprintf("the %s rule %q", r.action, r.name)
	}
	return fmt.Sprintf("the %s rule %s", r.action, r.field)
}

// Candidates are visitors: one at least of every kind that some rules tell apart. What a
// rule looks at is a list of names, and a network; whoever has another name than all of
// them is one kind.
type candidates struct {
	table                      *Table
	methods, emails, providers []string
	groups, amr                [][]string
	claims                     [][]IdentityClaim
	addresses                  []netip.Addr
}

// newCandidates returns those that matter for a rule with others before it. Not ok: they
// are too many.
func (l *lint) newCandidates(ru *rule, earlier []*rule) (c candidates, ok bool) {
	c.table = l.table
	all, providers := l.written(append([]*rule{ru}, earlier...)), l.providers
	c.methods, c.emails, c.addresses = methodsOf(all), emailsOf(all), addressesOf(all)
	if c.providers = slices.Clone(providers); len(providers) == 0 {
		c.providers = append(append(valuesOf(all, LoginMethod), providersOfClaims(all)...), "\x00another")
	}
	var fits bool
	if c.groups, fits = powerset(valuesOf(all, IdPGroup)); !fits {
		return c, false
	}
	if c.amr, fits = powerset(valuesOf(all, AuthMethod)); !fits {
		return c, false
	}
	if c.claims, fits = claimsOf(all); !fits {
		return c, false
	}
	work := len(all)
	for _, n := range []int{len(c.methods), len(c.emails), len(c.providers), len(c.groups), len(c.amr), len(c.claims), len(c.addresses)} {
		if work *= n; work > lintWork {
			return c, false
		}
	}
	return c, true
}

// written are rules with what the groups that they name say, for all that each is about.
func (l *lint) written(rules []*rule) []*rule {
	var out []*rule
	seen := map[string]bool{}
	var add func(r *rule)
	add = func(r *rule) {
		out = append(out, r)
		for _, list := range r.lists() {
			for _, name := range groupsIn(list) {
				if g := l.table.groups.find(name); g.fault == usable && !seen[name] {
					seen[name] = true
					add(&rule{include: g.lists[0], require: g.lists[1], exclude: g.lists[2]})
				}
			}
		}
	}
	for _, r := range rules {
		add(r)
	}
	return out
}

// each visits all candidates until one will do, and reports whether one did.
func (c *candidates) each(does func(method string, v *visitor) bool) bool {
	var s Subject
	v := visitor{subject: &s, table: c.table}
	for _, s.Email = range c.emails {
		for _, s.Provider = range c.providers {
			for _, s.Groups = range c.groups {
				for _, s.AMR = range c.amr {
					for _, s.Claims = range c.claims {
						if c.eachPlace(&v, does) {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// eachPlace visits from where, and by which method, somebody can come.
func (c *candidates) eachPlace(v *visitor, does func(method string, v *visitor) bool) bool {
	for _, v.address = range c.addresses {
		v.groups = recall{} // of another one
		for _, method := range c.methods {
			if does(method, v) {
				return true
			}
		}
	}
	return false
}

// claimsOf are what somebody can have of the claims that the rules look for, if that is
// little.
func claimsOf(rules []*rule) (out [][]IdentityClaim, few bool) {
	var pairs []string
	eachOf(rules, func(s *Selector) {
		if s.Claim != nil {
			pairs = append(pairs, s.Claim.Name+"="+s.Claim.Value)
		}
	})
	sets, few := powerset(sortedOnce(pairs))
	for _, set := range sets {
		var claims []IdentityClaim
		for _, pair := range set {
			name, value, _ := strings.Cut(pair, "=") // which no name holds
			if n := len(claims) - 1; n >= 0 && claims[n].Name == name {
				claims[n].Values = append(claims[n].Values, value)
			} else {
				claims = append(claims, IdentityClaim{Name: name, Values: []string{value}})
			}
		}
		out = append(out, claims)
	}
	return out, few
}

func providersOfClaims(rules []*rule) (out []string) {
	eachOf(rules, func(s *Selector) {
		if s.Claim != nil && s.Claim.Provider != "" {
			out = append(out, s.Claim.Provider)
		}
	})
	return sortedOnce(out)
}

// eachOf visits what selectors of the rules look for.
func eachOf(rules []*rule, visit func(*Selector)) {
	for _, r := range rules {
		for _, list := range [...][]Selector{r.include, r.require, r.exclude} {
			for i := range list {
				visit(&list[i])
			}
		}
	}
}

func valuesOf(rules []*rule, p Property) []string {
	var out []string
	eachOf(rules, func(s *Selector) {
		if s.Property == p {
			out = append(out, s.Value)
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// powerset returns all of them, if they are few.
func powerset(values []string) (out [][]string, few bool) {
	const most = 8
	if len(values) > most {
		return nil, false
	}
	for bits := range 1 << len(values) {
		var set []string
		for i, v := range values {
			if bits>>i&1 == 1 {
				set = append(set, v)
			}
		}
		out = append(out, set)
	}
	return out, true
}

func methodsOf(rules []*rule) []string {
	out := []string{"\x00another"}
	for _, r := range rules {
		out = append(out, r.methods...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func emailsOf(rules []*rule) []string {
	out := append([]string{"", "\x00another@\x00another"}, valuesOf(rules, Email)...)
	for _, d := range valuesOf(rules, EmailDomain) {
		out = append(out, "\x00another@"+d)
	}
	return out
}

// addressesOf returns one of each part into which the rules' networks cut the addresses:
// each part begins where a network does, or behind one.
func addressesOf(rules []*rule) []netip.Addr {
	out := []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}
	eachOf(rules, func(s *Selector) {
		for _, n := range s.Networks {
			out = append(out, n.Addr())
			if next := lastOf(n).Next(); next.IsValid() {
				out = append(out, next)
			}
		}
	})
	slices.SortFunc(out, netip.Addr.Compare)
	return slices.Compact(out)
}

// lastOf returns the last address of a network.
func lastOf(n netip.Prefix) netip.Addr {
	bytes := n.Addr().AsSlice()
	for i := n.Bits(); i < len(bytes)*8; i++ {
		bytes[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}
