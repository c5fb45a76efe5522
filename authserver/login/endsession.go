// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/public"
)

const (
	// purposeGone is a parameter: team host → provider → team host.
	purposeGone = "signed out"
	// goneTime is how long a person may take at the provider, which may ask them.
	goneTime = time.Hour
	// endSessionTime bounds how long a provider's metadata is waited for: the sign-out here is done.
	endSessionTime = 3 * time.Second
)

// A departure is a sign-out that went on to the provider.
type departure struct {
	To         string `json:"to,omitempty"` // where to go afterwards; empty: stay
	Everywhere bool   `json:"all,omitempty"`
}

// endSession leads somebody who has signed out here to their provider, to end its session as well
// (OpenID Connect RP-Initiated Logout 1.0), if it is set up so. Whatever comes of that, the sign-out here stands.
func (h *Handler) endSession(x *public.Exchange, provider, email string, d departure) {
	if p := h.Providers.Find(provider); p != nil {
		to, err := h.endSessionURL(x, p, email, d)
		switch {
		case err != nil:
			h.Log.Warn("the session at the identity provider was not ended", "error", err, "provider", provider, "requestID", x.ID)
		case to != "":
			h.Redirect(x, to)
			return
		}
	}
	h.signedOut(x, d.To, d.Everywhere)
}

func (h *Handler) endSessionURL(x *public.Exchange, p *idp.Provider, email string, d departure) (string, error) {
	state, err := x.Ring.Seal(purposeGone, d, x.Now.Add(goneTime), x.Now)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(x.R.Context(), endSessionTime)
	defer cancel()
	return p.EndSessionURL(ctx, idp.Goodbye{State: state, RedirectURI: h.Own(h.TeamHost(), "signed-out", nil), Email: email})
}

// gone is where a provider sends people back to that signed out there. It ends nothing, and what it says
// is sealed: to whoever is signed in here by now it says nothing.
func (h *Handler) gone(x *public.Exchange) {
	if !h.Get(x) {
		return
	}
	if s, _ := h.TeamSubject(x); s != nil {
		h.Redirect(x, h.Origin(h.TeamHost())+"/")
		return
	}
	var d departure
	if states := x.Query["state"]; len(states) != 1 || x.Ring.Open(purposeGone, states[0], &d, x.Now) != nil {
		d = departure{}
	}
	h.signedOut(x, d.To, d.Everywhere)
}
