// SPDX-License-Identifier: Apache-2.0

package conformance

var corsCases = []kase{
	{"preflight-answered", "A preflight that the policy allows is answered with exactly its headers, and no application sees it (S29-S31)",
		preflightAnswered},
	{"preflight-refused", "Any other preflight gets 403 without Access-Control-*, with or without a session (S2, S9)", preflightRefused},
	{"preflight-origins", "Origins match as a whole: scheme, host, port, one label for * (S21, D4-D8)", preflightOrigins},
	{"preflight-methods", "Methods are case-sensitive; the answer names only the requested one (S22)", preflightMethods},
	{"preflight-headers", "Headers are case-insensitive; all requested ones must be allowed (S23, S24)", preflightHeaders},
	{"preflight-null", "The origin null is handled as any other (S13, S18)", preflightNull},
	{"preflight-all-origins", "All origins: *, and never with credentials (S17)", preflightAllOrigins},
	{"preflight-max-age", "Max-Age as the policy says: none, a number, 0 (S20)", preflightMaxAge},
	{"preflight-private-network", "Private network access is answered where the policy says so (D17)", preflightPrivateNetwork},
	{"preflight-by-path", "CORS settings apply to the paths of their policy (S6)", preflightByPath},
	{"preflight-with-credentials", "Cookies on a preflight change nothing, and no cookie is set (S30, D23)", preflightWithCredentials},
	{"preflight-bypass", "preflight: Bypass lets genuine preflights through to the application, and nothing else", preflightBypass},
	{"not-a-preflight", "OPTIONS without Origin or Access-Control-Request-Method is an ordinary request (S28, D13, D22)", notAPreflight},
	{"two-of-a-header", "OPTIONS with two Origins or two requested methods is not a preflight (D11)", twoOfAHeader},
	{"acrm-on-get", "GET or POST with Access-Control-Request-Method is not a preflight (D14)", acrmOnGet},
	{"denial-readable", "A page of an allowed origin can read the 401 and the 403; others cannot; Vary says so (D19, D20, D25)",
		denialReadable},
	{"application-cors", "The application's own CORS headers pass, once (S5, S26, D26)", applicationCORS},
	{"managed-responses", "responses: Managed puts the policy's CORS headers on the application's answers, in place of its own (D26)",
		managedResponses},
}

const seedOrigin = "https://app1.almightyzero.com"

var seedAnswer = []string{"access-control-allow-origin: " + seedOrigin, "access-control-allow-methods: GET",
	"access-control-allow-credentials: true"}

func preflightAnswered(c *check) {
	for _, target := range []string{"/", "/p", "/p?x=1", "/a%20b"} {
		c.answered(c.send(request("OPTIONS", target, "app2.site.com", cp(seedOrigin, "GET")...)), seedAnswer...)
	}
	c.answered(c.send(request("OPTIONS", "/p", "staff.example.com", cp("https://spa.example.com", "GET")...)), // no credentials (S19)
		"access-control-allow-origin: https://spa.example.com", "access-control-allow-methods: GET")
	// The seed's own: lower-case names.
	c.answered(c.send(request("OPTIONS", "/", "app2.site.com", "origin: "+seedOrigin, "access-control-request-method: GET")), seedAnswer...)
}

func preflightRefused(c *check) {
	for _, lines := range [][]string{nil, {c.session("app1")}, {html, navigate}} {
		a := c.send(request("OPTIONS", "/p", "app1.site.com", cp("https://app2.site.com", "GET", lines...)...))
		c.refused(a)
		c.field(a, "X-Access-Reason", "preflight-not-configured")
	}
	a := c.send(request("OPTIONS", "/p", "app2.site.com", cp("https://app1.site.com", "GET")...)) // S9
	c.refused(a)
	c.field(a, "X-Access-Reason", "origin-not-allowed")
	c.refused(c.send(request("OPTIONS", "/p", "orphan.example.com", cp("https://app1.site.com", "GET")...)))
	c.refused(c.send(request("OPTIONS", "/a%2fb", "app2.site.com", cp("https://evil.example", "GET")...)))
}

