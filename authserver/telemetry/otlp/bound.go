// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	maxWaiting   = 2048            // spans, and as many log lines
	complainEach = 5 * time.Minute // of a collector that takes nothing
)

// A bound is how many of a kind may wait, and how many were lost.
type bound struct {
	signal  string
	waiting atomic.Int64
	lost    atomic.Uint64
	log     *slog.Logger
	mu      sync.Mutex
	told    time.Time
}

// takes reports whether one more may wait. Otherwise it is lost.
func (b *bound) takes() bool {
	if b.waiting.Add(1) <= maxWaiting {
		return true
	}
	b.waiting.Add(-1)
	b.lost.Add(1)
	return false
}

// sent is what became of some of those that waited.
func (b *bound) sent(n int, err error) {
	b.waiting.Add(-int64(n))
	if err == nil {
		return
	}
	b.lost.Add(uint64(n)) //nolint:gosec // the length of a slice
	b.complain(err)
}

// complain leaves a line now and then.
func (b *bound) complain(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); now.Sub(b.told) >= complainEach {
		b.told = now
		b.log.Warn("the collector does not take all that it should get; what is lost is counted",
			"signal", b.signal, "error", err)
	}
}

// spans hands spans on to the SDK's queue as long as there is room: the SDK itself does not
// tell what it drops.
type spans struct {
	sdktrace.SpanProcessor
	bound *bound
}

func (p *spans) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() && p.bound.takes() {
		p.SpanProcessor.OnEnd(s)
	}
}

type spanExporter struct {
	sdktrace.SpanExporter
	bound *bound
}

func (e *spanExporter) ExportSpans(ctx context.Context, all []sdktrace.ReadOnlySpan) error {
	e.bound.sent(len(all), e.SpanExporter.ExportSpans(ctx, all))
	return nil // it is told already
}

// lines is spans for log lines.
type lines struct {
	sdklog.Processor
	bound *bound
}

func (p *lines) OnEmit(ctx context.Context, r *sdklog.Record) error {
	if !p.bound.takes() {
		return nil
	}
	return p.Processor.OnEmit(ctx, r)
}

type lineExporter struct {
	sdklog.Exporter
	bound *bound
}

func (e *lineExporter) Export(ctx context.Context, all []sdklog.Record) error {
	e.bound.sent(len(all), e.Exporter.Export(ctx, all))
	return nil // it is told already
}
