// SPDX-License-Identifier: Apache-2.0

package ingress

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

// target is what ends an auth-url: variables that the proxy fills in from its own
// routing, and no client can.
const target = "/$request_method/$host$request_uri"

// authURL pins the question to the Ingress by literals: Traefik fills in no
// $namespace, and whoever routes a request must not be judged by another's policy.
func (p *planner) authURLOf(endpoint string, o *optIn) string {
	return p.settings.AuthzURL + "/authz/v1/" + endpoint + "/" + o.ref.Namespace + "/" + o.ref.Name + target
}

// asking are the annotations by which ingress-nginx asks, and nothing is shown.
// Denials are bare then, but denials: what a mode adds to it may be refused.
func (p *planner) asking(endpoint string, o *optIn) map[string]string {
	return map[string]string{
		nginxPrefix + "auth-url":              p.authURLOf(endpoint, o),
		nginxPrefix + "auth-response-headers": strings.Join(p.settings.IdentityHeaders, ","),
	}
}

func (p *planner) nginx(ing *networkingv1.Ingress, o *optIn) {
	o.guarded, o.annotated = true, p.asking("nginx", o)
	p.nginxWarnings(ing, o)
	switch mode := Mode(cmp.Or(ing.Annotations[ModeAnnotation], string(p.settings.Mode))); mode {
	case Render, Global:
		p.rendered(ing, o, mode)
	case Canary:
		p.canaried(ing, o)
	case Static:
		p.projected(o)
	default:
		p.find(o, UnknownMode, "", "has %s: %s, which is no mode, so refusals are bare and preflights refused. Write %s, %s, %s or %s.", ModeAnnotation, mode, Render, Global, Canary, Static)
	}
}

// rendered has the proxy show what the render listener makes of a refusal. The
// application's own 401 and 403 stay as they are.
func (p *planner) rendered(ing *networkingv1.Ingress, o *optIn, mode Mode) {
	if why := p.canaryOf(ing); mode == Render && why != "" {
		p.find(o, AppCanary, "", "is in mode render, and %s: the proxy would lead refused requests to the canary's pods. Refusals are bare and preflights refused as long as that is so. Use the mode global or canary, or remove the canary.", why)
		return
	}
	if mode == Global && p.rendersItself() {
		return // the ConfigMap has error pages of its own, and these would be in their way
	}
	o.annotated[nginxPrefix+"custom-http-errors"] = "401,403"
	o.annotated[nginxPrefix+"disable-proxy-intercept-errors"] = "true"
	if mode == Render {
		service := named("render", o.ref.Name)
		o.annotated[nginxPrefix+"default-backend"] = service
		p.renderService(o, service)
	}
}

// rendersItself reports whether every controller's ConfigMap leads 401 to a location
// of its own.
func (p *planner) rendersItself() bool {
	some := false
	for _, m := range p.Configs {
		if isControllerConfig(m) {
			if !strings.Contains(m.Data["location-snippet"], "error_page 401") {
				return false
			}
			some = true
		}
	}
	return some
}

// renderService puts the render listener's pods into the application's namespace:
// ingress-nginx takes a default backend from there alone, and resolves no name. Each
// Ingress has its own, as the proxy names the error page's upstream after it.
func (p *planner) renderService(o *optIn, name string) {
	const purpose = "pages for what is refused at "
	port := map[string]any{"name": "http", "port": int64(p.settings.RenderPort), "protocol": "TCP"}
	service := object("v1", "Service", o.ref.Namespace, name, o.ref.String(), purpose+o.ref.String(), map[string]any{
		"spec": map[string]any{"type": "ClusterIP", "ports": []any{port}}})
	p.plan.Objects = append(p.plan.Objects, service)
	byType := map[discoveryv1.AddressType][]any{}
	for _, s := range p.Render {
		for i := range s.Endpoints {
			e := &s.Endpoints[i]
			if len(e.Addresses) == 0 || e.Conditions.Ready != nil && !*e.Conditions.Ready {
				continue
			}
			byType[s.AddressType] = append(byType[s.AddressType], map[string]any{"addresses": []any{e.Addresses[0]}, "conditions": map[string]any{"ready": true}})
		}
	}
	for kind, endpoints := range byType {
		slices.SortFunc(endpoints, func(a, b any) int { return cmp.Compare(addressOf(a), addressOf(b)) })
		endpoints = slices.CompactFunc(endpoints, func(a, b any) bool { return addressOf(a) == addressOf(b) })
		slice := object("discovery.k8s.io/v1", "EndpointSlice", o.ref.Namespace, name+"-"+strings.ToLower(string(kind)), o.ref.String(), purpose+o.ref.String(),
			map[string]any{"addressType": string(kind), "endpoints": endpoints,
				"ports": []any{map[string]any{"name": "http", "port": p.renderTarget(kind), "protocol": "TCP"}}})
		labels := slice.GetLabels()
		labels[discoveryv1.LabelServiceName], labels[discoveryv1.LabelManagedBy] = name, "ostiary"
		slice.SetLabels(labels)
		p.plan.Objects = append(p.plan.Objects, slice)
	}
}

func addressOf(endpoint any) string {
	return endpoint.(map[string]any)["addresses"].([]any)[0].(string) // made just above
}

// renderTarget is the port of the pods, which need not be that of the Service.
func (p *planner) renderTarget(kind discoveryv1.AddressType) int64 {
	for _, s := range p.Render {
		if s.AddressType == kind && len(s.Ports) > 0 && s.Ports[0].Port != nil {
			return int64(*s.Ports[0].Port)
		}
	}
	return int64(p.settings.RenderPort)
}

