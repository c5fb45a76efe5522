// SPDX-License-Identifier: Apache-2.0

// Package otlp exports spans and log lines to a collector, by the OpenTelemetry protocol.
// It owns which traces are kept, the bounds of what waits, and what is counted of what is
// lost: a collector that is slow or away never holds up a decision, and a stranger who asks
// for a trace of each request gets so many a second.
package otlp
