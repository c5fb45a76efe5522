// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// What ingress-nginx accepts. Something else becomes its default, and that is wider:
// "*" for origins. So nothing else is ever written.
var (
	corsOrigin = regexp.MustCompile(`^https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]+)?$`)
	corsMethod = regexp.MustCompile(`^[A-Za-z]+$`)
	corsHeader = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// static copies a policy's CORS into the annotations by which ingress-nginx answers
// preflights itself, if they can say exactly the same.
func (w *Wants) static() {
	const enable = routes.NGINXPrefix + "enable-cors"
	if w.Rules == nil || w.Rules.CORS == nil || w.Rules.Bypasses() {
		w.foreignCORS()
		return // the question alone does what the policy says
	}
	values, cannot := projected(w.Rules.CORS)
	values[enable] = "true"
	for _, key := range routes.SortedKeys(values) {
		if w.foreign(key, values[key]) {
			cannot = append(cannot, fmt.Sprintf("%s is %q already, and Ostiary did not set it: remove it", key, w.Route.Annotations[key]))
		}
	}
	for key := range w.Route.Annotations { // one that we do not write would count, too
		if _, planned := values[key]; strings.HasPrefix(key, routes.NGINXPrefix+"cors-") && !planned && w.foreign(key) {
			cannot = append(cannot, fmt.Sprintf("Ostiary did not set %s: remove it", key))
		}
	}
	if len(cannot) > 0 {
		slices.Sort(cannot)
		w.Found(routes.NotProjectable, "%s: the CORS of AccessPolicy %s cannot be written as annotations, so preflights are refused: %s. Change that, or write %s: %s.", w.Ref, w.Policy, strings.Join(cannot, "; "), routes.ModeAnnotation, routes.Render)
		w.foreignCORS()
		return
	}
	for key, value := range values {
		w.Annotations[key] = value
	}
}

// projected returns annotations, and what of a policy they cannot hold.
func projected(c *policy.CORS) (values map[string]string, cannot []string) {
	values = map[string]string{
		routes.NGINXPrefix + "cors-allow-credentials": strconv.FormatBool(c.AllowCredentials),
		routes.NGINXPrefix + "cors-max-age":           maxAge(c.MaxAge),
	}
	write := func(key, field string, list []string, valid *regexp.Regexp) {
		for _, v := range list {
			if !valid.MatchString(v) {
				cannot = append(cannot, fmt.Sprintf("spec.cors.%s has %q, which ingress-nginx does not understand", field, v))
			}
		}
		if len(list) > 0 {
			values[routes.NGINXPrefix+key] = strings.Join(list, ",")
		}
	}
	switch {
	case c.AllowAllOrigins && c.AllowCredentials:
		cannot = append(cannot, "spec.cors.allowAllOrigins with allowCredentials")
	case c.AllowAllOrigins:
		values[routes.NGINXPrefix+"cors-allow-origin"] = "*"
	case len(c.AllowedOrigins) == 0:
		cannot = append(cannot, "spec.cors.allowedOrigins is empty, which ingress-nginx takes for any origin")
	default: // "null" would match any origin that ends with it
		write("cors-allow-origin", "allowedOrigins", c.AllowedOrigins, corsOrigin)
	}
	if c.AllowAllMethods || len(c.AllowedMethods) == 0 {
		cannot = append(cannot, "spec.cors.allowAllMethods, which it does not support: list allowedMethods")
	} else {
		write("cors-allow-methods", "allowedMethods", c.AllowedMethods, corsMethod)
	}
	if c.AllowAllHeaders {
		cannot = append(cannot, "spec.cors.allowAllHeaders, which it does not support: list allowedHeaders")
	}
	// None would become its default of nine. Accept is allowed without being asked for.
	values[routes.NGINXPrefix+"cors-allow-headers"] = "Accept"
	write("cors-allow-headers", "allowedHeaders", c.AllowedHeaders, corsHeader)
	write("cors-expose-headers", "exposedHeaders", c.ExposedHeaders, corsHeader)
	if c.AllowPrivateNetwork {
		cannot = append(cannot, "spec.cors.allowPrivateNetwork, which it does not support")
	}
	return values, cannot
}

// maxAge: a header is always sent, and five seconds are what browsers take where
// there is none (Fetch, CORS-preflight fetch).
func maxAge(seconds int) string {
	switch {
	case seconds == 0:
		return "5"
	case seconds < 0:
		return "0"
	default:
		return strconv.Itoa(seconds)
	}
}

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
		w.Found(routes.AuthKeepalive, "%s says nginx.ingress.kubernetes.io/auth-keepalive, with which ingress-nginx mixes up the identity headers: the application may get the identity of another user. Remove it.", w.Ref)
	}
	if routes.NGINXAuthCacheKey.Text(w.Route.Annotations) != "" {
		w.Asks = false
		w.Found(routes.AuthCache, "%s says nginx.ingress.kubernetes.io/auth-cache-key, so an answer for one visitor may be given to another, and outlives sign-outs. Remove it.", w.Ref)
	}
	if protocol := strings.ToUpper(routes.NGINXProtocol.Choice(w.Route.Annotations)); protocol == "FCGI" {
		w.Asks = false
		w.Found(routes.BackendProtocol, "%s says nginx.ingress.kubernetes.io/backend-protocol: FCGI, where nginx replaces no headers: a client can forge the identity headers. Use the protocol HTTP.", w.Ref)
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
		w.Found(routes.ForeignCORS, "%s says %s, so its proxy answers preflights before Ostiary gets an auth request, and lets the origins of nginx.ingress.kubernetes.io/cors-allow-origin read answers (any origin, if that is missing). Write them into the policy's spec.cors, and remove the annotations.", w.Ref, key)
	}
}