// canaried leads preflights past the application by a canary Ingress of our own. Only
// with it in place may the answer to a preflight be 200: objects come first.
func (p *planner) canaried(ing *networkingv1.Ingress, o *optIn) {
	if protocol := strings.ToUpper(ing.Annotations[nginxPrefix+"backend-protocol"]); !slices.Contains([]string{"", "HTTP", "AUTO_HTTP"}, protocol) {
		p.find(o, BackendProtocol, "", "is in mode canary with the backend-protocol %s, in which the proxy would speak to our preflight listener, too. Preflights are refused. Use the mode render or global.", protocol)
		return
	}
	if o.is != nil && o.is.CORS != nil && o.is.CORS.Bypass {
		o.annotated = p.asking("nginx-pass", o) // the application answers them itself
		return
	}
	if why := cmp.Or(p.canaryOf(ing), p.sharedWith(ing)); why != "" {
		p.find(o, SharedService, "", "is in mode canary, and %s: ingress-nginx keeps one canary for each Service and port, whatever the host, so preflights of one would go astray. They are refused. Use the mode render or global, or a Service of its own.", why)
		return
	}
	o.annotated = p.asking("nginx-pass", o)
	class, _ := p.classOf(ing)
	var rules []any
	byHost := map[string][]Path{}
	for _, at := range locationsOf(ing) {
		byHost[at.host] = append(byHost[at.host], at.path)
	}
	for _, host := range o.hosts {
		if host != "" && len(byHost[host]) > 0 {
			rules = append(rules, p.rule(host, byHost[host], "preflight", p.settings.PreflightPort))
		}
	}
	if len(rules) == 0 {
		return
	}
	canary := p.ownIngress("ostiary-preflight-"+digestOf(o.ref.String()), class, o.ref.String(), "preflights of "+o.ref.String(), rules)
	annotate(canary, map[string]string{nginxPrefix + "canary": "true", nginxPrefix + "canary-by-header": "Access-Control-Request-Method", nginxPrefix + "canary-by-header-pattern": ".+"})
	p.plan.Objects = append(p.plan.Objects, canary)
}

// An upstream is what ingress-nginx keeps for a Service, and hangs canaries on.
type upstream struct{ namespace, service, port string }

func upstreamsOf(ing *networkingv1.Ingress) map[upstream]bool {
	out := map[upstream]bool{}
	for _, b := range backends(ing) {
		for _, s := range servicesOf(b) {
			out[upstream{ing.Namespace, s.Name, portName(s.Port)}] = true
		}
	}
	return out
}

func portName(p networkingv1.ServiceBackendPort) string {
	if p.Name != "" {
		return p.Name
	}
	return intText(p.Number)
}

// sharing calls visit with all Ingresses of nginx that lead to a Service and port of
// an Ingress, itself aside, and tells whether a canary is among what they serve.
func (p *planner) sharing(ing *networkingv1.Ingress, visit func(other *networkingv1.Ingress) bool) {
	mine := upstreamsOf(ing)
	for _, other := range p.ingresses {
		_, proxy := p.classOf(other)
		if other == ing || proxy != IngressNGINX || isCanary(other, proxy) {
			continue
		}
		for u := range upstreamsOf(other) {
			if (mine[u] || sameService(mine, u, p.Services)) && !visit(other) {
				return
			}
		}
	}
}

// sameService: a port can be written by name and by number.
func sameService(mine map[upstream]bool, u upstream, services []*corev1.Service) bool {
	for _, s := range services {
		if s.Namespace != u.namespace || s.Name != u.service {
			continue
		}
		for i := range s.Spec.Ports {
			name, number := s.Spec.Ports[i].Name, intText(s.Spec.Ports[i].Port)
			if (u.port == name || u.port == number) && (mine[upstream{u.namespace, u.service, name}] || mine[upstream{u.namespace, u.service, number}]) {
				return true
			}
		}
	}
	return false
}

// canaryOf says which canary the proxy would lead requests of the Ingress to: one of
// its own locations, or of another Ingress that leads to the same Service and port.
// Our own is one, where another Ingress of the Service is in mode canary.
func (p *planner) canaryOf(ing *networkingv1.Ingress) (why string) {
	places := map[location]bool{}
	note := func(i *networkingv1.Ingress) {
		for _, at := range locationsOf(i) {
			places[location{host: at.host, path: at.path}] = true
		}
	}
	note(ing)
	p.sharing(ing, func(other *networkingv1.Ingress) bool {
		note(other)
		if other.Annotations[PolicyAnnotation] != "" && p.modeOf(other) == Canary && p.modeOf(ing) != Canary {
			why = ingressRef(other).String() + ", which leads to the same Service, is in mode canary"
		}
		return true
	})
	for _, other := range p.ingresses {
		if _, proxy := p.classOf(other); proxy != IngressNGINX || !isCanary(other, proxy) {
			continue
		}
		for _, at := range locationsOf(other) {
			if places[location{host: at.host, path: at.path}] {
				return ingressRef(other).String() + " is a canary of its application"
			}
		}
	}
	return why
}

func (p *planner) modeOf(ing *networkingv1.Ingress) Mode {
	return Mode(cmp.Or(ing.Annotations[ModeAnnotation], string(p.settings.Mode)))
}

// sharedWith names an Ingress that leads to a Service and port of this one, and whose
// preflights are its own business.
func (p *planner) sharedWith(ing *networkingv1.Ingress) (why string) {
	p.sharing(ing, func(other *networkingv1.Ingress) bool {
		if other.Annotations[PolicyAnnotation] == "" || p.modeOf(other) != Canary {
			why = ingressRef(other).String() + ", which leads to the same Service and port, is not"
		}
		return why == ""
	})
	return why
}
