// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"hash/maphash"
	"math/bits"
	"slices"
)

// Shards are a map of texts that shares what did not change with the one it was made
// from: a directory of small hash tables, of which an edit copies the one that it
// touches, and the directory. What was published never changes, so that readers need
// no lock. The zero shards are empty.
type shards[V any] struct {
	dir   []shard[V] // by the upper bits of the hash; its length is a power of two
	shift uint8      // what is left of a hash is the index
	size  int
}

// A shard is a hash table whose length is a power of two, or 0.
type shard[V any] struct {
	slots []slot[V]
	used  int
}

// A slot is empty if its hash is 0. Probing is linear; a table always has an empty slot.
type slot[V any] struct {
	hash  uint64
	key   string
	value V
}

// shardMax is up to how many entries a shard has, on average.
const shardMax = 64

// seed: who writes policies cannot choose names that collide.
var seed = maphash.MakeSeed()

func hashOf(key string) uint64 { return max(1, maphash.String(seed, key)) }

// get returns the value of a key.
func (s *shards[V]) get(key string) (value V, ok bool) {
	if s.size == 0 {
		return value, false
	}
	if len(s.dir) == 1 && len(s.dir[0].slots) <= few {
		for i := range s.dir[0].slots { // sooner than a hash
			if o := &s.dir[0].slots[i]; o.key == key && o.hash != 0 {
				return o.value, true
			}
		}
		return value, false
	}
	h := hashOf(key)
	slots := s.dir[h>>s.shift].slots
	if len(slots) == 0 {
		return value, false
	}
	for i := at(h, len(slots)); ; i = (i + 1) & (len(slots) - 1) {
		switch o := &slots[i]; {
		case o.hash == h && o.key == key:
			return o.value, true
		case o.hash == 0:
			return value, false
		}
	}
}

// each calls visit with every entry, in any order.
func (s *shards[V]) each(visit func(key string, value V)) {
	for i := range s.dir {
		for j := range s.dir[i].slots {
			if o := &s.dir[i].slots[j]; o.hash != 0 {
				visit(o.key, o.value)
			}
		}
	}
}

// A shardsEditor makes the next shards. Its zero value begins with none.
type shardsEditor[V any] struct {
	now  shards[V]
	mine []uint64 // a bit for each shard that was copied since the last publish; nil: the directory was not
	room int      // how many slots an empty shard begins with; 0: few
}

// publish returns what there is. It will not be changed.
func (e *shardsEditor[V]) publish() shards[V] {
	e.mine, e.room = nil, 0
	return e.now
}

// reserve makes room for so many entries more, if there are none yet.
func (e *shardsEditor[V]) reserve(n int) {
	if e.now.size == 0 && n > shardMax {
		e.room = shardMax
		e.resize(bits.Len(uint((n - 1) / shardMax)))
	}
}

// resize gives the directory another length, 1<<log.
func (e *shardsEditor[V]) resize(log int) {
	old := e.now
	e.now = shards[V]{dir: make([]shard[V], 1<<log), shift: 64 - uint8(log), size: old.size} //nolint:gosec // log is from 0 to 63
	e.mine = make([]uint64, (1<<log+63)/64)
	for i := range e.mine {
		e.mine[i] = ^uint64(0)
	}
	for i := range old.dir {
		for j := range old.dir[i].slots {
			if o := &old.dir[i].slots[j]; o.hash != 0 {
				e.insert(o)
			}
		}
	}
}

// own makes the shard of a hash one that can be changed.
func (e *shardsEditor[V]) own(h uint64) *shard[V] {
	if len(e.now.dir) == 0 {
		e.resize(0)
	}
	if e.mine == nil {
		e.now.dir = slices.Clone(e.now.dir)
		e.mine = make([]uint64, (len(e.now.dir)+63)/64)
	}
	at := h >> e.now.shift
	if e.mine[at/64]>>(at%64)&1 == 0 {
		e.mine[at/64] |= 1 << (at % 64)
		e.now.dir[at].slots = slices.Clone(e.now.dir[at].slots)
	}
	return &e.now.dir[at]
}

// insert enters what is not there yet. A quarter of the slots stays empty.
func (e *shardsEditor[V]) insert(o *slot[V]) {
	s := e.own(o.hash)
	if 4*(s.used+1) > 3*len(s.slots) {
		s.rebuild(max(4, e.room, 2*len(s.slots)), nil)
	}
	s.put(o)
}

func (s *shard[V]) put(o *slot[V]) {
	i := at(o.hash, len(s.slots))
	for s.slots[i].hash != 0 {
		i = (i + 1) & (len(s.slots) - 1)
	}
	s.slots[i] = *o
	s.used++
}

// rebuild puts the entries, but one, into so many slots.
func (s *shard[V]) rebuild(n int, without *slot[V]) {
	old := s.slots
	s.slots, s.used = make([]slot[V], n), 0
	for i := range old {
		if o := &old[i]; o.hash != 0 && o != without {
			s.put(o)
		}
	}
}

// find returns the slot of a key that is there.
func (s *shard[V]) find(h uint64, key string) *slot[V] {
	i := at(h, len(s.slots))
	for s.slots[i].hash != h || s.slots[i].key != key {
		i = (i + 1) & (len(s.slots) - 1)
	}
	return &s.slots[i]
}

// set gives a key a value.
func (e *shardsEditor[V]) set(key string, value V) {
	h := hashOf(key)
	if _, ok := e.now.get(key); ok {
		e.own(h).find(h, key).value = value
		return
	}
	if e.now.size++; e.now.size > shardMax*max(1, len(e.now.dir)) {
		e.resize(bits.Len(uint(len(e.now.dir))))
	}
	e.insert(&slot[V]{h, key, value})
}

// remove takes a key out.
func (e *shardsEditor[V]) remove(key string) {
	if _, ok := e.now.get(key); !ok {
		return
	}
	h := hashOf(key)
	s := e.own(h)
	s.rebuild(len(s.slots), s.find(h, key))
	if e.now.size--; len(e.now.dir) > 1 && e.now.size < shardMax/8*len(e.now.dir) {
		e.resize(bits.Len(uint(len(e.now.dir))) - 2)
	}
}

// at is where the look for a hash begins among n slots, a power of two.
func at(h uint64, n int) int {
	return int(h & uint64(n-1)) //nolint:gosec // below n, which is at least 1
}
