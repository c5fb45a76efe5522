// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/ostiary/ostiary/authserver/telemetry/decisionlog"
)

// How often it is looked for new logs, and how long a line is held for earlier ones of
// another log.
const (
	lookEvery = 2 * time.Second
	hold      = 500 * time.Millisecond
)

// A finder finds logs: the same values each time for the same logs. After the final ones
// there will be no others.
type finder func(context.Context) (all []source, final bool)

// A follower follows logs.
type follower struct {
	*reading
	running sync.WaitGroup
	queue   chan decisionlog.Entry
	ended   chan source
	follows map[source]bool
	waiting []held
}

// A held line waits for its turn.
type held struct {
	decisionlog.Entry
	came time.Time
}

// live hands over what comes, until ctx is done, or the final logs have ended.
func (r *reading) live(ctx context.Context, find finder) error {
	ctx, cancel := context.WithCancel(ctx)
	f := &follower{reading: r, queue: make(chan decisionlog.Entry, ahead), ended: make(chan source), follows: map[source]bool{}}
	defer f.running.Wait()
	defer cancel()
	look, turn := time.NewTicker(lookEvery), time.NewTicker(hold/5)
	defer look.Stop()
	defer turn.Stop()
	final := f.look(ctx, find)
	for {
		if final && len(f.follows) == 0 && len(f.queue) == 0 {
			return f.release(time.Now())
		}
		select {
		case <-ctx.Done():
			return f.release(time.Now())
		case e := <-f.queue:
			f.waiting = append(f.waiting, held{e, time.Now()})
		case s := <-f.ended:
			delete(f.follows, s)
		case <-look.C:
			final = f.look(ctx, find)
		case <-turn.C:
			if err := f.release(time.Now().Add(-hold)); err != nil {
				return err
			}
		}
	}
}

// look follows the logs that are not followed yet, or have ended and go on.
func (f *follower) look(ctx context.Context, find finder) (final bool) {
	all, final := find(ctx)
	for _, s := range all {
		if f.follows[s] {
			continue
		}
		f.follows[s] = true
		f.running.Go(func() {
			if err := s.live(ctx, f.into(ctx, f.queue)); err != nil && ctx.Err() == nil {
				f.failed(s, err)
			}
			select {
			case f.ended <- s:
			case <-ctx.Done():
			}
		})
	}
	return final
}

// release hands over the lines that have waited since before then, and with them those of
// an earlier time.
func (f *follower) release(before time.Time) error {
	var until time.Time
	for _, h := range f.waiting {
		if !h.came.After(before) && h.Time.After(until) {
			until = h.Time
		}
	}
	slices.SortStableFunc(f.waiting, func(a, b held) int { return a.Time.Compare(b.Time) })
	n := 0
	for ; n < len(f.waiting) && !f.waiting[n].Time.After(until); n++ {
		if err := f.each(&f.waiting[n].Entry); err != nil {
			return err
		}
	}
	f.waiting = slices.Delete(f.waiting, 0, n)
	return nil
}
