// SPDX-License-Identifier: Apache-2.0

package login

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/evaluation"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/idp/factor"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
)

// Config is what a Handler is made of. All of it must be set, but for ReturnHosts,
// Revoke, Evaluate, Denied, SignIns and Tracer.
type Config struct {
	*public.Site
	// Subject verifies the cookies of a request, as the decision endpoints do.
	Subject public.Subject
	// Providers are the identity providers in force.
	Providers *idp.Set
	// ReturnHosts are hosts that every application may send people to after they
	// signed in or out, beside those of its own namespace; "*." is one label.
	ReturnHosts []string
	// Factors finds the second factors of a provider's users by their name; nil: none can be
	// found, and whoever may have one is kept out.
	Factors func(name string) (factor.Store, error)
	// Revoke puts a revocation in force on every replica.
	// Nil: signing out everywhere is not possible.
	Revoke Revoke
	// Evaluate asks services about people; nil: none is asked.
	Evaluate Evaluate
	// Countries tells where that is; nil: nobody does.
	Countries policy.Countries
	// Denied is told of whoever signed in and may not pass, and returns the address of a page
	// that says why; nil, or empty: there is none.
	Denied func(x *public.Exchange, target policy.Target, s *policy.Subject, d *policy.Decision) string
	// SignIns count what becomes of sign-ins; nil: nobody wants to know.
	SignIns *telemetry.SignIns
	// Tracer makes spans of the steps; nil: nobody wants them.
	Tracer *span.Tracer
}

// A Handler signs people in and out, at the team host and on every host of an
// application. Make one with New.
type Handler struct {
	Config
	limits *limits
	// states, tickets, and words of providers are those that were used; slot is where the
	// next browser's key goes.
	states, tickets, words public.Spent
	slot                   atomic.Uint32
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
		return h.ofApplication(own)
	case own == "logout":
		return h.traced("sign-out", h.teamLogout)
	case own == "signed-out":
		return h.traced("sign-out end", h.gone)
	case own == "login":
		return h.traced("sign-in begin", h.teamBegin)
	case own == "sessions":
		return h.sessions
	case own == "second-factor":
		return h.traced("sign-in second factor", h.secondFactor)
	case own == "passkeys":
		return h.traced("passkeys", h.passkeys)
	case strings.HasPrefix(own, "login/"):
		return h.traced("sign-in team", func(x *public.Exchange) { h.teamLogin(x, own[len("login/"):]) })
	}
	return h.byProvider(own)
}

// byProvider finds what answers where an identity provider sends people, or speaks for itself.
func (h *Handler) byProvider(own string) func(*public.Exchange) {
	if name, ok := loggedOutBy(own); ok && h.Providers.Find(name).LogsOut() {
		return h.traced("sign-out back channel", func(x *public.Exchange) { h.backchannel(x, name) })
	}
	if name, ok := calledBack(own); ok {
		return h.traced("sign-in callback", func(x *public.Exchange) {
			if x.R.Method == http.MethodPost && h.Providers.Find(name).Posts() {
				h.takeForm(x, name)
			} else {
				h.callback(x, name)
			}
		})
	}
	return nil
}

// calledBack returns which identity provider sends people back to a path of ours.
func calledBack(own string) (provider string, ok bool) {
	rest, ok := strings.CutPrefix(own, "idp/")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(rest, "/callback")
}

// ofApplication finds a step on the host of an application.
func (h *Handler) ofApplication(own string) func(*public.Exchange) {
	switch own {
	case "login":
		return h.traced("sign-in begin", h.appLogin)
	case "authorized":
		return h.traced("sign-in authorized", h.authorized)
	case "logout":
		return h.traced("sign-out", h.appLogout)
	case "kept":
		return h.kept
	case "done":
		return h.done
	}
	return nil
}

// traced is a step with a span of its own, where anybody wants one.
func (h *Handler) traced(name string, step func(*public.Exchange)) func(*public.Exchange) {
	if h.Tracer == nil {
		return step
	}
	return func(x *public.Exchange) {
		r, s := h.Tracer.Step(x.R, name, x.Host, x.ID)
		defer s.End()
		x.R = r
		step(x)
		h.Tracer.Say(r.Context(), "reason", x.W.Header().Get(contract.ReasonHeader))
	}
}

func (h *Handler) root(host string) policy.Target {
	t, _ := policy.NewTarget(host, "/") // the host was read from one
	return t
}
