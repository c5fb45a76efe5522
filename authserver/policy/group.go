// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Group says once whom rules of many policies mean: any of Include, all of Require,
// none of Exclude. Rules and other groups name it (AccessGroup); a name is looked up when
// a request is decided, and so means what the group says by then.
//
// A group that is not there, or has a mistake, never helps a visitor: what names it does
// not match in Include and Require of an Allow rule, and matches in Exclude and in Block
// rules. An Exclude within a group turns that round, as often as it stands there.
type Group struct {
	Source  Source // of the cluster, and so without a namespace; its Name is the group's
	Include []Selector
	Require []Selector
	Exclude []Selector
	// Defects are what is wrong with the object. A group that has any cannot be used.
	Defects []Issue
}

func (g *Group) lists() [3][]Selector { return [...][]Selector{g.Include, g.Require, g.Exclude} }

// Limits of groups that name others, and these yet others.
const (
	// maxGroupDepth is how many groups are below one another, the first counted.
	maxGroupDepth = 8
	// maxGroupSize is how many selectors a group has, with those of the groups that it
	// names: of each as often as it is named.
	maxGroupSize = 4096
)

// A CompiledGroup is what depends on one group alone.
type CompiledGroup struct {
	source    Source
	lists     [3][]Selector
	names     []string // of the groups that it names, sorted
	reads     Reads
	digest    sum
	issues    []Issue
	defective bool
}

// Name is that of the group.
func (c *CompiledGroup) Name() string { return c.source.Name }

// CompileGroup checks and compiles one group.
func CompileGroup(g *Group) *CompiledGroup {
	c := &CompiledGroup{
		source: g.Source.at(""), issues: append(slices.Clone(g.Defects), ValidateGroup(g)...),
		digest: *digested(func(d *digest) { d.group(g) }),
	}
	c.defective = slices.ContainsFunc(c.issues, func(i Issue) bool { return !i.Warning() })
	parts := newParts([]Rule{{Include: g.Include, Require: g.Require, Exclude: g.Exclude}})
	for i, list := range g.lists() {
		c.lists[i] = parts.list(list)
		c.names = append(c.names, groupsIn(list)...)
		c.reads.look(list)
	}
	c.names = sortedOnce(c.names)
	return c
}

// CompileGroups compiles groups.
func CompileGroups(groups []Group) []*CompiledGroup {
	out := make([]*CompiledGroup, len(groups))
	for i := range groups {
		out[i] = CompileGroup(&groups[i])
	}
	return out
}

// ValidateGroup reports everything that is wrong with one group by itself.
func ValidateGroup(g *Group) []Issue {
	v := validator{source: g.Source}
	if !isObjectName(g.Source.Name) && !slices.ContainsFunc(g.Defects, func(i Issue) bool { return i.Source.Field == "metadata.name" }) {
		v.wrong("metadata.name", codeGroupName, "%q: policies cannot name it; a name is lower-case letters, digits, hyphens and dots, "+
			"with at most 63 between two dots", g.Source.Name)
	}
	if len(g.Include) == 0 {
		v.wrong("spec.include", codeInclude, "at least one selector; everyone: {} for all")
	}
	for i, list := range g.lists() {
		v.selectors("spec", listNames[i], NoAction, list)
		v.wholeNames("spec"+listNames[i], list)
	}
	all := []Rule{{Include: g.Include, Require: g.Require, Exclude: g.Exclude}}
	v.conditions("spec", all)
	v.evaluations("spec", all)
	return v.issues
}

var listNames = [...]string{".include", ".require", ".exclude"}

const excluded = 2 // which of them is exclude

func (s *Selector) checkGroup() problem {
	if !isObjectName(s.Value) {
		return problem{codeGroupName, fmt.Sprintf("group: %q is not the name of an AccessGroup", s.Value)}
	}
	return problem{}
}

func (d *digest) group(g *Group) {
	d.str(g.Source.Name)
	for _, list := range g.lists() {
		d.selectors(list)
	}
	d.issues(g.Defects)
}

// A fault is why a group cannot be used.
type fault uint8

const (
	usable   fault = iota
	missing        // there is none
	mistaken       // it has a mistake
)

