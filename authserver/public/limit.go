// SPDX-License-Identifier: Apache-2.0

package public

import (
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// slotCount bounds the memory of a Limit to some 300 KiB.
const slotCount = 4096

// A Limit slows down whoever tries too often, in bounded memory: keys share slots by
// a hash that nobody outside can steer.
type Limit struct {
	seed  maphash.Seed
	burst int
	every time.Duration
	mu    sync.Mutex
	slots [slotCount]*rate.Limiter
}

// NewLimit returns a Limit of so many at once, and how soon one more.
func NewLimit(burst int, every time.Duration) *Limit {
	return &Limit{seed: maphash.MakeSeed(), burst: burst, every: every}
}

// Allow reports whether a key may do it once more.
func (l *Limit) Allow(key string, now time.Time) bool {
	i := maphash.String(l.seed, key) % slotCount
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.slots[i] == nil {
		l.slots[i] = rate.NewLimiter(rate.Every(l.every), l.burst)
	}
	return l.slots[i].AllowN(now, 1)
}
