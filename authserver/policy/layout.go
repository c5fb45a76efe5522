// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// manyClaims are those on a host of many parts.
type manyClaims struct {
	exact   map[string]*app
	prefix  map[string]*app
	longest int // of the prefixes
}

func (m *manyClaims) lookup(path string) *app {
	if a := m.exact[path]; a != nil {
		return a
	}
	for p := m.start(path); ; p = p[:strings.LastIndexByte(p, '/')] {
		if a := m.prefix[p]; a != nil {
			return a
		}
		if p == "" {
			return nil
		}
	}
}

// start is the longest part of a path that a prefix can be: a long path costs no more than a
// long claim.
func (m *manyClaims) start(path string) string {
	if len(path) > m.longest {
		return path[:strings.LastIndexByte(path[:m.longest+1], '/')]
	}
	return path
}

// lookupEnforced is lookup among the claims of policies that are in no dry run.
func (m *manyClaims) lookupEnforced(path string) *app {
	if a := m.exact[path]; a != nil && a.dryRun == DryRunNone {
		return a
	}
	for p := m.start(path); ; p = p[:strings.LastIndexByte(p, '/')] {
		if a := m.prefix[p]; a != nil && a.dryRun == DryRunNone {
			return a
		}
		if p == "" {
			return nil
		}
	}
}

// add enters a claim, or returns whose it is already.
func (r *claims) add(c claim) *app {
	if r.many != nil {
		return r.many.add(c)
	}
	at := 0
	for ; at < len(r.few); at++ {
		o := &r.few[at]
		if o.exact == c.exact && o.path == c.path {
			return o.app
		}
		// Two that are equally specific never cover the same path.
		if c.exact && !o.exact || c.exact == o.exact && len(c.path) > len(o.path) {
			break
		}
	}
	if len(r.few) < few {
		if r.few == nil {
			r.few = r.first[:0]
		}
		r.few = slices.Insert(r.few, at, c)
		return nil
	}
	r.many = &manyClaims{exact: map[string]*app{}, prefix: map[string]*app{}}
	for _, o := range r.few {
		r.many.add(o)
	}
	r.few, r.first = nil, [2]claim{}
	return r.many.add(c)
}

func (m *manyClaims) add(c claim) *app {
	claims := m.exact
	if !c.exact {
		claims = m.prefix
		m.longest = max(m.longest, len(c.path))
	}
	if winner := claims[c.path]; winner != nil {
		return winner
	}
	claims[c.path] = c.app
	return nil
}

// parts is room for what the rules of a policy are made of, each kind in one
// piece: a table holds a tenth as many objects, and a walk touches fewer pages.
type parts struct {
	selectors []Selector
	networks  []netip.Prefix
	methods   []string
	duration  time.Duration // of rules that say nothing
	namespace string        // of names that say none
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
	return &parts{make([]Selector, 0, selectors), make([]netip.Prefix, 0, networks), make([]string, 0, methods), 0, ""}
}

func (r *Rule) lists() [3][]Selector { return [...][]Selector{r.Include, r.Require, r.Exclude} }

func (p *parts) rule(r *Rule, index int) rule {
	out := rule{name: r.Name, field: ruleField(index), action: r.Action, duration: cmp.Or(r.SessionDuration, p.duration)}
	n := len(p.methods)
	p.methods = append(p.methods, r.Methods...)
	out.methods = slices.Clip(p.methods[n:])
	out.include, out.require, out.exclude = p.list(r.Include), p.list(r.Require), p.list(r.Exclude)
	for _, list := range r.lists() {
		out.named = out.named || slices.ContainsFunc(list, func(s Selector) bool { return s.Property == AccessGroup })
	}
	return out
}

func (p *parts) list(in []Selector) []Selector {
	start := len(p.selectors)
	for _, s := range in {
		n := len(p.networks)
		for _, network := range s.Networks {
			p.networks = append(p.networks, unmap(network).Masked())
		}
		if s.Property == Token || s.Property == LinkedApp {
			s.Value = inNamespace(s.Value, p.namespace)
		}
		p.selectors = append(p.selectors, Selector{s.Property, s.Value, slices.Clip(p.networks[n:]), slices.Clone(s.Countries), s.Condition, s.Certificate, s.JWT.clone(), s.Claim.clone(), s.Evaluation.compiled()})
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
