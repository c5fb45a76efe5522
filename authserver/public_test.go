// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"context"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

// TestPublic is S4: nothing here may be read, framed or posted to by another site.
func TestPublic(t *testing.T) {
	addr := newWorld(t, nil).http(t, newWorld(t, nil).Public())
	for _, c := range []struct {
		method, target, headers string
		want                    int
	}{
		{"GET", "/", "", 404},
		{"GET", "/.access/login", "", 503},
		{"GET", "/.access/login?rd=//evil.example", "", 503},
		{"HEAD", "/.access/login", "", 503},
		{"GET", "/.access/certs", "", 200},
		{"GET", "/.well-known/jwks.json", "", 200},
		{"GET", "/.access/certs?x", "", 200},
		{"GET", "/.access//certs", "", 404},
		{"GET", "/.access/./certs", "", 404},
		{"GET", "/.access/%63erts", "", 404},
		{"GET", "/.accessX", "", 404},
		{"GET", "http://app.example.com/.access/certs", "", 404},
		{"GET", "/.access/certs", "Origin: https://evil.example\r\n", 200},
		{"GET", "/.access/certs", "Origin: null\r\n", 200},
		{"GET", "/.access/login", "Origin: https://auth.example.com\r\n", 503},
		{"OPTIONS", "/.access/certs", "Origin: https://spa.example.com\r\nAccess-Control-Request-Method: GET\r\n", 405},
		{"OPTIONS", "*", "", 405},
		{"POST", "/.access/logout", "", 403},
		{"POST", "/.access/logout", "Origin: https://evil.example\r\n", 403},
		{"POST", "/.access/logout", "Origin: https://auth.example.com.evil.example\r\n", 403},
		{"POST", "/.access/logout", "Origin: null\r\n", 403},
		{"POST", "/.access/logout", "Sec-Fetch-Site: cross-site\r\nOrigin: https://auth.example.com\r\n", 403},
		{"POST", "/.access/logout", "Sec-Fetch-Site: same-site\r\n", 403},
		{"POST", "/.access/logout", "Sec-Fetch-Site: none\r\n", 403},
		{"POST", "/.access/logout", "Sec-Fetch-Site: same-origin\r\n", 405},
		{"POST", "/.access/logout", "Origin: https://auth.example.com\r\n", 405},
		{"PUT", "/.access/login", "", 405},
		{"TRACE", "/", "", 405},
		{"DELETE", "/.access/certs", "", 405},
		{"GET", "/metrics", "", 404},
		{"GET", "/debug/pprof/", "", 404},
		{"GET", "/healthz", "", 404},
		{"GET", "/authz/v1/nginx/GET/app.example.com/public", "", 404},
		{"GET", "/", "X-Original-Url: https://app.example.com/public\r\nX-Forwarded-Host: evil.example\r\n", 404},
		{"GET", "/<script>alert(1)</script>", "", 404},
	} {
		answers := raw(t, addr, c.method+" "+c.target+" HTTP/1.1\r\nHost: auth.example.com\r\nConnection: close\r\n"+c.headers+"\r\n")
		if c.method == "HEAD" {
			if len(answers) > 0 && answers[0].StatusCode != c.want {
				t.Errorf("%v: %d", c, answers[0].StatusCode)
			}
			continue
		}
		if got := statuses(answers); !slices.Equal(got, []int{c.want}) {
			t.Errorf("%s %s %q: %v, want %d", c.method, c.target, c.headers, got, c.want)
			continue
		}
		h := answers[0].Header
		for name := range h {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s %q: %s: %s", c.method, c.target, c.headers, name, h.Get(name))
			}
		}
		if h.Get("X-Frame-Options") != "DENY" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
			h.Get("X-Content-Type-Options") != "nosniff" || h.Get("X-Request-Id") == "" || h.Get("Set-Cookie") != "" {
			t.Errorf("%s %s: %v", c.method, c.target, h)
		}
		if c.want == 405 && h.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s: Allow: %q", c.method, c.target, h.Get("Allow"))
		}
		body, _ := io.ReadAll(answers[0].Body)
		if strings.Contains(string(body), "<script") || strings.Contains(string(body), "evil.example") {
			t.Errorf("%s %s: %s", c.method, c.target, body)
		}
	}
}

