// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
)

var decisionCases = []kase{
	{"session-passes", "A request with a session reaches the application unchanged, once, with the identity headers", sessionPasses},
	{"navigation-to-login", "A navigation without a session is redirected to the sign-in, with the address to come back to", navigationToLogin},
	{"fetch-401", "A fetch without a session gets a 401 with JSON that has the address of the sign-in", fetch401},
	{"denied-page", "Signed-in users without access get 403 (HTML or JSON)", deniedPage},
	{"head", "HEAD is decided as GET, and answered without a body", headRequests},
	{"post", "POST is decided as GET; its body arrives completely or not at all", postRequests},
	{"methods", "All other methods are decided, too", otherMethods},
	{"bad-sessions", "Expired, forged and foreign sessions count as none, and the answer has the reason", badSessions},
	{"own-application-only", "A session opens the application that it was issued for, and no other", ownApplicationOnly},
	{"bypass", "A path with a Bypass rule, or an exempt path, needs no session; the paths beside it do", bypass},
	{"dry-run", "dryRun: Open lets everything pass, preflights too, and no identity header of a client", dryRun},
	{"rules-by-method", "A rule for GET admits GET only", rulesByMethod},
	{"bearer", "A bearer token in Authorization counts as a session; one in the URL does not", bearer},
	{"no-policy", "A host without a policy is denied", noPolicy},
	{"http-1.0", "HTTP/1.0 requests are decided as others", http10},
	{"own-pages", "/.access/ on every host, and the team host, are answered without a session and never reach an application", ownPages},
}

// sessionPasses: a request needs a session, whatever its method (S1); the others are in
// fetch401, headRequests, postRequests and otherMethods.
func sessionPasses(c *check) {
	for _, target := range []string{"/p", "/", "/a/b?x=1&y=2", "/p?", "/a%20b?q=a+b", "/p?x=/../y&z=%2f"} {
		a := c.send(request("GET", target, "app1.site.com", c.session("app1"), navigate))
		c.status(a, 200)
		h := c.through(a, "app1")
		if h.target != target || h.method != "GET" || hostName(h.header.Get("Host")) != "app1.site.com" {
			c.errorf("it arrived as %s%s", h, a.dump())
		}
		for name, want := range map[string]string{"X-Access-Jwt-Assertion": c.token("app1"), "X-Access-Email": "ann@example.com",
			"X-Access-User": "ann", "X-Access-Groups": "staff,ops"} {
			if got := h.header.Get(name); got != want {
				c.errorf("the application got %s: %q, want %q", name, got, want)
			}
		}
	}
	c.through(c.send(request("GET", "/p", "x.apps.example.com", c.session("tenants"))), "tenants")
}

// navigationToLogin: S3 and S27 say "redirected to the login page". Those who can follow
// are: navigations; and everybody, with unauthenticated: Redirect.
func navigationToLogin(c *check) {
	for target, rd := range map[string]string{"/p": "/p", "/p?x=1&y=%2f": "/p?x=1&y=%2f", "/a%20b": "/a%20b",
		"/%C3%A9?q=a+b": "/%C3%A9?q=a+b", "/": "/"} {
		for _, line := range []string{navigate, html} {
			a := c.send(request("GET", target, "app2.site.com", line))
			c.status(a, 302)
			c.field(a, "Location", "https://app2.site.com/.access/login?rd="+url.QueryEscape(rd))
			c.field(a, "Cache-Control", "no-store")
			c.kept(a)
		}
	}
	for _, m := range []string{"PUT", "DELETE", "PATCH", "PROPFIND", "FOO"} {
		a := c.send(request(m, "/p", "app1.site.com", html))
		c.status(a, 401)
		c.field(a, "Location", "")
		c.kept(a)
	}
	for _, lines := range [][]string{{fetch}, {fetch, "Origin: https://app1.site.com"}} {
		a := c.send(request("GET", "/p", "redirect.example.com", lines...)) // unauthenticated: Redirect
		c.status(a, 302)
		c.noCORS(a)
		c.kept(a)
	}
	a := c.send(request("GET", "/p", "strict.example.com", navigate, html)) // unauthenticated: Unauthorized
	c.status(a, 401)
	c.field(a, "Location", "")
	c.kept(a)
}

func fetch401(c *check) {
	for _, lines := range [][]string{{fetch}, {"Accept: application/json"}, {"X-Requested-With: XMLHttpRequest", html},
		{"Accept: image/png", "Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"}} {
		a := c.send(request("GET", "/p?x=1", "app1.site.com", lines...))
		c.status(a, 401)
		c.problem(a, "no-session", "https://app1.site.com/.access/login?rd=%2Fp%3Fx%3D1")
		c.field(a, "Location", "")
		c.kept(a)
	}
}

