// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"fmt"
	"slices"
	"strings"
)

var headerCases = []kase{
	{"forged-targets", "Headers in which proxies name a target have no effect when a client sends them (THREATS C)", forgedTargets},
	{"forged-identity", "Identity headers of a client, in any spelling, never reach an application (C13)", forgedIdentity},
	{"forged-connection", "Naming identity headers in Connection does not remove them", forgedConnection},
	{"forged-address", "A client cannot choose the address that rules look at (C12)", forgedAddress},
	{"proxy-internals", "Internal headers between proxies and Ostiary have no effect when a client sends them", proxyInternals},
	{"many-headers", "Hundreds of headers, and headers of several KB, are answered or denied (C19)", manyHeaders},
	{"request-smuggling", "Two lengths, or a length and chunks, never smuggle a request past the decision", requestSmuggling},
	{"two-cookies", "Two cookies that an application sets at once both arrive", twoCookies},
	{"application-401-403", "The application's own 401 and 403 arrive unchanged", applicationDenials},
}

// forged is what a client can say about where it wants to go, in the words of
// every family.
var forged = []string{
	"X-Forwarded-Uri: /public/x", "X-Forwarded-Host: public.example.com", "Forwarded: host=public.example.com;proto=https", // C1, C2
	"X-Forwarded-Method: OPTIONS", "X-HTTP-Method-Override: OPTIONS", "X-HTTP-Method: GET", "X-Method-Override: GET", // C3
	"X-Original-URI: /public/x", "X-Original-URL: https://public.example.com/", "X-Original-Method: OPTIONS", // C5, C8
	"X-Forwarded-Prefix: /public", "X-Replaced-Path: /public", "X-Rewrite-URL: /public/x", "X-Envoy-Original-Path: /public/x",
	"X-Envoy-Auth-Partial-Body: x",                                                                                               // C9
	"X-Forwarded-Proto: https", "X-Forwarded-Port: 443", "X-Scheme: https", "X-Forwarded-Scheme: https", "X-Forwarded-Server: x", // C10
	"X_Original_URL: https://public.example.com/", "X_Forwarded_Uri: /public/x", "X-Forwarded_Uri: /public/x",
	"x-forwarded-host: public.example.com, app1.site.com",
	"X-Forwarded-Uri: /public/x\r\nX-Forwarded-Uri: /public/y", "X-Forwarded-Host:", "X-Forwarded-Method:", "Proxy: http://evil.example",
	"X-Host: public.example.com",
	"X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "X-Client-IP: 127.0.0.1", "X-Name: caf\xe9 caf\xc3\xa9", // C12
}

func forgedTargets(c *check) {
	for _, lines := range append(each(forged), forged) {
		for _, m := range []string{"GET", "POST"} {
			a := c.send(request(m, "/p", "app1.site.com", append(lines, fetch)...))
			c.guarded(a)
			c.status(a, 401)
			c.problem(a, "no-session", "https://app1.site.com/.access/login?rd=%2Fp")
			a = c.send(request(m, "/p", "app1.site.com", append(lines, c.session("app1"))...))
			c.status(a, 200)
			c.through(a, "app1")
		}
		a := c.send(request("GET", "/p", "app1.site.com", append(lines, navigate)...))
		c.field(a, "Location", "https://app1.site.com/.access/login?rd=%2Fp")
		a = c.send(withBody("POST", "/p", "write.example.com", "_m=GET", lines...))
		c.guarded(a)
		c.kept(a)
		c.answered(c.send(request("OPTIONS", "/p", "app2.site.com", cp(seedOrigin, "GET", lines...)...)), seedAnswer...)
	}
}

// spellings are those of an identity header that an application could take for it.
func spellings(name string) []string {
	return []string{name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"),
		strings.Replace(name, "-", "_", 1), strings.ToLower(strings.ReplaceAll(name, "-", "_"))}
}

