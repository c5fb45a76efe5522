// SPDX-License-Identifier: Apache-2.0

package ingress

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const (
	gatewayVersion = "gateway.networking.k8s.io/v1"
	grantVersion   = "gateway.networking.k8s.io/v1beta1"
	envoyVersion   = "gateway.envoyproxy.io/v1alpha1"
)

// gatewayControllers are the names by which GatewayClasses name implementations that
// can be told to ask by an object of their own.
var gatewayControllers = map[string]Proxy{
	"gateway.envoyproxy.io/gatewayclass-controller": EnvoyGateway,
	"traefik.io/gateway-controller":                 Traefik,
}

// httpRoutes are people's that name a policy, sorted.
func (p *planner) httpRoutes() (out []*unstructured.Unstructured) {
	for _, r := range p.HTTPRoutes {
		if optedIn(r) && !ours(r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *unstructured.Unstructured) int { return cmp.Compare(nameOf(a).String(), nameOf(b).String()) })
	return out
}

// httpRoute never writes into the route: its rules are one list, which belongs to
// whoever wrote it. What cannot be said beside it, people are told to add.
func (p *planner) httpRoute(r *unstructured.Unstructured) {
	ref := Ref{Kind: "HTTPRoute", NamespacedName: nameOf(r)}
	o := p.opt(ref, r.GetAnnotations()[PolicyAnnotation], hostnames(r), routePaths(r))
	if len(o.hosts) == 0 {
		p.find(o, NoHost, "", "has no hostnames, so there is no host to sign in at. Give it hostnames.")
	}
	proxies := p.proxiesOf(r)
	answers := len(proxies) > 0 // the proxy relays the answer of a preflight by itself
	o.guarded = len(proxies) > 0
	for _, proxy := range proxies {
		answers = answers && proxy == EnvoyGateway
		o.guarded = p.guardRoute(r, o, proxy) && o.guarded
	}
	if len(proxies) == 0 {
		p.find(o, UnknownProxy, "", "has no parent that is a Gateway we can see, so nothing asks about its requests.")
	}
	p.routeEntrance(r, o, answers || o.is != nil && o.is.CORS != nil && o.is.CORS.Bypass)
	p.done(o)
}

func hostnames(r *unstructured.Unstructured) (hosts []string) {
	for _, h := range texts(r.Object, "spec", "hostnames") {
		hosts = append(hosts, canonical(h))
	}
	return hosts
}

