// SPDX-License-Identifier: Apache-2.0

package console

import (
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// Config is what a Handler is made of. All of it must be set.
type Config struct {
	*public.Site
	// Subject verifies a token, as the decision endpoints do.
	Subject public.Subject
	// Sessions say who is signed in.
	Sessions Sessions
	// Providers are the identity providers in force.
	Providers *idp.Set
}

// Sessions say who sent a request.
type Sessions interface {
	// Session returns whose session a request to an application's host carries; nil: nobody's.
	Session(x *public.Exchange) *policy.Subject
	// TeamSubject returns who is signed in at the team host; nil: nobody, and why.
	TeamSubject(x *public.Exchange) (*policy.Subject, policy.Reason)
	// MayOpen reports whether an application lets a visit of somebody pass; nil: of anybody.
	MayOpen(x *public.Exchange, target policy.Target, s *policy.Subject) bool
}

// A Handler answers those who are signed in. Make one with New.
type Handler struct {
	Config
	tokens *public.Limit // tokens for other applications, by person
}

// New returns a Handler.
func New(c Config) *Handler {
	return &Handler{Config: c, tokens: public.NewLimit(60, time.Second)}
}

// Route finds what answers for an address (public.Router).
func (h *Handler) Route(host, path string) func(*public.Exchange) {
	own, ours := h.Ours(path)
	switch {
	case host != h.TeamHost() && ours:
		return map[string]func(*public.Exchange){
			"get-identity": h.getIdentity, "token": h.token, "client.js": h.script, "client.d.ts": h.scriptTypes,
		}[own]
	case host == h.TeamHost() && path == "/":
		return h.home
	case host == h.TeamHost() && ours && own == "get-identity":
		return h.identityOf
	}
	return nil
}
