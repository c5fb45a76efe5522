// SPDX-License-Identifier: Apache-2.0

package family

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
func (w *Wants) mayRender() bool {
	c := w.canaryOf()
	if c == nil {
		return true
	}
	w.Found(routes.AppCanary, "%s cannot have rendered refusals while Ingress %s/%s is a canary of a Service that it leads to: ingress-nginx would send what Ostiary refused to the canary's pods. "+
		"Until it is gone refusals are the proxy's own pages, and no preflight is answered. Remove the canary, give it a Service:port and host of its own, or write %s: %s and let the platform's default backend be Ostiary.",
		w.Ref, c.Namespace, c.Name, routes.ModeAnnotation, routes.Global)
	return false
}

// canaryOf returns a canary of the application's that takes from one of its Services.
func (w *Wants) canaryOf() *networkingv1.Ingress {
	for _, u := range w.UpstreamsOf(w.Ingress) {
		if c := w.Shared().Canaries[u]; c != nil {
			return c
		}
	}
	for _, at := range routes.PlacesOf(w.Ingress) {
		if c := w.Shared().CanaryAt[at.Place]; c != nil {
			return c
		}
	}
	return nil
}

// mayCanary: a canary takes from the Service:port, whoever leads there. Where ours is
// not in effect, what was answered with yes would reach the application.
func (w *Wants) mayCanary() bool {
	const plain = "Until then preflights are refused. "
	protocol := strings.ToUpper(routes.NGINXProtocol.Choice(w.Route.Annotations))
	switch c := w.canaryOf(); {
	case c != nil:
		w.Found(routes.AppCanary, "%s cannot have its preflights answered by a canary while Ingress %s/%s is one: of several, only the first works. "+plain+"Remove it, or write %s: %s.", w.Ref, c.Namespace, c.Name, routes.ModeAnnotation, routes.Global)
		return false
	case protocol != "" && protocol != "HTTP":
		w.Found(routes.BackendProtocol, "%s cannot have its preflights answered by a canary, as its proxy would speak %s to it, too (nginx.ingress.kubernetes.io/backend-protocol). "+plain+"Write %s: %s.", w.Ref, protocol, routes.ModeAnnotation, routes.Render)
		return false
	case routes.NGINXRewrite.Text(w.Route.Annotations) != "" || routes.NGINXVhost.Text(w.Route.Annotations) != "" || routes.NGINXAppRoot.Text(w.Route.Annotations) != "":
		w.Found(routes.RewrittenTarget, "%s cannot have its preflights answered by a canary, which would see the rewritten path or host (rewrite-target, upstream-vhost, app-root). "+plain+"Write %s: %s.", w.Ref, routes.ModeAnnotation, routes.Render)
		return false
	case w.Ingress.Spec.DefaultBackend != nil || slices.ContainsFunc(routes.PlacesOf(w.Ingress), func(at routes.Placed) bool { return at.Backend == nil }):
		w.Found(routes.DefaultBackend, "%s cannot have its preflights answered by a canary, which takes over from paths with a Service only, and from no default backend. "+plain+"Write a rule for every path, or %s: %s.", w.Ref, routes.ModeAnnotation, routes.Render)
		return false
	}
	if other := w.notForCanary(); other != nil {
		w.Found(routes.SharedService, "%s cannot have its preflights answered by a canary, because Ingress %s/%s leads to the same Service and port, and would lose its own preflights: it does not name a policy, has another mode, or a policy with preflight: Bypass. "+plain+
			"Give it a Service of its own, make it alike, or write %s: %s.", w.Ref, other.Namespace, other.Name, routes.ModeAnnotation, routes.Render)
		return false
	}
	return true
}

// notForCanary returns an Ingress that leads to a Service of this one, and must not
// have its preflights taken.
func (w *Wants) notForCanary() *networkingv1.Ingress {
	for _, u := range w.UpstreamsOf(w.Ingress) {
		for _, other := range w.Shared().To[u] {
			o := w.RouteOf(other)
			if other == w.Ingress || o.Class.Proxy != "" && !routes.IsNGINX(o.Class.Proxy) {
				continue
			}
			if !o.OptedIn() || o.Mode != routes.Canary || o.Class.Proxy != routes.IngressNGINX || o.Rules.Bypasses() {
				return other
			}
		}
	}
	return nil
}

// nginxUndoes reports annotations of people's that undo what the question is for.
func (w *Wants) nginxUndoes() {
	if routes.NGINXAuthKeepalive.Number(w.Route.Annotations) > 0 {
		w.Asks = false
		w.Found(routes.AuthKeepalive, "%s says nginx.ingress.kubernetes.io/auth-keepalive, with which ingress-nginx mixes up the identity headers: the application may be told that somebody else is calling. Remove it.", w.Ref)
	}
	if routes.NGINXAuthCacheKey.Text(w.Route.Annotations) != "" {
		w.Asks = false
		w.Found(routes.AuthCache, "%s says nginx.ingress.kubernetes.io/auth-cache-key, so an answer for one visitor may be given to another, and outlives sign-outs. Remove it.", w.Ref)
	}
	if protocol := strings.ToUpper(routes.NGINXProtocol.Choice(w.Route.Annotations)); protocol == "FCGI" {
		w.Asks = false
		w.Found(routes.BackendProtocol, "%s says nginx.ingress.kubernetes.io/backend-protocol: FCGI, where nginx replaces no headers: the application is told who calls by whoever calls. Let it speak HTTP.", w.Ref)
	}
	if w.Mode != routes.Static {
		w.foreignCORS()
	}
}

// foreignCORS: the proxy's own CORS answers before anybody is asked, and opens what
// the application says to origins of which the policy knows nothing.
func (w *Wants) foreignCORS() {
	key := routes.NGINXCORS.Key()
	if routes.NGINXCORS.Flag(w.Class.Proxy, w.Route.Annotations) == routes.On && !w.owned[key] {
		w.Found(routes.ForeignCORS, "%s says %s, so its proxy answers preflights before Ostiary is asked, and lets the origins of nginx.ingress.kubernetes.io/cors-allow-origin read answers (any origin, if that is missing). Write them into the policy's spec.cors, and remove the annotations.", w.Ref, key)
	}
}
