// SPDX-License-Identifier: Apache-2.0

package console

import (
	"cmp"
	"net/http"
	"net/url"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// An operator is whom a policy on the console admits. It is judged at each request.
type operator struct {
	*policy.Subject
	decision policy.Decision
}

// operatorFor judges who sent a request for a page of the console; is is false for everybody
// else. The rest says why.
func (h *Handler) operatorFor(x *public.Exchange, page string) (who operator, is bool) {
	s, _ := h.Sessions.TeamSubject(x)
	if s == nil {
		return who, false
	}
	who.Subject = s
	target, err := policy.NewTarget(h.TeamHost(), page)
	root, _ := policy.NewTarget(h.TeamHost(), "/")
	if err != nil || x.Table.Audience(root) != "" { // the table does not know that this is the team host
		return who, false
	}
	as := *s
	as.Audience, as.Host = []string{x.Table.Audience(target)}, ""
	r := policy.Request{Target: target, Method: x.R.Method, Site: policy.SiteOwn, Subject: &as, SessionDuration: h.SessionDuration, Now: x.Now}
	if h.Address != nil {
		r.Address, r.Countries = h.Address(x.R).Unmap(), h.Countries
	}
	who.decision = x.Table.Decide(r)
	return who, who.decision.Verdict == policy.Admit && who.decision.Identified
}

// forOperators serves a page to operators, and tells everybody else how to become one, and
// nothing more.
func (h *Handler) forOperators(serve func(*public.Exchange, operator)) func(*public.Exchange) {
	return func(x *public.Exchange) {
		who, is := h.operatorFor(x, x.R.URL.Path)
		switch {
		case is:
			serve(x, who)
		case who.Subject == nil:
			h.signInFirst(x)
		default:
			h.notForThem(x, who)
		}
	}
}

// signInFirst asks to sign in at the team host, and leads back.
func (h *Handler) signInFirst(x *public.Exchange) {
	back := h.Own(h.TeamHost(), "login", url.Values{"rd": {x.R.URL.RequestURI()}})
	p := web.SignInFirst.Page(x.Host)
	p.Action, p.URL = web.SignInHere, back
	h.Show(x, web.SignInFirst.Status, p)
}

func (h *Handler) notForThem(x *public.Exchange, who operator) {
	if who.decision.Source.Name == "" {
		console := policy.Console(h.PathPrefix)
		h.Page(x, http.StatusForbidden, "no operators", web.NoOperators(web.NoOperatorsView{Host: h.TeamHost(), Path: console,
			SignedInAs: cmp.Or(who.Email, who.Name())}))
		return
	}
	h.Fail(x, web.OperatorsOnly)
}