// TestPublicHost: whatever a client calls us is escaped.
func TestPublicHost(t *testing.T) {
	addr := newWorld(t, nil).http(t, newWorld(t, nil).Public())
	for _, a := range raw(t, addr, "GET /.access/login HTTP/1.1\r\nHost: a'b&c;d\r\nConnection: close\r\n\r\n") {
		if body, _ := io.ReadAll(a.Body); strings.Contains(string(body), "a'b&c") {
			t.Errorf("%s", body)
		}
	}
}

func TestKeySet(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.http(t, w.Public())
	ask := func() *answer {
		return raw(t, addr, "GET /.access/certs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")[0]
	}
	if a := ask(); a.Header.Get("Content-Type") != "application/jwk-set+json" || !strings.Contains(a.Header.Get("Cache-Control"), "max-age=300") {
		t.Errorf("%v", a.Header)
	}
	w.ready = false // an empty set must not be kept by anybody
	if a := ask(); a.StatusCode != 503 || a.Header.Get("Cache-Control") != "" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
}

// TestPrivate is G14, on the listeners that answer browsers by way of a proxy.
func TestPrivate(t *testing.T) {
	w := newWorld(t, nil)
	for name, h := range map[string]http.Handler{"render": w.Render(), "preflight": w.Preflight()} {
		addr := w.http(t, h)
		if got := statuses(raw(t, addr, "OPTIONS * HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n\r\n")); !slices.Equal(got, []int{403}) && !slices.Equal(got, []int{404}) {
			t.Errorf("%s: OPTIONS *: %v", name, got)
		}
		for _, path := range []string{"/metrics", "/debug/pprof/", "/healthz", "/readyz", "/", "/render/v1/", "/render/v1/200/GET/app.example.com/public"} {
			for _, host := range []string{"app.example.com", "10.0.0.1", "x"} {
				for _, a := range raw(t, addr, "GET "+path+" HTTP/1.1\r\nHost: "+host+"\r\nConnection: close\r\n\r\n") {
					if body, _ := io.ReadAll(a.Body); a.StatusCode < 400 || strings.Contains(string(body), "ostiary_") || strings.Contains(string(body), "goroutine") {
						t.Errorf("%s %s: %d %s", name, path, a.StatusCode, body)
					}
				}
			}
		}
	}
}

// TestRenderListener over the wire: the request was refused, and stays it.
func TestRenderListener(t *testing.T) {
	w := newWorld(t, nil)
	addr := w.http(t, w.Render())
	for _, c := range []struct {
		headers string
		want    int
		part    string
	}{
		{"X-Code: 401\r\nX-Original-URI: /x\r\nAccept: text/html\r\n", 302, ""},
		{"X-Code: 401\r\nX-Original-URI: /x\r\n", 401, `"reason":"no-session"`},
		{"X-Code: 401\r\nX-Original-URI: /x\r\nOrigin: https://spa.example.com\r\n", 401, "login_url"},
		{"X-Code: 401\r\nX-Original-URI: /public\r\n", 401, ""},
		{"X-Code: 200\r\nX-Original-URI: /public\r\n", 404, ""},
		{"X-Code: 403\r\nX-Original-URI: /office\r\nAccept: text/html\r\n", 403, "Access denied"},
		{"X-Code: 503\r\nX-Original-URI: /x\r\n", 503, ""},
		{"X-Original-URI: /x\r\nCookie: __Host-ostiary=good\r\nX-Code: 401\r\n", 401, ""},
	} {
		a := raw(t, addr, "GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n"+c.headers+"\r\n")
		if len(a) != 1 || a[0].StatusCode != c.want {
			t.Errorf("%q: %v", c.headers, statuses(a))
			continue
		}
		body, _ := io.ReadAll(a[0].Body)
		if !strings.Contains(string(body), c.part) || a[0].Header.Get("X-Request-Id") == "" || len(a[0].Header["X-Request-Id"]) != 1 {
			t.Errorf("%q: %v %s", c.headers, a[0].Header, body)
		}
	}
}

