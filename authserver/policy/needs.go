// SPDX-License-Identifier: Apache-2.0

package policy

import "slices"

// NeedsEmail reports whether somebody whose address is not known may not sign in at
// a target: as the policy that guards it looks at addresses, or as any policy keeps
// people out by them. Whom a rule would refuse must not pass for not being known.
func (t *Table) NeedsEmail(target Target) bool {
	if t == nil {
		return true
	}
	if a, _ := t.find(&target, true); a == nil || slices.ContainsFunc(a.identity, func(r rule) bool {
		return t.looksAtEmail(r.include) || t.looksAtEmail(r.require) || t.looksAtEmail(r.exclude)
	}) {
		return true
	}
	found := false
	t.eachHost(func(c *claims) { found = found || slices.ContainsFunc(c.apps(), t.keepsOutByEmail) })
	return found
}

// keepsOutByEmail reports whether a rule refuses somebody for their address.
func (t *Table) keepsOutByEmail(a *app) bool {
	return slices.ContainsFunc(a.identity, func(r rule) bool {
		return t.looksAtEmail(r.exclude) || r.action == Block && (t.looksAtEmail(r.include) || t.looksAtEmail(r.require)) ||
			t.siftsByEmail(r.include) || t.siftsByEmail(r.require)
	})
}

func (t *Table) looksAtEmail(list []Selector) bool {
	return slices.ContainsFunc(list, func(s Selector) bool {
		return s.Property == Email || s.Property == EmailDomain || s.looks().Email || s.Property == AccessGroup && t.groups.find(s.Value).email
	})
}

// siftsByEmail reports whether an expression, or a group that is named, may leave somebody
// out for their address.
func (t *Table) siftsByEmail(list []Selector) bool {
	return slices.ContainsFunc(list, func(s Selector) bool {
		return s.looks().Email || s.Property == AccessGroup && t.groups.find(s.Value).sifts
	})
}
