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
type Uses struct{ hours sync.Map } // client ID → *atomic.Int64, in seconds since 1970

// Saw notes that a machine was admitted. It costs a look-up but for the first time in an
// hour.
func (u *Uses) Saw(m *Machine, now time.Time) {
	if u == nil || !m.byToken() {
		return
	}
	hour := now.Truncate(time.Hour).Unix()
	at, ok := u.hours.Load(m.ID)
	if !ok {
		at, _ = u.hours.LoadOrStore(strings.Clone(m.ID), new(atomic.Int64))
	}
	if last := at.(*atomic.Int64); last.Load() < hour { // the map holds nothing else
		last.Store(hour)
	}
}

// Last returns the hour of the last use that this replica saw; zero: it saw none.
func (u *Uses) Last(clientID string) time.Time {
	if u == nil {
		return time.Time{}
	}
	at, ok := u.hours.Load(clientID)
	if !ok {
		return time.Time{}
	}
	return time.Unix(at.(*atomic.Int64).Load(), 0).UTC()
}
