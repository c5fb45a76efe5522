// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// httpRoute reports the rules of an HTTPRoute or GRPCRoute that lead to an
// application without asking.
func (c *coverage) httpRoute(r *unstructured.Unstructured) {
	parents := routes.Objects(r.Object, "spec", "parentRefs")
	if routes.IsOurs(r) || routes.InMesh(parents) {
		return
	}
	opted := routes.IsOptedIn(r) && r.GetKind() == "HTTPRoute"
	planes, lost := family.DataPlanes(c.Index, r)
	open, paths, leads := c.openRules(r, planes)
	why := family.Unfit(c.Index, r, planes, lost)
	for _, host := range c.RouteHosts(r, parents) {
		claimed := c.claims(host)
		for _, b := range leads {
			if claimed || opted {
				c.leadTo(routes.RefOf(b, r.GetNamespace()), host, routes.PortOf(b))
			}
		}
		if len(open) > 0 && claimed && !opted {
			c.unaskedRoute(r, host, open, paths, why)
		}
	}
}

// openRules are the rules of a route that ask nobody, their paths, and all that
// the route leads to.
func (c *coverage) openRules(r *unstructured.Unstructured, planes []family.DataPlane) (open []string, paths []policy.Path, leads []map[string]any) {
	guarded := family.SecurityPolicyOf(c.Index, r)
	for i, rule := range routes.Objects(r.Object, "spec", "rules") {
		apps := c.Applications(r, rule)
		leads = append(leads, apps...)
		if len(apps) > 0 && !family.RuleAsks(c.Index, r, rule, planes, guarded(routes.Text(rule, "name"))) {
			open = append(open, routes.RuleName(i, rule))
			paths = append(paths, routes.RulePaths(rule)...)
		}
	}
	return open, paths, leads
}

func (c *coverage) unaskedRoute(r *unstructured.Unstructured, host string, open []string, paths []policy.Path, why string) {
	ref := routes.Ref{Kind: r.GetKind(), NamespacedName: routes.NameOf(r)}
	a := gap{object: ref, reason: routes.HTTPRouteNoAuth, host: host, paths: paths}
	rules := "rule " + strings.Join(open, ", ")
	switch {
	case why != "":
		a.reason = routes.UnfitProxy
		c.report(a, "%s leads %s to an application, in its %s, and is not known to be protected: %s.", ref, routes.AnyHost(host)+c.such(host), rules, why)
	case r.GetKind() == "GRPCRoute":
		c.report(a, "%s leads %s to an application without protection, in its %s. Protect its Gateway with an Envoy Gateway SecurityPolicy whose extAuth is Ostiary, or serve it as an HTTPRoute that is opted in.", ref, routes.AnyHost(host), rules)
	case host == "":
		a.reason = routes.DefaultBackend
		c.report(a, "%s has no hostname, so it leads any host that its Gateways find no better route for to an application without protection, in its %s. Give it hostnames, or opt it in with %s.", ref, rules, routes.PolicyAnnotation)
	case !c.namespaceOwns(r.GetNamespace(), host):
		a.reason = routes.OtherNamespace
		c.report(a, "%s leads %s to an application without protection, in its %s, from a namespace that has no AccessPolicy for the host. Remove it, or let its namespace claim the host (hostGrants) and opt it in.", ref, routes.ShowHost(host)+c.such(host), rules)
	default:
		c.report(a, "%s leads %s to an application without protection, in its %s. Opt it in with the annotation %s: NAME (a rule with the action Bypass keeps a path public), or take the host off it.", ref, routes.ShowHost(host)+c.such(host), rules, routes.PolicyAnnotation)
	}
}

// tlsRoute reports hosts whose connections no proxy looks into.
func (c *coverage) tlsRoute(r *unstructured.Unstructured) {
	if routes.IsOurs(r) {
		return
	}
	ref := routes.Ref{Kind: r.GetKind(), NamespacedName: routes.NameOf(r)}
	for _, host := range c.RouteHosts(r, routes.Objects(r.Object, "spec", "parentRefs")) {
		if c.claims(host) {
			c.report(gap{object: ref, reason: routes.TLSPassthrough, host: host},
				"%s passes TLS connections for %s through as they are, without protection. Remove the host from it, and serve it by an HTTPRoute that is opted in.", ref, routes.AnyHost(host))
		}
	}
}
