// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Forward answers Traefik's ForwardAuth, Caddy's forward_auth and HAProxy: the
// target comes in X-Forwarded-*, 2xx lets the request through, and anything
// else is relayed to the browser with headers and body.
type Forward struct {
	Identity IdentityHeaders
	Pages    *Pages
}

func (Forward) String() string { return "forward" }

// Read believes X-Forwarded-{Method,Host,Uri}, once each, and refuses the headers
// of nginx: these proxies pass a client's X-Original-* through. No decision depends on
// X-Forwarded-Proto, so it may be missing, or a list as behind several balancers.
func (Forward) Read(v View, a *Ask) *Refusal {
	readCommon(v, a)
	if refusal := readTunnel(v); refusal != nil {
		return refusal
	}
	if refusal := a.readPin(v.RequestTarget()); refusal != nil {
		return refusal
	}
	for _, foreign := range [...]string{contract.OriginalURL, contract.OriginalMethod, contract.OriginalURI} {
		if _, n := v.Header(foreign); n > 0 {
			return configError("X-Original-* came to the endpoint for X-Forwarded-*: a proxy of another family, or a client that plays one")
		}
	}
	method, nm := v.Header(contract.ForwardedMethod)
	host, nh := v.Header(contract.ForwardedHost)
	uri, nu := v.Header(contract.ForwardedURI)
	if nm != 1 || nh != 1 || nu != 1 || isUnfilled(method) || uri == "" {
		return configError("X-Forwarded-Method, -Host and -Uri must come once each, filled in by the proxy")
	}
	if !isMethod(method) {
		return visitorError(errMethod)
	}
	if strings.IndexByte(host, ',') >= 0 {
		return visitorError(errHostList)
	}
	return a.target(method, host, uri)
}

// readPin reads the Ingress or HTTPRoute to which the endpoint is pinned, if it is.
func (a *Ask) readPin(target string) *Refusal {
	pin, ok := strings.CutPrefix(target, contract.ForwardPrefix)
	a.Pin = policy.EitherPin
	if !ok {
		if pin, ok = strings.CutPrefix(target, contract.ForwardRoutePrefix); !ok {
			a.Pin = policy.IngressPin
			return nil
		}
		a.Pin = policy.RoutePin
	}
	pin, _, _ = strings.Cut(pin, "?")
	namespace, name, _ := strings.Cut(pin, "/")
	if !isObjectName(namespace) || !isObjectName(name) {
		return configError("after " + contract.ForwardPrefix + " or " + contract.ForwardRoutePrefix +
			" must come the namespace and the name of the Ingress or HTTPRoute, and nothing else")
	}
	a.Ingress = pin
	return nil
}

var (
	errMethod   = &policy.TargetError{Reason: policy.BadRequest, Message: "the method is not one that a server would take"}
	errHostList = &policy.TargetError{Reason: policy.BadRequest, Message: "X-Forwarded-Host holds several hosts"}
)

// Write sends a preflight's answer as a 403: a 2xx would let the preflight
// through to the application. Proxies of this family route preflights to the
// preflight listener.
func (f Forward) Write(a *Answer, q *Ask, d *policy.Decision) {
	switch d.Verdict {
	case policy.Admit:
		f.Identity.admit(a, q, d)
	case policy.AnswerPreflight:
		writeRefusal(a, q, &Refusal{Status: 403, Reason: d.Reason})
	case policy.Challenge, policy.Deny:
		f.Pages.write(a, q, d)
	}
}

func (f Forward) refuse(a *Answer, q *Ask, why *Refusal) { f.Pages.refuse(a, q, why) }
