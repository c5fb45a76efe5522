// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Authz returns the server of the authz listener, which proxies ask about every
// request. It is fasthttp, as that costs half of net/http there; and it is
// routed by hand, as a mux that cleans paths would answer for other paths.
func (s *Server) Authz() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:               s.serveAuthz,
		ErrorHandler:          s.refuseBroken,
		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
		// Proxies forward up to 32 KiB of headers and put the URL in twice.
		ReadBufferSize:     64 << 10,
		MaxRequestBodySize: 1 << 20, // proxies send none, but for those told to
		ReadTimeout:        10 * time.Second,
		WriteTimeout:       10 * time.Second,
		// Longer than any proxy keeps an idle connection, so that it never sends
		// a request into one that is being closed.
		IdleTimeout:     5 * time.Minute,
		CloseOnShutdown: true,
		// More than there are descriptors: at its limit, fasthttp answers connections
		// on which nothing was asked.
		Concurrency:                  1 << 24,
		DisablePreParseMultipartForm: true,
		Logger:                       fastLogger{s.Log},
	}
}

// serveAuthz turns even a panic into a no.
func (s *Server) serveAuthz(ctx *fasthttp.RequestCtx) {
	x := s.begin()
	defer s.end(x)
	defer func() {
		if p := recover(); p != nil {
			ctx.Response.Reset()
			ctx.Response.Header.Set("X-Request-Id", s.panicked(p, &x.ask))
			ctx.Response.Header.Set(contract.ReasonHeader, internalError)
			ctx.SetStatusCode(fasthttp.StatusInternalServerError)
		}
	}()
	v := fastView{ctx}
	d := s.endpoint(v.RequestTarget())
	if len(ctx.Request.Header.PeekTrailerKeys()) > 0 {
		d = trailers
	}
	s.handle(d, v, peerOf(ctx), x)
	for _, f := range x.answer.Fields() {
		ctx.Response.Header.Add(f.Name, f.Value)
	}
	ctx.SetStatusCode(x.answer.Status)
	if len(x.answer.Body) > 0 {
		ctx.SetBody(x.answer.Body)
	}
}

// refuseBroken answers what cannot be parsed. A visitor can cause it, with a
// control character in a header that the proxy passes on: so not a 400, which
// nginx shows as a 500.
//
// What did not come, or not whole, is answered with the end of the connection: a
// proxy that keeps one ready would take an answer for that of its next request.
func (s *Server) refuseBroken(ctx *fasthttp.RequestCtx, err error) { // which can quote secrets
	if isIncomplete(err) {
		_ = ctx.Conn().Close() // fasthttp now has nowhere to write to
		return
	}
	x := s.begin()
	defer s.end(x)
	refusal := unparsable
	var large *fasthttp.ErrSmallBuffer
	if errors.As(err, &large) {
		refusal = tooLarge
	}
	s.refuse(nowhere, &x.ask, &refusal, &x.answer)
	for _, f := range x.answer.Fields() {
		ctx.Response.Header.Add(f.Name, f.Value)
	}
	ctx.SetStatusCode(x.answer.Status)
}

var (
	unparsable = dialect.Refusal{Status: 403, Reason: policy.BadRequest, Message: "the request cannot be parsed"}
	tooLarge   = dialect.Refusal{Status: fasthttp.StatusRequestHeaderFieldsTooLarge, Reason: policy.BadRequest, Message: "the request line and the headers are longer than 64 KiB together"}
)

// isIncomplete reports whether the rest of a request, or all of it, did not come.
func isIncomplete(err error) bool {
	var network net.Error
	var nothing fasthttp.ErrNothingRead
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &network) || errors.As(err, &nothing)
}

