// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Protocol is how a collector is spoken to, as OTEL_EXPORTER_OTLP_PROTOCOL spells it.
type Protocol string

// The protocols.
const (
	GRPC Protocol = "grpc"
	HTTP Protocol = "http/protobuf"
)

// ParseProtocol reads a protocol.
func ParseProtocol(s string) (Protocol, error) {
	switch p := Protocol(s); p {
	case GRPC, HTTP:
		return p, nil
	}
	return "", fmt.Errorf("%q: grpc or http/protobuf", s)
}

// ParseEndpoint checks the address of a collector; empty: there is none.
func ParseEndpoint(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return fmt.Errorf("%q is no address such as http://collector:4317 (https for TLS)", s)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q: scheme, host, port and path alone; secrets belong into OTEL_EXPORTER_OTLP_HEADERS", u.Redacted())
	}
	return nil
}

// Options are what Exports are made of. What they do not say, the SDK reads from OTEL_*
// variables of the environment: headers, certificates, compression, timeouts, the resource.
type Options struct {
	Protocol Protocol
	// Traces and Logs are addresses of collectors; empty: what it is about is not exported.
	Traces, Logs string
	// Ratio is the part of the traces that are kept of requests which bring none along.
	Ratio float64
	// PerSecond bounds how many traces are kept: of those, and of those brought along.
	PerSecond float64
	Version   string
	// Log is told of a collector that takes nothing, seldom.
	Log *slog.Logger
}

// Exports go on until they are closed.
type Exports struct {
	traces *sdktrace.TracerProvider
	logs   *sdklog.LoggerProvider
	spans  bound
	lines  bound
}

// New begins to export what is wanted. It waits for no collector.
func New(ctx context.Context, o Options) (*Exports, error) {
	e := &Exports{spans: bound{signal: "traces", log: o.Log}, lines: bound{signal: "logs", log: o.Log}}
	otel.SetLogger(logr.FromSlogHandler(o.Log.Handler())) // the SDK's own words, as of a certificate that cannot be read
	otel.SetErrorHandler(otel.ErrorHandlerFunc(e.spans.complain))
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", "ostiary"), attribute.String("service.version", o.Version)),
		resource.WithHost(), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("what OTEL_RESOURCE_ATTRIBUTES says: %w", err)
	}
	if o.Traces != "" {
		err = errors.Join(err, e.exportTraces(ctx, &o, about))
	}
	if o.Logs != "" {
		err = errors.Join(err, e.exportLogs(ctx, &o, about))
	}
	return e, err
}

func (e *Exports) exportTraces(ctx context.Context, o *Options, about *resource.Resource) error {
	var to sdktrace.SpanExporter
	var err error
	if o.Protocol == HTTP {
		to, err = otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(at(o.Traces, "/v1/traces")))
	} else {
		to, err = otlptracegrpc.New(ctx, otlptracegrpc.WithEndpointURL(o.Traces))
	}
	if err != nil {
		return fmt.Errorf("--tracing-endpoint: %w", err)
	}
	queue := sdktrace.NewBatchSpanProcessor(&spanExporter{to, &e.spans}, sdktrace.WithMaxQueueSize(maxWaiting))
	e.traces = sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithSampler(newSampler(o.Ratio, o.PerSecond)),
		sdktrace.WithSpanProcessor(&spans{queue, &e.spans}))
	return nil
}

func (e *Exports) exportLogs(ctx context.Context, o *Options, about *resource.Resource) error {
	var to sdklog.Exporter
	var err error
	if o.Protocol == HTTP {
		to, err = otlploghttp.New(ctx, otlploghttp.WithEndpointURL(at(o.Logs, "/v1/logs")))
	} else {
		to, err = otlploggrpc.New(ctx, otlploggrpc.WithEndpointURL(o.Logs))
	}
	if err != nil {
		return fmt.Errorf("--log-otlp-endpoint: %w", err)
	}
	queue := sdklog.NewBatchProcessor(&lineExporter{to, &e.lines}, sdklog.WithMaxQueueSize(maxWaiting))
	e.logs = sdklog.NewLoggerProvider(sdklog.WithResource(about), sdklog.WithProcessor(&lines{queue, &e.lines}))
	return nil
}

// at adds the path of a signal to an address without one: the SDKs of traces and of logs
// take that in two ways.
func at(endpoint, path string) string {
	u, err := url.Parse(endpoint)
	if err != nil || strings.Trim(u.Path, "/") != "" {
		return endpoint
	}
	return strings.TrimSuffix(endpoint, "/") + path
}

// Traces makes spans; nil: they are not wanted.
func (e *Exports) Traces() trace.TracerProvider {
	if e == nil || e.traces == nil {
		return nil
	}
	return e.traces
}

// closeTime bounds how long the collector may take for what waits.
const closeTime = 5 * time.Second

// Dropped returns how many spans and log lines were lost so far.
func (e *Exports) Dropped() (spans, lines uint64) { return e.spans.lost.Load(), e.lines.lost.Load() }

// Close sends what waits. It never fails.
func (e *Exports) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if e.traces != nil {
		_ = e.traces.Shutdown(ctx) // what is lost is lost
	}
	if e.logs != nil {
		_ = e.logs.Shutdown(ctx) // as above
	}
	return nil
}
