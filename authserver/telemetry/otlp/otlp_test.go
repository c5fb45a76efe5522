// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"
	"unsafe"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/ostiary/ostiary/hack/lab/collector"
)

func open(t *testing.T, o Options) *Exports {
	t.Helper()
	o.Log, o.PerSecond = slog.New(slog.DiscardHandler), 100
	e, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func hide(_ []string, a slog.Attr) slog.Attr {
	switch a.Key {
	case "user":
		return slog.String("user", "hidden")
	case "email":
		return slog.Attr{}
	}
	return a
}

// TestLinesAreTheSame: by either protocol, a collector gets what a line in JSON says, under
// the same keys.
func TestLinesAreTheSame(t *testing.T) {
	c := collector.New(t)
	for protocol, at := range map[Protocol]string{GRPC: c.GRPC, HTTP: c.HTTP} {
		before := len(c.Lines())
		e := open(t, Options{Protocol: protocol, Logs: at})
		var text bytes.Buffer
		for _, h := range []slog.Handler{e.Handler(slog.LevelInfo, hide), slog.NewJSONHandler(&text, &slog.HandlerOptions{ReplaceAttr: hide})} {
			log := slog.New(h).With("provider", "corp", "user", "ann")
			log.Debug("not this")
			log.Info("decision", "status", 403, "part", .5, "dry", true, "took", time.Second, "email", "ann@example.com", "path", "/ä\u202e")
			log.WithGroup("g").Warn("in a group", "a", 1, slog.Group("inner", "b", "x"))
			log.Error("failed", "error", errors.New("no route"))
		}
		_ = e.Close()
		got, want := c.Lines()[before:], strings.Split(strings.TrimSpace(text.String()), "\n")
		if len(got) != len(want) {
			t.Fatalf("%s: %d lines, want %d: %+v", protocol, len(got), len(want), got)
		}
		for i, line := range want {
			said := flat(t, line)
			if got[i].Body != said["msg"] || got[i].Severity != said["level"] {
				t.Errorf("%+v is not %s", got[i], line)
			}
			delete(said, "msg")
			delete(said, "level")
			delete(said, "time")
			if !maps.Equal(said, numbers(got[i].Says)) {
				t.Errorf("%v is not %s", got[i].Says, line)
			}
		}
	}
}

// flat is a line in JSON with the members of groups under their full names.
func flat(t *testing.T, line string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	var walk func(prefix string, m map[string]any)
	walk = func(prefix string, m map[string]any) {
		for k, v := range m {
			if inner, ok := v.(map[string]any); ok {
				walk(prefix+k+".", inner)
				continue
			}
			out[prefix+k] = v
		}
	}
	walk("", m)
	return out
}

func numbers(m map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if n, ok := v.(int64); ok {
			v = float64(n)
		}
		out[k] = v
	}
	return out
}

// TestLinesOutliveTheirStrings: what a line is made of may be overwritten as soon as it is
// told, and bytes that are no UTF-8 cost nobody else's line.
func TestLinesOutliveTheirStrings(t *testing.T) {
	c := collector.New(t)
	e := open(t, Options{Protocol: GRPC, Logs: c.GRPC})
	log := slog.New(e.Handler(slog.LevelInfo, nil))
	buffer := []byte("/first")
	log.Info("decision", "path", unsafe.String(&buffer[0], len(buffer)))
	copy(buffer, "/other")
	log.Info("decision", "path", "/\xff")
	_ = e.Close()
	if got := c.Lines(); len(got) != 2 || got[0].Says["path"] != "/first" || got[1].Says["path"] != "/\uFFFD" {
		t.Errorf("%+v", got)
	}
}

