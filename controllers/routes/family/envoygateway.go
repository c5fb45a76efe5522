// SPDX-License-Identifier: Apache-2.0

package family

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
)

// asksAt reports whether what names a backend, or several, names a listener of ours that
// decides, and nothing else: grpc, or authz at its port and at its path for Envoy, not
// pinned, or pinned to the one route that it is for.
func asksAt(x *routes.Index, auth map[string]any, namespace, part, path string, route types.NamespacedName) bool {
	refs := routes.Objects(auth, "backendRefs")
	if b, ok, _ := unstructured.NestedMap(auth, "backendRef"); ok {
		refs = append(refs, b)
	}
	for _, b := range refs {
		at := routes.RefOf(b, namespace)
		port := routes.PortOf(b).Number
		if x.OwnPart(at.Namespace, at.Name) != part || part == "authz" && (!isAsked(path, route) || port != 0 && port != x.Settings.AuthzPort()) {
			return false
		}
	}
	return len(refs) > 0
}

// isAsked reports whether a path is one at which Envoy asks about the requests of a
// route. No route has an empty name: such a one stands for several.
func isAsked(path string, route types.NamespacedName) bool {
	path = strings.TrimSuffix(path, "/")
	prefix, pinned := strings.CutSuffix(path, route.String())
	return path == contract.EnvoyPrefix || pinned && route.Name != "" &&
		slices.Contains([]string{contract.EnvoyRoutePrefix, contract.ExternalPrefix, contract.EnvoyPrefix + "/"}, prefix)
}

// onlyTarget is the one HTTPRoute that a SecurityPolicy is for, if it is for just one.
func onlyTarget(p *unstructured.Unstructured) (one types.NamespacedName) {
	for _, t := range TargetsOf(p) {
		at := types.NamespacedName{Namespace: p.GetNamespace(), Name: routes.Text(t, "name")}
		if routes.Text(t, "kind") != "HTTPRoute" || one.Name != "" && at != one {
			return types.NamespacedName{}
		}
		one = at
	}
	if len(routes.Objects(p.Object, "spec", "targetSelectors")) > 0 {
		return types.NamespacedName{}
	}
	return one
}

// SecurityPolicyOf tells which rules of a route an Envoy Gateway SecurityPolicy
// guards, by name. One for a rule or a route replaces the one for its Gateways.
func SecurityPolicyOf(x *routes.Index, r *unstructured.Unstructured) func(rule string) bool {
	sections := routes.Once(x, targeted)[routes.Ref{Kind: r.GetKind(), NamespacedName: routes.NameOf(r)}] // "" is the whole route
	parents := routes.Objects(r.Object, "spec", "parentRefs")
	byGateway := len(parents) > 0 && !slices.ContainsFunc(parents, func(p map[string]any) bool {
		return !routes.Once(x, targeted)[routes.Ref{Kind: "Gateway", NamespacedName: routes.RefOf(p, r.GetNamespace())}][""]
	})
	if unasked(x, r) { // whichever of its policies counts
		return func(string) bool { return false }
	}
	byGateway = byGateway && !slices.ContainsFunc(parents, func(p map[string]any) bool { return unaskedGateway(x, routes.RefOf(p, r.GetNamespace())) })
	return func(rule string) bool {
		if asks, ok := sections[rule]; ok && rule != "" {
			return asks
		}
		if asks, ok := sections[""]; ok {
			return asks
		}
		return byGateway
	}
}

// A selection is of which objects the labels are.
type selection struct{ namespace, kind string }

// unasking are the labels by which SecurityPolicies that do not ask us are for objects.
// Such a one may replace one that asks. One that does ask protects nothing here: labels
// change, and not all that selects by them is read.
func unasking(x *routes.Index) map[selection][]map[string]string {
	out := map[selection][]map[string]string{}
	for _, p := range x.SecurityPolicies {
		if ExtAuthAsks(x, p) {
			continue
		}
		for _, t := range routes.Objects(p.Object, "spec", "targetSelectors") {
			labels, _, _ := unstructured.NestedStringMap(t, "matchLabels")
			at := selection{p.GetNamespace(), routes.Text(t, "kind")}
			out[at] = append(out[at], labels)
		}
	}
	return out
}

// unasked reports whether a SecurityPolicy that does not ask us is for an object by its labels.
func unasked(x *routes.Index, o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(routes.Once(x, unasking)[selection{o.GetNamespace(), o.GetKind()}], func(labels map[string]string) bool {
		return routes.HasLabels(o.GetLabels(), labels)
	})
}

// gatewaysByName are the Gateways that there are.
func gatewaysByName(x *routes.Index) map[types.NamespacedName]*unstructured.Unstructured {
	out := make(map[types.NamespacedName]*unstructured.Unstructured, len(x.Gateways))
	for _, g := range x.Gateways {
		out[routes.NameOf(g)] = g
	}
	return out
}

// unaskedGateway is unasked for a parent. One that is not there may have any labels.
func unaskedGateway(x *routes.Index, at types.NamespacedName) bool {
	if g, ok := routes.Once(x, gatewaysByName)[at]; ok {
		return unasked(x, g)
	}
	return len(routes.Once(x, unasking)[selection{at.Namespace, "Gateway"}]) > 0
}

// securityTargets are sections of objects that a SecurityPolicy is for, and whether it
// asks us.
type securityTargets map[routes.Ref]map[string]bool

