// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
)

// nginx plans for ingress-nginx and its forks.
func (p *planner) nginx(g *guard) {
	if !p.ask(g) {
		return
	}
	p.nginxUndoes(g)
	p.nginxConfigs(g)
	switch g.mode {
	case routes.Render:
		p.render(g)
	case routes.Global:
		p.global(g)
	case routes.Canary:
		p.canary(g)
	case routes.Static:
		p.static(g)
	default:
		p.found(g, routes.UnknownMode, "%s: %q is no mode, so refusals of %s are the proxy's own, and no preflight is answered. Write %s, %s, %s or %s into %s.",
			g.ref, g.mode, g.ref, routes.Render, routes.Global, routes.Canary, routes.Static, routes.ModeAnnotation)
	}
	for _, host := range g.hosts {
		p.access(g, host, map[string]string{
			routes.NGINXPrefix + "enable-global-auth": "false",
			routes.NGINXPrefix + "proxy-buffer-size":  "16k", // signing in sends more than the 4 kB that there are
		})
	}
}

// ask plans the question and the headers with the answer. It reports whether we will
// be asked.
func (p *planner) ask(g *guard) bool {
	url := routes.NGINXPrefix + "auth-url"
	question := questionOf(&p.Settings, g.proxy, g.Namespace, g.Name)
	if g.foreign(url, authURL(&p.Settings, contract.NginxPrefix, g.Namespace, g.Name), authURL(&p.Settings, contract.NginxPassPrefix, g.Namespace, g.Name), authURL(&p.Settings, contract.URLPrefix, g.Namespace, g.Name)) {
		why := "so that no AccessPolicy decides about it"
		if g.asked = p.Question(g.Ingress, g.proxy) == routes.AsksUs; g.asked {
			why = "which asks Ostiary already, but any policy of the host may decide"
		}
		p.found(g, routes.ForeignAuth, "%s has an auth-url of somebody else (%q), %s. Ostiary changes nothing there: remove auth-url, and auth-signin with it, and Ostiary writes its own at once.", g.ref, g.Annotations[url], why)
		return false
	}
	g.annotations[url] = question[url]
	g.asked = true
	const headers = routes.NGINXPrefix + "auth-response-headers"
	p.set(g, headers, question[headers], "an identity header that is not listed reaches the application as a visitor wrote it")
	if routes.NGINXAuthSignin.Text(g.Annotations) != "" {
		p.found(g, routes.SignInElsewhere, "%s has an auth-signin, which takes the place of every 401: preflights are redirected, too, and fail. Remove it: Ostiary redirects by itself.", g.ref)
	}
	return true
}

// render has refusals, and answers to preflights, made by our render listener. It
// stands in the Ingress's namespace as a Service of its own: ingress-nginx names what
// it makes of an error page after that Service, and gives it the canaries of whichever
// Ingress names it first.
func (p *planner) render(g *guard) {
	if !p.mayRender(g) {
		return
	}
	name := types.NamespacedName{Namespace: g.Namespace, Name: serviceName("render", g.Name)}
	if !p.errorPages(g, name.Name) {
		return
	}
	p.putFor(g, object(serviceVersion, "Service", name, forRoute(g.ref), nil, spec(map[string]any{
		"type": string(corev1.ServiceTypeClusterIP),
		// The first port is the one that counts. It has no selector: its endpoints are ours.
		"ports": []any{map[string]any{"name": "render", "protocol": "TCP", "port": int64(p.Settings.RenderPort), "targetPort": int64(p.Settings.RenderPort)}},
	})))
	p.mirror(g, name)
}

// global has them made by the controller's default backend, which is our render
// listener, or by the error pages of its ConfigMap.
func (p *planner) global(g *guard) {
	if p.rendersItself() {
		return
	}
	p.errorPages(g, "")
	// Whose installation is set to it says that the platform is prepared. The arguments of
	// a controller are in no object that we read.
	if p.Settings.Mode != routes.Global && slices.ContainsFunc(p.Configs, routes.IsControllerConfig) {
		p.found(g, routes.ModeUnprepared, "%s says %s: %s, and the ConfigMap of ingress-nginx is not prepared for it: unless the controller's --default-backend-service is Service %s, every refusal and every preflight there is a 404 page of ingress-nginx. "+
			"Put into the ConfigMap what `ostiary render ingress-nginx --mode global` prints; or name that Service to the controller and set ingressMode: global for the installation; or remove the annotation.", g.ref, routes.ModeAnnotation, routes.Global, p.Settings.Service("render"))
	}
}

