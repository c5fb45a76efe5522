// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ostiary/ostiary/authserver/oidc"
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
	// maxHold is how long a no is kept back at most.
	maxHold = 20 * time.Second
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
	held    int // who is told no late
	arrived uint64
	last    bool          // the next turn is that of whoever came last
	took    time.Duration // how long checks take, about
}

type lane struct {
	turns int
	last  time.Time // when the last turn began
	queue []*waiter
}

type waiter struct {
	known bool
	seq   uint64
	since time.Time
	ready chan pass // its turn has come; closed: it never will
}

// A pass is a turn that has come. leave gives it back.
type pass struct {
	kept   bool // of the slots for known browsers
	waited time.Duration
	began  time.Time
}

func newGate() *gate {
	return &gate{free: max(1, runtime.GOMAXPROCS(0)/2), kept: 1, lanes: map[string]*lane{}, active: map[*lane]bool{}}
}

// enter waits for a turn.
func (g *gate) enter(ctx context.Context, t Turn) (pass, error) {
	l, w := g.join(t)
	if w == nil {
		return pass{}, oidc.Fail(ErrBusy, "%d are waiting", maxWaiting)
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
	return pass{}, oidc.Fail(ErrBusy, "given up waiting")
}

func displaced(ok bool) error {
	if ok {
		return nil
	}
	return oidc.Fail(ErrBusy, "%d are waiting", maxWaiting)
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
	w := &waiter{known: t.Known, seq: g.arrived, since: time.Now(), ready: make(chan pass, 1)}
	l.queue = append(l.queue, w)
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
			maps.DeleteFunc(g.lanes, func(_ string, old *lane) bool { return len(old.queue) == 0 })
		}
		l = &lane{}
		g.lanes[name] = l
	}
	if len(l.queue) == 0 && now.Sub(l.last) > turnMemory {
		l.turns = 0
	}
	return l
}

// displace makes room for one more in a lane, if another lane is longer: at the
// expense of whoever came first there.
func (g *gate) displace(to *lane) bool {
	longest := to
	for l := range g.active {
		if len(l.queue) > len(longest.queue)+1 {
			longest = l
		}
	}
	if longest == to {
		return false
	}
	first := longest.queue[0]
	g.remove(longest, first)
	close(first.ready)
	return true
}

// leave ends a turn.
func (g *gate) leave(p pass) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if took := time.Since(p.began); g.took == 0 {
		g.took = took
	} else {
		g.took += (took - g.took) / 8
	}
	if p.kept {
		g.kept++
	} else {
		g.free++
	}
	g.serve()
}

// hold keeps a no back while many wait: for thrice as long as they will take.
func (g *gate) hold(ctx context.Context, p pass) {
	g.mu.Lock()
	late := min(3*time.Duration(g.waiting)*g.took, maxHold, maxWait-p.waited)
	if g.held >= maxWaiting {
		late = 0
	}
	g.held++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.held--
		g.mu.Unlock()
	}()
	timer := time.NewTimer(late)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
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
		w := l.next(known, g.last)
		if w == nil || best != nil && (l.turns > best.turns || l.turns == best.turns && (w.seq < next.seq) == g.last) {
			continue
		}
		best, next = l, w
	}
	if best == nil {
		return false
	}
	g.last = !g.last
	g.remove(best, next)
	now := time.Now()
	best.turns++
	best.last = now
	next.ready <- pass{kept: known, waited: now.Sub(next.since), began: now}
	return true
}

// remove takes somebody out of the lane, if they are still there.
func (g *gate) remove(l *lane, w *waiter) bool {
	i := slices.Index(l.queue, w)
	if i < 0 {
		return false
	}
	l.queue = slices.Delete(l.queue, i, i+1)
	g.waiting--
	if len(l.queue) == 0 {
		delete(g.active, l)
	}
	return true
}

// next returns who is next in a lane, of known browsers or of all: whoever came
// last, or first.
func (l *lane) next(known, last bool) *waiter {
	for i := range l.queue {
		w := l.queue[i]
		if last {
			w = l.queue[len(l.queue)-1-i]
		}
		if w.known || !known {
			return w
		}
	}
	return nil
}
