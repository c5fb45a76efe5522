// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AccessPolicy protects one application: the hosts and paths it claims, who
// may pass, and how cross-origin requests are answered.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ap,categories=ostiary
// +kubebuilder:printcolumn:name="Hosts",type=string,JSONPath=`.spec.hosts`
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`
// +kubebuilder:printcolumn:name="Programmed",type=string,JSONPath=`.status.conditions[?(@.type=="Programmed")].status`
// +kubebuilder:printcolumn:name="Degraded",type=string,JSONPath=`.status.conditions[?(@.type=="Degraded")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Routed",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Routed")].status`
// +kubebuilder:printcolumn:name="Covered",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Covered")].status`
type AccessPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what is protected, and how.
	// +required
	Spec AccessPolicySpec `json:"spec"`
	// status is written by the controller's leader.
	// +optional
	Status AccessPolicyStatus `json:"status,omitempty"`
}

// AccessPolicyList is a list of AccessPolicy.
//
// +kubebuilder:object:root=true
type AccessPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccessPolicy `json:"items"`
}

// AccessPolicySpec is one protected application.
type AccessPolicySpec struct {
	// hosts are the DNS names this policy protects, in lower case, without
	// scheme or port. A leading "*." stands for exactly one label. Default: the
	// hosts and paths of the Ingresses of this namespace that name this policy
	// with the annotation access.ostiary.dev/policy.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule=`self.size() > 0`,message=`an empty list claims nothing: name a host, or remove hosts to protect those of the Ingresses that name this policy`
	Hosts []Host `json:"hosts,omitempty"`

	// paths are the parts of the hosts that this policy protects. Default:
	// everything; without hosts: the paths of the Ingresses that name this policy,
	// all of them on each of the hosts.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:rule=`self.all(p, self.exists_one(q, q.path == p.path && q.type == p.type))`,message=`each path stands once for a type: remove the duplicate`
	Paths []PathMatch `json:"paths,omitempty"`

	// allowEncodedSlashes lets requests whose path holds an encoded slash
	// (%2F) be judged by this policy, if every reading of such a path leads
	// to this policy. Bypass and ServiceAuth rules never apply to them.
	// Default false: they are refused, reason ambiguous-path.
	// +optional
	AllowEncodedSlashes bool `json:"allowEncodedSlashes,omitempty"`

	// cors is how cross-origin requests are answered. Default: every
	// preflight is refused with 403.
	// +optional
	CORS *CORS `json:"cors,omitempty"`

	// rules say who may pass. Bypass and ServiceAuth rules are tried first,
	// then Block and Allow rules, each group from top to bottom; the first
	// match wins. None: denied.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule=`self.all(r, !has(r.name) || self.exists_one(q, has(q.name) && q.name == r.name))`,message=`rule names are unique within a policy: rename one of the rules, or leave its name out`
	Rules []Rule `json:"rules,omitempty"`

	// identityProviders are the names of the IdentityProviders that people may
	// sign in with here. Default: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	IdentityProviders []ProviderName `json:"identityProviders,omitempty"`

	// session bounds the sessions of this application.
	// +optional
	Session *Session `json:"session,omitempty"`

	// denied is what people are told who signed in and may not pass.
	// +optional
	Denied *Denied `json:"denied,omitempty"`

	// unauthenticated is what a visitor without a session gets. Auto
	// (default): a navigation is redirected to the login, everything else
	// gets a 401 it can read. Redirect and Unauthorized force one of the two.
	// +optional
	// +kubebuilder:validation:Enum=Auto;Redirect;Unauthorized
	// +kubebuilder:default=Auto
	Unauthenticated UnauthenticatedMode `json:"unauthenticated,omitempty"`

	// crossSite is what becomes of a request of another site that changes
	// something (every method but GET, HEAD and OPTIONS) or opens a WebSocket,
	// where only the session's cookie admits it: another site can make the
	// browser send it. Refuse (default): it is denied, reason origin-not-allowed,
	// unless it comes from the host itself or from an origin that cors lists.
	// Allow: the cookie is enough, and the application has to tell such requests
	// apart itself. Requests with a token in Authorization, those that a Bypass
	// rule admits, and clients that send neither Origin nor Sec-Fetch-Site are not
	// affected.
	// +optional
	// +kubebuilder:validation:Enum=Refuse;Allow
	// +kubebuilder:default=Refuse
	CrossSite CrossSiteMode `json:"crossSite,omitempty"`
}

