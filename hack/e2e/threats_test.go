// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// anonymous is the slow reference: may a request without any session, which
// nginx routed to this application, be there? It reads the target its own way,
// as nginx does: cut at the query, decode, merge slashes, resolve dots.
func anonymous(h hit) bool {
	path, _, _ := strings.Cut(h.target, "?")
	switch h.app {
	case "public":
		return canonical(path) != "" // also a Bypass of everything asks for a clear path
	case "app":
		c := canonical(path)
		return c == path && (c == "/public" || strings.HasPrefix(c, "/public/"))
	case "write":
		return h.method == "GET"
	default:
		return false
	}
}

func canonical(path string) string {
	decoded, err := url.PathUnescape(path)
	if err != nil || !strings.HasPrefix(decoded, "/") || strings.ContainsAny(decoded, "\\;") {
		return ""
	}
	var out []string
	for segment := range strings.SplitSeq(decoded, "/") {
		switch segment {
		case "", ".":
		case "..":
			if len(out) == 0 {
				return ""
			}
			out = out[:len(out)-1]
		default:
			out = append(out, segment)
		}
	}
	c := "/" + strings.Join(out, "/")
	if strings.HasSuffix(decoded, "/") && c != "/" {
		c += "/"
	}
	return c
}

// wantGuarded holds for every request without a session, whatever it looks like:
// nothing is reached that the policy of its route denies, nothing is set, and a
// visitor's mischief is never an error of the server.
func (a *answer) wantGuarded(t *testing.T) {
	t.Helper()
	for _, h := range a.hits {
		if !anonymous(h) {
			t.Errorf("%s was reached without a session%s", h.app, a.dump())
		}
	}
	if len(a.hits) > 1 {
		t.Errorf("reached %d applications%s", len(a.hits), a.dump())
	}
	if a.status >= 500 {
		t.Errorf("status %d for a visitor's mistake%s", a.status, a.dump())
	}
	if len(a.hits) == 0 && a.status < 300 && !strings.HasPrefix(a.request, "OPTIONS ") {
		t.Errorf("status %d, and nothing was asked%s", a.status, a.dump())
	}
	a.wantNone(t, "Set-Cookie", "WWW-Authenticate")
}

// guarded are the variants whose target nginx fills in itself. The plain
// auth-url is apart: see TestHeaderVariant.
var guarded = []string{"D", "B2", "D-keepalive", "B1-route"}

func eachGuarded(t *testing.T, test func(t *testing.T, addr string)) {
	t.Helper()
	for _, name := range guarded {
		t.Run(name, func(t *testing.T) { test(t, env.variants[name].Addr) })
	}
}

// bothReaders are the lines with which a navigation and a fetch come.
var bothReaders = [][]string{{navigate, html}, {fetch, "Origin: https://spa.example.com"}}

func TestA_Hosts(t *testing.T) {
	long := strings.Repeat("a", 300)
	eachGuarded(t, func(t *testing.T, addr string) {
		for _, tt := range []struct {
			host   string
			status []int // of a fetch; nil: what nginx makes of it
		}{
			{"app1.site.com", []int{401}},
			{"APP1.Site.COM", []int{401}}, {"x.APPS.example.com", []int{401}}, // A5
			{"app1.site.com.", []int{401}},                                                                                                             // A6
			{"app1.site.com:443", []int{401}}, {"app1.site.com:8443", []int{401}}, {"app1.site.com:80", []int{401}}, {"app1.site.com.:81", []int{401}}, // A7
			{"app1.site.com:", nil}, {"app1.site.com:99999", nil}, {"app1.site.com:abc", nil}, // A8
			{"app1.site.com:80@public.example.com", nil}, {"public.example.com:80@app1.site.com", nil}, {"app1.site.com@public.example.com", nil}, // A1
			{"public.example.com#.apps.example.com", nil}, {"public.example.com?.apps.example.com", nil}, // A2
			{"public.example.com/.apps.example.com", nil}, {"public.example.com\\.apps.example.com", nil},
			{"[::1]:8080", nil}, {"[::ffff:10.0.0.1]", nil}, {"10.0.0.1", nil}, {"[app1.site.com]", nil}, // A10
			{"app1.site.com, public.example.com", nil}, {"*", nil}, {"/x", nil}, {"javascript:x", nil}, {"", nil}, {"_", nil}, // A13, A14
			{"apps.example.com", nil}, {"evilapps.example.com", nil}, {"a.b.apps.example.com", nil}, {".apps.example.com", nil}, {"*.apps.example.com", nil}, // A17
			{"x_y.apps.example.com", []int{401}}, {"-.apps.example.com", nil},
			{"orphan.example.com", []int{403}}, {"nobody.example.com", []int{404}}, // A18
			{long + ".apps.example.com", nil}, {strings.Repeat("a.", 130) + "apps.example.com", nil}, {long, nil}, // A20
			{"app1.site.com\x00", nil}, {"app1.site.com\t", nil}, {"äpp.apps.example.com", nil}, {"xn--pp-uia.apps.example.com", []int{401}}, // A11
		} {
			for i, lines := range bothReaders {
				a := env.send(t, addr, request("GET", "/p", tt.host, lines...))
				a.wantGuarded(t)
				if i == 1 && tt.status != nil {
					a.wantStatus(t, tt.status...)
				}
			}
			env.send(t, addr, request("OPTIONS", "/p", tt.host, cp("https://spa.example.com", "GET")...)).wantGuarded(t)
		}
	})
}

