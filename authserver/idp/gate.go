// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"
)

// A Turn says whose turn it is to have a password checked.
type Turn struct {
	// Lane is what fairness is about: an address, or nothing where none is known.
	// However many wait in one lane, another one's next is not later for it.
	Lane string
	// Known: the browser has signed in to this account before. It has room of its own.
	Known bool
}

const (
	maxWaiting = 1024
	// maxWait is how long a check may be waited for: less than the listener has to
	// answer. Whoever tries again then is the one who came last.
	maxWait = 25 * time.Second
	// turnMemory is for how long the turns of a lane count.
	turnMemory = 30 * time.Second
	maxLanes   = 4 * maxWaiting
)

// A gate bounds how many passwords are checked at a time, as each takes a whole
// processor, and says whose turn is next: of the lanes in which somebody waits,
// that which has had the fewest turns lately, and in a lane whoever came last. So
// who floods a lane waits in it, and who comes new is next.
type gate struct {
	mu      sync.Mutex
	free    int // slots for everybody
	kept    int // slots for known browsers
	lanes   map[string]*lane
	active  map[*lane]bool // those in which somebody waits
	waiting int
	arrived uint64
}

type lane struct {
	turns int
	last  time.Time // when the last turn began
	stack []*waiter // the last one is next
}

type waiter struct {
	known bool
	seq   uint64
	ready chan pass // its turn has come; closed: it never will
}

// A pass is a turn that has come. leave gives it back.
type pass struct {
	kept bool // of the slots for known browsers
}

func newGate() *gate {
	return &gate{free: max(1, runtime.GOMAXPROCS(0)/2), kept: 1, lanes: map[string]*lane{}, active: map[*lane]bool{}}
}

// enter waits for a turn.
func (g *gate) enter(ctx context.Context, t Turn) (pass, error) {
	l, w := g.join(t)
	if w == nil {
		return pass{}, fail(ErrBusy, "%d are waiting", maxWaiting)
	}
	timer := time.NewTimer(maxWait)
	defer timer.Stop()
	select {
	case p, ok := <-w.ready:
		return p, displaced(ok)
	case <-ctx.Done():
	case <-timer.C:
	}
	g.mu.Lock()
	gone := g.remove(l, w)
	g.mu.Unlock()
	if !gone { // its turn came at this very moment
		p, ok := <-w.ready
		return p, displaced(ok)
	}
	return pass{}, fail(ErrBusy, "given up waiting")
}

func displaced(ok bool) error {
	if ok {
		return nil
	}
	return fail(ErrBusy, "%d are waiting", maxWaiting)
}

// join has somebody wait in their lane; nil: there is no room.
func (g *gate) join(t Turn) (*lane, *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.lane(t.Lane)
	if g.waiting >= maxWaiting && !g.displace(l) {
		return nil, nil
	}
	g.arrived++
	w := &waiter{known: t.Known, seq: g.arrived, ready: make(chan pass, 1)}
	l.stack = append(l.stack, w)
	g.active[l] = true
	g.waiting++
	g.serve()
	return l, w
}

// lane returns the lane of a name. Those of which nothing has to be remembered are
// forgotten, once there are many.
func (g *gate) lane(name string) *lane {
	now := time.Now()
	l := g.lanes[name]
	if l == nil {
		if len(g.lanes) >= maxLanes {
			maps.DeleteFunc(g.lanes, func(_ string, old *lane) bool { return len(old.stack) == 0 })
		}
		l = &lane{}
		g.lanes[name] = l
	}
	if len(l.stack) == 0 && now.Sub(l.last) > turnMemory {
		l.turns = 0
	}
	return l
}

// displace makes room for one more in a lane, if another lane is longer: at the
// expense of whoever came first there.
func (g *gate) displace(to *lane) bool {
	longest := to
	for l := range g.active {
		if len(l.stack) > len(longest.stack)+1 {
			longest = l
		}
	}
	if longest == to {
		return false
	}
	first := longest.stack[0]
	g.remove(longest, first)
	close(first.ready)
	return true
}

// leave ends a turn.
func (g *gate) leave(p pass) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.kept {
		g.kept++
	} else {
		g.free++
	}
	g.serve()
}

// serve gives turns to those whose they are, for as long as there are slots.
func (g *gate) serve() {
	for g.kept > 0 && g.give(true) {
		g.kept--
	}
	for g.free > 0 && g.give(false) {
		g.free--
	}
}

// give gives one turn: to a known browser, or to anybody.
func (g *gate) give(known bool) bool {
	var best *lane
	var next *waiter
	for l := range g.active {
		w := l.top(known)
		if w == nil || best != nil && (l.turns > best.turns || l.turns == best.turns && w.seq < next.seq) {
			continue
		}
		best, next = l, w
	}
	if best == nil {
		return false
	}
	g.remove(best, next)
	best.turns++
	best.last = time.Now()
	next.ready <- pass{kept: known}
	return true
}

// remove takes somebody out of the lane, if they are still there.
func (g *gate) remove(l *lane, w *waiter) bool {
	i := slices.Index(l.stack, w)
	if i < 0 {
		return false
	}
	l.stack = slices.Delete(l.stack, i, i+1)
	g.waiting--
	if len(l.stack) == 0 {
		delete(g.active, l)
	}
	return true
}

// top returns who is next in a lane, of known browsers or of all.
func (l *lane) top(known bool) *waiter {
	for i := len(l.stack) - 1; i >= 0; i-- {
		if l.stack[i].known || !known {
			return l.stack[i]
		}
	}
	return nil
}
