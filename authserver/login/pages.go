// SPDX-License-Identifier: Apache-2.0

package login

import (
	"log/slog"
	"net/http"

	"github.com/ostiary/ostiary/authserver/contract"
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

// broken is for defects of ours, and for keys that cannot do their job.
func (h *Handler) broken(x *exchange, err error) {
	h.Log.Error("a login failed", "error", err, "requestID", x.id)
	h.fail(x, http.StatusInternalServerError, "internal-error", "Something went wrong here", "It is not your fault. Please tell whoever runs this site, with the lines below.")
}

func (h *Handler) tooMany(x *exchange) {
	x.w.Header().Set("Retry-After", "30")
	h.fail(x, http.StatusTooManyRequests, "too-many-requests", "Too many tries", "Wait half a minute, then try again.")
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
