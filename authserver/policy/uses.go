// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Uses remember in which hour a service token was last admitted, by its client ID. No
// decision depends on them. A nil one remembers nothing.
type Uses struct {
	mu    sync.RWMutex
	hours map[string]*atomic.Int64 // client ID → seconds since 1970
}

// Saw notes that a machine was admitted. It costs a look-up but for the first time in an
// hour, and allocates nothing but for the first time at all.
func (u *Uses) Saw(m *Machine, now time.Time) {
	if u == nil || !m.byToken() {
		return
	}
	hour := now.Truncate(time.Hour).Unix()
	u.mu.RLock()
	last := u.hours[m.ID]
	u.mu.RUnlock()
	if last == nil {
		last = u.first(m.ID, hour)
	}
	if last.Load() < hour {
		last.Store(hour)
	}
}

// first notes the first use. It is not seen before it has its hour.
func (u *Uses) first(clientID string, hour int64) *atomic.Int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if last := u.hours[clientID]; last != nil {
		return last
	}
	if u.hours == nil {
		u.hours = map[string]*atomic.Int64{}
	}
	last := new(atomic.Int64)
	last.Store(hour)
	u.hours[strings.Clone(clientID)] = last
	return last
}

// Last returns the hour of the last use that this replica saw; zero: it saw none.
func (u *Uses) Last(clientID string) time.Time {
	if u == nil {
		return time.Time{}
	}
	u.mu.RLock()
	defer u.mu.RUnlock()
	last := u.hours[clientID]
	if last == nil {
		return time.Time{}
	}
	return time.Unix(last.Load(), 0).UTC()
}

// Forget drops tokens that are gone.
func (u *Uses) Forget(gone func(clientID string) bool) {
	if u == nil {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for id := range u.hours {
		if gone(id) {
			delete(u.hours, id)
		}
	}
}
