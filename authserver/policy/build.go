// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// routesAtOnce is for how many hosts there is one allocation.
const routesAtOnce = 256

// A builder makes a table in four steps, each for all policies: who claims what,
// whose it is, what is in force, and what is to be told of it.
type builder struct {
	table  *Table
	hosts  int      // at most how many will yet be claimed
	room   []routes // for the next hosts: in one piece, for the memory's and the look-ups' sake
	sites  []site
	at     []*routes // of each claim, in order; nil: the platform refuses it
	terms  *terms
	ledger *Ledger
	open   []*contest // by host, once settled
	of     map[*routes]*contest
	// twins are what pinned requests are decided by, on hosts that somebody's broken
	// text claims, too.
	twins  map[*routes]*routes
	next   int // of at
	issues []Issue
}

// A site is a host that somebody claims, or claimed.
type site struct {
	host   string
	routes *routes
}

func newBuilder(in *Input, sorted []*Compiled) *builder {
	exact, wild, claims := 0, 0, 0
	for _, p := range sorted {
		claims += len(p.hosts)
		for _, h := range p.hosts {
			if isWild(h) {
				wild++
			} else {
				exact++
			}
		}
	}
	return &builder{
		table: &Table{exact: make(map[string]*routes, exact), wild: make(map[string]*routes, wild), policies: len(sorted)},
		hosts: claims, sites: make([]site, 0, claims), at: make([]*routes, 0, claims),
		terms: newTerms(in.Terms), ledger: in.Ledger, of: map[*routes]*contest{}, twins: map[*routes]*routes{},
	}
}

// routes returns those of a host, new ones if there are none.
func (b *builder) routes(host string) *routes {
	hosts, key := b.table.exact, host
	if isWild(host) {
		hosts, key = b.table.wild, host[2:]
	}
	r := hosts[key]
	if r == nil {
		if len(b.room) == 0 {
			b.room = make([]routes, min(max(1, b.hosts), routesAtOnce))
			b.hosts -= len(b.room)
		}
		r, b.room = &b.room[0], b.room[1:]
		hosts[key] = r
		b.sites = append(b.sites, site{host, r})
	}
	return r
}

// lookup returns the routes of a host; nil: there are none.
func (b *builder) lookup(host string) *routes {
	if isWild(host) {
		return b.table.wild[host[2:]]
	}
	return b.table.exact[host]
}

// above returns the routes of the "*." host above an exact one.
func (b *builder) above(host string) *routes {
	if _, rest, ok := strings.Cut(host, "."); ok && !isWild(host) {
		return b.table.wild[rest]
	}
	return nil
}

// stake notes what a policy claims.
func (b *builder) stake(c *Compiled) {
	namespace := c.app.source.Namespace
	for _, host := range c.hosts {
		if why, _ := b.terms.refuses(host, namespace); why != "" {
			b.at = append(b.at, nil)
			continue
		}
		r := b.routes(host)
		b.at = append(b.at, r)
		switch {
		case c.app.salvaged: // owns nothing, and is stopped by no owner
			if b.twins[r] == nil {
				b.twins[r] = &routes{}
			}
		case !r.claimed:
			r.owner, r.claimed = namespace, true
		case r.owner != namespace:
			b.contest(host, r)
		}
	}
}

func (b *builder) contest(host string, r *routes) *contest {
	c := b.of[r]
	if c == nil {
		c = &contest{host: host, routes: r}
		b.of[r] = c
		b.open = append(b.open, c)
	}
	return c
}

// enter puts those claims of a policy into the table that are in force.
func (b *builder) enter(c *Compiled) {
	a, paths := c.app, c.paths
	if a.cors != nil && a.cors.tokens {
		b.table.takers = append(b.table.takers, a)
	}
	if len(paths) == 0 {
		paths = []Path{{Value: "/"}}
	}
	for i, path := range paths {
		if b.terms.ownPath(path.Value) {
			b.tell(a, item("spec.paths", i), HostReserved,
				"%s is Ostiary's own path, on every host (%s): people sign in there; this claim is not in force. Remove it", path.Value, b.terms.PathPrefix)
		}
	}
	for i, host := range c.hosts {
		r := b.at[b.next]
		if b.next++; !b.admits(a, i, host, r) {
			continue
		}
		for _, path := range paths {
			if b.terms.ownPath(path.Value) {
				continue
			}
			claim := a.claims(path)
			if twin := b.twins[r]; twin != nil && (!a.salvaged || !r.claimed || a.source.Namespace == r.owner) {
				twin.add(claim)
			}
			if winner := r.add(claim); winner != nil && winner != a {
				b.tell(a, item("spec.hosts", i), Conflict,
					"%s%s (%s) is already claimed by %s, which is older; this claim is not in force", host, path.Value, path.kind(), winner.source)
			}
		}
	}
}

