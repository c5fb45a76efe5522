// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// applications are the backends of a rule that are not our own Services. A rule
// that only redirects has none.
func (x *Index) applications(r *unstructured.Unstructured, rule map[string]any) []map[string]any {
	return slices.DeleteFunc(objects(rule, "backendRefs"), func(b map[string]any) bool {
		at := refOf(b, r.GetNamespace())
		return x.ownPart(at.Namespace, at.Name) != ""
	})
}

// filtered reports whether a filter of a rule asks us, of the type that its data plane
// has: the Gateway API's own ExternalAuth, or (an ExtensionRef) a Middleware of Traefik.
func (x *Index) filtered(r *unstructured.Unstructured, rule map[string]any, kind string) bool {
	return slices.ContainsFunc(objects(rule, "filters"), func(f map[string]any) bool {
		switch {
		case text(f, "type") != kind:
			return false
		case kind == "ExternalAuth":
			auth, _, _ := unstructured.NestedMap(f, "externalAuth")
			if text(auth, "protocol") == "GRPC" {
				return x.asksAt(auth, r.GetNamespace(), "grpc", "", nameOf(r))
			}
			return x.asksAt(auth, r.GetNamespace(), "authz", text(auth, "http", "path"), nameOf(r))
		case kind == "ExtensionRef":
			return text(f, "extensionRef", "kind") == "Middleware" && x.asks[types.NamespacedName{Namespace: r.GetNamespace(), Name: text(f, "extensionRef", "name")}]
		default:
			return false
		}
	})
}

