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

// asksBy reports whether a data plane asks us about a rule. A filter, or a policy, that
// it does not know guards nothing.
func asksBy(x *routes.Index, plane DataPlane, r *unstructured.Unstructured, rule map[string]any, policy bool) bool {
	switch plane.Proxy {
	case routes.EnvoyGateway:
		return policy
	case routes.Traefik:
		return Filtered(x, r, rule, "ExtensionRef")
	case routes.GatewayAPI:
		return Filtered(x, r, rule, "ExternalAuth")
	case routes.AgentGateway:
		return External(x, r, rule)
	default:
		return false
	}
}

// External reports whether a filter of a rule asks us where nothing but what may pass is
// answered with a 2xx, preflights included.
func External(x *routes.Index, r *unstructured.Unstructured, rule map[string]any) bool {
	return Filtered(x, r, rule, "ExternalAuth") && slices.ContainsFunc(routes.Objects(rule, "filters"), func(f map[string]any) bool {
		return strings.TrimSuffix(routes.Text(f, "externalAuth", "http", "path"), "/") == contract.ExternalPrefix+routes.NameOf(r).String()
	})
}

// RuleAsks reports whether all that serve a rule ask us. Where its Gateways are not
// known, what only one implementation can have is taken for that one's.
func RuleAsks(x *routes.Index, r *unstructured.Unstructured, rule map[string]any, planes []DataPlane, policy bool) bool {
	if len(planes) == 0 {
		return policy || Filtered(x, r, rule, "ExtensionRef")
	}
	return !slices.ContainsFunc(planes, func(p DataPlane) bool { return !asksBy(x, p, r, rule, policy) })
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
		if p.Proxy != routes.GatewayAPI {
			out = append(out, ExternalAuthOn(p, r))
		}
	}
	for _, name := range lost {
		out = append(out, "nothing is known of Gateway "+name+", so nobody can say what its ExternalAuth filter asks")
	}
	return strings.Join(out, "; ")
}

// ExternalAuthOn says what an ExternalAuth filter does on a data plane that does not
// have it as the Gateway API says: the path appended, and nothing but 200 lets pass.
func ExternalAuthOn(p DataPlane, r *unstructured.Unstructured) string {
	switch p.Proxy {
	case routes.NGINXGateway:
		return p.Who() + " is NGINX Gateway Fabric, whose ExternalAuth asks at the filter's path alone, with the method GET, whatever is requested: Ostiary cannot know what it is asked about, and refuses. Serve the host by another Gateway, or by an Ingress"
	case routes.AgentGateway:
		return p.Who() + " lets a request pass on any 2xx, so that a preflight that Ostiary answers would reach the application: its filter has to ask over HTTP at http.path " + contract.ExternalPrefix + routes.NameOf(r).String() + ", where it gets none but for what may pass"
	case routes.EnvoyGateway:
		return p.Who() + " is Envoy Gateway, which does not know the filter ExternalAuth: take it out, and opt the route in, so that Ostiary writes a SecurityPolicy"
	case routes.Traefik:
		return p.Who() + " is Traefik, which does not know the filter ExternalAuth: name the Middlewares of Ostiary instead"
	default:
		return fmt.Sprintf("it is served by %s, of which nothing is known, so nobody can say whether its ExternalAuth asks about what is requested. "+
			"If it appends the request's path to http.path, and lets nothing pass but what is answered with 200, write the annotation %s: %s on the GatewayClass", p.Who(), routes.ProxyAnnotation, routes.GatewayAPI)
	}
}

// Filtered reports whether a filter of a rule asks us, of the type that its data plane
// has: the Gateway API's own ExternalAuth, or (an ExtensionRef) a Middleware of Traefik.
func Filtered(x *routes.Index, r *unstructured.Unstructured, rule map[string]any, kind string) bool {
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
