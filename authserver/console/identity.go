// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/http"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// getIdentity tells a page of the application who is signed in.
func (h *Handler) getIdentity(x *public.Exchange) {
	if !h.Get(x) {
		return
	}
	h.tell(x, h.Sessions.Session(x))
}

// identityOf is get-identity at the team host, where Cloudflare's own library
// asks, with an application's token as its cookie: who does that holds the token.
func (h *Handler) identityOf(x *public.Exchange) {
	if !h.Get(x) {
		return
	}
	token := x.Cookie("CF_Authorization")
	if token == "" {
		token = x.Cookie(credential.CookieName)
	}
	s := h.Subject(policy.Place{}, "", "Bearer "+token, x.Now).Subject
	if s != nil && (s.AuthorizedParty != "" || s.Client != "" || x.Table.Session(s.Host, s, x.Now, h.SessionDuration) != policy.NoReason) {
		s = nil
	}
	h.tell(x, s)
}

func (h *Handler) tell(x *public.Exchange, s *policy.Subject) {
	if s == nil {
		h.RefuseJSON(x, http.StatusUnauthorized, "no-session")
		return
	}
	kind := ""
	if p := h.Providers.Find(s.Provider); p != nil {
		kind = p.Type()
	}
	h.JSON(x, http.StatusOK, public.IdentityOf(s, kind))
}
