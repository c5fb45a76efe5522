// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"time"
)

// A SignIn is what signing in to an application takes, and leads to.
type SignIn struct {
	Policy Source // that guards the target
	// Audience are the policies that the session is good for: those that share
	// the host, and so the cookie, with that one first.
	Audience  []string
	Providers []string // by name, who may say who somebody is. Empty: all
	// Duration is the longest that a rule of the audience says a session may last;
	// 0: none says anything. Unsaid: one of them says nothing.
	Duration time.Duration
	Unsaid   bool
	// Idle ends the session if it is not used for so long: the shortest of the audience, which
	// shares it. 0: nothing does.
	Idle   time.Duration
	Cookie Cookie
	Path   string // what Cookie.PathScoped means, as it stands in a URL
	Reads  Reads
	Denied Denied
	// Evaluations are the services that are to be asked about whoever signs in, those of
	// Policy first.
	Evaluations []Asking
}

// A signIn is what a policy says of signing in. Most say nothing, which is nil.
type signIn struct {
	providers []string
	cookie    Cookie
	denied    Denied
	reads     Reads
	idle      time.Duration
	asked     string // stands for the reads; empty: there are none
}

func compileSignIn(p *Policy) *signIn {
	s := &signIn{providers: slices.Clone(p.IdentityProviders), cookie: p.Session.Cookie, denied: p.Denied, reads: readsOf(p),
		idle: p.Session.Idle}
	s.cookie.PathScoped = p.Session.Cookie.PathScoped && !claimsAll(p.Paths)
	s.asked = s.reads.digest()
	if len(s.providers) == 0 && s.cookie == (Cookie{}) && s.denied == (Denied{}) && s.asked == "" && s.idle == 0 &&
		len(s.reads.evaluations) == 0 {
		return nil
	}
	return s
}

// claimsAll reports whether the paths of a policy are the whole host.
func claimsAll(paths []Path) bool {
	return len(paths) == 0 || slices.Contains(paths, Path{Value: "/"})
}

// permits reports whether the subject came from a provider that may say who
// people are.
func (s *signIn) permits(u *Subject) bool {
	return s == nil || len(s.providers) == 0 || slices.Contains(s.providers, u.Provider)
}

// saysSameSite reports whether the policy says with which requests the cookie goes.
func (a *app) saysSameSite() bool {
	return a.signIn != nil && a.signIn.cookie.SameSite != SameSiteUnsaid
}

// sameSite is with which requests the policy wants its cookie sent.
func (a *app) sameSite() SameSite {
	switch {
	case a.saysSameSite():
		return a.signIn.cookie.SameSite
	case a.cors != nil && a.cors.credentials, a.signIn != nil && a.signIn.cookie.Partitioned:
		return SameSiteNone
	default:
		return SameSiteLax
	}
}

// sharedSameSite is what the first of some policies sets that share a cookie. Unless it
// says what, it goes by what the others need.
func sharedSameSite(apps []*app) SameSite {
	if !apps[0].saysSameSite() && slices.ContainsFunc(apps, func(o *app) bool { return o.sameSite() == SameSiteNone }) {
		return SameSiteNone
	}
	return apps[0].sameSite()
}

// scoped reports whether the policy's sessions are its own alone.
func (s *signIn) scoped() bool { return s != nil && s.cookie.PathScoped }

// unused returns how long a session may go without use; 0: any time.
func (s *signIn) unused() time.Duration {
	if s == nil {
		return 0
	}
	return s.idle
}

// shorter returns the shorter of two times of which 0 is none.
func shorter(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// longest returns for how long a credential can be good for the policy, by those
// Allow rules that say so, and whether one of them says nothing.
func (a *app) longest() (d time.Duration, unsaid bool) {
	for i := range a.identity {
		if ru := &a.identity[i]; ru.action == Allow {
			d = max(d, ru.duration)
			unsaid = unsaid || ru.duration == 0
		}
	}
	return d, unsaid
}

// claimOn returns the path of the policy's claim on a target: behind a dry run, it may stand
// on a pattern above the host.
func (t *Table) claimOn(r *claims, target Target, a *app) string {
	at := r.claimOn(target.path, a).path
	t.eachAbove(target.host, func(c *claims) bool {
		at = cmp.Or(at, c.claimOn(target.path, a).path)
		return at == ""
	})
	return at
}

// SignIn says what signing in takes for a target. The origin is that of the
// target's host: other applications may take its tokens. It is false if no
// policy guards the target, or only one that has mistakes.
func (t *Table) SignIn(target Target, origin string) (SignIn, bool) {
	if t == nil {
		return SignIn{}, false
	}
	a, dry, why := t.guarding(&target, true) // a host that others claim, too, is signed in to all the same
	if why != NoReason {
		return SignIn{}, false
	}
	claims := t.claims(target.host)
	out := SignIn{Policy: a.source}
	if s := a.signIn; s != nil {
		out.Providers, out.Cookie, out.Denied = slices.Clone(s.providers), s.cookie, s.denied
	}
	out.Providers = dry.narrow(a, out.Providers)
	apps := []*app{a}
	if a.signIn.scoped() {
		out.Path = cookiePath(t.claimOn(claims, target, a))
	} else {
		for _, o := range claims.apps() {
			if o != a && !o.signIn.scoped() && len(apps) < maxAudience {
				apps = append(apps, o)
			}
		}
	}
	out.Cookie.SameSite = sharedSameSite(apps)
	for _, o := range apps {
		out.Audience = append(out.Audience, o.audience)
		d, unsaid := o.longest()
		out.Duration, out.Unsaid = max(out.Duration, d), out.Unsaid || unsaid
		out.Idle = shorter(out.Idle, o.signIn.unused())
		t.readBy(&out.Reads, o)
	}
	out.Evaluations = t.askings(apps)
	t.readElsewhere(&out.Reads, a.source.Namespace, origin)
	out.Reads.sort()
	return out, true
}
