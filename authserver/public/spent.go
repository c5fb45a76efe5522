// SPDX-License-Identifier: Apache-2.0

package public

import "sync"

// spentCount bounds the memory of a Spent to some megabytes.
const spentCount = 1 << 15

// A Spent remembers what was used and is good once, at this replica. The oldest
// give way. Its zero value is ready.
type Spent struct {
	mu   sync.Mutex
	seen map[string]bool
	ring []string
	next int
}

// Use reports whether this is the first use of an id.
func (s *Spent) Use(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[id] {
		return false
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	if len(s.ring) < spentCount {
		s.ring = append(s.ring, id)
	} else {
		delete(s.seen, s.ring[s.next])
		s.ring[s.next] = id
		s.next = (s.next + 1) % spentCount
	}
	s.seen[id] = true
	return true
}

// Forget lets an id be used again, as what it was used for did not happen.
func (s *Spent) Forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, id)
}
