// SPDX-License-Identifier: Apache-2.0

package family

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
)

// gatewayControllers are the names by which GatewayClasses name implementations of which
// we know how they ask. Of any other nobody can say that an ExternalAuth filter guards.
var gatewayControllers = map[string]routes.Proxy{
	"gateway.envoyproxy.io/gatewayclass-controller": routes.EnvoyGateway,
	"traefik.io/gateway-controller":                 routes.Traefik,
	"io.cilium/gateway-controller":                  routes.GatewayAPI,
	"gateway.nginx.org/nginx-gateway-controller":    routes.NGINXGateway,
	"agentgateway.dev/agentgateway":                 routes.AgentGateway,
	"kgateway.dev/agentgateway":                     routes.AgentGateway,
	"kgateway.dev/kgateway":                         routes.AgentGateway,
}

// A DataPlane is an implementation that serves a route.
type DataPlane struct {
	Proxy             routes.Proxy // "": one that is not known
	class, controller string
}

// Who names it, for people.
func (d DataPlane) Who() string {
	switch {
	case d.Proxy != "" && d.class == "":
		return string(d.Proxy)
	case d.controller == "":
		return fmt.Sprintf("GatewayClass %s, which is not there", routes.ShowClass(d.class))
	default:
		return fmt.Sprintf("GatewayClass %s of controller %s", d.class, d.controller)
	}
}

// DataPlanes returns the implementations that serve a route, and the Gateways of which
// nothing is known.
func DataPlanes(x *routes.Index, r *unstructured.Unstructured) (planes []DataPlane, lost []string) {
	if proxy := r.GetAnnotations()[routes.ProxyAnnotation]; proxy != "" {
		return []DataPlane{{Proxy: routes.Proxy(proxy)}}, nil
	}
	for _, parent := range routes.Objects(r.Object, "spec", "parentRefs") {
		if kind := routes.Text(parent, "kind"); kind != "" && kind != "Gateway" {
			continue
		}
		at := routes.RefOf(parent, r.GetNamespace())
		i := slices.IndexFunc(x.Gateways, func(g *unstructured.Unstructured) bool { return routes.NameOf(g) == at })
		if i < 0 {
			lost = append(lost, at.String())
			continue
		}
		planes = append(planes, dataPlaneOf(x, routes.Text(x.Gateways[i].Object, "spec", "gatewayClassName")))
	}
	slices.SortFunc(planes, func(a, b DataPlane) int {
		return cmp.Or(cmp.Compare(a.Proxy, b.Proxy), cmp.Compare(a.class, b.class))
	})
	return slices.Compact(planes), lost
}

func dataPlaneOf(x *routes.Index, class string) DataPlane {
	i := slices.IndexFunc(x.GatewayClasses, func(o *unstructured.Unstructured) bool { return o.GetName() == class })
	if i < 0 {
		return DataPlane{class: class}
	}
	o := x.GatewayClasses[i]
	controller := routes.Text(o.Object, "spec", "controllerName")
	if proxy := o.GetAnnotations()[routes.ProxyAnnotation]; proxy != "" {
		return DataPlane{routes.Proxy(proxy), class, controller}
	}
	return DataPlane{gatewayControllers[controller], class, controller}
}

// RuleAsks reports whether all that serve a rule ask us. Where its Gateways are not
// known, what only one implementation can have is taken for that one's.
func RuleAsks(x *routes.Index, r *unstructured.Unstructured, rule map[string]any, planes []DataPlane, policy bool) bool {
	if len(planes) == 0 {
		return policy || filtered(x, r, rule, "ExtensionRef")
	}
	return !slices.ContainsFunc(planes, func(p DataPlane) bool { return !gatewayOf(p).Asks(x, r, rule, policy) })
}

