// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/hack/lab"
)

// session is the line of a good session of ann@example.com for a policy.
func session(t *testing.T, audience string) string {
	t.Helper()
	return sessionOf(t, audience, "ann@example.com")
}

func sessionOf(t *testing.T, audience, email string) string {
	t.Helper()
	token, err := env.ring.Mint(credential.Claims{Issuer: teamURL, Audience: []string{audience}, ID: "ann", Email: email,
		Groups: []string{"staff"}, Lifetime: time.Hour}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return "Cookie: " + credential.CookieName + "=" + token
}

const (
	navigate = "Sec-Fetch-Mode: navigate"
	fetch    = "Sec-Fetch-Mode: cors"
	spa      = "Origin: https://spa.example.com"
	evil     = "Origin: https://evil.example"
	acrm     = "Access-Control-Request-Method: PATCH"
)

var live = []string{"nginx", "caddy", "haproxy"}

func TestLive(t *testing.T) {
	for _, name := range live {
		t.Run(name, func(t *testing.T) {
			addr := startProxy(t, name, env.ostiary.Authz)
			_, port, _ := net.SplitHostPort(addr)
			host := "app.example.com:" + port
			t.Run("allowed", func(t *testing.T) { testAllowed(t, addr, host) })
			t.Run("refused", func(t *testing.T) { testRefused(t, addr, host) })
			t.Run("preflight", func(t *testing.T) { testPreflight(t, addr, host, port) })
			t.Run("application's own", func(t *testing.T) { testOwn(t, addr, host) })
			t.Run("service token", func(t *testing.T) { testServiceToken(t, addr, host) })
			t.Run("forged identity", func(t *testing.T) { testForged(t, addr, host) })
			t.Run("hosts", func(t *testing.T) { testHosts(t, addr, port) })
			t.Run("managed", func(t *testing.T) { testManaged(t, addr, "managed.example.com:"+port) })
			t.Run("paths", func(t *testing.T) { testPaths(t, addr, host) })
		})
	}
}

func testAllowed(t *testing.T, addr, host string) {
	a := send(t, addr, "GET", "/a/b?x=1", host, session(t, "shop/app"))
	a.want(t, 200, true)
	if len(a.hits) == 1 {
		h := a.hits[0]
		if h.RequestURI != "/a/b?x=1" || h.Header.Get("X-Access-Email") != "ann@example.com" || h.Header.Get("X-Access-User") != "ann" ||
			h.Header.Get("X-Access-Groups") != "staff" || !strings.HasPrefix(h.Header.Get("X-Access-Jwt-Assertion"), "ey") || h.Host != host {
			t.Errorf("the application got %s of %s with %v", h.RequestURI, h.Host, h.Header)
		}
	}
	send(t, addr, "POST", "/a", host, session(t, "shop/app"), "Content-Length: 0").want(t, 200, true)
	send(t, addr, "HEAD", "/a", host, session(t, "shop/app")).want(t, 200, true)
	send(t, addr, "GET", "/public/x", host).want(t, 200, true)
	send(t, addr, "GET", "/a", host, session(t, "shop/app"), "X-Request-Id: 0123456789abcdef").want(t, 200, true)
}

func testRefused(t *testing.T, addr, host string) {
	a := send(t, addr, "GET", "/a?x=1", host, navigate)
	a.want(t, 302, false)
	if l := a.Header.Get("Location"); l != "https://"+host+"/.access/login?rd=%2Fa%3Fx%3D1" {
		t.Errorf("Location: %s", l)
	}
	a = send(t, addr, "GET", "/a", host, fetch, spa)
	a.want(t, 401, false)
	var body struct {
		Reason   string `json:"reason"`
		LoginURL string `json:"login_url"`
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil || body.Reason != "no-session" || body.LoginURL == "" {
		t.Errorf("%v: %s", err, a.body)
	}
	if a.Header.Get("Access-Control-Allow-Origin") != "https://spa.example.com" ||
		a.Header.Get("Access-Control-Allow-Credentials") != "true" || !strings.Contains(a.Header.Get("Vary"), "Origin") ||
		a.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("the page cannot read it: %v", a.Header)
	}
	a = send(t, addr, "GET", "/a", host, fetch, evil)
	a.want(t, 401, false)
	if a.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin may read it: %v", a.Header)
	}
	send(t, addr, "HEAD", "/a", host, fetch).want(t, 401, false)
	send(t, addr, "POST", "/a", host, fetch, "Content-Length: 0").want(t, 401, false)
	preview := strings.Replace(host, "app", "x.preview", 1)
	send(t, addr, "GET", "/a", preview, session(t, "shop/app"), navigate).want(t, 302, false)
	// A whole page, and no more of a HEAD than its head.
	a = send(t, addr, "GET", "/a", preview, sessionOf(t, "shop/preview", "bob@elsewhere.example"), navigate)
	a.want(t, 403, false)
	if !strings.HasSuffix(strings.TrimSpace(a.body), "</html>") || a.Header.Get("Content-Type") != "text/html; charset=utf-8" ||
		a.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("%v\n%s", a.Header, a.body)
	}
	send(t, addr, "HEAD", "/a", preview, sessionOf(t, "shop/preview", "bob@elsewhere.example"), navigate).want(t, 403, false)
	send(t, addr, "GET", "/a", preview, session(t, "shop/preview"), navigate).want(t, 200, true)
}

