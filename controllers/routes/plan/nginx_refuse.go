// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/ostiary/ostiary/controllers/routes"
)

// What a mode cannot be had with is refused. What is left is the question alone:
// refusals are the proxy's own pages, and preflights are refused. Nothing that was
// guarded becomes open by it.

// mayRender: ingress-nginx makes of an error page's Service a copy of the
// application's upstream, canaries and all. What we refused would go on to the
// application's canary pods, with method, query and body of the visitor's choice
// (upstream.DeepCopy in controller.go; seen).
func (p *planner) mayRender(g *guard) bool {
	c := p.canaryOf(g)
	if c == nil {
		return true
	}
	p.found(g, routes.AppCanary, "%s cannot have rendered refusals while Ingress %s/%s is a canary of a Service that it leads to: ingress-nginx would send what Ostiary refused to the canary's pods. "+
		"Until it is gone refusals are the proxy's own pages, and no preflight is answered. Remove the canary, give it a Service:port and host of its own, or write %s: %s and let the platform's default backend be Ostiary.",
		g.ref, c.Namespace, c.Name, routes.ModeAnnotation, routes.Global)
	return false
}

// canaryOf returns a canary of the application's that takes from one of its Services.
func (p *planner) canaryOf(g *guard) *networkingv1.Ingress {
	for _, u := range p.upstreamsOf(g.Ingress) {
		if c := p.shared.canaries[u]; c != nil {
			return c
		}
	}
	for _, at := range placesOf(g.Ingress) {
		if c := p.shared.canaryAt[at.place]; c != nil {
			return c
		}
	}
	return nil
}

// mayCanary: a canary takes from the Service:port, whoever leads there. Where ours is
// not in effect, what was answered with yes would reach the application.
func (p *planner) mayCanary(g *guard) bool {
	const plain = "Until then preflights are refused. "
	protocol := strings.ToUpper(routes.NGINXProtocol.Choice(g.Annotations))
	switch c := p.canaryOf(g); {
	case c != nil:
		p.found(g, routes.AppCanary, "%s cannot have its preflights answered by a canary while Ingress %s/%s is one: of several, only the first works. "+plain+"Remove it, or write %s: %s.", g.ref, c.Namespace, c.Name, routes.ModeAnnotation, routes.Global)
		return false
	case protocol != "" && protocol != "HTTP":
		p.found(g, routes.BackendProtocol, "%s cannot have its preflights answered by a canary, as its proxy would speak %s to it, too (nginx.ingress.kubernetes.io/backend-protocol). "+plain+"Write %s: %s.", g.ref, protocol, routes.ModeAnnotation, routes.Render)
		return false
	case routes.NGINXRewrite.Text(g.Annotations) != "" || routes.NGINXVhost.Text(g.Annotations) != "" || routes.NGINXAppRoot.Text(g.Annotations) != "":
		p.found(g, routes.RewrittenTarget, "%s cannot have its preflights answered by a canary, which would see the rewritten path or host (rewrite-target, upstream-vhost, app-root). "+plain+"Write %s: %s.", g.ref, routes.ModeAnnotation, routes.Render)
		return false
	case g.Spec.DefaultBackend != nil || slices.ContainsFunc(placesOf(g.Ingress), func(at placed) bool { return at.backend == nil }):
		p.found(g, routes.DefaultBackend, "%s cannot have its preflights answered by a canary, which takes over from paths with a Service only, and from no default backend. "+plain+"Write a rule for every path, or %s: %s.", g.ref, routes.ModeAnnotation, routes.Render)
		return false
	}
	if other := p.notForCanary(g); other != nil {
		p.found(g, routes.SharedService, "%s cannot have its preflights answered by a canary, because Ingress %s/%s leads to the same Service and port, and would lose its own preflights: it does not name a policy, has another mode, or a policy with preflight: Bypass. "+plain+
			"Give it a Service of its own, make it alike, or write %s: %s.", g.ref, other.Namespace, other.Name, routes.ModeAnnotation, routes.Render)
		return false
	}
	return true
}

// notForCanary returns an Ingress that leads to a Service of this one, and must not
// have its preflights taken.
func (p *planner) notForCanary(g *guard) *networkingv1.Ingress {
	for _, u := range p.upstreamsOf(g.Ingress) {
		for _, other := range p.shared.to[u] {
			proxy := p.shared.proxies[other]
			if other == g.Ingress || proxy != "" && !routes.IsNGINX(proxy) {
				continue
			}
			o := p.guardOf[other]
			if o == nil || o.mode != routes.Canary || o.proxy != routes.IngressNGINX || o.bypasses() {
				return other
			}
		}
	}
	return nil
}

// nginxUndoes reports annotations of people's that undo what the question is for.
func (p *planner) nginxUndoes(g *guard) {
	if routes.NGINXAuthKeepalive.Number(g.Annotations) > 0 {
		g.asked = false
		p.found(g, routes.AuthKeepalive, "%s says nginx.ingress.kubernetes.io/auth-keepalive, with which ingress-nginx mixes up the identity headers: the application may be told that somebody else is calling. Remove it.", g.ref)
	}
	if routes.NGINXAuthCacheKey.Text(g.Annotations) != "" {
		g.asked = false
		p.found(g, routes.AuthCache, "%s says nginx.ingress.kubernetes.io/auth-cache-key, so an answer for one visitor may be given to another, and outlives sign-outs. Remove it.", g.ref)
	}
	if protocol := strings.ToUpper(routes.NGINXProtocol.Choice(g.Annotations)); protocol == "FCGI" {
		g.asked = false
		p.found(g, routes.BackendProtocol, "%s says nginx.ingress.kubernetes.io/backend-protocol: FCGI, where nginx replaces no headers: the application is told who calls by whoever calls. Let it speak HTTP.", g.ref)
	}
	if g.mode != routes.Static {
		p.foreignCORS(g)
	}
}

// foreignCORS: the proxy's own CORS answers before anybody is asked, and opens what
// the application says to origins of which the policy knows nothing.
func (p *planner) foreignCORS(g *guard) {
	key := routes.NGINXCORS.Key()
	if routes.NGINXCORS.Flag(g.proxy, g.Annotations) == routes.On && !g.owned[key] {
		p.found(g, routes.ForeignCORS, "%s says %s, so its proxy answers preflights before Ostiary is asked, and lets the origins of nginx.ingress.kubernetes.io/cors-allow-origin read answers (any origin, if that is missing). Write them into the policy's spec.cors, and remove the annotations.", g.ref, key)
	}
}
