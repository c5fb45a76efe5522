// SPDX-License-Identifier: Apache-2.0

// Package span tells of decisions, of steps of a sign-in and of requests to others by spans
// of OpenTelemetry. It owns what a span may hold: no query, no cookie, no token, people only
// as the log names them, and nothing longer than 256 bytes. It knows no exporter: where
// nobody wants spans, the Tracer is nil, and a context without a span costs nothing.
package span
