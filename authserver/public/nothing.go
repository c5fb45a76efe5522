// SPDX-License-Identifier: Apache-2.0

package public

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// Handler answers what serve does not, and no answer's header section is longer than
// a proxy takes. newID says the id of a request.
func (s *Site) Handler(newID func(*http.Request) string, serve func(w http.ResponseWriter, r *http.Request, id string) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := newID(r)
		s.header(w.Header(), r, id)
		w = bound(w, func(w http.ResponseWriter) { s.tooLarge(w, r, id) })
		if !serve(w, r, id) {
			s.nothingHere(w, r, id)
		}
	})
}

// header sets what is on every answer: no page of another site may read, frame or post
// to what is here. The Access-Control-* headers are absent on purpose, for every
// origin but the team host's (Form).
func (s *Site) header(h http.Header, r *http.Request, id string) {
	h.Set("X-Frame-Options", "DENY")
	h.Set("Content-Security-Policy", s.look().CSP())
	h.Set("X-Content-Type-Options", "nosniff")
	// Not no-referrer: with it, the Origin of our own forms is null (Fetch §3.2).
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Request-Id", id)
	s.teamHeader(h, r)
}

// tooLarge answers in place of what would not pass a proxy's buffer. What leads to
// such an answer should have seen it coming: hence the line in the log.
func (s *Site) tooLarge(w http.ResponseWriter, r *http.Request, id string) {
	s.header(w.Header(), r, id)
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(contract.ReasonHeader, web.AnswerTooLarge.Reason)
	s.Log.LogAttrs(r.Context(), slog.LevelError, "an answer's header section was longer than a proxy takes; a page was sent in its place",
		append(s.about(r, id), slog.Int("limit", MaxHeader))...)
	s.stray(w, r, id, web.AnswerTooLarge, "")
}

// nothingHere answers what nothing else does.
func (s *Site) nothingHere(w http.ResponseWriter, r *http.Request, id string) {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	switch {
	case r.Method == http.MethodPost && !SameOrigin(r):
		s.stray(w, r, id, web.CrossSite, "")
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		s.stray(w, r, id, web.GetOnly, "")
	case !s.SignsIn && path == s.PathPrefix+"/login":
		w.Header().Set("Cache-Control", "no-store")
		s.stray(w, r, id, web.NotConfigured, r.Host)
	default:
		s.stray(w, r, id, web.NothingHere, "")
	}
}

// application returns the address of the application on a host, or of the team
// host's front page. Empty: there is none, whatever a client calls us.
func (s *Site) application(host string) string {
	target, err := policy.NewTarget(host, "/")
	if err != nil || !s.SignsIn || target.Host() != s.TeamHost() && !s.Table().Claims(target.Host()) {
		return ""
	}
	return s.OriginAt(target.Host(), s.PortOf(host)) + "/"
}

// stray shows a page at an address that nothing answers for.
func (s *Site) stray(w http.ResponseWriter, r *http.Request, id string, n web.Notice, host string) {
	p := n.Page(host)
	p.RequestID, p.DocsURL = id, s.Docs.Of(n.Reason)
	if p.URL = s.application(r.Host); p.URL != "" {
		p.Action = web.OpenApplication
	} else if s.Home != "" {
		p.Action, p.URL = web.StartPage, s.Home
	}
	if s.Quiet {
		s.send(w, r, n.Status, web.Render(p))
		return
	}
	s.write(w, r, id, n.Status, p.Title, web.Render(p))
}
