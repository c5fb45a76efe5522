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
	// scheme or port. A leading "*." stands for exactly one label.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Hosts []Host `json:"hosts"`

	// paths are the parts of the hosts that this policy protects. Left out:
	// everything.
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

	// cors is how cross-origin requests are answered. Left out: every
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

	// session bounds the sessions of this application.
	// +optional
	Session *Session `json:"session,omitempty"`

	// unauthenticated is what a visitor without a session gets. Auto
	// (default): a navigation is redirected to the login, everything else
	// gets a 401 it can read. Redirect and Unauthorized force one of the two.
	// +optional
	// +kubebuilder:validation:Enum=Auto;Redirect;Unauthorized
	// +kubebuilder:default=Auto
	Unauthenticated UnauthenticatedMode `json:"unauthenticated,omitempty"`
}

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

// PreflightMode says who answers preflights.
type PreflightMode string

const (
	// PreflightAnswer answers preflights from the policy.
	PreflightAnswer PreflightMode = "Answer"
	// PreflightBypass lets genuine preflights through to the application.
	PreflightBypass PreflightMode = "Bypass"
)

// ResponsesMode says who sets CORS headers on the application's answers.
type ResponsesMode string

const (
	// ResponsesApp leaves the application's answers alone.
	ResponsesApp ResponsesMode = "App"
	// ResponsesManaged hands the proxy the CORS headers for the application's answers.
	ResponsesManaged ResponsesMode = "Managed"
)

