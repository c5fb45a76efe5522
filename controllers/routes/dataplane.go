// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/authserver/contract"
)

// gatewayControllers are the names by which GatewayClasses name implementations of which
// we know how they ask. Of any other nobody can say that an ExternalAuth filter guards.
var gatewayControllers = map[string]Proxy{
	"gateway.envoyproxy.io/gatewayclass-controller": EnvoyGateway,
	"traefik.io/gateway-controller":                 Traefik,
	"io.cilium/gateway-controller":                  GatewayAPI,
	"gateway.nginx.org/nginx-gateway-controller":    NGINXGateway,
	"agentgateway.dev/agentgateway":                 AgentGateway,
	"kgateway.dev/agentgateway":                     AgentGateway,
	"kgateway.dev/kgateway":                         AgentGateway,
}

// A dataPlane is an implementation that serves a route.
type dataPlane struct {
	proxy             Proxy // "": one that is not known
	class, controller string
}

// who names it, for people.
func (d dataPlane) who() string {
	switch {
	case d.proxy != "" && d.class == "":
		return string(d.proxy)
	case d.controller == "":
		return fmt.Sprintf("GatewayClass %s, which is not there", quoted(d.class))
	default:
		return fmt.Sprintf("GatewayClass %s of controller %s", d.class, d.controller)
	}
}

// dataPlanes returns the implementations that serve a route, and the Gateways of which
// nothing is known.
func (x *Index) dataPlanes(r *unstructured.Unstructured) (planes []dataPlane, lost []string) {
	if proxy := r.GetAnnotations()[ProxyAnnotation]; proxy != "" {
		return []dataPlane{{proxy: Proxy(proxy)}}, nil
	}
	for _, parent := range objects(r.Object, "spec", "parentRefs") {
		if kind := text(parent, "kind"); kind != "" && kind != "Gateway" {
			continue
		}
		at := refOf(parent, r.GetNamespace())
		i := slices.IndexFunc(x.Gateways, func(g *unstructured.Unstructured) bool { return nameOf(g) == at })
		if i < 0 {
			lost = append(lost, at.String())
			continue
		}
		planes = append(planes, x.dataPlane(text(x.Gateways[i].Object, "spec", "gatewayClassName")))
	}
	slices.SortFunc(planes, func(a, b dataPlane) int {
		return cmp.Or(cmp.Compare(a.proxy, b.proxy), cmp.Compare(a.class, b.class))
	})
	return slices.Compact(planes), lost
}

func (x *Index) dataPlane(class string) dataPlane {
	i := slices.IndexFunc(x.GatewayClasses, func(o *unstructured.Unstructured) bool { return o.GetName() == class })
	if i < 0 {
		return dataPlane{class: class}
	}
	o := x.GatewayClasses[i]
	controller := text(o.Object, "spec", "controllerName")
	if proxy := o.GetAnnotations()[ProxyAnnotation]; proxy != "" {
		return dataPlane{Proxy(proxy), class, controller}
	}
	return dataPlane{gatewayControllers[controller], class, controller}
}

// asksBy reports whether a data plane asks us about a rule. A filter, or a policy, that
// it does not know guards nothing.
func (x *Index) asksBy(plane dataPlane, r *unstructured.Unstructured, rule map[string]any, policy bool) bool {
	switch plane.proxy {
	case EnvoyGateway:
		return policy
	case Traefik:
		return x.filtered(r, rule, "ExtensionRef")
	case GatewayAPI:
		return x.filtered(r, rule, "ExternalAuth")
	case AgentGateway:
		return x.external(r, rule)
	default:
		return false
	}
}

// external reports whether a filter of a rule asks us where nothing but what may pass is
// answered with a 2xx, preflights included.
func (x *Index) external(r *unstructured.Unstructured, rule map[string]any) bool {
	return x.filtered(r, rule, "ExternalAuth") && slices.ContainsFunc(objects(rule, "filters"), func(f map[string]any) bool {
		return strings.TrimSuffix(text(f, "externalAuth", "http", "path"), "/") == contract.ExternalPrefix+nameOf(r).String()
	})
}

// ruleAsks reports whether all that serve a rule ask us. Where its Gateways are not
// known, what only one implementation can have is taken for that one's.
func (x *Index) ruleAsks(r *unstructured.Unstructured, rule map[string]any, planes []dataPlane, policy bool) bool {
	if len(planes) == 0 {
		return policy || x.filtered(r, rule, "ExtensionRef")
	}
	return !slices.ContainsFunc(planes, func(p dataPlane) bool { return !x.asksBy(p, r, rule, policy) })
}

// unfit says why an ExternalAuth filter of a route is no guard on its data planes; "": it
// has none, or it is one.
func (x *Index) unfit(r *unstructured.Unstructured, planes []dataPlane, lost []string) string {
	if !slices.ContainsFunc(objects(r.Object, "spec", "rules"), func(rule map[string]any) bool {
		return slices.ContainsFunc(objects(rule, "filters"), func(f map[string]any) bool { return text(f, "type") == "ExternalAuth" })
	}) {
		return ""
	}
	var out []string
	for _, p := range planes {
		if p.proxy != GatewayAPI {
			out = append(out, externalAuthOn(p, r))
		}
	}
	for _, name := range lost {
		out = append(out, "nothing is known of Gateway "+name+", so nobody can say what its ExternalAuth filter asks")
	}
	return strings.Join(out, "; ")
}

// externalAuthOn says what an ExternalAuth filter does on a data plane that does not
// have it as the Gateway API says: the path appended, and nothing but 200 lets pass.
func externalAuthOn(p dataPlane, r *unstructured.Unstructured) string {
	switch p.proxy {
	case NGINXGateway:
		return p.who() + " is NGINX Gateway Fabric, whose ExternalAuth asks at the filter's path alone, with the method GET, whatever is requested: Ostiary cannot know what it is asked about, and refuses. Serve the host by another Gateway, or by an Ingress"
	case AgentGateway:
		return p.who() + " lets a request pass on any 2xx, so that a preflight that Ostiary answers would reach the application: its filter has to ask over HTTP at http.path " + contract.ExternalPrefix + nameOf(r).String() + ", where it gets none but for what may pass"
	case EnvoyGateway:
		return p.who() + " is Envoy Gateway, which does not know the filter ExternalAuth: take it out, and opt the route in, so that Ostiary writes a SecurityPolicy"
	case Traefik:
		return p.who() + " is Traefik, which does not know the filter ExternalAuth: name the Middlewares of Ostiary instead"
	default:
		return fmt.Sprintf("it is served by %s, of which nothing is known, so nobody can say whether its ExternalAuth asks about what is requested. "+
			"If it appends the request's path to http.path, and lets nothing pass but what is answered with 200, write the annotation %s: %s on the GatewayClass", p.who(), ProxyAnnotation, GatewayAPI)
	}
}
