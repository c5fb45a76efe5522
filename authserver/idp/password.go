// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
)

// maxPassword is what bcrypt reads of a password. It would take a longer one for
// its beginning, so that is nobody's.
const maxPassword = 72

// nobody is a hash of no known password, by cost.
func nobody(cost int) []byte {
	return fmt.Appendf(nil, "$2a$%02d$%s", cost, "N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy")
}

// check compares the password. It takes the same time whoever it is, and whether
// or not there is such a user: THREATS F17. A comparison of cost c takes 2^c, so
// those with c, c, c+1 and so on up to the highest cost take as long as one with it.
func (u *users) check(name, password string) *user {
	key, ok := canonical(name)
	one := u.byKey[key]
	if !ok {
		one = nil
	}
	hash, cost := nobody(u.cost), u.cost
	if one != nil {
		hash, cost = one.hash, one.cost
	}
	given := []byte(password)
	tooLong := len(given) > maxPassword
	given = given[:min(len(given), maxPassword)]
	same := u.compare(hash, given) == nil
	for ; cost < u.cost; cost++ {
		_ = u.compare(nobody(cost), given) // for the time that it takes
	}
	if one == nil || !same || tooLong || password == "" {
		return nil
	}
	return one
}

// A gate bounds how many passwords are checked at a time, as each takes a whole
// processor, and how many wait for it.
type gate struct {
	slots   chan struct{}
	waiting atomic.Int32
}

const maxWaiting = 64

func newGate() *gate { return &gate{slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))} }

// enter waits for a turn; leave ends it.
func (g *gate) enter(ctx context.Context) error {
	select {
	case g.slots <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > maxWaiting {
		return fail(ErrBusy, "%d are waiting", maxWaiting)
	}
	select {
	case g.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fail(ErrBusy, "given up waiting")
	}
}

func (g *gate) leave() { <-g.slots }

// checkPassword waits for its turn, and checks.
func (p *Provider) checkPassword(ctx context.Context, name, password string) (Identity, error) {
	if err := p.gate.enter(ctx); err != nil {
		return Identity{}, err
	}
	defer p.gate.leave()
	one := p.users.check(name, password)
	if one == nil {
		return Identity{}, ErrWrongPassword
	}
	return Identity{Provider: p.config.Name, ID: one.name, Email: one.email, Name: one.shown, Groups: slices.Clone(one.groups)}, nil
}
