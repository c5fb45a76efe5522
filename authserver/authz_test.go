// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

func TestAuthz(t *testing.T) {
	addr := newWorld(t, nil).authz(t)
	for _, c := range []struct {
		uri, cookie string
		want        int
		reason      string
	}{
		{"/public/x", "", 200, ""},
		{"/public/../x", "", 403, "ambiguous-path"},
		{"/x", "", 401, "no-session"},
		{"/x", "__Host-ostiary=forged", 401, "bad-signature"},
		{"/x", "__Host-ostiary=good", 200, ""},
		{"/office", "", 403, "no-rule-matched"},
		{"/public%2fx", "", 403, "ambiguous-path"},
	} {
		headers := []string{}
		if c.cookie != "" {
			headers = append(headers, "Cookie: "+c.cookie)
		}
		a := get(t, addr, c.uri, headers...)
		body, _ := io.ReadAll(a.Body)
		if a.StatusCode != c.want || a.Header.Get("X-Access-Reason") != c.reason || len(body) > 0 {
			t.Errorf("%s %s: %d %s, %d bytes of body", c.uri, c.cookie, a.StatusCode, a.Header.Get("X-Access-Reason"), len(body))
		}
		for _, name := range []string{"X-Access-Jwt-Assertion", "X-Access-Email", "X-Access-User", "X-Access-Groups"} {
			if _, there := a.Header[name]; there != (c.want == 200) {
				t.Errorf("%s: %s is there: %t", c.uri, name, there)
			}
		}
		if a.Header.Get("Server") != "" || a.Header.Get("Content-Type") != "" {
			t.Errorf("%s: headers that say nothing: %v", c.uri, a.Header)
		}
	}
}

// TestNotReady is G1.
func TestNotReady(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.authz(t)
	for name, breakIt := range map[string]func(){
		"no keys":  func() { w.ready = false },
		"no table": func() { w.ready = true; w.live.Publish(nil) },
	} {
		breakIt()
		a := get(t, addr, "/public", "Cookie: __Host-ostiary=panic") // not even looked at
		if a.StatusCode != 503 || a.Header.Get("X-Access-Reason") != "not-ready" || a.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %d %v", name, a.StatusCode, a.Header)
		}
	}
}

