// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Session bounds the sessions of an application.
type Session struct {
	// duration is how old what the identity provider says of somebody may be, at
	// most 720h. When it is over, the provider is asked again: without a prompt if
	// it still knows them, however long ago they signed in there. Default: 24h.
	// +optional
	Duration Duration `json:"duration,omitempty"`
	// idle ends a session that was not used for this long, 5m to 720h: whoever comes back later
	// has to sign in anew, at the identity provider as well. One that is used at least every
	// three quarters of it is never ended for that. The session is renewed at the team host each
	// quarter of it, without a word; a script's call meanwhile gets 401 until a page was opened,
	// or accessFetch has renewed it. Of policies that share a host the shortest counts. Default:
	// sessions end by their age alone.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,6}([.][0-9]{1,9})?(h|m|s|ms|us|ns))+$`
	Idle IdleDuration `json:"idle,omitempty"`
	// revokedBefore voids every session that began before this time (RFC 3339).
	// +optional
	// +nullable
	RevokedBefore Timestamp `json:"revokedBefore,omitempty"`
	// cookie is how browsers keep the session.
	// +optional
	Cookie *Cookie `json:"cookie,omitempty"`
	// policyNamespaces are the namespaces whose AccessPolicies can take a session of this
	// application for a caller (linkedApp), besides its own. Default: none.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	PolicyNamespaces []NamespaceName `json:"policyNamespaces,omitempty"`
}

// SameSiteMode says with which requests of other sites a cookie goes along.
type SameSiteMode string

const (
	// SameSiteNone sends the cookie along with every request.
	SameSiteNone SameSiteMode = "None"
	// SameSiteLax sends it along when another site links here, not when it calls.
	SameSiteLax SameSiteMode = "Lax"
	// SameSiteStrict sends it along with requests of the same site alone.
	SameSiteStrict SameSiteMode = "Strict"
)

// Cookie is how the session's cookie is set. It is always Secure.
type Cookie struct {
	// sameSite says with which requests of other sites the cookie goes along: None
	// with all, Lax with links, Strict with none. Default: None where cross-origin
	// calls need it (cors.allowCredentials, of any policy that shares the host's
	// cookie, or partitioned), else Lax. An application that pages of other sites
	// show in a frame needs None.
	// +optional
	// +kubebuilder:validation:Enum=None;Lax;Strict
	SameSite SameSiteMode `json:"sameSite,omitempty"`
	// httpOnly keeps the cookie from scripts. Default true.
	// +optional
	HTTPOnly *bool `json:"httpOnly,omitempty"`
	// partitioned gives each site that embeds the application a session of its
	// own (CHIPS), where browsers block cookies of other sites. Its pages are
	// among cors.allowedOrigins, spelled out: people sign in by a button that
	// the frame shows there.
	// +optional
	Partitioned bool `json:"partitioned,omitempty"`
	// pathScoped limits the cookie to the paths of this policy, so that the rest
	// of the host does not see it.
	// +optional
	PathScoped bool `json:"pathScoped,omitempty"`
}

// Denied is what people are told who may not pass.
type Denied struct {
	// message is shown beside the reason.
	// +optional
	// +kubebuilder:validation:MaxLength=500
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[\p{Cc}\p{Zl}\p{Zp}\x{202A}-\x{202E}\x{2066}-\x{2069}]')`,message=`the message is one line of printable text: no line breaks, control characters or marks that turn the direction of text`
	Message string `json:"message,omitempty"`
	// url is where people find help: an https, http or mailto address.
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^mailto:[^@\x00-\x20\x22,\\]+@[A-Za-z0-9.-]+$') || isURL(self) && url(self).getScheme() in ['http', 'https'] && url(self).getHostname() != "" && !self.matches(r'[\x00-\x20\x7F]|//[^/?#]*@')`,message=`write an address like https://help.example.com/access or mailto:help@example.com`
	URL string `json:"url,omitempty"`
}

// Duration is a length of time in Go's notation, such as 24h or 90m.
//
// It is a string, and not a metav1.Duration, so that a value which slipped past
// an older schema makes one policy invalid instead of a list undecodable.
//
// +kubebuilder:validation:MaxLength=16
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^([0-9]{1,6}([.][0-9]{1,9})?(h|m|s|ms|us|ns))+$')`,message=`a duration is a number and its unit, such as 24h, 90m or 1h30m (units: h, m, s; a day is 24h)`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'^([0-9]{1,6}([.][0-9]{1,9})?(h|m|s|ms|us|ns))+$') || duration(self) > duration('0s') && duration(self) <= duration('720h')`,message=`a duration is longer than 0 and at most 720h (30 days)`
type Duration string

// IdleDuration is a length of time in Go's notation, such as 30m. Its bounds are no CEL rule:
// a policy that breaks them is not valid (Accepted).
type IdleDuration string

// Timestamp is a point in time in RFC 3339 notation. It is a string for the
// same reason as Duration.
//
// +kubebuilder:validation:MaxLength=35
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$') && !format.date().validate(self.substring(0, 10)).hasValue()`,message=`a time is written in RFC 3339 with its zone, such as 2026-01-31T08:00:00Z or 2026-01-31T09:00:00+01:00`
type Timestamp string

// UnauthenticatedMode is what a visitor without a session gets.
type UnauthenticatedMode string

const (
	// UnauthenticatedAuto redirects navigations and answers 401 to the rest.
	UnauthenticatedAuto UnauthenticatedMode = "Auto"
	// UnauthenticatedRedirect always redirects.
	UnauthenticatedRedirect UnauthenticatedMode = "Redirect"
	// UnauthenticatedUnauthorized always answers 401.
	UnauthenticatedUnauthorized UnauthenticatedMode = "Unauthorized"
)
