// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"context"
	"time"
)

// checkFolder is how often a folder is looked at: far more often than a new key
// takes to become the one that signs.
const checkFolder = 10 * time.Minute

// Follow rotates the ring of the folder on schedule, and publishes it whenever
// it changed, until ctx is done. now is the clock. After a failure, of which it
// tells, the last ring stays in force.
func (f *Folder) Follow(ctx context.Context, s Schedule, now func() time.Time, publish func(*Ring), failed func(error)) {
	tick := time.NewTicker(checkFolder)
	defer tick.Stop()
	for {
		ring, changed, err := f.Rotate(now(), s)
		if err != nil {
			failed(err)
		} else if changed {
			publish(ring)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RotateBytes is Rotate for a stored ring: it returns the ring to store, and
// whether that differs from old. An empty old asks for a first ring.
func RotateBytes(old []byte, now time.Time, s Schedule) ([]byte, bool, error) {
	if len(old) == 0 {
		s, err := s.withDefaults()
		if err != nil {
			return nil, false, err
		}
		ring, err := newRing(s.Algorithm, now)
		if err != nil {
			return nil, false, err
		}
		data, err := ring.Marshal()
		return data, true, err
	}
	ring, err := ParseRing(old)
	if err != nil {
		return nil, false, err
	}
	next, changed, err := ring.Rotate(now, s)
	if err != nil || !changed {
		return old, false, err
	}
	data, err := next.Marshal()
	return data, true, err
}
