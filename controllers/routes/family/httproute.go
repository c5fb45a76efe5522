// SPDX-License-Identifier: Apache-2.0

package family

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

// HttpRoute plans for an HTTPRoute. Its rules are one list, which belongs to whoever
// wrote it: we never write into it, and say what has to be added instead.
func (w *Wants) HttpRoute() {
	planes, lost := DataPlanes(w.Index, w.Manifest)
	w.Asks = len(planes) > 0 && len(lost) == 0
	for _, name := range lost {
		w.Found(routes.UnknownProxy, "%s is attached to Gateway %s, of which nothing is known, so that nobody may ask about it there. Make the Gateway, or write the annotation %s on the HTTPRoute.", w.Ref, name, routes.ProxyAnnotation)
	}
	answers := len(planes) > 0 && !narrow(w.Manifest) // they answer preflights as they are told
	for _, plane := range planes {
		w.Asks = w.guardRoute(plane) && w.Asks
		answers = answers && plane.Proxy == routes.EnvoyGateway
	}
	w.ownCORS()
	if len(planes)+len(lost) > 0 {
		w.routesBeside(!answers && !w.Rules.Bypasses())
	}
}

// ownCORS: a filter of a route answers preflights before anybody is asked.
func (w *Wants) ownCORS() {
	for i, rule := range routes.Objects(w.Manifest.Object, "spec", "rules") {
		if slices.ContainsFunc(routes.Objects(rule, "filters"), func(f map[string]any) bool { return routes.Text(f, "type") == "CORS" }) {
			w.Found(routes.ForeignCORS, "%s has a filter CORS in rule %s, so its proxy answers preflights before Ostiary is asked, and lets those origins read answers. Write them into the policy's spec.cors, and remove the filter.", w.Ref, routes.RuleName(i, rule))
		}
	}
}

// guardRoute has one implementation ask, and reports whether it will.
func (w *Wants) guardRoute(plane DataPlane) bool {
	if !w.leadsToApplications() {
		return true // there is nothing to guard
	}
	switch plane.Proxy {
	case routes.EnvoyGateway:
		return w.securityPolicy()
	case routes.Traefik:
		return w.traefikRoute()
	case routes.GatewayAPI:
		w.grant("HTTPRoute", "authz")
		return w.filters(func(rule map[string]any) bool { return Filtered(w.Index, w.Manifest, rule, "ExternalAuth") }, w.externalAuth())
	case routes.AgentGateway:
		w.grant("HTTPRoute", "authz")
		w.remembers(plane)
		return w.filters(func(rule map[string]any) bool { return External(w.Index, w.Manifest, rule) }, w.externalAuth())
	case routes.NGINXGateway:
		w.Found(routes.UnfitProxy, "%s is not guarded: %s.", w.Ref, ExternalAuthOn(plane, w.Manifest))
		return false
	case "":
		w.grant("HTTPRoute", "authz")
		w.Found(routes.UnknownProxy, "%s is not known to be guarded: %s. Then the filters of each rule have to hold: %s", w.Ref, ExternalAuthOn(plane, w.Manifest), w.externalAuth())
		return false
	default:
		w.Found(routes.UnknownProxy, "%s is served by %q, as %s says, which is no proxy that HTTPRoutes are planned for: write one of %v.", w.Ref, plane.Proxy, routes.ProxyAnnotation, []routes.Proxy{routes.EnvoyGateway, routes.Traefik, routes.GatewayAPI})
		return false
	}
}

// remembers: what a data plane does with answers is not written in any object that we read.
func (w *Wants) remembers(plane DataPlane) {
	w.Findings = append(w.Findings, routes.Finding{Object: w.Ref, Policy: w.Policy, Reason: routes.AuthCache, Mild: true,
		Message: fmt.Sprintf("%s is served by %s, which can be told to remember answers of external authorization: while it does, who signed out or was revoked still gets in. Leave that off.", w.Ref, plane.Who())})
}

func (w *Wants) leadsToApplications() bool {
	return slices.ContainsFunc(routes.Objects(w.Manifest.Object, "spec", "rules"), func(rule map[string]any) bool {
		return len(w.Applications(w.Manifest, rule)) > 0
	})
}