func routePaths(r *unstructured.Unstructured) (paths []Path) {
	for _, rule := range objects(r.Object, "spec", "rules") {
		for _, path := range rulePaths(rule) {
			if !slices.Contains(paths, path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// guardRoute has one implementation ask, and reports whether it will.
func (p *planner) guardRoute(r *unstructured.Unstructured, o *optIn, proxy Proxy) bool {
	switch proxy {
	case EnvoyGateway:
		return p.securityPolicy(o)
	case Traefik:
		if !p.Served["Middleware.traefik.io"] {
			p.find(o, MissingKind, "", "is Traefik's, and the CRD middlewares.traefik.io is not installed, so nothing can ask about its requests. Install Traefik's CRDs.")
			return false
		}
		strip, ask := p.middlewares(o)
		return p.hasFilters(r, o, func(rule map[string]any) bool { return extends(rule, strip) && extends(rule, ask) },
			fmt.Sprintf("{type: ExtensionRef, extensionRef: {group: traefik.io, kind: Middleware, name: %s}} and the same for %s", strip, ask))
	default:
		p.grant("HTTPRoute", o.ref.Namespace, "authz")
		return p.hasFilters(r, o, func(rule map[string]any) bool { return p.filtered(r, rule) },
			fmt.Sprintf("{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: %s-authz, namespace: %s, port: %s}, http: {path: /authz/v1/envoy, allowedHeaders: [cookie, origin, accept, ...]}}} (`ostiary render gateway-api` prints all of it), if its Gateway has it",
				p.settings.ServicePrefix, p.settings.Namespace, p.authzPort()))
	}
}

// hasFilters reports the rules that do not ask.
func (p *planner) hasFilters(r *unstructured.Unstructured, o *optIn, has func(rule map[string]any) bool, filter string) bool {
	var open []string
	for i, rule := range objects(r.Object, "spec", "rules") {
		if len(p.applications(r, rule)) > 0 && !has(rule) {
			open = append(open, ruleName(i, rule))
		}
	}
	if len(open) > 0 {
		p.find(o, MissingFilter, "", "lets everybody pass in rule %s: a controller cannot add to the rules of a route that somebody else writes. Add to its filters: %s.", strings.Join(open, ", "), filter)
	}
	return len(open) == 0
}

func extends(rule map[string]any, middleware string) bool {
	return slices.ContainsFunc(objects(rule, "filters"), func(f map[string]any) bool {
		return text(f, "type") == "ExtensionRef" && text(f, "extensionRef", "kind") == "Middleware" && text(f, "extensionRef", "name") == middleware
	})
}

// proxiesOf are the implementations that serve a route, sorted.
func (p *planner) proxiesOf(r *unstructured.Unstructured) (out []Proxy) {
	for _, parent := range objects(r.Object, "spec", "parentRefs") {
		at := refOf(parent, r.GetNamespace())
		i := slices.IndexFunc(p.Gateways, func(g *unstructured.Unstructured) bool { return nameOf(g) == at })
		if kind := cmp.Or(text(parent, "kind"), "Gateway"); kind != "Gateway" || i < 0 {
			continue
		}
		if proxy := p.proxyOf(text(p.Gateways[i].Object, "spec", "gatewayClassName")); !slices.Contains(out, proxy) {
			out = append(out, proxy)
		}
	}
	slices.Sort(out)
	return out
}

func (p *planner) proxyOf(class string) Proxy {
	for _, c := range p.GatewayClasses {
		if c.GetName() == class {
			return Proxy(cmp.Or(c.GetAnnotations()[ProxyAnnotation], string(gatewayControllers[text(c.Object, "spec", "controllerName")]), string(GatewayAPI)))
		}
	}
	return GatewayAPI
}

// securityPolicy has Envoy Gateway ask, and answer preflights with what it is told.
func (p *planner) securityPolicy(o *optIn) bool {
	if !p.Served["SecurityPolicy.gateway.envoyproxy.io"] {
		p.find(o, MissingKind, "", "is Envoy Gateway's, and the CRD securitypolicies.gateway.envoyproxy.io is not installed, so nothing can ask about its requests. Install Envoy Gateway's CRDs.")
		return false
	}
	p.grant("SecurityPolicy", o.ref.Namespace, "authz")
	var request, identity []any
	for _, h := range asked() {
		request = append(request, strings.ToLower(h.(string))) // they are
	}
	for _, h := range p.settings.IdentityHeaders {
		identity = append(identity, strings.ToLower(h))
	}
	p.plan.Objects = append(p.plan.Objects, object(envoyVersion, "SecurityPolicy", o.ref.Namespace, named("auth", o.ref.Name), o.ref.String(),
		"the question about every request of "+o.ref.String(), map[string]any{"spec": map[string]any{
			"targetRefs": []any{map[string]any{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": o.ref.Name}},
			"extAuth": map[string]any{"failOpen": false, "headersToExtAuth": append(request, "x-forwarded-for", "x-forwarded-proto"),
				"http": map[string]any{"path": "/authz/v1/envoy", "headersToBackend": identity,
					"backendRefs": []any{map[string]any{"name": p.settings.ServicePrefix + "-authz", "namespace": p.settings.Namespace, "port": number(p.authzPort())}}}}}}))
	return true
}

// routeEntrance leads our own path on the route's hosts to the public listener, and
// unless the proxy answers them, preflights to the preflight listener. Beside the
// route, under its Gateways: wherever it may be attached, this may be, too.
func (p *planner) routeEntrance(r *unstructured.Unstructured, o *optIn, answers bool) {
	if len(o.hosts) == 0 {
		return
	}
	if !p.Served["ReferenceGrant.gateway.networking.k8s.io"] {
		p.find(o, MissingKind, "", "cannot lead to Ostiary's Services: the CRD referencegrants.gateway.networking.k8s.io is not installed, so nobody can sign in there. Install the Gateway API's CRDs.")
		return
	}
	p.grant("HTTPRoute", o.ref.Namespace, "public")
	rules := []any{map[string]any{
		"matches":     []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": p.settings.PathPrefix}}},
		"backendRefs": []any{p.backend("public", p.settings.PublicPort)},
	}}
	if !answers {
		p.grant("HTTPRoute", o.ref.Namespace, "preflight")
		if matches := preflightMatches(r); len(matches) > 0 {
			rules = append(rules, map[string]any{"matches": matches, "backendRefs": []any{p.backend("preflight", p.settings.PreflightPort)}})
		}
	}
	parents, _, _ := unstructured.NestedSlice(r.Object, "spec", "parentRefs")
	var hosts []any
	for _, h := range o.hosts {
		hosts = append(hosts, h)
	}
	p.plan.Objects = append(p.plan.Objects, object(gatewayVersion, "HTTPRoute", o.ref.Namespace, named("access", o.ref.Name), o.ref.String(),
		"signing in at the hosts of "+o.ref.String()+", and its preflights", map[string]any{"spec": map[string]any{"parentRefs": parents, "hostnames": hosts, "rules": rules}}))
}

func (p *planner) backend(service string, port int32) map[string]any {
	return map[string]any{"group": "", "kind": "Service", "name": p.settings.ServicePrefix + "-" + service, "namespace": p.settings.Namespace, "port": int64(port)}
}

// preflightMatches are the paths of a route, for preflights: a longer path comes
// before a method, so each of them has to be there.
func preflightMatches(r *unstructured.Unstructured) (out []any) {
	var seen []string
	for _, rule := range objects(r.Object, "spec", "rules") {
		matches := objects(rule, "matches")
		if len(matches) == 0 {
			matches = []map[string]any{{}}
		}
		for _, m := range matches {
			kind, value := cmp.Or(text(m, "path", "type"), "PathPrefix"), cmp.Or(text(m, "path", "value"), "/")
			if slices.Contains(seen, kind+" "+value) {
				continue
			}
			seen = append(seen, kind+" "+value)
			present := func(name string) map[string]any {
				return map[string]any{"type": "RegularExpression", "name": name, "value": ".+"}
			}
			out = append(out, map[string]any{"method": "OPTIONS", "path": map[string]any{"type": kind, "value": value},
				"headers": []any{present("Origin"), present("Access-Control-Request-Method")}})
		}
	}
	return out
}

// A grant lets objects of a kind and namespace name one of our Services.
type grant struct{ kind, namespace, service string }

func (p *planner) grant(kind, namespace, service string) {
	p.granted[grant{kind, namespace, service}] = true
}

// grants makes them: one ReferenceGrant for each kind and namespace.
func (p *planner) grants() {
	to := map[grant][]string{}
	for g := range p.granted {
		at := grant{kind: g.kind, namespace: g.namespace}
		to[at] = append(to[at], p.settings.ServicePrefix+"-"+g.service)
	}
	for g, services := range to {
		if g.namespace == p.settings.Namespace || !p.Served["ReferenceGrant.gateway.networking.k8s.io"] {
			continue
		}
		group := "gateway.networking.k8s.io"
		if g.kind == "SecurityPolicy" {
			group = "gateway.envoyproxy.io"
		}
		var names []any
		for _, s := range sorted(services) {
			names = append(names, map[string]any{"group": "", "kind": "Service", "name": s})
		}
		route := "grant " + g.kind + " " + g.namespace
		p.plan.Objects = append(p.plan.Objects, object(grantVersion, "ReferenceGrant", p.settings.Namespace, "ostiary-"+strings.ToLower(g.kind)+"-"+digestOf(g.namespace), route,
			"each "+g.kind+" of namespace "+g.namespace+" that is opted in", map[string]any{"spec": map[string]any{
				"from": []any{map[string]any{"group": group, "kind": g.kind, "namespace": g.namespace}}, "to": names}}))
	}
}

func number(port string) int64 {
	var n int64
	for _, c := range port {
		n = n*10 + int64(c-'0')
	}
	return n
}