// CrossSiteMode is what becomes of requests that another site made a browser send.
type CrossSiteMode string

const (
	// CrossSiteRefuse denies those that change something, unless cors lists the origin.
	CrossSiteRefuse CrossSiteMode = "Refuse"
	// CrossSiteAllow lets a cookie be enough for them.
	CrossSiteAllow CrossSiteMode = "Allow"
)

// Host is a DNS name, or "*." and a DNS name: the star is exactly one label.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\x00-\x7F]*$')`,message=`write the ASCII form of the name, which begins with xn-- : that is what browsers send`
// +kubebuilder:validation:XValidation:rule=`self == self.lowerAscii()`,message=`a host is written in lower case`,messageExpression=`'a host is written in lower case: ' + self.lowerAscii()`
// +kubebuilder:validation:XValidation:rule=`!self.contains('://')`,message=`a host has no scheme: write app.example.com, not https://app.example.com`
// +kubebuilder:validation:XValidation:rule=`self.contains('://') || !self.contains('/')`,message=`a host has no path: put the path into spec.paths`
// +kubebuilder:validation:XValidation:rule=`!self.contains(':') || self.contains('://') || isIP(self.replace('[', "").replace(']', ""))`,message=`a host has no port: write app.example.com, not app.example.com:8443`
// +kubebuilder:validation:XValidation:rule=`!isIP(self.replace('[', "").replace(']', "")) && !self.matches(r'(^|[.])([0-9]+|0x[0-9a-f]*)$')`,message=`a host is a DNS name, not an IP address: no name ends in a number`
// +kubebuilder:validation:XValidation:rule=`self != '*'`,message=`a bare "*" would claim every host: list the hosts, or write "*.example.com" for one label below example.com`
// +kubebuilder:validation:XValidation:rule=`self == '*' || self.contains('://') || !self.contains('*') || self.matches(r'^[*][.][^*]*$')`,message=`a "*" stands only for the whole first label, as in "*.example.com"`
// +kubebuilder:validation:XValidation:rule=`self == '*.localhost' || !self.matches(r'^[*][.][^.*]+$')`,message=`"*." must be followed by at least two labels, as in "*.example.com"`
// +kubebuilder:validation:XValidation:rule=`self.contains(':') || self.matches(r'^[A-Za-z0-9.*/\x{80}-\x{10FFFF}-]*$')`,message=`a host holds letters, digits, hyphens and dots only`
// +kubebuilder:validation:XValidation:rule=`!self.endsWith('.')`,message=`a host has no trailing dot`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'^[.]|[.][.]')`,message=`a host has no empty label: remove the dot at its beginning, or one of two in a row`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'(^|[.])-|-([.]|$)')`,message=`no label of a host begins or ends with a hyphen`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[^.]{64}')`,message=`each label of a host (what stands between two dots) has at most 63 characters`
type Host string

// PathType says how a path is matched.
type PathType string

const (
	// PathExact matches that very path.
	PathExact PathType = "Exact"
	// PathPrefix matches whole segments: /api matches /api and /api/x, never /apix.
	PathPrefix PathType = "Prefix"
)

// PathMatch is a part of a host.
type PathMatch struct {
	// path is a canonical URL path, decoded: no "//", no dot segment, no "%".
	// +required
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule=`self.startsWith('/')`,message=`a path begins with "/"`
	// +kubebuilder:validation:XValidation:rule=`!self.contains('//')`,message=`a path holds no "//": write a single "/"`
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'/[.][.]?(/|$)')`,message=`a path holds no "." or ".." segment: write the path that it leads to`
	// +kubebuilder:validation:XValidation:rule=`!self.contains('%')`,message=`a path is written decoded, without "%": the character itself in place of its percent-escape`
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[?#;\\]')`,message=`a path holds no "?", "#", ";" or backslash: queries and parameters take no part in matching`
	// +kubebuilder:validation:XValidation:rule=`!self.contains('*')`,message=`a path has no wildcard: type Prefix covers everything below the path already`
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[\x00-\x20\x7F\pC\pZ]')`,message=`a path holds no space and no control or invisible character`
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[<>^{|}\x22\x60]|[$][(]')`,message=`a path holds no quotes, backticks, braces, angle brackets, "^", "|" or "$("`
	Path string `json:"path"`
	// type is how path is matched. Default Prefix.
	// +optional
	// +kubebuilder:validation:Enum=Exact;Prefix
	// +kubebuilder:default=Prefix
	Type PathType `json:"type,omitempty"`
}

