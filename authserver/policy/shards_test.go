// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

func all[V any](s *shards[V]) map[string]V {
	out := map[string]V{}
	s.each(func(key string, value V) { out[key] = value })
	return out
}

// TestShards: whatever is done, shards are a map, and what was published stays as it was.
func TestShards(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 5))
	for range 40 {
		var e shardsEditor[int]
		want, keys := map[string]int{}, 1+rng.IntN(600)
		e.reserve(rng.IntN(400))
		var published shards[int]
		var then map[string]int
		grows := rng.IntN(5)
		for step := range 3000 {
			key := fmt.Sprint(rng.IntN(keys))
			if rng.IntN(5) <= grows {
				e.set(key, step)
				want[key] = step
			} else {
				e.remove(key)
				delete(want, key)
			}
			if rng.IntN(50) == 0 {
				published, then = e.publish(), maps.Clone(want)
			}
		}
		got := e.publish()
		if !maps.Equal(all(&got), want) || got.size != len(want) {
			t.Fatalf("%v, want %v", all(&got), want)
		}
		if !maps.Equal(all(&published), then) {
			t.Fatal("what was published changed")
		}
		for i := range keys {
			key := fmt.Sprint(i)
			wanted, there := want[key]
			if v, ok := got.get(key); v != wanted || ok != there {
				t.Fatalf("%s is %d %v, want %d", key, v, ok, want[key])
			}
		}
		for key := range want {
			e.remove(key)
		}
		if left := e.publish(); left.size != 0 || len(all(&left)) != 0 {
			t.Fatalf("%d are left", left.size)
		}
	}
}

// What was never set is not there, in a set of any size.
func TestShardsMissing(t *testing.T) {
	var e shardsEditor[string]
	for n := range 300 {
		s := e.publish()
		if v, ok := s.get(fmt.Sprint(n)); ok || v != "" {
			t.Fatalf("%d is there", n)
		}
		if _, ok := s.get(""); ok {
			t.Fatal("the empty text is there")
		}
		e.set(fmt.Sprint(n), "x")
	}
}

// TestShardsGrowAndShrink: a directory has as many shards as its entries need, on the way up
// and on the way down, and all that is there is found.
func TestShardsGrowAndShrink(t *testing.T) {
	const most = 65*shardMax + 1 // so that there is more than one word of what is copied
	var e shardsEditor[int]
	dir := 0
	for n := 1; n <= most; n++ {
		e.set(fmt.Sprint(n), n)
		if dir = max(dir, 1); n > shardMax*dir {
			dir *= 2
		}
		if len(e.now.dir) != dir || e.now.size != n {
			t.Fatalf("%d entries: %d shards, want %d", n, len(e.now.dir), dir)
		}
		if n%1000 == 0 {
			e.publish()
		}
	}
	for n := most; n > 0; n-- {
		if v, ok := e.now.get(fmt.Sprint(n)); !ok || v != n {
			t.Fatalf("%d is %d", n, v)
		}
		e.remove(fmt.Sprint(n))
		if left := n - 1; dir > 1 && left < shardMax/8*dir {
			dir /= 2
		}
		if len(e.now.dir) != dir || e.now.size != n-1 {
			t.Fatalf("%d entries are left: %d shards, want %d", n-1, len(e.now.dir), dir)
		}
	}
}

// TestShardsReserve: room is made for many, at once, where there are none yet.
func TestShardsReserve(t *testing.T) {
	for _, tc := range []struct{ before, reserved, shards, slots int }{
		{0, 0, 1, 4}, {0, shardMax, 1, 4}, {0, shardMax + 1, 2, shardMax}, {0, 2 * shardMax, 2, shardMax}, {0, 2*shardMax + 1, 4, shardMax},
		{0, 4*shardMax + 1, 8, shardMax}, {1, 10 * shardMax, 1, 4},
	} {
		var e shardsEditor[int]
		for i := range tc.before {
			e.set(fmt.Sprint("before", i), 0)
		}
		e.reserve(tc.reserved)
		e.set("x", 1)
		slots := 0
		for _, s := range e.now.dir {
			slots = max(slots, len(s.slots))
		}
		if len(e.now.dir) != tc.shards || slots != tc.slots {
			t.Errorf("%+v: %d shards of %d slots", tc, len(e.now.dir), slots)
		}
	}
}

