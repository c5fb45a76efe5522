// SPDX-License-Identifier: Apache-2.0

package login

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"

	"github.com/ostiary/ostiary/authserver/evaluation"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

// Config is what a Handler is made of. All of it must be set, but for ReturnHosts,
// Revoke, Evaluate and SignIns.
type Config struct {
	*public.Site
	// Subject verifies the cookies of a request, as the decision endpoints do.
	Subject public.Subject
	// Providers are the identity providers in force.
	Providers *idp.Set
	// ReturnHosts are hosts that every application may send people to after they
	// signed in or out, beside those of its own namespace; "*." is one label.
	ReturnHosts []string
	// Revoke voids all that was issued to a user of a provider before a time, on every
	// replica.
	// Nil: signing out everywhere is not possible.
	Revoke Revoke
	// Address returns the address of the client, as far as it is known.
	Address func(*http.Request) netip.Addr
	// Evaluate asks services about people; nil: none is asked.
	Evaluate Evaluate
	// Countries tells where that is; nil: nobody does.
	Countries policy.Countries
	// SignIns count what becomes of sign-ins; nil: nobody wants to know.
	SignIns *telemetry.SignIns
}

// A Handler signs people in and out, at the team host and on every host of an
// application. Make one with New.
type Handler struct {
	Config
	limits *limits
	// states and tickets are those that were used; slot is where the next browser's
	// key goes.
	states, tickets spent
	slot            atomic.Uint32
}

// New returns a Handler.
func New(c Config) *Handler {
	if c.Evaluate == nil {
		c.Evaluate = (*evaluation.Set)(nil).Ask
	}
	h := &Handler{Config: c, limits: newLimits()}
	h.slot.Store(rand.Uint32()) //nolint:gosec // not a secret: replicas should not all begin with the same
	return h
}

// Route finds the step that an address is for (public.Router).
func (h *Handler) Route(host, path string) func(*public.Exchange) {
	own, ours := h.Ours(path)
	switch {
	case !ours:
		return nil
	case host != h.TeamHost():
		return map[string]func(*public.Exchange){"login": h.appLogin, "authorized": h.authorized, "logout": h.appLogout, "done": h.done}[own]
	case own == "logout":
		return h.teamLogout
	case own == "login":
		return h.teamBegin
	case own == "sessions":
		return h.sessions
	case strings.HasPrefix(own, "login/"):
		return func(x *public.Exchange) { h.teamLogin(x, own[len("login/"):]) }
	case strings.HasPrefix(own, "idp/") && strings.HasSuffix(own, "/callback"):
		return func(x *public.Exchange) { h.callback(x, own[len("idp/"):len(own)-len("/callback")]) }
	}
	return nil
}

func (h *Handler) root(host string) policy.Target {
	t, _ := policy.NewTarget(host, "/") // the host was read from one
	return t
}