// A1: nginx routes by the request line, and shows the Host header to anybody
// else. The application of the request line is who decides.
func TestA1_AbsoluteForm(t *testing.T) {
	hosts := []string{"public.example.com", "app1.site.com", "app.example.com", "nosuch.example", "app1.site.com:80@public.example.com", ""}
	eachGuarded(t, func(t *testing.T, addr string) {
		for _, scheme := range []string{"http", "https", "HTTP", "ftp"} {
			for _, routed := range []string{"app1.site.com", "app.example.com", "app1.site.com:80@public.example.com", "public.example.com@app1.site.com", "APP1.site.com.:81"} {
				for _, host := range hosts {
					for _, path := range []string{"/p", "", "?x=/public/", "/public/../p", "/api"} {
						for _, lines := range bothReaders {
							a := env.send(t, addr, request("GET", scheme+"://"+routed+path, host, lines...))
							a.wantGuarded(t)
						}
					}
				}
			}
		}
		for _, raw := range []string{
			"GET http://app1.site.com/p HTTP/1.0\r\n\r\n",
			"GET http://app1.site.com/p HTTP/1.0\r\nHost: public.example.com\r\n\r\n",
			"GET /p HTTP/1.1\r\nHost: app1.site.com\r\nHost: public.example.com\r\nConnection: close\r\n\r\n",
			"GET /p HTTP/1.1\r\nConnection: close\r\n\r\n",
			"GET /p HTTP/1.1\r\nHost : public.example.com\r\nHost: app1.site.com\r\nConnection: close\r\n\r\n",
			"CONNECT app1.site.com:443 HTTP/1.1\r\nHost: app1.site.com\r\n\r\n",
			"OPTIONS * HTTP/1.1\r\nHost: app1.site.com\r\nConnection: close\r\n\r\n", // B21
			"get /p HTTP/1.1\r\nHost: app1.site.com\r\nConnection: close\r\n\r\n",
		} {
			env.send(t, addr, raw).wantGuarded(t)
		}
	})
}

// A session for another application does not help either (A1).
func TestA1_AbsoluteFormWithASessionOfAnotherApplication(t *testing.T) {
	eachGuarded(t, func(t *testing.T, addr string) {
		a := env.send(t, addr, request("GET", "http://app1.site.com/p", "app2.site.com", cookie(t, "shop/app2")))
		a.wantStatus(t, 401)
		a.wantKept(t)
	})
}