func testPreflight(t *testing.T, addr, host, port string) {
	a := send(t, addr, "OPTIONS", "/a?x=1", host, spa, acrm)
	a.want(t, 200, false)
	if a.Header.Get("Access-Control-Allow-Origin") != "https://spa.example.com" ||
		a.Header.Get("Access-Control-Allow-Credentials") != "true" ||
		!strings.Contains(a.Header.Get("Access-Control-Allow-Methods"), "PATCH") ||
		!strings.Contains(a.Header.Get("Vary"), "Access-Control-Request-Method") {
		t.Errorf("the preflight got %v", a.Header)
	}
	a = send(t, addr, "OPTIONS", "/a", host, evil, acrm)
	a.want(t, 403, false)
	for name := range a.Header {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("a refused preflight got %s", name)
		}
	}
	// No preflights, so nobody answers them without a session.
	send(t, addr, "OPTIONS", "/a", host, spa).want(t, 403, false)
	send(t, addr, "OPTIONS", "/a", host, spa, "Access-Control-Request-Method:").want(t, 403, false)
	send(t, addr, "GET", "/a", host, spa, acrm).want(t, 401, false)
	send(t, addr, "OPTIONS", "/a", host, session(t, "shop/app")).want(t, 200, true)
	// preflight: Bypass.
	a = send(t, addr, "OPTIONS", "/a?app=preflight", "x.preview.example.com:"+port, evil, acrm)
	a.want(t, 204, true)
	if a.Header.Get("Access-Control-Allow-Origin") != "https://chosen-by.app" {
		t.Errorf("the application's own answer became %v", a.Header)
	}
}

func testOwn(t *testing.T, addr, host string) {
	a := send(t, addr, "GET", "/?app=401", host, session(t, "shop/app"))
	a.want(t, 401, true)
	if a.body != "the app's own 401" || a.Header.Get("WWW-Authenticate") != `Basic realm="the app's own"` {
		t.Errorf("%v %s", a.Header, a.body)
	}
	a = send(t, addr, "GET", "/?app=403", host, session(t, "shop/app"))
	a.want(t, 403, true)
	if a.body != "the app's own 403" {
		t.Errorf("%s", a.body)
	}
	a = send(t, addr, "GET", "/?app=cookies", host, session(t, "shop/app"))
	a.want(t, 200, true)
	if got := a.Header.Values("Set-Cookie"); !slices.Equal(got, []string{"a=1; Path=/", "b=2; Expires=Wed, 01 Jan 2098 00:00:00 GMT"}) {
		t.Errorf("Set-Cookie: %q", got)
	}
}

// forged are identity headers as a client may spell them.
var forged = []string{"X-Access-Email: root", "x-access-email: root", "X_Access_Email: root", "X-Access_Email: root",
	"X-ACCESS-USER: root", "X-Access-Groups: admins", "X-Access-Jwt-Assertion: x",
	"Cf-Access-Jwt-Assertion: x", "Cf_Access_Authenticated_User_Email: root", "cf-access-authenticated-user-email: root"}

