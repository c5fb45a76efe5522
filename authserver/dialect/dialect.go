// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A View is a request as a listener received it.
type View interface {
	Method() string
	// RequestTarget is the second word of the request line, untouched.
	RequestTarget() string
	// Host is the Host header (or the authority of an absolute-form target).
	Host() string
	// Header returns the first line of a header field, and how many lines there
	// are. The name is in canonical form, as in "X-Original-Url".
	Header(name string) (value string, lines int)
	// Joined returns all lines of a header field, joined with ",".
	Joined(name string) string
}

// A Dialect reads requests of one proxy family and writes decisions for it.
type Dialect interface {
	// Read fills in the Ask, but for who and when. A non-nil Refusal ends it.
	Read(View, *Ask) *Refusal
	// Write turns a decision into an answer.
	Write(*Answer, *Ask, *policy.Decision)
	// String names the dialect in logs and metrics.
	String() string
}

// An Ask is what a proxy wants to know.
type Ask struct {
	policy.Request
	// Cloudflare: a service token may come in Cloudflare's headers, too.
	Cloudflare bool
	// Assertion tells the application of a machine that was admitted: a signed token.
	Assertion     string
	Cookie        string
	Authorization string
	ForwardedFor  string
	// AccessToken is the session of a linked application. One that came twice, and differently,
	// is none that is good: brokenToken.
	AccessToken string
	// ClientCertificate is one that the proxy verified, as it says it, if Certificate.Known.
	ClientCertificate string
	RequestID         string
	// OwnRequestID: the proxy gave none that can be used, so RequestID is ours.
	OwnRequestID bool
	// TraceParent and TraceState are the trace context that the question came with (W3C Trace
	// Context), if anybody wants to know.
	TraceParent, TraceState string
	// HostPort is the host as the browser spelled it, URI the path and query it
	// asked for: they make the address to come back to after a login.
	HostPort string
	URI      string
	// Asked is the proxy's own request target, where no host could be read: it is for the log.
	Asked string
	// Navigation: a page is being opened, so a redirect will be followed and a
	// page seen. Anything else is a fetch, which can do with neither.
	Navigation bool
	// Framed: the page is to be shown in a frame of another one, which may be of another origin.
	Framed bool
	// Near: a page of this site opens it, so its cookies come through if there are any.
	Near bool
	// Languages are those of a navigation's Accept-Language.
	Languages string
	// GRPC: the client reads a status in grpc-status, and neither page nor redirect.
	GRPC bool
	// Withheld: the browser says that it keeps this site's cookies from the page
	// that asks (Sec-Fetch-Storage-Access of the Storage Access API).
	Withheld bool
	// Access is whether it keeps them from the page, or the frame, that asks.
	Access Access
	// Code is the status that the proxy is about to send (render only).
	Code int
	// perhapsPinned: see PerhapsPinned.
	perhapsPinned bool
}

// A Refusal is a request that never gets as far as a decision.
type Refusal struct {
	Status  int
	Reason  policy.Reason
	Message string
	// Words tell the person or the script behind the request what to do; empty: what
	// the reason says.
	Words string
	// Operator: only a wrong configuration can cause it, so tell the operator.
	Operator bool
}

// visitorError refuses what a visitor can cause: 403, as nginx turns a 400
// of an auth server into a 500.
func visitorError(err error) *Refusal {
	why := policy.BadRequest
	if te, ok := err.(*policy.TargetError); ok { //nolint:errorlint // never wrapped, and this is the hot path of a flood
		why = te.Reason
	}
	return &Refusal{Status: 403, Reason: why, Message: err.Error()}
}

func configError(message string) *Refusal {
	return &Refusal{Status: 400, Reason: policy.BadRequest, Message: message, Operator: true}
}

// readCommon fills in what every proxy relays unchanged.
func readCommon(v View, a *Ask) {
	a.Cookie, _ = v.Header("Cookie")
	a.Authorization, _ = v.Header("Authorization")
	a.ForwardedFor = v.Joined(contract.ForwardedFor)
	id, n := v.Header("X-Request-Id")
	if n == 1 && IsRequestID(id) {
		a.RequestID = id
	}
	a.readToken(v)
	a.readAccessToken(v)
	if a.Cookie != "" { // whatever else says who is asking, a page could not have sent
		a.readSite(v)
	}
	o, n := v.Header("Origin")
	a.OriginUnread = n > 1 || n == 1 && o == ""
	if n == 1 { // a browser that says what it does with cookies says whose page asks, too
		a.Origin = o
		a.Access = readAccess(v)
		a.Withheld = a.Access == AccessNone
	}
	if m, n := v.Header("Access-Control-Request-Method"); n == 1 {
		a.Preflight.Method = m
	}
	if a.Preflight.Method != "" {
		a.Preflight.Headers = v.Joined("Access-Control-Request-Headers")
		pn, _ := v.Header("Access-Control-Request-Private-Network")
		a.Preflight.PrivateNetwork = pn == "true"
	}
}

// IsRequestID reports whether a proxy's request id is one that is safe to repeat in a
// header and a log line: 8 to 64 letters, digits and marks.
func IsRequestID(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		if !isIDByte(id[i]) {
			return false
		}
	}
	return true
}

func isIDByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_'
}

// ReadClient finds out what kind of answer the client can make use of. It is for what is
// refused: most requests pass, and of those nobody wants to know. Read comes first.
func (a *Ask) ReadClient(v View) {
	if contentType, n := v.Header("Content-Type"); n == 1 && isGRPC(contentType) {
		a.GRPC = true
		return
	}
	if a.Navigation = readNavigation(v); a.Navigation {
		a.Languages, _ = v.Header("Accept-Language")
		a.readFrame(v)
	}
}

// isGRPC reports whether this is gRPC's content type. That of grpc-web is not: it
// comes from scripts, which read answers as any fetch does.
func isGRPC(contentType string) bool {
	const name = "application/grpc"
	if len(contentType) < len(name) || !strings.EqualFold(contentType[:len(name)], name) {
		return false
	}
	rest := contentType[len(name):]
	return rest == "" || rest[0] == '+' || rest[0] == ';'
}

// readNavigation tells a navigation from a fetch. Fetch Metadata says so; a
// client without it is taken at its Accept header.
func readNavigation(v View) bool {
	if mode, n := v.Header("Sec-Fetch-Mode"); n > 0 {
		return n == 1 && mode == "navigate"
	}
	if _, n := v.Header("X-Requested-With"); n > 0 {
		return false
	}
	if _, n := v.Header("Upgrade"); n > 0 {
		return false
	}
	if _, n := v.Header("Sec-Websocket-Key"); n > 0 { // proxies drop Upgrade on the way here, and not this
		return false
	}
	return strings.Contains(v.Joined("Accept"), "text/html")
}

// maxMethod bounds a method: those of policies are no longer.
const maxMethod = 64

// isMethod reports whether nginx could have seen this method: its parser takes
// A-Z, "_" and "-". A literal "$request_method" and a namespace fail.
func isMethod(s string) bool { return len(s) <= maxMethod && isMethodText(s) }

func isMethodText(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && c != '_' && c != '-' {
			return false
		}
	}
	return s != ""
}
