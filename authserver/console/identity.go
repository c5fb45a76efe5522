// SPDX-License-Identifier: Apache-2.0

package console

import (
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// An identity is what get-identity says, in the words of Cloudflare Access where
// it has them.
type identity struct {
	Email   string   `json:"email"`
	ID      string   `json:"user_uuid"`
	Subject string   `json:"sub"`
	Groups  []string `json:"groups"`
	AMR     []string `json:"amr,omitempty"`
	// Custom are claims of the identity provider that rules look at, and Unsaid those that
	// cannot be told.
	Custom   map[string][]string `json:"custom,omitempty"`
	Unsaid   []string            `json:"custom_unsaid,omitempty"`
	Provider struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	} `json:"idp"`
	IssuedAt  int64 `json:"iat"`
	SignedIn  int64 `json:"auth_time"`
	ExpiresAt int64 `json:"exp"`
}

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
	if s != nil && (s.AuthorizedParty != "" || x.Table.Session(s.Host, s, x.Now, h.SessionDuration) != policy.NoReason) {
		s = nil
	}
	h.tell(x, s)
}

func (h *Handler) tell(x *public.Exchange, s *policy.Subject) {
	if s == nil {
		h.RefuseJSON(x, http.StatusUnauthorized, "no-session")
		return
	}
	who := identity{Email: s.Email, ID: s.Name(), Subject: s.Name(), Groups: s.Groups, AMR: s.AMR,
		IssuedAt: s.IssuedAt.Unix(), SignedIn: s.SignedInAt.Unix(), ExpiresAt: s.ExpiresAt.Unix()}
	who.Unsaid = policy.UnsaidOf(s.Claims)
	for _, c := range s.Claims {
		if !c.Unknown && !strings.HasPrefix(c.Name, policy.ReservedClaim) {
			if who.Custom == nil {
				who.Custom = map[string][]string{}
			}
			who.Custom[c.Name] = c.Values
		}
	}
	if who.Groups == nil {
		who.Groups = []string{}
	}
	who.Provider.ID = s.Provider
	if p := h.Providers.Find(s.Provider); p != nil {
		who.Provider.Type = p.Type()
	}
	h.JSON(x, http.StatusOK, who)
}
