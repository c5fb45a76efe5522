// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strings"
)

// settle finds whose the hosts are that are not plainly one namespace's.
func (b *builder) settle(sorted []*Compiled) {
	if b.ledger != nil {
		b.ledger.each(b.recorded)
	}
	b.compare()
	if len(b.open) == 0 {
		return
	}
	b.collect(sorted)
	slices.SortFunc(b.open, func(x, y *contest) int { return cmp.Compare(x.host, y.host) }) // "*." hosts first
	for _, c := range b.open {
		c.settle(b.ledger != nil)
		if w := c.above; w != nil {
			c.yield(b.of[w], b.ledger != nil)
		}
		if c.claims.owner = ""; c.winner != nil {
			c.claims.owner = c.winner.namespace
		}
	}
}

// compare finds hosts that are not, or may not be, of those who have the "*." host
// above them.
func (b *builder) compare() {
	for _, s := range b.sites { // it grows no more
		w := b.above(s.host)
		if w == nil || !b.known(w) || !b.known(s.claims) {
			continue
		}
		if w.owner != s.claims.owner || b.of[w] != nil || b.of[s.claims] != nil {
			b.contest(s.host, s.claims).above = w
			_, rest, _ := strings.Cut(s.host, ".")
			b.contest("*."+rest, w)
		}
	}
}

// known reports whether somebody claims a host, or claimed it.
func (b *builder) known(r *claims) bool { return r.claimed || b.of[r] != nil }

// recorded compares who claims a host with what was written down.
func (b *builder) recorded(host string, claims []Claim) {
	first := (*Claim)(nil)
	n := 0
	for i := range claims {
		if why, _ := b.terms.refuses(host, claims[i].Namespace); why != "" {
			continue // what the platform says since then counts more
		}
		if n++; first == nil {
			first = &claims[i]
		}
	}
	if first == nil {
		return
	}
	r := b.claims(host) // held, if nobody claims it
	r.recorded = n == 1 && r.claimed && r.owner == first.Namespace && !first.Since.IsZero()
	if !r.recorded {
		b.contest(host, r)
	}
}

// collect finds what speaks for whom in the contests.
func (b *builder) collect(sorted []*Compiled) {
	if b.ledger != nil {
		b.ledger.each(b.collectRecords)
	}
	at := b.at
	for _, p := range sorted {
		for i := range p.hosts {
			if c := b.of[at[i]]; c != nil && !p.app.salvaged {
				b.collectClaim(c, p)
			}
		}
		at = at[len(p.hosts):]
	}
}

func (b *builder) collectRecords(host string, claims []Claim) {
	c := b.of[b.lookup(host)]
	if c == nil {
		return
	}
	for _, r := range claims {
		if why, _ := b.terms.refuses(host, r.Namespace); why != "" {
			continue
		}
		s := c.stake(r.Namespace, b.terms)
		s.since, s.released = r.Since, r.Released
		switch {
		case !r.Since.IsZero():
			s.rank = timed
		case !s.granted: // whom a grant made the claim good for was not first
			s.rank = accepted
		}
	}
}

func (b *builder) collectClaim(c *contest, p *Compiled) {
	s := c.stake(p.app.source.Namespace, b.terms)
	s.live = true
	if b.ledger == nil && !p.since.IsZero() && (s.rank == unknown || p.since.Before(s.since)) {
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

// unrecorded are the claims that the ledger ought to learn of.
func (b *builder) unrecorded() []Claim {
	if b.ledger == nil {
		return nil
	}
	var out []Claim
	for _, s := range b.sites {
		r, c := s.claims, b.of[s.claims]
		switch {
		case c == nil:
			if r.claimed && !r.recorded {
				out = append(out, Claim{Host: s.host, Namespace: r.owner})
			}
		case c.winner != nil && !c.byAbove && c.winner.live && c.winner.rank != timed && len(c.unsettled) == 0:
			out = append(out, Claim{Host: s.host, Namespace: c.winner.namespace})
		}
	}
	return out
}