// A group is one that is looked up.
type group struct {
	lists [3][]Selector
	index uint32 // from 1 on, of the groups of a table
	fault fault
	sum   sum // of what it says, and those that it names
	// What it looks at, and the groups that it names with it.
	reads      Reads
	identifies bool // at who somebody is
	email      bool // at addresses
	sifts      bool // at addresses, so as to leave out those who have them
	looks      propertySet
	tokens     []tokenUse // of bearer tokens, with those of the groups that it names
	links      []linkUse  // of linked applications, likewise
}

// A groupSet is all groups of a table. nil: there are none.
type groupSet struct {
	byName map[string]*group
	names  []string            // sorted
	below  map[string][]string // those that a group names
	issues []Issue
	sum    sum
}

// nobodys stands for every group that is not there.
var nobodys = &group{fault: missing}

func (g *groupSet) find(name string) *group {
	if g != nil {
		if found := g.byName[name]; found != nil {
			return found
		}
	}
	return nobodys
}

// newGroups resolves groups. Their order is no matter.
func newGroups(list []*CompiledGroup) *groupSet {
	if len(list) == 0 {
		return nil
	}
	sorted := slices.Clone(list)
	slices.SortFunc(sorted, func(x, y *CompiledGroup) int {
		return cmp.Or(cmp.Compare(x.Name(), y.Name()), bytes.Compare(x.digest[:], y.digest[:]))
	})
	r := resolver{nodes: map[string]*node{}, out: &groupSet{byName: make(map[string]*group, len(sorted)), below: map[string][]string{}}}
	r.out.sum = *digested(func(d *digest) {
		for _, c := range sorted {
			d.str(string(c.digest[:]))
		}
	})
	for _, c := range sorted {
		r.add(c)
	}
	for _, name := range r.out.names {
		r.resolve(name)
	}
	for _, name := range r.out.names {
		r.warn(name)
		r.out.below[name] = r.nodes[name].names
	}
	return r.out
}

// A node is a group that is being resolved.
type node struct {
	*CompiledGroup
	names []string // sorted; of all groups of the name
	twice bool
	done  bool
	depth int
	size  int
	cycle []string
}

type resolver struct {
	nodes map[string]*node
	out   *groupSet
}

func (r *resolver) add(c *CompiledGroup) {
	r.out.issues = append(r.out.issues, c.issues...)
	if n := r.nodes[c.Name()]; n != nil {
		n.names = sortedOnce(slices.Concat(n.names, c.names))
		if !n.twice {
			r.wrong(n, "metadata.name", codeGroupTwice, "another AccessGroup has the same name; neither can be used")
		}
		n.twice = true
		return
	}
	r.nodes[c.Name()] = &node{CompiledGroup: c, names: c.names}
	r.out.names = append(r.out.names, c.Name())
}

func (r *resolver) wrong(n *node, field string, code Code, format string, args ...any) {
	r.out.issues = append(r.out.issues, newIssue(n.source.at(field), code, fmt.Sprintf(format, args...)))
}

// resolve makes the group of a name, and before it those that it names. Whichever group
// it begins with, the groups of a circle are told from those that lead to one.
func (r *resolver) resolve(name string) *node {
	n := r.nodes[name]
	if n == nil || n.done {
		return n
	}
	n.done = true
	g := &group{lists: n.lists, index: uint32(len(r.out.byName) + 1), reads: n.reads.clone()} //nolint:gosec // they are never so many
	r.out.byName[name] = g
	n.cycle = r.circle(name)
	if n.defective || n.twice {
		g.fault = mistaken
	}
	if n.cycle != nil {
		g.fault = mistaken
		n.depth, n.size = 1, 1 // whatever leads to it counts it, as any other group
		r.wrong(n, "spec", codeGroupCycle, "the group names itself by way of others: %s; remove one of these names. Until then "+
			"the group cannot be used", strings.Join(n.cycle, " → "))
	} else {
		r.measure(n, g)
	}
	g.sum = *digested(func(d *digest) {
		d.str(string(n.digest[:]))
		for _, name := range n.names {
			d.standing(name, r.out.find(name))
		}
	})
	if g.fault != usable {
		g.lists, g.reads, g.identifies, g.email, g.sifts, g.looks = [3][]Selector{}, Reads{}, false, false, false, 0
		g.tokens, g.links = nil, nil
	}
	return n
}

