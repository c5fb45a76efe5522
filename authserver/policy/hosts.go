// SPDX-License-Identifier: Apache-2.0

package policy

// A hostState is what an Assembler knows of one host or pattern: what speaks for whom, and
// what came of it. What comes of it depends on what is said of it, and on whose the patterns
// are that follow in its chain (pattern.go); whoever owns a pattern is told of hosts below.
// So one round redoes the "**." patterns that were touched, the farthest first, then the "*."
// ones, then the other hosts, each with those that lie below a pattern whose standing
// changed, and then tells the owners.
type hostState struct {
	name      string
	claimants []*entry // older first
	one       [1]*entry
	above     *hostState // of a host: its "*." pattern; it is there even if nobody claims it. nil: of one label
	// below are the hosts under a "*." pattern, beginning with this one; others follow as
	// sisters.
	below, next, prev *hostState
	contest           *contest // of a "*." pattern with hosts below it, and of a "**." one: whose it is
	claims            *claims  // in the table; nil: the host is not in it
	more              *hostMore
	recorded          bool // the ledger has something about it
	protected         bool // by the terms: see there
	dirty, warned     bool // is in the list of that name
	changed           bool // what hosts below a "**." pattern see of it, in this round
}

// hostMore is what there is to say of few hosts.
type hostMore struct {
	issues   []Issue // that those who claim it are told
	warnings []Issue // that the owner of a pattern is told of hosts below it
	outcome  *sum    // in the revision: it is not plain whose the host is
	owner    string  // the ledger ought to learn of it
	// unsettled and vain are for the owner of the pattern above.
	unsettled bool     // nothing tells which of the two hosts was claimed first
	vain      []Source // who claims in vain what belongs to that pattern's owner
	// followers are the hosts below that copy what is in force on a pattern, or are kept from
	// it, and troubles those that its owner is told of. Of a host, following and troubling are
	// where it is among them.
	followers, troubles  map[*hostState]struct{}
	following, troubling *hostState
}

func (h *hostState) extra() *hostMore {
	if h.more == nil {
		h.more = &hostMore{}
	}
	return h.more
}

// host returns the state of a host, a new one if there is none.
func (a *Assembler) host(name string) *hostState {
	switch {
	case isWild(name):
		return a.patternOf(a.wilds, name)
	case isDeep(name):
		return a.patternOf(a.deeps, name)
	}
	h := a.hosts[name]
	if h == nil {
		h = a.newHost(name)
		a.hosts[name] = h
		if rest := parentOf(name); rest != "" {
			w := a.wilds[rest]
			if w == nil {
				w = a.patternOf(a.wilds, wildPrefix+rest)
			}
			h.above, h.next = w, w.below
			if w.below != nil {
				w.below.prev = h
			}
			w.below = h
		}
	}
	return h
}

func (a *Assembler) patternOf(known map[string]*hostState, name string) *hostState {
	h := known[zoneOf(name)]
	if h == nil {
		h = a.newHost(name)
		known[zoneOf(name)] = h
	}
	return h
}

// newHost returns a state. When many are made at once, they lie side by side.
func (a *Assembler) newHost(name string) *hostState {
	h := &hostState{}
	if a.many > 0 {
		if len(a.states) == 0 {
			a.states = make([]hostState, min(a.many, claimsAtOnce))
		}
		h, a.states = &a.states[0], a.states[1:]
		a.many--
	}
	h.name, h.claimants = name, h.one[:0]
	return h
}

// touch has a host redone.
func (a *Assembler) touch(h *hostState) {
	switch {
	case h.dirty:
		return
	case isWild(h.name):
		a.dirtyWild = append(a.dirtyWild, h)
	case isDeep(h.name):
		a.dirtyDeep = append(a.dirtyDeep, h)
	default:
		a.dirty = append(a.dirty, h)
	}
	h.dirty = true
}

// touchAll has every host redone.
func (a *Assembler) touchAll() {
	for _, known := range [...]map[string]*hostState{a.deeps, a.wilds, a.hosts} {
		for _, h := range known {
			a.touch(h)
		}
	}
}

// remind has the owner of a pattern told anew of hosts below it.
func (a *Assembler) remind(h *hostState) {
	if !h.warned {
		h.warned = true
		a.warn = append(a.warn, h)
	}
}

// redoWilds redoes the "*." patterns that were touched, and touches what depends on them.
func (a *Assembler) redoWilds() {
	a.makeRoom(len(a.dirty) + len(a.dirtyWild))
	for _, h := range a.dirtyWild {
		h.dirty = false
		before := h.contest
		h.contest = nil
		c := &a.scratch
		if h.below == nil {
			a.settle(h, c)
		} else {
			c = a.settled(h)
		}
		if before == nil || before.standing() != c.standing() {
			for o := h.below; o != nil; o = o.next {
				a.touch(o)
			}
		}
		a.redo(h, c)
		a.touchFollowers(h)
		if h.below == nil && len(h.claimants) == 0 || h.more != nil && len(h.more.troubles) > 0 {
			a.remind(h)
		}
	}
	a.dirtyWild = a.dirtyWild[:0]
}

func (a *Assembler) touchFollowers(h *hostState) {
	if h.more != nil {
		for o := range h.more.followers {
			a.touch(o)
		}
	}
}

// redoExact redoes the other hosts.
func (a *Assembler) redoExact() {
	for _, h := range a.dirty {
		h.dirty = false
		a.settle(h, &a.scratch)
		a.redo(h, &a.scratch)
		if len(h.claimants) == 0 && !h.recorded && !h.protected {
			a.forget(h)
		}
	}
	a.dirty = a.dirty[:0]
}

// warnOwners tells the owners of patterns what others claim below them.
func (a *Assembler) warnOwners() {
	for _, h := range a.warn {
		h.warned = false
		a.warnOwner(h)
		gone := len(h.claimants) == 0 && !h.recorded && !h.protected
		switch {
		case isDeep(h.name) && gone:
			delete(a.deeps, zoneOf(h.name))
		case isWild(h.name) && h.below == nil:
			if h.contest = nil; gone {
				delete(a.wilds, zoneOf(h.name))
			}
		}
	}
	a.warn = a.warn[:0]
}

// forget lets go of a host of which nothing is known any more.
func (a *Assembler) forget(h *hostState) {
	delete(a.hosts, h.name)
	if h.above == nil {
		return
	}
	if h.prev != nil {
		h.prev.next = h.next
	} else {
		h.above.below = h.next
	}
	if h.next != nil {
		h.next.prev = h.prev
	}
	a.remind(h.above)
}

// settled returns whose a pattern is.
func (a *Assembler) settled(h *hostState) *contest {
	if h.contest == nil {
		h.contest = &contest{}
		a.settle(h, h.contest)
	}
	return h.contest
}

// claimsAtOnce is for how many hosts there is one allocation, when many are redone.
const claimsAtOnce = 256

func (a *Assembler) makeRoom(hosts int) {
	a.room = nil
	if hosts >= claimsAtOnce {
		a.room = make([]claims, claimsAtOnce)
	}
}

func (a *Assembler) newClaims() *claims {
	if a.room == nil {
		return &claims{}
	}
	if len(a.room) == 0 {
		a.room = make([]claims, claimsAtOnce)
	}
	r := &a.room[0]
	a.room = a.room[1:]
	return r
}
