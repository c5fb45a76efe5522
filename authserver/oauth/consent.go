// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"cmp"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
	"github.com/ostiary/ostiary/authserver/web"
)

// A ballot is what a person is asked.
type ballot struct {
	client *Client
	*request
	target policy.Target
	agency *policy.Agency
	as     *policy.Subject
	signIn *policy.SignIn
}

// A question is what was asked: the form holds it, sealed, so that what is answered is what was
// shown, and by whom it was shown to.
type question struct {
	Request request `json:"r"`
	Name    string  `json:"k,omitempty"` // of the client
	// Registered: somebody here answered for it.
	Registered bool   `json:"w,omitempty"`
	Provider   string `json:"p"`
	Subject    string `json:"s"`
	SignedIn   int64  `json:"a"` // another session is somebody else's, or another time
	Policy     string `json:"o"`
	Once       string `json:"n"`
}

// isFor reports whether somebody was asked.
func (q *question) isFor(s *policy.Subject) bool {
	return s != nil && q.Provider == s.Provider && q.Subject == s.ID && q.SignedIn == s.SignedInAt.Unix()
}

// standsFor reports whether who answers for the client is still who did when it was asked, and
// whether its answers still go where they did.
func (q *question) standsFor(a *policy.Agency) bool {
	c, bad := answeredFor(a, q.Request.Client)
	if bad != nil || q.Registered != (c != nil) {
		return false
	}
	return c == nil || c.mayReturnTo(q.Request.RedirectURI)
}

// until is when what a client is let do ends: when it says, or sooner, where each rule wants
// people to sign in anew.
func (b *ballot) until(now time.Time) time.Time {
	end := now.Add(b.agency.RefreshToken)
	if d := b.signIn.Duration; d > 0 && !b.signIn.Unsaid && b.as.IssuedAt.Add(d).Before(end) {
		end = b.as.IssuedAt.Add(d)
	}
	return end
}

// showConsent asks a person.
func (h *Handler) showConsent(x *public.Exchange, b *ballot) {
	q := question{Request: *b.request, Name: b.client.Name, Registered: b.client.Registered, Provider: b.as.Provider, Subject: b.as.ID,
		SignedIn: b.as.SignedInAt.Unix(), Policy: b.agency.Audience, Once: public.RandomID()}
	sealed, err := x.Ring.Seal(purposeConsent, q, x.Now.Add(consentTime), x.Now)
	if err != nil {
		h.Broken(x, err)
		return
	}
	returns, _ := url.Parse(b.RedirectURI) // mayReturnTo has read it
	v := web.ConsentView{
		Host: x.Host, Client: cmp.Or(b.client.Name, hostOfID(b.client.ID)), Registered: b.client.Registered, Operators: b.client.Operators,
		App: h.Origin(b.target.Host()) + b.path(), SignedInAs: cmp.Or(b.as.Email, b.as.Name()), Until: b.until(x.Now),
		Scopes: strings.Fields(within(b.Scope, b.agency.Scopes)),
		Action: h.Own(x.Host, authorizePath, nil), Hidden: []web.Field{{Name: "question", Value: sealed}},
		SwitchURL: h.Own(x.Host, "logout", url.Values{"switch": {"1"}}), SessionsURL: h.Own(x.Host, "sessions", nil),
	}
	v.ClientHost = hostOfID(b.client.ID)
	if v.ReturnHost = returns.Hostname(); policy.IsOwnMachine(v.ReturnHost) && returns.Scheme == "http" {
		v.Local, v.ReturnHost = true, ""
	} else if v.ReturnHost == "" || returns.Scheme != "https" {
		v.ReturnHost = returns.Scheme + ":"
	}
	h.ConsentPage(x, v, formTargets(returns)...)
}

// path is that of the resource, as it is judged.
func (b *ballot) path() string {
	u, err := url.Parse(b.Resource)
	if err != nil || u.EscapedPath() == "" {
		return "/"
	}
	return u.EscapedPath()
}

// hostOfID is the host that a client's id proves; empty: none.
func hostOfID(id string) string {
	u, err := url.Parse(id)
	if err != nil || !isDocument(id) {
		return ""
	}
	return u.Host
}

