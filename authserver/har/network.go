// SPDX-License-Identifier: Apache-2.0

package har

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// browserErrors are words in what a browser says of a request that got no answer: net::ERR_
// names of Chromium, sentences of Safari. The first that is there counts.
var browserErrors = []struct {
	words []string
	cause Cause
}{
	{[]string{"ERR_CERT_", "ERR_SSL_PINNED", "certificate"}, Certificate},
	{[]string{"ERR_NAME_NOT_RESOLVED", "ERR_NAME_RESOLUTION", "ERR_DNS_", "hostname could not be found"}, NameNotResolved},
	{[]string{"LOCAL_NETWORK_ACCESS", "PRIVATE_NETWORK_ACCESS", "INSECURE_PRIVATE_NETWORK"}, LocalNetwork},
	{[]string{"ERR_BLOCKED_BY_CSP", "Content Security Policy"}, BlockedByCSP},
	{[]string{"ERR_BLOCKED_BY_ORB"}, BlockedORB},
	{[]string{"ERR_BLOCKED_BY_RESPONSE", "Cross-Origin-Resource-Policy", "Cross-Origin-Embedder-Policy"}, BlockedByResponse},
	{[]string{"ERR_BLOCKED_BY_CLIENT", "ERR_BLOCKED_BY_ADMINISTRATOR", "content blocker"}, BlockedByClient},
	{[]string{"ERR_TOO_MANY_REDIRECTS", "too many HTTP redirects"}, RedirectLoop},
	{[]string{"ERR_UNSAFE_PORT", "restricted network port"}, UnsafePort},
	{[]string{"ERR_CONNECTION_RESET", "ERR_CONNECTION_CLOSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_ABORTED", "ERR_INCOMPLETE_",
		"ERR_CONTENT_LENGTH_MISMATCH", "connection was lost"}, ConnectionLost},
	{[]string{"ERR_CONNECTION_", "ERR_ADDRESS_", "ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_", "ERR_TIMED_OUT", "ERR_PROXY_", "ERR_TUNNEL_",
		"ERR_SOCKET_", "Could not connect", "appears to be offline", "timed out"}, ConnectionFailed},
	{[]string{"ERR_HTTP2_", "ERR_HTTP_1_1_REQUIRED", "ERR_QUIC_", "ERR_SSL_", "ERR_INVALID_HTTP_RESPONSE", "ERR_INVALID_CHUNKED",
		"ERR_BAD_SSL", "ERR_RESPONSE_HEADERS_", "secure connection"}, ProtocolError},
	{[]string{"ERR_ABORTED", "cancelled", "canceled"}, Aborted},
}

// ofNetwork: what the browser says itself.
func (d *diagnosis) ofNetwork(_ int, e *Entry) (Cause, string) {
	if e.Error == "" {
		return "", ""
	}
	for _, known := range browserErrors {
		for _, words := range known.words {
			if !strings.Contains(strings.ToLower(e.Error), strings.ToLower(words)) {
				continue
			}
			if known.cause == Aborted && e.answered() {
				return "", "" // the answer counts, also where nobody reads it to its end
			}
			return known.cause, "the browser says " + e.Error
		}
	}
	return "", ""
}

// webkitSentences are what WebKit says of an answer that it withholds, and does not export.
var webkitSentences = []struct {
	words string
	cause Cause
}{
	{"cannot use wildcard in Access-Control-Allow-Origin", WildcardCredentials},
	{"cannot contain more than one origin", AllowOriginTwice},
	{"is not allowed by Access-Control-Allow-Origin", AllowOriginMissing},
	{"Access-Control-Allow-Credentials is not", CredentialsNotAllowed},
	{"is not allowed by Access-Control-Allow-Methods", MethodNotListed},
	{"is not allowed by Access-Control-Allow-Headers", HeaderNotListed},
	{"Preflight response is not successful. Status code: 401", PreflightUnauthorize},
	{"Preflight response is not successful. Status code: 403", PreflightUnauthorize},
	{"Preflight response is not successful. Status code: 404", PreflightUnknown},
	{"Preflight response is not successful. Status code: 405", PreflightUnknown},
	{"Preflight response is not successful. Status code: 5", PreflightServerError},
	{"Preflight response is not successful. Status code: 3", PreflightRedirected},
	{"Preflight response is not successful", PreflightStatus},
}

