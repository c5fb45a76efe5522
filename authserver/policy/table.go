// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

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

// claims are those on one host.
type claims struct {
	few      []claim     // the most specific first: Exact, then the longest Prefix
	many     *manyClaims // instead, where there are more than few
	dispute  *dispute    // nil: it is plain whose the host is
	first    [2]claim    // where few begins: next to it, as most hosts need no more
	owner    string      // the namespace that owns the host
	claimed  bool        // by a policy that could own it
	recorded bool        // the ledger knows its owner
}

// A claim is that of an app on a part of a host.
type claim struct {
	path  string // of a Prefix without the trailing slash: "" is everything
	exact bool
	app   *app
}

// manyClaims are those on a host of many parts.
type manyClaims struct {
	exact   map[string]*app
	prefix  map[string]*app
	longest int // of the prefixes
}

// An app is a Policy compiled.
type app struct {
	source          Source
	audience        string
	defective       bool
	salvaged        bool // and so defective
	encodedSlashes  bool
	crossSite       bool // a cookie is enough for what other sites make browsers ask
	cors            *cors
	relaxing        []rule // Bypass, ServiceAuth
	identity        []rule // Block, Allow
	revokedBefore   time.Time
	unauthenticated Unauthenticated
	signIn          *signIn // nil: nothing out of the ordinary
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

// claims finds those on a host. An exact host never falls through.
func (t *Table) claims(host string) *claims {
	if r := t.exact[host]; r != nil {
		return r
	}
	if i := strings.IndexByte(host, '.'); i > 0 {
		return t.wild[host[i+1:]]
	}
	return nil
}

// lookup finds the claim on a path: Exact first, then the longest prefix.
func (r *claims) lookup(path string) *app {
	if r == nil || path == "" {
		return nil
	}
	if r.many != nil {
		return r.many.lookup(path)
	}
	for i := range r.few {
		if c := &r.few[i]; c.covers(path) {
			return c.app
		}
	}
	return nil
}

// covers reports whether the claim is on the path: a Prefix is whole segments.
func (c *claim) covers(path string) bool {
	n := len(c.path)
	if c.exact || len(path) <= n {
		return path == c.path
	}
	return path[n] == '/' && path[:n] == c.path
}

func (m *manyClaims) lookup(path string) *app {
	if a := m.exact[path]; a != nil {
		return a
	}
	p := path
	if len(p) > m.longest { // so that a long path costs no more than a long claim
		p = p[:strings.LastIndexByte(p[:m.longest+1], '/')]
	}
	for {
		if a := m.prefix[p]; a != nil {
			return a
		}
		if p == "" {
			return nil
		}
		p = p[:strings.LastIndexByte(p, '/')]
	}
}

// add enters a claim, or returns whose it is already.
func (r *claims) add(c claim) *app {
	if r.many != nil {
		return r.many.add(c)
	}
	at := 0
	for ; at < len(r.few); at++ {
		o := &r.few[at]
		if o.exact == c.exact && o.path == c.path {
			return o.app
		}
		// Two that are equally specific never cover the same path.
		if c.exact && !o.exact || c.exact == o.exact && len(c.path) > len(o.path) {
			break
		}
	}
	if len(r.few) < few {
		if r.few == nil {
			r.few = r.first[:0]
		}
		r.few = slices.Insert(r.few, at, c)
		return nil
	}
	r.many = &manyClaims{exact: map[string]*app{}, prefix: map[string]*app{}}
	for _, o := range r.few {
		r.many.add(o)
	}
	r.few, r.first = nil, [2]claim{}
	return r.many.add(c)
}

func (m *manyClaims) add(c claim) *app {
	claims := m.exact
	if !c.exact {
		claims = m.prefix
		m.longest = max(m.longest, len(c.path))
	}
	if winner := claims[c.path]; winner != nil {
		return winner
	}
	claims[c.path] = c.app
	return nil
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