func forgedIdentity(c *check) {
	var all []string
	for _, name := range []string{"X-Access-Email", "X-Access-User", "X-Access-Groups", "X-Access-Jwt-Assertion", "Cf-Access-Jwt-Assertion",
		"Cf-Access-Authenticated-User-Email"} {
		for _, s := range spellings(name) {
			all = append(all, s+": root")
		}
	}
	for _, lines := range append(each(all), all) {
		// The oracle looks at what every one of them was told.
		a := c.send(request("GET", "/p", "app1.site.com", append(lines, c.session("app1"))...))
		c.status(a, 200)
		if h := c.through(a, "app1"); h.header.Get("X-Access-Email") != "ann@example.com" {
			c.errorf("ann is not known any more%s", a.dump())
		}
		a = c.send(request("GET", "/p", "public.example.com", lines...))
		c.status(a, 200)
		c.through(a, "public")
		a = c.send(request("OPTIONS", "/p", "handsoff.example.com", cp("https://x.example", "GET", lines...)...))
		c.through(a, "handsoff")
		c.guarded(c.send(request("GET", "/.access/get-identity", "app1.site.com", lines...)))
	}
}

func forgedConnection(c *check) {
	for _, names := range []string{"X-Access-Email", "X-Access-Jwt-Assertion, X-Access-User", "Cookie", "X-Forwarded-Uri",
		"X-Forwarded-Host, X-Forwarded-Method", "X-Original-URL", "Host", "Origin, Access-Control-Request-Method"} {
		raw := func(host string, lines ...string) string {
			return strings.Replace(request("GET", "/p", host, lines...), "Connection: close", "Connection: close, "+names, 1)
		}
		c.guarded(c.send(raw("app1.site.com", fetch)))
		c.guarded(c.send(raw("app1.site.com", append(slices.Clip(forged), fetch)...)))
		c.guarded(c.send(raw("public.example.com", "X-Access-Email: root")))
		a := c.send(raw("app1.site.com", c.session("app1"), "X-Access-Email: root", fetch))
		c.status(a, 200, 401) // 401 where the proxy obeys, and takes the cookie away
		if len(a.hits) == 1 && a.hits[0].header.Get("X-Access-Email") != "ann@example.com" {
			c.errorf("the application does not know who calls%s", a.dump())
		}
	}
}

func forgedAddress(c *check) {
	a := c.sendFrom(officeAddress, request("GET", "/p", "office.example.com", fetch))
	c.status(a, 200)
	c.through(a, "office")
	for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP",
		"X-Original-Forwarded-For", "X-Envoy-External-Address", "X_Forwarded_For"} {
		for _, value := range []string{officeAddress, officeAddress + ", 127.0.0.1", "127.0.0.1, " + officeAddress, "::ffff:" + officeAddress,
			officeAddress + "\r\n" + name + ": " + officeAddress, "garbage", ""} {
			a := c.send(request("GET", "/p", "office.example.com", name+": "+value, fetch))
			c.status(a, 401)
			c.kept(a)
			a = c.send(request("GET", "/p", "office.example.com", name+": "+value, "Connection: "+name, fetch))
			c.guarded(a)
		}
	}
	c.guarded(c.send(request("GET", "/p", "office.example.com", "Forwarded: for="+officeAddress, fetch)))
	c.guarded(c.send("PROXY TCP4 " + officeAddress + " 127.0.0.1 1 80\r\n" + request("GET", "/p", "office.example.com", fetch)))
}

func proxyInternals(c *check) {
	for _, lines := range each([]string{
		"X-Code: 200", "X-Code: 503", "X-Code: 404", "X-Access-Reason: bypass", "X-Sent-From: nginx-ingress-controller",
		"X-Auth-Request-Redirect: https://evil.example/",
		"X-Auth-Request-User: admin", "X-Request-ID: <script>alert(1)</script>", "X-Namespace: shop\r\nX-Ingress-Name: public",
		"X-Format: text/html", "X-Access-Redirect: https://evil.example/",
		"X-Accel-Redirect: /public/x", "X-Sendfile: /etc/passwd", "X-Middleware-Subrequest: 1", "Access-Control-Allow-Origin: *",
	}) {
		a := c.send(request("GET", "/p", "app1.site.com", append(lines, navigate)...))
		c.guarded(a)
		c.status(a, 302)
		c.field(a, "Location", "https://app1.site.com/.access/login?rd=%2Fp")
		a = c.send(request("GET", "/p", "app1.site.com", append(lines, fetch)...))
		c.guarded(a)
		c.status(a, 401)
		if strings.Contains(a.Body, "<script>") {
			c.errorf("markup of a client in the answer%s", a.dump())
		}
	}
}

