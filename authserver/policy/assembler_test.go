// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The oracle: whatever edits an Assembler has seen, its table is the one that Build makes
// of the same input: the revision, every decision about a tiny alphabet of requests, what
// a sign-in takes, and what is wrong with each policy.

// follow does some edits, and compares after each of them from one on, or after the last alone. It
// returns what is wrong, and after which edits.
func (c *worlds) follow(edits []edit, each bool, from int, table func(a *Assembler) *Table) string {
	var a Assembler
	w := &world{policies: map[string]int{}}
	var first *Table
	var firstTold string
	for i, e := range edits {
		e.do(w, &a)
		if !each && i+1 < len(edits) {
			continue
		}
		now := table(&a)
		if i < from {
			continue
		}
		got := c.told(now, a.Issues())
		if want := c.want(w); got != want {
			return fmt.Sprintf("%s:\n%s", editNames(edits[:i+1]), firstDifference(got, want))
		}
		if first == nil && i+1 < len(edits) { // else nothing can change it any more
			first, firstTold = now, c.told(now, nil)
		}
	}
	if first != nil && c.told(first, nil) != firstTold {
		return editNames(edits) + ": a table changed that was published"
	}
	return ""
}

func editNames(edits []edit) string {
	out := make([]string, len(edits))
	for i := range edits {
		out[i] = edits[i].name
	}
	return strings.Join(out, "; ")
}

// firstDifference shows the first line that differs.
func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("the Assembler: %s\nBuild:         %s", g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, and Build has %d", len(g), len(w))
}

// starts are worlds from which short sequences of edits begin.
func (c *worlds) starts(all []edit) [][]edit {
	pick := func(names ...string) (out []edit) {
		for _, n := range names {
			i := slices.IndexFunc(all, func(e edit) bool { return strings.HasPrefix(e.name, n) })
			out = append(out, all[i])
		}
		return out
	}
	return [][]edit{
		nil,
		pick("set k0 a/p [a.x]", "set k1 b/p [*.x]"),
		pick("ledger 2", "set k0 a/p [*.x]", "set k1 b/p [a.x]", "set k2 a/q [b.x *.x]"),
		pick("ledger 5", "set k0 a/p [*.x]", "set k1 b/p [a.x", "terms 3"),
		pick("set k0 a/p [a.x]", "set k1 a/p [a.x]", "bindings 2", "ledger 6"),
	}
}

// TestAssemblerIsBuild: every short sequence of edits, from some worlds.
func TestAssemblerIsBuild(t *testing.T) {
	c := tinyWorlds(t)
	all := c.edits()
	n := 0
	for _, start := range c.starts(all) {
		for i, x := range all {
			for j, y := range all {
				if (i+j)%every(11) > 0 {
					continue
				}
				n++
				if wrong := c.follow(append(slices.Clip(start), x, y), (i+j)%2 == 0, len(start)+1, (*Assembler).Table); wrong != "" {
					t.Fatal(wrong)
				}
			}
		}
	}
	t.Logf("%d edits, %d sequences", len(all), n)
}

// TestAssemblerWalks: long sequences, at random.
func TestAssemblerWalks(t *testing.T) {
	c := tinyWorlds(t)
	all, rng := c.edits(), rand.New(rand.NewPCG(4, 3))
	for range 400 / every(7) {
		if wrong := c.follow(c.walk(all, rng, 60), rng.IntN(4) > 0, 0, (*Assembler).Table); wrong != "" {
			t.Fatal(wrong)
		}
	}
}

// walk favours policies: most edits are of them.
func (c *worlds) walk(all []edit, rng *rand.Rand, steps int) []edit {
	policies := len(c.keys) * (1 + len(c.policies))
	out := make([]edit, steps)
	for i := range out {
		if out[i] = all[rng.IntN(policies)]; rng.IntN(3) == 0 {
			out[i] = all[policies+rng.IntN(len(all)-policies)]
		}
	}
	return out
}

// An Assembler that lost everything remembers nothing.
func TestAssemblerForgets(t *testing.T) {
	c := tinyWorlds(t)
	all, rng := c.edits(), rand.New(rand.NewPCG(7, 1))
	for range 50 {
		var a Assembler
		w := &world{policies: map[string]int{}}
		for _, e := range c.walk(all, rng, 40) {
			e.do(w, &a)
			if rng.IntN(2) == 0 {
				a.Table()
			}
		}
		for _, key := range c.keys {
			a.Delete(key)
		}
		a.SetTerms(Terms{})
		a.SetLedger(nil)
		a.SetBindings(nil)
		a.SetRevocations(nil)
		a.SetProviders(nil)
		a.SetGroups(nil)
		table := a.Table()
		if n := len(a.entries) + len(a.names) + len(a.hosts) + len(a.wilds) + len(a.deeps) + len(a.told) + len(a.faulty) + len(a.fresh) + len(a.takers) + len(a.bindings) + a.policies + a.tree.size +
			table.exact.size + table.wild.size + table.deep.size + table.bindings.size + table.byRoute.size + len(a.Issues()) +
			len(a.groupReads) + len(a.groupUsers) + table.read.size; n != 0 {
			t.Fatalf("%d things are left: hosts %v wilds %v deeps %v, tree %d", n, a.hosts, a.wilds, a.deeps, a.tree.size)
		}
		if empty, _ := Build(Input{}); table.Revision() != empty.Revision() {
			t.Fatal("another revision than that of nothing")
		}
	}
}

// What says nothing new makes no new table.
func TestAssemblerSameTable(t *testing.T) {
	c := tinyWorlds(t)
	var a Assembler
	set := func() {
		for i, p := range tinyEdits() {
			a.Set(fmt.Sprint(i), p)
		}
		a.SetTerms(c.terms[4])
		a.SetLedger(c.ledgers[4])
		a.SetBindings(slices.Clone(c.bindings[3]))
		a.SetProviders(NewProviders(Provider{Name: "corp"}))
		a.SetRevocations(slices.Clone(c.revocations[2]))
		a.SetGroups(slices.Clone(c.groups[2]))
		a.Delete("nothing")
	}
	set()
	before := a.Table()
	set()
	if a.Table() != before {
		t.Error("the same input, and another table")
	}
}

// FuzzAssembler takes each byte for an edit.
func FuzzAssembler(f *testing.F) {
	c := tinyWorlds(f)
	all := c.edits()
	f.Add([]byte{1, 2, 3, 70, 80, 90, 0}, true)
	f.Add([]byte{10, 30, 50, 99, 8, 20, 100, 101, 102}, false)
	f.Fuzz(func(t *testing.T, data []byte, each bool) {
		var edits []edit
		for _, b := range data[:min(len(data), 64)] {
			edits = append(edits, all[int(b)%len(all)])
		}
		if wrong := c.follow(edits, each, 0, (*Assembler).Table); wrong != "" {
			t.Fatal(wrong)
		}
	})
}