// TestPanic: a defect refuses one request, and the process lives. THREATS G10.
func TestPanic(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.authz(t)
	answers := raw(t, addr, authzGET+"/x HTTP/1.1\r\nHost: a\r\nCookie: __Host-ostiary=panic\r\n\r\n"+authzGET+"/public HTTP/1.1\r\nHost: a\r\n\r\n")
	if got := statuses(answers); !slices.Equal(got, []int{500, 200}) {
		t.Fatalf("%v", got)
	}
	id := answers[0].Header.Get("X-Request-Id")
	if lines := w.log.lines(t, "panic; the request was refused"); len(lines) != 1 || id == "" || lines[0]["requestID"] != id {
		t.Errorf("the log does not tell of %q: %v", id, lines)
	}
	for name, h := range map[string]http.Handler{"render": w.Render(), "preflight": w.Preflight()} {
		w.Table = func() *policy.Table { panic("a defect in Table") }
		a := raw(t, w.http(t, h), "OPTIONS / HTTP/1.1\r\nHost: app.example.com\r\nX-Code: 401\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\r\n")
		if got := statuses(a); !slices.Equal(got, []int{500}) || a[0].Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestClientAddress is C12: the office network may pass without a login.
func TestClientAddress(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for _, c := range []struct {
		trusted []netip.Prefix
		headers []string
		want    int
	}{
		{trusted, []string{"X-Forwarded-For: 192.0.2.7"}, 200},
		{trusted, []string{"X-Forwarded-For: 6.6.6.6, 192.0.2.7"}, 200},
		{trusted, []string{"X-Forwarded-For: 192.0.2.7, 6.6.6.6"}, 403},
		{trusted, []string{"X-Forwarded-For: 192.0.2.7, 10.0.0.1"}, 200},
		{trusted, []string{"X-Forwarded-For: 192.0.2.7, 10.0.0.1, 10.0.0.2"}, 200},
		{trusted, []string{"X-Forwarded-For: 192.0.2.7, 2001:db8::1"}, 200},
		{trusted, []string{"X-Forwarded-For: 192.0.2.7, ::ffff:10.0.0.1"}, 200},
		{trusted, []string{"X-Forwarded-For: ::ffff:192.0.2.7"}, 200},
		{trusted, []string{"X-Forwarded-For: 192.0.2.7", "X-Forwarded-For: 6.6.6.6"}, 403},
		{trusted, []string{"X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 192.0.2.7"}, 200},
		{trusted, []string{"X-Forwarded-For: 192.0.2.7, garbage"}, 403},
		{trusted, []string{"X-Forwarded-For: 192.0.2.7, "}, 200},
		{trusted, []string{"X-Forwarded-For: 192.0.2.7,"}, 200},
		{trusted, []string{"X-Forwarded-For: ,192.0.2.7"}, 200},
		{trusted, []string{"X-Forwarded-For: 192.0.2.07"}, 403},
		{trusted, []string{"X-Forwarded-For: 0192.0.2.7"}, 403},
		{trusted, []string{"X-Forwarded-For: 192.0.2.7."}, 403},
		{trusted, []string{"X-Forwarded-For: 192.0.2"}, 403},
		{trusted, []string{"X-Forwarded-For: 3221225991"}, 403},
		{trusted, []string{"X-Forwarded-For: 192.0.2.7:1234"}, 200},
		{trusted, []string{"X-Forwarded-For: 6.6.6.6:1, \"192.0.2.7:1234\", 10.0.0.1:80"}, 200},
		{trusted, []string{"X-Forwarded-For: [::ffff:192.0.2.7]"}, 200},
		{trusted, []string{"X-Forwarded-For: ::ffff:192.0.2.7%eth0"}, 403},
		{trusted, []string{"X-Forwarded-For: unknown"}, 403},
		{trusted, []string{"X-Forwarded-For:"}, 403},
		{trusted, nil, 403},
		{trusted, []string{"X-Real-IP: 192.0.2.7"}, 403},
		{trusted, []string{"X-Real-IP: 192.0.2.7", "X-Real-IP: 6.6.6.6"}, 403},
		{trusted, []string{"X-Real-IP: 6.6.6.6", "X-Real-IP: 192.0.2.7"}, 403},
		{trusted, []string{"X-Real-IP: 192.0.2.7", "X-Forwarded-For: 6.6.6.6"}, 403},
		{trusted, []string{"X-Real-IP: 010.0.0.1"}, 403},
		{trusted, []string{"Forwarded: for=192.0.2.7", "True-Client-IP: 192.0.2.7", "CF-Connecting-IP: 192.0.2.7"}, 403},
		{trusted[1:], []string{"X-Forwarded-For: 192.0.2.7"}, 403},
		{nil, []string{"X-Forwarded-For: 192.0.2.7"}, 403},
		{nil, nil, 403},
	} {
		addr := newWorld(t, func(o *Config) { o.TrustedProxies = c.trusted }).authz(t)
		if a := get(t, addr, "/office", c.headers...); a.StatusCode != c.want {
			t.Errorf("%v behind %v: %d, want %d", c.headers, c.trusted, a.StatusCode, c.want)
		}
	}
}

// TestRequestID: the proxy's own is repeated if it is harmless.
func TestRequestID(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.authz(t)
	for id, repeated := range map[string]bool{
		"0123456789abcdef": true, "abcDEF-_1": true, "short": false, strings.Repeat("a", 65): false,
		`ab","x":"yyyyyy`: false, "with a space": false, "aaaaaaaaé": false, "aaaaaaaa\t\"": false,
	} {
		a := get(t, addr, "/x", "X-Request-Id: "+id)
		got := a.Header.Get("X-Request-Id")
		if (got == id) != repeated || got == "" {
			t.Errorf("%q: %q", id, got)
		}
		lines := w.log.lines(t, "decision")
		if last := lines[len(lines)-1]; last["requestID"] != got {
			t.Errorf("%q: logged as %v", id, last["requestID"])
		}
	}
	if a := get(t, addr, "/x", "X-Request-Id: 0123456789abcdef", "X-Request-Id: 0123456789abcdef"); a.Header.Get("X-Request-Id") == "0123456789abcdef" {
		t.Error("two ids are one")
	}
}

// TestDecisionLog: one line a refusal, with rule and revision, and no secrets.
func TestDecisionLog(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.authz(t)
	secrets := []string{"Cookie: __Host-ostiary=s3cret", "Authorization: Bearer s3cret", "Referer: https://x/?t=s3cret", "Proxy-Authorization: s3cret"}
	get(t, addr, "/x?code=s3cret", secrets...)
	get(t, addr, "/office?s3cret")
	get(t, addr, "/public?s3cret", secrets...)
	get(t, addr, "/x%zz?s3cret", secrets...)
	raw(t, addr, "GET /authz/v1/s3cret HTTP/1.1\r\nHost: a\r\n\r\n")
	raw(t, addr, authzGET+"/x HTTP/1.1\r\nHost: a\r\nOrigin: "+strings.Repeat("o", 9000)+"\r\n\r\n")
	if log := w.log.String(); strings.Contains(log, "s3cret") {
		t.Errorf("a secret in the log:\n%s", log)
	}
	decisions := w.log.lines(t, "decision")
	if len(decisions) != 3 {
		t.Fatalf("%d lines, want one each for two refusals and the long origin:\n%s", len(decisions), w.log.String())
	}
	for i, want := range []map[string]any{
		{"verdict": "challenge", "reason": "bad-signature", "status": 401.0, "host": "app.example.com", "path": "/x", "method": "GET",
			"policy": "ns/rest", "field": "spec.rules[0]", "dialect": "nginx", "revision": w.live.Table().Revision()},
		{"verdict": "deny", "reason": "no-rule-matched", "status": 403.0, "policy": "ns/office", "path": "/office", "revision": w.live.Table().Revision()},
	} {
		for key, value := range want {
			if decisions[i][key] != value {
				t.Errorf("line %d: %s is %v, want %v", i, key, decisions[i][key], value)
			}
		}
		if decisions[i]["requestID"] == nil {
			t.Errorf("line %d has no request id", i)
		}
	}
	if o, _ := decisions[2]["origin"].(string); len(o) > 512 {
		t.Errorf("%d bytes of origin", len(o))
	}
	if n := len(w.log.lines(t, "refused")); n != 2 {
		t.Errorf("%d lines about unreadable requests, want 2:\n%s", n, w.log.String())
	}
}

// TestThirdPartyCookies: a browser that keeps its cookies to itself says so, and
// whoever looks for the reason finds it.
func TestThirdPartyCookies(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.authz(t)
	for _, h := range [][]string{
		{"Origin: https://a.example", "Sec-Fetch-Storage-Access: none"},
		{"Origin: https://a.example", "Sec-Fetch-Storage-Access: active"},
		{"Origin: https://a.example"},
		{"Origin: https://a.example", "Sec-Fetch-Storage-Access: none", "Cookie: __Host-ostiary=bad"},
	} {
		get(t, addr, "/x", h...)
	}
	for i, l := range w.log.lines(t, "decision") {
		if _, said := l["cookies"]; said != (i == 0) {
			t.Errorf("line %d: %v", i, l)
		}
	}
}

func TestDecisionLogModes(t *testing.T) {
	for mode, want := range map[telemetry.DecisionLog]int{telemetry.LogRefused: 1, telemetry.LogAll: 2, telemetry.LogOff: 0, "": 1} {
		w := newWorld(t, func(c *Config) { c.DecisionLog = mode })
		addr := w.authz(t)
		get(t, addr, "/x")
		get(t, addr, "/public")
		if got := len(w.log.lines(t, "decision")); got != want {
			t.Errorf("%q: %d lines, want %d", mode, got, want)
		}
	}
}

// TestNoPolicyIsNamed: where no policy decided, none is logged.
func TestNoPolicyIsNamed(t *testing.T) {
	w := newWorld(t, nil)
	raw(t, w.authz(t), "GET /authz/v1/nginx/GET/nobody.example.com/ HTTP/1.1\r\nHost: a\r\n\r\n")
	if l := w.log.lines(t, "decision"); len(l) != 1 || l[0]["policy"] != nil || l[0]["reason"] != "no-policy" {
		t.Errorf("%v", l)
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.authz(t)
	for range 3 {
		get(t, addr, "/public")
	}
	get(t, addr, "/x")
	get(t, addr, "/x%zz")
	want := []string{"nginx bad-request deny 1", "nginx bypass allow 3", "nginx no-session challenge 1"}
	if got := w.counts(t); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestNothingIsKept: fastView lends out the connection's buffer. What outlives a
// request (a remembered session, a log line, a counter) must not change when
// the next request on the connection overwrites it.
func TestNothingIsKept(t *testing.T) {
	now := time.Now()
	ring, err := credential.NewRing(now)
	if err != nil {
		t.Fatal(err)
	}
	token, err := ring.Mint(credential.Claims{Issuer: "https://auth.example.com", Audience: []string{"ns/rest"}, ID: "u1", Email: "ann@example.com",
		Groups: []string{"dev"}, Lifetime: time.Hour}, now)
	if err != nil {
		t.Fatal(err)
	}
	verifier := credential.NewVerifier(ring, "https://auth.example.com", 100)
	var kept []*policy.Subject
	var borrowed []string
	w := newWorld(t, func(c *Config) {
		c.DecisionLog = telemetry.LogAll
		c.Subject = func(at policy.Place, cookie, authorization string, now time.Time) policy.Presented {
			out := verifier.Subject(at, cookie, authorization, now)
			kept, borrowed = append(kept, out.Subject), append(borrowed, cookie)
			return out
		}
	})
	first := authzGET + "/first-path HTTP/1.1\r\nHost: a\r\nX-Request-Id: first-request-id\r\nOrigin: https://spa.example.com\r\nCookie: __Host-ostiary=" + token + "\r\n\r\n"
	second := authzGET + "/ZZZZZ-ZZZZ HTTP/1.1\r\nHost: a\r\nX-Request-Id: ZZZZZ-ZZZZZZZ-ZZ\r\nOrigin: https://ZZZ.ZZZZZZZ.ZZZ\r\nCookie: __Host-ostiary=" +
		strings.Repeat("Z", len(token)) + "\r\n\r\n" // each value as long as the one that it overwrites
	third := authzGET + "/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + token + "\r\n\r\n"
	answers := raw(t, w.authz(t), first+second+second+third)
	if got := statuses(answers); !slices.Equal(got, []int{200, 401, 401, 200}) {
		t.Fatalf("%v\n%s", got, w.log.String())
	}
	if !strings.HasPrefix(borrowed[0], "__Host-ostiary=ZZZ") {
		t.Errorf("the test proves nothing: the buffer was not used again: %.40s", borrowed[0])
	}
	for _, i := range []int{0, 3} {
		s := kept[i]
		if s == nil || s.Token != token || s.Email != "ann@example.com" || s.ID != "u1" || !slices.Equal(s.Audience, []string{"ns/rest"}) || s.Groups[0] != "dev" {
			t.Errorf("the session of request %d became %+v", i, s)
		}
		if answers[i].Header.Get("X-Access-Jwt-Assertion") != token || answers[i].Header.Get("X-Access-Groups") != "dev" {
			t.Errorf("the application of request %d is told %v", i, answers[i].Header)
		}
	}
	if lines := w.log.lines(t, "decision"); lines[0]["path"] != "/first-path" || lines[0]["requestID"] != "first-request-id" || lines[0]["user"] != "u1" {
		t.Errorf("the log line became %v", lines[0])
	}
	if got, want := w.counts(t), []string{"nginx bad-signature challenge 2", "nginx signed-in allow 2"}; !slices.Equal(got, want) {
		t.Errorf("the counters became %q, want %q", got, want)
	}
}

// TestNoGrowth: requests without a session leave nothing behind.
func TestNoGrowth(t *testing.T) {
	if testing.Short() {
		t.Skip("200,000 requests")
	}
	w := newWorld(t, func(c *Config) { c.DecisionLog = telemetry.LogOff })
	h := w.Authz().Handler
	var ctx fasthttp.RequestCtx
	ctx.Init(&fasthttp.Request{}, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, nil)
	ask := func(from, to int) {
		for i := from; i < to; i++ {
			ctx.Request.Reset()
			ctx.Response.Reset()
			ctx.Request.Header.SetRequestURI(fmt.Sprintf("/authz/v1/nginx/GET/h%d.example.com/p%d?q%d", i, i, i))
			ctx.Request.Header.Set("Cookie", fmt.Sprintf("__Host-ostiary=%d", i))
			ctx.Request.Header.Set("Origin", fmt.Sprintf("https://o%d.example", i))
			ctx.Request.Header.Set("X-Request-Id", fmt.Sprintf("request-%d", i))
			h(&ctx)
		}
	}
	inUse := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	ask(0, 20_000)
	before := inUse()
	ask(20_000, 200_000)
	if after := inUse(); after > before+4<<20 {
		t.Errorf("the heap grew from %d to %d KiB", before>>10, after>>10)
	}
}

// TestEnvoy goes through the wire as Envoy's ext_authz filter over HTTP does: the
// request's own method and Host, its path behind the prefix.
func TestEnvoy(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.authz(t)
	for _, c := range []struct {
		request, headers string
		status           int
		field, value     string
	}{
		{"GET /authz/v1/envoy/public/x?y", "", 200, "X-Envoy-Auth-Headers-To-Remove",
			strings.Join(dialect.DefaultIdentityHeaders.Underscored(), ",") + ",x-access-jwt-assertion,x-access-email,x-access-user,x-access-groups,x-access-client-id,x-access-client-secret,x-access-token"},
		{"GET /authz/v1/envoy/x", "Cookie: __Host-ostiary=good\r\n", 200, "X-Access-Email", "ann@example.com"},
		{"OPTIONS /authz/v1/envoy/x", "Origin: https://spa.example.com\r\nAccess-Control-Request-Method: PUT\r\n", 204, "Access-Control-Allow-Origin", "https://spa.example.com"},
		{"OPTIONS /authz/v1/envoy/x", "Origin: https://evil.example\r\nAccess-Control-Request-Method: PUT\r\n", 403, "X-Access-Reason", "origin-not-allowed"},
		{"GET /authz/v1/envoy/x?y=1", "Sec-Fetch-Mode: navigate\r\n", 302, "Location", "https://app.example.com/.access/login?rd=%2Fx%3Fy%3D1"},
		{"GET /authz/v1/envoy/x", "Origin: https://spa.example.com\r\n", 401, "Access-Control-Allow-Origin", "https://spa.example.com"},
		{"GET /authz/v1/envoy/public/../x", "", 403, "X-Access-Reason", "ambiguous-path"},
		{"GET /authz/v1/envoyx", "", 400, "X-Access-Reason", "bad-request"},
		{"GET /authz/v1/envoy/public/x", "X-Original-Url: https://app.example.com/public/x\r\n", 403, "X-Access-Reason", "bad-request"},
	} {
		a := raw(t, addr, c.request+" HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n"+c.headers+"\r\n")[0]
		if a.StatusCode != c.status || a.Header.Get(c.field) != c.value {
			t.Errorf("%s %q: %d, %s: %q", c.request, c.headers, a.StatusCode, c.field, a.Header.Get(c.field))
		}
	}
}
