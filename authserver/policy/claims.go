// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strings"
)

// claims are those on one host.
type claims struct {
	few     []claim     // the most specific first: Exact, then the longest Prefix
	many    *manyClaims // instead, where there are more than few
	dispute *dispute    // nil: it is plain whose the host is
	first   [2]claim    // where few begins: next to it, as most hosts need no more
}

// A claim is that of an app on a part of a host.
type claim struct {
	path  string // of a Prefix without the trailing slash: "" is everything
	exact bool
	app   *app
}

// claims finds those on a host. An exact host never falls through.
func (t *Table) claims(host string) *claims {
	if c, ok := t.exact.get(host); ok {
		return c
	}
	return t.above(host)
}

// above finds the claims on the "*." host above a host.
func (t *Table) above(host string) *claims {
	if i := strings.IndexByte(host, '.'); i > 0 {
		c, _ := t.wild.get(host[i+1:])
		return c
	}
	return nil
}

// eachHost visits what is in force on every host.
func (t *Table) eachHost(visit func(c *claims)) {
	for _, hosts := range [...]*shards[*claims]{&t.exact, &t.wild} {
		hosts.each(func(_ string, c *claims) { visit(c) })
	}
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

// lookupEnforced is lookup among the claims of policies that are in no dry run.
func (r *claims) lookupEnforced(path string) *app {
	if r == nil || path == "" {
		return nil
	}
	if r.many != nil {
		return r.many.lookupEnforced(path)
	}
	for i := range r.few {
		if c := &r.few[i]; c.app.dryRun == DryRunNone && c.covers(path) {
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

// each calls visit with all claims on a host.
func (r *claims) each(visit func(c claim)) {
	if r == nil {
		return
	}
	for _, c := range r.few {
		visit(c)
	}
	if r.many == nil {
		return
	}
	for path, a := range r.many.exact {
		visit(claim{path, true, a})
	}
	for path, a := range r.many.prefix {
		visit(claim{path, false, a})
	}
}

// apps returns who has claims on a host and no mistakes, by name.
func (r *claims) apps() []*app {
	var out []*app
	r.each(func(c claim) {
		if !c.app.defective && !slices.Contains(out, c.app) {
			out = append(out, c.app)
		}
	})
	slices.SortFunc(out, func(x, y *app) int { return cmp.Compare(x.audience, y.audience) })
	return out
}

// claimOn returns the path of the app's most specific claim on a path.
func (r *claims) claimOn(path string, a *app) string {
	best := claim{}
	r.each(func(c claim) {
		if c.app == a && c.covers(path) && (!best.exact && len(c.path) >= len(best.path) || c.exact) {
			best = c
		}
	})
	return best.path
}

// Claims reports whether a claim on the host, or on the "*." host above it, is in force.
func (t *Table) Claims(host string) bool { return t != nil && !t.claims(host).empty() }
