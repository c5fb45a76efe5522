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

// claims finds those on a host: the first in its chain (see pattern.go) of which the table
// says anything. Nothing falls through that.
func (t *Table) claims(host string) *claims {
	if c, ok := t.exact.get(host); ok {
		return c
	}
	return t.above(host)
}

// above finds the claims on the first pattern that stands for a host.
func (t *Table) above(host string) *claims {
	i := strings.IndexByte(host, '.')
	if i <= 0 {
		return nil
	}
	rest := host[i+1:]
	if c, ok := t.wild.get(rest); ok || t.deep.size == 0 {
		return c
	}
	for ; rest != ""; rest = parentOf(rest) {
		if c, ok := t.deep.get(rest); ok {
			return c
		}
	}
	return nil
}

// eachAbove visits the claims on all patterns that stand for a host, in the order of its
// chain, until visit returns false.
func (t *Table) eachAbove(host string, visit func(c *claims) bool) {
	rest := parentOf(host)
	if c, ok := t.wild.get(rest); ok && !visit(c) || t.deep.size == 0 {
		return
	}
	for ; rest != ""; rest = parentOf(rest) {
		if c, ok := t.deep.get(rest); ok && !visit(c) {
			return
		}
	}
}

// eachHost visits what is in force on every host.
func (t *Table) eachHost(visit func(c *claims)) {
	for _, hosts := range [...]*shards[*claims]{&t.exact, &t.wild, &t.deep} {
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

// lookupEnforced is lookup among the claims of policies that are in no dry run, on a path that
// one in a dry run has.
func (r *claims) lookupEnforced(path string) *app {
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

// shares reports whether what is in force on a host is what is on another one.
func (r *claims) shares(o *claims) bool { return r.many == o.many && r.head() == o.head() }

// head is where the few claims on a host stand; nil: there are none.
func (r *claims) head() *claim {
	if len(r.few) == 0 {
		return nil
	}
	return &r.few[0]
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

// claimOn returns the app's most specific claim on a path.
func (r *claims) claimOn(path string, a *app) (best claim) {
	r.each(func(c claim) {
		if c.app == a && c.covers(path) && (!best.exact && len(c.path) >= len(best.path) || c.exact) {
			best = c
		}
	})
	return best
}

// Claims reports whether a claim is in force that stands for the host.
func (t *Table) Claims(host string) bool { return t != nil && !t.claims(host).empty() }
