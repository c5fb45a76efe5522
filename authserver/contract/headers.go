// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"slices"
	"strings"
)

// Headers of our answers.
const (
	// ReasonHeader says why an answer is no 200.
	ReasonHeader = "X-Access-Reason"
	// DryRunHeader says what a policy in a dry run would have decided: "deny no-rule-matched".
	DryRunHeader = "X-Access-Dry-Run"
	// ManagedHeader tells a proxy that the policy says responses: Managed, so that the
	// CORS headers of this answer, or none, take the place of the application's.
	ManagedHeader = "X-Ostiary-Cors"
)

// Headers by which proxies name the target, in canonical form. Each endpoint believes
// one family of them, or none.
const (
	OriginalURL     = "X-Original-Url"
	OriginalMethod  = "X-Original-Method"
	OriginalURI     = "X-Original-Uri"
	ForwardedMethod = "X-Forwarded-Method"
	ForwardedProto  = "X-Forwarded-Proto"
	ForwardedHost   = "X-Forwarded-Host"
	ForwardedURI    = "X-Forwarded-Uri"
)

// ClientCertificate is the certificate of a client (RFC 9440). It is read at endpoints that
// begin with CertificatePrefix, and nowhere else.
const ClientCertificate = "Client-Cert"

// ForwardedFor is a client's address, as proxies tell it.
const ForwardedFor = "X-Forwarded-For"

var asked = []string{
	"Cookie", "Authorization", "Origin", ClientID, ClientSecret, AccessToken,
	CloudflareClientID, CloudflareClientSecret, CloudflareAccessToken,
	"Access-Control-Request-Method", "Access-Control-Request-Headers", "Access-Control-Request-Private-Network",
	"Accept", "Accept-Language", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-Storage-Access", "Sec-WebSocket-Key",
	"X-Requested-With", "X-Request-Id", "Content-Type", "HTTP2-Settings",
}

// Asked returns the client's headers that a decision depends on, besides those that name
// the target and the client's address. A proxy that passes on some headers only has to
// pass on these.
func Asked() []string { return slices.Clone(asked) }

// Harmless returns those of Asked by which browsers and policies judge, and that hold no secret:
// their values may be kept and shown.
func Harmless() []string {
	return []string{
		"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers", "Access-Control-Request-Private-Network",
		"Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-Storage-Access",
	}
}

// EnvoyAsked returns the same as Asked for Envoy, in lower case. It knows a client's address
// better than its own connection tells.
func EnvoyAsked() []string { return Lower(append([]string{ForwardedFor}, asked...)) }

// Headers that tell an application who is calling.
const (
	IdentityToken   = "X-Access-Jwt-Assertion" //nolint:gosec // no credential
	IdentityEmail   = "X-Access-Email"
	IdentityUser    = "X-Access-User"
	IdentityGroups  = "X-Access-Groups"
	CloudflareToken = "Cf-Access-Jwt-Assertion" //nolint:gosec // no credential
	CloudflareEmail = "Cf-Access-Authenticated-User-Email"
)

// Headers in which a machine sends its service token, and an application the session of
// whoever it calls another one for (linkedApp). They are for us alone: answers that
// let a request pass carry them empty, so that they never reach an application.
const (
	ClientID               = "X-Access-Client-Id"
	ClientSecret           = "X-Access-Client-Secret"
	AccessToken            = "X-Access-Token"
	CloudflareClientID     = "Cf-Access-Client-Id"
	CloudflareClientSecret = "Cf-Access-Client-Secret"
	CloudflareAccessToken  = "Cf-Access-Token"
)

var identity = []string{IdentityToken, IdentityEmail, IdentityUser, IdentityGroups, ClientID, ClientSecret, AccessToken,
	CloudflareToken, CloudflareEmail, CloudflareClientID, CloudflareClientSecret, CloudflareAccessToken}

// IsCredential reports whether a header is one in which a machine proves who it is.
func IsCredential(name string) bool {
	switch name {
	case ClientID, ClientSecret, AccessToken, CloudflareClientID, CloudflareClientSecret, CloudflareAccessToken:
		return true
	}
	return false
}

// ours is how many of them are there without Cloudflare's.
const ours = 7

// Identity returns the headers that proxies set to what our answer says, on every request
// that passes: those that tell an application who is calling, and those of credentials of machines.
func Identity() []string { return slices.Clone(identity[:ours]) }

// AllIdentity returns those of Identity, and the ones of Cloudflare Access. A client
// sends none of them, whichever are in use.
func AllIdentity() []string { return slices.Clone(identity) }

// IdentityFamilies returns what the names of all identity headers begin with.
func IdentityFamilies() []string { return []string{"X-Access", "Cf-Access"} }

// IsIdentity reports whether a header of ours tells the application who is calling.
func IsIdentity(name string) bool {
	if name == ReasonHeader || name == DryRunHeader {
		return false
	}
	return strings.HasPrefix(name, "X-Access-") || strings.HasPrefix(name, "Cf-Access-")
}

// Spellings returns a header's name, and then the ones with an underscore in place of
// any of its hyphens. No proxy overwrites those, and applications that read headers from
// the environment (CGI, WSGI) cannot tell them apart.
func Spellings(header string) []string {
	parts := strings.Split(header, "-")
	out := make([]string, 0, 1<<(len(parts)-1))
	for set := range 1 << (len(parts) - 1) {
		name := parts[0]
		for i, part := range parts[1:] {
			name += string("-_"[set>>i&1]) + part
		}
		out = append(out, name)
	}
	return out
}

// Lower returns names as HTTP/2 spells them.
func Lower(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.ToLower(name)
	}
	return out
}
