// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
)

// remembered is how many groups a visitor remembers, whatever the number of rules.
const remembered = 32

// A recall holds for some groups whether a visitor is in them: so that rules that name
// one again and again cost no more than other rules. An entry is a group's index, and
// below it two bits for each answer, one more than the match; 0 is not known yet.
type recall [remembered]uint32

const (
	recallBits = 2
	recallMask = 1<<recallBits - 1
)

// inGroup reports whether a visitor is in a group; ifUnknown is the answer where that
// cannot be known.
func (v *visitor) inGroup(name string, ifUnknown bool) match {
	var g *group
	if v.table != nil {
		g = v.table.groups.find(name)
	}
	if g == nil || g.fault != usable {
		return matchIf(ifUnknown)
	}
	shift := 0
	if ifUnknown {
		shift = recallBits
	}
	known := &v.groups[g.index%remembered]
	if *known>>(2*recallBits) != g.index {
		*known = g.index << (2 * recallBits)
	}
	if is := *known >> shift & recallMask; is != 0 {
		return match(is - 1)
	}
	m := v.among(g.lists[0], g.lists[1], g.lists[2], ifUnknown)
	if *known>>(2*recallBits) == g.index { // and not overwritten meanwhile
		*known |= (uint32(m) + 1) << shift
	}
	return m
}

// among reports whether a visitor matches any of include, all of require and none of
// exclude; ifUnknown is what the first two answer where nothing can be known.
func (v *visitor) among(include, require, exclude []Selector, ifUnknown bool) match {
	m := no
	for i := range include {
		m = max(m, include[i].match(v, ifUnknown))
	}
	for i := range require {
		m = min(m, require[i].match(v, ifUnknown))
	}
	for i := range exclude {
		m = min(m, yes-exclude[i].match(v, !ifUnknown))
	}
	return m
}

// blind reports whether a rule that sees no identity, or no credential, names a group that
// looks at one: then it matches nobody.
func (t *Table) blind(r *rule) bool {
	if !r.named {
		return false
	}
	for _, list := range r.lists() {
		for i := range list {
			if list[i].Property == AccessGroup && t.groups.find(list[i].Value).unseen(r.action) {
				return true
			}
		}
	}
	return false
}

func (r *rule) lists() [3][]Selector { return [...][]Selector{r.include, r.require, r.exclude} }

// groupReads is what the groups that a policy names look at, all of them together.
type groupReads struct {
	reads Reads
	asked string // stands for the reads; empty: there are none
	users int    // policies that name just these groups; of the Assembler's own
	// issuers are those whose bearer tokens they look at.
	issuers []string
	links   []string // the policies that they link to
	names   []string
}

// groupKey stands for the groups that a policy names.
func groupKey(names []string) string { return strings.Join(names, " ") } // which no name has in it

// readByGroups returns what the groups look at that a policy names; nil: nothing.
func (t *Table) readByGroups(a *app) *groupReads {
	if a.groupKey == "" {
		return nil
	}
	r, _ := t.read.get(a.groupKey)
	return r
}

// groupsOf returns the groups that the rules of a policy name, sorted.
func groupsOf(p *Policy) (out []string) {
	for i := range p.Rules {
		for _, list := range p.Rules[i].lists() {
			out = append(out, groupsIn(list)...)
		}
	}
	return sortedOnce(out)
}

// SetGroups replaces the groups that policies can name. Their order is no matter. It
// costs what there is of groups, and what the policies cost that say of one that it
// cannot be used, or said so.
func (a *Assembler) SetGroups(list []*CompiledGroup) {
	now := newGroups(list)
	if now == nil && a.groups == nil || now != nil && a.groups != nil && now.sum == a.groups.sum {
		return
	}
	a.begin()
	before := a.groups
	a.groups = now
	for key, use := range a.groupReads {
		a.readGroups(key, use)
	}
	for name, entries := range a.groupUsers {
		was, is := before.find(name), now.find(name)
		if was.judgedLike(is) {
			continue
		}
		for e := range entries {
			a.judge(e, a.names[e.given.app.name()].next != nil)
		}
	}
}

// judgedLike reports whether all is said of who names the one that is said of who names the
// other.
func (g *group) judgedLike(o *group) bool {
	// One that can be used looks at something, so the other one can be used, too.
	return g.fault == usable && g.identifies == o.identifies && g.looks == o.looks
}

