// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"slices"
	"strings"
)

// routesAtOnce is for how many hosts there is one allocation.
const routesAtOnce = 256

type builder struct {
	table  *Table
	hosts  int      // at most how many will yet be claimed
	room   []routes // for the next hosts: in one piece, for the memory's and the look-ups' sake
	grants []Grant
	issues []Issue
}

func (b *builder) add(c *Compiled, ambiguous bool) {
	b.issues = append(b.issues, c.issues...)
	if ambiguous { // a credential is made for a name
		b.issues = append(b.issues, Issue{c.app.source.at("metadata.name"), Invalid,
			"another policy has the same namespace and name; neither is in force"})
		c = c.denied()
	}
	a, hosts, paths := c.app, c.hosts, c.paths
	if a.cors != nil && a.cors.tokens {
		b.table.takers = append(b.table.takers, a)
	}
	if len(paths) == 0 {
		paths = []Path{{Value: "/"}}
	}
	for i, host := range hosts {
		r, owner := b.own(host, a)
		if owner != "" {
			b.report(a, i, HostOwnedByOtherNamespace,
				"%s belongs to namespace %s, which claimed it first; this claim is not in force. Ask the platform team for a host grant, or choose another host", host, owner)
			continue
		}
		for _, path := range paths {
			if winner := r.add(a.claims(path)); winner != nil && winner != a {
				b.report(a, i, Conflict,
					"%s%s (%s) is already claimed by %s, which is older; this claim is not in force", host, path.Value, path.kind(), winner.source)
			}
		}
	}
}

func (b *builder) report(a *app, host int, why IssueReason, format string, args ...any) {
	b.issues = append(b.issues, Issue{a.source.at(item("spec.hosts", host)), why, fmt.Sprintf(format, args...)})
}

// own settles whose host it is. It returns the routes to enter a claim in, or
// the owner if that is someone else.
func (b *builder) own(host string, a *app) (*routes, string) {
	hosts, key, above := b.table.exact, host, (*routes)(nil)
	if isWild(host) {
		hosts, key = b.table.wild, host[2:]
	} else if _, rest, ok := strings.Cut(host, "."); ok {
		above = b.table.wild[rest]
	}
	if a.salvaged { // owns nothing, and is stopped by no owner
		return b.routes(hosts, key), ""
	}
	owner := hosts[key].ownerBelow(above)
	if owner != nil {
		theirs, ours := owner.source.Namespace, a.source.Namespace
		if theirs != "" && theirs != ours && !b.granted(host, ours) {
			return nil, theirs
		}
	}
	r := b.routes(hosts, key)
	if owner == nil { // a granted claim makes nobody an owner
		r.owner = a
	}
	return r, ""
}

// ownerBelow returns who owns a host below a wildcard's.
func (r *routes) ownerBelow(wild *routes) *app {
	switch {
	case r != nil && r.owner != nil:
		return r.owner
	case wild != nil:
		return wild.owner
	default:
		return nil
	}
}

// routes returns those of a host, new ones if there are none.
func (b *builder) routes(hosts map[string]*routes, key string) *routes {
	r := hosts[key]
	if r == nil {
		if len(b.room) == 0 {
			b.room = make([]routes, min(max(1, b.hosts), routesAtOnce))
			b.hosts -= len(b.room)
		}
		r, b.room = &b.room[0], b.room[1:]
		hosts[key] = r
	}
	return r
}

func (b *builder) granted(host, namespace string) bool {
	return slices.ContainsFunc(b.grants, func(g Grant) bool {
		if g.Namespace != namespace {
			return false
		}
		_, rest, _ := strings.Cut(host, ".")
		return g.Host == host || g.Host == "*."+rest
	})
}

func (a *app) name() [2]string { return [...]string{a.source.Namespace, a.source.Name} }

func (a *app) claims(p Path) claim {
	if p.Exact {
		return claim{p.Value, true, a}
	}
	return claim{strings.TrimSuffix(p.Value, "/"), false, a}
}

func (p Path) kind() string {
	if p.Exact {
		return "Exact"
	}
	return "Prefix"
}

func isWild(host string) bool { return strings.HasPrefix(host, "*.") }
