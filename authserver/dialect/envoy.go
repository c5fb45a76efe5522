// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Envoy answers Envoy's ext_authz filter over HTTP, as Envoy Gateway, Istio and
// Contour configure it, and the ExternalAuth filter of the Gateway API: the
// target is the request line after the prefix, and Host. 200 lets the request
// through, and any other status but a 5xx is relayed to the browser with headers
// and body.
//
// Of the client's headers Envoy passes on Authorization alone unless it is told
// to: allow cookie, origin, access-control-request-method and -headers, accept,
// content-type, x-requested-with, sec-fetch-mode, sec-fetch-site, sec-websocket-key and x-forwarded-for. To the application it
// passes on those of ours that are named: all x-access-* headers.
type Envoy struct {
	Identity IdentityHeaders
	Pages    *Pages
}

func (Envoy) String() string { return "envoy" }

// Read believes the request line and Host, and refuses the headers by which
// other families name a target: a client sent them, or the proxy is not Envoy.
func (Envoy) Read(v View, a *Ask) *Refusal {
	if refusal := a.readEnvoy(v); refusal != nil {
		return refusal
	}
	if rest, ok := strings.CutPrefix(v.RequestTarget(), contract.EnvoyRoutePrefix); ok {
		return a.readRoute(v, rest)
	}
	uri, ok := strings.CutPrefix(v.RequestTarget(), contract.EnvoyPrefix)
	if !ok || uri != "" && uri[0] != '/' && uri[0] != '?' {
		return configError("the path must be " + contract.EnvoyPrefix + " and the request's own path, with nothing between them")
	}
	a.perhapsPinned = true
	return a.readRemainder(v, uri)
}

// readRoute reads "{namespace}/{route}{path}".
func (a *Ask) readRoute(v View, rest string) *Refusal {
	route, uri, ok := cutRoute(rest)
	if !ok {
		return configError("before the request's own path must come the namespace and the name of the HTTPRoute")
	}
	a.Ingress, a.Pin = route, policy.RoutePin
	return a.readRemainder(v, uri)
}

// cutRoute splits "{namespace}/{route}{path}" behind the route.
func cutRoute(s string) (route, uri string, ok bool) {
	namespace, rest, _ := strings.Cut(s, "/")
	name := rest
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		name = rest[:i]
	}
	end := len(namespace) + len("/") + len(name)
	if !isObjectName(namespace) || !isObjectName(name) {
		return "", "", false
	}
	return s[:end], s[end:], true
}

// PerhapsPinned returns the other way to read a question at EnvoyPrefix: the visitor's
// path may begin with the namespace and name of an HTTPRoute, and so may a prefix that
// is pinned to it. Whoever knows that there is such a route has both readings judged.
func (a *Ask) PerhapsPinned() (route, uri string, ok bool) {
	if !a.perhapsPinned {
		return "", "", false
	}
	return cutRoute(a.URI[1:])
}

// PinnedTo returns the question as one about a path of an HTTPRoute.
func (a *Ask) PinnedTo(route, uri string) (Ask, *Refusal) {
	b := *a
	b.Ingress, b.Pin, b.perhapsPinned = route, policy.RoutePin, false
	if uri == "" || uri[0] != '/' {
		return b, configError("the proxy asks at a pinned prefix alone: it must append the path of each request")
	}
	return b, b.target(a.Method, a.HostPort, uri)
}

// readRemainder reads the request's own path, which stands after the prefix. Every
// request has one: a proxy that adds none asks about / whatever is requested.
func (a *Ask) readRemainder(v View, uri string) *Refusal {
	if uri == "" || uri[0] == '?' {
		_, path := v.Header("Path")
		_, method := v.Header("Method")
		if path > 0 && method > 0 {
			return configError("the auth request has no path, but headers Path and Method, as NGINX Gateway Fabric sends it; " +
				"that does not follow the Gateway API's ExternalAuth and is not supported; use another Gateway for this route")
		}
		return configError("the proxy asks at the prefix alone: it must append the path of each request, or all would be judged as /")
	}
	return a.target(v.Method(), v.Host(), uri)
}

// readEnvoy reads all but the target.
func (a *Ask) readEnvoy(v View) *Refusal {
	readCommon(v, a)
	if refusal := readTunnel(v); refusal != nil {
		return refusal
	}
	for _, foreign := range [...]string{contract.OriginalURL, contract.OriginalMethod, contract.OriginalURI, contract.ForwardedURI,
		contract.ForwardedMethod} {
		if _, n := v.Header(foreign); n > 0 {
			return visitorError(errForeign)
		}
	}
	if !isMethod(v.Method()) {
		return visitorError(errMethod)
	}
	return nil
}

var errForeign = &policy.TargetError{Reason: policy.BadRequest, Message: "headers of another proxy family came to the endpoint for Envoy"}

// Write sends a preflight's answer as a 204, which Envoy relays: a 200 would let
// the preflight through to the application.
func (e Envoy) Write(a *Answer, q *Ask, d *policy.Decision) {
	switch d.Verdict {
	case policy.Admit:
		e.Identity.admit(a, q, d)
		e.remove(a)
	case policy.AnswerPreflight:
		writePreflight(a, q, d)
		a.Status = 204
	case policy.Challenge, policy.Deny:
		e.Pages.write(a, q, d)
	}
}

// remove names the identity headers that are empty, and those that an application on
// CGI or WSGI would take for them. Envoy overwrites a client's header with those of
// ours that it is configured to pass on, and takes off those that are named here,
// however it is configured. Their names do not count as header section: Envoy has
// room for 60 KiB, and nothing else is ever told them.
func (e Envoy) remove(a *Answer) {
	names := e.Identity.get().joined
	for _, f := range a.Fields() {
		if f.Value == "" && e.Identity.Has(f.Name) {
			names += "," + strings.ToLower(f.Name)
		}
	}
	a.Set("X-Envoy-Auth-Headers-To-Remove", names)
}

func (e Envoy) refuse(a *Answer, q *Ask, why *Refusal) { e.Pages.refuse(a, q, why) }
