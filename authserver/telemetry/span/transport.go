// SPDX-License-Identifier: Apache-2.0

package span

import (
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Transport makes a span of each request whose context has one, and passes the trace on to
// who is asked. All others it leaves to next as they are.
func Transport(next http.RoundTripper) http.RoundTripper { return &transport{next} }

type transport struct{ next http.RoundTripper }

// RoundTrip tells of a request without its query: a code or a token may be in that.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	within := trace.SpanFromContext(r.Context())
	if !within.SpanContext().IsValid() {
		return t.next.RoundTrip(r)
	}
	ctx, s := within.TracerProvider().Tracer(scope).Start(r.Context(), r.Method+" "+Clean(r.URL.Path),
		trace.WithSpanKind(trace.SpanKindClient))
	defer s.End()
	if s.IsRecording() {
		s.SetAttributes(attribute.String("http.request.method", r.Method), attribute.String("server.address", Clean(r.URL.Hostname())),
			attribute.String("url.full", Clean(r.URL.Scheme+"://"+r.URL.Host+r.URL.Path)))
	}
	r = r.Clone(ctx)
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(r.Header))
	resp, err := t.next.RoundTrip(r)
	switch {
	case err != nil: // it may quote what was sent
		Failed(s, "transport")
	default:
		s.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
		if resp.StatusCode >= http.StatusBadRequest {
			Failed(s, strconv.Itoa(resp.StatusCode))
		}
	}
	return resp, err
}

// Failed has a span say that what it is of failed, and how, in a word that is one of few.
func Failed(s trace.Span, kind string) {
	s.SetStatus(codes.Error, "")
	s.SetAttributes(attribute.String("error.type", kind))
}
