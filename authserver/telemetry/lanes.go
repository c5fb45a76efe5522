// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"time"

	"golang.org/x/time/rate"
)

// Lines of the log are of four kinds. Each has a bound of its own, so that a flood of one
// hides nothing of another.
const (
	admissions = iota // requests that pass
	requests          // those that are refused, and pages
	others            // sign-ins, and what the process does
	warnings
	kinds
)

var kindNames = [kinds]string{"admissions", "requests", "others", "warnings"}

// DefaultLogRate is far more than ordinary use writes: some 2000 refusals a second.
const DefaultLogRate = 1 << 20

const (
	// MinLogRate is below what any process should be left with. A line is far shorter.
	MinLogRate = 64 << 10
	burst      = 10          // seconds' worth of lines that may come at once
	toldEach   = time.Second // how often the log says how many lines were left out
)

// kindOf says of what kind a line is.
func kindOf(r *slog.Record) int {
	switch {
	case r.Level >= slog.LevelWarn:
		return warnings
	case r.Message == "refused", r.Message == "shown", r.Message == "page":
		return requests
	case r.Message != "decision":
		return others
	}
	kind := requests
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "verdict" && a.Value.String() == "allow" {
			kind = admissions
		}
		return a.Key != "verdict"
	})
	return kind
}

// A lane takes the lines of one kind: so many bytes a second, and leaves out what is more.
type lane struct {
	to    *LogWriter
	kind  int
	limit *rate.Limiter // nil: there is none
	// How many lines were left out since the log said so, and bytes of them: of LogWriter.mu.
	lines, bytes int
}

func newLanes(l *LogWriter, perSecond int) (out [kinds]*lane) {
	for kind := range out {
		out[kind] = &lane{to: l, kind: kind}
		if perSecond > 0 {
			out[kind].limit = rate.NewLimiter(rate.Limit(perSecond), burst*perSecond)
		}
	}
	return out
}

// Write takes a line, or leaves it out. It never waits and never fails.
func (l *lane) Write(line []byte) (int, error) {
	if l.limit == nil || l.limit.AllowN(time.Now(), len(line)) {
		return l.to.Write(line)
	}
	l.to.mu.Lock()
	defer l.to.mu.Unlock()
	l.lines++
	l.bytes += len(line)
	l.to.leftOut++
	l.to.wakeUp()
	return len(line), nil
}

// say appends how many lines were left out.
func (l *lane) say(to []byte, format Format) []byte {
	if l.lines == 0 {
		return to
	}
	to = note(to, format, "log lines were left out: there are more than --log-rate allows",
		slog.String("kind", kindNames[l.kind]), slog.Int("lines", l.lines), slog.Int("bytes", l.bytes))
	l.lines, l.bytes = 0, 0
	return to
}

// note appends a line of the log's own.
func note(to []byte, format Format, message string, about ...slog.Attr) []byte {
	b := bytes.NewBuffer(to)
	r := slog.NewRecord(time.Now(), slog.LevelWarn, message, 0)
	r.AddAttrs(about...)
	_ = plainHandler(b, format, nil).Handle(context.Background(), r) // a buffer takes all
	return b.Bytes()
}

func plainHandler(w io.Writer, format Format, o *slog.HandlerOptions) slog.Handler {
	if format == FormatText {
		return slog.NewTextHandler(w, o)
	}
	return slog.NewJSONHandler(w, o)
}

// resolve is the format of what is written to w.
func resolve(f Format, w io.Writer) Format {
	if f == FormatText || f != FormatJSON && isTerminal(w) {
		return FormatText
	}
	return FormatJSON
}

// split hands each line to the handler of its kind.
type split [kinds]slog.Handler

func (s *split) Enabled(ctx context.Context, l slog.Level) bool { return s[others].Enabled(ctx, l) }

func (s *split) Handle(ctx context.Context, r slog.Record) error {
	return s[kindOf(&r)].Handle(ctx, r)
}

func (s *split) each(change func(slog.Handler) slog.Handler) slog.Handler {
	var out split
	for i, h := range s {
		out[i] = change(h)
	}
	return &out
}

func (s *split) WithAttrs(a []slog.Attr) slog.Handler {
	return s.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(a) })
}

func (s *split) WithGroup(name string) slog.Handler {
	return s.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}
