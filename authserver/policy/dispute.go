// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
)

// A dispute is what sets a host apart that is not, or not only, its owner's.
type dispute struct {
	// contended: another namespace claims the host in vain. Only requests of which
	// it is known which route they came by are decided.
	contended bool
	pinned    *claims // what decides about those; nil: the same
	note      string  // for people
}

// empty reports whether there is no claim in force on the host.
func (r *claims) empty() bool { return r == nil || len(r.few) == 0 && r.many == nil }

// forRequest returns what decides about a request, by whether it is known which
// route it came by.
func (r *claims) forRequest(pinned bool) *claims {
	if r == nil || r.dispute == nil {
		return r
	}
	switch {
	case pinned && r.dispute.pinned != nil:
		return r.dispute.pinned
	case !pinned && r.dispute.contended:
		return nil
	default:
		return r
	}
}

// noted returns what there is to say of whose a host is.
func (t *Table) noted(host string) string {
	if r := t.claims(host); r != nil && r.dispute != nil {
		return r.dispute.note
	}
	return ""
}

// SameNamespace reports whether both hosts are guarded by policies of one namespace
// alone, and the same.
func (t *Table) SameNamespace(x, y string) bool {
	if t == nil {
		return false
	}
	all := map[string]bool{}
	for _, r := range []*claims{t.claims(x), t.claims(y)} {
		if r.empty() {
			return false
		}
		r.each(func(c claim) { all[c.app.source.Namespace] = true })
	}
	return len(all) == 1
}

// finish settles what depends on all claims being entered: which hosts are denied,
// or denied to requests of which the route is not known, and what to tell of it.
func (b *builder) finish(sorted []*Compiled) {
	for r, twin := range b.twins {
		r.dispute = &dispute{pinned: twin}
	}
	for _, c := range b.open {
		c.finish()
	}
	for _, host := range b.terms.protected() {
		foreign := false
		b.above(host).each(func(c claim) {
			why, _ := b.terms.refuses(host, c.app.source.Namespace)
			foreign = foreign || why != ""
		})
		if foreign && b.lookup(host) == nil {
			b.claims(host).dispute = &dispute{note: host + " is reserved, so the \"*.\" host above it does not decide there"}
		}
	}
	b.warn(sorted)
	b.table.unrecorded = b.unrecorded()
	b.table.unbound = b.revision(sorted)
	b.table.built, b.table.revision = b.table.unbound, b.table.unbound
}

// finish gives a host whose owner is settled what requests are decided by.
func (c *contest) finish() {
	r, w := c.claims, c.above
	d := &dispute{contended: len(c.refused) > 0, note: c.note()}
	if r.dispute != nil { // broken text claims it, too
		d.pinned = r.dispute.pinned
	}
	if r.empty() && c.winner != nil && w != nil && w.owner == r.owner { // its own "*." host's policies decide
		r.few, r.many = w.few, w.many
		if w.dispute != nil {
			d.contended, d.pinned = d.contended || w.dispute.contended, w.dispute.pinned
			d.note = cmp.Or(d.note, w.dispute.note)
		}
	}
	if d.contended || d.note != "" || d.pinned != nil {
		r.dispute = d
	}
}

// note says for Explain what is odd about whose the host is; empty: nothing.
func (c *contest) note() string {
	switch {
	case c.winner == nil && len(c.refused) == 0:
		return "" // all have grants
	case c.winner == nil:
		return fmt.Sprintf("%s is claimed by %s, and nothing tells which of them was first", c.host, c.rivals())
	case len(c.refused) > 0:
		return fmt.Sprintf("%s belongs to namespace %s, and another namespace claims it, too (%s): until that is settled, what does not say by which route it came is refused",
			c.host, c.winner.namespace, c.refused[0])
	case c.claims.empty():
		return fmt.Sprintf("%s is held for namespace %s, whose claim went away", c.host, c.winner.namespace)
	default:
		return ""
	}
}

// vain are the contests that the owners of hosts are to be told of, by where their
// claims are.
func (b *builder) vain() map[*claims][]*contest {
	vain := map[*claims][]*contest{}
	for _, c := range b.open {
		if len(c.refused) > 0 && c.winner != nil {
			at := c.claims
			if c.byAbove {
				at = c.above
			}
			vain[at] = append(vain[at], c)
		}
		for _, below := range c.unsettled {
			vain[c.claims] = append(vain[c.claims], &contest{host: below, claims: c.claims})
		}
	}
	return vain
}

// warn tells the owners of contended hosts.
func (b *builder) warn(sorted []*Compiled) {
	vain := b.vain()
	if len(vain) == 0 {
		return
	}
	b.next = 0
	for _, p := range sorted {
		for i := range p.hosts {
			r := b.at[b.next]
			b.next++
			if r == nil || r.owner != p.app.source.Namespace || p.app.salvaged {
				continue
			}
			for _, c := range vain[r] {
				b.warnOne(p.app, item("spec.hosts", i), c)
			}
		}
	}
}

func (b *builder) warnOne(a *app, field string, c *contest) {
	if c.winner == nil {
		b.tell(a, field, codeBelowUnsettled,
			"%s, below this \"*.\" host, is claimed by another namespace, and nothing tells which claim was first, so %s is denied. A host grant of the platform team settles it", c.host, c.host)
		return
	}
	b.tell(a, field, codeContended, "%s", contested(c.host, c.refused, a.source.Namespace))
}
