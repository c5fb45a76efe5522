// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
)

// A gatewayRoute is an HTTPRoute that opted in.
type gatewayRoute struct {
	*unstructured.Unstructured
	ref    routes.Ref
	policy types.NamespacedName
	rules  *routes.Policy
}

// httpRoute plans for an HTTPRoute. Its rules are one list, which belongs to whoever
// wrote it: we never write into it, and say what has to be added instead.
func (p *planner) httpRoute(o *unstructured.Unstructured) {
	r := &gatewayRoute{Unstructured: o, ref: routes.Ref{Kind: "HTTPRoute", NamespacedName: routes.NameOf(o)}}
	r.policy = types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetAnnotations()[routes.PolicyAnnotation]}
	r.rules = p.policies[r.policy]
	b := routes.Binding{Route: r.ref, Policy: r.policy, Hosts: routes.Texts(o.Object, "spec", "hostnames"), Guarded: true}
	for _, rule := range routes.Objects(o.Object, "spec", "rules") {
		b.Paths = append(b.Paths, routes.RulePaths(rule)...)
	}
	p.routeClaims(r, b.Hosts)
	planes, lost := p.DataPlanes(o)
	for _, name := range lost {
		b.Guarded = false
		p.wrong(r, routes.UnknownProxy, "%s is attached to Gateway %s, of which nothing is known, so that nobody may ask about it there. Make the Gateway, or write the annotation %s on the HTTPRoute.", r.ref, name, routes.ProxyAnnotation)
	}
	answers := len(planes) > 0 && !narrow(o) // they answer preflights as they are told
	for _, plane := range planes {
		b.Guarded = p.guardRoute(r, plane) && b.Guarded
		answers = answers && plane.Proxy == routes.EnvoyGateway
	}
	b.Guarded = b.Guarded && len(planes) > 0
	p.ownCORS(r)
	if len(planes)+len(lost) > 0 {
		p.routesBeside(r, !answers && !bypasses(r.rules))
	}
	p.plan.Bindings = append(p.plan.Bindings, b)
}

// ownCORS: a filter of a route answers preflights before anybody is asked.
func (p *planner) ownCORS(r *gatewayRoute) {
	for i, rule := range routes.Objects(r.Object, "spec", "rules") {
		if slices.ContainsFunc(routes.Objects(rule, "filters"), func(f map[string]any) bool { return routes.Text(f, "type") == "CORS" }) {
			p.wrong(r, routes.ForeignCORS, "%s has a filter CORS in rule %s, so its proxy answers preflights before Ostiary is asked, and lets those origins read answers. Write them into the policy's spec.cors, and remove the filter.", r.ref, routes.RuleName(i, rule))
		}
	}
}

