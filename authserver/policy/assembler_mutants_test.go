// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// mutants are tables of Assemblers that have a mistake. The oracle has to find each.
var mutants = map[string]func(a *Assembler) *Table{
	"a shard is not redone": func(a *Assembler) *Table {
		before := a.exact.now
		t := a.Table()
		if len(before.dir) == len(t.exact.dir) && len(before.dir) > 0 {
			t.exact.dir = slices.Clone(t.exact.dir)
			t.exact.dir[0] = before.dir[0]
		}
		return t
	},
	"a wildcard's children are forgotten": func(a *Assembler) *Table {
		if a.table != nil {
			return a.table
		}
		a.begin()
		a.redoDeeps()
		n := len(a.dirty)
		a.redoWilds()
		for _, h := range a.dirty[n:] {
			h.dirty = false
		}
		a.dirty = a.dirty[:n]
		a.redoExact()
		a.warnOwners()
		a.table = a.publish()
		return a.table
	},
	"those that copy a wildcard are forgotten": func(a *Assembler) *Table {
		for _, h := range a.wilds {
			if h.more != nil {
				h.more.followers = nil
			}
		}
		return a.Table()
	},
	"wildcards are not redone": func(a *Assembler) *Table {
		for _, h := range a.dirtyWild {
			h.dirty = false
		}
		a.dirtyWild = nil
		return a.Table()
	},
	"what is below a deep pattern is forgotten": func(a *Assembler) *Table {
		if a.table != nil {
			return a.table
		}
		a.begin()
		n, m := len(a.dirtyWild), len(a.dirty)
		a.redoDeeps()
		for _, h := range slices.Concat(a.dirtyWild[n:], a.dirty[m:]) {
			h.dirty = false
		}
		a.dirtyWild, a.dirty = a.dirtyWild[:n], a.dirty[:m]
		return a.Table()
	},
	"those that copy a deep pattern are forgotten": func(a *Assembler) *Table {
		for _, h := range a.deeps {
			if h.more != nil {
				h.more.followers = nil
			}
		}
		return a.Table()
	},
	"deep patterns are not redone": func(a *Assembler) *Table {
		for _, h := range a.dirtyDeep {
			h.dirty = false
		}
		a.dirtyDeep = nil
		return a.Table()
	},
	"owners are not told": func(a *Assembler) *Table {
		if a.table != nil {
			return a.table
		}
		a.begin()
		a.redoDeeps()
		a.redoWilds()
		a.redoExact()
		for _, h := range a.warn {
			h.warned = false
		}
		a.warn = nil
		a.table = a.publish()
		return a.table
	},
	"a sum is not taken back": func(a *Assembler) *Table {
		for h := range a.told {
			h.more.outcome = nil
		}
		return a.Table()
	},
	"what is recorded is not compared": func(a *Assembler) *Table {
		for _, h := range a.dirty {
			if !h.recorded {
				continue
			}
			h.dirty, a.dirty = false, slices.DeleteFunc(slices.Clone(a.dirty), func(o *hostState) bool { return o == h })
			break
		}
		return a.Table()
	},
}

// TestAssemblerOracleFinds: mistakes that could be made.
func TestAssemblerOracleFinds(t *testing.T) {
	for name, table := range mutants {
		c := tinyWorlds(t)
		all, rng := c.edits(), rand.New(rand.NewPCG(9, 9))
		wrong := ""
		for n := 0; n < 300 && wrong == ""; n++ {
			wrong = c.follow(c.walk(all, rng, 30), true, 0, table)
		}
		if wrong == "" {
			t.Errorf("%s: nothing is found", name)
		}
		t.Logf("%s: after %d edits", name, strings.Count(wrong, ";")+1)
	}
}
