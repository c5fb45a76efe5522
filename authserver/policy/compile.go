// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"
)

// A Compiled is what depends on one policy alone. It does not change, and can be
// part of many tables.
type Compiled struct {
	app    *app
	since  time.Time
	digest [sha256.Size]byte
	hosts  []string
	paths  []Path
	issues []Issue
}

// Hosts are what the policy claims, or may have meant to.
func (c *Compiled) Hosts() []string { return c.hosts }

// Compile checks and compiles one policy.
func Compile(p *Policy) *Compiled {
	issues := append(slices.Clone(p.Defects), Validate(p)...)
	defective := p.Salvaged || slices.ContainsFunc(issues, func(i Issue) bool { return !i.Warning() })
	c := &Compiled{
		app:   compile(p, defective),
		since: p.Since, digest: digestOf(p),
		hosts: slices.Clone(p.Hosts), paths: slices.Clone(p.Paths), issues: issues,
	}
	if defective {
		return c.denied()
	}
	return c
}

// denied returns a copy that claims all that the policy may have meant to, and
// denies it.
func (c *Compiled) denied() *Compiled {
	d := *c
	d.app = &app{source: c.app.source, audience: c.app.audience, defective: true, salvaged: c.app.salvaged}
	d.hosts, d.paths = salvageHosts(c.hosts), salvagePaths(c.paths)
	return &d
}

func compile(p *Policy, defective bool) *app {
	a := &app{
		source:    p.Source.at(""),
		audience:  Audience(p.Source),
		defective: defective,
		salvaged:  p.Salvaged,
	}
	if defective { // so that nothing of it can ever be consulted
		return a
	}
	a.encodedSlashes, a.crossSite = p.AllowEncodedSlashes, p.AllowCrossSite
	a.cors = compileCORS(p.CORS)
	a.revokedBefore = p.Session.RevokedBefore
	a.unauthenticated = p.Unauthenticated
	a.signIn = compileSignIn(p)
	rules := make([]rule, 0, len(p.Rules)) // in one piece, as they are read one after the other
	parts := newParts(p.Rules)
	parts.duration = p.Session.Duration
	for i := range p.Rules {
		if p.Rules[i].Action.relaxes() {
			rules = append(rules, parts.rule(&p.Rules[i], i))
		}
	}
	n := len(rules)
	for i := range p.Rules {
		if act := p.Rules[i].Action; act == Block || act == Allow {
			rules = append(rules, parts.rule(&p.Rules[i], i))
		}
	}
	a.relaxing, a.identity = rules[:n:n], rules[n:]
	return a
}

// Audience is what a credential for a policy is made for.
func Audience(s Source) string { return s.Namespace + "/" + s.Name }

// parts is room for what the rules of a policy are made of, each kind in one
// piece: a table holds a tenth as many objects, and a walk touches fewer pages.
type parts struct {
	selectors []Selector
	networks  []netip.Prefix
	methods   []string
	duration  time.Duration // of rules that say nothing
}

func newParts(rules []Rule) *parts {
	selectors, networks, methods := 0, 0, 0
	for i := range rules {
		methods += len(rules[i].Methods)
		for _, list := range rules[i].lists() {
			selectors += len(list)
			for j := range list {
				networks += len(list[j].Networks)
			}
		}
	}
	return &parts{make([]Selector, 0, selectors), make([]netip.Prefix, 0, networks), make([]string, 0, methods), 0}
}

func (r *Rule) lists() [3][]Selector { return [...][]Selector{r.Include, r.Require, r.Exclude} }

func (p *parts) rule(r *Rule, index int) rule {
	out := rule{name: r.Name, field: ruleField(index), action: r.Action, duration: cmp.Or(r.SessionDuration, p.duration)}
	n := len(p.methods)
	p.methods = append(p.methods, r.Methods...)
	out.methods = slices.Clip(p.methods[n:])
	out.include, out.require, out.exclude = p.list(r.Include), p.list(r.Require), p.list(r.Exclude)
	return out
}

func (p *parts) list(in []Selector) []Selector {
	start := len(p.selectors)
	for _, s := range in {
		n := len(p.networks)
		for _, network := range s.Networks {
			p.networks = append(p.networks, unmap(network).Masked())
		}
		p.selectors = append(p.selectors, Selector{s.Property, s.Value, slices.Clip(p.networks[n:])})
	}
	return slices.Clip(p.selectors[start:])
}

// ruleFields are the names that all but the longest policies need, shared.
var ruleFields = func() (out [32]string) {
	for i := range out {
		out[i] = item("spec.rules", i)
	}
	return out
}()

func ruleField(i int) string {
	if i < len(ruleFields) {
		return ruleFields[i]
	}
	return item("spec.rules", i)
}

// unmap makes an IPv4 network of ::ffff:10.0.0.0/104: addresses come unmapped.
func unmap(n netip.Prefix) netip.Prefix {
	if n.Addr().Is4In6() && n.Bits() >= 96 {
		return netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n
}