func deniedPage(c *check) {
	mallory := asCookie(c.mint(credential.Claims{Audience: []string{"shop/staff"}, ID: "m", Email: "mallory@example.com"}, time.Now()))
	a := c.send(request("GET", "/p", "staff.example.com", mallory, navigate))
	c.status(a, 403)
	c.kept(a)
	if !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || !strings.Contains(a.Body, "</html>") {
		c.errorf("no page%s", a.dump())
	}
	c.field(a, "Location", "")
	stranger := asCookie(c.mint(credential.Claims{Audience: []string{"shop/staff"}, ID: "m", Email: "ann@elsewhere.example"}, time.Now()))
	for who, reason := range map[string]string{mallory: "blocked", stranger: "no-rule-matched"} {
		a = c.send(request("GET", "/p", "staff.example.com", who, spa, fetch))
		c.status(a, 403)
		c.problem(a, reason, "")
		c.cors(a, "access-control-allow-origin: https://spa.example.com")
		c.kept(a)
	}
	c.through(c.send(request("GET", "/p", "staff.example.com", c.session("staff"))), "staff")
}

func headRequests(c *check) {
	a := c.send(request("HEAD", "/p", "app1.site.com", navigate))
	c.status(a, 302)
	c.kept(a)
	a = c.send(request("HEAD", "/p", "app1.site.com", fetch))
	c.status(a, 401)
	c.field(a, "X-Access-Reason", "no-session")
	c.kept(a)
	a = c.send(request("HEAD", "/p", "app1.site.com", c.session("app1")))
	c.status(a, 200)
	if h := c.through(a, "app1"); h.method != "HEAD" {
		c.errorf("it arrived as %s", h)
	}
}

// postRequests: THREATS E11.
func postRequests(c *check) {
	body := strings.Repeat("x=1&", 5000)
	for _, lines := range [][]string{{fetch}, {fetch, "Expect: 100-continue"}} {
		a := c.send(withBody("POST", "/p", "app1.site.com", body, lines...))
		c.status(a, 401)
		c.problem(a, "no-session", "https://app1.site.com/.access/login?rd=%2Fp")
		c.kept(a)
	}
	a := c.send(withBody("POST", "/p", "app1.site.com", body, navigate))
	c.status(a, 401)
	c.field(a, "Location", "")
	c.kept(a)
	for _, raw := range []string{
		withBody("POST", "/p", "app1.site.com", body, c.session("app1")),
		request("POST", "/p", "app1.site.com", c.session("app1"), "Transfer-Encoding: chunked") + "4e20\r\n" + body + "\r\n0\r\n\r\n",
	} {
		a = c.send(raw)
		c.status(a, 200)
		if h := c.through(a, "app1"); h.method != "POST" || h.body != body {
			c.errorf("it arrived as %s with %d bytes of %d", h, len(h.body), len(body))
		}
	}
}

func otherMethods(c *check) {
	for _, m := range []string{"PUT", "DELETE", "PATCH", "PROPFIND", "FOO"} {
		a := c.send(request(m, "/p", "app1.site.com", fetch))
		c.status(a, 401)
		c.kept(a)
		a = c.send(request(m, "/p", "app1.site.com", c.session("app1")))
		c.status(a, 200)
		if h := c.through(a, "app1"); h.method != m {
			c.errorf("%s arrived as %s", m, h)
		}
	}
	for _, m := range []string{"M-SEARCH", "TRACE", "get", "G\x00T", "CONNECT"} { // a proxy may refuse these itself
		c.guarded(c.send(request(m, "/p", "app1.site.com", fetch)))
	}
}

func badSessions(c *check) {
	now := time.Now()
	parts := strings.Split(c.token("app1"), ".")
	b64 := base64.RawURLEncoding.EncodeToString
	other, err := credential.NewRing(now)
	if err != nil {
		c.errorf("%v", err)
		return
	}
	foreign, err := other.Mint(credential.Claims{Issuer: teamURL, Audience: []string{"shop/app1"}, ID: "ann", Lifetime: time.Hour}, now)
	if err != nil {
		c.errorf("%v", err)
		return
	}
	for token, reason := range map[string]string{
		c.mint(credential.Claims{Audience: []string{"shop/app1"}}, now.Add(-2*time.Hour)):                               "session-expired",
		c.mint(credential.Claims{Audience: []string{"evil/app1"}}, now):                                                 "wrong-audience",
		c.mint(credential.Claims{Audience: []string{"shop/app1"}, Issuer: "https://auth.evil.example"}, now):            "bad-signature",
		c.mint(credential.Claims{Audience: []string{"shop/app1"}}, now.Add(time.Hour)):                                  "bad-signature",
		b64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".":                                                "bad-signature",
		parts[0] + "." + b64([]byte(`{"iss":"`+teamURL+`","sub":"root","aud":["shop/app1"],"exp":9999999999}`)) + ".xx": "bad-signature",
		foreign:                   "bad-signature",
		"garbage":                 "bad-signature",
		strings.Repeat("a", 3000): "bad-signature",
		b64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "." + parts[2]: "bad-signature",
		parts[0] + "." + parts[1] + ".":                                             "bad-signature",
		strings.Join(parts, ".")[:len(strings.Join(parts, "."))-1]:                  "bad-signature",
		parts[0] + "." + b64([]byte(`{"iss":"`+teamURL+`","sub":"root","aud":["shop/app1"],"iat":1,"nbf":1,"exp":9999999999,"type":"app"}`)) +
			"." + parts[2]: "bad-signature",
	} {
		a := c.send(request("GET", "/p", "app1.site.com", asCookie(token), fetch))
		c.status(a, 401)
		c.field(a, "X-Access-Reason", reason)
		c.kept(a)
	}
}