func preflightOrigins(c *check) {
	for _, o := range []string{"https://app1.site.com", "https://app3.site.com:8443", "http://plain.site.com", "https://a.preview.site.com",
		"https://a-1.preview.site.com"} {
		c.answered(c.send(request("OPTIONS", "/", "multi.example.com", cp(o, "GET")...)),
			"access-control-allow-origin: "+o, "access-control-allow-methods: GET", "access-control-allow-credentials: true")
	}
	for _, o := range []string{
		"http://app1.site.com", "https://app1.site.com:8443", "https://app1.site.com:443", "https://app3.site.com", "https://plain.site.com",
		"https://evilapp1.site.com", "https://app1.site.com.evil.example", "https://app1.site.comevil.example", "https://app1.site.com/",
		"https://app1.site.com#x",
		"https://x@app1.site.com", "app1.site.com", "https://app1.site.com.", "https://preview.site.com", "https://.preview.site.com",
		"https://a.b.preview.site.com",
		"https://xpreview.site.com", "http://a.preview.site.com", "https://*.preview.site.com", "https://evil.example/.preview.site.com", "*",
		"null",
		"https://app1.site.com, https://evil.example", "https://app1.site.com https://evil.example", "javascript:x",
		"https://evil-app1.site.com", "https://a.preview.site.com:8443", "https://a.preview.site.com.evil.example",
		"https://evil.example#.preview.site.com", "file://",
		"https://app3.site.com:8444", "https://app1.site.com/x", "https://", "https://app1.site.com?x", "https://a%2e.preview.site.com",
		"https:app1.site.com",
		"https://app1.site.com@evil.example", "//app1.site.com",
	} {
		c.refused(c.send(request("OPTIONS", "/", "multi.example.com", cp(o, "GET")...)))
	}
}

func preflightMethods(c *check) {
	for m, ok := range map[string]bool{"GET": true, "POST": true, "PATCH": true, "patch": false, "get": false, "PUT": false, "DELETE": false,
		"*": false, "GET,POST": false, "GET POST": false} {
		a := c.send(request("OPTIONS", "/api", "app.example.com", cp("https://spa.example.com", m)...))
		if !ok {
			c.refused(a)
			c.field(a, "X-Access-Reason", "method-not-allowed")
			continue
		}
		c.status(a, 200)
		c.field(a, "Access-Control-Allow-Methods", m)
	}
	for _, m := range []string{"GET", "DELETE", "patch", "FROB", "M-SEARCH"} { // allowAllMethods
		a := c.send(request("OPTIONS", "/", "multi.example.com", cp("https://app1.site.com", m)...))
		c.status(a, 200)
		c.field(a, "Access-Control-Allow-Methods", m)
	}
}

func preflightHeaders(c *check) {
	ask := func(h string) *answer {
		return c.send(request("OPTIONS", "/api", "app.example.com", cp("https://spa.example.com", "POST", "Access-Control-Request-Headers: "+
			h)...))
	}
	for _, h := range []string{"content-type", "x-csrf", "content-type,x-csrf", "X-CSRF, Content-Type", "x-csrf ,\tcontent-type",
		"content-type,,x-csrf"} {
		a := ask(h)
		c.status(a, 200)
		c.field(a, "Access-Control-Allow-Headers", h)
	}
	for _, h := range []string{"x-a", "content-type,x-a", "authorization", "*", "content-type;x-csrf", "content type"} {
		a := ask(h)
		c.refused(a)
		c.field(a, "X-Access-Reason", "header-not-allowed")
	}
	c.refused(ask("content-type\r\nAccess-Control-Request-Headers: x-a")) // two lines are one list
	// All headers are allowed: those that were asked for are named, Authorization as well (D16).
	a := c.send(request("OPTIONS", "/", "multi.example.com",
		cp("https://app1.site.com", "GET", "Access-Control-Request-Headers: authorization, x-anything")...))
	c.status(a, 200)
	c.field(a, "Access-Control-Allow-Headers", "authorization, x-anything")
	// A good header saves no bad origin, and no bad method.
	c.refused(c.send(request("OPTIONS", "/api", "app.example.com",
		cp("https://evil.example", "POST", "Access-Control-Request-Headers: x-csrf")...)))
	c.refused(c.send(request("OPTIONS", "/api", "app.example.com",
		cp("https://spa.example.com", "PUT", "Access-Control-Request-Headers: x-csrf")...)))
}

// preflightNull: null is no wildcard, and no missing origin (S13, S15, S18).
func preflightNull(c *check) {
	c.answered(c.send(request("OPTIONS", "/p", "null.example.com", cp("null", "GET")...)),
		"access-control-allow-origin: null", "access-control-allow-methods: GET", "access-control-allow-credentials: true")
	c.refused(c.send(request("OPTIONS", "/p", "app2.site.com", cp("null", "GET")...)))
	for _, o := range []string{"https://null", "NULL", "Null", "nullx", "https://xnull", "null, null", "http://null.example.com", `"null"`} {
		c.refused(c.send(request("OPTIONS", "/p", "null.example.com", cp(o, "GET")...)))
	}
}

func preflightAllOrigins(c *check) {
	for _, o := range []string{"null", "https://x.example", "http://localhost:3000", "chrome-extension://abcdef"} {
		c.answered(c.send(request("OPTIONS", "/p", "open.example.com", cp(o, "DELETE", "Access-Control-Request-Headers: x-any")...)),
			"access-control-allow-origin: *", "access-control-allow-methods: DELETE", "access-control-allow-headers: x-any",
			"access-control-max-age: 0")
	}
}