// TestDrain: once told to stop, requests under way finish and new ones find
// nobody; readiness goes first.
func TestDrain(t *testing.T) {
	free := func() string {
		l := listen(t)
		defer l.Close() //nolint:errcheck // only its port was wanted
		return l.Addr().String()
	}
	under, release := make(chan struct{}, 2), make(chan struct{})
	var once sync.Once
	w := newWorld(t, nil)
	subject := w.Subject
	w.Subject = func(at policy.Place, cookie, authorization string, now time.Time) policy.Presented {
		if strings.Contains(cookie, "slow") {
			under <- struct{}{}
			<-release
		}
		return subject(at, cookie, authorization, now)
	}
	defer once.Do(func() { close(release) })
	a := Addresses{Authz: free(), Render: free(), Public: "0", Probes: free()}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx, a, http.NotFoundHandler()) }()
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", a.Probes); err == nil {
			_ = c.Close()
			break
		}
		if time.Since(start) > 5*time.Second {
			t.Fatal("it does not listen")
		}
	}
	if got := statuses(raw(t, a.Probes, "GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")); !slices.Equal(got, []int{200}) {
		t.Errorf("ready: %v", got)
	}
	slow := make(chan []int, 2)
	ask := func(addr, request string) {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Error(err)
			slow <- nil
			return
		}
		defer c.Close() //nolint:errcheck // it was read to its end
		_, _ = io.WriteString(c, request)
		_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
		b := make([]byte, 12)
		_, _ = io.ReadFull(c, b)
		slow <- []int{int(b[9]-'0')*100 + int(b[10]-'0')*10 + int(b[11]-'0')}
	}
	go ask(a.Authz, authzGET+"/x HTTP/1.1\r\nHost: a\r\nCookie: slow\r\n\r\n")
	go ask(a.Render, "GET / HTTP/1.1\r\nHost: app.example.com\r\nX-Code: 401\r\nX-Original-URI: /x\r\nCookie: slow\r\n\r\n")
	<-under
	<-under
	idle, err := net.Dial("tcp", a.Authz) // must not hold up the stop
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close() //nolint:errcheck // nothing was said
	cancel()
	time.Sleep(200 * time.Millisecond)
	if c, err := net.Dial("tcp", a.Authz); err == nil {
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = io.WriteString(c, authzGET+"/public HTTP/1.1\r\nHost: a\r\n\r\n")
		if n, _ := c.Read(make([]byte, 1)); n > 0 {
			t.Error("a new request is answered after the stop")
		}
		_ = c.Close()
	}
	select {
	case err := <-done:
		t.Fatalf("stopped with requests under way: %v", err)
	default:
	}
	once.Do(func() { close(release) })
	for range 2 {
		if got := <-slow; !slices.Equal(got, []int{401}) {
			t.Errorf("a request under way got %v", got)
		}
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(15 * time.Second):
		t.Error("it does not stop")
	}
}

// TestRunFails: all listeners, or none.
func TestRunFails(t *testing.T) {
	taken := listen(t)
	defer taken.Close() //nolint:errcheck // it held a port
	w := newWorld(t, nil)
	err := w.Run(t.Context(), Addresses{Authz: "127.0.0.1:0", Probes: taken.Addr().String()}, nil)
	if err == nil || !strings.Contains(err.Error(), "--health-probe-bind-address") {
		t.Error(err)
	}
}