// endpoint is the routing table of the authz listener.
func (s *Server) endpoint(target string) dialect.Dialect {
	switch {
	case strings.HasPrefix(target, contract.NginxPrefix):
		return &s.nginx
	case strings.HasPrefix(target, contract.NginxPassPrefix):
		return &s.pass
	case strings.HasPrefix(target, contract.NginxCanaryPrefix):
		return &s.canary
	case strings.HasPrefix(target, contract.URLPrefix):
		return &s.url
	case strings.HasPrefix(target, contract.ForwardPrefix), strings.HasPrefix(target, contract.ForwardRoutePrefix):
		return &s.forward
	case strings.HasPrefix(target, contract.EnvoyPrefix): // pinned or not
		return &s.envoy
	case strings.HasPrefix(target, contract.ExternalPrefix):
		return &s.external
	case strings.HasPrefix(target, contract.CertificatePrefix):
		return dialect.Certify(target, s.uncertified)
	case strings.HasPrefix(target, contract.BoundPrefix):
		return dialect.Bind(target, s.unbound)
	}
	path, _, _ := strings.Cut(target, "?")
	switch path {
	case contract.NginxHeaderPath:
		return &s.headers
	case contract.ForwardPath:
		return &s.forward
	default:
		return nowhere
	}
}

// uncertified is endpoint for what is told of certificates already.
func (s *Server) uncertified(target string) dialect.Dialect {
	if strings.HasPrefix(target, contract.CertificatePrefix) {
		return nowhere
	}
	return s.endpoint(target)
}

// unbound is endpoint for what is bound already: once is enough.
func (s *Server) unbound(target string) dialect.Dialect {
	if strings.HasPrefix(target, contract.BoundPrefix) || strings.HasPrefix(target, contract.CertificatePrefix) {
		return nowhere
	}
	return s.endpoint(target)
}

// refusing is the dialect of what is refused whatever it says.
type refusing struct{ *dialect.Refusal }

var (
	// Only a wrong auth-url leads nowhere: no visitor can choose it.
	nowhere = refusing{&dialect.Refusal{Status: 404, Reason: policy.BadRequest, Operator: true, Message: "this listener has no such endpoint"}}
	// To fasthttp, a field of the trailer is a header field like any other. No
	// proxy overwrites it there.
	trailers = refusing{&dialect.Refusal{Status: 403, Reason: policy.BadRequest, Message: "the request has a trailer section"}}
)

func (refusing) String() string                                        { return "none" }
func (r refusing) Read(dialect.View, *dialect.Ask) *dialect.Refusal    { return r.Refusal }
func (refusing) Write(*dialect.Answer, *dialect.Ask, *policy.Decision) {}

func peerOf(ctx *fasthttp.RequestCtx) netip.Addr {
	a, _ := netip.AddrFromSlice(ctx.RemoteIP())
	return a
}

// fastView is a dialect.View of fasthttp's request. Its strings are views of
// the connection's buffer: good until the handler returns.
type fastView struct{ ctx *fasthttp.RequestCtx }

func (v fastView) Method() string        { return view(v.ctx.Request.Header.Method()) }
func (v fastView) RequestTarget() string { return view(v.ctx.Request.Header.RequestURI()) }
func (v fastView) Host() string          { return view(v.ctx.Request.Header.Host()) }

func (v fastView) Header(name string) (string, int) {
	lines := v.ctx.Request.Header.PeekAll(name)
	if len(lines) == 0 {
		return "", 0
	}
	return view(lines[0]), len(lines)
}

func (v fastView) Joined(name string) string {
	lines := v.ctx.Request.Header.PeekAll(name)
	switch len(lines) {
	case 0:
		return ""
	case 1:
		return view(lines[0])
	}
	joined := make([]string, len(lines))
	for i, l := range lines {
		joined[i] = string(l)
	}
	return strings.Join(joined, ",")
}

// view borrows bytes as a string. What it is handed to must not keep it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) } //nolint:gosec // audited: see fastView

// fastLogger hands fasthttp's own complaints (broken requests) to slog.
type fastLogger struct{ log *slog.Logger }

func (l fastLogger) Printf(format string, _ ...any) {
	// The arguments can hold what a client sent; the format says what happened.
	l.log.Debug("authz listener", "event", format)
}
