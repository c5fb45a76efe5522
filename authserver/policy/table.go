// SPDX-License-Identifier: Apache-2.0

package policy

import "sync/atomic"

// A Table is an immutable, compiled set of policies. A nil *Table denies.
type Table struct {
	exact     map[string]*claims // "wiki.example.com"
	wild      map[string]*claims // "*.example.com" → "example.com"
	policies  int
	unbound   string // the revision without bindings, providers and revocations
	built     string // the revision without providers and revocations
	revision  string
	takers    []*app            // that take tokens from other applications' pages
	revoked   *revoked          // nil: no revocations
	bindings  map[string]string // Ingress → policy, both "namespace/name"
	byRoute   map[string]string // HTTPRoute → policy, likewise
	providers *Providers        // nil: not known
	// unrecorded are the claims that the ledger does not hold, and ought to.
	unrecorded []Claim
}

// Revision identifies what the table was built from.
func (t *Table) Revision() string {
	if t == nil {
		return ""
	}
	return t.revision
}

// Len returns how many policies the table was built from.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return t.policies
}

// Audience returns what a credential for the target must have been made for:
// the policy that guards it. It is empty where no policy does.
func (t *Table) Audience(target Target) string {
	if t == nil {
		return ""
	}
	if a := t.claims(target.host).lookup(target.path); a != nil {
		return a.audience
	}
	return ""
}

// find is the one way from a target to the policy that guards it. pinned: it is
// known which route the request came by.
func (t *Table) find(target *Target, pinned bool) (*app, Reason) {
	r := t.claims(target.host).forRequest(pinned)
	a := r.lookup(target.path)
	for _, reading := range target.readings {
		if r.lookup(reading) != a {
			return a, AmbiguousPath
		}
	}
	switch {
	case a == nil:
		return nil, NoPolicy
	case target.encodedSlash && !a.encodedSlashes:
		return a, AmbiguousPath
	case a.defective:
		return a, InvalidPolicy
	default:
		return a, NoReason
	}
}

// Live holds the Table in force. Its zero value holds none, and denies.
type Live struct{ p atomic.Pointer[Table] }

// Table returns the table in force, or nil. Load it once a request.
func (l *Live) Table() *Table { return l.p.Load() }

// Publish puts a table in force.
func (l *Live) Publish(t *Table) { l.p.Store(t) }
