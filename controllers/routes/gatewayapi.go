// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Applications are the backends of a rule that are not our own Services. A rule
// that only redirects has none.
func (x *Index) Applications(r *unstructured.Unstructured, rule map[string]any) []map[string]any {
	return slices.DeleteFunc(Objects(rule, "backendRefs"), func(b map[string]any) bool {
		at := RefOf(b, r.GetNamespace())
		return x.OwnPart(at.Namespace, at.Name) != ""
	})
}

// Filtered reports whether a filter of a rule asks us, of the type that its data plane
// has: the Gateway API's own ExternalAuth, or (an ExtensionRef) a Middleware of Traefik.
func (x *Index) Filtered(r *unstructured.Unstructured, rule map[string]any, kind string) bool {
	return slices.ContainsFunc(Objects(rule, "filters"), func(f map[string]any) bool {
		switch {
		case Text(f, "type") != kind:
			return false
		case kind == "ExternalAuth":
			auth, _, _ := unstructured.NestedMap(f, "externalAuth")
			if Text(auth, "protocol") == "GRPC" {
				return x.asksAt(auth, r.GetNamespace(), "grpc", "", NameOf(r))
			}
			return x.asksAt(auth, r.GetNamespace(), "authz", Text(auth, "http", "path"), NameOf(r))
		case kind == "ExtensionRef":
			return Text(f, "extensionRef", "kind") == "Middleware" && x.Asks[types.NamespacedName{Namespace: r.GetNamespace(), Name: Text(f, "extensionRef", "name")}]
		default:
			return false
		}
	})
}

// asksAt reports whether what names a backend, or several, names a listener of ours that
// decides, and nothing else: grpc, or authz at its port and at its path for Envoy, not
// pinned, or pinned to the one route that it is for.
func (x *Index) asksAt(auth map[string]any, namespace, part, path string, route types.NamespacedName) bool {
	refs := Objects(auth, "backendRefs")
	if b, ok, _ := unstructured.NestedMap(auth, "backendRef"); ok {
		refs = append(refs, b)
	}
	for _, b := range refs {
		at := RefOf(b, namespace)
		port := PortOf(b).Number
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
		at := types.NamespacedName{Namespace: p.GetNamespace(), Name: Text(t, "name")}
		if Text(t, "kind") != "HTTPRoute" || one.Name != "" && at != one {
			return types.NamespacedName{}
		}
		one = at
	}
	if len(Objects(p.Object, "spec", "targetSelectors")) > 0 {
		return types.NamespacedName{}
	}
	return one
}

// SecurityPolicyOf tells which rules of a route an Envoy Gateway SecurityPolicy
// guards, by name. One for a rule or a route replaces the one for its Gateways.
func (x *Index) SecurityPolicyOf(r *unstructured.Unstructured) func(rule string) bool {
	sections := x.targets[Ref{Kind: r.GetKind(), NamespacedName: NameOf(r)}] // "" is the whole route
	parents := Objects(r.Object, "spec", "parentRefs")
	byGateway := len(parents) > 0 && !slices.ContainsFunc(parents, func(p map[string]any) bool {
		return !x.targets[Ref{Kind: "Gateway", NamespacedName: RefOf(p, r.GetNamespace())}][""]
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
		asks := x.ExtAuthAsks(p)
		for _, t := range TargetsOf(p) {
			at := Ref{Kind: Text(t, "kind"), NamespacedName: types.NamespacedName{Namespace: p.GetNamespace(), Name: Text(t, "name")}}
			if out[at] == nil {
				out[at] = map[string]bool{}
			}
			section := Text(t, "sectionName")
			before, ok := out[at][section]
			out[at][section] = asks && (before || !ok)
		}
	}
	return out
}

func TargetsOf(p *unstructured.Unstructured) []map[string]any {
	targets := Objects(p.Object, "spec", "targetRefs")
	if t, ok, _ := unstructured.NestedMap(p.Object, "spec", "targetRef"); ok {
		targets = append(targets, t)
	}
	return targets
}

// ExtAuthAsks: one that fails open lets everything pass while we are away.
func (x *Index) ExtAuthAsks(p *unstructured.Unstructured) bool {
	open, _, _ := unstructured.NestedBool(p.Object, "spec", "extAuth", "failOpen")
	if grpc, ok, _ := unstructured.NestedMap(p.Object, "spec", "extAuth", "grpc"); ok && !open {
		return x.asksAt(grpc, p.GetNamespace(), "grpc", "", types.NamespacedName{})
	}
	http, ok, _ := unstructured.NestedMap(p.Object, "spec", "extAuth", "http")
	return ok && !open && x.asksAt(http, p.GetNamespace(), "authz", Text(http, "path"), onlyTarget(p))
}

// Targets reports whether a policy is for a route, by name or by labels. Labels that
// are more than a plain match may be any.
func Targets(policy, route *unstructured.Unstructured) bool {
	for _, t := range TargetsOf(policy) {
		if Text(t, "kind") == route.GetKind() && Text(t, "name") == route.GetName() {
			return true
		}
	}
	for _, t := range Objects(policy.Object, "spec", "targetSelectors") {
		labels, _, _ := unstructured.NestedStringMap(t, "matchLabels")
		if Text(t, "kind") == route.GetKind() && HasLabels(route.GetLabels(), labels) {
			return true
		}
	}
	return false
}

// RouteHosts are the hosts of a route: its own, or those of the listeners that it
// is attached to. A star of the Gateway API is any number of labels.
func (x *Index) RouteHosts(r *unstructured.Unstructured, parents []map[string]any) []string {
	hosts := Texts(r.Object, "spec", "hostnames")
	if len(hosts) == 0 {
		hosts = x.listenerHosts(r.GetNamespace(), parents)
	}
	var out []string
	for _, h := range hosts {
		out = append(out, strings.TrimPrefix(CanonicalHost(h), "*"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (x *Index) listenerHosts(namespace string, parents []map[string]any) []string {
	var hosts []string
	for _, p := range parents {
		i := slices.IndexFunc(x.Gateways, func(g *unstructured.Unstructured) bool { return NameOf(g) == RefOf(p, namespace) })
		if i < 0 {
			return []string{""}
		}
		for _, l := range Objects(x.Gateways[i].Object, "spec", "listeners") {
			if s := Text(p, "sectionName"); s == "" || s == Text(l, "name") {
				hosts = append(hosts, Text(l, "hostname"))
			}
		}
	}
	if len(hosts) == 0 || slices.Contains(hosts, "") {
		return []string{""}
	}
	return hosts
}

// RulePaths are the paths of a rule; a match that has none matches all.
func RulePaths(rule map[string]any) []policy.Path {
	var out []policy.Path
	for _, m := range Objects(rule, "matches") {
		value := cmp.Or(Text(m, "path", "value"), "/")
		if Text(m, "path", "type") == "RegularExpression" {
			value = "/"
		}
		out = append(out, policy.Path{Value: value, Exact: Text(m, "path", "type") == "Exact"})
	}
	if len(out) == 0 {
		out = []policy.Path{{Value: "/"}}
	}
	return out
}

func RuleName(i int, rule map[string]any) string {
	var paths []string
	for _, p := range RulePaths(rule) {
		paths = append(paths, p.Value)
	}
	return fmt.Sprintf("%d (%s)", i+1, strings.Join(slices.Compact(paths), ", "))
}

// InMesh: a route whose parents are Services is for traffic inside a mesh.
func InMesh(parents []map[string]any) bool {
	return len(parents) > 0 && !slices.ContainsFunc(parents, func(p map[string]any) bool { return Text(p, "kind") != "Service" })
}
