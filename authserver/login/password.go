// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/web"
)

// passwordForm takes the form of the built-in users.
func (h *Handler) passwordForm(x *public.Exchange, host string) {
	if !h.ReadForm(x) {
		return
	}
	form := x.R.PostForm
	sealed := form.Get("attempt")
	v, ok := h.openAttempt(x, host, sealed)
	if !ok {
		return
	}
	var p *idp.Provider
	for _, permitted := range h.Providers.Permitted(v.signIn.Providers) {
		if permitted.Name() == form.Get("idp") && permitted.Password() {
			p = permitted
		}
	}
	if p == nil {
		h.Fail(x, web.ProviderChanged)
		return
	}
	h.checkPassword(x, v, sealed, p, strings.TrimSpace(form.Get("username")), form.Get("password"))
}

// checkPassword signs in whoever has the right password.
func (h *Handler) checkPassword(x *public.Exchange, v visit, sealed string, p *idp.Provider, name, password string) {
	address, account := h.Address(x.R), p.Name()+"\x00"+p.Account(name)
	device := deviceOf(x, p.Name()+"\x00"+p.IDOf(name))
	charge, ok := h.limits.guess(address, account, device, x.Now)
	if !ok {
		h.limited(x, "password", p.Name(), v.Host, known(p.IDOf(name))...)
		return
	}
	began := h.Now()
	identity, err := p.CheckPassword(x.R.Context(), turn(address, device), name, password)
	h.SignIns.Asked(p.Name(), h.Now().Sub(began))
	if !errors.Is(err, idp.ErrWrongPassword) {
		charge.giveBack()
	}
	switch {
	case errors.Is(err, idp.ErrWrongPassword):
		problem := web.WrongPassword
		if len(password) > idp.MaxPassword { // whoever it is, so that it gives nobody away
			problem = web.PasswordTooLong
			h.Log.Warn("a password is longer than bcrypt can tell apart, so it matches no user: choose one of at most 72 bytes, and hash that",
				"provider", p.Name(), "limit", idp.MaxPassword, "requestID", x.ID)
		}
		h.came(x, p.Name(), v.Host, telemetry.WrongPassword, slog.LevelInfo, "sign-in failed", known(p.IDOf(name))...)
		h.showForm(x, http.StatusUnauthorized, v, sealed, p, name, problem)
	case errors.Is(err, idp.ErrBusy):
		x.W.Header().Set("Retry-After", "5")
		h.came(x, p.Name(), v.Host, telemetry.PasswordsBusy, slog.LevelWarn, "sign-in failed", known(p.IDOf(name))...)
		h.showForm(x, http.StatusServiceUnavailable, v, sealed, p, name, web.PasswordsBusy)
	case err != nil:
		h.providerFailed(x, p, v.Host, err)
	default:
		h.afterPassword(x, &v.attempt, p, identity)
	}
}

// turn says with whom somebody shares their turns: with their address, and all those
// with each other of whom none is known. A browser that signed in to the account
// before shares with nobody.
func turn(a netip.Addr, device string) idp.Turn {
	switch {
	case device != "":
		return idp.Turn{Lane: "device " + device, Known: true}
	case a.IsValid():
		return idp.Turn{Lane: public.Network(a)}
	}
	return idp.Turn{}
}

func (h *Handler) showForm(x *public.Exchange, status int, v visit, sealed string, p *idp.Provider, name, problem string) {
	view := web.LoginView{
		Host: v.Host, Provider: p.DisplayName(), Action: h.Own(h.TeamHost(), "login/"+v.Host, nil),
		Hidden:   []web.Field{{Name: "attempt", Value: sealed}, {Name: "idp", Value: p.Name()}},
		Username: name, Problem: problem, RequestID: x.ID,
	}
	if len(h.Providers.Permitted(v.signIn.Providers)) > 1 {
		view.OthersURL = h.Own(h.TeamHost(), "login/"+v.Host, url.Values{"attempt": {sealed}})
	}
	h.LoginPage(x, status, view)
}
