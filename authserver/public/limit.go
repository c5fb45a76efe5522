// SPDX-License-Identifier: Apache-2.0

package public

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// Both bound the memory of a Limit, to about half a MiB.
const (
	maxKnown  = 8192
	slotCount = 4096
)

// A Limit slows down whoever tries too often, in bounded memory. The first few thousand
// that use it at a time have a bucket each. Those beyond share slots, by a hash that
// nobody outside can steer. It never lets more pass than a bucket for each key would.
//
// A bucket says from when on nothing of it is used (the generic cell rate algorithm):
// whole nanoseconds, so that it does not matter how often anybody looked.
type Limit struct {
	seed        maphash.Seed
	every, room time.Duration
	mu          sync.Mutex
	known       map[uint64]time.Time // by the key's hash: keys are what people type
	swept       time.Time
	slots       [slotCount]time.Time
}

// NewLimit returns a Limit of so many at once, and how soon one more.
func NewLimit(burst int, every time.Duration) *Limit {
	return &Limit{seed: maphash.MakeSeed(), every: every, room: time.Duration(burst) * every, known: map[uint64]time.Time{}}
}

// Allow reports whether a key may do it once more, and counts that.
func (l *Limit) Allow(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.add(maphash.String(l.seed, key), l.every, now)
}

// GiveBack takes back what Allow counted for a key: it was nothing to limit.
func (l *Limit) GiveBack(key string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.add(maphash.String(l.seed, key), -l.every, now)
}

func (l *Limit) add(key uint64, d time.Duration, now time.Time) bool {
	slot := &l.slots[key%slotCount]
	until, known := l.known[key]
	if !known {
		until = *slot // what it did while there was no room for a bucket of its own
	}
	// No emptier and no fuller than it can be: a clock that is set back holds nobody
	// off for longer than that.
	used := min(max(0, until.Sub(now)), l.room)
	ok := used+d <= l.room
	if ok {
		used = max(0, used+d)
	}
	if until = now.Add(used); known || ok && l.hasRoom(now) {
		l.known[key] = until
	} else {
		*slot = until
	}
	return ok
}

// hasRoom reports whether there is room for one more bucket. Those that are empty are
// looked for once in a while, as that looks at all of them.
func (l *Limit) hasRoom(now time.Time) bool {
	if gone := now.Sub(l.swept); len(l.known) >= maxKnown && (gone >= l.every || gone < 0) {
		l.swept = now
		for key, until := range l.known {
			if !until.After(now) {
				delete(l.known, key)
			}
		}
	}
	return len(l.known) < maxKnown
}

// Network is what one client can have of addresses: of IPv6, a /64.
func Network(a netip.Addr) string {
	if a.Is6() && !a.Is4In6() {
		p, _ := a.WithZone("").Prefix(64) // 64 is never too long
		return p.String()
	}
	return a.Unmap().String()
}
