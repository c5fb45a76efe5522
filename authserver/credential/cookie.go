// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// CookieName is the session cookie of an application. Its prefix makes browsers
// refuse one that another host, or plain HTTP, tries to plant (RFC 6265bis §4.1.3.2).
const CookieName = "__Host-ostiary"

// PathCookieName is that cookie where it is for a part of the host only, which
// CookieName cannot be (it demands Path=/). Other hosts of the domain may plant
// one over HTTPS, such as that of a session of their own. None can plant
// CookieName: so that one goes first.
const PathCookieName = "__Secure-ostiary"

var cookieNames = [...]string{CookieName, PathCookieName}

// maxCookies is how many cookies of these names are tried. There is one, but for
// clients that do not know the prefixes, and hosts of which parts have their own.
const maxCookies = 4

// Subject is SubjectFor with no audience in mind: the first good credential wins.
func (v *Verifier) Subject(cookie, authorization string, now time.Time) (*policy.Subject, policy.Reason) {
	return v.SubjectFor("", cookie, authorization, now)
}

// SubjectFor returns who sent a request, going by its Cookie and Authorization
// fields (empty: not sent). The first good credential for the audience wins, and
// if none is for it the first good one: CookieName first, PathCookieName next,
// then Authorization. If there is none, the Reason is that of the first bad one;
// NoReason if nothing was presented. A bearer token that is none of ours is a bad
// one: it may be the application's own, and a policy lets it through with Bypass,
// not by accident. It keeps nothing of the strings that it was given.
func (v *Verifier) SubjectFor(audience, cookie, authorization string, now time.Time) (*policy.Subject, policy.Reason) {
	c := choice{audience: audience}
	tried := 0
	for _, name := range cookieNames {
		for rest := cookie; rest != "" && tried < maxCookies; tried++ {
			var token string
			if token, rest = nextCookie(rest, name); token == "" {
				break
			}
			subject, why := v.Verify(token, now)
			// A token for the scripts of one origin is good where they put it, and
			// browsers say from where: in Authorization. Cookies come with requests
			// that no script made, and some that do not say from where. So nobody
			// can turn a token that a page was given into a session in a browser.
			if subject != nil && subject.AuthorizedParty != "" {
				subject, why = nil, policy.BadSignature
			}
			if c.take(subject, why) {
				return c.best, policy.NoReason
			}
		}
	}
	c.take(v.Verify(bearer(authorization), now))
	if c.best != nil {
		return c.best, policy.NoReason
	}
	return nil, c.refused
}

// A choice is made among the credentials of a request.
type choice struct {
	audience string
	best     *policy.Subject
	refused  policy.Reason // why the first bad one is
}

// take looks at one more credential, and reports whether there can be no better.
func (c *choice) take(subject *policy.Subject, why policy.Reason) bool {
	if subject == nil {
		if c.refused == policy.NoReason {
			c.refused = why
		}
		return false
	}
	fits := c.audience == "" || slices.Contains(subject.Audience, c.audience)
	if fits || c.best == nil {
		c.best = subject
	}
	return fits
}

// nextCookie returns the value of the first cookie of that name that has one, and
// what follows it. Cookies are split like browsers and net/http do (RFC 6265
// §5.4): at each semicolon. Nothing else in other cookies matters, and a value
// in quotes is none of ours.
func nextCookie(field, name string) (value, rest string) {
	for field != "" {
		var pair string
		pair, field, _ = strings.Cut(field, ";")
		pair = strings.Trim(pair, " \t")
		if len(pair) > len(name)+1 && pair[len(name)] == '=' && pair[:len(name)] == name {
			return pair[len(name)+1:], field
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
