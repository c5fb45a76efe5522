// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/trace"
)

// Handler exports log lines of a level and above; nil: they are not wanted. replace is that
// of slog.HandlerOptions.
func (e *Exports) Handler(level slog.Leveler, replace func(groups []string, a slog.Attr) slog.Attr) slog.Handler {
	if e == nil || e.logs == nil {
		return nil
	}
	if replace == nil {
		replace = func(_ []string, a slog.Attr) slog.Attr { return a }
	}
	return &handler{to: e.logs.Logger("github.com/ostiary/ostiary"), level: level, replace: replace}
}

// handler makes records of lines. A record waits, and what it is made of may be good only
// during the call: it holds copies.
type handler struct {
	to      log.Logger
	level   slog.Leveler
	replace func(groups []string, a slog.Attr) slog.Attr
	prefix  string // of the keys in a group
	common  []attribute.KeyValue
}

func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level.Level() }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	var out log.Record
	out.SetTimestamp(r.Time)
	out.SetBody(attribute.StringValue(text(r.Message)))
	out.SetSeverityText(r.Level.String())
	out.SetSeverity(severity(r.Level))
	all := append(make([]attribute.KeyValue, 0, len(h.common)+r.NumAttrs()), h.common...)
	r.Attrs(func(a slog.Attr) bool {
		all = h.add(all, h.prefix, a)
		return true
	})
	out.AddAttributes(all...)
	if !trace.SpanContextFromContext(ctx).IsSampled() { // its trace leads nowhere
		ctx = context.Background()
	}
	h.to.Emit(ctx, out)
	return nil
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	b := *h
	b.common = slices.Clone(h.common)
	for _, a := range attrs {
		b.common = h.add(b.common, h.prefix, a)
	}
	return &b
}

func (h *handler) WithGroup(name string) slog.Handler {
	b := *h
	b.prefix += name + "."
	return &b
}

// add adds what an attribute says; a group's members under their own keys.
func (h *handler) add(to []attribute.KeyValue, prefix string, a slog.Attr) []attribute.KeyValue {
	a.Value = a.Value.Resolve()
	if a.Value.Kind() == slog.KindGroup {
		if a.Key != "" {
			prefix += a.Key + "."
		}
		for _, member := range a.Value.Group() {
			to = h.add(to, prefix, member)
		}
		return to
	}
	if a = h.replace(nil, a); a.Equal(slog.Attr{}) {
		return to
	}
	return append(to, attribute.KeyValue{Key: attribute.Key(prefix + a.Key), Value: value(a.Value)})
}

func value(v slog.Value) attribute.Value {
	switch v.Kind() {
	case slog.KindBool:
		return attribute.BoolValue(v.Bool())
	case slog.KindInt64:
		return attribute.Int64Value(v.Int64())
	case slog.KindFloat64:
		return attribute.Float64Value(v.Float64())
	case slog.KindDuration:
		return attribute.Int64Value(int64(v.Duration())) // as JSON lines have it
	default:
		return attribute.StringValue(text(v.String()))
	}
}

// text is a copy in UTF-8: a batch with anything else could not be sent.
func text(s string) string { return strings.ToValidUTF8(strings.Clone(s), "\uFFFD") }

func severity(l slog.Level) log.Severity {
	switch {
	case l >= slog.LevelError:
		return log.SeverityError
	case l >= slog.LevelWarn:
		return log.SeverityWarn
	case l >= slog.LevelInfo:
		return log.SeverityInfo
	}
	return log.SeverityDebug
}
