// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// DefaultCacheEntries is how many verified tokens are remembered by default.
const DefaultCacheEntries = 100_000

const (
	// Shards keep the many readers of a large cache off each other's lock.
	maxShards   = 64
	shardAtWork = 64 // entries; a shard is no smaller if there are several
	// looks bounds how far an insertion searches for an entry to give up, and with
	// it what an insertion costs.
	looks = 8
)

// A cache remembers verified tokens by a SHA-256 (nameOf), in a fixed number of
// places. Who is in is asked for, not how recently: CLOCK with a bounded hand.
type cache struct {
	shards []shard
	mask   uint32
}

type shard struct {
	mu    sync.RWMutex
	index map[[sha256.Size]byte]uint32 // into slots
	slots []*slot                      // grows up to limit
	limit int
	hand  int
}

type slot struct {
	id [sha256.Size]byte
	entry
	used atomic.Bool // since the hand last passed
}

func newCache(entries int) *cache {
	if entries <= 0 {
		entries = DefaultCacheEntries
	}
	n := 1
	for n < maxShards && entries/(2*n) >= shardAtWork {
		n *= 2
	}
	c := &cache{shards: make([]shard, n), mask: uint32(n - 1)} //nolint:gosec // n is at most maxShards
	for i := range c.shards {
		c.shards[i].index = make(map[[sha256.Size]byte]uint32)
		c.shards[i].limit = entries / n
	}
	return c
}

// of picks a shard by the hash's last byte: nobody can choose the hash of what we
// signed, as our MAC is in it.
func (c *cache) of(id *[sha256.Size]byte) *shard {
	return &c.shards[uint32(id[sha256.Size-1])&c.mask]
}

func (c *cache) get(id *[sha256.Size]byte) (entry, bool) {
	s := c.of(id)
	s.mu.RLock()
	defer s.mu.RUnlock()
	i, ok := s.index[*id]
	if !ok {
		return entry{}, false
	}
	found := s.slots[i]
	if !found.used.Load() { // a store would take the line from the other readers
		found.used.Store(true)
	}
	return found.entry, true
}

func (c *cache) put(id *[sha256.Size]byte, e entry, now time.Time) {
	s := c.of(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.index[*id]; ok {
		return // verified twice at once: the same
	}
	i := len(s.slots)
	if i < s.limit {
		s.slots = append(s.slots, nil)
	} else {
		i = s.victim(now)
		delete(s.index, s.slots[i].id)
	}
	s.slots[i] = &slot{id: *id, entry: e}
	s.index[*id] = uint32(i) //nolint:gosec // at most the limit of a shard
}

// victim returns the place to give up: of the next few the first that is over,
// or not used of late; else where the hand stops.
func (s *shard) victim(now time.Time) int {
	for range looks {
		s.hand = (s.hand + 1) % len(s.slots)
		at := s.slots[s.hand]
		if !at.used.Swap(false) || now.Unix() >= at.until {
			break
		}
	}
	return s.hand
}

// len returns how many tokens are remembered.
func (c *cache) len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		n += len(s.index)
		s.mu.RUnlock()
	}
	return n
}

// A Memory remembers tokens of other issuers that were verified, by a hash that holds
// whose they are.
type Memory struct{ cache *cache }

// NewMemory makes a Memory of up to so many tokens.
func NewMemory(entries int) *Memory { return &Memory{newCache(entries)} }

// Get returns what is remembered, and whether anything is; nil: it is over, or not good
// yet.
func (m *Memory) Get(id *[sha256.Size]byte, now time.Time) (*policy.Bearer, bool) {
	e, ok := m.cache.get(id)
	if !ok {
		return nil, false
	}
	if s := now.Unix(); s >= e.until || s < e.from {
		return nil, true
	}
	return e.bearer, true
}

// Put remembers a token that is good from and until a time, in seconds since 1970.
func (m *Memory) Put(id *[sha256.Size]byte, b *policy.Bearer, from, until int64, now time.Time) {
	m.cache.put(id, entry{bearer: b, from: from, until: until}, now)
}