// RuleAction is what a matching rule does.
type RuleAction string

const (
	// ActionAllow admits a signed-in subject that the rule matches.
	ActionAllow RuleAction = "Allow"
	// ActionBlock denies.
	ActionBlock RuleAction = "Block"
	// ActionBypass admits without any session.
	ActionBypass RuleAction = "Bypass"
	// ActionServiceAuth admits service credentials without a login.
	ActionServiceAuth RuleAction = "ServiceAuth"
)

// Rule admits or denies those whom it matches: at least one of include, all
// of require, none of exclude.
//
// +kubebuilder:validation:XValidation:rule=`!(self.action in ['Bypass', 'ServiceAuth']) || !self.include.exists(s, has(s.email) || has(s.emailDomain) || has(s.idpGroup) || has(s.loginMethod) || has(s.authMethod))`,message=`a Bypass rule never sees an identity; use Allow`,messageExpression=`'a ' + self.action + ' rule never sees an identity; use Allow for email, emailDomain, idpGroup, loginMethod and authMethod'`,fieldPath=`.include`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`!(self.action in ['Bypass', 'ServiceAuth']) || !has(self.require) || !self.require.exists(s, has(s.email) || has(s.emailDomain) || has(s.idpGroup) || has(s.loginMethod) || has(s.authMethod))`,message=`a Bypass rule never sees an identity; use Allow`,messageExpression=`'a ' + self.action + ' rule never sees an identity; use Allow for email, emailDomain, idpGroup, loginMethod and authMethod'`,fieldPath=`.require`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`!(self.action in ['Bypass', 'ServiceAuth']) || !has(self.exclude) || !self.exclude.exists(s, has(s.email) || has(s.emailDomain) || has(s.idpGroup) || has(s.loginMethod) || has(s.authMethod))`,message=`a Bypass rule never sees an identity; use Allow`,messageExpression=`'a ' + self.action + ' rule never sees an identity; use Allow for email, emailDomain, idpGroup, loginMethod and authMethod'`,fieldPath=`.exclude`,reason=`FieldValueForbidden`
type Rule struct {
	// name is for people: it appears in explanations and logs.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\pL\pM\pN ._:/()+,&@#=-]*$')`,message=`a rule name holds letters, digits, spaces and - _ . , : / + & @ # = ( ) only`
	Name string `json:"name,omitempty"`
	// action is Allow, Block, Bypass or ServiceAuth. Nothing issues service tokens yet, so a ServiceAuth rule admits no request.
	// +required
	// +kubebuilder:validation:Enum=Allow;Block;Bypass;ServiceAuth
	Action RuleAction `json:"action"`
	// methods narrows the rule to these request methods. Default: all.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	Methods []Method `json:"methods,omitempty"`
	// include matches when any of its selectors does.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=128
	Include []Selector `json:"include"`
	// require narrows the rule: all of its selectors must match.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Require []Selector `json:"require,omitempty"`
	// exclude narrows the rule: none of its selectors may match.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Exclude []Selector `json:"exclude,omitempty"`
	// sessionDuration is how long ago a session may have begun for this rule
	// to admit it, such as 1h or 30m. Default: session.duration.
	// +optional
	SessionDuration Duration `json:"sessionDuration,omitempty"`
}

