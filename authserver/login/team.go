// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// A visit is an attempt that has arrived at the team host.
type visit struct {
	attempt
	target policy.Target
	signIn policy.SignIn
}

// teamLogin is the team host's page for an attempt: straight back with a ticket
// for whoever has a session here, and otherwise a way to get one.
func (h *Handler) teamLogin(x *exchange, host string) {
	if x.r.Method == http.MethodPost {
		h.password(x, host)
		return
	}
	if !h.get(x) {
		return
	}
	if !x.query.Has("attempt") && x.table.Claims(canonicalHost(host)) {
		// A link to sign in, as Cloudflare's own library makes them: it begins at
		// the application, which alone can remember who began.
		h.redirect(x, h.own(canonicalHost(host), "login", url.Values{"rd": {x.query.Get("redirect_url")}}))
		return
	}
	if !h.configured() { // or not yet: a session that is there must not be dropped for it
		h.notConfigured(x)
		return
	}
	v, ok := h.arrive(x, host, x.query.Get("attempt"))
	if !ok {
		return
	}
	subject, why := h.teamSubject(x)
	if subject != nil {
		h.known(x, v, subject)
		return
	}
	if x.query.Has("done") {
		h.fail(x, http.StatusForbidden, "no-cookie", "Your browser keeps no cookies for this site",
			"Signing in worked, but the session did not arrive. Allow cookies for "+h.teamHost()+" and open the application again.")
		return
	}
	if x.cookie(teamCookie) != "" {
		x.dropCookie(teamCookie) // it is of no use, or somebody else planted it
	}
	h.offer(x, v, why == policy.SessionRevoked) // the provider may still know them
}

// arrive opens the attempt of a request for login/HOST.
func (h *Handler) arrive(x *exchange, host, sealed string) (visit, bool) {
	var a attempt
	err := x.ring.Open(purposeAttempt, sealed, &a, x.now)
	if err == nil && a.Host != canonicalHost(host) {
		err = errOtherHost
	}
	if err == nil {
		x.dest = string(a.Dest)
	}
	if err == nil && a.over(x.now) {
		if s, _ := h.teamSubject(x); s != nil && x.r.Method == http.MethodGet {
			// Somebody came back to this address. The application begins anew.
			h.redirect(x, h.own(a.Host, "login", url.Values{"rd": {x.dest}}))
			return visit{}, false
		}
		err = errOver
	}
	if err != nil {
		h.startOver(x, canonicalHost(host), "expired-attempt", "This sign-in took too long",
			"Signing in has to be done within ten minutes, beginning at the application.")
		return visit{}, false
	}
	return h.visitFor(x, a)
}

// visitFor finds out what an attempt takes.
func (h *Handler) visitFor(x *exchange, a attempt) (v visit, ok bool) {
	v.attempt = a
	var err error
	if v.target, err = targetOf(string(a.Dest)); err != nil || v.target.Host() != a.Host {
		v.target = h.root(a.Host)
	}
	if v.signIn, ok = x.table.SignIn(v.target, h.origin(v.Host)); !ok {
		h.fail(x, http.StatusForbidden, "no-policy", "Not permitted", "No valid access rules exist for this address, so nobody can open it.")
	}
	return v, ok
}

var errOver = errors.New("the time for the attempt is over")

var errOtherHost = errors.New("the attempt is for another host")

// known goes on with somebody who has a session at the team host.
func (h *Handler) known(x *exchange, v visit, s *policy.Subject) {
	d := h.judge(x, v.target, s, &v.signIn)
	switch {
	case d.Verdict == policy.Admit:
		h.issue(x, v, s)
	case d.Verdict == policy.Challenge && !x.query.Has("done"):
		h.offer(x, v, true)
	default:
		h.deny(x, v.Host, &d, s, &v.signIn)
	}
}

// offer shows the ways to sign in; the only one is taken without asking.
func (h *Handler) offer(x *exchange, v visit, again bool) {
	permitted := h.Providers.Permitted(v.signIn.Providers)
	named := x.query.Get("idp")
	var chosen *idp.Provider
	for _, p := range permitted {
		if p.Name() == named || len(permitted) == 1 {
			chosen = p
		}
	}
	switch {
	case len(permitted) == 0:
		h.fail(x, http.StatusServiceUnavailable, "not-configured", "Nobody can sign in to this application",
			"None of the identity providers that its access rules allow is set up. Please tell whoever runs it.")
	case chosen == nil:
		h.choose(x, v, permitted, again)
	case chosen.Password():
		h.showForm(x, http.StatusOK, v, x.query.Get("attempt"), chosen, "", "")
	default:
		h.visitProvider(x, v, chosen, providerLogin{Anew: again || x.query.Has("again")})
	}
}

func (h *Handler) choose(x *exchange, v visit, permitted []*idp.Provider, again bool) {
	view := web.ChooserView{Host: v.Host}
	for _, p := range permitted {
		q := url.Values{"attempt": {x.query.Get("attempt")}, "idp": {p.Name()}}
		if again {
			q.Set("again", "1")
		}
		view.Providers = append(view.Providers, web.ProviderLink{Name: p.DisplayName(), URL: h.own(h.teamHost(), "login/"+v.Host, q)})
	}
	h.page(x, http.StatusOK, "choose a provider", web.Chooser(view))
}

func canonicalHost(host string) string {
	t, err := policy.NewTarget(host, "/")
	if err != nil {
		return ""
	}
	return t.Host()
}
