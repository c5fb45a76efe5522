// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// oneSlot is a gate with one slot for everybody, and one for known browsers.
func oneSlot() *gate {
	g := newGate()
	g.free = 1
	return g
}

// TestGateOrder: who comes in a lane of their own is next, whatever waits in others; in
// a lane it is whoever came last and whoever came first, by turns; and known browsers
// have a slot of their own.
func TestGateOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := oneSlot()
		first, err := g.enter(t.Context(), Turn{Lane: "flood"})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var order []string
		come := func(lane, name string) {
			go func() {
				p, err := g.enter(t.Context(), Turn{Lane: lane})
				mu.Lock()
				order = append(order, name)
				mu.Unlock()
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Second)
				g.leave(p)
			}()
			synctest.Wait()
		}
		for i := range 3 {
			come("flood", fmt.Sprint("flood-", i))
		}
		come("ann", "ann")
		known, err := g.enter(t.Context(), Turn{Lane: "device", Known: true}) // while all else waits
		if err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if len(order) > 0 {
			t.Errorf("%v had a turn", order)
		}
		mu.Unlock()
		g.leave(first)
		time.Sleep(10 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if want := []string{"ann", "flood-2", "flood-0", "flood-1"}; !slices.Equal(order, want) {
			t.Errorf("%v, want %v", order, want)
		}
		g.leave(known)
		if len(g.active) != 0 || g.waiting != 0 || g.free != 1 || g.kept != 1 {
			t.Errorf("left behind: %+v", g)
		}
	})
}

// TestGateIsBounded: of too many, those that came first in the longest lane give
// way, for others alone; nobody waits for ever; and who has gone has gone.
func TestGateIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := oneSlot()
		busy, err := g.enter(t.Context(), Turn{Lane: "x"})
		if err != nil {
			t.Fatal(err)
		}
		var refused, passed atomic.Int32
		wait := func(ctx context.Context, lane string) {
			go func() {
				p, err := g.enter(ctx, Turn{Lane: lane})
				switch {
				case errors.Is(err, ErrBusy):
					refused.Add(1)
				case err != nil:
					t.Error(err)
				default:
					passed.Add(1)
					g.leave(p)
				}
			}()
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range maxWaiting {
			wait(ctx, "flood")
		}
		synctest.Wait()
		wait(ctx, "flood")
		synctest.Wait()
		if refused.Load() != 1 || g.waiting != maxWaiting {
			t.Fatalf("one too many: %d refused, %d wait", refused.Load(), g.waiting)
		}
		wait(t.Context(), "ann")
		synctest.Wait()
		if refused.Load() != 2 || g.waiting != maxWaiting {
			t.Fatalf("somebody else: %d refused, %d wait", refused.Load(), g.waiting)
		}
		cancel()
		synctest.Wait()
		if refused.Load() != maxWaiting+1 || g.waiting != 1 {
			t.Fatalf("gave up: %d refused, %d wait", refused.Load(), g.waiting)
		}
		time.Sleep(maxWait + time.Second)
		synctest.Wait()
		if refused.Load() != maxWaiting+2 || g.waiting != 0 {
			t.Fatalf("waited for too long: %d refused, %d wait", refused.Load(), g.waiting)
		}
		g.leave(busy)
		wait(t.Context(), "ann")
		synctest.Wait()
		if passed.Load() != 1 || len(g.active) != 0 || g.free != 1 || g.kept != 1 {
			t.Errorf("%d passed, left behind: %+v", passed.Load(), g)
		}
	})
}

// TestGateLosesNothing: whatever comes and goes, the slots are all there in the end.
func TestGateLosesNothing(t *testing.T) {
	g := oneSlot()
	g.free = 3
	var at atomic.Int32
	var wg sync.WaitGroup
	for i := range 400 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(30))*time.Millisecond)
			defer cancel()
			p, err := g.enter(ctx, Turn{Lane: fmt.Sprint(i % 7), Known: i%5 == 0})
			if err != nil {
				return
			}
			if n := at.Add(1); n > 4 {
				t.Errorf("%d at a time", n)
			}
			time.Sleep(time.Duration(rand.IntN(2)) * time.Millisecond)
			at.Add(-1)
			g.leave(p)
		})
	}
	wg.Wait()
	if g.free != 3 || g.kept != 1 || g.waiting != 0 || len(g.active) != 0 {
		t.Errorf("left behind: %+v", g)
	}
}

// TestFloodOfGuesses: while a hundred connections try passwords without an end, of
// one account or of names that are nobody's, its owner signs in from a browser that
// was never seen before, after a few comparisons.
func TestFloodOfGuesses(t *testing.T) {
	const tries = 120
	for _, c := range []struct {
		name     string
		lane, of func(i int) string
	}{
		{"at one account", func(int) string { return "" }, func(int) string { return "ann" }},
		{"at names out of thin air", func(int) string { return "" }, func(i int) string { return fmt.Sprint("nobody", i) }},
		{"from one address", func(i int) string { return fmt.Sprint("192.0.2.", min(i, 1)) }, func(i int) string { return fmt.Sprint("nobody", i) }},
		{"from ten addresses, at somebody who comes from another one", func(i int) string { return fmt.Sprint("192.0.2.", max(i, -1)%10) }, func(int) string { return "ann" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := people(t, `[{name: ann, passwordHash: "HASH"}]`)
				p.gate = oneSlot()
				p.users.compare = func(_, password []byte) error { // one at a time: there is one slot
					time.Sleep(250 * time.Millisecond)
					if string(password) == horse {
						return nil
					}
					return bcrypt.ErrMismatchedHashAndPassword
				}
				ctx, stop := context.WithCancel(t.Context())
				var n atomic.Int32
				for range 100 {
					go func() {
						for ctx.Err() == nil {
							i := int(n.Add(1))
							_, _ = p.CheckPassword(ctx, Turn{Lane: c.lane(i)}, c.of(i), "wrong")
						}
					}()
				}
				quick, late := 0, 0
				for range tries {
					time.Sleep(time.Duration(rand.IntN(5000)) * time.Millisecond)
					began := time.Now()
					if _, err := p.CheckPassword(t.Context(), Turn{Lane: c.lane(-1)}, "ann", horse); err != nil {
						t.Logf("after %s: %v", time.Since(began), err)
						late++
					} else if time.Since(began) < 2*time.Second {
						quick++
					}
				}
				// About 78 are quick, and one of a thousand is late.
				if quick < 20 || late > 12 {
					t.Errorf("of 120, %d were quick, and %d had to try again", quick, late)
				}
				stop()
				synctest.Wait()
				time.Sleep(time.Minute)
			})
		})
	}
}
