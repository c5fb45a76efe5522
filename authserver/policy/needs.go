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
		return looksAtEmail(r.include) || looksAtEmail(r.require) || looksAtEmail(r.exclude)
	}) {
		return true
	}
	found := false
	t.eachHost(func(c *claims) { found = found || slices.ContainsFunc(c.apps(), (*app).keepsOutByEmail) })
	return found
}

// keepsOutByEmail reports whether a rule refuses somebody for their address.
func (a *app) keepsOutByEmail() bool {
	return slices.ContainsFunc(a.identity, func(r rule) bool {
		return looksAtEmail(r.exclude) || r.action == Block && (looksAtEmail(r.include) || looksAtEmail(r.require))
	})
}

func looksAtEmail(list []Selector) bool {
	return slices.ContainsFunc(list, func(s Selector) bool { return s.Property == Email || s.Property == EmailDomain || s.looks().Email })
}
