// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// A visit is an attempt that has arrived at the team host.
type visit struct {
	attempt
	target policy.Target
	signIn policy.SignIn
	// steppedDest is where an errand leads once somebody was asked for a stronger sign-in.
	steppedDest text
}

// teamLogin is the team host's page for an attempt: straight back with a ticket
// for whoever has a session here, and otherwise a way to get one.
func (h *Handler) teamLogin(x *public.Exchange, host string) {
	if x.R.Method == http.MethodPost {
		h.passwordForm(x, host)
		return
	}
	if !h.Get(x) {
		return
	}
	if !x.Query.Has("attempt") && x.Table.Claims(public.CanonicalHost(host)) {
		// A link to sign in, as Cloudflare's own library makes them: it begins at
		// the application, which alone can remember who began.
		h.beginAt(x, public.CanonicalHost(host), x.Query.Get("redirect_url"), "", false)
		return
	}
	if !h.configured() { // or not yet: a session that is there must not be dropped for it
		h.notConfigured(x)
		return
	}
	v, ok := h.openAttempt(x, host, x.Query.Get("attempt"))
	if !ok {
		return
	}
	subject, why := h.TeamSubject(x)
	if subject != nil {
		h.goOn(x, v, subject)
		return
	}
	if h.outOfFrame(x, &v.attempt) {
		return
	}
	if x.Query.Has("done") {
		h.Fail(x, web.NoCookies(h.TeamHost()))
		return
	}
	if x.Cookie(teamCookie) != "" {
		x.DropCookie(teamCookie) // it is of no use, or somebody else planted it
	}
	h.offerProviders(x, v, why == policy.SessionRevoked || mustSignInAnew(x)) // the provider may still know them
}

// openAttempt opens the attempt of a request for login/HOST.
func (h *Handler) openAttempt(x *public.Exchange, host, sealed string) (visit, bool) {
	var a attempt
	err := x.Ring.Open(purposeAttempt, sealed, &a, x.Now)
	if err == nil && a.Host != public.CanonicalHost(host) {
		err = errOtherHost
	}
	if err == nil {
		x.Dest = string(a.Dest)
	}
	if err == nil && a.isOver(x.Now) {
		if s, _ := h.TeamSubject(x); s != nil && x.R.Method == http.MethodGet {
			// Somebody came back to this address. The application begins anew.
			h.beginAt(x, a.Host, x.Dest, a.For, a.Cut)
			return visit{}, false
		}
		err = errOver
	}
	if err != nil {
		h.startOver(x, public.CanonicalHost(host), web.StartAgain, web.AttemptExpired)
		return visit{}, false
	}
	return h.visitFor(x, a)
}

// leadsTo is what an attempt has to open: somewhere on its host.
func (h *Handler) leadsTo(a *attempt) policy.Target {
	dest := string(a.Dest)
	if a.For != "" {
		dest = h.Origin(a.Host) + string(a.For)
	}
	target, err := targetOf(dest)
	if err != nil || target.Host() != a.Host {
		return h.root(a.Host)
	}
	return target
}

// visitFor finds out what an attempt takes.
func (h *Handler) visitFor(x *public.Exchange, a attempt) (v visit, ok bool) {
	v.attempt, v.target = a, h.leadsTo(&a)
	if a.Host == h.TeamHost() { // whoever can sign in at all may see its pages
		return v, true
	}
	if v.signIn, ok = x.Table.SignIn(v.target, h.Origin(v.Host)); !ok {
		h.Fail(x, web.NoRules)
	}
	return v, ok
}

var errOver = errors.New("the time for the attempt is over")

var errOtherHost = errors.New("the attempt is for another host")

// goOn goes on with somebody who has a session at the team host.
func (h *Handler) goOn(x *public.Exchange, v visit, s *policy.Subject) {
	if v.Host == h.TeamHost() {
		if x.Query.Has("idp") && !x.Query.Has("done") { // they were asked to choose, see errand
			h.offerProviders(x, v, true)
			return
		}
		h.Redirect(x, string(v.Dest))
		return
	}
	as := *s
	if told, elsewhere, ok := h.settle(x, &v, s, &as); ok {
		h.issueTicket(x, v, told, elsewhere)
	}
}