// traefikRoute: Traefik as a Gateway asks where a rule names our Middlewares.
func (w *Wants) traefikRoute() bool {
	if !w.Served[MiddlewareKind] {
		w.Found(routes.MissingKind, "%s cannot ask about requests, as the CRD middlewares.traefik.io is not installed. Install Traefik's CRDs, and enable its provider kubernetesCRD.", w.Ref)
		return false
	}
	w.upgradeRoutes()
	names := w.middlewares()
	var filters []string
	for _, name := range names {
		filters = append(filters, fmt.Sprintf("{type: ExtensionRef, extensionRef: {group: %s, kind: Middleware, name: %s}}", traefikGroup, name))
	}
	return w.filters(func(rule map[string]any) bool {
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
func (w *Wants) externalAuth() string {
	at := w.Settings.Service("authz")
	return fmt.Sprintf("{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: %s, namespace: %s, port: %d}, http: {path: "+contract.ExternalPrefix+w.Ref.NamespacedName.String()+", allowedHeaders: [%s], allowedResponseHeaders: [%s]}}}",
		at.Name, at.Namespace, w.Settings.AuthzPort(), strings.Join(contract.EnvoyAsked(), ", "), strings.Join(contract.Lower(w.Settings.IdentityHeaders), ", "))
}

// filters reports the rules that lead to an application without asking.
func (w *Wants) filters(asks func(map[string]any) bool, paste string) bool {
	var open []string
	for i, rule := range routes.Objects(w.Manifest.Object, "spec", "rules") {
		if len(w.Applications(w.Manifest, rule)) > 0 && !asks(rule) {
			open = append(open, routes.RuleName(i, rule))
		}
	}
	if len(open) > 0 {
		w.Found(routes.MissingFilter, "%s asks nobody in rule %s: its rules belong to whoever wrote them. Add to the filters of each: %s", w.Ref, strings.Join(open, ", "), paste)
	}
	return len(open) == 0
}

// securityPolicy has Envoy Gateway ask, and answer preflights with what it is told.
func (w *Wants) securityPolicy() bool {
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

// MatchesMax is how many matches a rule of an HTTPRoute may have.
const MatchesMax = 64

// routesBeside leads our own path, and preflights, to our Services: by HTTPRoutes of
// the route's namespace, as its Gateways admit those.
func (w *Wants) routesBeside(preflights bool) {
	if !w.Served[ReferenceGrantKind] && w.Ref.Namespace != w.Settings.Namespace {
		w.Found(routes.MissingKind, "nobody can sign in at the hosts of %s, and no preflight is answered, as the CRD referencegrants.gateway.networking.k8s.io is not installed. Install all of the Gateway API.", w.Ref)
		return
	}
	w.grant("HTTPRoute", "public")
	w.routeBeside("access", map[string]any{
		"matches":     []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": w.Settings.PathPrefix}}},
		"backendRefs": []any{w.backendRef("public", w.Settings.PublicPort)},
	})
	if !preflights {
		return
	}
	w.grant("HTTPRoute", "preflight")
	for n, matches := range slices.Collect(slices.Chunk(preflightMatches(w.Manifest), MatchesMax)) {
		kind := "preflight"
		if n > 0 {
			kind += strconv.Itoa(n + 1)
		}
		w.routeBeside(kind, map[string]any{"matches": matches, "backendRefs": []any{w.backendRef("preflight", w.Settings.PreflightPort)}})
	}
}

func (w *Wants) routeBeside(kind string, rule map[string]any) {
	parents, _, _ := unstructured.NestedSlice(w.Manifest.Object, "spec", "parentRefs")
	fields := map[string]any{"parentRefs": parents, "rules": []any{rule}}
	if hosts := routes.Texts(w.Manifest.Object, "spec", "hostnames"); len(hosts) > 0 {
		fields["hostnames"] = anyList(hosts)
	}
	w.put(Object(GatewayVersion, "HTTPRoute", types.NamespacedName{Namespace: w.Ref.Namespace, Name: besideName(kind, w.Ref.Name)}, ForRoute(w.Ref), nil, Spec(fields)))
}

func (w *Wants) backendRef(part string, port int32) map[string]any {
	at := w.Settings.Service(part)
	return map[string]any{"group": "", "kind": "Service", "name": at.Name, "namespace": at.Namespace, "port": int64(port)}
}

// preflightMatches are the paths of a route, for preflights. A longer path comes before
// a method, so that each of them has to be there.
func preflightMatches(route *unstructured.Unstructured) []any {
	var out []any
	seen := map[string]bool{}
	for _, rule := range routes.Objects(route.Object, "spec", "rules") {
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