// ofWebKit: the answer is not there, and Safari says what was wrong with it.
func (d *diagnosis) ofWebKit(_ int, e *Entry) (Cause, string) {
	for _, s := range webkitSentences {
		if strings.Contains(strings.ToLower(e.Error), strings.ToLower(s.words)) {
			return s.cause, "the browser says " + e.Error
		}
	}
	return "", ""
}

// ofSilence: there was no answer, and no error that tells.
func (d *diagnosis) ofSilence(i int, e *Entry) (Cause, string) {
	if e.answered() || e.Cached {
		return "", ""
	}
	for _, step := range []func(int, *Entry) (Cause, string){d.ofCSP, d.ofCache, ofSocket, ofPage} {
		if cause, detail := step(i, e); cause != "" {
			return cause, detail
		}
	}
	if e.Error == "" && (!e.isCross() || !e.isScripted()) {
		return "", "" // under way when the export was made, such as a stream
	}
	detail := "there is no answer"
	if e.Error != "" {
		detail += "; the browser says " + e.Error
	}
	return Unknown, detail
}

// ofSocket: a WebSocket, of which Chrome exports no answer.
func ofSocket(_ int, e *Entry) (Cause, string) {
	if e.mode() != "websocket" {
		return "", ""
	}
	for words, meaning := range map[string]string{"HTTP Authentication failed": ", which is a 401", "Unexpected response code: ": ""} {
		if strings.Contains(e.Error, words) {
			return WebSocketRefused, "the browser says " + e.Error + meaning
		}
	}
	return "", ""
}

// ofPage: what a page is, and what it called.
func ofPage(_ int, e *Entry) (Cause, string) {
	page := parseAddress(e.origin())
	switch {
	case e.Page.isOpaque() && e.isScripted():
		return NullOrigin, "the page is of " + e.Page.Scheme + ":, whose origin is null"
	case page.Scheme == "https" && !e.URL.isSecure():
		return MixedContent, "a page of " + page.Origin() + " called " + e.URL.Origin()
	case e.isLocal(page):
		return LocalNetwork, e.URL.Host + " is on the local network or the same machine, and the page is not"
	case e.extension:
		return BlockedByClient, "an extension made the request"
	}
	return "", ""
}

var notKept = regexp.MustCompile(`no-store|no-cache`)

// ofCache: a request that got nothing, for an address whose answer the browser had kept for
// somebody else. Chrome exports no headers of it.
func (d *diagnosis) ofCache(_ int, e *Entry) (Cause, string) {
	if !e.isScripted() || e.Request.Has("sec-fetch-mode") || !strings.Contains(e.Error, "ERR_FAILED") {
		return "", "" // what went over the network has that
	}
	before := d.kept[e.key]
	if before == nil {
		return "", ""
	}
	detail := fmt.Sprintf("request %d has the answer, with Cache-Control %q", before.Index+1, before.Response.Get("cache-control"))
	switch allowed := before.Response.Get("access-control-allow-origin"); allowed {
	case "":
		return CachedWithout, detail + " and without Access-Control-Allow-Origin"
	case "*", e.origin():
		return "", ""
	default:
		return CachedForOther, detail + " and Access-Control-Allow-Origin " + quote(allowed)
	}
}

// keepAnswer notes what the browser may have kept.
func (d *diagnosis) keepAnswer(e *Entry) {
	if e.Status == 200 && !e.isPreflight() && !notKept.MatchString(e.Response.Get("cache-control")) {
		d.kept[e.key] = e
	}
}

// isLocal: a page of the internet called an address that is not of it.
func (e *Entry) isLocal(page Address) bool {
	if page.Host == "" || isPrivate(page.name()) {
		return false
	}
	ip, _, _ := strings.Cut(strings.Trim(e.Remote, "[]"), "%")
	return isPrivate(e.URL.name()) || isPrivate(ip)
}

func isPrivate(name string) bool {
	if ip, err := netip.ParseAddr(name); err == nil {
		return ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()
	}
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || strings.HasSuffix(name, ".local")
}
