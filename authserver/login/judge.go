// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"log/slog"
	"net/http"
	"time"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/web"
)

// methods are tried one after the other: a person signs in to an application,
// not to a GET.
var methods = [...]string{"GET", "POST", "PUT", "PATCH", "DELETE"}

// judge says what would be decided about a request of somebody who signs in now.
func (h *Handler) judge(x *public.Exchange, target policy.Target, s *policy.Subject, signIn *policy.SignIn) policy.Decision {
	r := policy.Request{Target: target, Address: h.Address(x.R), Countries: h.Countries, SessionDuration: h.SessionDuration, Now: x.Now,
		InHeader: s.Client != ""} // where a client puts its token
	var first policy.Decision
	for i, m := range methods {
		r.Method = m
		d := h.judgeMethod(x, &r, s, signIn)
		switch {
		case d.Verdict == policy.Challenge && (d.Reason == policy.SessionExpired || i == 0 && d.StepUp != ""):
			return d // it would be asked for again, however much it is good for
		case i == 0, d.Verdict == policy.Admit && first.Verdict != policy.Admit:
			first = d
		}
	}
	return first
}

// judgeMethod judges a request as one of somebody who has just been given a session: it is as
// old as what the provider said.
func (h *Handler) judgeMethod(x *public.Exchange, r *policy.Request, s *policy.Subject, signIn *policy.SignIn) policy.Decision {
	as := *s
	as.Audience, as.Host, as.ExpiresAt = signIn.Audience, "", s.IssuedAt.Add(h.duration(signIn))
	r.Subject, r.Certificate = &as, policy.PresentedCertificate{Hoped: true}
	return x.Table.Decide(*r)
}

// deny says that somebody is signed in and may not pass: what was missing as far
// as it is safe to say, and how to be somebody else.
func (h *Handler) deny(x *public.Exchange, target policy.Target, d *policy.Decision, s *policy.Subject, signIn *policy.SignIn) {
	why := ""
	if h.Denied != nil {
		why = h.Denied(x, target, s, d)
	}
	h.came(x, s.Provider, target.Host(), telemetry.NotPermitted, slog.LevelInfo, "access denied",
		slog.String("user", s.ID), slog.String("email", s.Email),
		slog.String("reason", d.Reason.String()), slog.String("policy", signIn.Policy.String()))
	x.W.Header().Set(contract.ReasonHeader, d.Reason.String())
	v := h.deniedView(target.Host(), cmp.Or(x.Dest, h.Origin(target.Host())+"/"), d, s, signIn, x.Ring, x.Now)
	v.RequestID, v.WhyURL = x.ID, why
	h.Page(x, http.StatusForbidden, "access denied", web.Denied(v))
}

// deniedView is what somebody is told who is signed in and may not pass to an address.
func (h *Handler) deniedView(host, dest string, d *policy.Decision, s *policy.Subject, signIn *policy.SignIn, ring *credential.Ring,
	now time.Time) web.DeniedView {
	return web.DeniedView{
		Host: host, SignedInAs: cmp.Or(s.Email, s.Name()), Why: web.WhyDenied(d.Reason),
		Message: signIn.Denied.Message, HelpURL: signIn.Denied.URL, Reason: d.Reason.String(), DocsURL: h.Docs.Of(d.Reason.String()),
		SwitchURL: h.switchURL(ring, host, dest, s, now), RetryURL: dest, HomeURL: h.Origin(h.TeamHost()) + "/",
	}
}

// DeniedOf is what a page of the decision endpoints says to somebody who is signed in and may
// not pass: what they would be told at the end of a sign-in (dialect.Pages).
func (h *Handler) DeniedOf(q *dialect.Ask, d *policy.Decision) (web.DeniedView, bool) {
	table, ring := h.Table(), h.Ring()
	if d.Verdict != policy.Deny || q.Subject == nil || table == nil || ring == nil {
		return web.DeniedView{}, false
	}
	if q.Subject.AuthorizedParty != "" || q.Subject.Client != "" { // no person sees the answer
		return web.DeniedView{}, false
	}
	signIn, ok := table.SignIn(q.Target, h.Origin(q.Target.Host()))
	if !ok || table.Session(q.Target.Host(), q.Subject, q.Now, h.SessionDuration) != policy.NoReason {
		return web.DeniedView{}, false
	}
	dest := h.checked(q.URI, q.Target.Host(), h.PortOf(q.HostPort), table, maxReturn)
	v := h.deniedView(q.Target.Host(), dest, d, q.Subject, &signIn, ring, q.Now)
	v.RequestID = q.RequestID
	return v, true
}
