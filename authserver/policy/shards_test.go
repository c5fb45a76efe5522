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
