// SPDX-License-Identifier: Apache-2.0

package public

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// Page shows a page, and leaves a line in the log that its request id leads to.
func (s *Site) Page(x *Exchange, status int, title string, d web.Document) {
	s.pageHeader(x.W.Header())
	s.write(x.W, x.R, x.ID, status, title, d)
}

// write sends a page, and logs that.
func (s *Site) write(w http.ResponseWriter, r *http.Request, id string, status int, title string, d web.Document) {
	about := []slog.Attr{slog.String("title", title), slog.Int("status", status)}
	s.Log.LogAttrs(r.Context(), slog.LevelInfo, "page", append(about, s.about(r, id)...)...)
	s.send(w, r, status, d)
}

// PageWithImages shows a page with pictures from other origins.
func (s *Site) PageWithImages(x *Exchange, title string, d web.Document, origins []string) {
	s.pageHeader(x.W.Header())
	x.W.Header().Set("Content-Security-Policy", web.WithImages(x.W.Header().Get("Content-Security-Policy"), origins...))
	s.write(x.W, x.R, x.ID, http.StatusOK, title, d)
}

// LivePage is Page for the page with the script of web.Denials.
func (s *Site) LivePage(x *Exchange, status int, title string, d web.Document) {
	s.pageHeader(x.W.Header())
	x.W.Header().Set("Content-Security-Policy", s.look().LiveCSP("'self'"))
	s.write(x.W, x.R, x.ID, status, title, d)
}

// LoginPage shows the page with a form for a password.
func (s *Site) LoginPage(x *Exchange, status int, v web.LoginView) {
	s.pageHeader(x.W.Header())
	x.W.Header().Set("Content-Security-Policy", s.look().LoginCSP("'self'", s.TeamURL.Scheme+":"))
	s.write(x.W, x.R, x.ID, status, "sign in", web.Login(v))
}

// PasskeyPage shows a page with the script of web.PasskeyForm.
func (s *Site) PasskeyPage(x *Exchange, status int, title string, d web.Document) {
	s.pageHeader(x.W.Header())
	x.W.Header().Set("Content-Security-Policy", s.look().PasskeyCSP("'self'", s.TeamURL.Scheme+":"))
	s.write(x.W, x.R, x.ID, status, title, d)
}

// KeepPage shows a page with the script of web.Keep.
func (s *Site) KeepPage(x *Exchange, title string, d web.Document) {
	s.pageHeader(x.W.Header())
	x.W.Header().Set("Content-Security-Policy", s.look().KeepCSP())
	x.W.Header().Set("Referrer-Policy", "no-referrer") // this page's address may hold a ticket, or be very long
	s.write(x.W, x.R, x.ID, http.StatusOK, title, d)
}

// SignedInPage ends a sign-in in a window of its own. The link leads to the application.
func (s *Site) SignedInPage(x *Exchange, application string) {
	s.pageHeader(x.W.Header())
	x.W.Header().Set("Content-Security-Policy", s.look().SignedInCSP())
	s.write(x.W, x.R, x.ID, http.StatusOK, "signed in", web.SignedIn(application))
}

// ConsentPage shows the question whether a client may act for somebody. The answer leads to one
// of the sources, beside those of all pages.
func (s *Site) ConsentPage(x *Exchange, v web.ConsentView, leadsTo ...string) {
	s.pageHeader(x.W.Header())
	x.W.Header().Set("Content-Security-Policy", s.look().CSP(append([]string{"'self'", s.TeamURL.Scheme + ":"}, leadsTo...)...))
	s.write(x.W, x.R, x.ID, http.StatusOK, "consent", web.Consent(v))
}

// Onward shows a page that has something for the host of an application.
func (s *Site) Onward(x *Exchange, v web.OnwardView) {
	s.pageHeader(x.W.Header())
	x.W.Header().Set("Content-Security-Policy", s.look().OnwardCSP(v.Origin, "'self'", s.TeamURL.Scheme+":"))
	// With same-origin, the Origin of a form for another host is null (Fetch, append a
	// request `Origin` header). This page's address stays here with either.
	x.W.Header().Set("Referrer-Policy", "strict-origin")
	s.write(x.W, x.R, x.ID, http.StatusOK, "onward", web.Onward(v))
}