func testForged(t *testing.T, addr, host string) {
	for _, c := range []struct{ path, cookie, email string }{{"/public/x", "X-Nothing: 1", ""},
		{"/a", session(t, "shop/app"), "ann@example.com"}} {
		a := send(t, addr, "GET", c.path, host, append([]string{c.cookie}, forged...)...)
		a.want(t, 200, true)
		for _, h := range a.hits {
			for name, values := range h.Header {
				name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
				if joined := strings.Join(values, ","); strings.HasPrefix(name, "x-access-") || strings.HasPrefix(name, "cf-access-") {
					if strings.Contains(joined, "root") || joined == "x" || strings.Contains(joined, "admins") || name == "x-access-email" &&
						joined != c.email {
						t.Errorf("%s: the application got %s: %q", c.path, name, joined)
					}
				}
			}
		}
	}
	// Headers by which other proxies name a target change nothing.
	for _, line := range []string{"X-Original-URL: https://app.example.com/public/x", "X-Original-Method: OPTIONS",
		"X-Original-URI: /public/x", "X-Forwarded-Uri: /public/x",
		"X-Forwarded-Method: OPTIONS", "X-Forwarded-Host: public.example.com", "X_Forwarded_Uri: /public/x",
		"Forwarded: host=public.example.com"} {
		send(t, addr, "GET", "/a", host, fetch, line).want(t, 401, false)
		send(t, addr, "GET", "/a", host, session(t, "shop/app"), line).want(t, 200, true)
	}
}

func testHosts(t *testing.T, addr, port string) {
	for _, host := range []string{"other.example.com", "app.example.com.evil.example", "app.example.com,x.preview.example.com",
		"a.b.preview.example.com", "preview.example.com", "127.0.0.1"} {
		a := send(t, addr, "GET", "/a", host+":"+port, session(t, "shop/app"), session(t, "shop/preview"))
		if len(a.hits) > 0 {
			t.Errorf("%s reached the application", host)
		}
	}
	// The request line names one host and the Host header another.
	for _, c := range [][2]string{{"http://app.example.com/a", "x.preview.example.com"},
		{"http://x.preview.example.com/public/x", "app.example.com"}} {
		a := send(t, addr, "GET", c[0], c[1], session(t, "shop/none"))
		if len(a.hits) > 0 {
			t.Errorf("%v reached the application as %s%s", c, a.hits[0].Host, a.hits[0].RequestURI)
		}
	}
	// Who is judged is who is asked: the application gets the host of the decision.
	for _, c := range [][2]string{{"http://app.example.com/a", "x.preview.example.com"}, {"/a", "app.example.com"},
		{"/a", "APP.example.com"}, {"/a", "app.example.com."}} {
		a := send(t, addr, "GET", c[0], c[1], session(t, "shop/app"))
		for _, h := range a.hits {
			if !strings.EqualFold(strings.TrimSuffix(h.Host, "."), "app.example.com") {
				t.Errorf("%v reached the application as %s", c, h.Host)
			}
		}
		if c[1] == "app.example.com" {
			a.want(t, 200, true)
		}
	}
	// The team host asks nobody.
	a := send(t, addr, "GET", "/.access/certs", teamHost+":"+port)
	a.want(t, 200, false)
}