// Unfit says why an ExternalAuth filter of a route is no guard on its data planes; "": it
// has none, or it is one.
func Unfit(x *routes.Index, r *unstructured.Unstructured, planes []DataPlane, lost []string) string {
	if !slices.ContainsFunc(routes.Objects(r.Object, "spec", "rules"), func(rule map[string]any) bool {
		return slices.ContainsFunc(routes.Objects(rule, "filters"), func(f map[string]any) bool { return routes.Text(f, "type") == "ExternalAuth" })
	}) {
		return ""
	}
	var out []string
	for _, p := range planes {
		if why := gatewayOf(p).Unfit(r); why != "" {
			out = append(out, why)
		}
	}
	for _, name := range lost {
		out = append(out, "nothing is known of Gateway "+name+", so it is not known what its ExternalAuth filter asks")
	}
	return strings.Join(out, "; ")
}

// filtered reports whether a filter of a rule asks us, of the type that its data plane
// has: the Gateway API's own ExternalAuth, or (an ExtensionRef) a Middleware of Traefik.
func filtered(x *routes.Index, r *unstructured.Unstructured, rule map[string]any, kind string) bool {
	return slices.ContainsFunc(routes.Objects(rule, "filters"), func(f map[string]any) bool {
		switch {
		case routes.Text(f, "type") != kind:
			return false
		case kind == "ExternalAuth":
			auth, _, _ := unstructured.NestedMap(f, "externalAuth")
			if routes.Text(auth, "protocol") == "GRPC" {
				return asksAt(x, auth, r.GetNamespace(), "grpc", "", routes.NameOf(r))
			}
			return asksAt(x, auth, r.GetNamespace(), "authz", routes.Text(auth, "http", "path"), routes.NameOf(r))
		case kind == "ExtensionRef":
			return routes.Text(f, "extensionRef", "kind") == "Middleware" && MiddlewareAsks(x, types.NamespacedName{Namespace: r.GetNamespace(), Name: routes.Text(f, "extensionRef", "name")})
		default:
			return false
		}
	})
}

// A Gateway is one kind of implementation of the Gateway API, on one data plane.
type Gateway interface {
	// Asks reports whether it asks us about a rule; secured: a SecurityPolicy of Envoy
	// Gateway says so. A filter, or a policy, that it does not know guards nothing.
	Asks(x *routes.Index, r *unstructured.Unstructured, rule map[string]any, secured bool) bool
	// Unfit says what an ExternalAuth filter does on it, if it does not have that as the
	// Gateway API says: the path appended, and nothing but 200 lets pass.
	Unfit(r *unstructured.Unstructured) string
	// Plan has it ask about a route, and reports whether it will.
	Plan(w *Wants) bool
}

func gatewayOf(p DataPlane) Gateway {
	switch p.Proxy {
	case routes.EnvoyGateway:
		return envoyGateway{p}
	case routes.Traefik:
		return traefikGateway{p}
	case routes.GatewayAPI:
		return externalAuth{p}
	case routes.AgentGateway:
		return agentGateway{p}
	case routes.NGINXGateway:
		return nginxGateway{unknownGateway{p}}
	default:
		return unknownGateway{p}
	}
}

// guardedBy has one implementation ask, and reports whether it will.
func (w *Wants) guardedBy(p DataPlane) bool {
	if !w.leadsToApplications() {
		return true // there is nothing to guard
	}
	return gatewayOf(p).Plan(w)
}

// externalAuth has the filter as the Gateway API says.
type externalAuth struct{ DataPlane }

func (externalAuth) Asks(x *routes.Index, r *unstructured.Unstructured, rule map[string]any, _ bool) bool {
	return filtered(x, r, rule, "ExternalAuth")
}

func (externalAuth) Unfit(*unstructured.Unstructured) string { return "" }

func (p externalAuth) Plan(w *Wants) bool {
	w.grant("HTTPRoute", "authz")
	return w.filters(func(rule map[string]any) bool { return p.Asks(w.Index, w.Manifest, rule, false) }, w.externalAuth())
}

// agentGateway takes any 2xx for a yes.
type agentGateway struct{ DataPlane }

