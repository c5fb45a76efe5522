// SPDX-License-Identifier: Apache-2.0

package har

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/credential"
)

// ofRefusal: Ostiary answered, and the page may read it.
func (d *diagnosis) ofRefusal(_ int, e *Entry) (Cause, string) {
	reason := e.reason()
	if reason == "" || e.isPreflight() || e.Status < 300 {
		return "", ""
	}
	detail := status(e.Status) + " for " + reason
	if e.mode() == "websocket" {
		return WebSocketRefused, detail
	}
	switch reason {
	case "no-session":
		if e.mode() == "navigate" {
			return "", "" // that is how a sign-in begins
		}
		return d.noSession(e, detail)
	case "session-expired", "session-revoked", "wrong-audience", "wrong-provider", "bad-signature":
		return SessionOver, detail
	case "no-rule-matched", "blocked":
		return NotPermitted, detail
	case "origin-not-allowed":
		return OtherSite, detail + ", from a page of " + e.origin()
	case "token-invalid", "token-expired", "token-unverified", "service-token-invalid":
		return TokenRefused, detail
	default:
		return Refused, detail
	}
}

// sessionCookie reports whether a name is that of a session at an application.
func sessionCookie(name string) bool {
	return name == credential.CookieName || strings.HasPrefix(name, credential.PathCookieName)
}

// noSession tells why a request had none.
func (d *diagnosis) noSession(e *Entry, detail string) (Cause, string) {
	if d.log.Sanitized {
		return SessionUnknown, detail
	}
	set, sent := d.sessions[e.URL.Host].set, d.sessions[e.URL.Host].sent
	if set != nil {
		if why := set.rejected(e.URL); why != "" {
			return CookieRejected, detail + ": the cookie " + set.Name + " is not kept, as " + why
		}
	}
	if slices.ContainsFunc(e.Cookies, sessionCookie) {
		return SessionOver, detail + ", though the request has the cookie of a session"
	}
	if set != nil && set.over(e.began) {
		return SessionOver, detail + ": the cookie " + set.Name + " was to be kept for " + set.MaxAge.String()
	}
	if set == nil && !sent {
		return NotSignedIn, detail + ", and no other request in the export has a session of " + e.URL.name()
	}
	switch {
	case e.isSubresource():
		return SubresourceNoCookie, detail + ": a " + e.Type + " was loaded without cookies"
	case e.isCrossSite():
		return d.crossSite(e, set, detail)
	case e.isCross():
		return CredentialsOmitted, detail + ": there is a session of " + e.URL.name() + ", and its cookie was not sent"
	}
	return CredentialsOmitted, detail + `: the cookie was not sent to the page's own host, as with credentials: "omit"`
}

// crossSite tells why the cookie of a session was not sent to another site.
func (d *diagnosis) crossSite(e *Entry, set *SetCookie, detail string) (Cause, string) {
	if !e.Request.Has("sec-fetch-storage-access") && e.Request.Has("sec-fetch-site") && d.tells {
		return CredentialsOmitted, detail + ": there is a session of " + e.URL.name() + ", and the call is not one with credentials"
	}
	if set != nil {
		switch {
		case set.SameSite != "none":
			return CookieSameSite, detail + ": the cookie " + set.Name + " is SameSite=" + cmp.Or(set.SameSite, "Lax, as by default") +
				", and the page is of another site"
		case set.Partitioned:
			return CookiePartition, detail + ": the cookie " + set.Name + " is Partitioned, and was set below another site"
		}
	}
	if e.Request.Has("sec-fetch-storage-access") {
		return CookieThirdParty, detail + ": the call is one with credentials, and Sec-Fetch-Storage-Access is " +
			quote(e.Request.Get("sec-fetch-storage-access"))
	}
	return CookieThirdParty, detail + ": there is a session of " + e.URL.name() +
		`, and its cookie was not sent to another site. If the call lacks credentials: "include", that is why`
}

// A session is what an export shows of one at a host: the cookie that an answer set last, and
// whether a request had it.
type session struct {
	set  *SetCookie
	sent bool
}

// look notes what an entry shows of sessions.
func (d *diagnosis) look(e *Entry) {
	d.tells = d.tells || e.Request.Has("sec-fetch-storage-access")
	known := d.sessions[e.URL.Host]
	if known == nil {
		known = &session{}
		d.sessions[e.URL.Host] = known
	}
	for i := range e.Set {
		if c := &e.Set[i]; sessionCookie(c.Name) && c.Size > len(c.Name)+1 {
			known.set = c
		}
	}
	known.sent = known.sent || slices.ContainsFunc(e.Cookies, sessionCookie)
}

// isSubresource: an element of the page asked for it.
func (e *Entry) isSubresource() bool {
	switch e.Type {
	case "script", "font", "stylesheet", "manifest", "image", "media", "texttrack":
		return true
	}
	return false
}