// paths lead, in one reading or another, to /admin: behind /public, which needs
// no session, or beside it.
var paths = []string{
	"/admin", "/public/../admin", "/public/%2e%2e/admin", "/public/%2E%2E/admin", "/public/.%2e/admin", // B1, B2
	"/public/..%2fadmin", "/public/..%2Fadmin", "/public%2f..%2fadmin", "/public/%2e%2e%2fadmin", "/public%2fx", // B3
	"//admin", "///public/../admin", "//public/../admin", "/public//../admin", "/public/x//../../admin", "/./admin", "/public/./../admin", // B5, B6
	"/public\\..\\admin", "/public/..\\admin", "/public%5c..%5cadmin", "\\admin", // B8
	"/admin%00", "/public/%00/../admin", "/public/%00", "/public\x00/../admin", // B10
	"/public/\x01", "/public/\x7f", "/public/\tx", "/public/%0d%0aX: y", "/public/%0a", "/public/%7f", // B11
	"/admin%zz", "/admin%", "/%u0061dmin", "/public/%", "/public/%2", "/public/%%32e%%32e/admin", // B12
	"/public#/../admin", "/admin#/public/", "/public/%23/../../admin", // B13
	"/admin?x=/public/", "/admin?/public", "/admin?/../public/", "/?/public/", "/admin%3f/public/", "/admin%3f/../public", // B15
	"/%61dmin", "/public/%2e%2e/%61dmin", "/%70ublic/..;/admin", // B16
	"/ADMIN", "/Public/x", "/PUBLIC/../admin", // B17
	"/publicX", "/public.", "/public..", "/public%20", "/public;/../admin", "/public/..;/admin", "/public/;/../admin", "/public;x=/../admin", // B18
	"/public/..%252fadmin", "/public/%252e%252e/admin", "/public/%c0%ae%c0%ae/admin", "/public/%e0%80%ae%e0%80%ae/admin", "/public/%uff0e%uff0e/admin",
	"/public/\xc3\xa9/../../admin", "/public/\xff", "/public/%ff", "/public/\xef\xbc\x8e\xef\xbc\x8e/admin", "/public/\xe2\x80\x8b/../../admin",
	"/public/..", "/public/../", "/public/.", "/../admin", "/public/../../admin", "/..", "/public/...//admin", "/public/....//admin",
	"/.access/../admin", "/.accessX", "/.access%2f..%2fadmin", "/.access/..;/admin", "/.access/%2e%2e/admin", "/.access//../admin", "/.access", "/.access\\..\\admin", "/.ACCESS/login", // B23
	"/public/\"<>{}|^`", "/public/$request_uri", "/public/$host", "/$host/", "/public/{{x}}", "/public/'",
	"/authz/v1/nginx/GET/public.example.com/", "/render/v1/401/GET/public.example.com/", "/_external-auth-Lw-Prefix", "/_preflight",
	"/GET/public.example.com/", "/public.example.com/", "/@public.example.com/", "/:80@public.example.com/",
}

func TestB_Paths(t *testing.T) {
	eachGuarded(t, func(t *testing.T, addr string) {
		for _, path := range paths {
			for _, lines := range bothReaders {
				env.send(t, addr, request("GET", path, "app.example.com", lines...)).wantGuarded(t)
			}
			env.send(t, addr, request("OPTIONS", path, "app.example.com", cp("https://evil.example", "GET")...)).wantGuarded(t)
			env.send(t, addr, request("OPTIONS", path, "app.example.com", cp("https://spa.example.com", "GET")...)).wantGuarded(t)
		}
		for _, path := range []string{"/public", "/public/", "/public/x", "/public/x?y=/../admin", "/public/a%20b"} {
			a := env.send(t, addr, request("GET", path, "app.example.com"))
			a.wantStatus(t, 200)
			if h := a.wantThrough(t, "app"); h.target != path {
				t.Errorf("the application saw %s", h)
			}
		}
	})
}

func TestB20_LongURLs(t *testing.T) {
	eachGuarded(t, func(t *testing.T, addr string) {
		for _, n := range []int{1 << 10, 2 << 10, 3 << 10, 4 << 10, 6 << 10, 8<<10 - 200, 8<<10 + 1, 64 << 10} {
			for _, unit := range []string{"a", "%20", "/x"} {
				target := "/p/" + strings.Repeat(unit, n/len(unit))
				for _, tail := range []string{"", "?q"} {
					for _, lines := range append(bothReaders, []string{html, "Origin: https://spa.example.com"}) {
						t.Run(fmt.Sprint(n, unit, tail), func(t *testing.T) {
							env.send(t, addr, request("GET", target+tail, "app1.site.com", lines...)).wantGuarded(t)
							env.send(t, addr, request("GET", "/p?"+target+tail, "app1.site.com", lines...)).wantGuarded(t)
						})
					}
				}
			}
		}
	})
}

