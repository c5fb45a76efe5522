// SPDX-License-Identifier: Apache-2.0

package har

// A Cause is why a request failed. Its text is the heading in docs/reference/har.md.
type Cause string

// The causes, in the order of the reference: of preflights, of answers that the page may not
// read, of redirects, of sessions and cookies, of what kept the browser from asking, of what
// others answered, and notes about what works.
const (
	NoPreflightMethod    Cause = "not-a-preflight"
	PreflightOrigin      Cause = "preflight-origin-refused"
	PreflightMethod      Cause = "preflight-method-refused"
	PreflightHeader      Cause = "preflight-header-refused"
	PreflightNoCORS      Cause = "preflight-not-configured"
	PreflightNoPolicy    Cause = "preflight-no-policy"
	PreflightOtherReason Cause = "preflight-refused"
	PreflightToLogin     Cause = "preflight-redirected-to-login"
	PreflightToHTTPS     Cause = "preflight-redirected-to-https"
	PreflightSlash       Cause = "preflight-redirected-for-a-slash"
	PreflightRedirected  Cause = "preflight-redirected"
	PreflightUnauthorize Cause = "preflight-needs-credentials"
	PreflightUnknown     Cause = "preflight-unknown-to-the-application"
	PreflightServerError Cause = "preflight-server-error"
	PreflightStatus      Cause = "preflight-status"
	MethodNotListed      Cause = "method-not-listed"
	HeaderNotListed      Cause = "header-not-listed"

	AllowOriginMissing    Cause = "allow-origin-missing"
	RefusalUnreadable     Cause = "refusal-unreadable"
	ProxyErrorUnreadable  Cause = "proxy-error-unreadable"
	AllowOriginDiffers    Cause = "allow-origin-differs"
	AllowOriginSlash      Cause = "allow-origin-not-an-origin"
	AllowOriginTwice      Cause = "allow-origin-twice"
	WildcardCredentials   Cause = "wildcard-with-credentials"
	CredentialsNotAllowed Cause = "allow-credentials-missing" //nolint:gosec // no credential
	CachedForOther        Cause = "cached-for-another-origin"
	CachedWithout         Cause = "cached-without-cors"
	ModeNoCORS            Cause = "no-cors-mode"

	ToLogin        Cause = "redirected-to-login"
	ToOtherLogin   Cause = "redirected-to-another-login"
	RedirectNoCORS Cause = "redirect-without-cors"
	NullAfter      Cause = "null-origin-after-redirect"
	NullOrigin     Cause = "null-origin"
	RedirectLoop   Cause = "redirect-loop"
	LoginLoop      Cause = "login-loop"

	NotSignedIn         Cause = "not-signed-in"
	SessionUnknown      Cause = "session-unknown"
	CredentialsOmitted  Cause = "credentials-omitted"
	CookieSameSite      Cause = "cookie-same-site"
	CookieThirdParty    Cause = "cookie-third-party"
	CookiePartition     Cause = "cookie-partition"
	CookieRejected      Cause = "cookie-rejected"
	SessionOver         Cause = "session-over"
	SubresourceNoCookie Cause = "subresource-without-cookie"
	NotPermitted        Cause = "not-permitted"
	OtherSite           Cause = "request-of-another-site"
	TokenRefused        Cause = "token-refused"
	WebSocketRefused    Cause = "websocket-refused"
	Refused             Cause = "refused"

	MixedContent      Cause = "mixed-content"
	Certificate       Cause = "certificate"
	NameNotResolved   Cause = "name-not-resolved"
	ConnectionFailed  Cause = "connection-failed"
	ConnectionLost    Cause = "connection-lost"
	ProtocolError     Cause = "protocol-error"
	LocalNetwork      Cause = "local-network-access"
	BlockedByClient   Cause = "blocked-by-extension"
	BlockedByCSP      Cause = "blocked-by-content-security-policy"
	BlockedByResponse Cause = "blocked-by-resource-policy"
	BlockedORB        Cause = "blocked-as-opaque"
	UnsafePort        Cause = "unsafe-port"
	Aborted           Cause = "aborted"
	ServiceWorker     Cause = "service-worker"

	RateLimited    Cause = "rate-limited"
	TooLarge       Cause = "request-too-large"
	HeaderTooLarge Cause = "headers-too-large"
	ProxyError     Cause = "proxy-error"
	AppRefused     Cause = "application-refused"
	AppFailed      Cause = "application-failed"

	ExposeHeaders         Cause = "headers-not-exposed"
	VaryMissing           Cause = "vary-missing"
	WildcardAuthorization Cause = "authorization-by-wildcard"
	NotCached             Cause = "preflight-not-cached"
	ThirdPartySoon        Cause = "third-party-cookie"

	Unknown Cause = "unknown"
)

// A CauseDoc is what there is to know of a Cause.
type CauseDoc struct {
	Cause   Cause
	Title   string // what happened, as a sentence without its full stop
	Fix     string // what to do
	Field   string // of an AccessPolicy, that changes it; empty: none does
	IsNote  bool   // the request worked
	Meaning string // why browsers do so, for the reference
}

// Causes returns all, in the order of the reference.
func Causes() []CauseDoc { return causes }

// Doc returns what there is to know of a cause.
func (c Cause) Doc() CauseDoc {
	for _, d := range causes {
		if d.Cause == c {
			return d
		}
	}
	return CauseDoc{Cause: c}
}