// ownApplicationOnly: sessions of one application open no other (S10, S11).
func ownApplicationOnly(c *check) {
	hostOf := map[string]string{"app1": "app1.site.com", "app2": "app2.site.com", "app": "app.example.com"}
	for owner := range hostOf {
		for app, host := range hostOf {
			a := c.send(request("GET", "/p", host, c.session(owner), fetch))
			if app == owner {
				c.status(a, 200)
				c.through(a, app)
				continue
			}
			c.status(a, 401)
			c.field(a, "X-Access-Reason", "wrong-audience")
			c.kept(a)
		}
	}
	// Another policy of the same host is another application.
	a := c.send(request("GET", "/api/x", "app.example.com", c.session("app"), fetch))
	c.status(a, 401)
	c.kept(a)
	a = c.send(request("GET", "/api/x", "app.example.com", c.session("app-api"), fetch))
	c.status(a, 200)
	c.through(a, "app-api")
}

func bypass(c *check) {
	for _, path := range []string{"/public", "/public/", "/public/x", "/public/x?y=/../admin", "/public/a%20b"} {
		a := c.send(request("GET", path, "app.example.com", fetch))
		c.status(a, 200)
		if h := c.through(a, "app-public"); h.target != path {
			c.errorf("it arrived as %s", h)
		}
	}
	for _, path := range []string{"/", "/publicx", "/Public", "/?/public/", "/p/public"} {
		a := c.send(request("GET", path, "app.example.com", fetch))
		c.status(a, 401)
		c.kept(a)
	}
	a := c.send(request("GET", "/public.", "app.example.com", fetch)) // /public to Windows
	c.status(a, 403)
	c.kept(a)
	a = c.send(request("GET", "/p", "public.example.com", c.session("app1")))
	c.status(a, 200)
	c.through(a, "public")
	// Nobody is known there, and be it with a session of the very policy.
	a = c.send(request("GET", "/p", "public.example.com", c.session("public")))
	c.status(a, 200)
	h := c.through(a, "public")
	for name := range identity {
		if got := h.header.Get(name); got != "" {
			c.errorf("the application got %s: %q, which nobody vouches for", name, got)
		}
	}
	exempt(c)
}

// dryRun: a policy that only says what it would decide.
func dryRun(c *check) {
	for _, raw := range []string{request("GET", "/p", "dry.example.com", navigate), withBody("POST", "/p", "dry.example.com", "x=1", fetch),
		request("GET", "/a;b", "dry.example.com", fetch), request("GET", "/p", "dry.example.com", c.session("app1")),
		request("OPTIONS", "/p", "dry.example.com", cp("https://other.example", "PUT")...),
		request("OPTIONS", "/p", "dry.example.com", cp("https://spa.example.com", "GET")...)} {
		a := c.send(raw)
		h := c.through(a, "dry")
		for name := range identity {
			if got := h.header.Get(name); got != "" {
				c.errorf("the application got %s: %q, which nobody vouches for", name, got)
			}
		}
	}
	a := c.send(request("GET", "/p", "dry.example.com", fetch, "X-Access-Email: root@example.com", "X-Access-User: root"))
	if h := c.through(a, "dry"); h.header.Get("X-Access-Email") != "" || h.header.Get("X-Access-User") != "" {
		c.breach("a client chose who it is%s", a.dump())
	}
}

