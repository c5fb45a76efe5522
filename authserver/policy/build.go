// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"strings"
	"time"
)

// claimsAtOnce is for how many hosts there is one allocation.
const claimsAtOnce = 256

// A builder makes a table in four steps, each for all policies: who claims what,
// whose it is, what is in force, and what is to be told of it.
type builder struct {
	table  *Table
	hosts  int      // at most how many will yet be claimed
	room   []claims // for the next hosts: in one piece, for the memory's and the look-ups' sake
	sites  []site
	at     []*claims // of each claim, in order; nil: the platform refuses it
	terms  *terms
	ledger *Ledger
	open   []*contest // by host, once settled
	of     map[*claims]*contest
	// twins are what pinned requests are decided by, on hosts that somebody's broken
	// text claims, too.
	twins  map[*claims]*claims
	next   int // of at
	issues []Issue
}

// A site is a host that somebody claims, or claimed.
type site struct {
	host   string
	claims *claims
}

func newBuilder(in *Input, sorted []*Compiled) *builder {
	exact, wild, all := 0, 0, 0
	for _, p := range sorted {
		all += len(p.hosts)
		for _, h := range p.hosts {
			if isWild(h) {
				wild++
			} else {
				exact++
			}
		}
	}
	return &builder{
		table: &Table{exact: make(map[string]*claims, exact), wild: make(map[string]*claims, wild), policies: len(sorted)},
		hosts: all, sites: make([]site, 0, all), at: make([]*claims, 0, all),
		terms: newTerms(in.Terms), ledger: in.Ledger, of: map[*claims]*contest{}, twins: map[*claims]*claims{},
	}
}

// claims returns those of a host, new ones if there are none.
func (b *builder) claims(host string) *claims {
	hosts, key := b.table.exact, host
	if isWild(host) {
		hosts, key = b.table.wild, host[2:]
	}
	r := hosts[key]
	if r == nil {
		if len(b.room) == 0 {
			b.room = make([]claims, min(max(1, b.hosts), claimsAtOnce))
			b.hosts -= len(b.room)
		}
		r, b.room = &b.room[0], b.room[1:]
		hosts[key] = r
		b.sites = append(b.sites, site{host, r})
	}
	return r
}

// lookup returns the claims on a host; nil: there are none.
func (b *builder) lookup(host string) *claims {
	if isWild(host) {
		return b.table.wild[host[2:]]
	}
	return b.table.exact[host]
}

// above returns the claims on the "*." host above an exact one.
func (b *builder) above(host string) *claims {
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
		r := b.claims(host)
		b.at = append(b.at, r)
		switch {
		case c.app.salvaged: // owns nothing, and is stopped by no owner
			if b.twins[r] == nil {
				b.twins[r] = &claims{}
			}
		case !r.claimed:
			r.owner, r.claimed = namespace, true
		case r.owner != namespace:
			b.contest(host, r)
		}
	}
}

func (b *builder) contest(host string, r *claims) *contest {
	c := b.of[r]
	if c == nil {
		c = &contest{host: host, claims: r}
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
			b.tell(a, item("spec.paths", i), codeOwnPath,
				"%s is Ostiary's own path, on every host (%s): people sign in there; this claim is not in force. Remove it", path.Value, b.terms.PathPrefix)
		}
	}
	for i, host := range c.hosts {
		r := b.at[b.next]
		if b.next++; b.admits(a, i, host, r) {
			b.enterHost(a, i, host, r, paths)
		}
	}
}

func (b *builder) enterHost(a *app, i int, host string, r *claims, paths []Path) {
	twin := b.twins[r]
	if a.salvaged && r.claimed && a.source.Namespace != r.owner {
		twin = nil
	}
	for _, path := range paths {
		if b.terms.ownPath(path.Value) {
			continue
		}
		claim := a.claims(path)
		if twin != nil {
			twin.add(claim)
		}
		if winner := r.add(claim); winner != nil && winner != a {
			b.tell(a, item("spec.hosts", i), codeClaimed,
				"%s%s (%s) is already claimed by %s, which is older; this claim is not in force", host, path.Value, path.kind(), winner.source)
		}
	}
}

// admits reports whether a claim on a host is in force, and else why it is not.
func (b *builder) admits(a *app, i int, host string, r *claims) bool {
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
	code, words := c.loses(b.hold())
	if b.ledger == nil && c.winner == nil {
		words += "; so does metadata.creationTimestamp in the files"
	}
	b.tell(a, item("spec.hosts", i), code, "%s", words)
	return false
}

func (b *builder) hold() time.Duration {
	if b.ledger == nil {
		return 0
	}
	return b.ledger.hold
}

func (b *builder) tell(a *app, field string, code Code, format string, args ...any) {
	b.issues = append(b.issues, newIssue(a.source.at(field), code, fmt.Sprintf(format, args...)))
}

func (a *app) name() [2]string { return [...]string{a.source.Namespace, a.source.Name} }

func (a *app) claims(p Path) claim {
	if p.Exact {
		return claim{p.Value, true, a}
	}
	return claim{strings.TrimSuffix(p.Value, "/"), false, a}
}
