// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A Side is one of the two things to compare: a table, and what it was built from.
type Side struct {
	Table    *policy.Table
	Policies []policy.Policy
	Bindings []policy.Binding
	// Providers are the names of those in use; nil: not known.
	Providers   []string
	Revocations []policy.Revocation
	Tokens      []policy.ServiceToken
	// TokenIssuers are those of bearer tokens; nil: there are none.
	TokenIssuers *policy.TokenIssuers
}

// maxDecisions bounds the work: so many requests are decided, twice each.
const maxDecisions = 500_000

// maxHost is how long a name can be (RFC 1035 §2.3.4).
const maxHost = 253

// maxPairDecisions bounds the work for one pair of policies.
const maxPairDecisions = 50_000

// Settings are what a decision depends on beside policies.
type Settings struct {
	Now time.Time
	// SessionDuration is how old a session may be where no policy says so.
	SessionDuration time.Duration
}

// Compare finds what the new side decides otherwise than the old one.
func Compare(old, now Side, s Settings) *Result { return newComparison(&old, &now, s).compare() }

func newComparison(old, now *Side, s Settings) *comparison {
	return &comparison{
		old: newSide(old), now: newSide(now), Settings: s, left: maxDecisions,
		pairs: map[pairKey]*pair{}, out: &Result{Differences: []*Difference{}}, groups: map[groupKey]*Difference{},
	}
}

func (c *comparison) compare() *Result {
	c.findRoutes()
	c.findPeople()
	c.findTokens()
	c.hosts = merged(c.old.Table.Hosts(), c.now.Table.Hosts())
	c.names = namesOf(c.hosts)
	for _, host := range c.hosts {
		c.host(host)
	}
	for _, p := range c.order {
		c.explore(p)
	}
	c.out.finish()
	return c.out
}

// A side is a Side, made ready to be looked things up in.
type side struct {
	*Side
	byName   map[policy.Source]*policy.Policy
	plain    map[*policy.Policy]*policy.Policy // without what decides nothing
	routes   map[string]string                 // Ingress → policy
	byPolicy map[string][]string               // policy → Ingresses
	callers  map[*policy.Policy]*callers
}

func newSide(s *Side) *side {
	out := &side{
		Side: s, byName: make(map[policy.Source]*policy.Policy, len(s.Policies)), plain: map[*policy.Policy]*policy.Policy{},
		routes: map[string]string{}, byPolicy: map[string][]string{}, callers: map[*policy.Policy]*callers{},
	}
	for i := range s.Policies {
		p := &s.Policies[i]
		out.byName[policy.Source{Namespace: p.Source.Namespace, Name: p.Source.Name}] = p
	}
	for _, b := range s.Bindings {
		out.routes[b.Ingress] = b.Policy
		out.byPolicy[b.Policy] = append(out.byPolicy[b.Policy], b.Ingress)
	}
	return out
}

// guard returns the policy that a guard names; nil: one with mistakes, which denies.
func (s *side) guard(by policy.Source, defective bool) *policy.Policy {
	if defective {
		return nil
	}
	by.Field = ""
	return s.byName[by]
}

// rules returns a policy without what decides nothing: names, times, words.
func (s *side) rules(p *policy.Policy) *policy.Policy {
	if p == nil {
		return nil
	}
	if out := s.plain[p]; out != nil {
		return out
	}
	out := *p
	out.Source, out.Since, out.Hosts, out.Paths, out.Defects = policy.Source{}, time.Time{}, nil, nil, nil
	out.Denied, out.Launcher = policy.Denied{}, policy.Launcher{}
	out.Session.Cookie, out.Session.Idle = policy.Cookie{}, 0 // of the sign-in alone
	out.Rules = make([]policy.Rule, len(p.Rules))
	for i, r := range p.Rules {
		r.Name = ""
		r.Include, r.Require, r.Exclude = texts(r.Include), texts(r.Require), texts(r.Exclude)
		out.Rules[i] = r
	}
	s.plain[p] = &out
	return &out
}

