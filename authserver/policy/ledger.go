// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"time"
)

// A Claim is a record: since when a host belongs to a namespace. The age of an
// object tells nothing, as its hosts can be edited.
type Claim struct {
	Host      string
	Namespace string
	// Since orders claims. Zero: nobody wrote it down, but the namespace was told
	// that the host is its own. That is worth less than any time, and more than
	// nothing.
	Since time.Time
	// Released is since when no policy of the namespace claims the host. Zero: one
	// does.
	Released time.Time
}

// A Ledger is what is written down of claims. It does not change. Where there is
// none, the times of the policies themselves count: in files, which have one author.
type Ledger struct {
	hold   time.Duration
	claims []Claim // by host, and then by who was first
	latest time.Time
}

// NewLedger merges records, in any order and as often as they like: of a host and
// namespace the earliest Since counts, and that it was not released. A host is held
// for its namespace for so long after it was released.
func NewLedger(claims []Claim, hold time.Duration) *Ledger {
	l := &Ledger{hold: hold, claims: slices.Clone(claims)}
	slices.SortFunc(l.claims, func(x, y Claim) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), cmp.Compare(x.Namespace, y.Namespace))
	})
	merged := l.claims[:0]
	for _, c := range l.claims {
		if c.Since.After(l.latest) {
			l.latest = c.Since
		}
		if n := len(merged); n > 0 && merged[n-1].Host == c.Host && merged[n-1].Namespace == c.Namespace {
			merged[n-1].merge(c)
			continue
		}
		merged = append(merged, c)
	}
	l.claims = merged
	slices.SortFunc(l.claims, func(x, y Claim) int {
		return cmp.Or(cmp.Compare(x.Host, y.Host), x.compare(&y), cmp.Compare(x.Namespace, y.Namespace))
	})
	return l
}

func (c *Claim) merge(other Claim) {
	if other.compare(c) < 0 {
		c.Since = other.Since
	}
	switch {
	case c.Released.IsZero() || other.Released.IsZero():
		c.Released = time.Time{}
	case other.Released.After(c.Released):
		c.Released = other.Released
	}
}

// compare orders claims by who was first. What was not written down is last.
func (c *Claim) compare(other *Claim) int {
	if x, y := c.Since.IsZero(), other.Since.IsZero(); x || y {
		return map[bool]int{true: 1}[x] - map[bool]int{true: 1}[y]
	}
	return c.Since.Compare(other.Since)
}

// Claims returns the records, merged.
func (l *Ledger) Claims() []Claim { return slices.Clone(l.claims) }

// records are those of a ledger that there may not be.
func (l *Ledger) records() []Claim {
	if l == nil {
		return nil
	}
	return l.claims
}

// of returns the records of a host, in order of who was first.
func (l *Ledger) of(host string) []Claim {
	at, _ := slices.BinarySearchFunc(l.claims, host, func(c Claim, host string) int { return cmp.Compare(c.Host, host) })
	rest := l.claims[at:]
	if len(rest) == 0 || rest[0].Host != host {
		return nil
	}
	return rest[:sameHost(rest)]
}

// heldMax bounds for how many hosts that it let go a namespace is remembered.
const heldMax = 1000

// Record returns what the ledger ought to hold, by the table that was built with
// it and from these policies: new owners are added, all with one time that is
// later than any before; what is no longer claimed is held, and then dropped. It
// asks to be called again then; zero: only when something changes.
func (l *Ledger) Record(t *Table, policies []*Compiled, now time.Time) (claims []Claim, again time.Time) {
	type key struct{ host, namespace string }
	live := make(map[key]bool, len(policies))
	for _, p := range policies {
		for _, h := range p.hosts {
			live[key{h, p.app.source.Namespace}] = true
		}
	}
	held := map[string][]Claim{}
	for _, c := range l.claims {
		switch {
		case c.Since.IsZero():
			continue // nobody wrote it down
		case live[key{c.Host, c.Namespace}]:
			c.Released = time.Time{}
			claims = append(claims, c)
			continue
		case c.Released.IsZero():
			c.Released = now
		}
		if end := c.Released.Add(l.hold); now.Before(end) {
			held[c.Namespace] = append(held[c.Namespace], c)
		}
	}
	for _, list := range held {
		slices.SortFunc(list, func(x, y Claim) int { return cmp.Or(y.Released.Compare(x.Released), cmp.Compare(x.Host, y.Host)) })
		for _, c := range list[:min(len(list), heldMax)] {
			if end := c.Released.Add(l.hold); again.IsZero() || end.Before(again) {
				again = end
			}
			claims = append(claims, c)
		}
	}
	return append(claims, l.Fresh(t, now)...), again
}

// Fresh returns the records of those who own a host that the ledger does not know
// of, with one time that is later than any in it, whatever the clock says: clocks
// of replicas differ.
func (l *Ledger) Fresh(t *Table, now time.Time) []Claim {
	if !now.After(l.latest) {
		now = l.latest.Add(1)
	}
	out := t.Unrecorded()
	for i := range out {
		out[i].Since = now
	}
	return out
}

// Unrecorded are the claims that are in force, and that the ledger did not hold,
// without a time.
func (t *Table) Unrecorded() []Claim {
	if t == nil {
		return nil
	}
	return slices.Clone(t.unrecorded)
}
