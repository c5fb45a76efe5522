// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// EnvoyPrefix is the path prefix of Envoy: what follows is the request's own path.
const EnvoyPrefix = "/authz/v1/envoy"

// Envoy answers Envoy's ext_authz filter over HTTP, as Envoy Gateway, Istio and
// Contour configure it, and the ExternalAuth filter of the Gateway API: the
// target is the request line after the prefix, and Host. 200 lets the request
// through, and any other status but a 5xx is relayed to the browser with headers
// and body.
//
// Of the client's headers Envoy passes on Authorization alone unless it is told
// to: allow cookie, origin, access-control-request-method and -headers, accept,
// content-type, x-requested-with, sec-fetch-mode and x-forwarded-for. To the application it
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
	uri, ok := strings.CutPrefix(v.RequestTarget(), EnvoyPrefix)
	if !ok || uri != "" && uri[0] != '/' && uri[0] != '?' {
		return configError("the path must be " + EnvoyPrefix + " and the request's own path, with nothing between them")
	}
	return a.target(v.Method(), v.Host(), uri)
}

// readEnvoy reads all but the target.
func (a *Ask) readEnvoy(v View) *Refusal {
	readCommon(v, a)
	a.readClient(v)
	for _, foreign := range [...]string{"X-Original-Url", "X-Original-Method", "X-Original-Uri", "X-Forwarded-Uri", "X-Forwarded-Method"} {
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

// remove names the identity headers that are empty. Envoy overwrites a client's
// header with those of ours that it is configured to pass on, and takes off those
// that are named here, however it is configured.
func (e Envoy) remove(a *Answer) {
	var empty []string
	for _, f := range a.Fields() {
		if f.Value == "" && IsIdentity(f.Name) {
			empty = append(empty, strings.ToLower(f.Name))
		}
	}
	if len(empty) > 0 {
		a.Set("X-Envoy-Auth-Headers-To-Remove", strings.Join(empty, ","))
	}
}

// IsIdentity reports whether a header of ours tells the application who is calling.
func IsIdentity(name string) bool {
	return strings.HasPrefix(name, "X-Access-") || strings.HasPrefix(name, "Cf-Access-")
}

func (e Envoy) refuse(a *Answer, q *Ask, why *Refusal) { e.Pages.refuse(a, q, why) }