// TestLinesBelongToTraces: a line has the trace of its context if that is kept.
func TestLinesBelongToTraces(t *testing.T) {
	c := collector.New(t)
	e := open(t, Options{Protocol: GRPC, Logs: c.GRPC, Traces: c.GRPC, Ratio: 1})
	log := slog.New(e.Handler(slog.LevelInfo, nil))
	ctx, span := e.Traces().Tracer("test").Start(t.Context(), "kept")
	log.InfoContext(ctx, "within")
	span.End()
	lost := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}})
	log.InfoContext(trace.ContextWithSpanContext(t.Context(), lost), "of one that is not kept")
	_ = e.Close()
	lines, spans := c.Lines(), c.Spans()
	if len(lines) != 2 || len(spans) != 1 || lines[0].Trace != spans[0].Trace || lines[1].Trace != "" {
		t.Errorf("%+v\n%+v", lines, spans)
	}
}

// TestResource: a collector is told which program it is, and what the environment adds.
func TestResource(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.version=9")
	c := collector.New(t)
	e := open(t, Options{Protocol: HTTP, Traces: c.HTTP + "/", Ratio: 1, Version: "1.2.3"})
	_, span := e.Traces().Tracer("test").Start(t.Context(), "x")
	span.End()
	_ = e.Close()
	got := c.Spans()
	if len(got) != 1 || got[0].Resource["service.name"] != "ostiary" || got[0].Resource["deployment.environment.name"] != "test" ||
		got[0].Resource["service.version"] != "9" || got[0].Resource["host.name"] == nil {
		t.Errorf("%+v", got)
	}
}

// TestNothingWanted: of what is not exported there is neither a provider nor a handler.
func TestNothingWanted(t *testing.T) {
	var none *Exports
	if none.Traces() != nil || none.Handler(slog.LevelInfo, nil) != nil {
		t.Error("nothing exports something")
	}
	e := open(t, Options{Protocol: GRPC})
	if e.Traces() != nil || e.Handler(slog.LevelInfo, nil) != nil || e.Close() != nil {
		t.Error("nothing exports something")
	}
}

// TestSampler: parts of a trace are kept if its beginning is, and never by themselves.
func TestSampler(t *testing.T) {
	parent := func(flags trace.TraceFlags, remote bool) context.Context {
		return trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1},
			SpanID: trace.SpanID{1}, TraceFlags: flags, Remote: remote}))
	}
	for name, c := range map[string]struct {
		ratio float64
		of    context.Context
		want  int
	}{
		"our own":                     {1, context.Background(), 2},
		"none of ours":                {0, context.Background(), 0},
		"brought along":               {0, parent(trace.FlagsSampled, true), 2},
		"brought along, not to keep":  {1, parent(0, true), 0},
		"within one that is kept":     {0, parent(trace.FlagsSampled, false), 5},
		"within one that is not kept": {1, parent(0, false), 0},
	} {
		s, got := newSampler(c.ratio, 2), 0
		for range 5 {
			p := sdktrace.SamplingParameters{ParentContext: c.of, TraceID: trace.TraceID{1}}
			if s.ShouldSample(p).Decision == sdktrace.RecordAndSample {
				got++
			}
		}
		if got != c.want {
			t.Errorf("%s: %d of 5, want %d", name, got, c.want)
		}
	}
}

// TestBound: no more wait than may, and each that is lost is counted once.
func TestBound(t *testing.T) {
	var log bytes.Buffer
	b := &bound{signal: "traces", log: slog.New(slog.NewTextHandler(&log, nil))}
	taken := 0
	for range maxWaiting + 10 {
		if b.takes() {
			taken++
		}
	}
	b.sent(100, errors.New("away"))
	b.sent(100, errors.New("away"))
	b.sent(100, nil)
	if taken != maxWaiting || b.lost.Load() != 210 || strings.Count(log.String(), "away") != 1 {
		t.Errorf("%d taken, %d lost: %s", taken, b.lost.Load(), log.String())
	}
	for range 300 {
		if !b.takes() {
			t.Fatal("there is no room for what was sent")
		}
	}
	if b.takes() {
		t.Error("there is room that nobody left")
	}
}
