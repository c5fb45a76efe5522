// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// page shows a page, and leaves a line in the log that its request id leads to.
func (h *Handler) page(x *exchange, status int, title string, html []byte) {
	path := x.r.URL.Path // never the query: it can hold secrets
	h.Log.LogAttrs(x.r.Context(), slog.LevelInfo, "page", slog.Int("status", status), slog.String("title", title),
		slog.String("host", x.host), slog.String("path", path[:min(len(path), 512)]), slog.String("requestID", x.id))
	x.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// What a form leads to is held against the policy as well, and a sign-in ends
	// at an application.
	x.w.Header().Set("Content-Security-Policy", web.CSP("'self'", h.TeamURL.Scheme+":"))
	x.w.WriteHeader(status)
	_, _ = x.w.Write(html) // the client has gone; nothing is left to tell it
}

// fail shows that something did not work, and why.
func (h *Handler) fail(x *exchange, status int, reason, title, message string) {
	x.w.Header().Set("X-Access-Reason", reason)
	h.page(x, status, title, web.Render(web.Page{Title: title, Message: message, Host: x.host, Reason: reason, RequestID: x.id}))
}

// startOver is fail with a way back to the application, if there is one.
func (h *Handler) startOver(x *exchange, host, reason, title, message string) {
	p := web.Page{Title: title, Message: message, Host: host, Reason: reason, RequestID: x.id}
	if x.table.Claims(host) {
		p.Action, p.URL = "Start again", h.origin(host)+"/"
	}
	x.w.Header().Set("X-Access-Reason", reason)
	h.page(x, http.StatusBadRequest, title, web.Render(p))
}

// broken is for defects of ours, and for keys that cannot do their job.
func (h *Handler) broken(x *exchange, err error) {
	h.Log.Error("a login failed", "error", err, "requestID", x.id)
	h.fail(x, http.StatusInternalServerError, "internal-error", "Something went wrong here", "It is not your fault. Please tell whoever runs this site, with the lines below.")
}

func (h *Handler) notConfigured(x *exchange) {
	h.fail(x, http.StatusServiceUnavailable, "not-configured", "Signing in is not set up",
		"This installation has no identity provider yet, so nobody can sign in here. Please tell whoever runs it.")
}

func (h *Handler) tooMany(x *exchange) {
	x.w.Header().Set("Retry-After", "30")
	h.fail(x, http.StatusTooManyRequests, "too-many-requests", "Too many tries", "Wait half a minute, then try again.")
}

// deny says that somebody is signed in and may not pass: what was missing as far
// as it is safe to say, and how to be somebody else.
func (h *Handler) deny(x *exchange, host string, d *policy.Decision, s *policy.Subject, signIn *policy.SignIn) {
	h.Log.Info("not permitted", "host", host, "user", s.ID, "reason", d.Reason.String(), "policy", signIn.Policy.String(), "requestID", x.id)
	x.w.Header().Set("X-Access-Reason", d.Reason.String())
	who := s.Email
	if who == "" {
		who = s.ID
	}
	h.page(x, http.StatusForbidden, "not permitted", web.Denied(web.DeniedView{
		Host: host, SignedInAs: who, Why: why(d.Reason), Message: signIn.Denied.Message, HelpURL: signIn.Denied.URL,
		Reason: d.Reason.String(), RequestID: x.id, SwitchURL: h.switchURL(x, host, s),
	}))
}

// why words a reason for the person it is about. It names no rule: which ones
// there are is nobody's business who is not let in.
func why(r policy.Reason) string {
	switch r {
	case policy.Blocked:
		return "Your account is signed in, and a rule of this application refuses it."
	case policy.WrongProvider:
		return "This application wants people to sign in another way than you did."
	case policy.SessionExpired, policy.SessionRevoked:
		return "You signed in, and the application asks for a newer sign-in all the same. A clock may be wrong, or your access was ended a moment ago."
	default:
		return "Your account is signed in, and no rule of this application admits it."
	}
}

func (h *Handler) showLoop(x *exchange, dest string) {
	s, reason := h.Subject("", x.r.Header.Get("Cookie"), "", x.now)
	text := "Your browser does not send this site's cookie back. Allow cookies for it."
	switch {
	case s != nil:
		text = "You are signed in, but the application still asks for it. Its address may lead past the sign-in, or its rules have just changed."
	case reason == policy.SessionExpired:
		text = "Each new session is over at once: the clocks of this site's servers may be wrong."
	case reason != policy.NoReason:
		text = "The session that your browser sends is not valid here (" + reason.String() + ")."
	}
	h.Log.Warn("a login goes round in circles", "host", x.host, "reason", reason.String(), "requestID", x.id)
	x.w.Header().Set("X-Access-Reason", "login-loop")
	h.page(x, http.StatusConflict, "going round in circles", web.Loop(web.LoopView{
		Host: x.host, Why: text, RequestID: x.id, AgainURL: h.own(x.host, "login", url.Values{"rd": {dest}, "again": {"1"}})}))
}

func (h *Handler) moveOn(x *exchange, dest string) {
	x.w.Header().Set("Referrer-Policy", "no-referrer") // the ticket is in this page's address
	h.page(x, http.StatusOK, "moving on", web.Continue(web.ContinueView{URL: dest}))
}

// providerRefused shows that the identity provider said no. Its own words are
// for the log: they could be anybody's.
func (h *Handler) providerRefused(x *exchange, p *idp.Provider, l *providerLogin) {
	code := idp.ErrorCode(x.query.Get("error"))
	h.Log.Info("the identity provider refused", "provider", p.Name(), "code", code, "requestID", x.id)
	message := "The identity provider " + p.DisplayName() + " did not sign you in"
	if code != "" {
		message += " (" + code + ")"
	}
	h.startOver(x, l.Attempt.Host, "provider-refused", "Not signed in", message+".")
}

func (h *Handler) providerFailed(x *exchange, p *idp.Provider, host string, err error) {
	h.Log.Warn("the identity provider failed", "provider", p.Name(), "error", err, "requestID", x.id)
	page := web.Page{Title: "Signing in does not work right now", Host: host, Reason: "provider-unavailable", RequestID: x.id,
		Message: "The identity provider " + p.DisplayName() + " does not answer. Try again in a moment; applications that you are signed in to go on working."}
	status := http.StatusBadGateway
	if errors.Is(err, idp.ErrRejected) {
		page.Title, page.Reason = "Not signed in", "provider-rejected"
		page.Message = "What the identity provider " + p.DisplayName() + " said cannot be accepted. If it stays like this, tell whoever runs this site."
		status = http.StatusForbidden
	}
	if x.table.Claims(host) {
		page.Action, page.URL = "Try again", h.origin(host)+"/"
	}
	x.w.Header().Set("X-Access-Reason", page.Reason)
	h.page(x, status, page.Title, web.Render(page))
}

// home is the team host's front page.
func (h *Handler) home(x *exchange) {
	if !h.get(x) {
		return
	}
	s, _ := h.teamSubject(x)
	v := web.LauncherView{Host: x.host}
	if s != nil {
		v.SignedInAs = s.Email
		if v.SignedInAs == "" {
			v.SignedInAs = s.ID
		}
		v.SignOutURL = h.own(h.teamHost(), "logout", nil)
	}
	h.page(x, http.StatusOK, "team host", web.Launcher(v))
}

// done is where a window that was opened to sign in ends up.
func (h *Handler) done(x *exchange) {
	if !h.get(x) {
		return
	}
	h.page(x, http.StatusOK, "signed in", web.Render(web.Page{Title: "You are signed in", Message: "You can close this window and go on in the one before."}))
}
