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
	if refusal := a.readExtensions(v); refusal != nil {
		return refusal
	}
	if refusal := a.target(v.Method(), v.Host(), v.RequestTarget()); refusal != nil {
		return refusal
	}
	if hosts, ok := extension(v, HostsExtension); ok {
		return a.boundTo(hosts, "in the context extension "+HostsExtension)
	}
	return nil
}

// Context extensions by which Envoy's configuration says which object routed the
// request: no client can set one.
const (
	NamespaceExtension = "ostiary-namespace"
	RouteExtension     = "ostiary-route"   // an HTTPRoute
	IngressExtension   = "ostiary-ingress" // an Ingress
	// HostsExtension binds questions to hosts, as BoundPrefix does over HTTP.
	HostsExtension = "ostiary-hosts"
)

func extension(v View, name string) (value string, ok bool) {
	e, some := v.(interface {
		Extension(name string) (value string, ok bool)
	})
	if !some {
		return "", false
	}
	return e.Extension(name)
}

// readExtensions reads the pin.
func (a *Ask) readExtensions(v View) *Refusal {
	namespace, in := extension(v, NamespaceExtension)
	name, route := extension(v, RouteExtension)
	ingress, other := extension(v, IngressExtension)
	if !in && !route && !other {
		return nil
	}
	a.Pin = policy.RoutePin
	if other {
		name, a.Pin = ingress, policy.IngressPin
	}
	if route == other || !isObjectName(namespace) || !isObjectName(name) {
		return configError("a pin takes the context extensions " + NamespaceExtension + " and one of " + RouteExtension + " and " +
			IngressExtension + ", with the names of the object that routes the request")
	}
	a.Ingress = namespace + "/" + name
	return nil
}

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
