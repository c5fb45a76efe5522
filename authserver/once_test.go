// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

// throughNginx sends one request as nginx does: it asks first, and has what is refused
// rendered; what is let pass to the preflight listener comes there. It returns what the
// browser gets of the last step.
func (w *world) throughNginx(t testing.TB, authz, prefix, method, path string, headers ...string) int {
	t.Helper()
	line := ""
	for _, h := range headers {
		line += h + "\r\n"
	}
	// Where no canary takes them, the application has the preflights that pass.
	passes := strings.HasPrefix(prefix, contract.NginxPassPrefix) && !strings.HasPrefix(prefix, contract.NginxPassPrefix+"ns/")
	asked := raw(t, authz, "GET "+prefix+method+"/app.example.com"+path+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+line+"\r\n")[0]
	h, target := w.Render(), fmt.Sprintf("/render/v1/%d/%s/app.example.com%s", asked.StatusCode, method, path)
	if asked.StatusCode == 200 {
		if method != "OPTIONS" || passes {
			return 200
		}
		h, target = w.Preflight(), path
	}
	r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
	r.RequestURI, r.Host = target, "app.example.com"
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	out := httptest.NewRecorder()
	h.ServeHTTP(out, r)
	return out.Code
}

// TestOneRequestCountsOnce: however many listeners take part in a request, there is one
// count and one line of it, and an answered preflight is no refusal.
func TestOneRequestCountsOnce(t *testing.T) {
	const nginx, pass, canary, id = "/authz/v1/nginx/", "/authz/v1/nginx-pass/", "/authz/v1/nginx-canary/", "X-Request-Id: 0123456789abcdef"
	const pinned = pass + "ns/web/"
	good, evil, put := "Origin: https://spa.example.com", "Origin: https://evil.example", "Access-Control-Request-Method: PUT"
	for _, c := range []struct {
		prefix, method, path string
		headers              []string
		status               int
		count                string
		lines                int
	}{
		{nginx, "GET", "/public", nil, 200, "nginx bypass allow 1", 0},
		{nginx, "GET", "/x", nil, 401, "nginx no-session challenge 1", 1},
		{nginx, "GET", "/office", nil, 403, "nginx no-rule-matched deny 1", 1},
		{nginx, "OPTIONS", "/x", []string{good, put}, 200, "nginx preflight-answered answer-preflight 1", 0},
		{nginx, "OPTIONS", "/x", []string{evil, put}, 403, "nginx origin-not-allowed deny 1", 1},
		{pass, "OPTIONS", "/x", []string{"Origin: null", put}, 403, "nginx-pass origin-not-allowed deny 1", 1},
		{pass, "GET", "/x", nil, 401, "nginx-pass no-session challenge 1", 1},
		{pass, "OPTIONS", "/x", []string{good, put}, 200, "nginx-pass preflight-answered answer-preflight 1", 0},
		{pinned, "OPTIONS", "/x", []string{good, put}, 200, "preflight preflight-answered answer-preflight 1", 0},
		{canary, "OPTIONS", "/x", []string{good, put}, 200, "preflight preflight-answered answer-preflight 1", 0},
		{canary, "OPTIONS", "/x", []string{evil, put}, 403, "nginx-canary origin-not-allowed deny 1", 1},
		{canary, "GET", "/x", nil, 401, "nginx-canary no-session challenge 1", 1},
		{canary, "GET", "/public", nil, 200, "nginx-canary bypass allow 1", 0},
		{pass, "OPTIONS", "/x", []string{evil, put}, 403, "nginx-pass origin-not-allowed deny 1", 1},
		{nginx, "GET", "/x%zz", nil, 403, "nginx bad-request deny 1", 0},
	} {
		w := newWorld(t, nil)
		w.rebuild(func(in *policy.Input) { in.Bindings = []policy.Binding{{Ingress: "ns/web", Policy: "ns/rest"}} })
		if got := w.throughNginx(t, w.authz(t), c.prefix, c.method, c.path, append(c.headers, id)...); got != c.status {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, got, c.status)
		}
		if got := w.counts(t); !slices.Equal(got, []string{c.count}) {
			t.Errorf("%s %s: counted as %q, want %q", c.method, c.path, got, c.count)
		}
		if got := len(w.log.lines(t, "decision")) + len(w.log.lines(t, "shown")); got != c.lines {
			t.Errorf("%s %s: %d lines, want %d:\n%s", c.method, c.path, got, c.lines, w.log.String())
		}
	}
}

// TestShownIDLeadsSomewhere: where the proxy gives no request id, what the visitor is shown
// has one of the render listener's own, and a line in the log has that.
func TestShownIDLeadsSomewhere(t *testing.T) {
	w := newWorld(t, nil)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/", nil)
	r.RequestURI, r.Host = "/render/v1/401/GET/app.example.com/x", "app.example.com"
	out := httptest.NewRecorder()
	w.Render().ServeHTTP(out, r)
	l := w.log.lines(t, "shown")
	if id := out.Header().Get("X-Request-Id"); id == "" || len(l) != 1 || l[0]["requestID"] != id || l[0]["reason"] != "no-session" {
		t.Errorf("%q: %v", id, l)
	}
}

