// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"maps"
	"slices"
)

// A Guard is a claim in force: a part of a host, and the policy that decides there.
type Guard struct {
	Path   Path
	Policy Source
	// Defective: the policy has mistakes, and denies.
	Defective bool
}

// Hosts lists every host with something to say about it, as policies spell them: sorted,
// patterns too.
func (t *Table) Hosts() []string {
	if t == nil {
		return nil
	}
	var out []string
	t.exact.each(func(host string, _ *claims) { out = append(out, host) })
	t.wild.each(func(zone string, _ *claims) { out = append(out, wildPrefix+zone) })
	t.deep.each(func(zone string, _ *claims) { out = append(out, deepPrefix+zone) })
	slices.Sort(out)
	return out
}

// Guards lists what decides on a host that a request can be for, the most specific claim
// first. Contended: another namespace claims it in vain, so that a request of which it is
// not known by which route it came is denied.
func (t *Table) Guards(host string) (guards []Guard, contended bool) {
	if t == nil {
		return nil, false
	}
	r := t.claims(host)
	return r.guards(), r != nil && r.dispute != nil && r.dispute.contended
}

// GuardsAbove lists what is claimed of the patterns that stand for a host, in the order of its
// chain, up to one that denies: what can decide there behind a dry run.
func (t *Table) GuardsAbove(host string) (guards []Guard) {
	if t != nil {
		t.eachAbove(host, func(c *claims) bool {
			guards = append(guards, c.guards()...)
			return !c.empty()
		})
	}
	return guards
}

func (r *claims) guards() (guards []Guard) {
	r.each(func(c claim) {
		path := c.path
		if path == "" {
			path = "/"
		}
		guards = append(guards, Guard{Path{path, c.exact}, c.app.source, c.app.defective})
	})
	slices.SortFunc(guards, compareGuards)
	return guards
}

// compareGuards puts first what is looked up first, and else goes by the text.
func compareGuards(x, y Guard) int {
	switch {
	case x.Path.Exact == y.Path.Exact:
		return cmp.Or(cmp.Compare(len(y.Path.Value), len(x.Path.Value)), cmp.Compare(x.Path.Value, y.Path.Value))
	case x.Path.Exact:
		return -1
	default:
		return 1
	}
}

// A Guarding are the policies that a target is decided by.
type Guarding struct {
	Policy Source
	// Defective: it has mistakes, and denies.
	Defective bool
	// DryRun is the policy in whose dry run the target falls: that one, or another in whose
	// place it decides. Zero: none.
	DryRun Source
}

// Guarding returns which policy guards a target. It is false if none does.
func (t *Table) Guarding(target Target) (Guarding, bool) {
	if t == nil {
		return Guarding{}, false
	}
	a, dry := t.guard(t.claims(target.host), target.host, target.path)
	if a == nil {
		return Guarding{}, false
	}
	out := Guarding{Policy: a.source, Defective: a.defective}
	if dry != nil {
		out.DryRun = dry.source
	}
	return out, true
}

// Asks reports whether the platform lets a service be asked about people.
func (t *Table) Asks(e *Evaluation) bool { return t.mayAsk(e.compiled()) }

// Disputed says for people what is odd about whose a host is; empty: nothing.
func (t *Table) Disputed(host string) string {
	if t == nil {
		return ""
	}
	return t.noted(host)
}

// And returns the providers and others, which anybody may come from.
func (p *Providers) And(names ...string) *Providers {
	if p == nil || len(names) == 0 {
		return p
	}
	out := &Providers{byName: maps.Clone(p.byName), digest: p.digest}
	for _, name := range names {
		out.byName[name] = &people{}
	}
	added := digested(func(d *digest) { d.strs(append([]string{string(p.digest[:])}, names...)) })
	out.digest = *added
	return out
}

// Names are those of the providers, sorted.
func (p *Providers) Names() []string {
	if p == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(p.byName))
}
