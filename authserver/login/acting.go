// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/url"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// An Errand is what a client wants to do for whoever is signed in at the team host, and where
// that page is.
type Errand struct {
	// Client is its id; empty: it is not known yet who that is.
	Client string
	// Target is at the application; it may be nothing.
	Target policy.Target
	// Page is the address of the page that asks, on the team host: they come back to it.
	Page string
	// StepUp is the authentication method that it wants of them beyond what the policy does (RFC
	// 9470 §4); empty, or one that nobody can be asked for: none.
	StepUp string
}

// steppedMark says in the address of a page that somebody was asked for a stronger sign-in.
const steppedMark = "stepped"

// donePage is Page with a mark that whoever comes back need not be sent again; stepped: nor be asked
// for a stronger sign-in.
func (e *Errand) donePage(stepped bool) string {
	u, err := url.Parse(e.Page)
	if err != nil {
		return e.Page
	}
	q := u.Query()
	q.Set("done", "1")
	if stepped {
		q.Set(steppedMark, "1")
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// errand makes a visit of one: an attempt of the team host itself, which leads back to the
// page, by what the application asks of those who sign in.
func (h *Handler) errand(x *public.Exchange, e *Errand) (v visit, ok bool) {
	v.attempt = attempt{ID: public.RandomID(), Host: h.TeamHost(), Dest: text(e.donePage(false)), At: x.Now.Unix(),
		Browser: digest(h.keepKey(x, false)), StepUp: methodNamed(e.StepUp), Stepped: x.Query.Has(steppedMark)}
	v.steppedDest = text(e.donePage(true))
	v.target = e.Target
	v.signIn, _ = x.Table.SignIn(e.Target, h.Origin(e.Target.Host()))
	sealed, err := x.Ring.Seal(purposeAttempt, v.attempt, x.Now.Add(readTime), x.Now)
	if err != nil {
		h.Broken(x, err)
		return v, false
	}
	x.Query.Set("attempt", sealed)
	return v, true
}

// SignInFor has somebody sign in who comes back to the page then.
func (h *Handler) SignInFor(x *public.Exchange, e *Errand, why policy.Reason) {
	if !h.configured() {
		h.notConfigured(x)
		return
	}
	v, ok := h.errand(x, e)
	if !ok {
		return
	}
	x.Query.Del("idp") // a client does not say who says who somebody is
	if x.Cookie(teamCookie) != "" {
		x.DropCookie(teamCookie) // it is of no use, or somebody else planted it
	}
	h.offerProviders(x, v, why == policy.SessionRevoked || mustSignInAnew(x))
}

// Admits reports whether an application admits somebody who is signed in, by a client, and
// returns what it may be told of them. If it is false, the request is answered: by a page that
// says why, or on the way to find out anew who they are.
func (h *Handler) Admits(x *public.Exchange, e *Errand, s *policy.Subject) (as policy.Subject, signIn policy.SignIn, ok bool) {
	v, ok := h.errand(x, e)
	if !ok {
		return as, signIn, false
	}
	x.Dest = e.Page
	x.Query.Del("idp")
	as = *s
	as.Client, as.GrantedAt = e.Client, x.Now
	told, elsewhere, ok := h.settle(x, &v, s, &as)
	if !ok {
		return as, signIn, false
	}
	as = *told
	reads := &v.signIn.Reads
	as.Groups, as.AMR, as.Asked = reads.Keep(as.Groups), reads.KeepAMR(as.AMR), reads.Asked()
	if !elsewhere {
		as.Asked = reads.AskedHere()
	}
	as.User = h.asTold(s).User
	return as, v.signIn, true
}

// StillThere reports whether somebody who let a client act for them is one whom we would know
// by now, and returns what their provider says of them, as far as it can be asked without them:
// that of built-in users can.
func (h *Handler) StillThere(x *public.Exchange, target policy.Target, s *policy.Subject) (as policy.Subject, ok bool) {
	as = *s
	p := h.Providers.Find(s.Provider)
	if p == nil || p.Name() != s.Provider || !p.Knows(s.ID) || x.Table.Revoked(s) {
		return as, false
	}
	if !p.Password() {
		return as, true
	}
	who, ok := p.Listed(s.ID)
	signIn, guarded := x.Table.SignIn(target, h.Origin(target.Host()))
	if !ok || !guarded {
		return as, false
	}
	reads := &signIn.Reads
	as.Claims, _ = x.Table.KeepClaims(reads, unclaimed(reads.Claims))
	as.Email, as.Groups, as.AMR, as.Asked = who.Email, reads.Keep(who.Groups), reads.KeepAMR(s.AMR), reads.AskedHere()
	as.IssuedAt = x.Now
	return as, true
}
