// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"crypto/sha256"
	"slices"
)

// A sum is a digest of something that a table is made from.
type sum [sha256.Size]byte

// A tree is a set of sums, as often as each is in it, that has one sum itself: a hash
// tree by their digits. Its shape, and so its sum, depends on what is in it alone, not
// on how it came there. To add or take away one costs the way to it. Two sets with one
// sum are a collision of SHA-256: a mere addition of sums would not be safe, as whoever
// writes many policies could choose some that make up for another's change.
type tree struct {
	size int
	leaf []sum     // in no order; up to treeLeaf of them
	kids *[16]tree // instead, where there are more
	root sum
	done bool // root is the sum of what is there
}

const treeLeaf = 32

// digit is where a sum belongs in the kids of a tree.
func (s *sum) digit(depth int) int { return int(s[depth/2]>>(4*(depth&1))) & 15 }

const treeDepth = 2 * sha256.Size

func (t *tree) add(s *sum, depth int) {
	t.done = false
	t.size++
	if t.kids != nil {
		t.kids[s.digit(depth)].add(s, depth+1)
		return
	}
	t.leaf = append(t.leaf, *s)
	if len(t.leaf) > treeLeaf && depth < treeDepth {
		t.kids = &[16]tree{}
		for i := range t.leaf {
			t.kids[t.leaf[i].digit(depth)].add(&t.leaf[i], depth+1)
		}
		t.leaf = nil
	}
}

// remove takes a sum away, which must be there.
func (t *tree) remove(s *sum, depth int) {
	t.done = false
	t.size--
	if t.kids == nil {
		i, last := slices.Index(t.leaf, *s), len(t.leaf)-1
		t.leaf[i] = t.leaf[last]
		t.leaf = t.leaf[:last]
		return
	}
	t.kids[s.digit(depth)].remove(s, depth+1)
	if t.size <= treeLeaf {
		t.leaf = t.collect(make([]sum, 0, treeLeaf))
		t.kids = nil
	}
}

func (t *tree) collect(into []sum) []sum {
	into = append(into, t.leaf...)
	if t.kids != nil {
		for i := range t.kids {
			into = t.kids[i].collect(into)
		}
	}
	return into
}

// sum returns the tree's. Of an empty one it is zero.
func (t *tree) sum() sum {
	switch {
	case t.done:
		return t.root
	case t.size == 0:
		t.root = sum{}
	case t.kids == nil:
		slices.SortFunc(t.leaf, func(x, y sum) int { return bytes.Compare(x[:], y[:]) })
		buf := append(make([]byte, 0, 1+treeLeaf*sha256.Size), 'l')
		for i := range t.leaf {
			buf = append(buf, t.leaf[i][:]...)
		}
		t.root = sha256.Sum256(buf)
	default:
		buf := append(make([]byte, 0, 1+16*sha256.Size), 'n')
		for i := range t.kids {
			s := t.kids[i].sum()
			buf = append(buf, s[:]...)
		}
		t.root = sha256.Sum256(buf)
	}
	t.done = true
	return t.root
}
