// SPDX-License-Identifier: Apache-2.0

package bearer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry/span"
)

// TestRefusedTokensSayWhere: whatever is wrong with a token, the line about it has the request
// that it came with, as the lines of decisions have; never a query, and nothing of the token.
func TestRefusedTokensSayWhere(t *testing.T) {
	k, other, away := ecKey(t, "one"), ecKey(t, "one"), newProvider(t)
	away.Close()
	for name, c := range map[string]struct {
		issuer config.Issuer
		token  string
	}{
		"over":           {trusted(t, "ci", iss, k), k.sign(t, claims(iss, map[string]any{"exp": now.Add(-time.Hour).Unix()}))},
		"forged":         {trusted(t, "ci", iss, k), other.sign(t, claims(iss))},
		"other audience": {trusted(t, "ci", iss, k), k.sign(t, claims(iss, map[string]any{"aud": "hush"}))},
		"no keys":        {remote("ci", away), k.sign(t, claims(away.URL))},
	} {
		var log bytes.Buffer
		w := &world{}
		w.set = New(Options{Now: w.now, Log: slog.New(slog.NewJSONHandler(&log, nil))})
		w.update(t, c.issuer)
		target, err := policy.NewTarget("a.x", "/things/"+strings.Repeat("x", 600)+"?code=hush")
		if err != nil {
			t.Fatal(err)
		}
		r := policy.Request{Target: target, Method: "PUT", Address: netip.MustParseAddr("198.51.100.7"), Now: w.now()}
		if b, _ := w.set.Verify(w.table.At(&r), "Bearer "+c.token, w.now()); b != nil {
			t.Fatal(name)
		}
		var line struct{ Msg, Issuer, Why, Method, Host, Path, Address string }
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, log.String())
		}
		if line.Msg != "bearer token refused" || line.Issuer != "ci" || line.Why == "" || line.Method != "PUT" || line.Host != "a.x" ||
			!strings.HasPrefix(line.Path, "/things/xxx") || len(line.Path) > 512 || line.Address != "198.51.100.7" {
			t.Errorf("%s: %s", name, log.String())
		}
		if parts := strings.Split(c.token, "."); strings.Contains(log.String(), "hush") || strings.Contains(log.String(), parts[1]) {
			t.Errorf("%s: the line holds a secret: %s", name, log.String())
		}
	}
}

// TestSpansOfKeys: fetching keys is a trace of its own, in which the provider is asked, and
// which says whether it came to anything; and of those who want no traces, none is asked for.
func TestSpansOfKeys(t *testing.T) {
	k := ecKey(t, "one")
	for name, c := range map[string]struct {
		answer http.HandlerFunc // nil: the keys
		kind   string           // of the error of the whole, and of the request
		asked  string
	}{
		"good":    {nil, "", ""},
		"down":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, "unavailable", "503"},
		"no keys": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) }, "rejected", ""},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := tracetest.NewSpanRecorder()
			traces := span.New(span.Options{Provider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))})
			for _, tracer := range []*span.Tracer{nil, traces} {
				p := newProvider(t, k)
				parent := make(chan string, 8)
				p.answer = func(w http.ResponseWriter, r *http.Request) {
					parent <- r.Header.Get(span.ParentHeader)
					if c.answer != nil {
						c.answer(w, r)
						return
					}
					_, _ = w.Write([]byte(p.keys))
				}
				set := New(Options{Now: func() time.Time { return now }, Tracer: tracer})
				set.Update([]config.Issuer{remote("ci", p)})
				got := <-parent
				eventually(t, "the fetch does not end", func() bool { s, _ := set.State("ci"); return s.Keys > 0 || s.Err != nil })
				if tracer == nil {
					if got != "" || len(recorder.Ended()) > 0 {
						t.Fatalf("untraced, and the provider is told %q: %v", got, recorder.Ended())
					}
					continue
				}
				wantSpansOfKeys(t, recorder, got, c.kind, c.asked)
			}
		})
	}
}

func wantSpansOfKeys(t *testing.T, recorder *tracetest.SpanRecorder, parent, kind, asked string) {
	t.Helper()
	one := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range recorder.Ended() {
		one[s.Name()] = s
	}
	whole, request := one["issuer keys"], one["GET /jwks"]
	if len(one) != 3 || whole == nil || request == nil || one["GET /.well-known/openid-configuration"] == nil {
		t.Fatalf("%v", one)
	}
	for name, s := range one {
		if s != whole && (s.Parent().SpanID() != whole.SpanContext().SpanID() || s.SpanContext().TraceID() != whole.SpanContext().TraceID()) {
			t.Errorf("%s is not within the whole", name)
		}
	}
	if want := "00-" + whole.SpanContext().TraceID().String() + "-" + request.SpanContext().SpanID().String() + "-01"; parent != want ||
		whole.Parent().IsValid() {
		t.Errorf("the provider is told %q, want %q", parent, want)
	}
	for i, s := range []sdktrace.ReadOnlySpan{whole, request} {
		want := []string{kind, asked}[i]
		if text := fmt.Sprint(s.Attributes()); strings.Contains(text, "error.type") != (want != "") || !strings.Contains(text, want) {
			t.Errorf("%s says %s, want %q", s.Name(), text, want)
		}
	}
}