// CORS is the cross-origin configuration of an application.
//
// +kubebuilder:validation:XValidation:rule=`!(has(self.preflight) && self.preflight == 'Bypass') || !(has(self.allowAllOrigins) && self.allowAllOrigins || has(self.allowedOrigins) && self.allowedOrigins.size() > 0 || has(self.allowAllMethods) && self.allowAllMethods || has(self.allowedMethods) && self.allowedMethods.size() > 0 || has(self.allowAllHeaders) && self.allowAllHeaders || has(self.allowedHeaders) && self.allowedHeaders.size() > 0 || has(self.allowCredentials) && self.allowCredentials || has(self.maxAge) && self.maxAge != 0 || has(self.exposedHeaders) && self.exposedHeaders.size() > 0 || has(self.allowPrivateNetwork) && self.allowPrivateNetwork || has(self.responses))`,message=`preflight: Bypass hands every preflight to the application and excludes every other field of cors: remove the others, or remove preflight`,fieldPath=`.preflight`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || has(self.allowAllOrigins) && self.allowAllOrigins || has(self.allowedOrigins) && self.allowedOrigins.size() > 0`,message=`set allowAllOrigins: true, or list at least one origin in allowedOrigins`,fieldPath=`.allowedOrigins`,reason=`FieldValueRequired`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || !(has(self.allowAllOrigins) && self.allowAllOrigins && has(self.allowedOrigins) && self.allowedOrigins.size() > 0)`,message=`exactly one of allowAllOrigins and allowedOrigins: remove one of the two`,fieldPath=`.allowedOrigins`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || has(self.allowAllMethods) && self.allowAllMethods || has(self.allowedMethods) && self.allowedMethods.size() > 0`,message=`set allowAllMethods: true, or list at least one method in allowedMethods`,fieldPath=`.allowedMethods`,reason=`FieldValueRequired`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || !(has(self.allowAllMethods) && self.allowAllMethods && has(self.allowedMethods) && self.allowedMethods.size() > 0)`,message=`exactly one of allowAllMethods and allowedMethods: remove one of the two`,fieldPath=`.allowedMethods`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || !(has(self.allowAllHeaders) && self.allowAllHeaders && has(self.allowedHeaders) && self.allowedHeaders.size() > 0)`,message=`at most one of allowAllHeaders and allowedHeaders: remove one of the two`,fieldPath=`.allowedHeaders`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || !(has(self.allowAllOrigins) && self.allowAllOrigins && has(self.allowCredentials) && self.allowCredentials)`,message=`CORS credentials are not permitted when all origins are allowed: list the origins in allowedOrigins, or remove allowCredentials`,fieldPath=`.allowCredentials`,reason=`FieldValueForbidden`
type CORS struct {
	// preflight is who answers preflights: Answer (default, this policy) or
	// Bypass (the application; excludes every other field).
	// +optional
	// +kubebuilder:validation:Enum=Answer;Bypass
	Preflight PreflightMode `json:"preflight,omitempty"`

	// allowAllOrigins admits every origin, "null" included. Exactly one of
	// allowAllOrigins and allowedOrigins; not with allowCredentials.
	// +optional
	AllowAllOrigins bool `json:"allowAllOrigins,omitempty"`
	// allowedOrigins are serialized origins: scheme://host[:port], or "null".
	// A host that begins with "*." stands for exactly one label.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=1000
	AllowedOrigins []Origin `json:"allowedOrigins,omitempty"`

	// allowAllMethods admits every method. Exactly one of allowAllMethods and allowedMethods.
	// +optional
	AllowAllMethods bool `json:"allowAllMethods,omitempty"`
	// allowedMethods are methods, case-sensitive as on the wire.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	AllowedMethods []Method `json:"allowedMethods,omitempty"`

	// allowAllHeaders admits every request header, authorization included. At
	// most one of allowAllHeaders and allowedHeaders.
	// +optional
	AllowAllHeaders bool `json:"allowAllHeaders,omitempty"`
	// allowedHeaders are request header names, case-insensitive.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=128
	// +kubebuilder:validation:items:XValidation:rule=`self != '*'`,message=`"*" is not a header name: set allowAllHeaders: true`
	// +kubebuilder:validation:items:XValidation:rule=`!(self.lowerAscii() in ['accept-charset', 'accept-encoding', 'access-control-request-headers', 'access-control-request-local-network', 'access-control-request-method', 'access-control-request-private-network', 'connection', 'content-length', 'cookie', 'cookie2', 'date', 'dnt', 'expect', 'host', 'keep-alive', 'origin', 'referer', 'set-cookie', 'te', 'trailer', 'transfer-encoding', 'upgrade', 'via']) && !self.matches(r'^(?i:proxy-|sec-)')`,message=`this header is forbidden by the Fetch standard: the browser sets it itself and no page can send it, so remove it`
	AllowedHeaders []HeaderName `json:"allowedHeaders,omitempty"`

	// allowCredentials sends Access-Control-Allow-Credentials: true.
	// +optional
	AllowCredentials bool `json:"allowCredentials,omitempty"`

	// maxAge is how long a browser may keep a preflight's answer, in seconds,
	// -1..86400. 0 or absent: no header (browsers keep it for 5 seconds);
	// -1: "0", never kept. Chromium caps it at 7200.
	// +optional
	// +kubebuilder:validation:XValidation:rule=`self >= -1 && self <= 86400`,message=`maxAge is a number of seconds from -1 (never kept) to 86400 (one day)`
	MaxAge int32 `json:"maxAge,omitempty"`

	// exposedHeaders are response headers that scripts may read: on answers
	// that are written here, and on the application's with responses: Managed.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:XValidation:rule=`self != '*'`,message=`"*" is not a header name: list the headers that scripts may read`
	// +kubebuilder:validation:items:XValidation:rule=`!(self.lowerAscii() in ['set-cookie', 'set-cookie2'])`,message=`browsers never show this header to a script: remove it`
	ExposedHeaders []HeaderName `json:"exposedHeaders,omitempty"`

	// allowPrivateNetwork answers Access-Control-Request-Private-Network.
	// +optional
	AllowPrivateNetwork bool `json:"allowPrivateNetwork,omitempty"`

	// responses is who sets CORS headers on the application's own answers:
	// App (default) or Managed.
	// +optional
	// +kubebuilder:validation:Enum=App;Managed
	Responses ResponsesMode `json:"responses,omitempty"`
}

