// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// CookieName is the session cookie of an application. Its prefix makes browsers
// refuse one that another host, or plain HTTP, tries to plant (RFC 6265bis §4.1.3.2).
const CookieName = "__Host-ostiary"

// maxCookies is how many cookies of the name are tried. There is one, but for
// clients that do not know the prefix.
const maxCookies = 2

// Subject returns who sent a request, going by its Cookie and Authorization
// fields (empty: not sent). The first good credential wins, cookies first. If
// there is none, the Reason is that of the first bad one; NoReason if nothing
// was presented. A bearer token that is none of ours is a bad one: it may be the
// application's own, and a policy lets it through with Bypass, not by accident.
// It keeps nothing of the strings that it was given.
func (v *Verifier) Subject(cookie, authorization string, now time.Time) (*policy.Subject, policy.Reason) {
	refused := policy.NoReason
	for tried := 0; tried < maxCookies && cookie != ""; tried++ {
		var token string
		token, cookie = nextCookie(cookie)
		subject, why := v.Verify(token, now)
		if subject != nil {
			return subject, policy.NoReason
		}
		if refused == policy.NoReason {
			refused = why
		}
	}
	subject, why := v.Verify(bearer(authorization), now)
	if subject != nil {
		return subject, policy.NoReason
	}
	if refused == policy.NoReason {
		refused = why
	}
	return nil, refused
}

// nextCookie returns the value of the first session cookie that has one, and
// what follows it. Cookies are split like browsers and net/http do (RFC 6265
// §5.4): at each semicolon. Nothing else in other cookies matters, and a value
// in quotes is none of ours.
func nextCookie(field string) (value, rest string) {
	for field != "" {
		var pair string
		pair, field, _ = strings.Cut(field, ";")
		pair = strings.Trim(pair, " \t")
		if len(pair) > len(CookieName)+1 && pair[len(CookieName)] == '=' && pair[:len(CookieName)] == CookieName {
			return pair[len(CookieName)+1:], field
		}
	}
	return "", ""
}

// bearer returns the token of an Authorization field of that scheme (RFC 6750
// §2.1), whose name has no case (RFC 9110 §11.1).
func bearer(authorization string) string {
	const scheme = "bearer"
	field := strings.Trim(authorization, " \t")
	if len(field) <= len(scheme) || field[len(scheme)] != ' ' || !strings.EqualFold(field[:len(scheme)], scheme) {
		return ""
	}
	return strings.TrimLeft(field[len(scheme):], " ")
}
