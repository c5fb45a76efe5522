// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/valyala/fasthttp"

	"github.com/ostiary/ostiary/authserver/policy"
)

// journal is a log that can be read while it is written.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

// lines returns the entries of a message.
func (j *journal) lines(t testing.TB, message string) []map[string]any {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	var out []map[string]any
	for line := range bytes.Lines(j.b.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			t.Fatalf("not one JSON object a line: %v: %q", err, line)
		}
		if m["msg"] == message {
			out = append(out, m)
		}
	}
	return out
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

// world is a Server with everything that it needs.
type world struct {
	*Server
	log     journal
	live    policy.Live
	metrics *prometheus.Registry
	ready   bool
	in      policy.Input // of the table
}

// rebuild publishes a table of an input that is changed.
func (w *world) rebuild(change func(in *policy.Input)) {
	change(&w.in)
	table, _ := policy.Build(w.in)
	w.live.Publish(table)
}

// newWorld serves one table: /public of app.example.com is for everybody, /office
// for an office network, the rest for those who signed in.
func newWorld(t testing.TB, change func(*Config)) *world {
	t.Helper()
	everyone := []policy.Selector{{Property: policy.Everyone}}
	office := []policy.Selector{{Property: policy.Address, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}
	p := func(name string, action policy.Action, include []policy.Selector, paths ...policy.Path) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: "ns", Name: name}, Hosts: []string{"app.example.com"}, Paths: paths,
			Rules: []policy.Rule{{Name: name + "-rule", Action: action, Include: include}}}
	}
	rest := p("rest", policy.Allow, everyone)
	rest.CORS = &policy.CORS{AllowedOrigins: []string{"https://spa.example.com"}, AllowAllMethods: true, AllowCredentials: true}
	rest.UpstreamHeaders = []policy.UpstreamHeader{{Name: "X-Webauth-User", From: policy.UserFact}}
	in := policy.Input{Policies: policy.CompileAll([]policy.Policy{rest,
		p("public", policy.Bypass, everyone, policy.Path{Value: "/public"}),
		p("office", policy.Bypass, office, policy.Path{Value: "/office"})})}
	table, issues := policy.Build(in)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	w := &world{metrics: prometheus.NewRegistry(), ready: true, in: in}
	w.live.Publish(table)
	c := Config{
		Table: w.live.Table,
		Subject: func(_ policy.Place, cookie, _ string, now time.Time) policy.Presented {
			switch cookie {
			case "":
				return policy.Presented{}
			case "__Host-ostiary=good":
				return policy.Presented{Subject: &policy.Subject{ID: "u1", Email: "ann@example.com", Audience: []string{"ns/rest"}, SignedInAt: now, IssuedAt: now, ExpiresAt: now.Add(time.Hour), Token: "tok"}}
			case "__Host-ostiary=panic":
				panic("a defect in Subject")
			}
			return policy.Presented{Refused: policy.BadSignature}
		},
		KeySet:  func() []byte { return []byte(`{"keys":[{"kid":"k"}]}`) },
		Ready:   func() bool { return w.ready },
		TeamURL: &url.URL{Scheme: "https", Host: "auth.example.com"},
		Log:     slog.New(slog.NewJSONHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelInfo})),
		Metrics: w.metrics,
	}
	if change != nil {
		change(&c)
	}
	w.Server = New(c)
	return w
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// authz serves the authz listener, and returns its address.
func (w *world) authz(t testing.TB) string {
	t.Helper()
	l, s := listen(t), w.Authz()
	go s.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.ShutdownWithContext(ctx)
	})
	return l.Addr().String()
}

// http serves a handler as Run would, and returns its address.
func (w *world) http(t testing.TB, h http.Handler) string {
	t.Helper()
	l, s := listen(t), NewHTTPServer(h, w.Log)
	go s.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// An answer is what came back, read to its end.
type answer struct {
	StatusCode int
	Header     http.Header
	Body       io.Reader
}

// raw sends bytes, and returns the answers, until the server closes the
// connection or says nothing for a moment.
func raw(t testing.TB, addr, request string) []*answer {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()               //nolint:errcheck // it was read to its end
	go io.WriteString(c, request) //nolint:errcheck // the server may hang up before its end
	var out []*answer
	r := bufio.NewReader(c)
	for {
		_ = c.SetReadDeadline(time.Now().Add(400 * time.Millisecond))
		if _, err := r.Peek(1); err != nil {
			return out
		}
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			return out // no HTTP: whoever reads it takes it for a no
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		out = append(out, &answer{resp.StatusCode, resp.Header, bytes.NewReader(body)})
	}
}

func statuses(answers []*answer) []int {
	out := make([]int, len(answers))
	for i, a := range answers {
		out[i] = a.StatusCode
	}
	return out
}

const authzGET = "GET /authz/v1/nginx/GET/app.example.com"

// get asks the nginx endpoint about a GET.
func get(t testing.TB, addr, uri string, headers ...string) *answer {
	t.Helper()
	h := ""
	if len(headers) > 0 {
		h = strings.Join(headers, "\r\n") + "\r\n"
	}
	answers := raw(t, addr, authzGET+uri+" HTTP/1.1\r\nHost: authz\r\nConnection: close\r\n"+h+"\r\n")
	if len(answers) != 1 {
		t.Fatalf("%s %q: %d answers", uri, headers, len(answers))
	}
	return answers[0]
}

// counts returns the decision counters: dialect, reason, verdict and number.
func (w *world) counts(t testing.TB) []string {
	t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		if !slices.Contains([]string{"ostiary_decisions_total", "ostiary_dry_run_decisions_total", "ostiary_unknown_addresses_total"}, f.GetName()) {
			continue
		}
		for _, m := range f.GetMetric() {
			line := ""
			for _, l := range m.GetLabel() {
				line += l.GetValue() + " "
			}
			out = append(out, line+strconv.Itoa(int(m.GetCounter().GetValue())))
		}
	}
	return out
}

// series counts all series of all metrics.
func (w *world) series(t testing.TB) int {
	t.Helper()
	families, err := w.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		n += len(f.GetMetric())
	}
	return n
}

// ask asks the authz listener without a network, with names and values of headers.
func (w *world) ask(t testing.TB, target string, headers ...string) {
	t.Helper()
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	ctx.Request.Header.SetRequestURI(target)
	for i := 0; i < len(headers); i += 2 {
		ctx.Request.Header.Set(headers[i], headers[i+1])
	}
	w.Authz().Handler(&ctx)
}

// request returns what asks for a path of the application.
func (w *world) request(t testing.TB, path string) func() {
	t.Helper()
	return func() { w.ask(t, "/authz/v1/nginx/GET/app.example.com"+path) }
}