// readGroups finds out what some groups look at together.
func (a *Assembler) readGroups(key string, use *groupReads) {
	next := &groupReads{users: use.users, names: use.names}
	for _, name := range use.names {
		g := a.groups.find(name)
		next.reads.join(&g.reads)
		for _, u := range g.tokens {
			if !contains(next.issuers, u.issuer) {
				next.issuers = append(next.issuers, u.issuer)
			}
		}
		for _, u := range g.links {
			next.links = append(next.links, u.name)
		}
	}
	next.reads.sort()
	next.links = sortedOnce(next.links)
	next.asked = next.reads.digest()
	a.groupReads[key] = next
	a.read.set(key, next)
}

// useGroups notes that a policy names groups.
func (a *Assembler) useGroups(e *entry) {
	app := e.used.app
	if app.groupKey == "" {
		return
	}
	if a.groupReads == nil {
		a.groupReads, a.groupUsers = map[string]*groupReads{}, map[string]map[*entry]struct{}{}
	}
	use := a.groupReads[app.groupKey]
	if use == nil {
		a.readGroups(app.groupKey, &groupReads{names: app.groups})
		use = a.groupReads[app.groupKey]
	}
	use.users++
	for _, name := range app.groups {
		if a.groupUsers[name] == nil {
			a.groupUsers[name] = map[*entry]struct{}{}
		}
		a.groupUsers[name][e] = struct{}{}
	}
}

// leaveGroups is the reverse of useGroups.
func (a *Assembler) leaveGroups(e *entry) {
	app := e.used.app
	if app.groupKey == "" {
		return
	}
	if use := a.groupReads[app.groupKey]; use.users > 1 {
		use.users--
	} else {
		delete(a.groupReads, app.groupKey)
		a.read.remove(app.groupKey)
	}
	for _, name := range app.groups {
		if delete(a.groupUsers[name], e); len(a.groupUsers[name]) == 0 {
			delete(a.groupUsers, name)
		}
	}
}

// GroupOf returns what a group matches by: any of the first list, all of the second, none
// of the third. ok: it can be used.
func (t *Table) GroupOf(name string) (lists [3][]Selector, ok bool) {
	if t == nil {
		return lists, false
	}
	g := t.groups.find(name)
	return g.lists, g.fault == usable
}

// Blind reports whether rules with the action do not see what a group looks at: one that
// names it matches nobody.
func (t *Table) Blind(a Action, name string) bool { return t != nil && t.groups.find(name).unseen(a) }

// SaysOfGroups stands for what the groups say that a policy names: of two tables it is the
// same where they say the same.
func (t *Table) SaysOfGroups(p *Policy) string {
	names := groupsOf(p)
	if t == nil || len(names) == 0 {
		return ""
	}
	out := digested(func(d *digest) {
		for _, name := range names {
			d.standing(name, t.groups.find(name))
		}
	})
	return string(out[:])
}

// standing adds what a group says; of one that cannot be used, nothing.
func (d *digest) standing(name string, g *group) {
	says := ""
	if g.fault == usable {
		says = string(g.sum[:])
	}
	d.strs([]string{name, says})
}

// A GroupUse is how much a group is used.
type GroupUse struct {
	Policies []Source // that name it, or a group that leads to it; sorted
	Issues   []Issue
}

// GroupUses returns how much each group is used, and what is wrong with it, by name.
func (a *Assembler) GroupUses() map[string]GroupUse {
	if a.groups == nil {
		return nil
	}
	users := make(map[string]map[*entry]struct{}, len(a.groups.names))
	var enter func(name string, e *entry)
	enter = func(name string, e *entry) {
		if a.groups.byName[name] == nil {
			return
		}
		if users[name] == nil {
			users[name] = map[*entry]struct{}{}
		}
		if _, seen := users[name][e]; seen {
			return
		}
		users[name][e] = struct{}{}
		for _, below := range a.groups.below[name] {
			enter(below, e)
		}
	}
	for name, entries := range a.groupUsers {
		for e := range entries {
			enter(name, e)
		}
	}
	out := make(map[string]GroupUse, len(a.groups.names))
	for _, name := range a.groups.names {
		var use GroupUse
		for e := range users[name] {
			use.Policies = append(use.Policies, e.used.app.source)
		}
		slices.SortFunc(use.Policies, compareSource)
		out[name] = use
	}
	for _, i := range a.groupIssues() {
		use := out[i.Source.Name]
		use.Issues = append(use.Issues, i)
		out[i.Source.Name] = use
	}
	return out
}