// TestDecisionSaysWho: whoever presented a good session is in the line, by the address by
// which people ask, whether they were admitted or not; and so is where they are.
func TestDecisionSaysWho(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.DecisionLog, c.TrustedProxies = telemetry.LogAll, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	addr := w.authz(t)
	for _, path := range []string{"/x", "/office"} {
		get(t, addr, path, "Cookie: __Host-ostiary=good", "X-Forwarded-For: 198.51.100.7")
	}
	lines := w.log.lines(t, "decision")
	if len(lines) != 2 {
		t.Fatal(w.log.String())
	}
	for i, want := range []map[string]any{
		{"user": "u1", "email": "ann@example.com", "address": "198.51.100.7", "rule": "rest-rule", "field": "spec.rules[0]", "verdict": "allow"},
		{"user": "u1", "email": "ann@example.com", "address": "198.51.100.7", "policy": "ns/office", "verdict": "deny"},
	} {
		for key, value := range want {
			if lines[i][key] != value {
				t.Errorf("line %d: %s is %v, want %v", i, key, lines[i][key], value)
			}
		}
		if _, ok := lines[i]["latencyMicros"].(float64); !ok {
			t.Errorf("line %d has no latency: %v", i, lines[i])
		}
	}
}

// TestSampledAdmissions: a part of those that pass is logged, and all that are refused.
func TestSampledAdmissions(t *testing.T) {
	const asked = 1000
	for sample, within := range map[float64][2]int{0: {asked, asked}, 1: {asked, asked}, 1e-9: {0, 1}, .5: {300, 700}} {
		w := newWorld(t, func(c *Config) { c.DecisionLog, c.DecisionSample = telemetry.LogAll, sample })
		passed, refused := w.request(t, "/public"), w.request(t, "/x")
		for range asked {
			passed()
			refused()
		}
		n := map[any]int{}
		for _, l := range w.log.lines(t, "decision") {
			n[l["verdict"]]++
		}
		if got := n["allow"]; n["challenge"] != asked || got < within[0] || got > within[1] {
			t.Errorf("%v: %v", sample, n)
		}
	}
}

// TestHostileLoad: whatever strangers ask for, there are no more series than before, and
// each line is bounded and printable.
func TestHostileLoad(t *testing.T) {
	const asked, longest = 2000, 4 << 10
	w := newWorld(t, func(c *Config) {
		c.DecisionLog, c.TrustedProxies = telemetry.LogAll, []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	random := func(alphabet string, n int) string {
		out := make([]byte, n)
		for i := range out {
			out[i] = alphabet[rand.IntN(len(alphabet))]
		}
		return string(out)
	}
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	ask := func() {
		w.ask(t, "/authz/v1/nginx/"+random("ABCDEFG", 1+rand.IntN(8))+"/"+random(letters, 8)+".example.com/"+
			random(letters+"%./;\\é\x9b\u202e", rand.IntN(9000)),
			"Origin", "https://"+random(letters, rand.IntN(5000)), "X-Forwarded-For", random(letters+".:", 300), "X-Request-Id", random(letters, 20),
			"Cookie", "__Host-ostiary="+random(letters, 30))
	}
	for range asked {
		ask()
	}
	if n := w.series(t); n > 40 {
		t.Errorf("%d series", n)
	}
	t.Logf("%d questions with random hosts, paths and origins: %d series, %d bytes of log", asked, w.series(t), len(w.log.String()))
	for line := range strings.Lines(w.log.String()) {
		if len(line) > longest {
			t.Fatalf("a line of %d bytes: %.200s", len(line), line)
		}
	}
	for _, l := range append(w.log.lines(t, "decision"), w.log.lines(t, "refused")...) {
		for key, value := range l {
			if s, ok := value.(string); ok && strings.ContainsFunc(s, unicode.IsControl) && key != "path" {
				t.Fatalf("%s: %q", key, s)
			}
		}
	}
}

// TestManyPolicies: policies that were replaced a thousand times are counted together.
func TestManyPolicies(t *testing.T) {
	w := newWorld(t, nil)
	d := telemetry.New(telemetry.Options{Metrics: w.metrics, Log: w.Log, Wanted: telemetry.LogOff})
	for i := range 3000 {
		by := policy.Source{Namespace: "ns", Name: fmt.Sprint("p", i)}
		d.Decided("nginx", &w.begin().ask, &policy.Decision{Verdict: policy.Admit, Source: by}, 200, nil, 0)
	}
	if n := w.series(t); n > 1100 {
		t.Errorf("%d series", n)
	}
}

// TestCountingAllocatesNothing: what is counted of each decision costs no garbage.
func TestCountingAllocatesNothing(t *testing.T) {
	w := newWorld(t, nil)
	q := &w.begin().ask
	for _, d := range []policy.Decision{
		{Verdict: policy.Admit, Reason: policy.SignedIn, Source: policy.Source{Namespace: "ns", Name: "rest"}},
		{Verdict: policy.AnswerPreflight, Reason: policy.PreflightAnswered, Source: policy.Source{Namespace: "ns", Name: "rest"}},
	} {
		if n := testing.AllocsPerRun(1000, func() { w.decisions.Decided("nginx", q, &d, 200, nil, 5000) }); n != 0 {
			t.Errorf("%s: %v allocations", d.Verdict, n)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	w := newWorld(b, func(c *Config) { c.DecisionLog = telemetry.LogOff })
	q := &w.begin().ask
	d := policy.Decision{Verdict: policy.Admit, Reason: policy.SignedIn, Source: policy.Source{Namespace: "ns", Name: "rest"}}
	b.ReportAllocs()
	for b.Loop() {
		w.decisions.Decided("nginx", q, &d, 200, nil, 5000)
	}
}