// testManaged: of the application's CORS headers and the policy's, exactly one counts.
func testManaged(t *testing.T, addr, host string) {
	policys := []string{"Access-Control-Allow-Credentials: true", "Access-Control-Allow-Origin: https://spa.example.com",
		"Access-Control-Expose-Headers: x-app"}
	apps := []string{"Access-Control-Allow-Credentials: true", "Access-Control-Allow-Origin: *", "Access-Control-Expose-Headers: x-own"}
	const app = "app.example.com"
	for _, c := range []struct {
		name, host, target string
		lines              []string
		status             int
		want               []string
		vary               bool
	}{
		{"the application has none", host, "/", []string{spa}, 200, policys, true},
		{"both have", host, "/?app=cors", []string{spa}, 200, policys, true},
		{"both have, twice", host, "/?app=cors2", []string{spa}, 200, policys, true},
		{"an error of the application's", host, "/?app=403", []string{spa}, 403, policys, true},
		{"another origin", host, "/?app=cors", []string{evil}, 200, nil, true},
		{"another origin, and nothing to take off", host, "/", []string{evil}, 200, nil, true},
		{"no origin", host, "/?app=cors", nil, 200, nil, true},
		{"what the proxy is told is not the client's to say", host, "/?app=cors",
			[]string{evil, "X-Ostiary-Cors: app", "Access-Control-Allow-Origin: https://evil.example"}, 200, nil, true},
		{"App", app, "/?app=cors", []string{spa}, 200, apps, false},
		{"App, another origin", app, "/?app=cors", []string{evil}, 200, apps, false},
		{"App, and none", app, "/", []string{spa}, 200, nil, false},
		{"App, and a client that would have it otherwise", app, "/?app=cors", []string{spa, "X-Ostiary-Cors: managed"}, 200, apps, false},
	} {
		audience := "shop/managed"
		if c.host == app {
			audience = "shop/app"
		}
		a := send(t, addr, "GET", c.target, c.host, append([]string{session(t, audience), fetch}, c.lines...)...)
		a.want(t, c.status, true)
		var got []string
		for name, values := range a.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				for _, v := range values {
					got = append(got, name+": "+v)
				}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := slices.Contains(a.Header.Values("Vary"), "Origin"); got != c.vary {
			t.Errorf("%s: Vary %q", c.name, a.Header.Values("Vary"))
		}
		if a.Header.Get("X-Ostiary-Cors") != "" {
			t.Errorf("%s: the browser is told what the proxy was", c.name)
		}
	}
}

func testPaths(t *testing.T, addr, host string) {
	a := send(t, addr, "GET", "/.access/certs", host)
	a.want(t, 200, false)
	for _, path := range []string{"/public/../a", "/public/%2e%2e/a", "/public/..%2fa", "//a", "/public//../a", "/%61", "/.access/../a",
		"/.access%2f..%2fa", "/.accessx", "/.access",
		"/public;x/../a", "/PUBLIC/x", "/publicx", "/a?/public/", "/a%23/public"} {
		if a := send(t, addr, "GET", path, host, fetch); len(a.hits) > 0 || a.StatusCode == http.StatusOK {
			t.Errorf("%s: %d, %d requests reached the application", path, a.StatusCode, len(a.hits))
		}
	}
	// Nothing on the way rewrites what the application gets.
	for _, path := range []string{"/a/%7Ex?y=%2f", "/a?x=/../y", "/a/x%20y?z"} {
		if a := send(t, addr, "GET", path, host, session(t, "shop/app")); len(a.hits) != 1 || a.hits[0].RequestURI != path {
			t.Errorf("%s: %d, %v", path, a.StatusCode, a.hits)
		}
	}
}

// TestFailsClosed: with nobody to ask, nothing passes.
func TestFailsClosed(t *testing.T) {
	for _, name := range live {
		t.Run(name, func(t *testing.T) {
			addr := startProxy(t, name, lab.FreeAddress())
			for _, path := range []string{"/a", "/public/x"} {
				if a := send(t, addr, "GET", path, "app.example.com", session(t, "shop/app")); len(a.hits) > 0 || a.StatusCode < 500 {
					t.Errorf("%s: %d, %d requests reached the application", path, a.StatusCode, len(a.hits))
				}
			}
			if a := send(t, addr, "OPTIONS", "/a", "x.preview.example.com", evil, acrm); len(a.hits) > 0 {
				t.Errorf("preflight: %d, %d requests reached the application", a.StatusCode, len(a.hits))
			}
		})
	}
}

// TestHangs: who never answers says no, and not only in the end.
func TestHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and nobody reads them
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // nothing was written
	for _, name := range live {
		t.Run(name, func(t *testing.T) {
			addr := startProxy(t, name, l.Addr().String())
			began := time.Now()
			// HAProxy tries four times.
			a := send(t, addr, "GET", "/a", "app.example.com", session(t, "shop/app"))
			if len(a.hits) > 0 || a.StatusCode < 500 {
				t.Errorf("%d after %s, %d requests reached the application", a.StatusCode, time.Since(began), len(a.hits))
			}
		})
	}
}
