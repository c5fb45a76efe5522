// SPDX-License-Identifier: Apache-2.0

package login

import "sync"

// spentCount bounds the memory of a spent to some megabytes.
const spentCount = 1 << 15

// A spent remembers what was used and is good once, at this replica. The oldest
// give way. Its zero value is ready.
type spent struct {
	mu   sync.Mutex
	seen map[string]bool
	ring []string
	next int
}

// use reports whether this is the first use of an id.
func (s *spent) use(id string) bool {
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

// forget lets an id be used again, as what it was used for did not happen.
func (s *spent) forget(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.seen, id)
}
