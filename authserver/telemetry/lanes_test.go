// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLogRate: each kind of lines has so many bytes a second and no more, whatever there is of
// others; what is left out is counted, and said soon after, once a second at most.
func TestLogRate(t *testing.T) {
	write := map[string]func(*slog.Logger){
		"admissions": func(l *slog.Logger) { l.Info("decision", "verdict", "allow", "reason", "x") },
		"requests":   func(l *slog.Logger) { l.Info("decision", "reason", "x", "verdict", "deny") },
		"others":     func(l *slog.Logger) { l.Info("sign-in failed", "verdict", "allow") },
		"warnings":   func(l *slog.Logger) { l.Warn("refused") },
	}
	for flooded := range write {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			w := NewLogWriter(&out, WriterOptions{Rate: MinLogRate, Format: FormatText})
			log := slog.New(NewHandler(w, HandlerOptions{Format: FormatText}))
			flood := func(bytes int) (lines int) {
				for before := 0; before < bytes; before += 60 {
					write[flooded](log)
					lines++
				}
				return lines
			}
			flood(burst * MinLogRate / 2) // of lines of more than 60 bytes
			time.Sleep(time.Second)
			synctest.Wait()
			if n := w.LeftOut(); n > 0 && out.Len() < burst*MinLogRate/2 {
				t.Errorf("%s: %d lines were left out of %d bytes", flooded, n, out.Len())
			}
			flood(3 * burst * MinLogRate)
			for kind, one := range write {
				if kind != flooded {
					one(log)
				}
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			told := strings.Count(out.String(), "log lines were left out")
			if w.LeftOut() == 0 || told == 0 || told > 3 || !strings.Contains(out.String(), "kind="+flooded+" lines=") {
				t.Errorf("%s: %d left out, told %d times", flooded, w.LeftOut(), told)
			}
			if most := (burst+4)*MinLogRate + 4096; out.Len() > most {
				t.Errorf("%s: %d bytes, at most %d", flooded, out.Len(), most)
			}
			for kind := range write {
				if kind != flooded && strings.Contains(out.String(), "kind="+kind) {
					t.Errorf("%s: some of %s were left out", flooded, kind)
				}
			}
			w.Close()
		})
	}
}

// TestNoLogRate: without a rate, nothing is left out.
func TestNoLogRate(t *testing.T) {
	var out bytes.Buffer
	w := NewLogWriter(&out, WriterOptions{})
	log := slog.New(NewHandler(w, HandlerOptions{}).WithGroup("g").WithAttrs([]slog.Attr{slog.String("a", "b")}))
	for range 5000 {
		log.Info("refused", "path", strings.Repeat("x", 300))
	}
	w.Close()
	if n := strings.Count(out.String(), `"g":{"a":"b","path"`); n != 5000 || w.LeftOut() > 0 {
		t.Errorf("%d lines, %d left out", n, w.LeftOut())
	}
}