func preflightMaxAge(c *check) {
	for _, tt := range []struct{ host, target, origin, want string }{
		{"app2.site.com", "/", seedOrigin, ""}, {"app.example.com", "/api", "https://spa.example.com", "600"},
		{"open.example.com", "/", "https://a.example", "0"},
	} {
		a := c.send(request("OPTIONS", tt.target, tt.host, cp(tt.origin, "GET")...))
		c.status(a, 200)
		c.field(a, "Access-Control-Max-Age", tt.want)
	}
}

func preflightPrivateNetwork(c *check) {
	const ask = "Access-Control-Request-Private-Network: true"
	c.field(c.send(request("OPTIONS", "/", "multi.example.com", cp("https://app1.site.com", "GET", ask)...)),
		"Access-Control-Allow-Private-Network", "true")
	c.field(c.send(request("OPTIONS", "/", "multi.example.com", cp("https://app1.site.com", "GET")...)),
		"Access-Control-Allow-Private-Network", "")
	c.answered(c.send(request("OPTIONS", "/", "app2.site.com", cp(seedOrigin, "GET", ask)...)), seedAnswer...)
}

func preflightByPath(c *check) {
	lines := cp("https://spa.example.com", "POST", "Access-Control-Request-Headers: content-type")
	for _, target := range []string{"/api", "/api/", "/api/x", "/api/x?y=/"} {
		c.answered(c.send(request("OPTIONS", target, "app.example.com", lines...)), "access-control-allow-origin: https://spa.example.com",
			"access-control-allow-methods: POST", "access-control-allow-headers: content-type", "access-control-allow-credentials: true",
			"access-control-max-age: 600")
	}
	for _, target := range []string{"/", "/apix", "/API", "/public", "/?/api", "/public/x"} {
		c.refused(c.send(request("OPTIONS", target, "app.example.com", lines...)))
	}
}

func preflightWithCredentials(c *check) {
	for _, line := range []string{c.session("app2"), "Cookie: __Host-ostiary=forged", "Authorization: Basic dTpw",
		"Authorization: Bearer x.y.z"} {
		c.answered(c.send(request("OPTIONS", "/p", "app2.site.com", cp(seedOrigin, "GET", line)...)), seedAnswer...)
	}
}

func preflightBypass(c *check) {
	a := c.send(request("OPTIONS", "/p?app=cors", "handsoff.example.com", cp("https://any.example", "FROB")...))
	c.status(a, 204)
	c.field(a, "Access-Control-Allow-Origin", "https://chosen-by.app")
	c.through(a, "handsoff")
	for _, raw := range []string{
		request("OPTIONS", "/p?app=cors", "handsoff.example.com", "Origin: https://any.example"),
		request("GET", "/p?app=cors", "handsoff.example.com", cp("https://any.example", "FROB", fetch)...),
	} {
		a = c.send(raw)
		c.status(a, 401, 403)
		c.noCORS(a)
		c.kept(a)
	}
}

func notAPreflight(c *check) {
	acrm := "Access-Control-Request-Method: GET"
	for _, lines := range [][]string{nil, {spa}, {acrm}, {spa, "Access-Control-Request-Method:"}, {"Origin:", acrm},
		{spa, "Access_Control_Request_Method: GET"}, {"X-Origin: https://spa.example.com", acrm}} {
		a := c.send(request("OPTIONS", "/api", "app.example.com", lines...))
		c.status(a, 401, 403)
		c.field(a, "Access-Control-Allow-Methods", "")
		c.field(a, "Location", "")
		c.kept(a)
	}
	a := c.send(request("OPTIONS", "/dav", "app1.site.com", c.session("app1")))
	c.status(a, 200)
	if h := c.through(a, "app1"); h.method != "OPTIONS" || h.target != "/dav" {
		c.errorf("it arrived as %s", h)
	}
}

func twoOfAHeader(c *check) {
	acrm := "Access-Control-Request-Method: GET"
	for _, lines := range [][]string{
		{spa, "Origin: https://evil.example", acrm}, {"Origin: https://evil.example", spa, acrm}, {spa, spa, acrm},
		{spa, acrm, "Access-Control-Request-Method: DELETE"}, {spa, acrm, acrm}, {spa, "Origin:", acrm},
		{spa, acrm, "Access-Control-Request-Method:"},
	} {
		a := c.send(request("OPTIONS", "/api", "app.example.com", lines...))
		if a.Status < 400 || a.Status >= 500 {
			c.errorf("status %d%s", a.Status, a.dump())
		}
		c.noCORS(a)
		c.kept(a)
	}
}