// measure adds up what a group and those that it names come to.
func (r *resolver) measure(n *node, g *group) {
	n.depth = 1
	for _, name := range n.names {
		if child := r.resolve(name); child != nil {
			n.depth = max(n.depth, child.depth+1)
			g.take(r.out.byName[name])
		}
	}
	for i, list := range n.lists {
		for j := range list {
			n.size = min(n.size+1+r.look(g, &list[j], i == excluded), maxGroupSize+1)
			if m := list[j].JWT; list[j].Property == JWT && m != nil {
				g.use(tokenUse{item("spec"+listNames[i], j) + ".jwt", m.Issuer, m.Audience})
			}
			if list[j].Property == LinkedApp {
				g.link(linkUse{"", list[j].Value})
			}
		}
	}
	if n.depth > maxGroupDepth {
		g.fault = mistaken
		r.wrong(n, "spec", codeGroupDeep, "the group names others, which name others, more than %d in all; name them in fewer "+
			"steps. Until then the group cannot be used", maxGroupDepth)
	}
	if n.size > maxGroupSize {
		g.fault = mistaken
		r.wrong(n, "spec", codeGroupLarge, "the group and those that it names have more than %d selectors, those of a group "+
			"counted as often as it is named. Until there are fewer the group cannot be used", maxGroupSize)
	}
}

// take adds what a group looks at that this one names.
func (g *group) take(o *group) {
	g.reads.join(&o.reads)
	g.identifies, g.sifts = g.identifies || o.identifies, g.sifts || o.sifts
	g.looks |= o.looks
	for _, u := range o.tokens {
		g.use(tokenUse{"", u.issuer, u.audience}) // which are told there
	}
	for _, u := range o.links {
		g.link(u)
	}
}

// look notes what a selector looks at, and returns how many are behind it. out: it is one
// of exclude.
func (r *resolver) look(g *group, s *Selector, out bool) int {
	email := s.Property == Email || s.Property == EmailDomain || s.looks().Email
	size := 0
	if s.Property == AccessGroup {
		email = r.out.find(s.Value).email
		if child := r.nodes[s.Value]; child != nil {
			size = child.size
		}
	}
	g.looks |= setOf(s.Property)
	g.identifies = g.identifies || s.identifies()
	g.email = g.email || email
	g.sifts = g.sifts || out && email || s.looks().Email // which can say "not this one"
	return size
}

// circle returns the shortest way from a group back to it, or nil.
func (r *resolver) circle(name string) []string {
	from := map[string]string{}
	next := []string{name}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		n := r.nodes[at]
		if n == nil {
			continue
		}
		for _, to := range n.names {
			if to == name {
				way := []string{name}
				for ; at != name; at = from[at] {
					way = append(way, at)
				}
				slices.Reverse(way[1:])
				return append(way, name)
			}
			if _, seen := from[to]; !seen {
				from[to] = at
				next = append(next, to)
			}
		}
	}
	return nil
}

// warn says which of the groups that a group names cannot be used.
func (r *resolver) warn(name string) {
	n := r.nodes[name]
	for i, list := range n.lists {
		for j := range list {
			if list[j].Property != AccessGroup || n.cycle != nil {
				continue
			}
			if code, text := r.out.unusable(list[j].Value); text != "" {
				r.wrong(n, item("spec"+listNames[i], j), code, "%s", text)
			}
		}
	}
}

// NoGroup begins the message that a group is missing, for those who know where it could be.
const NoGroup = "there is no AccessGroup"

// unusable says why a group cannot be used; empty: it can.
func (g *groupSet) unusable(name string) (Code, string) {
	const counts = "counts against the visitor: it matches in exclude and in Block rules, and nowhere else"
	switch g.find(name).fault {
	case missing:
		meant := ""
		if like := g.nearest(name); like != "" {
			meant = fmt.Sprintf(" Did you mean %q?", like)
		}
		return codeGroupMissing, fmt.Sprintf(NoGroup+" %q.%s Until there is one, this selector %s", name, meant, counts)
	case mistaken:
		return codeGroupMistaken, fmt.Sprintf("the AccessGroup %q has a mistake. Until that is corrected, this selector %s", name, counts)
	case usable:
	}
	return "", ""
}