// settle finds out whether an application admits somebody with a session at the team host, as
// whom it is to know them, and what of that. elsewhere: the claims are all that policies
// elsewhere look at, too. If it is false, the request is answered.
func (h *Handler) settle(x *public.Exchange, v *visit, s, as *policy.Subject) (told *policy.Subject, elsewhere, ok bool) {
	if h.returns(x, v, s) {
		return nil, false, false
	}
	as.Claims, elsewhere = x.Table.KeepClaims(&v.signIn.Reads, s.Claims)
	if names := policy.UnsaidOf(as.Claims); len(names) > 0 {
		h.Log.Warn("claims that rules look at cannot be told of a user: "+
			"rules that let people in by them do not match, and those that keep people out do",
			"claims", names, "provider", s.Provider, "user", s.ID, "host", v.target.Host(), "requestID", x.ID)
	}
	if !h.evaluate(x, v, as) {
		return nil, false, false
	}
	d := h.judge(x, v.target, as, &v.signIn)
	if h.stepUp(x, v, s, &d) {
		return nil, false, false
	}
	switch {
	case d.Verdict == policy.Admit:
		return as, elsewhere, true
	case d.Verdict == policy.Challenge && d.Reason == policy.SessionExpired && !x.Query.Has("done"):
		h.renew(x, *v, s)
	case d.Verdict == policy.Challenge && d.StepUp == "" && !x.Query.Has("done"):
		h.offerProviders(x, *v, true)
	default:
		h.denyVisit(x, v, &d, s)
	}
	return nil, false, false
}

// denyVisit says that somebody may not pass, where that can be seen.
func (h *Handler) denyVisit(x *public.Exchange, v *visit, d *policy.Decision, s *policy.Subject) {
	if !h.outOfFrame(x, &v.attempt) {
		h.deny(x, v.target, d, s, &v.signIn)
	}
}

// returns has somebody sign in again of whom too little is known: whether it is still they, or a claim that
// their provider was not asked for. If it is true, the request is answered.
func (h *Handler) returns(x *public.Exchange, v *visit, s *policy.Subject) bool {
	switch {
	case h.isUnused(x, &v.signIn, s):
		h.offerProviders(x, *v, true)
	case !x.Table.Carries(s.Claims, &v.signIn.Reads) && !x.Query.Has("done"):
		h.offerProviders(x, *v, false)
	default:
		return false
	}
	return true
}

// offerProviders shows the ways to sign in; the only one is taken without asking.
func (h *Handler) offerProviders(x *public.Exchange, v visit, again bool) {
	if h.outOfFrame(x, &v.attempt) {
		return
	}
	permitted := h.Providers.Permitted(v.signIn.Providers)
	named := x.Query.Get("idp")
	var chosen *idp.Provider
	for _, p := range permitted {
		if p.Name() == named || len(permitted) == 1 {
			chosen = p
		}
	}
	switch {
	case len(permitted) == 0:
		h.Fail(x, web.NoPermittedProvider)
	case chosen == nil:
		h.chooseProvider(x, v, permitted, again)
	case chosen.Password():
		h.showForm(x, http.StatusOK, v, x.Query.Get("attempt"), chosen, "", "")
	default:
		h.visitProvider(x, v, chosen, providerLogin{Anew: again || x.Query.Has("again")})
	}
}

func (h *Handler) chooseProvider(x *public.Exchange, v visit, permitted []*idp.Provider, again bool) {
	view := web.ChooserView{Host: v.Host}
	for _, p := range permitted {
		q := url.Values{"attempt": {x.Query.Get("attempt")}, "idp": {p.Name()}}
		if again {
			q.Set("again", "1")
		}
		view.Providers = append(view.Providers, web.ProviderLink{Name: p.DisplayName(), URL: h.Own(h.TeamHost(), "login/"+v.Host, q)})
	}
	h.Page(x, http.StatusOK, "choose a provider", web.Chooser(view))
}
