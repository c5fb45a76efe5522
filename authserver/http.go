// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

// Render returns the handler of the render listener, to which a proxy's error
// location sends what it refused.
func (s *Server) Render() http.Handler { return s.serve(s.render) }

// Preflight returns the handler of the preflight listener, to which a proxy
// routes OPTIONS.
func (s *Server) Preflight() http.Handler { return s.serve(dialect.Preflight{}) }

func (s *Server) serve(d dialect.Dialect) http.Handler {
	return s.guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := s.begin()
		defer s.end(x)
		x.refuses = true
		_, _ = io.CopyN(io.Discard, r.Body, maxDrained) // it may be shorter, or broken off
		s.handle(d, httpView{r}, peer(r), x)
		for _, f := range x.answer.Fields() {
			w.Header().Add(f.Name, f.Value)
		}
		w.WriteHeader(x.answer.Status)
		if len(x.answer.Body) > 0 {
			_, _ = w.Write(x.answer.Body) // the client has gone; nothing is left to tell it
		}
	}))
}

// maxDrained bounds how much of a body is read that nobody wants. It is read, as
// a connection closed over the rest reaches nginx before the answer: a 502.
const maxDrained = 32 << 20

// guard turns a panic into a no, and says so.
func (s *Server) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				clear(w.Header())
				at := dialect.Ask{HostPort: r.Host, URI: r.RequestURI}
				at.Method = r.Method
				w.Header().Set("X-Request-Id", s.panicked(p, &at))
				w.Header().Set(contract.ReasonHeader, internalError)
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// internalError is the reason given for a defect of ours.
const internalError = "internal-error"

// panicked logs a panic, and returns the request id that it is logged under.
func (s *Server) panicked(p any, at *dialect.Ask) string {
	id := newRequestID()
	s.decisions.Panicked()
	s.Log.LogAttrs(context.Background(), slog.LevelError, "panic; the request was refused",
		append(telemetry.About(at), slog.Any("panic", p), slog.String("stack", string(debug.Stack())), slog.String("requestID", id))...)
	return id
}

func peer(r *http.Request) netip.Addr {
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	return ap.Addr()
}

// httpView is a dialect.View of net/http's request.
type httpView struct{ r *http.Request }

func (v httpView) Method() string        { return v.r.Method }
func (v httpView) RequestTarget() string { return v.r.RequestURI }
func (v httpView) Host() string          { return v.r.Host }

func (v httpView) Header(name string) (string, int) {
	lines := v.r.Header[name]
	if len(lines) == 0 {
		return "", 0
	}
	return lines[0], len(lines)
}

func (v httpView) Joined(name string) string { return strings.Join(v.r.Header[name], ",") }

// An HTTPServer is one of net/http that answers nothing but whole requests.
type HTTPServer struct{ *http.Server }

// Serve serves what the listener accepts.
func (s HTTPServer) Serve(l net.Listener) error { return s.Server.Serve(punctualListener{l}) }

// NewHTTPServer returns a server with bounds on time and size, for a listener
// that the internet may reach.
func NewHTTPServer(h http.Handler, log *slog.Logger) HTTPServer {
	return HTTPServer{&http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       5 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		// net/http would answer "OPTIONS *" with a 200 of its own.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
}
