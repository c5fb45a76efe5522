// SPDX-License-Identifier: Apache-2.0

package policy

// settle finds whose a host is.
func (a *Assembler) settle(h *hostState, c *contest) {
	a.contestOf(h, c)
	if len(c.stakes) == 0 {
		return
	}
	if w := a.contestAbove(h); w != nil {
		c.above = w
		c.unsettled = c.yield(w, a.ledger != nil)
	}
}

// contestOf finds who was first of those who claim a host, or claimed it, whatever is
// above it.
func (a *Assembler) contestOf(h *hostState, c *contest) {
	*c = contest{host: h.name, at: h}
	c.stakes = c.one[:0]
	if h.recorded {
		a.collectRecords(c)
	}
	for _, e := range h.claimants {
		if p := e.used; a.terms.refusal(h.name, p.namespace()) == "" {
			a.collectClaim(c, p)
		}
	}
	c.settle(a.ledger != nil)
}

// collectRecords notes what was written down. What the platform says since then counts
// more.
func (a *Assembler) collectRecords(c *contest) {
	for _, r := range a.ledger.of(c.host) {
		if a.terms.refusal(c.host, r.Namespace) != "" {
			continue
		}
		s := c.stake(r.Namespace, a.terms)
		s.since, s.released = r.Since, r.Released
		switch {
		case !r.Since.IsZero():
			s.rank = timed
		case !s.granted: // whom a grant made the claim good for was not first
			s.rank = accepted
		}
	}
}

func (a *Assembler) collectClaim(c *contest, p *Compiled) {
	s := c.stake(p.namespace(), a.terms)
	s.live, s.guessed = true, s.guessed || p.app.salvaged
	if a.ledger == nil && !p.app.salvaged && !p.since.IsZero() && (s.rank == unknown || p.since.Before(s.since)) {
		s.rank, s.since = timed, p.since
	}
}

// stake returns that of a namespace.
func (c *contest) stake(namespace string, t *terms) *stake {
	for i := range c.stakes {
		if c.stakes[i].namespace == namespace {
			return &c.stakes[i]
		}
	}
	c.stakes = append(c.stakes, stake{namespace: namespace, rank: unknown, granted: t.granted(c.host, namespace)})
	return &c.stakes[len(c.stakes)-1]
}

// unrecorded returns whom the ledger ought to learn of; empty: nobody.
func (c *contest) unrecorded() string {
	if w := c.winner; w != nil && !c.byAbove && w.live && w.rank != timed {
		return w.namespace
	}
	return ""
}
