// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/valyala/fasthttp"
	"google.golang.org/grpc/metadata"

	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/telemetry/otlp"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
	"github.com/ostiary/ostiary/hack/lab/collector"
)

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceParent = "00-" + traceID + "-00f067aa0ba902b7-01"
)

// tracedWorld exports to a collector what it decides; flush has all of it there. Distant:
// contexts that come along are links.
func tracedWorld(t testing.TB, ratio, perSecond float64, distant bool) (w *world, c *collector.Collector, flush func()) {
	t.Helper()
	c = collector.New(t)
	exports, err := otlp.New(t.Context(), otlp.Options{Protocol: otlp.GRPC, Traces: c.GRPC, Ratio: ratio, PerSecond: perSecond,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	w = newWorld(t, func(cfg *Config) {
		cfg.DecisionLog, cfg.Log = telemetry.LogAll, slog.New(telemetry.Traced(cfg.Log.Handler()))
		cfg.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		cfg.Tracer = span.New(span.Options{Provider: exports.Traces(), Distant: distant})
	})
	return w, c, func() { _ = exports.Close() }
}

// TestSpanOfADecision: in every dialect the trace context is believed, and span and log line
// say the same of a decision.
func TestSpanOfADecision(t *testing.T) {
	const put = "Access-Control-Request-Method"
	for name, q := range map[string]struct {
		target    string
		headers   []string
		preflight bool
	}{
		"nginx":      {"/authz/v1/nginx/GET/app.example.com/x", nil, false},
		"admitted":   {"/authz/v1/nginx/GET/app.example.com/x", []string{"Cookie", "__Host-ostiary=good"}, false},
		"nginx-pass": {"/authz/v1/nginx-pass/GET/app.example.com/office", nil, false},
		"preflight":  {"/authz/v1/nginx/OPTIONS/app.example.com/x", []string{"Origin", "https://evil.example", put, "PUT"}, true},
		"plain":      {"/authz/v1/nginx", []string{"X-Original-Url", "https://app.example.com/x", "X-Original-Method", "GET"}, false},
		"forward": {"/authz/v1/forward", []string{
			"X-Forwarded-Method", "GET", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "app.example.com", "X-Forwarded-Uri", "/x"}, false},
		"url":          {"/authz/v1/url/GET/app.example.com/x", nil, false},
		"envoy":        {"/authz/v1/envoy/x", []string{"Host", "app.example.com"}, false},
		"unreadable":   {"/authz/v1/nginx/GET/app.example.com/%zz", nil, false},
		"nowhere":      {"/authz/v2", nil, false},
		"not a secret": {"/authz/v1/nginx/GET/app.example.com/x?code=hush", []string{"Cookie", "a=hush", "Authorization", "Bearer hush"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w, c, flush := tracedWorld(t, 0, 100, false)
			w.ask(t, q.target, append(q.headers, "Traceparent", traceParent, "Tracestate", "vendor=1", "X-Request-Id", "0123456789abcdef")...)
			flush()
			lines, spans := append(w.log.lines(t, "decision"), w.log.lines(t, "refused")...), c.Named("decision")
			if len(lines) != 1 || len(spans) != 1 {
				t.Fatalf("%v\n%+v", lines, spans)
			}
			s, l := spans[0], lines[0]
			if s.Trace != traceID || s.Parent != "00f067aa0ba902b7" || s.State != "vendor=1" ||
				s.Kind != "SPAN_KIND_SERVER" || l["traceID"] != traceID {
				t.Errorf("%+v\n%v", s, l)
			}
			for key, of := range map[string]string{"reason": "ostiary.reason", "dialect": "ostiary.dialect", "policy": "ostiary.policy",
				"field": "ostiary.field",
				"rule":  "ostiary.rule", "revision": "ostiary.revision", "requestID": "ostiary.request_id", "user": "user.id",
				"host":   "server.address",
				"method": "http.request.method", "why": "ostiary.why"} {
				if l[key] != s.Says[of] {
					t.Errorf("%s is %v in the line, and %v in the span", key, l[key], s.Says[of])
				}
			}
			if verdict, ok := l["verdict"]; ok && verdict != s.Says["ostiary.verdict"] || !ok && s.Says["ostiary.verdict"] != "deny" {
				t.Errorf("verdict %v, and %v", verdict, s.Says)
			}
			if int64(l["status"].(float64)) != s.Says["ostiary.status"] || s.Says["ostiary.preflight"] != q.preflight {
				t.Errorf("%v\n%v", l, s.Says)
			}
			if all := fmt.Sprint(s); strings.Contains(all, "hush") || strings.Contains(all, "example.com/x") {
				t.Errorf("a span holds too much: %s", all)
			}
		})
	}
}

// TestSpanOfEnvoysQuestion: over gRPC, Envoy's own span counts, and the client's where it has
// none.
func TestSpanOfEnvoysQuestion(t *testing.T) {
	const other = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"
	for name, c := range map[string]struct {
		ctx  context.Context
		want string
	}{
		"Envoy's":      {metadata.NewIncomingContext(t.Context(), metadata.Pairs("traceparent", traceParent, "tracestate", "e=1")), traceID},
		"the client's": {t.Context(), strings.Repeat("a", 32)},
	} {
		w, at, flush := tracedWorld(t, 0, 100, false)
		if _, err := (authorization{w.Server}).Check(c.ctx, checkRequest("GET /x", false, "traceparent: "+other)); err != nil {
			t.Fatal(err)
		}
		flush()
		if s := at.Named("decision"); len(s) != 1 || s[0].Trace != c.want || s[0].Says["ostiary.dialect"] != "grpc" {
			t.Errorf("%s: %+v", name, s)
		}
	}
}

// TestHostileTraceContexts: what is no trace context is none, one that says it is not sampled
// is not, and what else a stranger sends is bounded and can be sent on. THREATS H12.
func TestHostileTraceContexts(t *testing.T) {
	for parent, want := range map[string]int{
		traceParent: 1, strings.TrimSuffix(traceParent, "01") + "00": 0,
		"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01": 0, "x": 0,
		strings.ToUpper(traceParent): 0, "ff" + traceParent[2:]: 0, traceParent + "-x": 0, strings.Repeat("a", 9000): 0,
	} {
		w, c, flush := tracedWorld(t, 0, 100, false)
		w.ask(t, "/authz/v1/nginx/G\xff/app.example.com/x", "Traceparent", parent, "Tracestate", strings.Repeat("a=1,", 2000),
			"X-Request-Id", strings.Repeat("x", 900))
		w.ask(t, "/authz/v1/nginx/GET/"+strings.Repeat("a", 60)+".example.com/x", "Traceparent", parent,
			"Tracestate", "k="+strings.Repeat("v", 600))
		flush()
		if n := len(c.Spans()); n != 2*want {
			t.Errorf("%.40q: %d spans", parent, n)
		}
		for _, s := range c.Spans() {
			if text := fmt.Sprint(s); len(text) > 4000 || s.State != "" || !utf8.ValidString(text) {
				t.Errorf("%d bytes: %.200s", len(text), text)
			}
		}
	}
}

// TestDistantTraces: who is not believed gets a trace of its own, with a link, as often as
// all others.
func TestDistantTraces(t *testing.T) {
	for ratio, want := range map[float64]int{0: 0, 1: 3} {
		w, c, flush := tracedWorld(t, ratio, 100, true)
		for range 3 {
			w.ask(t, "/authz/v1/nginx/GET/app.example.com/x", "Traceparent", traceParent)
		}
		flush()
		spans := c.Named("decision")
		if len(spans) != want {
			t.Errorf("%v: %+v", ratio, spans)
		}
		for _, s := range spans {
			if s.Trace == traceID || s.Parent != "" || s.Link != traceID {
				t.Errorf("%+v", s)
			}
		}
	}
}

// TestStrangersCannotForceTraces: of requests that say they are sampled, so many a second are
// traced, and they take nothing from the others. THREATS H12.
func TestStrangersCannotForceTraces(t *testing.T) {
	w, c, flush := tracedWorld(t, 1, 5, false)
	began := time.Now()
	for range 500 {
		w.ask(t, "/authz/v1/nginx/GET/app.example.com/x", "Traceparent", traceParent)
	}
	w.ask(t, "/authz/v1/nginx/GET/app.example.com/x")
	most := 5 + int(5*time.Since(began).Seconds()) + 1
	flush()
	foreign := 0
	for _, s := range c.Named("decision") {
		if s.Trace == traceID {
			foreign++
		}
	}
	if n := len(c.Named("decision")); foreign < 5 || foreign > most || n != foreign+1 {
		t.Errorf("%d of strangers, at most %d; %d altogether", foreign, most, n)
	}
	if lines := w.log.lines(t, "decision"); lines[400]["traceID"] != traceID {
		t.Errorf("the line of what the proxy traced does not lead to its trace: %v", lines[400])
	}
}

// answer is the status that a question gets.
func (w *world) answer(t testing.TB, target string) int {
	t.Helper()
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	ctx.Request.Header.SetRequestURI(target)
	w.Authz().Handler(&ctx)
	return ctx.Response.StatusCode()
}

// TestNoTracesCostNothing: where nobody wants traces, a traceparent costs no garbage, and none
// goes to the application.
func TestNoTracesCostNothing(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.DecisionLog, c.Log = telemetry.LogOff, slog.New(slog.DiscardHandler) })
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	ctx.Request.Header.SetRequestURI("/authz/v1/nginx/GET/app.example.com/public/x")
	ctx.Request.Header.Set("Traceparent", traceParent)
	h := w.Authz().Handler
	if n := testing.AllocsPerRun(1000, func() {
		ctx.Response.Reset()
		h(&ctx)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if ctx.Response.StatusCode() != 200 || strings.Contains(strings.ToLower(ctx.Response.String()), "trace") {
		t.Error(ctx.Response.String())
	}
}

// BenchmarkTelling is what it costs to tell of a decision.
func BenchmarkTelling(b *testing.B) {
	c := collector.New(b)
	for _, way := range []struct {
		name   string
		log    telemetry.DecisionLog
		ratio  float64 // -1: no tracing
		parent string
	}{
		{"nothing", telemetry.LogOff, -1, ""},
		{"nothing, with a traceparent", telemetry.LogOff, -1, traceParent},
		{"log", telemetry.LogAll, -1, ""},
		{"trace, not sampled", telemetry.LogOff, 0, ""},
		{"trace, not sampled by the proxy", telemetry.LogOff, 0, strings.TrimSuffix(traceParent, "01") + "00"},
		{"trace, sampled", telemetry.LogOff, 1, ""},
		{"log and trace, sampled", telemetry.LogAll, 1, ""},
	} {
		b.Run(way.name, func(b *testing.B) {
			w := newWorld(b, func(cfg *Config) {
				out := telemetry.NewLogWriter(io.Discard, telemetry.WriterOptions{})
				b.Cleanup(out.Close)
				cfg.DecisionLog, cfg.Log = way.log, slog.New(telemetry.NewHandler(out,
					telemetry.HandlerOptions{Format: telemetry.FormatJSON, Traces: way.ratio >= 0}))
				if way.ratio < 0 {
					return
				}
				exports, err := otlp.New(b.Context(), otlp.Options{Protocol: otlp.GRPC, Traces: c.GRPC, Ratio: way.ratio, PerSecond: 1e9,
					Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					b.Fatal(err)
				}
				b.Cleanup(func() { _ = exports.Close() })
				cfg.Tracer = span.New(span.Options{Provider: exports.Traces()})
			})
			var ctx fasthttp.RequestCtx
			ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
			ctx.Request.Header.SetRequestURI("/authz/v1/nginx/GET/app.example.com/public/x")
			if way.parent != "" {
				ctx.Request.Header.Set("Traceparent", way.parent)
			}
			h := w.Authz().Handler
			b.ReportAllocs()
			for b.Loop() {
				ctx.Response.Reset()
				h(&ctx)
			}
		})
	}
}