// TestOptions: THREATS C15.
func TestOptions(t *testing.T) {
	for s, want := range map[string]string{
		"": "https://ostiary.invalid", "https://auth.example.com": "https://auth.example.com", "https://auth.example.com/": "https://auth.example.com",
		"http://auth.localhost:8000": "http://auth.localhost:8000", "auth.example.com": "", "ftp://a": "", "https://": "", "https://u@a": "", "https://a/b": "",
		"https://a?b": "", "https://a#b": "", "https://a b": "", "javascript:x": "",
	} {
		u, err := command.ParseTeamURL(s)
		if (err == nil) != (want != "") || err == nil && u.String() != want {
			t.Errorf("team URL %q: %v %v", s, u, err)
		}
	}
	for s, ok := range map[string]bool{"10.0.0.0/8": true, "10.0.0.1": true, "2001:db8::/32": true, "0.0.0.0/0": false, "::/0": false, "x": false, "": false, "10.0.0.0/33": false} {
		if _, err := ParseTrustedProxies([]string{s}); (err == nil) != ok {
			t.Errorf("trusted proxy %q: %v", s, err)
		}
	}
	// Together, they may not be so wide that clients are among them.
	for s, ok := range map[string]bool{
		"0.0.0.0/1": false, "0.0.0.0/1 128.0.0.0/1": false, "128.0.0.0/2 64.0.0.0/2": false, "8.0.0.0/7": false, "8.0.0.0/8": true, "8.0.0.0/8 9.1.1.1": false,
		"8.0.0.0/9 8.128.0.0/9 8.0.0.0/8": true, "8.0.0.0/9 200.0.0.0/9 104.0.0.0/10": false, "10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 100.64.0.0/10 127.0.0.0/8 8.0.0.0/8": true,
		"8000::/1": false, "2000::/3": false, "2001::/16": true, "2001::/16 2002::/17": false, "fc00::/7 fe80::/10 ::1": true, "::ffff:10.0.0.0/104": false, "::/1": false,
		"103.21.244.0/22 104.16.0.0/13 2400:cb00::/32 2606:4700::/32": true, "11.0.0.0/8 10.0.0.0/7": true,
	} {
		if _, err := ParseTrustedProxies(strings.Fields(s)); (err == nil) != ok {
			t.Errorf("trusted proxies %q: %v", s, err)
		}
	}
	for s, ok := range map[string]bool{"/.access": true, "/cdn-cgi/access": true, "/": false, "": false, "x": false, "/x/": false, "/a//b": false, "/a/../b": false,
		"/a%2fb": false, "/a?b": false, "/a b": false} {
		if err := command.CheckPathPrefix(s); (err == nil) != ok {
			t.Errorf("path prefix %q: %v", s, err)
		}
	}
	for _, s := range []string{"Default", "", "x"} {
		if _, err := ParseIdentityHeaders(s); err == nil {
			t.Errorf("identity headers %q", s)
		}
		if _, err := telemetry.Parse(s); err == nil {
			t.Errorf("decision log %q", s)
		}
	}
}

// TestRemovedUser is F15: the session of a built-in user ends with the user.
func TestRemovedUser(t *testing.T) {
	list := func(names ...string) []idp.Config {
		c := idp.Config{Name: "people", Type: idp.TypeUsers}
		for _, n := range names {
			c.Users = append(c.Users, "- {name: "+n+", email: "+n+"@example.com, passwordHash: \"$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga\"}\n"...)
		}
		return []idp.Config{c}
	}
	providers := idp.New(idp.Options{})
	if problems := providers.Update(list("u1", "u2")); len(problems) > 0 {
		t.Fatal(problems)
	}
	w := newWorld(t, func(c *Config) {
		c.Login = &login.Config{Providers: providers}
		subject := c.Subject
		c.Subject = func(at policy.Place, cookie, authorization string, now time.Time) policy.Presented {
			out := subject(at, cookie, authorization, now)
			if out.Subject != nil {
				out.Subject.Provider = "people"
			}
			return out
		}
	})
	addr := w.authz(t)
	ask := func() *answer {
		return raw(t, addr, "GET /authz/v1/nginx/GET/app.example.com/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nCookie: __Host-ostiary=good\r\n\r\n")[0]
	}
	if a := ask(); a.StatusCode != 200 {
		t.Fatalf("%d %v", a.StatusCode, a.Header)
	}
	update := func(configs []idp.Config) {
		providers.Update(configs)
		w.rebuild(func(in *policy.Input) { in.Providers = providers.InUse() })
	}
	update(list("u2"))
	if a := ask(); a.StatusCode != 401 || a.Header.Get("X-Access-Reason") != "session-revoked" {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	update(list("u1", "u2"))
	if a := ask(); a.StatusCode != 200 {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
	update(nil) // with the provider, its users
	if a := ask(); a.StatusCode != 401 {
		t.Errorf("%d %v", a.StatusCode, a.Header)
	}
}
