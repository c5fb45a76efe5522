// SPDX-License-Identifier: Apache-2.0

package login

import (
	"context"
	"log/slog"

	"github.com/ostiary/ostiary/authserver/evaluation"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
)

// Evaluate asks services about a person, and returns what came of it, in their order.
type Evaluate = func(ctx context.Context, about *evaluation.Inquiry, services []policy.Asking) []string

// evaluate enters what services say of a subject that the application wants asked. They are
// asked whenever somebody is given a session, so that this is never older than the session.
// It is false if there is an answer already.
func (h *Handler) evaluate(x *public.Exchange, v *visit, s *policy.Subject) bool {
	services := v.signIn.Evaluations
	if len(services) == 0 {
		return true
	}
	// Whoever is signed in could have us ask as often as they follow a link.
	if !h.limits.evaluations.Allow(s.Provider+"\x00"+s.ID, x.Now) {
		h.limited(x, "evaluation", s.Provider, v.Host, slog.String("user", s.ID), slog.String("email", s.Email))
		return false
	}
	var rest []policy.Asking
	if n := len(services) - policy.MaxEvaluations; n > 0 {
		services, rest = services[:policy.MaxEvaluations], services[policy.MaxEvaluations:]
		h.Log.Warn("the policies of a host want more external evaluations than are made at one sign-in: "+
			"those left out count against whoever signs in",
			"host", v.Host, "most", policy.MaxEvaluations, "leftOut", n, "policy", rest[0].Policy.String(), "requestID", x.ID)
	}
	ctx, step := span.Within(x.R.Context(), "sign-in evaluation")
	s.Evaluations = h.Evaluate(ctx, h.inquiry(x, s), services)
	step.End()
	for _, a := range rest {
		s.Evaluations = append(s.Evaluations, a.Outcome(policy.Untold))
	}
	return true
}

// inquiry is what services are told of somebody.
func (h *Handler) inquiry(x *public.Exchange, s *policy.Subject) *evaluation.Inquiry {
	kind := ""
	if p := h.Providers.Find(s.Provider); p != nil {
		kind = p.Type()
	}
	in := &evaluation.Inquiry{Ring: x.Ring, Issuer: h.Issuer(), Now: x.Now, ID: x.ID,
		Identity: evaluation.Identity{Identity: public.IdentityOf(h.asTold(s), kind)}}
	a := h.Address(x.R).Unmap().WithZone("")
	if !a.IsValid() {
		return in
	}
	in.Identity.Address = a.String()
	if h.Countries != nil {
		if code := h.Countries.Country(a); code != "" {
			in.Identity.Place = &evaluation.Place{Country: code}
		}
	}
	return in
}
