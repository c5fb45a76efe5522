// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// refGroup returns the groups of a name.
func refGroup(name string, groups []Group) (out []Group) {
	for _, g := range groups {
		if g.Source.Name == name {
			out = append(out, g)
		}
	}
	return out
}

// refBelow returns the groups that those of a name name.
func refBelow(name string, groups []Group) (out []string) {
	for _, g := range refGroup(name, groups) {
		for _, list := range g.lists() {
			out = append(out, groupsIn(list)...)
		}
	}
	return out
}

// refReaches reports whether one leads from a group to another in so many steps.
func refReaches(from, to string, steps int, groups []Group) bool {
	return steps > 0 && slices.ContainsFunc(refBelow(from, groups), func(n string) bool {
		return n == to || refReaches(n, to, steps-1, groups)
	})
}

// refBroken: there is none, or not one alone; it has a mistake; it names itself; or it goes too deep.
func refBroken(name string, groups []Group) bool {
	found := refGroup(name, groups)
	return len(found) != 1 || len(found[0].Defects)+len(ValidateGroup(&found[0])) > 0 ||
		refReaches(name, name, len(groups), groups) || refDepth(name, groups) > maxGroupDepth
}

// refDepth counts the groups on the longest way down, up to one that names itself.
func refDepth(name string, groups []Group) int {
	if len(refGroup(name, groups)) == 0 {
		return 0
	}
	deepest := 0
	if !refReaches(name, name, len(groups), groups) {
		for _, n := range refBelow(name, groups) {
			deepest = max(deepest, refDepth(n, groups))
		}
	}
	return deepest + 1
}

// refIdentifies reports whether a group that is not broken looks at an identity.
func refIdentifies(name string, groups []Group) bool {
	if refBroken(name, groups) {
		return false
	}
	for _, list := range refGroup(name, groups)[0].lists() {
		for _, sel := range list {
			if sel.Property.identifies() || sel.Property == AccessGroup && refIdentifies(sel.Value, groups) {
				return true
			}
		}
	}
	return false
}

// refSeesNobody: a rule without a session names a group that looks at an identity, or a
// Bypass rule one that looks at certificates.
func refSeesNobody(ru *Rule, groups []Group) bool {
	for _, list := range ru.lists() {
		for _, name := range groupsIn(list) {
			if refIdentifies(name, groups) || ru.Action == Bypass && refLooksAtCertificates(name, groups) {
				return true
			}
		}
	}
	return false
}

func refLooksAtCertificates(name string, groups []Group) bool {
	if refBroken(name, groups) {
		return false
	}
	lists := refGroup(name, groups)[0].lists()
	return slices.ContainsFunc(slices.Concat(lists[:]...), func(sel Selector) bool {
		return asksCertificate(sel) || sel.Property == AccessGroup && refLooksAtCertificates(sel.Value, groups)
	})
}
