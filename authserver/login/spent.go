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

// What a browser remembers itself of the tickets that it used, as the next one may
// go to another replica: enough for the minute that a ticket is good for.
const (
	spentSize = 8
	maxSpent  = 8
)

// spentForm stands for an id.
func spentForm(id string) string { return digest(id)[:spentSize] }

// spentHere returns the tickets that this browser says it has used.
func (h *Handler) spentHere(x *exchange) string {
	var p hops
	if x.ring.Open(purposeHops, x.cookie(hopsCookie), &p, x.now) != nil {
		return ""
	}
	return p.Spent[:len(p.Spent)/spentSize*spentSize]
}

// firstUse reports whether a ticket was not used before, as far as this replica
// and the browser itself know.
func (h *Handler) firstUse(x *exchange, id string) bool {
	want := spentForm(id)
	for rest := h.spentHere(x); rest != ""; rest = rest[spentSize:] {
		if rest[:spentSize] == want {
			return false
		}
	}
	return h.tickets.use(id)
}
