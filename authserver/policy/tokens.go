// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/url"
	"slices"
	"time"
)

// Session reports whether a credential is a session on a host: NoReason if it is
// good for some policy there, and otherwise why it is not. unsaid is how old it
// may be where a policy says nothing; 0: as old as it says itself.
func (t *Table) Session(host string, s *Subject, now time.Time, unsaid time.Duration) Reason {
	switch {
	case t == nil:
		return NotReady
	case s == nil:
		return NoSession
	case t.claims(host).empty():
		return NoPolicy
	case s.Client != "": // what a client holds for somebody is no session of theirs
		return WrongAudience
	}
	why := WrongAudience
	for _, a := range t.claims(host).apps() {
		if !a.meant(s, host, "") { // which a token for pages never is
			continue
		}
		is := t.standing(a, s, now)
		if is == NoReason && a.outlives(s, now, unsaid) {
			is = SessionExpired
		}
		if is == NoReason {
			return NoReason
		}
		if why == WrongAudience {
			why = is
		}
	}
	return why
}

// outlives reports whether a credential is too old for every rule of the policy.
func (a *app) outlives(s *Subject, now time.Time, unsaid time.Duration) bool {
	limit, open := a.longest()
	if open {
		if unsaid == 0 {
			return false
		}
		limit = max(limit, unsaid)
	}
	return limit > 0 && now.Sub(s.IssuedAt) > limit
}

// maxAudience bounds for how many policies one credential is made: it has to fit
// into a cookie.
const maxAudience = 32

// TokenAudience returns which policies on a host take tokens from pages of the
// origin, and would let the subject do something there.
func (t *Table) TokenAudience(host, origin string, s *Subject, now time.Time) []string {
	if t == nil || s == nil || s.Client != "" {
		return nil
	}
	var out []string
	for _, a := range t.claims(host).apps() {
		if len(out) < maxAudience && a.cors.takesTokens(origin) && t.standing(a, s, now) == NoReason && t.everAdmits(a, s) {
			out = append(out, a.audience)
		}
	}
	return out
}

// everAdmits reports whether an Allow rule admits the subject to anything, from
// anywhere: by some method, and from the address that suits them best.
func (t *Table) everAdmits(a *app, s *Subject) bool {
	methods := []string{""} // which stands for those that no rule names
	for i := range a.identity {
		methods = append(methods, a.identity[i].methods...)
	}
	v := visitor{subject: s, hopeful: true, table: t}
	return slices.ContainsFunc(methods, func(method string) bool {
		for i := range a.identity {
			if a.identity[i].match(method, &v) == yes {
				return a.identity[i].action == Allow
			}
		}
		return false
	})
}

// CookiePaths returns the paths on a host whose sessions have cookies of their own.
func (t *Table) CookiePaths(host string) []string {
	if t == nil {
		return nil
	}
	var out []string
	t.claims(host).each(func(c claim) {
		if !c.app.defective && c.app.signIn.scoped() {
			out = append(out, cookiePath(c.path))
		}
	})
	slices.Sort(out)
	return slices.Compact(out)
}

// cookiePath writes a claim's path as browsers send it, and so compare it with
// that of a cookie (RFC 6265 §5.1.4).
func cookiePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }
