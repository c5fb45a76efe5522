// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// securityPolicies reports what SecurityPolicies of people's, which ask us, do beside it.
func (c *coverage) securityPolicies() {
	for _, p := range c.SecurityPolicies {
		if routes.IsOurs(p) || !family.ExtAuthAsks(c.Index, p) {
			continue
		}
		ref := routes.Ref{Kind: p.GetKind(), NamespacedName: routes.NameOf(p)}
		again, _, _ := unstructured.NestedBool(p.Object, "spec", "extAuth", "recomputeRoute")
		_, cors, _ := unstructured.NestedMap(p.Object, "spec", "cors")
		for _, host := range c.policyHosts(p) {
			if again {
				c.report(gap{object: ref, reason: routes.RecomputedRoute, host: host},
					"%s says recomputeRoute, so after Ostiary was asked about %s another route may be chosen, which is not protected. Remove it.", ref, routes.AnyHost(host))
			}
			if cors {
				c.report(gap{object: ref, reason: routes.ForeignCORS, host: host},
					"%s has a cors of its own, so Envoy answers preflights for %s before Ostiary gets an auth request, and lets those origins read answers. Write them into the policy's spec.cors, and remove it.", ref, routes.AnyHost(host))
			}
		}
	}
}

// policyHosts are the claimed hosts of the routes that a SecurityPolicy is for.
func (c *coverage) policyHosts(p *unstructured.Unstructured) []string {
	var out []string
	for _, r := range slices.Concat(c.HTTPRoutes, c.GRPCRoutes) {
		parents := routes.Objects(r.Object, "spec", "parentRefs")
		byGateway := slices.ContainsFunc(parents, func(parent map[string]any) bool {
			at := routes.RefOf(parent, r.GetNamespace())
			return at.Namespace == p.GetNamespace() && slices.ContainsFunc(family.TargetsOf(p), func(t map[string]any) bool {
				return routes.Text(t, "kind") == "Gateway" && routes.Text(t, "name") == at.Name
			})
		})
		if routes.IsOurs(r) || !byGateway && (r.GetNamespace() != p.GetNamespace() || !family.Targets(p, r)) {
			continue
		}
		for _, host := range c.RouteHosts(r, parents) {
			if c.claims(host) && !slices.Contains(out, host) {
				out = append(out, host)
			}
		}
	}
	slices.Sort(out)
	return out
}