func (p *planner) wrong(r *gatewayRoute, reason, format string, args ...any) {
	p.plan.Findings = append(p.plan.Findings, routes.Finding{Object: r.ref, Policy: r.policy, Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// routeClaims reports what of a route its policy does not claim.
func (p *planner) routeClaims(r *gatewayRoute, hosts []string) {
	switch {
	case r.rules == nil:
		p.wrong(r, routes.PolicyNotFound, "%s names the AccessPolicy %s, which does not exist, so everybody is refused. Make it, in the same namespace, or correct the annotation %s.", r.ref, r.policy, routes.PolicyAnnotation)
	case len(r.rules.Hosts) == 0:
		p.wrong(r, routes.HostNotInPolicy, "%s names the AccessPolicy %s, which has no spec.hosts. Only Ingresses give a policy their hosts, so everybody is refused. Write them into the policy.", r.ref, r.policy)
	case len(hosts) == 0:
		p.wrong(r, routes.NoHost, "%s has no hostnames, and serves those of its Gateways. Only hosts that %s lists are let through. Write them into spec.hostnames.", r.ref, r.policy.Name)
	default:
		for _, host := range hosts {
			p.claimed(r.ref, r.policy, r.rules, host)
			p.width(r, host)
		}
	}
}

// width reports a star that is any number of labels to a Gateway, and one to a policy.
func (p *planner) width(r *gatewayRoute, host string) {
	parent, wild := strings.CutPrefix(routes.CanonicalHost(host), "*.")
	if wild && slices.Contains(r.rules.Hosts, "*."+parent) && !slices.Contains(r.rules.Hosts, "**."+parent) {
		p.plan.Findings = append(p.plan.Findings, routes.Finding{Object: r.ref, Policy: r.policy, Reason: routes.WildcardWidth, Host: host, Mild: true,
			Message: fmt.Sprintf("%s serves %s, which to a Gateway is any number of labels, and to the AccessPolicy %s exactly one: a.b.%s arrives, and everybody is refused there. Serve the names that are meant, or take the application under one label.", r.ref, host, r.policy, parent)})
	}
}

// guardRoute has one implementation ask, and reports whether it will.
func (p *planner) guardRoute(r *gatewayRoute, plane routes.DataPlane) bool {
	if !p.leadsToApplications(r) {
		return true // there is nothing to guard
	}
	switch plane.Proxy {
	case routes.EnvoyGateway:
		return p.securityPolicy(r)
	case routes.Traefik:
		return p.traefikRoute(r)
	case routes.GatewayAPI:
		p.granted(r, "HTTPRoute", "authz")
		return p.filters(r, func(rule map[string]any) bool { return p.Filtered(r.Unstructured, rule, "ExternalAuth") }, p.externalAuth(r))
	case routes.AgentGateway:
		p.granted(r, "HTTPRoute", "authz")
		p.remembers(r, plane)
		return p.filters(r, func(rule map[string]any) bool { return p.External(r.Unstructured, rule) }, p.externalAuth(r))
	case routes.NGINXGateway:
		p.wrong(r, routes.UnfitProxy, "%s is not guarded: %s.", r.ref, routes.ExternalAuthOn(plane, r.Unstructured))
		return false
	case "":
		p.granted(r, "HTTPRoute", "authz")
		p.wrong(r, routes.UnknownProxy, "%s is not known to be guarded: %s. Then the filters of each rule have to hold: %s", r.ref, routes.ExternalAuthOn(plane, r.Unstructured), p.externalAuth(r))
		return false
	default:
		p.wrong(r, routes.UnknownProxy, "%s is served by %q, as %s says, which is no proxy that HTTPRoutes are planned for: write one of %v.", r.ref, plane.Proxy, routes.ProxyAnnotation, []routes.Proxy{routes.EnvoyGateway, routes.Traefik, routes.GatewayAPI})
		return false
	}
}

// remembers: what a data plane does with answers is not written in any object that we read.
func (p *planner) remembers(r *gatewayRoute, plane routes.DataPlane) {
	p.plan.Findings = append(p.plan.Findings, routes.Finding{Object: r.ref, Policy: r.policy, Reason: routes.AuthCache, Mild: true,
		Message: fmt.Sprintf("%s is served by %s, which can be told to remember answers of external authorization: while it does, who signed out or was revoked still gets in. Leave that off.", r.ref, plane.Who())})
}

func (p *planner) leadsToApplications(r *gatewayRoute) bool {
	return slices.ContainsFunc(routes.Objects(r.Object, "spec", "rules"), func(rule map[string]any) bool {
		return len(p.Applications(r.Unstructured, rule)) > 0
	})
}

// traefikRoute: Traefik as a Gateway asks where a rule names our Middlewares.
func (p *planner) traefikRoute(r *gatewayRoute) bool {
	if !p.Served[middlewareKind] {
		p.wrong(r, routes.MissingKind, "%s cannot ask about requests, as the CRD middlewares.traefik.io is not installed. Install Traefik's CRDs, and enable its provider kubernetesCRD.", r.ref)
		return false
	}
	p.upgradeRoutes(r)
	names := p.middlewares(r.ref)
	var filters []string
	for _, name := range names {
		filters = append(filters, fmt.Sprintf("{type: ExtensionRef, extensionRef: {group: %s, kind: Middleware, name: %s}}", traefikGroup, name))
	}
	return p.filters(r, func(rule map[string]any) bool {
		ours := 0
		for _, f := range routes.Objects(rule, "filters") {
			if routes.Text(f, "type") == "ExtensionRef" && routes.Text(f, "extensionRef", "kind") == "Middleware" && slices.Contains(names, routes.Text(f, "extensionRef", "name")) {
				ours++
			}
		}
		return ours == len(names)
	}, strings.Join(filters, ", "))
}

// externalAuth is the filter of the Gateway API (GEP-1494), for people to paste.
func (p *planner) externalAuth(r *gatewayRoute) string {
	at := p.Settings.Service("authz")
	return fmt.Sprintf("{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: %s, namespace: %s, port: %d}, http: {path: "+contract.ExternalPrefix+r.ref.NamespacedName.String()+", allowedHeaders: [%s], allowedResponseHeaders: [%s]}}}",
		at.Name, at.Namespace, p.Settings.AuthzPort(), strings.Join(contract.EnvoyAsked(), ", "), strings.Join(contract.Lower(p.Settings.IdentityHeaders), ", "))
}

// filters reports the rules that lead to an application without asking.
func (p *planner) filters(r *gatewayRoute, asks func(map[string]any) bool, paste string) bool {
	var open []string
	for i, rule := range routes.Objects(r.Object, "spec", "rules") {
		if len(p.Applications(r.Unstructured, rule)) > 0 && !asks(rule) {
			open = append(open, routes.RuleName(i, rule))
		}
	}
	if len(open) > 0 {
		p.wrong(r, routes.MissingFilter, "%s asks nobody in rule %s: its rules belong to whoever wrote them. Add to the filters of each: %s", r.ref, strings.Join(open, ", "), paste)
	}
	return len(open) == 0
}

// securityPolicy has Envoy Gateway ask, and answer preflights with what it is told.
func (p *planner) securityPolicy(r *gatewayRoute) bool {
	if !p.Served["SecurityPolicy."+envoyGroup] {
		p.wrong(r, routes.MissingKind, "%s cannot ask about requests, as the CRD securitypolicies.gateway.envoyproxy.io is not installed. Install Envoy Gateway's CRDs.", r.ref)
		return false
	}
	p.granted(r, "SecurityPolicy", "authz")
	at := p.Settings.Service("authz")
	p.put(object(envoyVersion, "SecurityPolicy", types.NamespacedName{Namespace: r.ref.Namespace, Name: besideName("auth", r.ref.Name)}, forRoute(r.ref), nil, spec(map[string]any{
		"targetRefs": []any{map[string]any{"group": gatewayGroup, "kind": "HTTPRoute", "name": r.ref.Name}},
		"extAuth": map[string]any{
			"failOpen":         false,                          // nobody to ask is a no
			"headersToExtAuth": anyList(contract.EnvoyAsked()), // unless it is named, not even Cookie is sent
			"http": map[string]any{
				"path":             contract.EnvoyRoutePrefix + r.ref.NamespacedName.String(), // Envoy adds the request's own
				"backendRefs":      []any{map[string]any{"name": at.Name, "namespace": at.Namespace, "port": int64(p.Settings.AuthzPort())}},
				"headersToBackend": anyList(contract.Lower(p.Settings.IdentityHeaders)),
			},
		},
	})))
	return !p.replaced(r)
}

// replaced reports SecurityPolicies of people's for the same route, or for a rule of
// it. The older, or the narrower, counts, and none of the other.
func (p *planner) replaced(r *gatewayRoute) bool {
	some := false
	for _, o := range p.SecurityPolicies {
		if routes.IsOurs(o) || o.GetNamespace() != r.ref.Namespace || !routes.Targets(o, r.Unstructured) || p.ExtAuthAsks(o) {
			continue
		}
		some = true
		p.wrong(r, routes.ForeignPolicy, "%s is the target of SecurityPolicy %s, too, which counts in place of Ostiary's, or of a part of it, and does not ask. Move what it says to a policy for the Gateway, or remove it.", r.ref, routes.NameOf(o))
	}
	return some
}

// narrow reports whether some rule of a route matches by more than the path, so that no
// rule of it may match the preflights of its requests: those have another method, and
// none of their headers. Nobody would be asked about them.
func narrow(route *unstructured.Unstructured) bool {
	for _, rule := range routes.Objects(route.Object, "spec", "rules") {
		for _, m := range routes.Objects(rule, "matches") {
			if routes.Text(m, "method") != "" || len(routes.Objects(m, "headers")) > 0 || len(routes.Objects(m, "queryParams")) > 0 {
				return true
			}
		}
	}
	return false
}

// matchesMax is how many matches a rule of an HTTPRoute may have.
const matchesMax = 64

// routesBeside leads our own path, and preflights, to our Services: by HTTPRoutes of
// the route's namespace, as its Gateways admit those.
func (p *planner) routesBeside(r *gatewayRoute, preflights bool) {
	if !p.Served[referenceGrantKind] && r.ref.Namespace != p.Settings.Namespace {
		p.wrong(r, routes.MissingKind, "nobody can sign in at the hosts of %s, and no preflight is answered, as the CRD referencegrants.gateway.networking.k8s.io is not installed. Install all of the Gateway API.", r.ref)
		return
	}
	p.granted(r, "HTTPRoute", "public")
	p.routeBeside(r, "access", map[string]any{
		"matches":     []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": p.Settings.PathPrefix}}},
		"backendRefs": []any{p.backendRef("public", p.Settings.PublicPort)},
	})
	if !preflights {
		return
	}
	p.granted(r, "HTTPRoute", "preflight")
	for n, matches := range slices.Collect(slices.Chunk(preflightMatches(r), matchesMax)) {
		kind := "preflight"
		if n > 0 {
			kind += strconv.Itoa(n + 1)
		}
		p.routeBeside(r, kind, map[string]any{"matches": matches, "backendRefs": []any{p.backendRef("preflight", p.Settings.PreflightPort)}})
	}
}

func (p *planner) routeBeside(r *gatewayRoute, kind string, rule map[string]any) {
	parents, _, _ := unstructured.NestedSlice(r.Object, "spec", "parentRefs")
	fields := map[string]any{"parentRefs": parents, "rules": []any{rule}}
	if hosts := routes.Texts(r.Object, "spec", "hostnames"); len(hosts) > 0 {
		fields["hostnames"] = anyList(hosts)
	}
	p.put(object(gatewayVersion, "HTTPRoute", types.NamespacedName{Namespace: r.ref.Namespace, Name: besideName(kind, r.ref.Name)}, forRoute(r.ref), nil, spec(fields)))
}

func (p *planner) backendRef(part string, port int32) map[string]any {
	at := p.Settings.Service(part)
	return map[string]any{"group": "", "kind": "Service", "name": at.Name, "namespace": at.Namespace, "port": int64(port)}
}

// preflightMatches are the paths of a route, for preflights. A longer path comes before
// a method, so that each of them has to be there.
func preflightMatches(r *gatewayRoute) []any {
	var out []any
	seen := map[string]bool{}
	for _, rule := range routes.Objects(r.Object, "spec", "rules") {
		matches := routes.Objects(rule, "matches")
		if len(matches) == 0 {
			matches = []map[string]any{{}}
		}
		for _, m := range matches {
			kind, value := cmp.Or(routes.Text(m, "path", "type"), "PathPrefix"), cmp.Or(routes.Text(m, "path", "value"), "/")
			if seen[kind+" "+value] {
				continue
			}
			seen[kind+" "+value] = true
			out = append(out, map[string]any{
				"path": map[string]any{"type": kind, "value": value}, "method": "OPTIONS",
				"headers": []any{
					map[string]any{"type": "RegularExpression", "name": "Origin", "value": ".+"},
					map[string]any{"type": "RegularExpression", "name": "Access-Control-Request-Method", "value": ".+"},
				},
			})
		}
	}
	return out
}

// A grant lets objects of one kind and namespace name Services of ours. There is one
// for each, so that none gets more than its routes need: who may lead to the authz
// listener can show the world what policies decide.
type grant struct{ kind, namespace string }

func (p *planner) granted(r *gatewayRoute, kind, part string) {
	if !p.Served[referenceGrantKind] || r.ref.Namespace == p.Settings.Namespace {
		return
	}
	at := grant{kind, r.ref.Namespace}
	if service := p.Settings.Service(part).Name; !slices.Contains(p.grants[at], service) {
		p.grants[at] = append(p.grants[at], service)
		slices.Sort(p.grants[at])
	}
}

// referenceGrants makes those that were asked for.
func (p *planner) referenceGrants() {
	version := gatewayGroup + "/v1beta1" // what has v1 serves it, too
	if p.Served[referenceGrantV1Kind] {
		version = gatewayVersion
	}
	for at, services := range p.grants {
		group := gatewayGroup
		if at.kind == "SecurityPolicy" {
			group = envoyGroup
		}
		var to []any
		for _, name := range services {
			to = append(to, map[string]any{"group": "", "kind": "Service", "name": name})
		}
		name := types.NamespacedName{Namespace: p.Settings.Namespace, Name: centralName("grant", at.namespace, strings.ToLower(at.kind))}
		why := purpose{digest("grant", at.kind, at.namespace), "each " + at.kind + " of namespace " + at.namespace + " that is opted in"}
		p.put(object(version, "ReferenceGrant", name, why, nil, spec(map[string]any{
			"from": []any{map[string]any{"group": group, "kind": at.kind, "namespace": at.namespace}}, "to": to,
		})))
	}
}
