// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// fullest returns how many sums the fullest leaf of a tree holds.
func fullest(t *tree) int {
	most := len(t.leaf)
	if t.kids != nil {
		for i := range t.kids {
			most = max(most, fullest(&t.kids[i]))
		}
	}
	return most
}

// TestTreeIsShallow: the sum of a tree is that of what is in it, however it came there, and no leaf
// holds more than it should, so that one more costs the way to it.
func TestTreeIsShallow(t *testing.T) {
	const all = 2000
	sums := make([]sum, all)
	for i := range sums {
		sums[i] = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
	}
	var once tree
	for i := range sums {
		once.add(&sums[i], 0)
	}
	if most := fullest(&once); most > treeLeaf {
		t.Errorf("a leaf holds %d", most)
	}
	want := once.sum()
	rng := rand.New(rand.NewPCG(1, 2))
	var again tree
	for _, i := range rng.Perm(all) {
		again.add(&sums[i], 0)
	}
	for range 2 {
		if again.sum() != want {
			t.Error("in another order, another sum")
		}
	}
	for _, i := range rng.Perm(all) {
		if again.remove(&sums[i], 0); again.sum() == want {
			t.Fatalf("without number %d, the sum is the same", i)
		}
	}
	if again.sum() != (sum{}) || again.size != 0 {
		t.Errorf("of nothing, the sum is %x", again.sum())
	}
}

// TestTreeOfOneSum: the same may be in a tree more often than a leaf holds. Then no digit
// tells them apart.
func TestTreeOfOneSum(t *testing.T) {
	s := sum(sha256.Sum256(nil))
	seen := map[sum]bool{}
	var many tree
	for range 2 * treeLeaf {
		if many.add(&s, 0); seen[many.sum()] {
			t.Fatalf("%d have the sum of fewer", many.size)
		}
		seen[many.sum()] = true
	}
	for range 2 * treeLeaf {
		many.remove(&s, 0)
	}
	if many.sum() != (sum{}) {
		t.Error("what was taken away is there")
	}
}
