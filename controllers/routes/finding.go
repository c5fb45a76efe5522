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

// Reasons of what keeps a route that names a policy from being guarded as it should.
const (
	UnknownProxy       = "UnknownProxy"       // nothing tells which proxy serves it
	UnknownMode        = "UnknownMode"        // its mode is none
	PolicyNotFound     = "PolicyNotFound"     // it names a policy that is not there: everything is refused
	HostNotInPolicy    = "HostNotInPolicy"    // its policy does not claim its host: it is refused
	NoHost             = "NoHost"             // it serves hosts that are written nowhere
	CanaryAlone        = "CanaryAlone"        // it is a canary of something that names no policy
	ForeignAuth        = "ForeignAuth"        // somebody else decides what its proxy asks
	ForeignAnnotation  = "ForeignAnnotation"  // somebody else has an annotation that is needed
	ForeignCORS        = "ForeignCORS"        // its proxy answers preflights by itself
	ForeignPolicy      = "ForeignPolicy"      // a SecurityPolicy that takes the place of ours
	SignInElsewhere    = "SignInElsewhere"    // auth-signin redirects what must not be
	AppCanary          = "AppCanary"          // the application has a canary of its own
	SharedService      = "SharedService"      // others lead to the same Service, and would be touched
	BackendProtocol    = "BackendProtocol"    // what the application speaks stands in the way
	RewrittenTarget    = "RewrittenTarget"    // what is asked about is not what was asked for
	AuthKeepalive      = "AuthKeepalive"      // connections that mix up identity headers
	ShadowedLogin      = "ShadowedLogin"      // a path of the application hides that of the login
	LoginPathTaken     = "LoginPathTaken"     // somebody else serves our own path
	PriorityTooHigh    = "PriorityTooHigh"    // a router of the application comes before ours
	NotProjectable     = "NotProjectable"     // the proxy's own CORS annotations cannot say it
	InterceptedErrors  = "InterceptedErrors"  // a controller replaces the application's own pages
	AnnotationsRefused = "AnnotationsRefused" // a controller ignores what is needed
	UnderscoreHeaders  = "UnderscoreHeaders"  // a controller lets other spellings of identity headers pass
	NoRenderEndpoints  = "NoRenderEndpoints"  // nothing makes the pages of refusals
	OddPath            = "OddPath"            // a path that is not copied into our namespace
	MissingKind        = "MissingKind"        // a CRD that is needed is not installed
	AnnotationUnread   = "AnnotationUnread"   // its proxy cannot read what somebody wrote
	ProxyConfigUnread  = "ProxyConfigUnread"  // its proxy's own configuration could not be looked at
	ModeUnprepared     = "ModeUnprepared"     // the platform was not told what the mode needs
	UnfitProxy         = "UnfitProxy"         // its proxy asks in a way that guards nothing
	WildcardWidth      = "WildcardWidth"      // it serves more names than its policy can claim
	MissingFilter      = "MissingFilter"      // a rule of an HTTPRoute lacks the filter that asks

	ResponsesNotManaged = "ResponsesNotManaged" // a proxy that puts no header on the application's answers
)

// Reasons of what goes around a policy.
const (
	NoAuthURL          = "NoAuthURL"          // an Ingress whose proxy asks nobody
	ForeignAuthURL     = "ForeignAuthURL"     // it asks somebody else, or us about something else
	OtherNamespace     = "OtherNamespace"     // an Ingress of a namespace that has no policy for the host
	OtherClass         = "OtherClass"         // another proxy serves the host, too, and does not ask
	ServerAlias        = "ServerAlias"        // the host is an alias of a server that does not ask
	DefaultBackend     = "DefaultBackend"     // what has no host serves any host's leftover
	GlobalAuthOff      = "GlobalAuthOff"      // an Ingress turned the controller's own question off
	NoAuthLocations    = "NoAuthLocations"    // paths that a controller never asks about
	CustomErrors401    = "CustomErrors401"    // a controller replaces refusals by another page
	AuthCache          = "AuthCache"          // a proxy remembers an answer, and gives it to others
	SatisfyAny         = "SatisfyAny"         // something else than our answer is enough
	AuthMethodSnippet  = "AuthMethodSnippet"  // configuration by hand may override the question
	HTTPRouteNoAuth    = "HTTPRouteNoAuth"    // a rule of an HTTPRoute or GRPCRoute that asks nobody
	IngressRouteNoAuth = "IngressRouteNoAuth" // the same of a Traefik IngressRoute
	TLSPassthrough     = "TLSPassthrough"     // connections go to the application as they are
	ExposedService     = "ExposedService"     // the application's pods have another door
	RecomputedRoute    = "RecomputedRoute"    // after the question another route may be chosen
	TeamHostTaken      = "TeamHostTaken"      // somebody else serves the host on which people sign in
)

func CompareFindings(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Object.String(), b.Object.String()), cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Policy.String(), b.Policy.String()), cmp.Compare(a.Message, b.Message))
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
