// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strings"
)

// There are few "**." patterns, and much may lie below one. So no host knows those above it:
// they are looked up by what the host's name ends with, which costs nothing where there are
// none. Where one comes or goes, or becomes another's, all hosts are asked once whether they
// lie below it.

// contestAbove is about the first pattern in the chain of a host that somebody claims, or
// claimed; nil: there is none.
func (a *Assembler) contestAbove(h *hostState) *contest {
	if h.above != nil {
		if w := a.settled(h.above); len(w.stakes) > 0 {
			return w
		}
	}
	if len(a.deeps) == 0 {
		return nil
	}
	for zone := firstDeep(h.name); zone != ""; zone = parentOf(zone) {
		if o := a.deeps[zone]; o != nil {
			if w := a.settled(o); len(w.stakes) > 0 {
				return w
			}
		}
	}
	return nil
}

// decidesAbove is the first pattern in the chain of a host of which the table says anything;
// nil: there is none.
func (a *Assembler) decidesAbove(h *hostState) *hostState {
	if h.above != nil && h.above.claims != nil {
		return h.above
	}
	if len(a.deeps) == 0 {
		return nil
	}
	for zone := firstDeep(h.name); zone != ""; zone = parentOf(zone) {
		if o := a.deeps[zone]; o != nil && o.claims != nil {
			return o
		}
	}
	return nil
}

// redoDeeps redoes the "**." patterns that were touched, the farthest first, and touches what
// depends on them.
func (a *Assembler) redoDeeps() {
	if len(a.dirtyDeep) == 0 {
		return
	}
	all := make([]*hostState, 0, len(a.deeps))
	for _, h := range a.deeps {
		all = append(all, h)
	}
	slices.SortFunc(all, func(x, y *hostState) int { // a parent has fewer labels
		return cmp.Or(cmp.Compare(strings.Count(x.name, "."), strings.Count(y.name, ".")), cmp.Compare(x.name, y.name))
	})
	some := false
	for _, h := range all {
		if h.dirty || some && a.belowChanged(h) {
			a.redoDeep(h)
			some = some || h.changed
		}
	}
	a.dirtyDeep = a.dirtyDeep[:0]
	if some {
		a.touchBelow(all)
	}
}

// touchBelow touches the hosts below "**." patterns that changed.
func (a *Assembler) touchBelow(deeps []*hostState) {
	for _, known := range [...]map[string]*hostState{a.wilds, a.hosts} {
		for _, h := range known {
			if !h.dirty && a.belowChanged(h) {
				a.touch(h)
			}
		}
	}
	for _, h := range deeps {
		h.changed = false
	}
}

func (a *Assembler) redoDeep(h *hostState) {
	h.dirty = false
	before, decided := h.contest, h.claims != nil
	h.contest = nil
	c := a.settled(h)
	a.redo(h, c)
	h.changed = before == nil || before.standing() != c.standing() || decided != (h.claims != nil)
	a.touchFollowers(h)
	if len(h.claimants) == 0 || h.more != nil && len(h.more.troubles) > 0 {
		a.remind(h)
	}
}

// belowChanged reports whether a host lies below a "**." pattern that others see differently
// than before.
func (a *Assembler) belowChanged(h *hostState) bool {
	for zone := firstDeep(h.name); zone != ""; zone = parentOf(zone) {
		if o := a.deeps[zone]; o != nil && o.changed {
			return true
		}
	}
	return false
}
