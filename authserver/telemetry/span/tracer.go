// SPDX-License-Identifier: Apache-2.0

package span

import (
	"context"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// scope names who makes the spans.
const scope = "github.com/ostiary/ostiary/authserver"

// Names of the header fields of W3C trace context.
const (
	ParentHeader = "Traceparent"
	StateHeader  = "Tracestate"
)

const (
	maxValue = 256 // bytes of a value in a span
	maxState = 512 // bytes of a tracestate: what has to be passed on (W3C Trace Context §3.3.1.5)
)

// A Tracer makes spans. The nil Tracer makes none.
type Tracer struct {
	tracer  trace.Tracer
	distant bool
	hide    func(who string) string
}

// Options are what a Tracer is made of.
type Options struct {
	// Provider makes the spans, and says which of them are kept.
	Provider trace.TracerProvider
	// Distant: whoever asks is not believed. What they say is a link, and no parent.
	Distant bool
	// Hide returns what a span says in place of a user or an email address; empty: nothing.
	// nil: as it is.
	Hide func(who string) string
}

// New returns a Tracer.
func New(o Options) *Tracer {
	if o.Hide == nil {
		o.Hide = func(who string) string { return who }
	}
	return &Tracer{o.Provider.Tracer(scope), o.Distant, o.Hide}
}

// start begins a span of what somebody else asked for. The trace context is theirs.
func (t *Tracer) start(ctx context.Context, name string, from trace.SpanContext, at time.Time) (context.Context, trace.Span) {
	options := append(make([]trace.SpanStartOption, 0, 4), trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(at))
	switch {
	case !from.IsValid():
	case t.distant:
		options = append(options, trace.WithNewRoot(), trace.WithLinks(trace.Link{SpanContext: from}))
	default:
		ctx = trace.ContextWithRemoteSpanContext(ctx, from)
	}
	return t.tracer.Start(ctx, name, options...)
}

// remote reads a trace context. The strings may be good only during the call.
func remote(parent, state string) trace.SpanContext {
	if parent == "" {
		return trace.SpanContext{}
	}
	if len(state) > maxState {
		state = ""
	}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), header{parent, strings.Clone(state)}))
}

// header is a trace context as header fields have it.
type header struct{ parent, state string }

func (h header) Get(key string) string {
	switch key {
	case "traceparent":
		return h.parent
	case "tracestate":
		return h.state
	}
	return ""
}
func (header) Set(string, string) {}
func (header) Keys() []string     { return nil }

// A Decision is what a span says of a decision.
type Decision struct {
	Parent, State                         string // the trace context of the question
	Dialect, Verdict, Reason              string
	Method, Host, RequestID               string
	Policy, Field, Rule, Revision         string
	User, Provider, DryRun, Would, Detail string
	Status                                int
	Preflight                             bool
	Start                                 time.Time
	Took                                  time.Duration
}

// Decided makes the span of a decision, and returns the context of its log line: that of the
// span if it is kept, or else that of who asked if they say that theirs is.
func (t *Tracer) Decided(d *Decision) context.Context {
	from := remote(d.Parent, d.State)
	ctx, s := t.start(context.Background(), "decision", from, d.Start)
	if s.IsRecording() {
		s.SetAttributes(t.attributes(d)...)
	}
	s.End(trace.WithTimestamp(d.Start.Add(d.Took)))
	if !s.SpanContext().IsSampled() && from.IsSampled() && !t.distant {
		return trace.ContextWithRemoteSpanContext(context.Background(), from)
	}
	return ctx
}

func (t *Tracer) attributes(d *Decision) []attribute.KeyValue {
	all := append(make([]attribute.KeyValue, 0, 18), attribute.Bool("ostiary.preflight", d.Preflight),
		attribute.Int("ostiary.status", d.Status))
	for _, a := range [...]struct{ key, value string }{
		{"ostiary.verdict", d.Verdict}, {"ostiary.reason", d.Reason}, {"ostiary.dialect", d.Dialect}, {"ostiary.policy", d.Policy},
		{"ostiary.field", d.Field}, {"ostiary.rule", d.Rule}, {"ostiary.revision", d.Revision}, {"ostiary.request_id", d.RequestID},
		{"ostiary.provider", d.Provider}, {"ostiary.dry_run", d.DryRun}, {"ostiary.would", d.Would}, {"ostiary.why", d.Detail},
		{"http.request.method", d.Method}, {"server.address", d.Host},
	} {
		if a.value != "" {
			all = append(all, attribute.String(a.key, Clean(a.value)))
		}
	}
	if d.User != "" {
		if user := t.hide(d.User); user != "" {
			all = append(all, attribute.String("user.id", Clean(user)))
		}
	}
	return all
}

// Clean is a copy of a text as a span can hold it: UTF-8, or the whole batch could not be
// sent, and not too long.
func Clean(s string) string {
	return strings.ToValidUTF8(strings.Clone(s[:min(len(s), maxValue)]), "\uFFFD")
}

// Step begins the span of a step that a browser asked for. End the span.
func (t *Tracer) Step(r *http.Request, name, host, requestID string) (*http.Request, trace.Span) {
	parent, state := "", strings.Join(r.Header[StateHeader], ",")
	if lines := r.Header[ParentHeader]; len(lines) == 1 {
		parent = lines[0]
	}
	ctx, s := t.start(r.Context(), name, remote(parent, state), time.Now())
	if s.IsRecording() {
		s.SetAttributes(attribute.String("http.request.method", Clean(r.Method)), attribute.String("server.address", Clean(host)),
			attribute.String("ostiary.request_id", Clean(requestID)))
	}
	return r.WithContext(ctx), s
}

// Say has the span of a step say what is known about it, by the keys of log lines.
func (t *Tracer) Say(ctx context.Context, key, value string) {
	s := trace.SpanFromContext(ctx)
	if t == nil || value == "" || !s.IsRecording() {
		return
	}
	switch key {
	case "user", "email":
		if value = t.hide(value); value == "" {
			return
		}
		key = map[string]string{"user": "user.id", "email": "user.email"}[key]
	default:
		key = "ostiary." + key
	}
	s.SetAttributes(attribute.String(key, Clean(value)))
}

// Within begins a span within the one of the context, if that has one. End the span.
func Within(ctx context.Context, name string) (context.Context, trace.Span) {
	return trace.SpanFromContext(ctx).TracerProvider().Tracer(scope).Start(ctx, name)
}

// Begin begins a span of what Ostiary does by itself. Where the context has a span already,
// that is told of there: it is returned as it is, with a span that does nothing. End the span.
func (t *Tracer) Begin(ctx context.Context, name string) (context.Context, trace.Span) {
	if t == nil || trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, trace.SpanFromContext(context.Background())
	}
	return t.tracer.Start(ctx, name)
}

// Detached is a context that ends with nothing, and whose spans belong to the one of ctx.
func Detached(ctx context.Context) context.Context {
	return trace.ContextWithSpan(context.Background(), trace.SpanFromContext(ctx))
}
