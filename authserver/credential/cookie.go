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

// PathCookieName is that cookie where it is for a part of the host only, which
// CookieName cannot be (it demands Path=/). Other hosts of the domain may plant
// one over HTTPS. So it counts only where the policy is for such a part, and only
// with a token that was made for it; and BindCookieName tells it from a planted one.
const PathCookieName = "__Secure-ostiary"

// BindCookieName is set along with PathCookieName, for the whole host. It lets nobody
// in: it holds what the tokens of this browser's PathCookieName say, too. No other
// host can plant it, so that a browser which has one takes no planted PathCookieName.
const BindCookieName = "__Host-ostiary-bind"

// maxCookies bounds how much of a Cookie field is looked at, in bytes: no listener
// takes a longer one. What in it is none of ours costs a MAC at most, and pushes out
// nothing.
const maxCookies = 64 << 10

// Subject returns who sent a request, going by its Cookie and Authorization fields
// (empty: not sent). CookieName comes before PathCookieName, and that before
// Authorization: of these, the first that counts at the place wins, and if none
// does, the first that is good; a cookie that is not enough there
// (Place.RefusesCookies), only without one in Authorization. Of several cookies of one name, those that do not
// count are as if they were not there; of those that do and name one person, the
// newest wins, and if they name several, nobody knows who this is: none does.
//
// If there is nobody, Refused is why the first bad one is; NoReason if nothing was
// presented. A bearer token that is none of ours is a bad one: it may be the
// application's own, and a policy lets it through with Bypass, not by accident. It
// keeps nothing of the strings that it was given.
func (v *Verifier) Subject(at policy.Place, cookie, authorization string, now time.Time) policy.Presented {
	cookie = cookie[:min(len(cookie), maxCookies)]
	token := bearer(authorization)
	c := choice{at: at, alone: token == "" && !strings.Contains(cookie, PathCookieName)}
	made := c.cookies(v, cookie, CookieName, now) || !c.alone && c.ofPart(v, cookie, now)
	if made && (token == "" || !at.RefusesCookies()) {
		return c.best
	}
	subject, why := v.Verify(token, now)
	if subject == nil {
		c.refuse(why)
	} else if c.best.Subject == nil || at.Counts(subject) {
		c.best = policy.Presented{Subject: subject, InHeader: true}
	}
	if c.best.Subject == nil {
		c.best.Refused = c.refused
	}
	return c.best
}

// A choice is made among the credentials of a request.
type choice struct {
	at    policy.Place
	alone bool // there is one name only: one good one needs not be judged here, too
	// best is the first good one, until one counts.
	best    policy.Presented
	refused policy.Reason // why the first bad one is
}

func (c *choice) refuse(why policy.Reason) {
	if c.refused == policy.NoReason {
		c.refused = why
	}
}

// ofPart looks at the cookies for a part of the host, where they can count.
func (c *choice) ofPart(v *Verifier, field string, now time.Time) bool {
	return strings.Contains(field, PathCookieName) && c.at.PathScoped() && c.cookies(v, field, PathCookieName, now)
}

// cookies looks at the cookies of a name, and reports whether the choice is made.
func (c *choice) cookies(v *Verifier, field, name string, now time.Time) bool {
	var room [4]*policy.Subject
	good := room[:0]
	for rest := field; rest != ""; {
		var token string
		if token, rest = nextCookie(rest, name); token == "" {
			break
		}
		subject, why := v.Verify(token, now)
		switch {
		case subject == nil:
			c.refuse(why)
		// A token for the scripts of one origin is good where they put it, and
		// browsers say from where: in Authorization. Cookies come with requests
		// that no script made, and some that do not say from where. So nobody
		// can turn a token that a page was given into a session in a browser.
		// An agent puts its token there as well, and no browser does it for one.
		// Nor can one for a part of the host become one of it all, or the other
		// way about: they are kept in different ways.
		case subject.AuthorizedParty != "", subject.Client != "", subject.PathScoped != (name == PathCookieName):
			c.refuse(policy.BadSignature)
		default:
			good = append(good, subject)
		}
	}
	if len(good) == 0 {
		return false
	}
	if c.best.Subject == nil {
		c.best = policy.Presented{Subject: good[0]}
	}
	if c.alone && len(good) == 1 {
		return true
	}
	return c.among(good, field, name)
}

// among chooses among the good cookies of a name, and reports whether it did.
func (c *choice) among(good []*policy.Subject, field, name string) bool {
	var winner *policy.Subject
	bound := name == PathCookieName && hasCookie(field, BindCookieName)
	for _, s := range good {
		switch {
		case bound && !hasBind(field, s.Bind), !c.at.Counts(s):
		case winner == nil:
			winner = s
		case !bound && !s.SamePerson(winner):
			// One of them is somebody else's, and which one cannot be told.
			c.best = policy.Presented{}
			c.refuse(policy.BadSignature)
			return false
		case newer(s, winner):
			winner = s
		}
	}
	if winner != nil {
		c.best = policy.Presented{Subject: winner}
	} else if bound && c.best.Subject == good[0] { // it may be another browser's
		c.best = policy.Presented{}
		c.refuse(policy.BadSignature)
	}
	return winner != nil
}

// newer reports whether a session is the younger one. The order in which cookies
// come, others may choose.
func newer(a, b *policy.Subject) bool {
	if c := a.IssuedAt.Compare(b.IssuedAt); c != 0 {
		return c > 0
	}
	return a.Token > b.Token
}

func hasCookie(field, name string) bool {
	value, _ := nextCookie(field, name)
	return value != ""
}

// hasBind reports whether a BindCookieName has this value. There may be two: one in
// the jar of the site that embeds the application.
func hasBind(field, bind string) bool {
	for value := ""; field != ""; {
		if value, field = nextCookie(field, BindCookieName); value != "" && value == bind {
			return true
		}
	}
	return false
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

// BearerToken returns the token of an Authorization field of that scheme; empty: it has
// none.
func BearerToken(authorization string) string { return bearer(authorization) }

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
