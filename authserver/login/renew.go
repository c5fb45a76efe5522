// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/url"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// renew finds out anew who somebody is with a session at the team host: what their provider
// said of them is older than a rule lets it be. Built-in users are looked up in their list. An
// OpenID provider is asked without a word to the person, as far as it knows them
// (prompt=none, OpenID Connect Core 1.0 §3.1.2.1), and else as for any sign-in.
func (h *Handler) renew(x *public.Exchange, v visit, s *policy.Subject) {
	p := h.Providers.Find(s.Provider)
	switch {
	case p == nil || p.Name() != s.Provider:
		h.offerProviders(x, v, true)
	case p.Password():
		h.lookUp(x, v, s, p)
	default:
		h.visitProvider(x, v, p, providerLogin{Silent: true})
	}
}

// lookUp renews the session of a built-in user by the list as it is now.
func (h *Handler) lookUp(x *public.Exchange, v visit, s *policy.Subject, p *idp.Provider) {
	who, ok := p.Listed(s.ID)
	if !ok {
		h.offerProviders(x, v, true)
		return
	}
	who.Claims, who.AMR = unclaimed(h.wanted(x, &v.attempt)), s.AMR // nobody signed in
	h.renewed(x, who, v.attempt, s.SignedInAt)
}

// renewed gives the browser the session at the team host anew. The time of the sign-in stays,
// as nobody signed in: what voids sessions that began before some time voids this as well, and
// --session-duration counts from then.
func (h *Handler) renewed(x *public.Exchange, who idp.Identity, a attempt, signedIn time.Time) {
	cookie, err := h.teamSession(x, who, &a, signedIn)
	if err != nil {
		h.tooLarge(x, err, who.Provider, who.ID, len(who.Groups))
		return
	}
	http.SetCookie(x.W, cookie)
	h.toTeam(x, a, url.Values{"done": {"1"}})
}

// takeRenewal takes what a provider said that was asked silently, or for more than it had said:
// it may have asked for a second factor alone, so that nobody signed in either.
func (h *Handler) takeRenewal(x *public.Exchange, p *idp.Provider, who idp.Identity, l *providerLogin) {
	s, why := h.TeamSubject(x)
	switch {
	case s != nil && s.SamePerson(&policy.Subject{Provider: who.Provider, ID: who.ID}):
		h.renewed(x, who, l.Attempt, s.SignedInAt)
	case s == nil && why == policy.SessionRevoked: // meanwhile: they sign in anew, or not at all
		h.askAloud(x, p, l, true)
	default: // somebody else is signed in there by now, or the session here is over
		h.signedIn(x, who, l.Attempt)
	}
}

// askAloud has a provider ask the person what it would not say without.
func (h *Handler) askAloud(x *public.Exchange, p *idp.Provider, l *providerLogin, anew bool) {
	if v, ok := h.visitFor(x, l.Attempt); ok && !h.outOfFrame(x, &l.Attempt) {
		h.visitProvider(x, v, p, providerLogin{Anew: anew, StepUp: l.StepUp})
	}
}
