// SPDX-License-Identifier: Apache-2.0

package contract

import "strconv"

// Endpoints begins the path of every endpoint of the authz listener.
const Endpoints = "/authz/v1"

// Endpoints that carry the target in their own URL: {prefix}{method}/{host}{uri}, or
// with the namespace and name of the Ingress before the method. NginxTarget has nginx
// fill them in.
const (
	NginxPrefix = Endpoints + "/nginx/"
	// NginxPassPrefix says yes to preflights that a policy answers. Pinned to an Ingress, a
	// canary of it leads them to the preflight listener; otherwise the application may answer them.
	NginxPassPrefix = Endpoints + "/nginx-pass/"
	// NginxCanaryPrefix is NginxPassPrefix where such a canary is written by hand.
	NginxCanaryPrefix = Endpoints + "/nginx-canary/"
	// URLPrefix reads as NginxPrefix and answers as ForwardPath.
	URLPrefix = Endpoints + "/url/"
)

// NginxTarget ends an auth-url at a URL endpoint, by way of nginx's own variables: what
// it routed by. A header would say what the visitor wants.
const NginxTarget = "$request_method/$host$request_uri"

// NginxHeaderPath is for ingress-nginx with a plain auth-url: the target is in X-Original-*.
const NginxHeaderPath = Endpoints + "/nginx"

// Endpoints for proxies that send the target in X-Forwarded-*.
const (
	ForwardPath = Endpoints + "/forward"
	// ForwardPrefix and ForwardRoutePrefix are pinned: the namespace and name follow, of an
	// Ingress or an HTTPRoute, or of an HTTPRoute alone.
	ForwardPrefix      = Endpoints + "/forward/"
	ForwardRoutePrefix = Endpoints + "/forward-route/"
)

// Endpoints after which the request's own path follows.
const (
	EnvoyPrefix = Endpoints + "/envoy"
	// EnvoyRoutePrefix and ExternalPrefix are pinned to an HTTPRoute, whose namespace and
	// name follow. ExternalPrefix answers 2xx to what may pass alone.
	EnvoyRoutePrefix = Endpoints + "/envoy-route/"
	ExternalPrefix   = Endpoints + "/external/"
)

// BoundPrefix begins the endpoints that are bound to hosts. The hosts follow as
// literals, with commas between them, and then what follows Endpoints in the endpoint
// itself: {prefix}app.example.com,*.preview.example.com/forward.
const BoundPrefix = Endpoints + "/for/"

// CertificatePrefix begins the endpoints of proxies that say whether they verified a client
// certificate. Where they say it follows, and then what follows Endpoints in the endpoint
// itself. No other endpoint is told of certificates.
const (
	CertificatePrefix = Endpoints + "/cert/"
	// CertificateInHeader: in ClientCertificate, which the proxy sets on every question,
	// or takes off.
	CertificateInHeader = "client-cert"
	// CertificateInURL: in the URL itself, filled in by nginx: what it verified
	// ($ssl_client_verify), "/", $ssl_client_escaped_cert, and "/".
	CertificateInURL = "url"
)

// RenderPrefix is where a proxy can put the status and the target into the URL of the
// render listener: {prefix}{code}/{method}/{host}{uri}.
const RenderPrefix = "/render/v1/"

// RenderCertificatePrefix is the same for a proxy that was told by CertificateInURL, which
// follows, and then what follows RenderPrefix: a refusal is shown as it was decided.
const RenderCertificatePrefix = RenderPrefix + "cert/"

// DefaultPathPrefix begins our own paths on every host.
const DefaultPathPrefix = "/.access"

// Paths of OAuth 2.0, for clients that act for people: below our own prefix on the host of an
// application, or on the team host.
const (
	// OAuthResource is the metadata of a protected resource (RFC 9728). The path of the resource
	// follows, unless that is "/".
	OAuthResource = "/oauth/resource"
	// Of the authorization server, at the team host.
	OAuthAuthorize = "/oauth/authorize"
	OAuthToken     = "/oauth/token" //nolint:gosec // no credential
	OAuthRevoke    = "/oauth/revoke"
)

// Paths of OAuth 2.0 that are the same on every host, without our prefix.
const (
	// WellKnownResource is OAuthResource where clients look that were not told (RFC 9728 §3.1):
	// on hosts of applications, if a proxy routes it to us.
	WellKnownResource = "/.well-known/oauth-protected-resource"
	// WellKnownServer is the metadata of an authorization server (RFC 8414), at the team host.
	WellKnownServer = "/.well-known/oauth-authorization-server"
)

// Default ports of the listeners.
const (
	AuthzPort     = 9001
	PublicPort    = 9002
	RenderPort    = 9003
	PreflightPort = 9004
	GRPCPort      = 9005
	MetricsPort   = 8080
	HealthPort    = 8081
)

// Address returns the address of a listener at a port of every interface.
func Address(port int) string { return ":" + strconv.Itoa(port) }
