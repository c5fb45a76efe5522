// SPDX-License-Identifier: Apache-2.0

// Package extent tells how much a YAML document amounts to, once its aliases are written out.
package extent

import (
	"errors"

	yamlv3 "go.yaml.in/yaml/v3"
)

// How much the aliases of a document may stand for, and how deep any document is. What
// they stand for takes some 500 bytes a value, several times over, once it is written
// out.
const (
	MaxAliased = 20_000
	MaxDepth   = 200
)

// Check refuses a document that could keep whoever walks it busy for ever: one that
// holds itself by an alias, or one whose aliases make much of little. Every walk
// behind it may follow aliases without a bound of its own.
func Check(root *yamlv3.Node) error {
	b := bounds{seen: map[*yamlv3.Node]extent{}}
	_, err := b.measure(root, 0)
	return err
}

// bounds remembers what each anchor amounts to, so that each is looked at once.
type bounds struct {
	seen map[*yamlv3.Node]extent
}

// An extent is how many nodes there are below one, itself included, with those that
// its aliases stand for, how many of them only aliases bring, and how deep they are
// nested. Zero: it is being measured.
type extent struct{ nodes, aliased, depth int }

// Why a document is refused.
var (
	ErrHoldsItself = errors.New("an alias stands for something that contains itself")
	ErrTooDeep     = errors.New("lists and maps are nested more than 200 deep")
	ErrTooMuch     = errors.New("excessive aliasing: aliases stand for more than 20000 values")
)

func (b *bounds) measure(n *yamlv3.Node, depth int) (extent, error) {
	if n.Kind == yamlv3.AliasNode && n.Alias != nil {
		e, err := b.measure(n.Alias, depth)
		e.aliased = e.nodes
		return e, err
	}
	if known, ok := b.seen[n]; ok {
		switch {
		case known == extent{}:
			return extent{}, ErrHoldsItself
		case depth+known.depth > MaxDepth:
			return extent{}, ErrTooDeep
		}
		return known, nil
	}
	if depth > MaxDepth {
		return extent{}, ErrTooDeep
	}
	if n.Anchor != "" {
		b.seen[n] = extent{}
	}
	total := extent{nodes: 1, depth: 1}
	for _, c := range n.Content {
		below, err := b.measure(c, depth+1)
		if err != nil {
			return extent{}, err
		}
		total.nodes += below.nodes
		total.aliased += below.aliased
		total.depth = max(total.depth, below.depth+1)
		if total.aliased > MaxAliased {
			return extent{}, ErrTooMuch
		}
	}
	if n.Anchor != "" {
		b.seen[n] = total
	}
	return total, nil
}