func acrmOnGet(c *check) {
	for _, m := range []string{"GET", "HEAD", "POST", "PATCH"} {
		a := c.send(request(m, "/api", "app.example.com", spa, "Access-Control-Request-Method: GET", fetch, "X-HTTP-Method-Override: OPTIONS"))
		c.status(a, 401)
		c.field(a, "Access-Control-Allow-Methods", "")
		c.kept(a)
		a = c.send(request(m, "/api", "app.example.com", spa, "Access-Control-Request-Method: GET", c.session("app-api")))
		c.status(a, 200)
		c.through(a, "app-api")
	}
}

func denialReadable(c *check) {
	for _, o := range []string{"https://spa.example.com", "https://x.dev.example.com"} {
		a := c.send(request("GET", "/api/x", "app.example.com", "Origin: "+o, fetch))
		c.status(a, 401)
		c.cors(a, "access-control-allow-origin: "+o, "access-control-allow-credentials: true", "access-control-expose-headers: x-request-id")
		c.vary(a, "Origin")
		c.problem(a, "no-session", "https://app.example.com/.access/login?rd=%2Fapi%2Fx")
		c.kept(a)
	}
	for _, o := range []string{"https://evil.example", "null", "https://spa.example.com.evil.example"} {
		a := c.send(request("GET", "/api/x", "app.example.com", "Origin: "+o, fetch))
		c.status(a, 401)
		c.noCORS(a)
		c.vary(a, "Origin")
		c.kept(a)
	}
	a := c.send(request("GET", "/api/x", "app.example.com", spa, "Origin: https://evil.example", fetch)) // two are none (D11)
	c.status(a, 400, 401)
	c.noCORS(a)
	c.kept(a)
	// A session of another application is denied, and that can be read, too.
	a = c.send(request("GET", "/api/x", "app.example.com", spa, fetch, c.session("app")))
	c.status(a, 401)
	c.field(a, "Access-Control-Allow-Origin", "https://spa.example.com")
}

// applicationCORS: no preflight has to come first, and the CORS headers of the application,
// or their absence, are its own (S5, S25, S26).
func applicationCORS(c *check) {
	for _, m := range []string{"GET", "HEAD", "POST"} {
		a := c.send(request(m, "/p", "app2.site.com", c.session("app2"), "Origin: "+seedOrigin))
		c.status(a, 200)
		c.noCORS(a)
		c.through(a, "app2")
		a = c.send(request(m, "/p?app=cors", "app2.site.com", c.session("app2"), "Origin: "+seedOrigin))
		c.status(a, 200)
		c.cors(a, "access-control-allow-origin: https://chosen-by.app", "access-control-allow-credentials: true")
		c.field(a, "Vary", "Origin")
		c.through(a, "app2")
	}
	// Sites of one registrable domain keep their cookies, and nothing sets one (S7, S8).
	a := c.send(request("GET", "/api/x?app=cors", "app.example.com", spa, "Sec-Fetch-Site: same-site", fetch, c.session("app-api")))
	c.status(a, 200)
	c.field(a, "Set-Cookie", "")
	c.through(a, "app-api")
}

func managedResponses(c *check) {
	// The application's own are replaced, and taken off for other origins and for none: one
	// that is kept in a cache may be shown to any.
	for _, target := range []string{"/p", "/p?app=cors"} {
		a := c.send(request("GET", target, "managed.example.com", c.session("managed"), spa))
		c.status(a, 200)
		c.cors(a, "access-control-allow-origin: https://spa.example.com", "access-control-allow-credentials: true",
			"access-control-expose-headers: x-app")
		for _, lines := range [][]string{{"Origin: https://evil.example"}, nil} {
			a = c.send(request("GET", target, "managed.example.com", append(lines, c.session("managed"))...))
			c.status(a, 200)
			c.noCORS(a)
			c.vary(a, "Origin")
		}
	}
	a := c.send(request("GET", "/p", "managed.example.com", c.session("managed"), spa))
	c.status(a, 200)
	c.through(a, "managed")
	c.cors(a, "access-control-allow-origin: https://spa.example.com", "access-control-allow-credentials: true",
		"access-control-expose-headers: x-app")
	c.vary(a, "Origin")
	a = c.send(request("GET", "/p", "managed.example.com", c.session("managed"), "Origin: https://evil.example"))
	c.status(a, 200)
	c.noCORS(a)
	a = c.send(request("GET", "/p", "managed.example.com", spa, fetch))
	c.status(a, 401)
	c.cors(a, "access-control-allow-origin: https://spa.example.com", "access-control-allow-credentials: true",
		"access-control-expose-headers: x-app")
}
