// SPDX-License-Identifier: Apache-2.0

package routes

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
