// SPDX-License-Identifier: Apache-2.0

package policy

import "time"

// maxAudience bounds for how many policies one credential is made: it has to fit
// into a cookie.
const maxAudience = 32

// A SignIn is what signing in to an application takes, and leads to.
type SignIn struct {
	Policy Source // that guards the target
	// Audience are the policies that the session is good for: those that share
	// the host, and so the cookie, with that one first.
	Audience  []string
	Providers []string // by name, who may say who somebody is. Empty: all
	// Duration is the longest that a policy of the audience lets a session last.
	// 0: none says anything.
	Duration time.Duration
	Cookie   Cookie
	Path     string // that Cookie.PathScoped means
	Reads    Reads
	Denied   Denied
}

// Reads is what rules look at, of what an identity provider says. The rest need
// not travel.
type Reads struct {
	Groups []string
	AMR    bool
}

// Keep returns those of the groups that are read.
func (r *Reads) Keep(groups []string) []string { return nil }

// Reads returns what any rule of the table looks at.
func (t *Table) Reads() Reads { return Reads{} }

// SignIn says what signing in takes for a target. The origin is that of the
// target's host: other applications may accept its tokens. It is false if no
// policy guards the target, or only one that has mistakes.
func (t *Table) SignIn(target Target, origin string) (SignIn, bool) { return SignIn{}, false }

// Claims reports whether some policy claims the host, or the "*." host above it.
func (t *Table) Claims(host string) bool { return t != nil && t.routes(host) != nil }

// Session reports whether a credential is a session on a host: NoReason if it is
// good for some policy there, and else why it is not.
func (t *Table) Session(host string, s *Subject, now time.Time) Reason { return NotReady }

// TokenAudience returns which policies on a host take tokens from pages of the
// origin, and would let the subject do something there.
func (t *Table) TokenAudience(host, origin string, s *Subject, now time.Time) []string { return nil }

// CookiePaths returns the paths on a host that have sessions of their own.
func (t *Table) CookiePaths(host string) []string { return nil }
