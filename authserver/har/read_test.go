// SPDX-License-Identifier: Apache-2.0

package har

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestWhatIsNoArchive: a file that cannot be read gets an error that says why, and quotes
// nothing of it.
func TestWhatIsNoArchive(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "the file ends early",
		"{":                                 "the file ends early",
		`{"log": {"entries": [{"request": `: "the file ends early",
		"[]":                                `there is '[' where '{' has to be`,
		`"secret"`:                          "there is a string where '{' has to be",
		"{}":                                `the file has no "log"`,
		`{"log": []}`:                       "there is '[' where '{' has to be",
		`{"log": {"entries": {}}}`:          "there is '{' where '[' has to be",
		`{"log": {"entries": null}}`:        "there is null where '[' has to be",
		"<html>secret":                      "not an HTTP Archive",
		`{"log": {"entries": [{"x": "` + strings.Repeat(`","y": "`, 1<<20) + `"}]}}`: "more than 4 MiB",
	} {
		_, err := Read(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
}

// TestOddEntries: what is odd in one entry loses nothing of the others.
func TestOddEntries(t *testing.T) {
	good := `{"request": {"method": "GET", "url": "https://a.example/x"}, "response": {"status": 200}}`
	for _, odd := range []string{
		`null`, `7`, `[]`, `{}`, `{"request": null}`, `{"request": {"method": "GET", "url": "//"}}`,
		`{"request": {"method": "GET", "url": ":"}}`,
		`{"request": {"url": "https://a.example/"}}`, `{"_initiator": 3}`, `{"response": {"headers": {"a": "b"}}}`,
	} {
		_, err := Read(strings.NewReader("\xef\xbb\xbf" + `{"log": {"entries": [` + good + "," + odd + "," + good + `], "pages": "none" } }`))
		if err == nil {
			t.Fatalf("%s: pages that are no list are no error", odd)
		}
		log, err := Read(strings.NewReader(`{"x": [1], "log": {"entries": [` + good + "," + odd + "," + good + `], "comment": {} } }`))
		if err != nil {
			t.Fatalf("%s: %v", odd, err)
		}
		if len(log.Entries) != 2 || log.Unread != 1 || log.Entries[1].Index != 2 {
			t.Errorf("%s: %d entries, %d unread, the last is %d", odd, len(log.Entries), log.Unread, log.Entries[len(log.Entries)-1].Index)
		}
	}
	log, err := Read(strings.NewReader(`{"log": {"entries": [` + strings.Replace(good, `200`, `"200"`, 1) + `]}}`))
	if err != nil || len(log.Entries) != 1 || log.Entries[0].Status != 0 {
		t.Errorf("a status that is a text: %+v, %v", log, err)
	}
}

// A body is a file of any size, which is made while it is read.
type body struct {
	unit string
	left int // units
	at   int // in the one that comes
}

func (b *body) Read(p []byte) (n int, err error) {
	for n < len(p) && b.left > 0 {
		c := copy(p[n:], b.unit[b.at:])
		n, b.at = n+c, b.at+c
		if b.at == len(b.unit) {
			b.at, b.left = 0, b.left-1
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestLargeFiles: memory is bounded by what is kept, and not by the file.
func TestLargeFiles(t *testing.T) {
	entry := `{"request": {"method": "GET", "url": "https://a.example/%s"}, "response": {"status": 200, "content": {"text": "`
	const size = 80 << 20 // with 200 MiB it is the same, and takes minutes under the race detector
	for name, in := range map[string]io.Reader{
		"one body": io.MultiReader(strings.NewReader(`{"log": {"entries": [`+fmt.Sprintf(entry, "x")), &body{unit: `\u00e9\"\\abc`,
			left: size / 24},
			strings.NewReader(`"}}}]}}`)),
		"many entries": io.MultiReader(strings.NewReader(`{"log": {"entries": [`), &body{left: size / 200, unit: fmt.Sprintf(entry,
			strings.Repeat("y", 100)) + `z"}}},`}),
		"long paths": io.MultiReader(strings.NewReader(`{"log": {"entries": [`), &body{left: size / 8300, unit: fmt.Sprintf(entry,
			strings.Repeat("/yyy", 2000)) + `z"}}},`}),
		"headers": io.MultiReader(strings.NewReader(`{"log": {"entries": [`), &body{left: size / 40000,
			unit: `{"request": {"method": "GET", "url": "https://a.example/"}, "response": {"headers": [` +
				strings.Repeat(`{"name": "vary", "value": "`+strings.Repeat("v", 900)+`"},`, 40) + `{}]}},`}),
	} {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		log, err := Read(in)
		runtime.GC()
		runtime.ReadMemStats(&after)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 2*maxKept {
			t.Errorf("%s: %d MiB are kept", name, kept>>20)
		}
		if name != "one body" && !log.Full {
			t.Errorf("%s: all of it was read", name)
		}
		runtime.KeepAlive(log)
	}
}

// TestShortStrings: the shortener changes nothing but long strings, cuts those alone, and
// leaves JSON of JSON, wherever a read ends.
func TestShortStrings(t *testing.T) {
	long := strings.Repeat("a", maxString-1)
	for in, want := range map[string]string{
		`{"a": "b", "c": [1, "\"", "\\", "\u00e9"]}`: `{"a": "b", "c": [1, "\"", "\\", "\u00e9"]}`,
		`["` + long + `bcd", "x"]`:                   `["` + long + `b", "x"]`,
		`["` + long + `\u00e9\"\\", "x"]`:            `["` + long + `\u00e9", "x"]`,
		`["` + long + `\"\u00e9"]`:                   `["` + long + `\""]`,
		`["` + long + `\\\"", "\"y"]`:                `["` + long + `\\", "\"y"]`,
	} {
		for _, size := range []int{1, 2, 7, 4096, 1 << 20} {
			s := &shortener{r: strings.NewReader(in)}
			s.more()
			var got bytes.Buffer
			if _, err := io.CopyBuffer(&got, struct{ io.Reader }{s}, make([]byte, size)); err != nil || got.String() != want {
				t.Errorf("by %d: %.40q became %q, %v", size, in, tail(got.String()), err)
			}
		}
	}
}

func tail(s string) string { return s[max(0, len(s)-40):] }

// TestHostileExports: many requests, each of which has to be looked for among
// the others, are all told of. Where that took the square of their number, it took minutes.
func TestHostileExports(t *testing.T) {
	const many = maxEntries / 4
	for name, entry := range map[string]string{
		"redirects": `{"request": {"method": "GET", "url": "https://a.example/%[1]d", "headers": [{"name": "Origin", "value": "https://b.example"}]},
			"response": {"status": 302, "headers": [{"name": "Location", "value": "https://a.example/x"}]}}`,
		"sessions": `{"request": {"method": "GET", "url": "https://a.example/%[1]d", "headers": [{"name": "Origin", "value": "https://b.example"}]},
			"response": {"status": 401, "headers": [{"name": "X-Access-Reason", "value": "no-session"}, {"name": "Set-Cookie", "value": "__Host-ostiary=x"},
			{"name": "Access-Control-Allow-Origin", "value": "https://b.example"}]}}`,
		"cache": `{"_resourceType": "fetch", "request": {"method": "GET", "url": "https://a.example/", "headers": [{"name": "Referer",
			"value": "https://b.example/%[1]d"}]}, "response": {"status": 0, "_error": "net::ERR_FAILED"}}`,
		"successes": `{"request": {"method": "GET", "url": "https://a.example/%[1]d", "headers": [{"name": "Origin", "value": "https://b%[1]d.example"}]},
			"response": {"status": 200, "headers": [{"name": "Access-Control-Allow-Origin", "value": "*"}, {"name": "ETag", "value": "x"}]}}`,
	} {
		var b strings.Builder
		b.WriteString(`{"log": {"entries": [`)
		for i := range many {
			fmt.Fprintf(&b, entry+",", i)
		}
		log, err := Read(strings.NewReader(strings.TrimSuffix(b.String(), ",") + "]}}"))
		if err != nil || len(log.Entries) != many {
			t.Fatalf("%s: %v", name, err)
		}
		begun := time.Now()
		found := Diagnose(log)
		if len(found) == 0 {
			t.Errorf("%s: nothing is found", name)
		}
		t.Logf("%s: %d findings in %s", name, len(found), time.Since(begun).Round(time.Millisecond))
	}
}
