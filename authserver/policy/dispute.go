// SPDX-License-Identifier: Apache-2.0

package policy

import "fmt"

// A dispute is what sets a host apart that is not, or not only, its owner's.
type dispute struct {
	// contended: another namespace claims the host in vain. Only requests of which
	// it is known which route they came by are decided.
	contended bool
	note      string // for people
}

// empty reports whether there is no claim in force on the host.
func (r *claims) empty() bool { return r == nil || len(r.few) == 0 && r.many == nil }

// forRequest returns what decides about a request, by whether it is known which
// route it came by.
func (r *claims) forRequest(pinned bool) *claims {
	if r == nil || r.dispute == nil {
		return r
	}
	if r.dispute.contended && !pinned {
		return nil
	}
	return r
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

// note says for Explain what is odd about whose the host is; empty: nothing.
func (c *contest) note(admitted bool) string {
	switch {
	case c.winner == nil && len(c.refused) == 0:
		return "" // all have grants
	case c.winner == nil:
		return fmt.Sprintf("%s is claimed by %s, and Ostiary cannot tell which of them was first", c.host, c.rivals())
	case len(c.refused) > 0:
		return fmt.Sprintf("%s belongs to namespace %s, and another namespace claims it, too (%s): until that is settled, "+
			"what does not say by which route it came is refused",
			c.host, c.winner.namespace, c.refused[0])
	case !admitted:
		return fmt.Sprintf("%s is held for namespace %s, whose claim was removed", c.host, c.winner.namespace)
	default:
		return ""
	}
}

// disputed is the dispute about a host; the zero one: there is none.
func (r *claims) disputed() dispute {
	if r.dispute == nil {
		return dispute{}
	}
	return *r.dispute
}

// warn tells those who own a contended host.
func (e *entering) warn() {
	if c := e.contest; !c.byAbove && len(c.refused) > 0 {
		e.a.owners(e.host, c, func(p *Compiled) {
			e.tell(p, codeContended, "%s", contested(c.host, c.refused, p.namespace()))
		})
	}
}

// owners visits the policies of whoever owns a host that claim it.
func (a *Assembler) owners(h *hostState, c *contest, visit func(p *Compiled)) {
	for _, e := range h.claimants {
		if p := e.used; c.owns(p.namespace()) && a.terms.refusal(h.name, p.namespace()) == "" {
			visit(p)
		}
	}
}

// warnOwner tells those who own a pattern of what others claim below it, and finds
// whether the ledger ought to learn of them: not while nothing tells which was first.
func (a *Assembler) warnOwner(h *hostState) {
	c := h.contest
	if c == nil { // nothing is below it
		c = &a.scratch
		a.settle(h, c)
	}
	old := hostMore{}
	if h.more != nil {
		old = *h.more
	}
	unsettled, warnings := a.below(h, c)
	now := old
	now.warnings, now.owner = warnings, ""
	if a.ledger != nil && !unsettled {
		now.owner = c.unrecorded()
	}
	if len(old.warnings)+len(now.warnings) > 0 || old.owner != now.owner {
		a.keep(h, &old, &now)
	}
}

// below returns what the owner of a pattern is told of hosts below it.
func (a *Assembler) below(h *hostState, c *contest) (unsettled bool, warnings []Issue) {
	if h.more == nil || len(h.more.troubles) == 0 {
		return false, nil
	}
	e := entering{a: a, host: h}
	for below := range h.more.troubles {
		unsettled = unsettled || below.more.unsettled
		a.owners(h, c, func(p *Compiled) { e.warnBelow(p, below) })
	}
	return unsettled, e.issues
}

func (e *entering) warnBelow(p *Compiled, below *hostState) {
	if below.more.unsettled {
		e.tell(p, codeBelowUnsettled,
			"%s, below %s, is claimed by another namespace, and nothing tells which claim was first, so %s is "+
				"denied. A host grant of the platform team settles it", below.name, e.host.name, below.name)
	}
	if vain := below.more.vain; vain != nil {
		e.tell(p, codeContended, "%s", contested(below.name, vain, p.namespace()))
	}
}