// maxLogged bounds what of a request a line of the log repeats.
const maxLogged = 512

// LoggedPath is the path of a request as a line of the log repeats it: no query, which can hold
// secrets.
func LoggedPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	return policy.Cut(path, maxLogged)
}

// about is what a line of the log says of a request.
func (s *Site) about(r *http.Request, id string) []slog.Attr {
	host := cmp.Or(CanonicalHost(r.Host), r.Host)
	about := []slog.Attr{slog.String("method", policy.Cut(r.Method, maxLogged)), slog.String("host", policy.Cut(host, maxLogged)),
		slog.String("path", LoggedPath(r))}
	if a := s.Address(r); a.IsValid() {
		about = append(about, slog.String("address", a.Unmap().String()))
	}
	return append(about, slog.String("requestID", id))
}

func (s *Site) send(w http.ResponseWriter, r *http.Request, status int, d web.Document) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// The client has gone, if it fails; nothing is left to tell it.
	_, _ = w.Write(s.look().Render(d, r.Header.Get("Accept-Language"))) //nolint:gosec // html/template has escaped it
}

// look is how pages look.
func (s *Site) look() *web.Look { return cmp.Or(s.Look, web.Plain()) }

func (s *Site) pageHeader(header http.Header) {
	header.Set("Content-Type", "text/html; charset=utf-8")
	// What a form leads to is held against the policy as well, and a sign-in ends
	// at an application.
	header.Set("Content-Security-Policy", s.look().CSP("'self'", s.TeamURL.Scheme+":"))
}

// Fail shows that something did not work, and why, with a way on.
func (s *Site) Fail(x *Exchange, n web.Notice) { s.Show(x, n.Status, n.Page(x.Host)) }

// Show shows a page that says why, with a way on if it has none yet.
func (s *Site) Show(x *Exchange, status int, p web.Page) {
	if p.Action == "" {
		p.Action, p.URL = s.wayOn(x)
	}
	if p.Action == "" && x.R.Method == http.MethodGet { // nothing is known here yet
		p.Action, p.URL = web.TryAgain, s.Here(x)+x.R.URL.RequestURI()
	}
	p.RequestID, p.DocsURL = x.ID, s.Docs.Of(p.Reason)
	x.W.Header().Set(contract.ReasonHeader, p.Reason)
	s.Page(x, status, p.Title, web.Render(p))
}

// wayOn returns a link to where the person wanted to go, to the application, or to
// the team host's front page.
func (s *Site) wayOn(x *Exchange) (label, address string) {
	switch {
	case x.Dest != "":
		return web.OpenApplication, x.Dest
	case x.Host == s.TeamHost():
		return web.StartPage, s.Origin(x.Host) + "/"
	case x.Table != nil && x.Table.Claims(x.Host):
		return web.OpenApplication, s.Here(x) + "/"
	}
	if s.Home != "" {
		return web.StartPage, s.Home
	}
	return "", ""
}

// Broken is for defects of ours, and for keys that cannot do their job.
func (s *Site) Broken(x *Exchange, err error) {
	s.Log.LogAttrs(x.R.Context(), slog.LevelError, "a request was not answered", append(s.about(x.R, x.ID), slog.Any("error", err))...)
	s.Fail(x, web.Broken)
}

// JSON answers a script.
func (s *Site) JSON(x *Exchange, status int, v any) {
	text, err := json.Marshal(v)
	if err != nil {
		s.Broken(x, err)
		return
	}
	x.W.Header().Set("Content-Type", "application/json")
	x.W.WriteHeader(status)
	_, _ = x.W.Write(text) // the client has gone; nothing is left to tell it
}

// RefuseJSON refuses what a script asked for, as the decision endpoints do.
func (s *Site) RefuseJSON(x *Exchange, status int, reason string) {
	x.W.Header().Set(contract.ReasonHeader, reason)
	answer := map[string]string{"reason": reason, "request_id": x.ID}
	if status == http.StatusUnauthorized && x.Host != s.TeamHost() {
		answer["login_url"] = s.OwnAt(s.Here(x), "login", nil)
	}
	if docs := s.Docs.Of(reason); docs != "" {
		answer["docs"] = docs
	}
	s.JSON(x, status, answer)
}
