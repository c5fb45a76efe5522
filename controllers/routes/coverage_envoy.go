// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// securityPolicies reports what SecurityPolicies of people's, which ask us, do beside it.
func (c *coverage) securityPolicies() {
	for _, p := range c.SecurityPolicies {
		if ours(p) || !c.extAuthAsks(p) {
			continue
		}
		ref := Ref{Kind: p.GetKind(), NamespacedName: nameOf(p)}
		again, _, _ := unstructured.NestedBool(p.Object, "spec", "extAuth", "recomputeRoute")
		_, cors, _ := unstructured.NestedMap(p.Object, "spec", "cors")
		for _, host := range c.policyHosts(p) {
			if again {
				c.report(around{object: ref, reason: RecomputedRoute, host: host},
					"%s says recomputeRoute, so after Ostiary was asked about %s another route may be chosen, of which nobody was asked. Remove it.", ref, anyHost(host))
			}
			if cors {
				c.report(around{object: ref, reason: ForeignCORS, host: host},
					"%s has a cors of its own, so Envoy answers preflights for %s before Ostiary is asked, and lets those origins read answers. Write them into the policy's spec.cors, and remove it.", ref, anyHost(host))
			}
		}
	}
}

// policyHosts are the claimed hosts of the routes that a SecurityPolicy is for.
func (c *coverage) policyHosts(p *unstructured.Unstructured) []string {
	var out []string
	for _, r := range slices.Concat(c.HTTPRoutes, c.GRPCRoutes) {
		parents := objects(r.Object, "spec", "parentRefs")
		byGateway := slices.ContainsFunc(parents, func(parent map[string]any) bool {
			at := refOf(parent, r.GetNamespace())
			return at.Namespace == p.GetNamespace() && slices.ContainsFunc(targetsOf(p), func(t map[string]any) bool {
				return text(t, "kind") == "Gateway" && text(t, "name") == at.Name
			})
		})
		if ours(r) || !byGateway && (r.GetNamespace() != p.GetNamespace() || !targets(p, r)) {
			continue
		}
		for _, host := range c.routeHosts(r, parents) {
			if c.claims(host) && !slices.Contains(out, host) {
				out = append(out, host)
			}
		}
	}
	slices.Sort(out)
	return out
}
