// SPDX-License-Identifier: Apache-2.0

package login

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// page shows a page, and leaves a line in the log that its request id leads to.
func (h *Handler) page(x *exchange, status int, title string, html []byte) {
	path := x.r.URL.Path // never the query: it can hold secrets
	h.Log.LogAttrs(x.r.Context(), slog.LevelInfo, "page", slog.Int("status", status), slog.String("title", title),
		slog.String("host", x.host), slog.String("path", path[:min(len(path), 512)]), slog.String("requestID", x.id))
	h.pageHeader(x.w.Header())
	x.w.WriteHeader(status)
	_, _ = x.w.Write(html) // the client has gone; nothing is left to tell it
}

func (h *Handler) pageHeader(header http.Header) {
	header.Set("Content-Type", "text/html; charset=utf-8")
	// What a form leads to is held against the policy as well, and a sign-in ends
	// at an application.
	header.Set("Content-Security-Policy", web.CSP("'self'", h.TeamURL.Scheme+":"))
}

// fail shows that something did not work, and why, with a way on.
func (h *Handler) fail(x *exchange, status int, reason, title, message string) {
	h.show(x, status, web.Page{Title: title, Message: message, Host: x.host, Reason: reason})
}

// show shows a page that says why, with a way on if it has none yet.
func (h *Handler) show(x *exchange, status int, p web.Page) {
	if p.Action == "" {
		p.Action, p.URL = h.wayOn(x)
	}
	p.RequestID = x.id
	x.w.Header().Set(contract.ReasonHeader, p.Reason)
	h.page(x, status, p.Title, web.Render(p))
}

// wayOn returns a link to where the person wanted to go, to the application, or to
// the team host's front page.
func (h *Handler) wayOn(x *exchange) (label, address string) {
	switch {
	case x.dest != "":
		return "Open the application", x.dest
	case x.host == h.teamHost():
		return "Go to the start page", h.origin(x.host) + "/"
	case x.table != nil && x.table.Claims(x.host):
		return "Open the application", h.origin(x.host) + "/"
	}
	return "", ""
}

// startOver is fail with a way back to an application, if there is one.
func (h *Handler) startOver(x *exchange, host, reason, title, message string) {
	p := web.Page{Title: title, Message: message, Host: host, Reason: reason}
	switch {
	case x.dest != "":
		p.Action, p.URL = "Start again", x.dest
	case x.table.Claims(host):
		p.Action, p.URL = "Start again", h.origin(host)+"/"
	}
	h.show(x, http.StatusBadRequest, p)
}

// showCut ends a sign-in that could not keep all of a long address, and says so.
func (h *Handler) showCut(x *exchange, dest string) {
	h.page(x, http.StatusOK, "signed in", web.Render(web.Page{Title: "You are signed in", Host: x.host, RequestID: x.id, Action: "Continue", URL: dest,
		Message: "The address that you came from is too long to be remembered while you sign in. The button leads to as much of it as was kept. For all of it, use the link that brought you here once more."}))
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
	h.Log.Info("not permitted", "host", host, "user", s.ID, "provider", s.Provider, "reason", d.Reason.String(), "policy", signIn.Policy.String(), "requestID", x.id)
	x.w.Header().Set(contract.ReasonHeader, d.Reason.String())
	who := s.Email
	if who == "" {
		who = s.Name()
	}
	h.page(x, http.StatusForbidden, "not permitted", web.Denied(web.DeniedView{
		Host: host, SignedInAs: who, Why: why(d.Reason), Message: signIn.Denied.Message, HelpURL: signIn.Denied.URL,
		Reason: d.Reason.String(), RequestID: x.id, SwitchURL: h.switchURL(x, host, s), HomeURL: h.origin(h.teamHost()) + "/",
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
	who := h.Subject(x.table.OnHost(x.host, x.now, h.SessionDuration), x.cookies(), "", x.now)
	s, reason := who.Subject, who.Refused
	if s != nil && x.table.Revoked(s) {
		s, reason = nil, policy.SessionRevoked
	}
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
	x.w.Header().Set(contract.ReasonHeader, "login-loop")
	h.page(x, http.StatusConflict, "going round in circles", web.Loop(web.LoopView{
		Host: x.host, Why: text, RequestID: x.id, AgainURL: h.own(x.host, "login", url.Values{"rd": {dest}, "again": {"1"}})}))
}

// providerRefused shows that the identity provider said no, in its own words: often
// nothing else says what to do about it.
func (h *Handler) providerRefused(x *exchange, p *idp.Provider, l *providerLogin) {
	code, words := idp.ErrorCode(x.query.Get("error")), idp.Words(x.query.Get("error_description"))
	h.Log.Info("the identity provider refused", "provider", p.Name(), "code", code, "description", words, "requestID", x.id)
	message := "The identity provider " + p.DisplayName() + " did not sign you in"
	if code != "" {
		message += " (" + code + ")"
	}
	message += "."
	if words != "" {
		message += " It says: \u201c" + words + "\u201d"
	}
	h.startOver(x, l.Attempt.Host, "provider-refused", "Not signed in", message)
}

func (h *Handler) providerFailed(x *exchange, p *idp.Provider, host string, err error) {
	h.Log.Warn("the identity provider failed", "provider", p.Name(), "error", err, "requestID", x.id)
	page := web.Page{Title: "Signing in does not work right now", Host: host, Reason: "provider-unavailable",
		Message: "The identity provider " + p.DisplayName() + " does not answer. Try again in a moment; applications that you are signed in to go on working."}
	status := http.StatusBadGateway
	if errors.Is(err, idp.ErrRejected) {
		page.Title, page.Reason = "Not signed in", "provider-rejected"
		page.Message = "What the identity provider " + p.DisplayName() + " said cannot be accepted. If it stays like this, tell whoever runs this site."
		status = http.StatusForbidden
	}
	switch {
	case x.dest != "":
		page.Action, page.URL = "Try again", x.dest
	case x.table.Claims(host):
		page.Action, page.URL = "Try again", h.origin(host)+"/"
	}
	h.show(x, status, page)
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
			v.SignedInAs = s.Name()
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
	h.page(x, http.StatusOK, "signed in", web.Render(web.Page{Title: "You are signed in", Message: "You can close this window and go on in the one before.",
		Action: "Open the application", URL: h.origin(x.host) + "/"}))
}
