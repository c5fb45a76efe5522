// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	logDelay  = 50 * time.Millisecond // how late a line may be
	logBuffer = 4 << 20               // bytes that may wait
)

// A LogWriter collects log lines and writes many at once: a write for each
// would cost several times what a decision does. A reader of the log that is
// too slow loses lines, which are counted in the log; it never holds up a
// decision. So does whoever writes more than a rate.
type LogWriter struct {
	w       io.Writer
	format  Format
	lanes   [kinds]*lane
	mu      sync.Mutex
	waiting []byte
	dropped int
	lost    uint64    // all that were dropped
	leftOut uint64    // all that were left out
	told    time.Time // when the log said of lines that they were left out
	wake    chan struct{}
	closed  chan struct{}
	done    chan struct{}
}

// WriterOptions are what a LogWriter is made of.
type WriterOptions struct {
	Format Format
	// Rate is how many bytes a second there may be of each kind of lines; 0: any.
	Rate int
}

// NewLogWriter returns a LogWriter; Close writes what waits.
func NewLogWriter(w io.Writer, o WriterOptions) *LogWriter {
	l := &LogWriter{w: w, format: resolve(o.Format, w), wake: make(chan struct{}, 1), closed: make(chan struct{}),
		done: make(chan struct{})}
	l.lanes = newLanes(l, o.Rate)
	go l.flushAll()
	return l
}

// Write takes a line. It never waits and never fails.
func (l *LogWriter) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting)+len(line) > logBuffer {
		l.dropped++
		l.lost++
		return len(line), nil
	}
	l.waiting = appendPrintable(l.waiting, line)
	l.wakeUp()
	return len(line), nil
}

func (l *LogWriter) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// appendPrintable appends a line of JSON, with escapes for what a terminal obeys and
// people cannot see: encoding/json leaves the marks of bidirectional text as they
// are, and the control characters above U+007E. Those are in strings alone.
func appendPrintable(to, line []byte) []byte {
	for len(line) > 0 {
		n := 0
		for n < len(line) && line[n] < 0x7f {
			n++
		}
		to, line = append(to, line[:n]...), line[n:]
		if len(line) == 0 {
			break
		}
		r, size := utf8.DecodeRune(line)
		switch {
		case unicode.IsPrint(r) && r != utf8.RuneError:
			to = append(to, line[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			to = fmt.Appendf(to, "\\u%04x\\u%04x", high, low)
		default:
			to = fmt.Appendf(to, "\\u%04x", r)
		}
		line = line[size:]
	}
	return to
}

// Dropped returns how many lines were lost so far.
func (l *LogWriter) Dropped() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lost
}

// LeftOut returns how many lines were left out so far.
func (l *LogWriter) LeftOut() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leftOut
}

// Close writes what waits. Lines written afterwards are lost.
func (l *LogWriter) Close() {
	close(l.closed)
	<-l.done
}

func (l *LogWriter) flushAll() {
	defer close(l.done)
	var spare []byte
	var later <-chan time.Time // the log has yet to say what was left out
	for {
		select {
		case <-l.closed:
			l.flush(spare, true)
			return
		case <-l.wake:
		case <-later:
		}
		select {
		case <-l.closed:
		case <-time.After(logDelay):
		}
		var owes bool
		if spare, owes = l.flush(spare, false); owes {
			later = time.After(toldEach)
		} else {
			later = nil
		}
	}
}

// flush writes what waits, and returns a buffer for the next time, and whether it owes to say
// what was left out.
func (l *LogWriter) flush(spare []byte, last bool) (buffer []byte, owes bool) {
	l.mu.Lock()
	lines, dropped := l.waiting, l.dropped
	l.waiting, l.dropped = spare[:0], 0
	due := last || time.Since(l.told) >= toldEach
	for _, lane := range l.lanes {
		switch {
		case lane.lines == 0:
		case due:
			lines, l.told = lane.say(lines, l.format), time.Now()
		default:
			owes = true
		}
	}
	l.mu.Unlock()
	if dropped > 0 {
		lines = note(lines, l.format, "log lines were dropped: whatever reads this log is too slow", slog.Int("lines", dropped))
	}
	if len(lines) > 0 {
		_, _ = l.w.Write(lines) // there is nowhere left to say that it failed
	}
	return lines, owes
}