// TestShardsLoad: a shard has as many slots as leave a quarter empty, and no more.
func TestShardsLoad(t *testing.T) {
	var e shardsEditor[int]
	slots := 4
	for n := 1; n <= shardMax; n++ {
		e.set(fmt.Sprint(n), n)
		if 4*n > 3*slots {
			slots *= 2
		}
		if s := e.now.dir[0]; len(s.slots) != slots || s.used != n {
			t.Fatalf("%d entries: %d slots, want %d", n, len(s.slots), slots)
		}
	}
}

// TestShardsOneSided: all entries are found, and others are not, be it that one shard has
// them all, and be it that several have one hash.
func TestShardsOneSided(t *testing.T) {
	var e shardsEditor[int]
	var upper []string
	for n := 0; len(upper) < 2*shardMax; n++ {
		key := fmt.Sprint(n)
		switch v, ok := e.now.get(key); {
		case ok:
			t.Fatalf("%s is %d, and was never set", key, v)
		case hashOf(key)>>63 == 1:
			e.set(key, len(upper))
			upper = append(upper, key)
		}
	}
	if len(e.now.dir) != 2 || e.now.dir[0].used != 0 {
		t.Fatalf("%d shards, and %d entries in the first", len(e.now.dir), e.now.dir[0].used)
	}
	for i, key := range upper {
		if v, ok := e.now.get(key); !ok || v != i {
			t.Errorf("%s is %d, want %d", key, v, i)
		}
	}
	s := shard[int]{slots: make([]slot[int], 8)}
	keys := []string{"a", "b", "c"}
	for i, key := range keys {
		s.put(&slot[int]{7, key, i})
	}
	for i, key := range keys {
		if o := s.find(7, key); o.key != key || o.value != i {
			t.Errorf("for %s, %s is found", key, o.key)
		}
	}
}

// TestShardsCopyOnce: after one is published, the first edit of a shard copies it, and
// further ones do not.
func TestShardsCopyOnce(t *testing.T) {
	var e shardsEditor[int]
	e.set("a", 1)
	was := e.publish()
	e.set("a", 2)
	once := &e.now.dir[0].slots[0]
	e.set("a", 3)
	if once == &was.dir[0].slots[0] {
		t.Error("what was published is edited")
	}
	if once != &e.now.dir[0].slots[0] {
		t.Error("it is copied for each edit")
	}
}

// TestTree: the sum is that of the set, whatever way it came to be; and no two sets that
// were seen have one.
func TestTree(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 9))
	seen := map[sum]string{}
	for range 300 / every(1) {
		var is tree
		var list []sum
		for range rng.IntN(400) {
			if len(list) > 0 && rng.IntN(3) == 0 {
				i := rng.IntN(len(list))
				is.remove(&list[i], 0)
				list = slices.Delete(list, i, i+1)
				continue
			}
			s := *digested(func(d *digest) { d.num(rng.IntN(200)) })
			if rng.IntN(2) == 0 {
				s = sum{31: byte(rng.IntN(3))} // who can choose them chooses long ways
			}
			is.add(&s, 0)
			list = append(list, s)
			if rng.IntN(20) == 0 {
				is.sum()
			}
		}
		var again tree
		for _, i := range rng.Perm(len(list)) {
			again.add(&list[i], 0)
		}
		if is.size != len(list) || is.sum() != again.sum() {
			t.Fatalf("%d: another sum on another way", len(list))
		}
		slices.SortFunc(list, func(x, y sum) int { return slices.Compare(x[:], y[:]) })
		if other, ok := seen[is.sum()]; ok && other != fmt.Sprint(list) {
			t.Fatal("two sets have one sum")
		}
		seen[is.sum()] = fmt.Sprint(list)
	}
}
