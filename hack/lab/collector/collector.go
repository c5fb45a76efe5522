// SPDX-License-Identifier: Apache-2.0

// Package collector is a collector of OpenTelemetry for tests: it takes traces and logs by
// OTLP, with gRPC and with HTTP, by the types that the protocol is generated from.
package collector

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// A Span is one that came.
type Span struct {
	Name, Trace, ID, Parent, Link string
	Kind                          string
	Says                          map[string]any
	Resource                      map[string]any
	State                         string
	Failed                        bool
	Start, End                    time.Time
}

// A Line is a log record that came.
type Line struct {
	Body, Trace, Severity string
	Says                  map[string]any
}

// A Collector keeps what comes.
type Collector struct {
	tracepb.UnimplementedTraceServiceServer
	// GRPC and HTTP are its addresses.
	GRPC, HTTP string

	mu    sync.Mutex
	spans []Span
	lines []Line
}

// New starts one, which ends with the test.
func New(t testing.TB) *Collector {
	t.Helper()
	c := &Collector{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	tracepb.RegisterTraceServiceServer(s, c)
	logspb.RegisterLogsServiceServer(s, logs{of: c})
	go s.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(s.Stop)
	h := httptest.NewServer(http.HandlerFunc(c.serve))
	t.Cleanup(h.Close)
	c.GRPC, c.HTTP = "http://"+l.Addr().String(), h.URL
	return c
}

func (c *Collector) serve(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	text, _ := io.ReadAll(body)
	var traces tracepb.ExportTraceServiceRequest
	var lines logspb.ExportLogsServiceRequest
	switch {
	case r.URL.Path == "/v1/traces" && proto.Unmarshal(text, &traces) == nil:
		_, _ = c.Export(r.Context(), &traces)
	case r.URL.Path == "/v1/logs" && proto.Unmarshal(text, &lines) == nil:
		_, _ = logs{of: c}.Export(r.Context(), &lines)
	default:
		w.WriteHeader(http.StatusBadRequest)
	}
}

// Export takes spans (TraceService).
func (c *Collector) Export(_ context.Context, r *tracepb.ExportTraceServiceRequest) (*tracepb.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range r.GetResourceSpans() {
		for _, scope := range of.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				span := Span{Name: s.GetName(), Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()),
					Parent: hex.EncodeToString(s.GetParentSpanId()), Kind: s.GetKind().String(), Says: said(s.GetAttributes()),
					Resource: said(of.GetResource().GetAttributes()), State: s.GetTraceState(), Failed: s.GetStatus().GetCode() == 2,
					Start: time.Unix(0, int64(s.GetStartTimeUnixNano())), End: time.Unix(0, int64(s.GetEndTimeUnixNano()))} //nolint:gosec // times
				if links := s.GetLinks(); len(links) > 0 {
					span.Link = hex.EncodeToString(links[0].GetTraceId())
				}
				c.spans = append(c.spans, span)
			}
		}
	}
	return &tracepb.ExportTraceServiceResponse{}, nil
}

type logs struct {
	logspb.UnimplementedLogsServiceServer
	of *Collector
}

func (l logs) Export(_ context.Context, r *logspb.ExportLogsServiceRequest) (*logspb.ExportLogsServiceResponse, error) {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	for _, of := range r.GetResourceLogs() {
		for _, scope := range of.GetScopeLogs() {
			for _, s := range scope.GetLogRecords() {
				l.of.lines = append(l.of.lines, Line{Body: s.GetBody().GetStringValue(), Trace: hex.EncodeToString(s.GetTraceId()),
					Severity: s.GetSeverityText(), Says: said(s.GetAttributes())})
			}
		}
	}
	return &logspb.ExportLogsServiceResponse{}, nil
}

func said(all []*commonpb.KeyValue) map[string]any {
	out := map[string]any{}
	for _, kv := range all {
		switch v := kv.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			out[kv.GetKey()] = v.StringValue
		case *commonpb.AnyValue_BoolValue:
			out[kv.GetKey()] = v.BoolValue
		case *commonpb.AnyValue_IntValue:
			out[kv.GetKey()] = v.IntValue
		case *commonpb.AnyValue_DoubleValue:
			out[kv.GetKey()] = v.DoubleValue
		}
	}
	return out
}

// Spans returns those that came.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Span(nil), c.spans...)
}

// Lines returns those that came.
func (c *Collector) Lines() []Line {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Line(nil), c.lines...)
}

// Named returns the spans of a name.
func (c *Collector) Named(name string) []Span {
	var out []Span
	for _, s := range c.Spans() {
		if s.Name == name {
			out = append(out, s)
		}
	}
	return out
}
