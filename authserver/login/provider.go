// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"log/slog"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
	"github.com/ostiary/ostiary/authserver/web"
)

// visitProvider sends the browser to an OpenID provider. Nothing is remembered:
// the state is the visit, sealed, and what must not be seen by who sees an address,
// the browser's key yields.
func (h *Handler) visitProvider(x *public.Exchange, v visit, p *idp.Provider, l providerLogin) {
	key := h.keepKey(x, false)
	l.ID, l.Provider, l.Attempt, l.Browser, l.At = public.RandomID(), p.Name(), v.attempt, digest(key), x.Now.Unix()
	state, err := x.Ring.Seal(purposeProvider, l, x.Now.Add(readTime), x.Now)
	if err != nil {
		h.Broken(x, err)
		return
	}
	to, err := p.AuthCodeURL(x.R.Context(), idp.Start{State: state, Nonce: derive(key, "nonce", l.ID), Verifier: derive(key, "verifier", l.ID),
		RedirectURI: h.callbackURL(p.Name()), Reauthenticate: l.Anew, Silent: l.Silent, StepUp: l.StepUp})
	if err != nil {
		h.providerFailed(x, p, v.Host, err)
		return
	}
	h.Redirect(x, to)
}

func (h *Handler) callbackURL(provider string) string {
	return h.Own(h.TeamHost(), "idp/"+provider+"/callback", nil)
}

// callback is where an identity provider sends people back to. It answers a visit
// alone: what only looks, as HEAD does, must not use a code up.
func (h *Handler) callback(x *public.Exchange, name string) {
	if !h.Visit(x) {
		return
	}
	var l providerLogin
	state := x.Query["state"]
	if len(state) != 1 || x.Ring.Open(purposeProvider, state[0], &l, x.Now) != nil || l.Provider != name {
		h.stateUsed(x)
		return
	}
	x.Dest = string(l.Attempt.Dest)
	p := h.Providers.Find(name)
	if p == nil || p.Password() {
		h.Fail(x, web.ProviderRemoved)
		return
	}
	key, mine := holds(x, l.Browser)
	over := x.Now.Sub(time.Unix(l.At, 0)) >= attemptTime
	if mine && !over && h.states.Use(l.ID) {
		h.takeAnswer(x, p, &l, key)
		return
	}
	h.goOnWithout(x, p, &l, mine || over)
}

// goOnWithout takes a browser on that brings back a state which is of no use to it; spent:
// to nobody any more.
func (h *Handler) goOnWithout(x *public.Exchange, p *idp.Provider, l *providerLogin, spent bool) {
	// What came of another sign-in is as good: another tab was faster, or somebody
	// came back to this address.
	if s, _ := h.TeamSubject(x); s != nil {
		h.toTeam(x, l.Attempt, nil)
		return
	}
	if spent || x.Query.Has("error") || l.Again > 0 {
		h.stateUsed(x)
		return
	}
	// It was begun elsewhere, or by this browser with a key that a sign-in beside it
	// has overwritten. The provider is asked anew, once, and knows them by now.
	if v, ok := h.visitFor(x, l.Attempt); ok {
		h.visitProvider(x, v, p, providerLogin{Anew: l.Anew, Silent: l.Silent, StepUp: l.StepUp, Again: l.Again + 1})
	}
}

func (h *Handler) stateUsed(x *public.Exchange) {
	h.Fail(x, web.StateUsed)
}

// takeAnswer takes the answer of a provider that this browser was sent to.
func (h *Handler) takeAnswer(x *public.Exchange, p *idp.Provider, l *providerLogin, key string) {
	if l.Silent && x.Query.Has("error") { // login_required, or it knows no prompt=none: no loop, as this visit is not silent
		h.askAloud(x, p, l, false)
		return
	}
	if x.Query.Has("error") || !x.Query.Has("code") {
		h.providerRefused(x, p, l)
		return
	}
	charge, ok := h.limits.exchange(h.Address(x.R), knownDevice(x).ID, x.Now)
	if !ok {
		h.limited(x, "answer", p.Name(), l.Attempt.Host)
		return
	}
	own, others := h.wanted(x, &l.Attempt)
	began := h.Now()
	ctx, step := span.Within(x.R.Context(), "sign-in exchange")
	identity, err := p.Exchange(ctx, idp.Callback{Code: x.Query.Get("code"), Issuer: x.Query.Get("iss"), Claims: namesOf(own,
		others),
		Nonce:    derive(key, "nonce", l.ID),
		Verifier: derive(key, "verifier", l.ID), RedirectURI: h.callbackURL(p.Name()), Reauthenticate: l.Anew, StepUp: l.StepUp,
		Started: time.Unix(l.At, 0)})
	step.End()
	if err == nil {
		charge.giveBack()
	}
	h.SignIns.Asked(p.Name(), h.Now().Sub(began))
	if s, _ := h.TeamSubject(x); err != nil && s != nil && l.cameTo(s) {
		// Somebody came back to an address that another replica has used up.
		h.toTeam(x, l.Attempt, nil)
		return
	}
	if err != nil {
		h.providerFailed(x, p, l.Attempt.Host, err)
		return
	}
	if !h.knowsEnough(x, identity.Unsaid, &l.Attempt) {
		h.providerFailed(x, p, l.Attempt.Host, identity.Unsaid.Err)
		return
	}
	h.takeIdentity(x, p, identity, l)
}

// takeIdentity takes who the provider says that it is.
func (h *Handler) takeIdentity(x *public.Exchange, p *idp.Provider, who idp.Identity, l *providerLogin) {
	switch {
	case !l.Anew && mustSignInAnew(x): // they signed out meanwhile, in another tab
		h.askAloud(x, p, l, true)
		return
	case l.Silent, l.StepUp != "" && !l.Anew:
		h.takeRenewal(x, p, who, l)
		return
	case l.Anew:
		hasSignedInAnew(x)
	}
	h.signedIn(x, who, l.Attempt)
}

// knowsEnough reports whether somebody can be judged without what their provider could
// not be asked about. A session at the team host is for every application: what any
// rule would refuse them for has to be known.
func (h *Handler) knowsEnough(x *public.Exchange, unsaid idp.Unsaid, a *attempt) bool {
	reads := x.Table.Reads()
	if unsaid.Groups && len(reads.Groups) > 0 {
		return false
	}
	return !unsaid.Email || !x.Table.NeedsEmail(h.leadsTo(a))
}

// providerRefused shows that the identity provider said no, in its own words: often
// nothing else says what to do about it.
func (h *Handler) providerRefused(x *public.Exchange, p *idp.Provider, l *providerLogin) {
	code, words := idp.ErrorCode(x.Query.Get("error")), idp.Words(x.Query.Get("error_description"))
	h.came(x, p.Name(), l.Attempt.Host, telemetry.ProviderRefused, slog.LevelInfo, "the identity provider refused",
		slog.String("code", code), slog.String("description", words))
	h.startOver(x, l.Attempt.Host, web.StartAgain, web.ProviderRefused(p.DisplayName(), code, words))
}

func (h *Handler) providerFailed(x *public.Exchange, p *idp.Provider, host string, err error) {
	notice, outcome := web.ProviderDown(p.DisplayName()), telemetry.ProviderFailed
	if errors.Is(err, idp.ErrRejected) {
		notice, outcome = web.ProviderRejected(p.DisplayName()), telemetry.AnswerRejected
	}
	h.came(x, p.Name(), host, outcome, slog.LevelWarn, "the identity provider failed", slog.Any("error", err))
	h.startOver(x, host, web.TryAgain, notice)
}