// exempt: an exact path that needs no session, for GET and HEAD.
func exempt(c *check) {
	for target, method := range map[string]string{"/app.webmanifest": "GET", "/app.webmanifest?v=2": "GET", "/app.webmanifest?": "HEAD"} {
		a := c.send(request(method, target, "staff.example.com", "Sec-Fetch-Mode: cors", "Sec-Fetch-Dest: manifest"))
		c.status(a, 200)
		h := c.through(a, "staff")
		for name := range identity {
			if got := h.header.Get(name); got != "" {
				c.errorf("the application got %s: %q, which nobody vouches for", name, got)
			}
		}
	}
	for target, method := range map[string]string{"/app.webmanifest": "POST", "/app.webmanifest/": "GET", "/APP.webmanifest": "GET", "/x/app.webmanifest": "GET"} {
		a := c.send(request(method, target, "staff.example.com", fetch))
		c.status(a, 401)
		c.kept(a)
	}
	for _, target := range []string{"//app.webmanifest", "/x/../app.webmanifest", "/app%2ewebmanifest"} { // a proxy may make one of them canonical
		c.guarded(c.send(request("GET", target, "staff.example.com", fetch)))
	}
}

func rulesByMethod(c *check) {
	a := c.send(request("GET", "/p", "write.example.com", fetch))
	c.status(a, 200)
	c.through(a, "write")
	for _, m := range []string{"POST", "PUT", "DELETE", "HEAD", "FOO"} {
		a := c.send(request(m, "/p", "write.example.com", fetch, "X-HTTP-Method-Override: GET", "X-Original-Method: GET",
			"X-Forwarded-Method: GET"))
		if a.Status/100 == 2 {
			c.errorf("status %d%s", a.Status, a.dump())
		}
		c.kept(a)
	}
}

// bearer: no token is ever read from a URL (F16).
func bearer(c *check) {
	a := c.send(request("GET", "/p", "app1.site.com", "Authorization: Bearer "+c.token("app1"), fetch))
	c.status(a, 200)
	c.through(a, "app1")
	for _, raw := range []string{request("GET", "/p", "app1.site.com", "Authorization: Bearer x", fetch),
		request("GET", "/p?access_token="+c.token("app1")+"&__Host-ostiary="+c.token("app1"), "app1.site.com", fetch)} {
		a = c.send(raw)
		c.status(a, 401)
		c.kept(a)
	}
}

func noPolicy(c *check) {
	for _, line := range []string{navigate, c.session("app1"), fetch} {
		a := c.send(request("GET", "/p", "orphan.example.com", line))
		c.status(a, 403)
		c.kept(a)
		a = c.send(request("GET", "/p", "nobody.example.com", line))
		if a.Status < 400 || a.Status >= 500 {
			c.errorf("status %d%s", a.Status, a.dump())
		}
		c.kept(a)
	}
}

func http10(c *check) {
	for _, raw := range []string{"GET /p HTTP/1.0\r\n\r\n", "GET http://app1.site.com/p HTTP/1.0\r\n\r\n",
		"GET /p HTTP/1.0\r\nHost: app1.site.com\r\n\r\n",
		"GET http://app1.site.com/p HTTP/1.0\r\nHost: public.example.com\r\n\r\n"} {
		c.guarded(c.send(raw))
	}
	a := c.send("GET /p HTTP/1.0\r\nHost: app1.site.com\r\n" + c.session("app1") + "\r\n\r\n")
	c.status(a, 200)
	c.through(a, "app1")
}

func ownPages(c *check) {
	for _, host := range []string{"app1.site.com", "app.example.com", "x.apps.example.com", teamHost} {
		a := c.send(request("GET", "/.access/certs", host))
		c.status(a, 200)
		c.kept(a)
		if !strings.Contains(a.Body, `"keys"`) {
			c.errorf("not our keys%s", a.dump())
		}
		// The login answers no other site (S4).
		for _, m := range []string{"GET", "OPTIONS"} {
			a = c.send(request(m, "/.access/login?rd=%2Fp", host, cp("https://app1.almightyzero.com", "GET", html)...))
			c.noCORS(a)
			c.kept(a)
		}
	}
	for _, at := range [][2]string{{"app1.site.com", "/.access/login?rd=%2Fp"}, {teamHost, "/login/app2.site.com"}, {teamHost, "/"}} {
		for _, m := range []string{"GET", "HEAD"} {
			a := c.send(request(m, at[1], at[0], "Origin: "+seedOrigin, navigate, html))
			c.noCORS(a)
			c.kept(a)
			c.field(a, "X-Frame-Options", "DENY") // that of ostiary, whoever may sign in
			if !strings.Contains(a.Header.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
				c.errorf("the page can be framed%s", a.dump())
			}
		}
		a := c.send(request("OPTIONS", at[1], at[0], cp(seedOrigin, "GET")...))
		c.status(a, 403, 405)
		c.noCORS(a)
		c.kept(a)
		for _, lines := range [][]string{{"Origin: " + seedOrigin}, {"Sec-Fetch-Site: cross-site"},
			{"Sec-Fetch-Site: same-site", "Origin: " + seedOrigin}, {"Origin: null"}, {}} {
			a := c.send(request("POST", at[1], at[0], append(lines, "Content-Length: 0")...))
			c.status(a, 403)
			c.noCORS(a)
			c.kept(a)
		}
	}
}
