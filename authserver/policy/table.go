// SPDX-License-Identifier: Apache-2.0

package policy

import "sync/atomic"

// A Table is an immutable, compiled set of policies. A nil *Table denies.
//
// A look-up goes from a host to the claims on it, and from a path to one of those:
//
//	app.example.com /api/v1/things
//	exact ── app.example.com ── claims ── Exact  /api/v1/things   → nobody
//	  │ not there                      ├─ Prefix /api             → app-api: decides
//	wild ─── *.example.com             └─ Prefix (everything)     → app
//	  │ not there
//	deep ─── **.example.com, then **.com
//
// The host is looked up as it is, and, only if nothing is there, as the patterns that stand
// for it (pattern.go): what is there never falls through. Claims are tried from the most
// specific one, so that the first that covers the path is the answer; there is one claim
// of a kind on a path, as the builder has settled all conflicts. A path with several
// readings is looked up in each of them, and the answers have to be the same. Then it is
// seen whether the host is disputed (claims.forRequest), and whether what routed the
// request names that very policy (Table.names).
//
// How the parts lie in memory is told in shards.go and layout.go; how a table is made,
// in assembler.go.
type Table struct {
	exact      shards[*claims] // "wiki.example.com"
	wild       shards[*claims] // "*.example.com" → "example.com"
	deep       shards[*claims] // "**.example.com" → "example.com"
	policies   int
	revision   string
	takers     []*app         // that take tokens from other applications' pages
	revoked    *revoked       // nil: no revocations
	bindings   shards[string] // Ingress → policy, both "namespace/name"
	byRoute    shards[string] // HTTPRoute → policy, likewise
	providers  *Providers     // nil: not known
	tokens     *serviceTokens // nil: none
	evaluators []string       // origins of the services that may be asked about people
	// allEvaluators: which may be is not known, and nobody asks any.
	allEvaluators bool
	tokenIssuers  *TokenIssuers       // whose bearer tokens can be let in; nil: not known
	clients       *OAuthClients       // that have objects of their own; nil: there are none
	groups        *groupSet           // nil: there are none
	read          shards[*groupReads] // what the groups look at that a policy names, by app.groupKey
	linkable      map[string]*app     // those that others link to, by name
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
	if a, _ := t.guard(t.claims(target.host), target.host, target.path); a != nil {
		return a.audience
	}
	return ""
}

// find is the one way from a target to the policy that guards it. pinned: it is
// known which route the request came by.
func (t *Table) find(target *Target, pinned bool) (*app, Reason) {
	a, _, why := t.guarding(target, pinned)
	return a, why
}

// guarding is find, and beside the policy the dry run that the target falls under, which
// may be the same.
func (t *Table) guarding(target *Target, pinned bool) (a, dry *app, why Reason) {
	r := t.claims(target.host).forRequest(pinned)
	a, dry = t.guard(r, target.host, target.path)
	if one, open := t.leads(r, target, a); !one {
		if a == dry && !open { // another reading leads to what is enforced
			dry = nil
		}
		return a, dry, AmbiguousPath
	}
	switch {
	case a == nil:
		return nil, nil, NoPolicy
	case target.encodedSlash && !a.encodedSlashes:
		return a, dry, AmbiguousPath
	case a.defective:
		return a, dry, InvalidPolicy
	default:
		return a, dry, NoReason
	}
}

// leads reports whether all other readings of a target lead to the policy, too, and whether
// all of them lead to what a dry run leaves open.
func (t *Table) leads(r *claims, target *Target, a *app) (one, open bool) {
	one, open = true, true
	for _, reading := range target.readings {
		b, dry := t.guard(r, target.host, reading)
		one, open = one && a == b, open && b != nil && b == dry && b.dryRun == DryRunOpen
	}
	return one, open
}

// Live holds the Table in force. Its zero value holds none, and denies.
type Live struct{ p atomic.Pointer[Table] }

// Table returns the table in force, or nil. Load it once a request.
func (l *Live) Table() *Table { return l.p.Load() }

// Publish puts a table in force.
func (l *Live) Publish(t *Table) { l.p.Store(t) }