// texts replaces expressions by their texts: those of the same text are the same.
func texts(list []policy.Selector) []policy.Selector {
	if !slices.ContainsFunc(list, func(s policy.Selector) bool { return s.Condition != nil }) {
		return list
	}
	out := slices.Clone(list)
	for i := range out {
		if c := out[i].Condition; c != nil {
			out[i].Condition, out[i].Value = nil, c.Text()
		}
	}
	return out
}

// comparison is the work.
type comparison struct {
	Settings
	old, now *side
	left     int
	pairs    map[pairKey]*pair
	order    []*pair
	hosts    []string // of either table, sorted
	// names are those hosts without their stars, and all that stands behind a dot in one.
	names  map[string]bool
	out    *Result
	groups map[groupKey]*Difference
	// routesDiffer are the policies that other Ingresses name than before.
	routesDiffer map[string][]string
	// people are those who differ although no policy does: who is revoked, whom no
	// provider vouches for.
	people answers
	// tokensDiffer and issuersDiffer are not the same on both sides.
	tokensDiffer  []policy.ServiceToken
	issuersDiffer []string
}

// pairKey is what makes every place of a pair alike.
type pairKey struct {
	old, now                   *policy.Policy
	oldContended, nowContended bool
	oldExempt, nowExempt       bool
	// In whose dry run they decide; nil: in none.
	oldDry, nowDry *policy.Policy
	odd            bool // the path has an encoded slash
}

// A pair are two policies of which the one decides before and the other after; nil: none.
type pair struct {
	pairKey
	same   bool // they say the same
	places []place
}

// A place is a part of a host.
type place struct {
	host, path string // as a request spells them
	where      string // in words
}

// host notes the places of one host, as policies spell it.
func (c *comparison) host(pattern string) {
	for _, host := range c.hostsOf(pattern) {
		was, wasContended := c.guards(c.old, host)
		is, isContended := c.guards(c.now, host)
		if wasContended == isContended && c.alike(was, is) && c.people == nil && len(c.routesDiffer) == 0 {
			continue
		}
		for _, path := range pathsOf(was, is, c.exemptions(was, is)) {
			c.place(host, path, pairKey{oldContended: wasContended, nowContended: isContended}, pattern)
		}
	}
}

// decides returns the policies that a target is decided by, and whether it is exempt.
func (s *side) decides(target policy.Target) (by, dry *policy.Policy, exempt bool) {
	g, ok := s.Table.Guarding(target)
	if !ok {
		return nil, nil, false
	}
	by = s.guard(g.Policy, g.Defective)
	if g.DryRun.Name != "" {
		dry = s.guard(g.DryRun, false)
	}
	is := func(p *policy.Policy) bool { return p != nil && slices.Contains(p.Exempt, target.Path()) }
	return by, dry, is(by) || is(dry)
}

// guards are the claims on a host, and, behind a dry run, those on the patterns above it.
func (c *comparison) guards(s *side, host string) ([]policy.Guard, bool) {
	guards, contended := s.Table.Guards(host)
	rehearses := func(g policy.Guard) bool {
		p := s.guard(g.Policy, g.Defective)
		return p != nil && p.DryRun != policy.DryRunNone
	}
	if slices.ContainsFunc(guards, rehearses) {
		guards = append(guards, s.Table.GuardsAbove(host)...)
	}
	return guards, contended
}

// hostsOf returns hosts for a request that stand for one of a policy: those that no other
// has for its own, or for what is below.
func (c *comparison) hostsOf(pattern string) (out []string) {
	stars, zone, _ := strings.Cut(pattern, ".")
	if !policy.IsPattern(pattern) {
		return []string{pattern}
	}
	word := "any"
	if len(zone) > maxHost-len("any.any.any.any.") {
		word = "a" // there is room for little
	}
	label := fresh(word, func(s string) bool { return c.names[s+"."+zone] })
	if _, other := slices.BinarySearch(c.hosts, "*."+zone); stars == "*" || !other {
		out = append(out, label+"."+zone)
	}
	if stars == "**" { // any number of labels
		out = append(out, label+"."+label+"."+zone, strings.Repeat(label+".", 4)+zone)
	}
	return out
}