// Selector matches a request by one property; exactly one key is set.
//
// CEL cannot see everyone, which has no type, and a failing maxProperties keeps
// the CEL rule and its better message from being run. So the generate step
// narrows maxProperties to selectors with everyone: see generate.go.
//
// +kubebuilder:validation:MinProperties=1
// +kubebuilder:validation:MaxProperties=1
// +kubebuilder:validation:XValidation:rule=`[has(self.email), has(self.emailDomain), has(self.ip), has(self.idpGroup), has(self.loginMethod), has(self.authMethod)].filter(x, x).size() <= 1`,message=`exactly one key each: write two list entries for OR, or put one of the two into require for AND`
type Selector struct {
	// everyone matches every request; in an Allow rule, everyone who is signed
	// in. Write everyone: {} or everyone: true.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Enum={true,{}}
	// +kubebuilder:pruning:PreserveUnknownFields
	Everyone *apiextensionsv1.JSON `json:"everyone,omitempty"`
	// email matches a signed-in subject's verified address, ignoring case.
	// +optional
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[^@]+@[^@]+$')`,message=`an email address holds exactly one "@", with something on both sides`
	// +kubebuilder:validation:XValidation:rule=`!self.contains('*')`,message=`an email address has no wildcard: use emailDomain for everyone of a domain`
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[\pC\pZ\x22\x60(),:;<>\[\]\\{}$]')`,message=`write the plain address, user@example.com: no spaces, control characters, quotes, brackets, braces or commas`
	Email string `json:"email,omitempty"`
	// emailDomain matches what follows the last "@" of the address, ignoring case.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule=`!self.contains('@')`,message=`a domain has no "@": write only what follows it, as in example.com`
	// +kubebuilder:validation:XValidation:rule=`!self.contains('*')`,message=`a domain has no wildcard: list each domain, subdomains included`
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[A-Za-z0-9.@*-]*$')`,message=`a domain holds letters, digits, hyphens and dots only`,messageExpression=`self.matches(r'[^\x00-\x7F]') ? 'write the ASCII form of the domain, which begins with xn--' : 'a domain holds letters, digits, hyphens and dots only'`
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'(^|[.@])[.-]|[.-]([.]|$)|[^.]{64}')`,message=`a domain is labels of 1 to 63 characters with one dot between them, none beginning or ending with a hyphen or a dot`
	EmailDomain string `json:"emailDomain,omitempty"`
	// ip matches the client's address, as trusted proxies report it, in CIDR
	// notation. A single address is a /32 or /128.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	IP []CIDR `json:"ip,omitempty"`
	// idpGroup matches a signed-in subject whom the identity provider says to be
	// in this group, spelled exactly so.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message=`a group holds no control characters and no line breaks: write its name as the identity provider sends it`
	IdPGroup string `json:"idpGroup,omitempty"`
	// loginMethod matches a subject who signed in with the IdentityProvider of
	// this name.
	// +optional
	LoginMethod ProviderName `json:"loginMethod,omitempty"`
	// authMethod matches a subject who proved who they are by this method, as the
	// identity provider reports it (RFC 8176): mfa, otp, hwk, pwd and so on.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule=`!self.matches(r'\p{Cc}')`,message=`an authentication method holds no control characters: write it as the identity provider sends it, such as mfa`
	AuthMethod string `json:"authMethod,omitempty"`
}

// ProviderName is the name of an IdentityProvider.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?([.][a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$')`,message=`write the metadata.name of an IdentityProvider: lower-case letters, digits, hyphens and dots`
type ProviderName string

// CIDR is an address range, such as 10.0.0.0/8 or 2001:db8::/32.
//
// +kubebuilder:validation:MaxLength=43
// +kubebuilder:validation:XValidation:rule=`isCIDR(self) || isIP(self)`,message=`write an address range such as 10.0.0.0/8 or 2001:db8::/32, or a single address`
// +kubebuilder:validation:XValidation:rule=`!isCIDR(self) || cidr(self).masked() == cidr(self)`,message=`the address has bits set beyond its prefix length`,messageExpression=`'the address has bits set beyond its prefix length: write %s'.format([string(cidr(self).masked())])`
type CIDR string

// Session bounds the sessions of an application.
type Session struct {
	// duration is how long after its login a session is good for, at most
	// 720h. Default: 24h.
	// +optional
	Duration Duration `json:"duration,omitempty"`
	// revokedBefore voids every session that began before this time (RFC 3339).
	// +optional
	// +nullable
	RevokedBefore Timestamp `json:"revokedBefore,omitempty"`
	// cookie is how browsers keep the session.
	// +optional
	Cookie *Cookie `json:"cookie,omitempty"`
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
	// own (CHIPS), where browsers block cookies of other sites.
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

// AccessPolicyStatus is what became of a policy.
type AccessPolicyStatus struct {
	// conditions are Accepted, Programmed and, for warnings, Degraded. Routed says
	// whether the Ingresses and HTTPRoutes that name the policy are protected, and
	// Covered whether its hosts have no unprotected routes.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