// admits reports whether a claim on a host is in force, and else why it is not.
func (b *builder) admits(a *app, i int, host string, r *routes) bool {
	namespace := a.source.Namespace
	if r == nil {
		why, words := b.terms.refuses(host, namespace)
		b.tell(a, item("spec.hosts", i), why, "%s", words)
		return false
	}
	c := b.of[r]
	if c == nil || a.salvaged || c.owns(namespace) || b.terms.granted(host, namespace) {
		return true
	}
	c.refused = append(c.refused, a.source)
	b.tell(a, item("spec.hosts", i), HostOwnedByOtherNamespace, "%s", c.loses(b.hold()))
	return false
}

func (b *builder) hold() time.Duration {
	if b.ledger == nil {
		return 0
	}
	return b.ledger.hold
}

func (b *builder) tell(a *app, field string, why IssueReason, format string, args ...any) {
	b.issues = append(b.issues, Issue{a.source.at(field), why, fmt.Sprintf(format, args...)})
}

func (a *app) name() [2]string { return [...]string{a.source.Namespace, a.source.Name} }

func (a *app) claims(p Path) claim {
	if p.Exact {
		return claim{p.Value, true, a}
	}
	return claim{strings.TrimSuffix(p.Value, "/"), false, a}
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
			b.routes(host).dispute = &dispute{note: host + " is reserved, so the \"*.\" host above it does not decide there"}
		}
	}
	b.warn(sorted)
	b.table.unrecorded = b.unrecorded()
	b.table.unbound = b.revision(sorted)
	b.table.built, b.table.revision = b.table.unbound, b.table.unbound
}

// finish gives a host whose owner is settled what requests are decided by.
func (c *contest) finish() {
	r, w := c.routes, c.above
	d := &dispute{contended: len(c.refused) > 0}
	if r.dispute != nil { // broken text claims it, too
		d.pinned = r.dispute.pinned
	}
	switch {
	case c.winner == nil:
		d.note = fmt.Sprintf("%s is claimed by %s, and nothing tells which of them was first", c.host, c.rivals())
	case d.contended:
		d.note = fmt.Sprintf("%s belongs to namespace %s, and another namespace claims it, too (%s): until that is settled, what does not say by which route it came is refused",
			c.host, r.owner, strings.TrimSuffix(c.refused[0].String(), " "))
	case r.empty():
		d.note = fmt.Sprintf("%s is held for namespace %s, whose claim went away", c.host, r.owner)
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

// warn tells the owners of contended hosts.
func (b *builder) warn(sorted []*Compiled) {
	vain := map[*routes][]*contest{} // by where the claims of the owner are
	for _, c := range b.open {
		if len(c.refused) > 0 && c.winner != nil {
			at := c.routes
			if c.byAbove {
				at = c.above
			}
			vain[at] = append(vain[at], c)
		}
		for _, below := range c.unsettled {
			vain[c.routes] = append(vain[c.routes], &contest{host: below, routes: c.routes})
		}
	}
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
		b.tell(a, field, HostOwnedByOtherNamespace,
			"%s, below this \"*.\" host, is claimed by another namespace, and nothing tells which claim was first, so %s is denied. A host grant of the platform team settles it", c.host, c.host)
		return
	}
	b.tell(a, field, HostContended, "%s", contested(c.host, c.refused, a.source.Namespace))
}

// settle finds whose the hosts are that are not plainly one namespace's.
func (b *builder) settle(sorted []*Compiled) {
	if b.ledger != nil {
		b.ledger.each(b.recorded)
	}
	for _, s := range b.sites { // it grows no more
		w := b.above(s.host)
		if w == nil || !b.known(w) || !b.known(s.routes) {
			continue
		}
		if w.owner != s.routes.owner || b.of[w] != nil || b.of[s.routes] != nil {
			b.contest(s.host, s.routes).above = w
			_, rest, _ := strings.Cut(s.host, ".")
			b.contest("*."+rest, w)
		}
	}
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
		if c.routes.owner = ""; c.winner != nil {
			c.routes.owner = c.winner.namespace
		}
	}
}

// known reports whether somebody claims a host, or claimed it.
func (b *builder) known(r *routes) bool { return r.claimed || b.of[r] != nil }

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
	r := b.routes(host) // held, if nobody claims it
	r.recorded = n == 1 && r.claimed && r.owner == first.Namespace && !first.Since.IsZero()
	if !r.recorded {
		b.contest(host, r)
	}
}

// collect finds what speaks for whom in the contests.
func (b *builder) collect(sorted []*Compiled) {
	if b.ledger != nil {
		b.ledger.each(func(host string, claims []Claim) {
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
		})
	}
	at := b.at
	for _, p := range sorted {
		for i := range p.hosts {
			if c := b.of[at[i]]; c != nil && !p.app.salvaged {
				s := c.stake(p.app.source.Namespace, b.terms)
				s.live = true
				if b.ledger == nil && !p.since.IsZero() && (s.rank == unknown || p.since.Before(s.since)) {
					s.rank, s.since = timed, p.since
				}
			}
		}
		at = at[len(p.hosts):]
	}
	for _, c := range b.open { // what only the platform's refusals left
		c.stakes = slices.DeleteFunc(c.stakes, func(s stake) bool { return !s.live && s.rank == unknown })
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
		r, c := s.routes, b.of[s.routes]
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
