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

// inMesh: a route whose parents are Services is for traffic inside a mesh.
func inMesh(parents []map[string]any) bool {
	return len(parents) > 0 && !slices.ContainsFunc(parents, func(p map[string]any) bool { return text(p, "kind") != "Service" })
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

func anyHost(host string) string { return cmp.Or(shown(host), "any host") }

// applications are the backends of a rule that are not our own Services. A rule
// that only redirects has none.
func (c *coverage) applications(r *unstructured.Unstructured, rule map[string]any) []map[string]any {
	return slices.DeleteFunc(objects(rule, "backendRefs"), func(b map[string]any) bool {
		at := refOf(b, r.GetNamespace())
		return c.ownPart(at.Namespace, at.Name) != ""
	})
}

// filtered reports whether a filter of a rule asks us, of the type that its data plane
// has: the Gateway API's own ExternalAuth, or (an ExtensionRef) a Middleware of Traefik.
func (c *coverage) filtered(r *unstructured.Unstructured, rule map[string]any, kind string) bool {
	return slices.ContainsFunc(objects(rule, "filters"), func(f map[string]any) bool {
		switch {
		case text(f, "type") != kind:
			return false
		case kind == "ExternalAuth":
			auth, _, _ := unstructured.NestedMap(f, "externalAuth")
			if text(auth, "protocol") == "GRPC" {
				return c.asksAt(auth, r.GetNamespace(), "grpc", "", nameOf(r))
			}
			return c.asksAt(auth, r.GetNamespace(), "authz", text(auth, "http", "path"), nameOf(r))
		case kind == "ExtensionRef":
			return text(f, "extensionRef", "kind") == "Middleware" && c.asks[types.NamespacedName{Namespace: r.GetNamespace(), Name: text(f, "extensionRef", "name")}]
		default:
			return false
		}
	})
}

// asksAt reports whether what names a backend, or several, names a listener of ours that
// decides, and nothing else: grpc, or authz at its port and at its path for Envoy, not
// pinned, or pinned to the one route that it is for.
func (c *coverage) asksAt(auth map[string]any, namespace, part, path string, route types.NamespacedName) bool {
	refs := objects(auth, "backendRefs")
	if b, ok, _ := unstructured.NestedMap(auth, "backendRef"); ok {
		refs = append(refs, b)
	}
	for _, b := range refs {
		at := refOf(b, namespace)
		port := portOf(b).Number
		if c.ownPart(at.Namespace, at.Name) != part || part == "authz" && (!isAsked(path, route) || port != 0 && port != authzPort(c.settings)) {
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
func (c *coverage) securityPolicyOf(r *unstructured.Unstructured) func(rule string) bool {
	sections := c.targets[Ref{Kind: r.GetKind(), NamespacedName: nameOf(r)}] // "" is the whole route
	parents := objects(r.Object, "spec", "parentRefs")
	byGateway := len(parents) > 0 && !slices.ContainsFunc(parents, func(p map[string]any) bool {
		return !c.targets[Ref{Kind: "Gateway", NamespacedName: refOf(p, r.GetNamespace())}][""]
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
func (c *coverage) targeted() map[Ref]map[string]bool {
	out := map[Ref]map[string]bool{}
	for _, p := range c.SecurityPolicies {
		asks := c.extAuthAsks(p)
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
func (c *coverage) extAuthAsks(p *unstructured.Unstructured) bool {
	open, _, _ := unstructured.NestedBool(p.Object, "spec", "extAuth", "failOpen")
	if grpc, ok, _ := unstructured.NestedMap(p.Object, "spec", "extAuth", "grpc"); ok && !open {
		return c.asksAt(grpc, p.GetNamespace(), "grpc", "", types.NamespacedName{})
	}
	http, ok, _ := unstructured.NestedMap(p.Object, "spec", "extAuth", "http")
	return ok && !open && c.asksAt(http, p.GetNamespace(), "authz", text(http, "path"), onlyTarget(p))
}

// routeHosts are the hosts of a route: its own, or those of the listeners that it
// is attached to. A star of the Gateway API is any number of labels.
func (c *coverage) routeHosts(r *unstructured.Unstructured, parents []map[string]any) []string {
	hosts := texts(r.Object, "spec", "hostnames")
	if len(hosts) == 0 {
		hosts = c.listenerHosts(r.GetNamespace(), parents)
	}
	var out []string
	for _, h := range hosts {
		out = append(out, strings.TrimPrefix(canonical(h), "*"))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (c *coverage) listenerHosts(namespace string, parents []map[string]any) []string {
	var hosts []string
	for _, p := range parents {
		i := slices.IndexFunc(c.Gateways, func(g *unstructured.Unstructured) bool { return nameOf(g) == refOf(p, namespace) })
		if i < 0 {
			return []string{""}
		}
		for _, l := range objects(c.Gateways[i].Object, "spec", "listeners") {
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

// nameOf is the name of an object.
func nameOf(o *unstructured.Unstructured) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// refOf is the name that a reference in an object of a namespace stands for.
func refOf(ref map[string]any, namespace string) types.NamespacedName {
	return types.NamespacedName{Namespace: cmp.Or(text(ref, "namespace"), namespace), Name: text(ref, "name")}
}

func text(o map[string]any, path ...string) string {
	s, _, _ := unstructured.NestedString(o, path...)
	return s
}

func texts(o map[string]any, path ...string) []string {
	s, _, _ := unstructured.NestedStringSlice(o, path...)
	return s
}

// objects reads a list of objects, without what is none.
func objects(o map[string]any, path ...string) []map[string]any {
	list, _, _ := unstructured.NestedSlice(o, path...)
	var out []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
