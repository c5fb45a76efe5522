// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// httpRoute reports the rules of an HTTPRoute or GRPCRoute that lead to an
// application without asking.
func (c *coverage) httpRoute(r *unstructured.Unstructured) {
	parents := objects(r.Object, "spec", "parentRefs")
	if ours(r) || inMesh(parents) {
		return
	}
	opted := optedIn(r) && r.GetKind() == "HTTPRoute"
	planes, lost := c.dataPlanes(r)
	open, paths, leads := c.openRules(r, planes)
	why := c.unfit(r, planes, lost)
	for _, host := range c.routeHosts(r, parents) {
		claimed := c.claims(host)
		for _, b := range leads {
			if claimed || opted {
				c.leadTo(refOf(b, r.GetNamespace()), host, portOf(b))
			}
		}
		if len(open) > 0 && claimed && !opted {
			c.unaskedRoute(r, host, open, paths, why)
		}
	}
}

// openRules are the rules of a route that ask nobody, their paths, and all that
// the route leads to.
func (c *coverage) openRules(r *unstructured.Unstructured, planes []dataPlane) (open []string, paths []Path, leads []map[string]any) {
	guarded := c.securityPolicyOf(r)
	for i, rule := range objects(r.Object, "spec", "rules") {
		apps := c.applications(r, rule)
		leads = append(leads, apps...)
		if len(apps) > 0 && !c.ruleAsks(r, rule, planes, guarded(text(rule, "name"))) {
			open = append(open, ruleName(i, rule))
			paths = append(paths, rulePaths(rule)...)
		}
	}
	return open, paths, leads
}

func (c *coverage) unaskedRoute(r *unstructured.Unstructured, host string, open []string, paths []Path, why string) {
	ref := Ref{Kind: r.GetKind(), NamespacedName: nameOf(r)}
	a := around{object: ref, reason: HTTPRouteNoAuth, host: host, paths: paths}
	rules := "rule " + strings.Join(open, ", ")
	switch {
	case why != "":
		a.reason = UnfitProxy
		c.report(a, "%s leads %s to an application, in its %s, and is not known to ask: %s.", ref, anyHost(host)+c.such(host), rules, why)
	case r.GetKind() == "GRPCRoute":
		c.report(a, "%s leads %s to an application without asking, in its %s. Guard its Gateway with an Envoy Gateway SecurityPolicy whose extAuth is Ostiary, or serve it as an HTTPRoute that is opted in.", ref, anyHost(host), rules)
	case host == "":
		a.reason = DefaultBackend
		c.report(a, "%s has no hostname, so it leads any host that its Gateways find no better route for to an application without asking, in its %s. Give it hostnames, or opt it in with %s.", ref, rules, PolicyAnnotation)
	case !c.namespaceOwns(r.GetNamespace(), host):
		a.reason = OtherNamespace
		c.report(a, "%s leads %s to an application without asking, in its %s, from a namespace that has no AccessPolicy for the host. Remove it, or let its namespace claim the host (hostGrants) and opt it in.", ref, shown(host)+c.such(host), rules)
	default:
		c.report(a, "%s leads %s to an application without asking, in its %s. Opt it in with the annotation %s: NAME (a rule with the action Bypass keeps a path public), or take the host off it.", ref, shown(host)+c.such(host), rules, PolicyAnnotation)
	}
}

// tlsRoute reports hosts whose connections no proxy looks into.
func (c *coverage) tlsRoute(r *unstructured.Unstructured) {
	if ours(r) {
		return
	}
	ref := Ref{Kind: r.GetKind(), NamespacedName: nameOf(r)}
	for _, host := range c.routeHosts(r, objects(r.Object, "spec", "parentRefs")) {
		if c.claims(host) {
			c.report(around{object: ref, reason: TLSPassthrough, host: host},
				"%s leads TLS connections for %s to their end as they are, and nobody is asked. Remove the host from it, and serve it by an HTTPRoute that is opted in.", ref, anyHost(host))
		}
	}
}
