// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// An answer is what the client got, and what the applications saw meanwhile.
type answer struct {
	request string
	proto   string
	status  int
	header  header
	body    string
	hits    []hit
}

// dump shows the exchange, for failures.
func (a *answer) dump() string {
	request := a.request
	if len(request) > 600 {
		request = request[:600] + "..."
	}
	hits := "nothing reached an application"
	if len(a.hits) > 0 {
		var all []string
		for _, h := range a.hits {
			all = append(all, h.String())
		}
		hits = "reached " + strings.Join(all, "; ")
	}
	return "\n--- sent\n" + request + "--- got\n" + a.proto + " " + strconv.Itoa(a.status) + "\n" +
		strings.Join(a.header, "\n") + "\n\n" + a.body + "\n--- " + hits
}

// request writes a request of HTTP/1.1 with exactly these lines.
func request(method, target, host string, lines ...string) string {
	var b strings.Builder
	b.WriteString(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n")
	for _, l := range lines {
		b.WriteString(l + "\r\n")
	}
	b.WriteString("Connection: close\r\n\r\n")
	return b.String()
}

// send sends bytes to an address and reads until the connection is closed.
func (e *environment) send(t *testing.T, addr, raw string) *answer {
	t.Helper()
	e.recorder.take()
	a := exchange(t, addr, raw)
	a.hits = e.recorder.take()
	return a
}

func exchange(t *testing.T, addr, raw string) *answer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()                                     //nolint:errcheck // the exchange is over
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second)) // a TCP connection has deadlines
	go io.WriteString(conn, raw)                           //nolint:errcheck // nginx answers without reading all, now and then
	in := bufio.NewReader(conn)
	head, err := readHead(in)
	if err == nil && strings.HasPrefix(head[0], "HTTP/1.1 100 ") { // what was expected; the answer follows
		head, err = readHead(in)
	}
	if err != nil {
		t.Fatalf("no answer: %v\n%.600s", err, raw)
	}
	words := strings.SplitN(head[0], " ", 3)
	a := &answer{request: raw, proto: words[0], header: head[1:]}
	if len(words) < 2 {
		t.Fatalf("not an answer: %q", head[0])
	}
	a.status, err = strconv.Atoi(words[1])
	if err != nil {
		t.Fatalf("not an answer: %q", head[0])
	}
	if a.status == 101 {
		return a
	}
	if strings.HasPrefix(raw, "HEAD ") {
		return a
	}
	var body io.Reader = in
	if a.header.get("Transfer-Encoding") == "chunked" {
		body = httputil.NewChunkedReader(in)
	} else if n, err := strconv.ParseInt(a.header.get("Content-Length"), 10, 64); err == nil {
		body = io.LimitReader(in, n)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		t.Logf("reading the body: %v", err)
	}
	a.body = string(text)
	return a
}

// Names of header fields that every server adds.
var hopHeaders = []string{"server", "date", "connection", "content-length", "transfer-encoding"}

// fields returns the header but for what every server adds: "name: value",
// in lower case and sorted.
func (a *answer) fields() []string {
	return slices.DeleteFunc(a.header.with(""), func(line string) bool {
		name, _, _ := strings.Cut(line, ":")
		return slices.Contains(hopHeaders, name)
	})
}

func (a *answer) wantStatus(t *testing.T, want ...int) {
	t.Helper()
	if !slices.Contains(want, a.status) {
		t.Errorf("status %d, want %v%s", a.status, want, a.dump())
	}
}

func (a *answer) want(t *testing.T, name, value string) {
	t.Helper()
	if got := a.header.get(name); got != value {
		t.Errorf("%s: %q, want %q%s", name, got, value, a.dump())
	}
}

func (a *answer) wantNone(t *testing.T, names ...string) {
	t.Helper()
	for _, n := range names {
		if a.header.has(n) {
			t.Errorf("%s: %q, want none%s", n, a.header.get(n), a.dump())
		}
	}
}

// wantNoCORS: no Access-Control-* header at all.
func (a *answer) wantNoCORS(t *testing.T) {
	t.Helper()
	if got := a.header.with("access-control-"); got != nil {
		t.Errorf("%q, want none%s", got, a.dump())
	}
}

// wantKept: nothing reached an application, and the answer plants nothing.
func (a *answer) wantKept(t *testing.T) {
	t.Helper()
	if len(a.hits) > 0 {
		t.Errorf("an application was reached%s", a.dump())
	}
	a.wantNone(t, "Set-Cookie", "WWW-Authenticate", "X-App")
}

// wantThrough: exactly the application was reached, once.
func (a *answer) wantThrough(t *testing.T, app string) hit {
	t.Helper()
	if len(a.hits) != 1 || a.hits[0].app != app {
		t.Fatalf("want one request at %s%s", app, a.dump())
	}
	return a.hits[0]
}

// wantRefused is what S2 asks of a preflight that is not answered.
func (a *answer) wantRefused(t *testing.T) {
	t.Helper()
	a.wantStatus(t, 403)
	a.want(t, "Vary", preflightVary)
	a.wantNoCORS(t)
	a.wantNone(t, "Location")
	a.wantKept(t)
}

// wantAnswered: 200, nothing in the body, and exactly these fields and Vary.
func (a *answer) wantAnswered(t *testing.T, fields ...string) {
	t.Helper()
	a.wantStatus(t, 200)
	if a.body != "" {
		t.Errorf("a body: %q", a.body)
	}
	want := append([]string{"vary: " + preflightVary}, fields...)
	slices.Sort(want)
	if got := a.fields(); !slices.Equal(got, want) {
		t.Errorf("fields\n%s\nwant\n%s%s", strings.Join(got, "\n"), strings.Join(want, "\n"), a.dump())
	}
	a.wantKept(t)
}

const preflightVary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

// cp is a CORS preflight, as CORS.md writes it.
func cp(origin, method string, more ...string) []string {
	return append([]string{"Origin: " + origin, "Access-Control-Request-Method: " + method}, more...)
}

const (
	navigate = "Sec-Fetch-Mode: navigate"
	html     = "Accept: text/html,application/xhtml+xml"
	fetch    = "Sec-Fetch-Mode: cors"
)
