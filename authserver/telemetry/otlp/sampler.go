// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"fmt"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"
)

// A sampler says which traces are kept. Of requests that bring a trace along, those that it
// says are kept; of the others, a part. Both are bounded, each by itself: anybody may send a
// traceparent, and must not have us export without end, or crowd out the rest.
type sampler struct {
	part    sdktrace.Sampler // goes by the trace ID alone
	own     *rate.Limiter
	foreign *rate.Limiter
}

// newSampler keeps that part of our own traces, and at most so many of each kind a second.
func newSampler(ratio, perSecond float64) *sampler {
	limiter := func() *rate.Limiter { return rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond))) }
	return &sampler{part: sdktrace.TraceIDRatioBased(ratio), own: limiter(), foreign: limiter()}
}

// ShouldSample says whether a span is kept.
func (s *sampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	keep := false
	switch {
	case !parent.IsValid():
		keep = s.part.ShouldSample(p).Decision == sdktrace.RecordAndSample && s.own.Allow()
	case parent.IsRemote():
		keep = parent.IsSampled() && s.foreign.Allow()
	default:
		keep = parent.IsSampled()
	}
	result := sdktrace.SamplingResult{Decision: sdktrace.Drop, Tracestate: parent.TraceState()}
	if keep {
		result.Decision = sdktrace.RecordAndSample
	}
	return result
}

// Description is what the SDK calls it.
func (s *sampler) Description() string {
	return fmt.Sprintf("ostiary{%s, %v per second}", s.part.Description(), s.own.Limit())
}
