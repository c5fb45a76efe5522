// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"net/url"
	"slices"
	"time"
)

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
	// Duration is the longest that a rule of the audience says a session may last;
	// 0: none says anything. Unsaid: one of them says nothing.
	Duration time.Duration
	Unsaid   bool
	Cookie   Cookie
	Path     string // what Cookie.PathScoped means, as it stands in a URL
	Reads    Reads
	Denied   Denied
}

// Reads is what rules look at, of what an identity provider says. The rest need
// not travel.
type Reads struct {
	Groups []string // sorted
	AMR    bool
	asked  []string // what stands for what each policy looks at
}

// Keep returns those of the groups that are read.
func (r *Reads) Keep(groups []string) []string {
	var out []string
	for _, g := range groups {
		if _, ok := slices.BinarySearch(r.Groups, g); ok {
			out = append(out, g)
		}
	}
	return out
}

// KeepAMR returns the methods if they are read.
func (r *Reads) KeepAMR(amr []string) []string {
	if r.AMR {
		return amr
	}
	return nil
}

func (r *Reads) sort() {
	slices.Sort(r.Groups)
	r.Groups = slices.Compact(r.Groups)
}

// A signIn is what a policy says of signing in. Most say nothing, which is nil.
type signIn struct {
	providers []string
	cookie    Cookie
	denied    Denied
	reads     Reads
	asked     string // stands for the reads; empty: there are none
}

func compileSignIn(p *Policy) *signIn {
	s := &signIn{providers: slices.Clone(p.IdentityProviders), cookie: p.Session.Cookie, denied: p.Denied, reads: readsOf(p)}
	s.cookie.PathScoped = p.Session.Cookie.PathScoped && !claimsAll(p.Paths)
	s.asked = s.reads.digest()
	if len(s.providers) == 0 && s.cookie == (Cookie{}) && s.denied == (Denied{}) && s.asked == "" {
		return nil
	}
	return s
}

func readsOf(p *Policy) (out Reads) {
	for i := range p.Rules {
		for _, list := range p.Rules[i].lists() {
			for j := range list {
				switch list[j].Property {
				case IdPGroup:
					out.Groups = append(out.Groups, list[j].Value)
				case AuthMethod:
					out.AMR = true
				case NoProperty, Everyone, Email, EmailDomain, Address, LoginMethod:
				}
			}
		}
	}
	out.sort()
	return out
}

// claimsAll reports whether the paths of a policy are the whole host.
func claimsAll(paths []Path) bool {
	return len(paths) == 0 || slices.Contains(paths, Path{Value: "/"})
}

// permits reports whether the subject came from a provider that may say who
// people are. Machines come from none.
func (s *signIn) permits(u *Subject) bool {
	return s == nil || len(s.providers) == 0 || u.Service || slices.Contains(s.providers, u.Provider)
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

// each calls visit with all claims on a host.
func (r *claims) each(visit func(c claim)) {
	if r == nil {
		return
	}
	for _, c := range r.few {
		visit(c)
	}
	if r.many == nil {
		return
	}
	for path, a := range r.many.exact {
		visit(claim{path, true, a})
	}
	for path, a := range r.many.prefix {
		visit(claim{path, false, a})
	}
}

// apps returns who has claims on a host and no mistakes, by name.
func (r *claims) apps() []*app {
	var out []*app
	r.each(func(c claim) {
		if !c.app.defective && !slices.Contains(out, c.app) {
			out = append(out, c.app)
		}
	})
	slices.SortFunc(out, func(x, y *app) int { return cmp.Compare(x.audience, y.audience) })
	return out
}

// claimOn returns the path of the app's most specific claim on a path.
func (r *claims) claimOn(path string, a *app) string {
	best := claim{}
	r.each(func(c claim) {
		if c.app == a && c.covers(path) && (!best.exact && len(c.path) >= len(best.path) || c.exact) {
			best = c
		}
	})
	return best.path
}

// SignIn says what signing in takes for a target. The origin is that of the
// target's host: other applications may take its tokens. It is false if no
// policy guards the target, or only one that has mistakes.
func (t *Table) SignIn(target Target, origin string) (SignIn, bool) {
	if t == nil {
		return SignIn{}, false
	}
	a, why := t.find(&target, true) // a host that others claim, too, is signed in to all the same
	if why != NoReason {
		return SignIn{}, false
	}
	claims := t.claims(target.host)
	out := SignIn{Policy: a.source}
	if s := a.signIn; s != nil {
		out.Providers, out.Cookie, out.Denied = slices.Clone(s.providers), s.cookie, s.denied
	}
	apps := []*app{a}
	if a.signIn.scoped() {
		out.Path = cookiePath(claims.claimOn(target.path, a))
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
		out.Reads.add(o.signIn)
	}
	t.readElsewhere(&out.Reads, a.source.Namespace, origin)
	out.Reads.sort()
	return out, true
}

// maxElsewhere bounds what a session carries for other applications, in bytes of
// group names and what stands for them. Those who write policies elsewhere choose
// them: without a bound they could make the cookies of a host too large.
const maxElsewhere = 1024

// readElsewhere adds what those policies look at that take tokens from an origin:
// first those of the namespace, and then the older ones, as far as there is room.
// For the others no token is made, as the session does not answer what they ask.
func (t *Table) readElsewhere(r *Reads, namespace, origin string) {
	room := maxElsewhere
	for _, own := range [...]bool{true, false} {
		for _, a := range t.takers {
			if (a.source.Namespace == namespace) == own && a.cors.takesTokens(origin) && a.signIn.size() <= room {
				room -= a.signIn.size()
				r.add(a.signIn)
			}
		}
	}
}

// cookiePath writes a claim's path as browsers send it, and so compare it with
// that of a cookie (RFC 6265 §5.1.4).
func cookiePath(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// Reads returns what any rule of the table looks at.
func (t *Table) Reads() Reads {
	var out Reads
	if t == nil {
		return out
	}
	for _, hosts := range []map[string]*claims{t.exact, t.wild} {
		for _, r := range hosts {
			for _, a := range r.apps() {
				out.add(a.signIn)
			}
		}
	}
	out.sort()
	return out
}

// Claims reports whether a claim on the host, or on the "*." host above it, is in force.
func (t *Table) Claims(host string) bool { return t != nil && !t.claims(host).empty() }

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

// TokenAudience returns which policies on a host take tokens from pages of the
// origin, and would let the subject do something there.
func (t *Table) TokenAudience(host, origin string, s *Subject, now time.Time) []string {
	if t == nil || s == nil {
		return nil
	}
	var out []string
	for _, a := range t.claims(host).apps() {
		if len(out) < maxAudience && a.cors.takesTokens(origin) && t.standing(a, s, now) == NoReason && a.everAdmits(s) {
			out = append(out, a.audience)
		}
	}
	return out
}

// everAdmits reports whether an Allow rule admits the subject to anything, from
// anywhere: by some method, and from the address that suits them best.
func (a *app) everAdmits(s *Subject) bool {
	methods := []string{""} // which stands for those that no rule names
	for i := range a.identity {
		methods = append(methods, a.identity[i].methods...)
	}
	v := visitor{subject: s, hopeful: true}
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
