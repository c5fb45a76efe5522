// SPDX-License-Identifier: Apache-2.0

package dialect

import "github.com/ostiary/ostiary/authserver/policy"

// GRPC answers Envoy's ext_authz filter over gRPC. Envoy sends every header of the
// client and the target apart from them, and is told by more than a status whether
// the request may pass: so a preflight is answered with the 200 that it should have.
type GRPC struct{ Envoy }

func (GRPC) String() string { return "grpc" }

// Read believes the target alone, and refuses the headers by which other families
// name one.
func (GRPC) Read(v View, a *Ask) *Refusal {
	if refusal := a.readEnvoy(v); refusal != nil {
		return refusal
	}
	if uri := v.RequestTarget(); uri != "" {
		return a.target(v.Method(), v.Host(), uri)
	}
	return visitorError(errNoPath) // CONNECT: what goes through a tunnel is never asked about
}

var errNoPath = &policy.TargetError{Reason: policy.BadRequest, Message: "the request has no path"}

// Write leaves out the header by which Envoy is told over HTTP what to remove.
func (g GRPC) Write(a *Answer, q *Ask, d *policy.Decision) {
	switch d.Verdict {
	case policy.Admit:
		g.Identity.admit(a, q, d)
	case policy.AnswerPreflight:
		writePreflight(a, q, d)
	case policy.Challenge, policy.Deny:
		g.Pages.write(a, q, d)
	}
}
