// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// gaps reports what undoes the question that the proxy of an Ingress asks.
func (c *coverage) gaps(d *route, s *routes.Served) {
	family.Of(d.Class).Gaps(c.Index, d.Route, s, func(reason string, paths []policy.Path, format string, args ...any) {
		c.report(gap{object: d.Ref, reason: reason, host: s.Host, paths: paths}, format, args...)
	})
}

// passthrough reports, of what undoes it, what leads connections past a proxy that asks
// nobody anyway.
func (c *coverage) passthrough(d *route, s *routes.Served) {
	family.Of(d.Class).Gaps(c.Index, d.Route, s, func(reason string, paths []policy.Path, format string, args ...any) {
		if reason == routes.TLSPassthrough {
			c.report(gap{object: d.Ref, reason: reason, host: s.Host, paths: paths}, format, args...)
		}
	})
}

// unread reports what a proxy cannot read. What names a policy is a plan's matter.
func (c *coverage) unread(d *route, s *routes.Served) {
	if problems, refused := routes.UnreadBy(d.Ingress, d.Class.Proxy); len(problems) > 0 && !d.opted {
		c.report(gap{object: d.Ref, reason: routes.AnnotationUnread, host: s.Host, paths: s.Paths}, "%s", routes.UnreadMessage(d.Ref, problems, refused))
	}
}

// strayAliases reports aliases of a guarded Ingress that no policy claims.
func (c *coverage) strayAliases(d *route) {
	var mine string
	for i := range d.Ingress.Spec.Rules {
		if host := d.Ingress.Spec.Rules[i].Host; host != "" && c.claims(host) {
			mine = host
			break
		}
	}
	if mine == "" {
		return
	}
	for _, alias := range aliasesOf(d.Ingress, d.Class.Proxy) {
		host := routes.CanonicalHost(alias)
		if strings.HasPrefix(alias, "~") {
			host = alias // lower case would make another expression of it
		} else if c.claims(host) {
			continue
		}
		c.report(gap{object: d.Ref, reason: routes.ServerAlias, host: host, owner: mine},
			"%s has the server-alias %s, which no policy lists as a host, so requests to it are denied, and an unprotected Ingress of %s serves it, too. Put it into the policy's hosts as a name of its own, or remove it.", d.Ref, alias, mine)
	}
}

// innerDoors reports an Ingress that leads the world to what only proxies may ask.
func (c *coverage) innerDoors(d *route) {
	for _, b := range routes.Backends(d.Ingress) {
		for _, s := range routes.ServicesOf(b) {
			if part := c.OwnPart(d.Namespace, s.Name); part == "authz" || part == "render" {
				c.findings = append(c.findings, routes.Finding{Object: d.Ref, Reason: routes.ExposedService,
					Message: fmt.Sprintf("%s leads to Service %s/%s, which only proxies may reach: it tells every client what a policy decides. Remove the Ingress.", d.Ref, d.Namespace, s.Name)})
			}
		}
	}
}
