// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"

	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A Finding is about one object, for people.
type Finding struct {
	Object Ref
	Policy types.NamespacedName // whose condition shows it; zero: none's
	// Reason is CamelCase, as in a condition.
	Reason string
	// Message says what is wrong and what to do about it.
	Message string
	// Host that is concerned, where there is one.
	Host string
	// Mild: the route is guarded all the same, and more is refused than people may think.
	Mild bool
}

// Reasons of what keeps a route that names a policy from being protected as it should.
const (
	UnknownProxy       = "UnknownProxy"       // it is not known which proxy serves the route
	UnknownMode        = "UnknownMode"        // the mode in its annotation does not exist
	PolicyNotFound     = "PolicyNotFound"     // the policy that it names does not exist: every request is denied
	HostNotInPolicy    = "HostNotInPolicy"    // its policy does not list its host: every request there is denied
	NoHost             = "NoHost"             // a rule of it has no host
	CanaryAlone        = "CanaryAlone"        // it is a canary of a route that names no policy
	ForeignAuth        = "ForeignAuth"        // somebody else has set the annotation that says where its proxy sends auth requests
	ForeignAnnotation  = "ForeignAnnotation"  // somebody else has set an annotation that Ostiary needs
	ForeignCORS        = "ForeignCORS"        // its proxy answers preflights by its own CORS settings
	ForeignPolicy      = "ForeignPolicy"      // another SecurityPolicy takes the place of Ostiary's
	SignInElsewhere    = "SignInElsewhere"    // its auth-signin redirects preflights, too
	AppCanary          = "AppCanary"          // the application has a canary, which the mode does not allow
	SharedService      = "SharedService"      // another route leads to the same Service and port, and would be affected
	BackendProtocol    = "BackendProtocol"    // the backend protocol does not allow what is needed
	RewrittenTarget    = "RewrittenTarget"    // the proxy rewrites the request before it sends the auth request
	AuthKeepalive      = "AuthKeepalive"      // its auth-keepalive mixes up identity headers of different users
	ShadowedLogin      = "ShadowedLogin"      // a path of the application hides the sign-in path
	LoginPathTaken     = "LoginPathTaken"     // another route serves Ostiary's own path on the host
	PriorityTooHigh    = "PriorityTooHigh"    // a router of the application comes before Ostiary's
	NotProjectable     = "NotProjectable"     // the proxy's CORS annotations cannot express the policy's spec.cors
	InterceptedErrors  = "InterceptedErrors"  // the controller replaces the application's own error pages
	AnnotationsRefused = "AnnotationsRefused" // the controller rejects an annotation that is needed
	UnderscoreHeaders  = "UnderscoreHeaders"  // the controller passes identity headers that are spelled with underscores
	NoRenderEndpoints  = "NoRenderEndpoints"  // no pod renders the pages of denied requests
	OddPath            = "OddPath"            // a path has characters that Ostiary does not copy into its own namespace
	MissingKind        = "MissingKind"        // a CRD that is needed is not installed
	AnnotationUnread   = "AnnotationUnread"   // its proxy cannot read the value of an annotation
	ProxyConfigUnread  = "ProxyConfigUnread"  // the proxy's ConfigMap could not be read
	ModeUnprepared     = "ModeUnprepared"     // the mode needs settings of the platform that are missing
	UnfitProxy         = "UnfitProxy"         // its proxy sends auth requests in a way that protects nothing
	WildcardWidth      = "WildcardWidth"      // its wildcard covers more names than the policy can
	MissingFilter      = "MissingFilter"      // a rule of an HTTPRoute lacks the filter that sends auth requests

	ResponsesNotManaged = "ResponsesNotManaged" // its proxy cannot set headers on the application's responses
)

// Reasons of unprotected routes.
const (
	NoAuthURL          = "NoAuthURL"          // an Ingress is not protected: its proxy sends no auth request
	ForeignAuthURL     = "ForeignAuthURL"     // its auth requests go to another server, or are not about the request that was made
	OtherNamespace     = "OtherNamespace"     // a route of a namespace that has no policy for the host serves it unprotected
	OtherClass         = "OtherClass"         // a proxy of another class serves the host, too, unprotected
	ServerAlias        = "ServerAlias"        // the host is a server-alias of an unprotected Ingress
	DefaultBackend     = "DefaultBackend"     // an unprotected route without a host serves every host that has no better rule
	GlobalAuthOff      = "GlobalAuthOff"      // an Ingress switches off the controller's own auth requests
	NoAuthLocations    = "NoAuthLocations"    // the controller sends no auth requests for some paths
	CustomErrors401    = "CustomErrors401"    // the controller replaces denials by another page
	AuthCache          = "AuthCache"          // the proxy caches answers, and may give them to other visitors
	SatisfyAny         = "SatisfyAny"         // something else than Ostiary's answer is enough to get in
	AuthMethodSnippet  = "AuthMethodSnippet"  // a snippet may override Ostiary's answer
	HTTPRouteNoAuth    = "HTTPRouteNoAuth"    // a rule of an HTTPRoute or GRPCRoute is not protected
	IngressRouteNoAuth = "IngressRouteNoAuth" // a route of a Traefik IngressRoute is not protected
	TLSPassthrough     = "TLSPassthrough"     // TLS connections go to the application as they are, unprotected
	ExposedService     = "ExposedService"     // the application's pods can be reached without the proxy
	RecomputedRoute    = "RecomputedRoute"    // another route may be chosen after the auth request
	NotApplied         = "NotApplied"         // its proxy was not told to send auth requests, though it names a policy
	NotEnforced        = "NotEnforced"        // the policy of the host is in a dry run
	TeamHostTaken      = "TeamHostTaken"      // another route serves the host on which people sign in
)

// CompareFindings orders findings by host, object, reason, policy and message; of two that
// differ in nothing else the mild one is last.
func CompareFindings(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Object.String(), b.Object.String()), cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Policy.String(), b.Policy.String()), cmp.Compare(a.Message, b.Message), cmp.Compare(milds(a), milds(b)))
}

func milds(f Finding) int {
	if f.Mild {
		return 1
	}
	return 0
}

// A Binding is an opt-in: Route names Policy and leads Hosts and Paths to it.
type Binding struct {
	Route  Ref
	Policy types.NamespacedName // it need not exist
	Hosts  []string
	Paths  []policy.Path
	// Guarded: Annotations and Objects guard the route completely.
	Guarded bool
	// Unseen is what may undo that, and could not be looked at; "": nothing.
	Unseen string
}
