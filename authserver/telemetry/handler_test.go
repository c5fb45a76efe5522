// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/trace"
)

// TestIdentity: a person is named, hashed or left out, whichever line it is; with one key
// the hash is the same, and with another it is another.
func TestIdentity(t *testing.T) {
	line := func(mode Identity, key string) string {
		var out bytes.Buffer
		slog.New(NewHandler(&out, HandlerOptions{Identity: mode, Key: []byte(key)})).Info("x", "user", "u-1", "email", "ann@example.com", "host", "h")
		_, rest, _ := strings.Cut(out.String(), `"msg":`)
		return rest
	}
	if got := line(IdentityPlain, ""); got != `"x","user":"u-1","email":"ann@example.com","host":"h"}`+"\n" {
		t.Error(got)
	}
	if got := line(IdentityNone, ""); got != `"x","host":"h"}`+"\n" {
		t.Error(got)
	}
	one, other := line(IdentityHash, "0123456789abcdef"), line(IdentityHash, "fedcba9876543210")
	if one == other || one != line(IdentityHash, "0123456789abcdef") || strings.Contains(one, "ann") || strings.Contains(one, "u-1") ||
		strings.Count(one, `"`) != strings.Count(line(IdentityPlain, ""), `"`) {
		t.Errorf("%s%s", one, other)
	}
}

func TestIdentityKey(t *testing.T) {
	short := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(short, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{short, short + ".missing"} {
		if _, err := ReadIdentityKey(file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}
	one, err := ReadIdentityKey("")
	other, err2 := ReadIdentityKey("")
	if err != nil || err2 != nil || len(one) < minKey || bytes.Equal(one, other) {
		t.Errorf("%x %x", one, other)
	}
}

// TestFormat: text if asked for, and JSON where nobody looks on.
func TestFormat(t *testing.T) {
	for f, begin := range map[Format]string{FormatAuto: `{"time":`, FormatJSON: `{"time":`, FormatText: `time=`, "": `{"time":`} {
		var out bytes.Buffer
		w := NewLogWriter(&out, WriterOptions{})
		slog.New(NewHandler(w, HandlerOptions{Format: f})).Info("x")
		w.Close()
		if !strings.HasPrefix(out.String(), begin) {
			t.Errorf("%q: %s", f, out.String())
		}
	}
}

// TestLogFile: what was renamed is followed by a new file, which its owner alone reads, and
// no line is lost.
func TestLogFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	f, err := OpenFile(name)
	if err != nil {
		t.Fatal(err)
	}
	write := func(s string) {
		t.Helper()
		if _, err := f.Write([]byte(s)); err != nil {
			t.Fatal(err)
		}
	}
	write("1\n")
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	write("2\n")
	write("3\n")
	if err := os.Remove(name + ".1"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(name)
	if err != nil || string(got) != "2\n3\n" {
		t.Errorf("%q, %v", got, err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := OpenFile(t.TempDir()); err == nil {
		t.Error("a folder is a log file")
	}
}

// TestTracedLines: a line has the trace ID of its context if that trace is kept, once, and
// whoever else gets the line gets it as it was.
func TestTracedLines(t *testing.T) {
	var first, second bytes.Buffer
	log := slog.New(Both(Traced(slog.NewJSONHandler(&first, nil)), slog.NewJSONHandler(&second, &slog.HandlerOptions{Level: slog.LevelWarn})))
	in := func(flags trace.TraceFlags) context.Context {
		return trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(
			trace.SpanContextConfig{TraceID: trace.TraceID{0xab}, SpanID: trace.SpanID{1}, TraceFlags: flags}))
	}
	log.With("a", 1).WithGroup("").InfoContext(in(trace.FlagsSampled), "kept", "1", 1, "2", 2, "3", 3, "4", 4, "5", 5, "6", 6)
	log.WarnContext(in(0), "not kept")
	if got := first.String(); strings.Count(got, `"traceID":"ab000000000000000000000000000000"`) != 1 || strings.Count(got, "\n") != 2 ||
		!strings.Contains(got, `"a":1`) {
		t.Error(got)
	}
	if got := second.String(); strings.Contains(got, "trace") || strings.Count(got, "\n") != 1 {
		t.Error(got)
	}
}
