// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/web"
)

// maxForm bounds the body of a form.
const maxForm = 16 << 10

// password takes the form of the built-in users.
func (h *Handler) password(x *exchange, host string) {
	x.r.Body = http.MaxBytesReader(x.w, x.r.Body, maxForm)
	if err := x.r.ParseForm(); err != nil {
		h.fail(x, http.StatusBadRequest, "bad-request", "This form cannot be read", "Open the application again.")
		return
	}
	form := x.r.PostForm
	sealed := form.Get("attempt")
	v, ok := h.arrive(x, host, sealed)
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
		h.fail(x, http.StatusBadRequest, "no-provider", "This way to sign in is gone", "Its settings were changed a moment ago. Open the application again.")
		return
	}
	name := form.Get("username")
	account := p.Name() + "\x00" + strings.ToLower(name)
	if !h.limits.guess(h.Address(x.r), account, x.deviceOf(account), x.now) {
		h.tooMany(x)
		return
	}
	identity, err := p.CheckPassword(x.r.Context(), name, form.Get("password"))
	switch {
	case errors.Is(err, idp.ErrWrongPassword):
		h.Log.Info("sign-in failed", "provider", p.Name(), "host", v.Host, "requestID", x.id)
		h.showForm(x, http.StatusUnauthorized, v, sealed, p, name, "The name or the password is wrong.")
	case errors.Is(err, idp.ErrBusy):
		x.w.Header().Set("Retry-After", "5")
		h.showForm(x, http.StatusServiceUnavailable, v, sealed, p, name, "Too many people are signing in right now. Try again in a moment.")
	case err != nil:
		h.providerFailed(x, p, v.Host, err)
	default:
		x.rememberDevice(account)
		h.signedIn(x, identity, v.attempt)
	}
}

func (h *Handler) showForm(x *exchange, status int, v visit, sealed string, p *idp.Provider, name, problem string) {
	h.page(x, status, "sign in", web.Login(web.LoginView{
		Host: v.Host, Provider: p.DisplayName(), Action: h.own(h.teamHost(), "login/"+v.Host, nil),
		Hidden:   []web.Field{{Name: "attempt", Value: sealed}, {Name: "idp", Value: p.Name()}},
		Username: name, Problem: problem, RequestID: x.id,
	}))
}
