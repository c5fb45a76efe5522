// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"net/http"
	"net/url"
	"time"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// WhyURL is the address of the page that says why a question was refused; empty: there is
// none. The link carries what is said there, sealed: another replica may be asked.
func (h *Handler) WhyURL(q *dialect.Ask, d *policy.Decision) string {
	table, ring := h.Table(), h.Ring()
	if table == nil || ring == nil || d.Verdict != policy.Deny {
		return ""
	}
	return h.whyURL(denialOf(q, d, table), h.Now())
}

func (h *Handler) whyURL(n *Denial, now time.Time) string {
	q := url.Values{"id": {n.ID}}
	if sealed := n.seal(h.Ring(), now); sealed != "" {
		q.Set("what", sealed)
	}
	return h.Own(h.TeamHost(), "why", q)
}

// Denied keeps that somebody who signed in may not pass, and returns the address of the page
// that says why.
func (h *Handler) Denied(x *public.Exchange, target policy.Target, s *policy.Subject, d *policy.Decision) string {
	q := &dialect.Ask{Request: policy.Request{Target: target, Method: http.MethodGet, Subject: s, Now: x.Now}, RequestID: x.ID}
	if h.Address != nil {
		q.Address = h.Address(x.R).Unmap()
	}
	h.Denials.Saw(q, d, x.Table)
	return h.whyURL(denialOf(q, d, x.Table), x.Now)
}

// why says why a request was denied: all of it to operators, and to the person whom it was
// about what is safe. Nobody else learns anything.
func (h *Handler) why(x *public.Exchange) {
	if !h.Get(x) {
		return
	}
	_, operates := h.operatorFor(x, policy.Console(h.PathPrefix))
	n, notice := h.asked(x, operates)
	s, _ := h.Sessions.TeamSubject(x)
	switch {
	case n == nil:
		h.Fail(x, notice)
	case operates:
		h.whyDetails(x, n)
	case !n.ofPerson() || n.isOf(s):
		h.whyPerson(x, n, s)
	case s == nil:
		h.signInFirst(x)
	default:
		h.Fail(x, web.WhyOthers)
	}
}

// asked finds the denial that a request asks about; nil: there is none, and what to say of
// it. What is known here by its number is for operators: numbers are no secret.
func (h *Handler) asked(x *public.Exchange, operates bool) (*Denial, web.Notice) {
	if x.Query.Has("what") {
		n, err := unseal(x.Ring, x.Query.Get("what"), x.Now)
		if err != nil {
			return nil, web.WhyExpired
		}
		return n, web.Notice{}
	}
	if !operates {
		return nil, web.WhyUnknown
	}
	return h.findOfAll(x.R.Context(), x.Query.Get("id")), web.WhyUnknownHere
}

func (h *Handler) whyPerson(x *public.Exchange, n *Denial, s *policy.Subject) {
	v := web.WhyView{Host: n.Host, When: n.time(), Answer: web.AnswerTo(n.reason()), Reason: n.Reason, RequestID: n.ID,
		HomeURL: h.Origin(h.TeamHost()) + "/"}
	if s != nil {
		v.SignedInAs = cmp.Or(s.Email, s.Name())
	}
	if target, err := n.target(); err == nil {
		if in, ok := x.Table.SignIn(target, h.Origin(target.Host())); ok {
			v.Message, v.HelpURL = in.Denied.Message, in.Denied.URL
		}
	}
	h.Page(x, http.StatusOK, "why", web.Why(v))
}

// when is a time for people.
func when(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04:05 UTC") }

func (h *Handler) whyDetails(x *public.Exchange, n *Denial) {
	v := web.WhyDetailsView{Nav: h.nav(""), Host: x.Host, Title: "Why it was denied", Facts: h.factsOf(n)}
	if r, err := n.request(x.Table, x.Now); err == nil {
		r.SessionDuration, r.Countries = h.SessionDuration, h.Countries
		d, trace := x.Table.Explain(r)
		v.Walk = walkOf(&d, trace.Steps, x.Table.Revision())
		v.Notes = notesOf(n, &d, x.Table)
	}
	h.Page(x, http.StatusOK, "why", web.WhyDetails(v))
}

func (h *Handler) factsOf(n *Denial) (out []web.Fact) {
	add := func(name, value string) {
		if value != "" {
			out = append(out, web.Fact{Name: name, Value: policy.Line(value)})
		}
	}
	add("When", when(n.time()))
	add("Request", n.ID)
	add("Method", n.Method)
	add("Host", n.Host)
	add("Path", n.Path)
	add("Path as it came", n.Raw)
	add("Origin", n.Origin)
	add("Preflight of", n.AskedMethod)
	add("With headers", n.AskedHeaders)
	add("User", n.User)
	add("Email", n.Email)
	add("Provider", n.Provider)
	add("Groups", join(n.Groups))
	add("Methods", join(n.AMR))
	add("Address", n.Address)
	add("Verdict", n.Verdict)
	add("Reason", n.Reason)
	add("Policy", n.Policy)
	if h.Where != nil && n.Policy != "" {
		add("It comes from", h.Where(n.Policy))
	}
	add("Field", n.Field)
	add("Rule", n.Rule)
	add("Asked by", n.Dialect)
	add("Table", n.Revision)
	return out
}

// notesOf says how the walk of now may differ from the decision of then.
func notesOf(n *Denial, d *policy.Decision, t *policy.Table) (out []string) {
	if n.Revision != t.Revision() {
		out = append(out, "Policies, providers or revocations have changed since then: it was decided by table "+n.Revision+".")
	}
	if n.Machine {
		out = append(out, "The request carried a token or a certificate. It is not kept, so the steps below are without it.")
	}
	if n.Cut {
		out = append(out, "Some of what the session said, or of the request, was too long to keep. The steps below are without it.")
	}
	if d.Reason.String() != n.Reason {
		out = append(out, "Now, the outcome is another one: "+d.Reason.String()+" in place of "+n.Reason+".")
	}
	return out
}
