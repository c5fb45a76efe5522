// SPDX-License-Identifier: Apache-2.0

package v1alpha1

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
// +kubebuilder:validation:XValidation:rule=`!(has(self.preflight) && self.preflight == 'Bypass') || !(has(self.allowAllOrigins) && self.allowAllOrigins || has(self.allowedOrigins) && self.allowedOrigins.size() > 0 || has(self.allowAllMethods) && self.allowAllMethods || has(self.allowedMethods) && self.allowedMethods.size() > 0 || has(self.allowAllHeaders) && self.allowAllHeaders || has(self.allowedHeaders) && self.allowedHeaders.size() > 0 || has(self.allowCredentials) && self.allowCredentials || has(self.maxAge) && self.maxAge != 0 || has(self.exposedHeaders) && self.exposedHeaders.size() > 0 || has(self.allowPrivateNetwork) && self.allowPrivateNetwork || has(self.tokens) && self.tokens || has(self.responses))`,message=`preflight: Bypass hands every preflight to the application and excludes every other field of cors: remove the others, or remove preflight`,fieldPath=`.preflight`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || has(self.allowAllOrigins) && self.allowAllOrigins || has(self.allowedOrigins) && self.allowedOrigins.size() > 0`,message=`set allowAllOrigins: true, or list at least one origin in allowedOrigins`,fieldPath=`.allowedOrigins`,reason=`FieldValueRequired`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || !(has(self.allowAllOrigins) && self.allowAllOrigins && has(self.allowedOrigins) && self.allowedOrigins.size() > 0)`,message=`exactly one of allowAllOrigins and allowedOrigins: remove one of the two`,fieldPath=`.allowedOrigins`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || has(self.allowAllMethods) && self.allowAllMethods || has(self.allowedMethods) && self.allowedMethods.size() > 0`,message=`set allowAllMethods: true, or list at least one method in allowedMethods`,fieldPath=`.allowedMethods`,reason=`FieldValueRequired`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || !(has(self.allowAllMethods) && self.allowAllMethods && has(self.allowedMethods) && self.allowedMethods.size() > 0)`,message=`exactly one of allowAllMethods and allowedMethods: remove one of the two`,fieldPath=`.allowedMethods`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || !(has(self.allowAllHeaders) && self.allowAllHeaders && has(self.allowedHeaders) && self.allowedHeaders.size() > 0)`,message=`at most one of allowAllHeaders and allowedHeaders: remove one of the two`,fieldPath=`.allowedHeaders`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || !(has(self.allowAllOrigins) && self.allowAllOrigins && has(self.allowCredentials) && self.allowCredentials)`,message=`CORS credentials are not permitted when all origins are allowed: list the origins in allowedOrigins, or remove allowCredentials`,fieldPath=`.allowCredentials`,reason=`FieldValueForbidden`
// +kubebuilder:validation:XValidation:rule=`has(self.preflight) && self.preflight == 'Bypass' || !(has(self.tokens) && self.tokens) || has(self.allowedOrigins) && self.allowedOrigins.size() > 0 && has(self.allowCredentials) && self.allowCredentials`,message=`tokens are for the origins in allowedOrigins, and stand for credentials: list the origins, and set allowCredentials: true`,fieldPath=`.tokens`,reason=`FieldValueForbidden`
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
	// A "*" within the first label of the host stands for one or more characters
	// of that label: https://*.example.com, https://pr-*.example.com. The port "*"
	// is any port of this machine: http://localhost:*.
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
	// Deprecated: no browser sends it any more. Since Chromium 142 the person is asked
	// whether a page may reach the local network (Local Network Access), without a header.
	// A policy that sets it has the condition Degraded.
	// +optional
	AllowPrivateNetwork bool `json:"allowPrivateNetwork,omitempty"`

	// tokens lets pages of allowedOrigins, whose browser keeps cookies of other
	// sites back, call with a token instead, which they get at their own host.
	// Needs allowedOrigins and allowCredentials; the header authorization is then
	// allowed without being listed.
	// +optional
	Tokens bool `json:"tokens,omitempty"`

	// responses is who sets CORS headers on the application's own answers:
	// App (default) or Managed.
	// +optional
	// +kubebuilder:validation:Enum=App;Managed
	Responses ResponsesMode `json:"responses,omitempty"`
}

// Origin is a serialized origin (HTML standard), "null", or a pattern with one "*".
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
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://.*[*]') || self.matches(r'://[^./?#:*]*[*]([^/?#:]*(:[^*]*)?)$|:[*]$|[*].*[*]')`,message=`a "*" stands within the first label of the host, as in https://*.example.com or https://pr-*.example.com, or for any port of this machine, as in http://localhost:*`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://.*[*]') || self.matches(r'^(?i:https?)://')`,message=`a wildcard works with http and https only: list each origin of another scheme`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r'://[^./?#:*]*[*][^./?#:*]*([.][^./?#:*]*)?(:[0-9]*)?$') || self.matches(r'://[^./?#:*]*[*][^./?#:*]*[.](?i:localhost)(:[0-9]*)?$')`,message=`the label with "*" must be followed by at least two labels, as in https://*.example.com`
// +kubebuilder:validation:XValidation:rule=`!self.matches(r':[*]$') || self.matches(r'://(?i:([^/?#:\[\]*]*[.])?localhost|127[.]0[.]0[.]1|\[::1\]):[*]$|[*].*[*]')`,message=`":*", any port, is for this machine only: localhost, names below .localhost, 127.0.0.1 and [::1]; list each port of another host`
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
