// SPDX-License-Identifier: Apache-2.0

package span

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// recorded returns a Tracer, and what it made.
func recorded(o Options) (*Tracer, *tracetest.SpanRecorder) {
	r := tracetest.NewSpanRecorder()
	o.Provider = sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r))
	return New(o), r
}

type answers func(*http.Request) (*http.Response, error)

func (f answers) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestTransport: a request within a span has one of its own, without its query and without the
// words of an error; the one that was given stays as it is, and others are handed on untouched.
func TestTransport(t *testing.T) {
	away := errors.New("POST https://idp.example.com/token?code=hush: no route")
	for name, c := range map[string]struct {
		status int
		err    error
		kind   string // of the error
	}{"found": {200, nil, ""},
		"moved": {302, nil, ""}, "refused": {400, nil, "400"}, "broken": {503, nil, "503"}, "away": {0, away, "transport"}} {
		t.Run(name, func(t *testing.T) {
			tracer, r := recorded(Options{})
			var got *http.Request
			next := Transport(answers(func(q *http.Request) (*http.Response, error) {
				got = q
				return &http.Response{StatusCode: c.status, Body: io.NopCloser(strings.NewReader(""))}, c.err
			}))
			in, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://u:hush@idp.example.com/token?code=hush#hush", nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := next.RoundTrip(in); !errors.Is(err, c.err) || got != in || len(r.Ended()) != 0 {
				t.Errorf("a request without a span: %v, %d spans", err, len(r.Ended()))
			}
			in, step := tracer.Step(in, "step", "host", "id")
			if _, err := next.RoundTrip(in); !errors.Is(err, c.err) || len(in.Header) != 0 {
				t.Errorf("%v, %v", err, in.Header)
			}
			step.End()
			made := r.Ended()
			if len(made) != 2 || made[0].Name() != "POST /token" || made[0].Parent().SpanID() != step.SpanContext().SpanID() {
				t.Fatal(made)
			}
			want := "00-" + step.SpanContext().TraceID().String() + "-" + made[0].SpanContext().SpanID().String() + "-01"
			if got.Header.Get(ParentHeader) != want {
				t.Errorf("%v, want %s", got.Header, want)
			}
			kind := ""
			for _, a := range made[0].Attributes() {
				if a.Key == "error.type" {
					kind = a.Value.AsString()
				}
			}
			if text := fmt.Sprint(made[0].Attributes(), made[0].Status(), made[0].Events()); strings.Contains(text, "hush") || kind != c.kind {
				t.Errorf("%q, want %q: %s", kind, c.kind, text)
			}
		})
	}
}

// TestClean: what a span holds is a copy in UTF-8, of 256 bytes at most but for what stands
// for a broken rune.
func TestClean(t *testing.T) {
	for in, want := range map[string]string{"": "", "a": "a", "\xff": "\uFFFD", strings.Repeat("a", 300): strings.Repeat("a", 256),
		strings.Repeat("a", 255) + "é": strings.Repeat("a", 255) + "\uFFFD"} {
		if got := Clean(in); got != want || !utf8.ValidString(got) {
			t.Errorf("%.20q: %q", in, got)
		}
	}
}

// TestSay: a step says what is known by the keys of the log, people as they are to be named,
// and nothing where there is nothing to say or nobody to say it to.
func TestSay(t *testing.T) {
	var nobody *Tracer
	nobody.Say(t.Context(), "outcome", "succeeded")
	tracer, r := recorded(Options{Hide: func(who string) string { return strings.TrimPrefix(who, "ann") }})
	tracer.Say(t.Context(), "outcome", "succeeded")
	in, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	in, step := tracer.Step(in, "step", "host", "id")
	for _, kv := range [][2]string{{"outcome", "succeeded"}, {"user", "ann"}, {"email", "ann@example.com"}, {"reason", ""}} {
		tracer.Say(in.Context(), kv[0], kv[1])
	}
	step.End()
	text := fmt.Sprint(r.Ended()[0].Attributes())
	for part, want := range map[string]bool{"ostiary.outcome": true, "user.id": false,
		"user.email": true, "ann": false, "ostiary.reason": false} {
		if strings.Contains(text, part) != want {
			t.Errorf("%s: %s", part, text)
		}
	}
}

// TestDetached: what outlives a request belongs to its trace, and does not end with it.
func TestDetached(t *testing.T) {
	tracer, _ := recorded(Options{})
	ctx, cancel := context.WithCancel(t.Context())
	in, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
	if err != nil {
		t.Fatal(err)
	}
	in, step := tracer.Step(in, "step", "host", "id")
	cancel()
	on := Detached(in.Context())
	if on.Err() != nil || trace.SpanFromContext(on) != step {
		t.Errorf("%v, %v", on.Err(), trace.SpanFromContext(on))
	}
}