// Origin is a serialized origin (HTML standard), "null", or a one-label pattern.
//
// +kubebuilder:validation:MaxLength=280
// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\x00-\x7F]*$')`,message=`write the ASCII form of the host, which begins with xn-- : that is what browsers send`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[\x00-\x20\x7F\x22\x27\x60<>\\^{|}$();,!%~]')`,message=`an origin holds no spaces, quotes, commas or other special characters: one plain origin for each entry of the list`
// +kubebuilder:validation:XValidation:rule=`self != '*'`,message=`"*" is not an origin: set allowAllOrigins: true`
// +kubebuilder:validation:XValidation:rule=`self == 'null' || self == '*' || self.contains('://')`,message=`the scheme is missing: an origin is written scheme://host[:port], as in https://app.example.com (the one other form is null)`
// +kubebuilder:validation:XValidation:rule=`!self.contains('://') || self.matches(r'^[A-Za-z][A-Za-z0-9+.-]*://')`,message=`the scheme, which ends at "://", begins with a letter and holds letters, digits, "+", "-" and "." only`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://($|[/?#]|:([^:]|$))')`,message=`the host is missing after "://" (pages from file: and data: addresses send the origin null)`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://[^/?#]*@')`,message=`an origin has no user name or password: remove what stands before "@"`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[?#]')`,message=`an origin has no query and no fragment: remove everything from "?" or "#" on`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://[^/?#]*/')`,message=`an origin has no path and no trailing slash`,messageExpression=`'an origin has no path and no trailing slash: write ' + self.find(r'^.*?://[^/]*')`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://.*[*].*[*]')`,message=`an origin holds at most one "*"`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://.*[*]') || self.matches(r'://[*][.]|[*].*[*]')`,message=`a "*" stands only for the whole first label of the host, as in https://*.example.com; a part of a label, and a port, have no wildcard`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://[*][.]') || self.matches(r'^(?i:https?)://')`,message=`a wildcard works with http and https only: list each origin of another scheme`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://[*][.][^./?#:*]*(:[0-9]*)?$') || self.matches(r'://[*][.](?i:localhost)(:[0-9]*)?$')`,message=`"*." must be followed by at least two labels, as in https://*.example.com`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'^(?i:http://[^/?#]*:80|https://[^/?#]*:443)$')`,message=`browsers never send the default port: leave it out`,messageExpression=`'browsers never send the default port: write ' + self.substring(0, self.lastIndexOf(':'))`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://[^/?#@\[\]]*:[^/?#@\[\]]*:')`,message=`an IPv6 address stands in brackets, as in https://[2001:db8::1]:8443`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://([^/?#@:\[\]]*|\[[^/?#@\[\]]*\]):[^/?#@*:]*$') || self.matches(r':(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})$')`,message=`a port is a number from 1 to 65535, without leading zeros`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://[^/?#:]*[&=+]')`,message=`the host holds letters, digits, hyphens, underscores and dots only`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'[\[\]]') || self.matches(r'^[^\[\]]*://\[[^\[\]]*\]([:/?#][^\[\]]*)?$')`,message=`"[" and "]" only enclose an IPv6 address, as in https://[2001:db8::1]:8443`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://\[[^\[\]]*\]') || isIP(self.find(r'\[[^\]]*').replace('[', "").lowerAscii()) && ip.isCanonical(self.find(r'\[[^\]]*').replace('[', "").lowerAscii()) && ip(self.find(r'\[[^\]]*').replace('[', "").lowerAscii()).family() == 6`,message=`what stands in brackets must be an IPv6 address in its shortest form`,messageExpression=`isIP(self.find(r'\[[^\]]*').replace('[', "").lowerAscii()) && ip(self.find(r'\[[^\]]*').replace('[', "").lowerAscii()).family() == 6 ? 'browsers send the shortest form of an IPv6 address: write [%s]'.format([string(ip(self.find(r'\[[^\]]*').replace('[', "").lowerAscii()))]) : 'what stands in brackets is not an IPv6 address'`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://[.]|://[^/?#]*[.]([.:/?#]|$)')`,message=`the host has an empty label: remove the dot at its beginning or end, or one of two in a row`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'^(?i:https?)://[^/?#]*[^./?#:]{64}')`,message=`each label of the host (what stands between two dots) has at most 63 characters`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'^(?i:https?)://[^/?#@:]{254}')`,message=`the host has at most 253 characters`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'^(?i:https?)://([^/?#@:\[\]]*[.])?([0-9]+|0[Xx][0-9A-Fa-f]*)(:[0-9]*)?$') || isIP(self.find(r'//[^:]*').replace('/', ""))`,message=`a host that ends in a number is taken for an IPv4 address, and this is not one in its usual form (four numbers from 0 to 255, no leading zeros)`
type Origin string

// Method is an HTTP method.
//
// +kubebuilder:validation:MaxLength=64
// +kubebuilder:validation:XValidation:rule=`self != '*'`,message=`"*" is not a method: set allowAllMethods: true in cors, or leave methods out of a rule`
// +kubebuilder:validation:XValidation:rule=`self == '*' || self.matches(r'^[A-Za-z0-9!%&+.^_~-]+$')`,message=`a method is one word of letters and digits, such as GET or VERSION-CONTROL: no spaces, quotes, commas or wildcards`
// +kubebuilder:validation:XValidation:rule=`!(self.upperAscii() in ['CONNECT', 'TRACE', 'TRACK'])`,message=`CONNECT, TRACE and TRACK are forbidden by the Fetch standard: no browser sends them, so remove it`
// +kubebuilder:validation:XValidation:rule=`self == self.upperAscii() || !(self.upperAscii() in ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'])`,message=`methods are case-sensitive: write it in upper case`,messageExpression=`'methods are case-sensitive: write ' + self.upperAscii()`
// +kubebuilder:validation:XValidation:rule=`self == 'PATCH' || self.upperAscii() != 'PATCH'`,message=`methods are case-sensitive, and browsers do not upper-case patch as they do get and post: write PATCH here, and fetch(url, {method: 'PATCH'}) in the page`
// +kubebuilder:validation:XValidation:rule=`self != self.lowerAscii() || self == self.upperAscii() || self.upperAscii() in ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']`,message=`methods are case-sensitive and sent as they are written: write it in upper case`,messageExpression=`'methods are case-sensitive and sent as they are written: write ' + self.upperAscii()`
type Method string