func manyHeaders(c *check) {
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprintf("X-Many-%d: %s", i, strings.Repeat("v", 30)))
	}
	c.guarded(c.send(request("GET", "/p", "app1.site.com", many...)))
	for _, n := range []int{1 << 10, 7 << 10, 9 << 10, 64 << 10} {
		v := strings.Repeat("v", n)
		c.guarded(c.send(request("GET", "/p", "app1.site.com", "Cookie: a="+v)))
		c.guarded(c.send(request("GET", "/p", "app1.site.com", "X-Big: "+v)))
		c.guarded(c.send(request("OPTIONS", "/p", "multi.example.com", cp("https://app1.site.com", "GET", "Access-Control-Request-Headers: x-"+
			v)...)))
		c.guarded(c.send(request("OPTIONS", "/p", "open.example.com", cp("https://"+v+".example", "GET")...)))
		c.guarded(c.send(request("OPTIONS", "/p", "open.example.com", cp("https://x.example", strings.Repeat("V", n))...)))
	}
}

// requestSmuggling sends what one server could read as one request and another as
// two. The oracle knows that no session comes with the second.
func requestSmuggling(c *check) {
	hidden := "GET /smuggled HTTP/1.1\r\nHost: app1.site.com\r\n\r\n"
	for _, head := range []string{
		fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked", len(hidden)+5),
		fmt.Sprintf("Transfer-Encoding: chunked\r\nContent-Length: %d", len(hidden)+5),
		fmt.Sprintf("Content-Length: 5\r\nContent-Length: %d", len(hidden)+5),
		"Transfer-Encoding: xchunked", "Transfer-Encoding : chunked", "Transfer-Encoding: chunked, identity", "Transfer-Encoding:\x0bchunked",
		"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", "Content-Length: +5", "Content-Length: 5, 5", "Content-Length: 0x5",
		"X: y\r\n\tTransfer-Encoding: chunked",
	} {
		raw := "POST /p HTTP/1.1\r\nHost: public.example.com\r\n" + head + "\r\n\r\n0\r\n\r\n" + hidden
		a := c.send(raw)
		c.status(a, 200, 400, 401, 403, 411, 413, 414, 422, 501)
		for _, h := range a.hits {
			if strings.Contains(h.target, "smuggled") {
				c.breach("a hidden request reached %s%s", h.app, a.dump())
			}
		}
	}
}

func twoCookies(c *check) {
	a := c.send(request("GET", "/p?app=cookies", "app1.site.com", c.session("app1")))
	c.status(a, 200)
	c.through(a, "app1")
	if got := a.Header.All("Set-Cookie"); !slices.Equal(got, []string{"a=1; Path=/", "b=2; Expires=Wed, 01 Jan 2098 00:00:00 GMT"}) {
		c.errorf("Set-Cookie: %q%s", got, a.dump())
	}
	// Nor does a cookie of a browser get lost beside ours.
	a = c.send(request("GET", "/p", "app1.site.com", c.session("app1")+"; theme=dark", fetch))
	if h := c.through(a, "app1"); !strings.Contains(h.header.Get("Cookie"), "theme=dark") {
		c.errorf("the browser's own cookie is lost: %q", h.header.Get("Cookie"))
	}
}

func applicationDenials(c *check) {
	for _, m := range []string{"GET", "POST"} {
		a := c.send(request(m, "/p?app=401", "app1.site.com", c.session("app1"), navigate))
		c.status(a, 401)
		c.field(a, "WWW-Authenticate", `Basic realm="the app's own"`)
		c.field(a, "X-Access-Reason", "the app's own")
		if a.Body != "the app's own 401" {
			c.errorf("another page%s", a.dump())
		}
		c.through(a, "app1")
		a = c.send(request(m, "/p?app=403", "app1.site.com", c.session("app1"), navigate))
		c.status(a, 403)
		c.field(a, "X-Own", "yes")
		if a.Body != "the app's own 403" {
			c.errorf("another page%s", a.dump())
		}
		c.through(a, "app1")
	}
}

// each makes a list of one line from each.
func each(lines []string) (out [][]string) {
	for _, l := range lines {
		out = append(out, []string{l}[:1:1])
	}
	return out
}
