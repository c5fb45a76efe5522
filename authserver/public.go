// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// Public returns the handler of the public listener: the team host, and our
// path prefix on the hosts of applications. The internet reaches it.
func (s *Server) Public() http.Handler {
	return s.guard(s.public(func(w http.ResponseWriter, r *http.Request, id string) bool {
		return s.serveKeySet(w, r) || s.login != nil && s.login.ServeHTTP(w, r, id)
	}))
}

// public answers what serve does not, and no answer's header section is longer than
// a proxy takes.
func (s *Server) public(serve func(w http.ResponseWriter, r *http.Request, id string) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := newRequestID()
		publicHeader(w.Header(), id)
		w = login.Bound(w, func(w http.ResponseWriter) { s.tooLarge(w, r, id) })
		if !serve(w, r, id) {
			s.nothingHere(w, r, id)
		}
	})
}

// publicHeader is on every answer: no page of another site may read, frame or post
// to what is here. The Access-Control-* headers are absent on purpose, for every
// origin.
func publicHeader(h http.Header, id string) {
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", web.CSP())
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: with it, the Origin of our own forms is null (Fetch §3.2).
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Request-Id", id)
}

// tooLarge answers in place of what would not pass a proxy's buffer. What leads to
// such an answer should have seen it coming: hence the line in the log.
func (s *Server) tooLarge(w http.ResponseWriter, r *http.Request, id string) {
	publicHeader(w.Header(), id)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(contract.ReasonHeader, "token-too-large")
	s.Log.Error("an answer's header section was longer than a proxy takes; a page was sent in its place", "limit", login.MaxHeader, "requestID", id)
	s.showPage(w, r, http.StatusInternalServerError, web.Page{Title: "Too much to remember", Reason: "token-too-large", RequestID: id,
		Message: "What has to be remembered about you does not fit into an answer of this site. Tell whoever runs it: fewer or shorter groups in the access rules help."})
}

// nothingHere answers what nothing else does.
func (s *Server) nothingHere(w http.ResponseWriter, r *http.Request, id string) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	switch {
	case r.Method == http.MethodPost && !login.SameOrigin(r):
		s.showPage(w, r, http.StatusForbidden, web.Page{
			Title: "Refused", Message: "This form was sent by another site.", RequestID: id})
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		s.showPage(w, r, http.StatusMethodNotAllowed, web.Page{
			Title: "Not here", Message: "This address answers GET only.", RequestID: id})
	case s.login == nil && path == s.PathPrefix+"/login":
		w.Header().Set("Cache-Control", "no-store")
		s.showPage(w, r, http.StatusServiceUnavailable, web.Page{
			Title:     "Signing in is not set up",
			Message:   "This installation has no identity provider yet, so nobody can sign in here. Please tell whoever runs it.",
			Host:      r.Host,
			RequestID: id,
		})
	default:
		s.showPage(w, r, http.StatusNotFound, web.Page{
			Title: "Nothing here", Message: "There is no page at this address.", RequestID: id, Action: "Open the application", URL: s.application(r.Host)})
	}
}

// application returns the address of the application on a host, or of the team
// host's front page. Empty: there is none, whatever a client calls us.
func (s *Server) application(host string) string {
	target, err := policy.NewTarget(host, "/")
	if err != nil || s.login == nil || target.Host() != strings.ToLower(s.TeamURL.Hostname()) && !s.Table().Claims(target.Host()) {
		return ""
	}
	address := s.TeamURL.Scheme + "://" + target.Host()
	if port := s.TeamURL.Port(); port != "" { // the port is that of all of them
		address += ":" + port
	}
	return address + "/"
}

// serveKeySet publishes the keys at their addresses, on every host: exact ones,
// as what a proxy might clean or decode is not one of them.
func (s *Server) serveKeySet(w http.ResponseWriter, r *http.Request) bool {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if path != "/.well-known/jwks.json" && path != s.PathPrefix+"/certs" {
		return false
	}
	keys := s.KeySet()
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
	case keys == nil || !s.Ready(): // an empty set would be kept, and every token refused
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", "application/jwk-set+json")
		w.Header().Set("Cache-Control", "public, max-age=300") // far less than a new key's lead
		_, _ = w.Write(keys)                                   // the client has gone; nothing is left to tell it
	}
	return true
}

// showPage shows a page, and leaves a line in the log that its request id leads to.
func (s *Server) showPage(w http.ResponseWriter, r *http.Request, status int, p web.Page) {
	if s.DecisionLog != LogOff {
		path, _, _ := strings.Cut(r.RequestURI, "?") // never the query: it can hold secrets
		s.Log.LogAttrs(r.Context(), slog.LevelInfo, "page", slog.Int("status", status), slog.String("title", p.Title),
			slog.String("path", path[:min(len(path), maxLogged)]), slog.String("requestID", p.RequestID))
	}
	if p.URL == "" {
		p.Action = ""
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(web.Render(p)) // the client has gone; nothing is left to tell it
}
