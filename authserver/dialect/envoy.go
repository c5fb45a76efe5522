// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"slices"
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

// remove names the identity headers that are empty, and those that an application on
// CGI or WSGI would take for them. Envoy overwrites a client's header with those of
// ours that it is configured to pass on, and takes off those that are named here,
// however it is configured. Their names do not count as header section: Envoy has
// room for 60 KiB, and nothing else is ever told them.
func (e Envoy) remove(a *Answer) {
	names := underscored[e.Identity].joined
	for _, f := range a.Fields() {
		if f.Value == "" && IsIdentity(f.Name) {
			names += "," + strings.ToLower(f.Name)
		}
	}
	a.Set("X-Envoy-Auth-Headers-To-Remove", names)
}

// IsIdentity reports whether a header of ours tells the application who is calling.
func IsIdentity(name string) bool {
	return strings.HasPrefix(name, "X-Access-") || strings.HasPrefix(name, "Cf-Access-")
}

// Underscored are the identity headers with any of their hyphens an underscore. No
// proxy overwrites them, and many applications cannot tell them from ours.
func (h IdentityHeaders) Underscored() []string { return slices.Clip(underscored[h].names) }

type spellings struct {
	names  []string
	joined string
}

var underscored = [...]spellings{
	DefaultIdentityHeaders:    spell("x-access-jwt-assertion", "x-access-email", "x-access-user", "x-access-groups"),
	CloudflareIdentityHeaders: spell("x-access-jwt-assertion", "x-access-email", "x-access-user", "x-access-groups", "cf-access-jwt-assertion", "cf-access-authenticated-user-email"),
}

func spell(headers ...string) spellings {
	var out []string
	for _, h := range headers {
		parts := strings.Split(h, "-")
		for set := 1; set < 1<<(len(parts)-1); set++ {
			name := parts[0]
			for i, part := range parts[1:] {
				name += string("-_"[set>>i&1]) + part
			}
			out = append(out, name)
		}
	}
	return spellings{out, strings.Join(out, ",")}
}

func (e Envoy) refuse(a *Answer, q *Ask, why *Refusal) { e.Pages.refuse(a, q, why) }
