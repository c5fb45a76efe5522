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
	at      *hostState
	above   *contest // about the first pattern in the chain that somebody claims, or claimed
	stakes  []stake  // none: nobody claims the host, nor is it held
	winner  *stake   // nil: nobody is known to have been first
	one     [1]stake // where stakes begins
	yielded bool     // the pattern above was first
	byAbove bool     // and so the host belongs to its winner, as there is one
	older   *stake   // of the pattern above, if that is what claims below have to be older than
	vague   bool     // how old that is, is not known of a pattern above
	refused []Source // who claims it in vain
	// unsettled: nothing tells which was claimed first, the host or the pattern above.
	unsettled bool
}

// A standing is what hosts below a pattern see of its contest. What is best is the winner's, if
// there is one.
type standing struct {
	known, won, sure bool
	best             stake
	origin           string
}

func (c *contest) standing() standing {
	if len(c.stakes) == 0 {
		return standing{}
	}
	return standing{known: true, won: c.winner != nil, sure: c.sure(), best: *c.best(), origin: c.origin().host}
}

// origin is the contest in which the winner was found: this one, or one above.
func (c *contest) origin() *contest {
	for c.byAbove {
		c = c.above
	}
	return c
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

// yield has a host go to the winner of the pattern above it, if that one was
// first: a pattern owns what it stands for, but for what was claimed before. If it
// cannot be told which was first, the host is nobody's. What is above has yielded before: so
// a host is of whoever was first in all of its chain.
func (c *contest) yield(w *contest, recorded bool) (unsettled bool) {
	below, above := &c.stakes[0], w.best()
	if !c.disputedBy(w) {
		c.join(w)
		return false
	}
	granted := c.winner != nil && c.winner.granted
	switch known := recorded || c.dated() && w.sure(); {
	case known && below.before(above):
	case known && above.before(below), granted: // a grant makes nobody an owner
		c.winner, c.yielded, c.byAbove = w.winner, true, w.winner != nil
		c.older, c.vague = above, !w.sure()
	case recorded && below.rank != unknown && c.winner != nil:
		// Both were written down at once, and in force side by side.
	default:
		c.winner, c.vague = nil, !known
		return w.winner != nil
	}
	return false
}

// join has the claim above speak for its own, too, if it is the older.
func (c *contest) join(w *contest) {
	if c.vague = !w.sure(); w.best().before(c.winner) {
		c.older = w.best()
	}
}

// sure reports whether it is known what claims below have to be older than.
func (c *contest) sure() bool {
	switch {
	case c.vague, c.yielded:
		return !c.vague
	case c.winner != nil:
		return c.winner.rank == timed
	default:
		return c.dated()
	}
}

// disputedBy reports whether others claim the pattern above.
func (c *contest) disputedBy(w *contest) bool {
	return w.winner == nil || !c.owns(w.winner.namespace)
}

// best returns what speaks most for anybody.
func (c *contest) best() *stake {
	switch {
	case c.older != nil:
		return c.older
	case c.winner != nil:
		return c.winner
	default:
		return &c.stakes[0]
	}
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

// rivals names the namespaces that claim the host, or the pattern above it.
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
		text += ", and " + c.above.host + " above it by namespace " + above
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