// formTargets are the sources that the answer to the form may lead to, for browsers that hold
// a redirect against form-action. The source of an IPv6 address cannot be written.
func formTargets(returns *url.URL) []string {
	if returns.Scheme == "https" {
		return nil // all of our pages let that
	}
	return []string{returns.Scheme + ":"}
}

// answer takes a person's answer. The form is one of ours (public.Site.Serve), and of the
// session that it was shown to: another site can neither make one up nor have one sent.
func (h *Handler) answer(x *public.Exchange) {
	if !h.ReadForm(x) {
		return
	}
	form, ok := single(x.R.PostForm, "question", "answer")
	var q question
	s, _ := h.People.TeamSubject(x)
	if !ok || x.Ring.Open(purposeConsent, form["question"], &q, x.Now) != nil || !q.isFor(s) {
		h.Fail(x, web.ConsentExpired)
		return
	}
	r := &q.Request
	if form["answer"] != "allow" {
		h.told(x, &q, s, "declined")
		h.leave(x, r, url.Values{"error": {"access_denied"}, "error_description": {"The person declined."}})
		return
	}
	target, ours := targetOf(h.Site, r.Resource)
	agency, open := x.Table.Agency(target)
	if !ours || !open || agency.Audience != q.Policy { // meanwhile
		h.show(x, refuse("invalid_target", "The resource is no application here that lets clients act for people."))
		return
	}
	if !q.standsFor(&agency) || !h.codes.Use(q.Once) {
		h.Fail(x, web.ConsentExpired)
		return
	}
	x.Query = url.Values{"done": {"1"}, "stepped": {"1"}} // a form leads to no sign-in
	e := &login.Errand{Client: r.Client, Target: target, Page: h.Origin(x.Host) + "/"}
	if as, _, ok := h.People.Admits(x, e, s); ok {
		h.grant(x, &q, &agency, &as, s)
	}
}

// grant gives a client the code that its token is fetched with.
func (h *Handler) grant(x *public.Exchange, q *question, agency *policy.Agency, as, s *policy.Subject) {
	r := &q.Request
	c := code{RedirectURI: r.RedirectURI, Challenge: r.Challenge, Once: public.RandomID(), Grant: grant{
		ID: public.RandomID(), Client: r.Client, Resource: r.Resource, Policy: agency.Audience, Scope: within(r.Scope, agency.Scopes),
		At: x.Now.Unix(), Millis: int64(x.Now.Nanosecond() / int(time.Millisecond)), Listed: q.Registered,
		Person: public.PersonOf(as)}}
	sealed, cut, err := seal(x, purposeCode, &c.Grant, &c, x.Now.Add(codeTime))
	switch {
	case errors.Is(err, credential.ErrTooLarge):
		h.Fail(x, web.GroupsTooLarge)
		return
	case err != nil:
		h.Broken(x, err)
		return
	case cut:
		h.Log.Warn("claims of a user do not fit into a client's code: rules that let people in by them do not match, "+
			"and those that keep people out do", "provider", as.Provider, "user", as.ID, "client", r.Client, "requestID", x.ID)
	}
	h.told(x, q, as, "allowed")
	target, _ := targetOf(h.Site, r.Resource) // as before
	h.People.RememberAgent(x, s, login.AgentAt{Client: r.Client, Name: cmp.Or(q.Name, hostOfID(r.Client), r.Client), Host: target.Host(),
		Policy: agency.Audience, At: c.Grant.At, Millis: c.Grant.Millis, Until: x.Now.Add(agency.RefreshToken).Unix()})
	h.leave(x, r, url.Values{"code": {sealed}})
}

// leave sends a person back to the client.
func (h *Handler) leave(x *public.Exchange, r *request, q url.Values) {
	x.W.Header().Set("Referrer-Policy", "no-referrer")
	h.Redirect(x, h.back(r, q))
}

// told leaves a line in the log about what a person answered.
func (h *Handler) told(x *public.Exchange, q *question, s *policy.Subject, answer string) {
	if h.Quiet {
		return
	}
	h.Log.LogAttrs(x.R.Context(), slog.LevelInfo, "a client asked to act for somebody", slog.String("answer", answer),
		slog.String("client", q.Request.Client), slog.String("resource", q.Request.Resource), slog.String("policy", q.Policy),
		slog.String("user", s.ID), slog.String("email", s.Email), slog.String("provider", s.Provider), slog.String("requestID", x.ID))
}