// rendersItself reports whether the ConfigMap of every controller has error pages of
// its own, as `ostiary render ingress-nginx --mode global` prints them.
func (p *planner) rendersItself() bool {
	controllers := 0
	for _, m := range p.Configs {
		if !routes.IsControllerConfig(m) {
			continue
		}
		if !strings.Contains(m.Data["location-snippet"], "error_page 401") {
			return false
		}
		controllers++
	}
	return controllers > 0
}

// errorPages plans the three annotations together: any of them without the others
// shows the pages of somebody else.
func (p *planner) errorPages(g *guard, service string) bool {
	const errors, backend, keep = routes.NGINXPrefix + "custom-http-errors", routes.NGINXPrefix + "default-backend", routes.NGINXPrefix + "disable-proxy-intercept-errors"
	var taken []string
	for _, a := range [][2]string{{errors, "401,403"}, {backend, serviceName("render", g.Name)}, {keep, "true"}} {
		if g.foreign(a[0], a[1]) {
			taken = append(taken, fmt.Sprintf("%s: %q", a[0], g.Annotations[a[0]]))
		}
	}
	if len(taken) > 0 {
		p.found(g, routes.ForeignAnnotation, "%s has error pages of its own (%s), so refusals are the proxy's own, and no preflight is answered. Remove them, or choose another mode with %s.", g.ref, strings.Join(taken, ", "), routes.ModeAnnotation)
		return false
	}
	g.annotations[errors] = "401,403"
	g.annotations[keep] = "true" // the application's own 401 and 403 stay as they are
	if service != "" {           // without it the pages would be those of the controller's default backend
		g.annotations[backend] = service
		g.without[errors], g.without[keep], g.without[backend] = "", "", ""
	}
	return true
}

// mirror gives a Service the endpoints of our render Service. ingress-nginx cannot be
// led there by name: of an ExternalName it makes an address that is none.
func (p *planner) mirror(g *guard, service types.NamespacedName) {
	if at := p.Settings.Service("render"); len(p.mirrors) == 0 && p.service(at) != nil {
		p.plan.Findings = append(p.plan.Findings, routes.Finding{Object: routes.Ref{Kind: "Service", NamespacedName: at}, Reason: routes.NoRenderEndpoints,
			Message: fmt.Sprintf("Service %s has no endpoints, so what Ostiary refuses is shown as ingress-nginx's own 404 where the mode is render. Look at the pods of Ostiary.", at)})
	}
	for _, m := range p.mirrors {
		o := object(sliceVersion, "EndpointSlice", types.NamespacedName{Namespace: service.Namespace, Name: service.Name + m.suffix}, forRoute(g.ref), nil, map[string]any{
			"addressType": string(m.kind),
			"ports":       []any{map[string]any{"name": "render", "protocol": "TCP", "port": int64(m.port)}},
			"endpoints":   m.endpoints,
		})
		labels := o.GetLabels()
		labels[discoveryv1.LabelServiceName], labels[discoveryv1.LabelManagedBy] = service.Name, routes.FieldManager
		o.SetLabels(labels)
		p.putFor(g, o)
	}
}

// canary sends preflights to our preflight listener: a canary Ingress in our own
// namespace takes whatever carries the header that only they have. The question is
// asked first, so it has to be answered with yes for them.
func (p *planner) canary(g *guard) {
	if g.bypasses() || !p.mayCanary(g) {
		return // what is asked lets the application's own preflights pass, and refuses others
	}
	places, all := p.copied(g)
	if !all {
		return // a yes to preflights there would lead them to the application
	}
	var rules []any
	service := p.Settings.Service("preflight").Name
	for _, at := range places {
		rules = append(rules, ingressRule(at.host, ingressPath(at.path, at.pathType, service, p.Settings.PreflightPort)))
	}
	name := types.NamespacedName{Namespace: p.Settings.Namespace, Name: centralName("canary", g.Namespace, g.Name)}
	p.putFor(g, p.ingress(g, name, forRoute(g.ref), map[string]string{
		routes.NGINXPrefix + "canary":                   "true",
		routes.NGINXPrefix + "canary-by-header":         "Access-Control-Request-Method",
		routes.NGINXPrefix + "canary-by-header-pattern": ".+", // one that is empty is no preflight
	}, rules))
	// Without the canary a yes would lead preflights to the application.
	g.without[routes.NGINXPrefix+"auth-url"] = g.annotations[routes.NGINXPrefix+"auth-url"]
	g.annotations[routes.NGINXPrefix+"auth-url"] = authURL(&p.Settings, contract.NginxPassPrefix, g.Namespace, g.Name)
}

// bypasses: the application answers preflights itself.
func (g *guard) bypasses() bool { return bypasses(g.rules) }

func bypasses(p *routes.Policy) bool { return p != nil && p.CORS != nil && p.CORS.BypassPreflight }