// namesOf are the names that hosts of policies are made of.
func namesOf(hosts []string) map[string]bool {
	out := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		if policy.IsPattern(h) {
			_, h, _ = strings.Cut(h, ".")
		}
		for rest := true; rest && !out[h]; _, h, rest = strings.Cut(h, ".") {
			out[h] = true
		}
	}
	return out
}

// fresh returns a word that is not taken.
func fresh(word string, taken func(string) bool) string {
	out := word
	for i := 2; taken(out); i++ {
		out = fmt.Sprint(word, i)
	}
	return out
}

// alike reports whether what decides on a host claims the same, and says the same.
func (c *comparison) alike(was, is []policy.Guard) bool {
	return slices.EqualFunc(was, is, func(x, y policy.Guard) bool {
		return x.Path == y.Path && c.same(c.old.guard(x.Policy, x.Defective), c.now.guard(y.Policy, y.Defective))
	})
}

func (c *comparison) same(x, y *policy.Policy) bool {
	if x == nil || y == nil {
		return x == y
	}
	return reflect.DeepEqual(c.old.rules(x), c.now.rules(y)) && c.old.Table.SaysOfGroups(x) == c.now.Table.SaysOfGroups(y) &&
		c.sameCallers(sided{x, c.old}, sided{y, c.now})
}

// exemptions are single paths that policies treat in a way of their own.
func (c *comparison) exemptions(was, is []policy.Guard) (out []string) {
	for _, g := range was {
		if p := c.old.guard(g.Policy, g.Defective); p != nil {
			out = append(out, p.Exempt...)
		}
	}
	for _, g := range is {
		if p := c.now.guard(g.Policy, g.Defective); p != nil {
			out = append(out, p.Exempt...)
		}
	}
	return out
}

// pathsOf returns a path for each part that claims tell apart, with its words.
func pathsOf(was, is []policy.Guard, exempt []string) []place {
	segments := map[string]bool{}
	for _, g := range slices.Concat(was, is) {
		for s := range strings.SplitSeq(g.Path.Value, "/") {
			segments[s] = true
		}
	}
	child := "/" + fresh("any", func(s string) bool { return segments[s] })
	out := []place{{path: "/", where: "/"}, {path: child, where: "/*"}}
	for _, e := range exempt {
		out = append(out, place{path: e, where: e})
	}
	for _, g := range slices.Concat(was, is) {
		base := strings.TrimSuffix(g.Path.Value, "/")
		out = append(out, place{path: g.Path.Value, where: g.Path.Value}, place{path: base + child, where: base + "/*"})
	}
	slices.SortStableFunc(out, func(x, y place) int { return strings.Compare(x.path, y.path) })
	return slices.CompactFunc(out, func(x, y place) bool { return x.path == y.path })
}

// place notes whose policies decide there, before and after.
func (c *comparison) place(host string, at place, key pairKey, pattern string) {
	at.host, at.where = host, pattern+at.where
	at.path = (&url.URL{Path: at.path}).EscapedPath()
	target, err := policy.NewTarget(host, at.path)
	if err != nil {
		return // no request can be for it
	}
	key.old, key.oldDry, key.oldExempt = c.old.decides(target)
	key.now, key.nowDry, key.nowExempt = c.now.decides(target)
	c.add(key, at)
	if below := strings.HasSuffix(at.where, "/*"); below && key.old != nil && key.now != nil &&
		key.old.AllowEncodedSlashes != key.now.AllowEncodedSlashes {
		key.odd = true
		at.path += "%2Fany"
		at.where += " (with %2F)"
		c.add(key, at)
	}
}

func (c *comparison) add(key pairKey, at place) {
	p := c.pairs[key]
	if p == nil {
		p = &pair{pairKey: key, same: c.same(key.old, key.now) && c.same(key.oldDry, key.nowDry) && key.oldContended == key.nowContended}
		if p.same && c.people == nil && len(c.routesOf(p)) == 0 {
			return
		}
		c.pairs[key] = p
		c.order = append(c.order, p)
	}
	p.places = append(p.places, at)
}

// merged joins two sorted lists.
func merged(x, y []string) []string {
	all := slices.Concat(x, y)
	slices.Sort(all)
	return slices.Compact(all)
}