// Asks: where nothing but what may pass is answered with a 2xx, preflights included.
func (agentGateway) Asks(x *routes.Index, r *unstructured.Unstructured, rule map[string]any, _ bool) bool {
	return filtered(x, r, rule, "ExternalAuth") && slices.ContainsFunc(routes.Objects(rule, "filters"), func(f map[string]any) bool {
		return strings.TrimSuffix(routes.Text(f, "externalAuth", "http", "path"), "/") == contract.ExternalPrefix+routes.NameOf(r).String()
	})
}

func (p agentGateway) Unfit(r *unstructured.Unstructured) string {
	return p.Who() + " lets a request pass on any 2xx, so that a preflight that Ostiary answers would reach the application: its filter has to ask over HTTP at http.path " + contract.ExternalPrefix + routes.NameOf(r).String() + ", where it gets none but for what may pass"
}

func (p agentGateway) Plan(w *Wants) bool {
	w.grant("HTTPRoute", "authz")
	// What it does with answers is not written in any object that we read.
	w.Findings = append(w.Findings, routes.Finding{Object: w.Ref, Policy: w.Policy, Reason: routes.AuthCache, Mild: true,
		Message: fmt.Sprintf("%s is served by %s, which can be told to remember answers of external authorization: while it does, users who signed out or were revoked still have access. Leave that off.", w.Ref, p.Who())})
	return w.filters(func(rule map[string]any) bool { return p.Asks(w.Index, w.Manifest, rule, false) }, w.externalAuth())
}

// nginxGateway has an ExternalAuth of its own, with which nothing is guarded.
type nginxGateway struct{ unknownGateway }

func (p nginxGateway) Unfit(*unstructured.Unstructured) string {
	return p.Who() + " is NGINX Gateway Fabric, whose ExternalAuth asks at the filter's path alone, with the method GET, whatever is requested: Ostiary cannot know what it is asked about, and refuses. Serve the host by another Gateway, or by an Ingress"
}

func (p nginxGateway) Plan(w *Wants) bool {
	w.Found(routes.UnfitProxy, "%s is not protected: %s.", w.Ref, p.Unfit(w.Manifest))
	return false
}

// unknownGateway is one of which nobody can say that it asks.
type unknownGateway struct{ DataPlane }

func (unknownGateway) Asks(*routes.Index, *unstructured.Unstructured, map[string]any, bool) bool {
	return false
}

func (p unknownGateway) Unfit(*unstructured.Unstructured) string {
	return fmt.Sprintf("it is served by %s, of which nothing is known, so it is not known whether its ExternalAuth asks about what is requested. "+
		"If it appends the request's path to http.path, and lets nothing pass but what is answered with 200, write the annotation %s: %s on the GatewayClass", p.Who(), routes.ProxyAnnotation, routes.GatewayAPI)
}

func (p unknownGateway) Plan(w *Wants) bool {
	if p.Proxy != "" {
		w.Found(routes.UnknownProxy, "%s is served by %q, as %s says, which is no proxy that HTTPRoutes are planned for: write one of %v.", w.Ref, p.Proxy, routes.ProxyAnnotation, []routes.Proxy{routes.EnvoyGateway, routes.Traefik, routes.GatewayAPI})
		return false
	}
	w.grant("HTTPRoute", "authz")
	w.Found(routes.UnknownProxy, "%s may be unprotected: %s. Then the filters of each rule have to hold: %s", w.Ref, p.Unfit(w.Manifest), w.externalAuth())
	return false
}

// externalAuth is the filter of the Gateway API (GEP-1494), for people to paste.
func (w *Wants) externalAuth() string {
	at := w.Settings.Service("authz")
	return fmt.Sprintf("{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: %s, namespace: %s, port: %d}, http: {path: "+contract.ExternalPrefix+w.Ref.NamespacedName.String()+", allowedHeaders: [%s], allowedResponseHeaders: [%s]}}}",
		at.Name, at.Namespace, w.Settings.AuthzPort(), strings.Join(contract.EnvoyAsked(), ", "), strings.Join(contract.Lower(w.Settings.IdentityHeaders), ", "))
}