// C: what a client can say about where it wants to go, and nginx does not overwrite.
func TestC_ForgedTargets(t *testing.T) {
	forged := []string{
		"X-Forwarded-Uri: /public/x", "X-Forwarded-Host: public.example.com", "Forwarded: host=public.example.com;proto=https", // C1, C2
		"X-Forwarded-Method: OPTIONS", "X-HTTP-Method-Override: OPTIONS", "X-HTTP-Method: GET", "X-Method-Override: GET", // C3
		"X-Original-URI: /public/x", "X-Original-URL: https://public.example.com/", "X-Original-Method: OPTIONS", // C5, C8
		"X-Forwarded-Prefix: /public", "X-Replaced-Path: /public", "X-Rewrite-URL: /public/x", "X-Envoy-Original-Path: /public/x", // C9
		"X-Forwarded-Proto: https", "X-Forwarded-Port: 443", "X-Scheme: https", // C10
		"X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "X-Client-IP: 127.0.0.1", // C12
		"X-Auth-Request-Redirect: https://evil.example/", "X-Sent-From: nginx-ingress-controller", "X-Code: 200", "X-Code: 503", "X-Access-Reason: bypass",
		"X-Auth-Request-User: admin", "X_Original_URL: https://public.example.com/", "Connection: X-Original-URL", "Proxy: http://evil.example",
		"X-Request-ID: <script>alert(1)</script>", "X-Name: caf\xe9 caf\xc3\xa9",
	}
	forged = slices.Clip(forged)
	eachGuarded(t, func(t *testing.T, addr string) {
		for _, lines := range append(each(forged), forged) {
			for _, m := range []string{"GET", "POST"} {
				a := env.send(t, addr, request(m, "/p", "app1.site.com", append(lines, fetch)...))
				a.wantGuarded(t)
				a.wantStatus(t, 401)
				a.wantProblem(t, "no-session", "https://app1.site.com/.access/login?rd=%2Fp")
				a = env.send(t, addr, request(m, "/p", "app1.site.com", append(lines, navigate)...))
				a.wantGuarded(t)
				a.want(t, "Location", "https://app1.site.com/.access/login?rd=%2Fp")
			}
			a := env.send(t, addr, request("POST", "/p", "write.example.com", append(lines, "Expect: 100-continue", "Content-Length: 6")...)+"_m=GET")
			a.wantGuarded(t)
			a.wantKept(t)
		}
		a := env.send(t, addr, "POST /p HTTP/1.1\r\nHost: app1.site.com\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n4\r\nabcd\r\n0\r\n\r\n")
		a.wantGuarded(t)
		a.wantStatus(t, 401)
		// nginx lets control characters in a header pass; our servers do not.
		for _, line := range []string{"X-Name: x\x01y", "Cookie: a=\x7f", "Origin: https://spa.example.com\x1f"} {
			a := env.send(t, addr, request("GET", "/p", "app1.site.com", line))
			a.wantGuarded(t)
			a.wantStatus(t, 400)
		}
	})
}

// C19, and bodies: what a stranger sends costs them an answer, not an error.
func TestC19_ManyHeadersAndBodies(t *testing.T) {
	eachGuarded(t, func(t *testing.T, addr string) {
		var many []string
		for i := range 500 {
			many = append(many, fmt.Sprintf("X-Many-%d: %s", i, strings.Repeat("v", 30)))
		}
		env.send(t, addr, request("GET", "/p", "app1.site.com", many...)).wantGuarded(t)
		for _, n := range []int{1 << 10, 7 << 10, 9 << 10} {
			env.send(t, addr, request("GET", "/p", "app1.site.com", "Cookie: a="+strings.Repeat("v", n))).wantGuarded(t)
			env.send(t, addr, request("OPTIONS", "/p", "multi.example.com", cp("https://app1.site.com", "GET", "Access-Control-Request-Headers: x-"+strings.Repeat("v", n))...)).wantGuarded(t)
			env.send(t, addr, request("OPTIONS", "/p", "open.example.com", cp("https://"+strings.Repeat("v", n)+".example", "GET")...)).wantGuarded(t)
			env.send(t, addr, request("OPTIONS", "/p", "open.example.com", cp("https://x.example", strings.Repeat("V", n))...)).wantGuarded(t)
		}
		for _, n := range []int{1, 100 << 10, 1000 << 10} {
			for _, lines := range bothReaders {
				raw := request("POST", "/p", "app1.site.com", append(lines, fmt.Sprintf("Content-Length: %d", n))...) + strings.Repeat("b", n)
				env.send(t, addr, raw).wantGuarded(t)
			}
		}
	})
}

// H10: ingress-nginx passes every Upgrade on, and tunnels what follows. It shows the
// question HTTP2-Settings alone, and that is enough to refuse what clients of h2c send.
func TestH10_Upgrades(t *testing.T) {
	eachGuarded(t, func(t *testing.T, addr string) {
		for _, host := range []string{"public.example.com", "app1.site.com"} {
			for _, lines := range [][]string{{"HTTP2-Settings: AAMAAABkAAQAAP__"}, {"HTTP2-Settings:"}, {"Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"}} {
				a := env.send(t, addr, request("GET", "/p", host, append(lines, fetch)...))
				a.wantStatus(t, 403)
				a.wantKept(t)
			}
		}
	})
}

func each(lines []string) (out [][]string) {
	for _, l := range lines {
		out = append(out, []string{l}[:1:1])
	}
	return out
}