// HeaderName is an HTTP field name.
//
// +kubebuilder:validation:MaxLength=128
// +kubebuilder:validation:XValidation:rule=`self == '*' || self.matches(r'^[A-Za-z0-9!%&+.^_~-]+$')`,message=`a header name holds letters, digits and hyphens: no spaces, colons, quotes, commas or wildcards, one name for each entry of the list`
type HeaderName string

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
// +kubebuilder:validation:XValidation:rule=`!(self.action in ['Bypass', 'ServiceAuth']) || self.include.all(s, !has(s.email) && !has(s.emailDomain))`,message=`a Bypass rule never sees an identity; use Allow`,messageExpression=`'a ' + self.action + ' rule never sees an identity; use Allow for email and emailDomain'`,fieldPath=`.include`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`!(self.action in ['Bypass', 'ServiceAuth']) || !has(self.require) || self.require.all(s, !has(s.email) && !has(s.emailDomain))`,message=`a Bypass rule never sees an identity; use Allow`,messageExpression=`'a ' + self.action + ' rule never sees an identity; use Allow for email and emailDomain'`,fieldPath=`.require`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`!(self.action in ['Bypass', 'ServiceAuth']) || !has(self.exclude) || self.exclude.all(s, !has(s.email) && !has(s.emailDomain))`,message=`a Bypass rule never sees an identity; use Allow`,messageExpression=`'a ' + self.action + ' rule never sees an identity; use Allow for email and emailDomain'`,fieldPath=`.exclude`,reason=`FieldValueForbidden`
type Rule struct {
	// name is for people: it appears in explanations and logs.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule=`self.matches(r'^[\pL\pM\pN ._:/()+,&@#=-]*$')`,message=`a rule name holds letters, digits, spaces and - _ . , : / + & @ # = ( ) only`
	Name string `json:"name,omitempty"`
	// action is Allow, Block, Bypass or ServiceAuth.
	// +required
	// +kubebuilder:validation:Enum=Allow;Block;Bypass;ServiceAuth
	Action RuleAction `json:"action"`
	// methods narrows the rule to these request methods. Left out: all.
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
	// to admit it, such as 1h or 30m. Left out: session.duration.
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
// +kubebuilder:validation:XValidation:rule=`[has(self.email), has(self.emailDomain), has(self.ip)].filter(x, x).size() <= 1`,message=`exactly one key each: write two list entries for OR, or put one of the two into require for AND`
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
}

// CIDR is an address range, such as 10.0.0.0/8 or 2001:db8::/32.
//
// +kubebuilder:validation:MaxLength=43
// +kubebuilder:validation:XValidation:rule=`isCIDR(self) || isIP(self)`,message=`write an address range such as 10.0.0.0/8 or 2001:db8::/32, or a single address`
// +kubebuilder:validation:XValidation:rule=`!isCIDR(self) || cidr(self).masked() == cidr(self)`,message=`the address has bits set beyond its prefix length`,messageExpression=`'the address has bits set beyond its prefix length: write %s'.format([string(cidr(self).masked())])`
type CIDR string

// Session bounds the sessions of an application.
type Session struct {
	// duration is how long after its login a session is good for, at most
	// 720h. Left out: 24h.
	// +optional
	Duration Duration `json:"duration,omitempty"`
	// revokedBefore voids every session that began before this time (RFC 3339).
	// +optional
	// +nullable
	RevokedBefore Timestamp `json:"revokedBefore,omitempty"`
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

// Condition types of an AccessPolicy.
const (
	// ConditionAccepted is true when the whole policy is valid and owns what it claims.
	ConditionAccepted = "Accepted"
	// ConditionProgrammed is true when the policy is part of the table in force.
	ConditionProgrammed = "Programmed"
	// ConditionDegraded is true when the policy works but something about it is unwise.
	ConditionDegraded = "Degraded"
)

// AccessPolicyStatus is what became of a policy.
type AccessPolicyStatus struct {
	// conditions are Accepted, Programmed and, for warnings, Degraded.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