// asksAt reports whether what names a backend, or several, names a listener of ours that
// decides, and nothing else: grpc, or authz at its port and at its path for Envoy, not
// pinned, or pinned to the one route that it is for.
func (x *Index) asksAt(auth map[string]any, namespace, part, path string, route types.NamespacedName) bool {
	refs := objects(auth, "backendRefs")
	if b, ok, _ := unstructured.NestedMap(auth, "backendRef"); ok {
		refs = append(refs, b)
	}
	for _, b := range refs {
		at := refOf(b, namespace)
		port := portOf(b).Number
		if x.ownPart(at.Namespace, at.Name) != part || part == "authz" && (!isAsked(path, route) || port != 0 && port != x.Settings.AuthzPort()) {
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
	for _, t := range targetsOf(p) {
		at := types.NamespacedName{Namespace: p.GetNamespace(), Name: text(t, "name")}
		if text(t, "kind") != "HTTPRoute" || one.Name != "" && at != one {
			return types.NamespacedName{}
		}
		one = at
	}
	if len(objects(p.Object, "spec", "targetSelectors")) > 0 {
		return types.NamespacedName{}
	}
	return one
}

// securityPolicyOf tells which rules of a route an Envoy Gateway SecurityPolicy
// guards, by name. One for a rule or a route replaces the one for its Gateways.
func (x *Index) securityPolicyOf(r *unstructured.Unstructured) func(rule string) bool {
	sections := x.targets[Ref{Kind: r.GetKind(), NamespacedName: nameOf(r)}] // "" is the whole route
	parents := objects(r.Object, "spec", "parentRefs")
	byGateway := len(parents) > 0 && !slices.ContainsFunc(parents, func(p map[string]any) bool {
		return !x.targets[Ref{Kind: "Gateway", NamespacedName: refOf(p, r.GetNamespace())}][""]
	})
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

// targeted tells for which sections of which objects there is a SecurityPolicy, and
// whether it asks us. Of two that contradict each other, either may be in force.
func (x *Index) targeted() map[Ref]map[string]bool {
	out := map[Ref]map[string]bool{}
	for _, p := range x.SecurityPolicies {
		asks := x.extAuthAsks(p)
		for _, t := range targetsOf(p) {
			at := Ref{Kind: text(t, "kind"), NamespacedName: types.NamespacedName{Namespace: p.GetNamespace(), Name: text(t, "name")}}
			if out[at] == nil {
				out[at] = map[string]bool{}
			}
			section := text(t, "sectionName")
			before, ok := out[at][section]
			out[at][section] = asks && (before || !ok)
		}
	}
	return out
}

func targetsOf(p *unstructured.Unstructured) []map[string]any {
	targets := objects(p.Object, "spec", "targetRefs")
	if t, ok, _ := unstructured.NestedMap(p.Object, "spec", "targetRef"); ok {
		targets = append(targets, t)
	}
	return targets
}

// extAuthAsks: one that fails open lets everything pass while we are away.
func (x *Index) extAuthAsks(p *unstructured.Unstructured) bool {
	open, _, _ := unstructured.NestedBool(p.Object, "spec", "extAuth", "failOpen")
	if grpc, ok, _ := unstructured.NestedMap(p.Object, "spec", "extAuth", "grpc"); ok && !open {
		return x.asksAt(grpc, p.GetNamespace(), "grpc", "", types.NamespacedName{})
	}
	http, ok, _ := unstructured.NestedMap(p.Object, "spec", "extAuth", "http")
	return ok && !open && x.asksAt(http, p.GetNamespace(), "authz", text(http, "path"), onlyTarget(p))
}

// targets reports whether a policy is for a route, by name or by labels. Labels that
// are more than a plain match may be any.
func targets(policy, route *unstructured.Unstructured) bool {
	for _, t := range targetsOf(policy) {
		if text(t, "kind") == route.GetKind() && text(t, "name") == route.GetName() {
			return true
		}
	}
	for _, t := range objects(policy.Object, "spec", "targetSelectors") {
		labels, _, _ := unstructured.NestedStringMap(t, "matchLabels")
		if text(t, "kind") == route.GetKind() && holds(route.GetLabels(), labels) {
			return true
		}
	}
	return false
}

// routeHosts are the hosts of a route: its own, or those of the listeners that it
// is attached to. A star of the Gateway API is any number of labels.
func (x *Index) routeHosts(r *unstructured.Unstructured, parents []map[string]any) []string {
	hosts := texts(r.Object, "spec", "hostnames")
	if len(hosts) == 0 {
		hosts = x.listenerHosts(r.GetNamespace(), parents)
	}
	var out []string
	for _, h := range hosts {
		out = append(out, strings.TrimPrefix(canonical(h), "*"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (x *Index) listenerHosts(namespace string, parents []map[string]any) []string {
	var hosts []string
	for _, p := range parents {
		i := slices.IndexFunc(x.Gateways, func(g *unstructured.Unstructured) bool { return nameOf(g) == refOf(p, namespace) })
		if i < 0 {
			return []string{""}
		}
		for _, l := range objects(x.Gateways[i].Object, "spec", "listeners") {
			if s := text(p, "sectionName"); s == "" || s == text(l, "name") {
				hosts = append(hosts, text(l, "hostname"))
			}
		}
	}
	if len(hosts) == 0 || slices.Contains(hosts, "") {
		return []string{""}
	}
	return hosts
}

// rulePaths are the paths of a rule; a match that has none matches all.
func rulePaths(rule map[string]any) []Path {
	var out []Path
	for _, m := range objects(rule, "matches") {
		value := cmp.Or(text(m, "path", "value"), "/")
		if text(m, "path", "type") == "RegularExpression" {
			value = "/"
		}
		out = append(out, Path{Path: value, Exact: text(m, "path", "type") == "Exact"})
	}
	if len(out) == 0 {
		out = []Path{{Path: "/"}}
	}
	return out
}

func ruleName(i int, rule map[string]any) string {
	var paths []string
	for _, p := range rulePaths(rule) {
		paths = append(paths, p.Path)
	}
	return fmt.Sprintf("%d (%s)", i+1, strings.Join(slices.Compact(paths), ", "))
}

// inMesh: a route whose parents are Services is for traffic inside a mesh.
func inMesh(parents []map[string]any) bool {
	return len(parents) > 0 && !slices.ContainsFunc(parents, func(p map[string]any) bool { return text(p, "kind") != "Service" })
}
