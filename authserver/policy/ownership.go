// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Whose a host is. Of nearly every host there is one stake: one namespace claims it, as
// the ledger says.

// A contest finds whose a host is, by what speaks for each namespace.
type contest struct {
	host    string
	above   *contest // about the "*." host above, if somebody claims it, or claimed it
	stakes  []stake  // none: nobody claims the host, nor is it held
	winner  *stake   // nil: nobody is known to have been first
	one     [1]stake // where stakes begins
	byAbove bool     // the host belongs to the winner of the "*." host above it
	refused []Source // who claims it in vain
}

// A standing is what hosts below a "*." host see of its contest.
type standing struct {
	known, won, dated bool
	winner, best      stake
}

func (c *contest) standing() standing {
	if len(c.stakes) == 0 {
		return standing{}
	}
	s := standing{known: true, won: c.winner != nil, dated: c.dated(), best: c.stakes[0]}
	if s.won {
		s.winner = *c.winner
	}
	return s
}

// owner returns whose the host is; empty: nobody's. There may be no contest.
func (c *contest) owner() string {
	if c == nil || c.winner == nil {
		return ""
	}
	return c.winner.namespace
}

// A stake is what speaks for a namespace in a contest.
type stake struct {
	namespace string
	rank      rank
	since     time.Time
	live      bool // some policy claims the host
	granted   bool
	guessed   bool // some claim is no more than a guess
	released  time.Time
}

// A rank is how well it is known since when a namespace claims a host. The least
// is the best.
type rank int

const (
	timed    rank = iota // it is written down
	accepted             // the namespace was told that the host is its own
	unknown
)

// before reports whether a stake is known to be older than another.
func (s *stake) before(other *stake) bool {
	return s.rank < other.rank || s.rank == timed && other.rank == timed && s.since.Before(other.since)
}

// settle finds who was first, by what an attacker cannot choose: times that were
// written down here, and else nothing. Whoever has a grant is no rival. In files
// (recorded is false) one without a time may be older than all.
func (c *contest) settle(recorded bool) {
	slices.SortFunc(c.stakes, func(x, y stake) int {
		return cmp.Or(cmp.Compare(x.rank, y.rank), x.since.Compare(y.since), cmp.Compare(x.namespace, y.namespace))
	})
	if len(c.stakes) == 0 || c.obscure() {
		return
	}
	best := &c.stakes[0]
	if len(c.stakes) == 1 || best.before(&c.stakes[1]) && (recorded || c.dated()) {
		c.winner = best
		return
	}
	for i := range c.stakes {
		s := &c.stakes[i]
		if s.granted || recorded && best.before(s) {
			continue
		}
		if c.winner != nil {
			c.winner = nil
			return
		}
		c.winner = s
	}
}

// yield has a host go to the winner of the "*." host above it, if that one was
// first: a wildcard owns what is below it, but for what was claimed before. If it
// cannot be told which was first, the host is nobody's.
func (c *contest) yield(w *contest, recorded bool) (unsettled bool) {
	if !c.disputedBy(w) {
		return false
	}
	below, above := &c.stakes[0], w.best()
	granted := c.winner != nil && c.winner.granted
	switch known := c.comparable(w, recorded); {
	case known && below.before(above):
	case known && above.before(below), granted: // a grant makes nobody an owner
		c.winner, c.byAbove = w.winner, w.winner != nil
	case recorded && below.rank != unknown && c.winner != nil:
		// Both were written down at once, and in force side by side.
	default:
		c.winner = nil
		return w.winner != nil
	}
	return false
}

// comparable reports whether ages tell the two apart at all.
func (c *contest) comparable(w *contest, recorded bool) bool {
	return recorded || c.dated() && (w.dated() || w.winner != nil && w.winner.rank == timed)
}

// disputedBy reports whether others claim the "*." host above.
func (c *contest) disputedBy(w *contest) bool {
	return w.winner == nil || !c.owns(w.winner.namespace)
}

// best returns what speaks most for anybody.
func (c *contest) best() *stake {
	if c.winner != nil {
		return c.winner
	}
	return &c.stakes[0]
}

// dated reports whether it is known of everybody since when.
func (c *contest) dated() bool {
	return !slices.ContainsFunc(c.stakes, func(s stake) bool { return s.rank != timed || s.guessed })
}

// obscure reports whether several namespaces claim the host, and of one nobody knows what it
// meant to.
func (c *contest) obscure() bool {
	return len(c.stakes) > 1 && slices.ContainsFunc(c.stakes, func(s stake) bool { return s.guessed })
}

// owns reports whether the host is the namespace's.
func (c *contest) owns(namespace string) bool {
	return c.winner != nil && c.winner.namespace == namespace
}

// loses says why a claim of a namespace is not in force.
func (c *contest) loses(hold time.Duration) (Code, string) {
	const settles = "A host grant of the platform team settles it"
	switch w := c.winner; {
	case w == nil:
		return codeOwnerUnknown, fmt.Sprintf("%s is claimed by %s, and Ostiary cannot tell which of them was first, so the host has "+
			"no owner and all requests to it are denied. %s",
			c.host, c.rivals(), settles)
	case !w.live && !c.byAbove && w.released.IsZero():
		return codeOwnerLeft, fmt.Sprintf("%s belongs to namespace %s, whose claim was removed just now and may come back; "+
			"this claim is not active, and all requests to the host are denied. %s",
			c.host, w.namespace, settles)
	case !w.live && !c.byAbove:
		return codeHeld, fmt.Sprintf("%s is held for namespace %s until %s, as its claim was removed not long ago; this claim "+
			"is not active, and all requests to the host are denied. %s now",
			c.host, w.namespace, w.released.Add(hold).UTC().Format(time.RFC3339), settles)
	default:
		return codeOwned, fmt.Sprintf("%s belongs to namespace %s, which claimed it first; this claim is not active, and "+
			"while it stands, requests for that host that do not say by which route they came are refused. Ask the platform "+
			"team for a host grant, or choose another host",
			c.host, w.namespace)
	}
}

// rivals names the namespaces that claim the host, or the "*." host above it.
func (c *contest) rivals() string {
	var names []string
	for i := range c.stakes {
		names = append(names, c.stakes[i].namespace)
	}
	slices.Sort(names)
	text := "namespaces " + strings.Join(slices.Compact(names), " and ")
	if len(names) == 1 {
		text = "namespace " + names[0]
	}
	if above := c.above.owner(); above != "" && !slices.Contains(names, above) {
		text += ", and the \"*.\" host above it by namespace " + above
	}
	return text
}

// contested is for the winner: what others claim in vain, and what that does.
func contested(host string, by []Source, owner string) string {
	names := make([]string, len(by))
	for i, s := range by {
		names[i] = s.Namespace + "/" + s.Name
	}
	slices.Sort(names)
	names = slices.Compact(names)
	more := ""
	if len(names) > 3 {
		names, more = names[:3], fmt.Sprintf(" and %d more", len(names)-3)
	}
	return fmt.Sprintf("%s is claimed by %s%s, too; that claim is not active, but while it stands, requests for that host "+
		"that do not say by which route they came (Envoy, forward, a plain auth-url) are refused. A host grant for the "+
		"other namespace settles it, or a reservation for namespace %s",
		host, strings.Join(names, ", "), more, owner)
}