// targeted tells for which sections of which objects there is a SecurityPolicy, and
// whether it asks us. Of two that contradict each other, either may be in force.
func targeted(x *routes.Index) securityTargets {
	out := securityTargets{}
	for _, p := range x.SecurityPolicies {
		asks := ExtAuthAsks(x, p)
		for _, t := range TargetsOf(p) {
			at := routes.Ref{Kind: routes.Text(t, "kind"), NamespacedName: types.NamespacedName{Namespace: p.GetNamespace(), Name: routes.Text(t, "name")}}
			if out[at] == nil {
				out[at] = map[string]bool{}
			}
			section := routes.Text(t, "sectionName")
			before, ok := out[at][section]
			out[at][section] = asks && (before || !ok)
		}
	}
	return out
}

// TargetsOf returns what a policy of the Gateway API is attached to.
func TargetsOf(p *unstructured.Unstructured) []map[string]any {
	targets := routes.Objects(p.Object, "spec", "targetRefs")
	if t, ok, _ := unstructured.NestedMap(p.Object, "spec", "targetRef"); ok {
		targets = append(targets, t)
	}
	return targets
}

// ExtAuthAsks reports whether a SecurityPolicy asks us. One that fails open does not: it
// lets everything pass while we are away.
func ExtAuthAsks(x *routes.Index, p *unstructured.Unstructured) bool {
	open, _, _ := unstructured.NestedBool(p.Object, "spec", "extAuth", "failOpen")
	if grpc, ok, _ := unstructured.NestedMap(p.Object, "spec", "extAuth", "grpc"); ok && !open {
		return asksAt(x, grpc, p.GetNamespace(), "grpc", "", types.NamespacedName{})
	}
	http, ok, _ := unstructured.NestedMap(p.Object, "spec", "extAuth", "http")
	return ok && !open && asksAt(x, http, p.GetNamespace(), "authz", routes.Text(http, "path"), onlyTarget(p))
}

// Targets reports whether a policy is for a route, by name or by labels. Labels that
// are more than a plain match may be any.
func Targets(policy, route *unstructured.Unstructured) bool {
	for _, t := range TargetsOf(policy) {
		if routes.Text(t, "kind") == route.GetKind() && routes.Text(t, "name") == route.GetName() {
			return true
		}
	}
	return selects(policy, route)
}

// selects reports whether a policy is for an object by its labels.
func selects(policy, o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(routes.Objects(policy.Object, "spec", "targetSelectors"), func(t map[string]any) bool {
		labels, _, _ := unstructured.NestedStringMap(t, "matchLabels")
		return routes.Text(t, "kind") == o.GetKind() && routes.HasLabels(o.GetLabels(), labels)
	})
}

// envoyGateway asks by a SecurityPolicy.
type envoyGateway struct{ DataPlane }

func (envoyGateway) Asks(_ *routes.Index, _ *unstructured.Unstructured, _ map[string]any, secured bool) bool {
	return secured
}

func (p envoyGateway) Unfit(*unstructured.Unstructured) string {
	return p.Who() + " is Envoy Gateway, which does not know the filter ExternalAuth: take it out, and opt the route in, so that Ostiary writes a SecurityPolicy"
}

// Plan has Envoy Gateway ask, and answer preflights with what it is told.
func (envoyGateway) Plan(w *Wants) bool {
	if !w.Served["SecurityPolicy."+EnvoyGroup] {
		w.Found(routes.MissingKind, "%s cannot ask about requests, as the CRD securitypolicies.gateway.envoyproxy.io is not installed. Install Envoy Gateway's CRDs.", w.Ref)
		return false
	}
	w.grant("SecurityPolicy", "authz")
	at := w.Settings.Service("authz")
	w.put(Object(envoyVersion, "SecurityPolicy", types.NamespacedName{Namespace: w.Ref.Namespace, Name: besideName("auth", w.Ref.Name)}, ForRoute(w.Ref), nil, Spec(map[string]any{
		"targetRefs": []any{map[string]any{"group": GatewayGroup, "kind": "HTTPRoute", "name": w.Ref.Name}},
		"extAuth": map[string]any{
			"failOpen":         false,                          // nobody to ask is a no
			"headersToExtAuth": anyList(contract.EnvoyAsked()), // unless it is named, not even Cookie is sent
			"http": map[string]any{
				"path":             contract.EnvoyRoutePrefix + w.Ref.NamespacedName.String(), // Envoy adds the request's own
				"backendRefs":      []any{map[string]any{"name": at.Name, "namespace": at.Namespace, "port": int64(w.Settings.AuthzPort())}},
				"headersToBackend": anyList(contract.Lower(w.Settings.IdentityHeaders)),
			},
		},
	})))
	return !w.replaced()
}

// replaced reports SecurityPolicies of people's for the same route, or for a rule of
// it. The older, or the narrower, counts, and none of the other.
func (w *Wants) replaced() bool {
	some := false
	for _, o := range w.SecurityPolicies {
		if routes.IsOurs(o) || o.GetNamespace() != w.Ref.Namespace || !Targets(o, w.Manifest) || ExtAuthAsks(w.Index, o) {
			continue
		}
		some = true
		w.Found(routes.ForeignPolicy, "%s is the target of SecurityPolicy %s, too, which counts in place of Ostiary's, or of a part of it, and does not ask. Move what it says to a policy for the Gateway, or remove it.", w.Ref, routes.NameOf(o))
	}
	return some
}
