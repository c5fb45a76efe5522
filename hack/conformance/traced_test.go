// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/hack/lab/collector"
)

// traceID is that of a question's trace, which its client began.
func (q *question) traceID() string {
	sum := sha256.Sum256([]byte(q.id))
	return hex.EncodeToString(sum[:16])
}

func (q *question) traceParent() string {
	return "Traceparent: 00-" + q.traceID() + "-00f067aa0ba902b7-01"
}

// tracedAlike waits for the spans and lines of all questions at the collector: there is one of
// each, in the trace that the client began, and they say what the log says.
func (a *asking) tracedAlike(t *testing.T, c *collector.Collector, asked []*question, log map[string]told) {
	t.Helper()
	spans, lines := map[string][]collector.Span{}, map[string][]collector.Line{}
	if err := a.ostiary.Wait("a span and a line at the collector for each request", func() bool {
		clear(spans)
		clear(lines)
		for _, s := range c.Named("decision") {
			id, _ := s.Says["ostiary.request_id"].(string)
			spans[id] = append(spans[id], s)
		}
		for _, l := range c.Lines() {
			if id, _ := l.Says["requestID"].(string); l.Body == "decision" {
				lines[id] = append(lines[id], l)
			}
		}
		for _, q := range asked {
			if len(spans[q.id]) == 0 || len(lines[q.id]) == 0 {
				return false
			}
		}
		return true
	}); err != nil {
		t.Fatal(err)
	}
	written := a.written()
	for _, q := range asked {
		s, l := spans[q.id], lines[q.id]
		if len(s) != 1 || len(l) != 1 {
			t.Errorf("%s %s: %d spans, %d lines", q.method, q.url, len(s), len(l))
			continue
		}
		if by := toldBy(s[0].Says, "ostiary."); by != log[q.id] || s[0].Trace != q.traceID() || s[0].Parent != "00f067aa0ba902b7" ||
			s[0].Says["ostiary.preflight"] != q.isPreflight() {
			t.Errorf("%s %s %q: %+v in the log, and the span is %+v", q.method, q.url, q.lines, log[q.id], s[0])
		}
		said := map[string]any{}
		for k, v := range l[0].Says {
			if n, ok := v.(int64); ok {
				v = float64(n)
			}
			said[k] = v
		}
		said["traceID"] = l[0].Trace
		if want := written[q.id]; !maps.Equal(said, want) || l[0].Trace != q.traceID() {
			t.Errorf("%s %s: the collector got %v, and written was %v", q.method, q.url, said, want)
		}
	}
}

func (q *question) isPreflight() bool {
	text := strings.Join(q.lines, "\n")
	return q.method == "OPTIONS" && strings.Contains(text, "Origin: ") && strings.Contains(text, "Access-Control-Request-Method: ")
}

func toldBy(says map[string]any, prefix string) told {
	text := func(key string) string { s, _ := says[prefix+key].(string); return s }
	return told{text("verdict"), text("reason"), text("policy"), text("field")}
}

// written are the decisions in the log, by request, without what all lines have.
func (a *asking) written() map[string]map[string]any {
	out := map[string]map[string]any{}
	for l := range strings.Lines(a.ostiary.Text()) {
		var line map[string]any
		if json.Unmarshal([]byte(l), &line) != nil || line["msg"] != "decision" {
			continue
		}
		id, _ := line["requestID"].(string)
		delete(line, "msg")
		delete(line, "time")
		delete(line, "level")
		out[id] = line
	}
	return out
}
