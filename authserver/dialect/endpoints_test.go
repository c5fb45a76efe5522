// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

const (
	navigate = "Sec-Fetch-Mode: navigate"
	spa      = "Origin: https://spa.example.com"
	evil     = "Origin: https://evil.example"
	acrm     = "Access-Control-Request-Method: PATCH"
)

// statuses are in the order of endpoints: nginx, nginx-pass, nginx-headers,
// forward, render-401, render-403, render-url, preflight, browser, envoy.
var statuses = []struct {
	name   string
	r      request
	reason string // on the endpoints that deny
	want   [10]int
}{
	{"public path", request{method: "GET", host: "app.example.com", uri: "/public/x"}, "",
		[10]int{200, 200, 403, 200, 401, 403, 401, 421, 200, 200}},
	{"signed in", request{method: "GET", host: "app.example.com", uri: "/", as: ann("app")}, "",
		[10]int{200, 200, 200, 200, 401, 403, 401, 421, 200, 200}},
	{"fetch without a session", request{method: "GET", host: "app.example.com", uri: "/"}, "no-session",
		[10]int{401, 401, 401, 401, 401, 403, 401, 421, 401, 401}},
	{"navigation without a session", request{method: "GET", host: "app.example.com", uri: "/", headers: []string{navigate}}, "no-session",
		[10]int{401, 401, 401, 302, 302, 403, 302, 421, 302, 302}},
	{"navigation by POST", request{method: "POST", host: "app.example.com", uri: "/", headers: []string{navigate}}, "no-session",
		[10]int{401, 401, 401, 401, 401, 403, 401, 421, 401, 401}},
	{"session of another application", request{method: "GET", host: "app.example.com", uri: "/", as: ann("wild")}, "wrong-audience",
		[10]int{401, 401, 401, 401, 401, 403, 401, 421, 401, 401}},
	{"forged session", request{method: "GET", host: "app.example.com", uri: "/", refused: policy.BadSignature}, "bad-signature",
		[10]int{401, 401, 401, 401, 401, 403, 401, 421, 401, 401}},
	{"blocked", request{method: "GET", host: "blocked.example.com", uri: "/", as: ann("blocked")}, "blocked",
		[10]int{403, 403, 403, 403, 403, 403, 403, 421, 403, 403}},
	{"no rule", request{method: "GET", host: "norule.example.com", uri: "/", as: ann("norule")}, "no-rule-matched",
		[10]int{403, 403, 403, 403, 403, 403, 403, 421, 403, 403}},
	{"no policy", request{method: "GET", host: "nobody.example.com", uri: "/"}, "no-policy",
		[10]int{403, 403, 403, 403, 401, 403, 401, 421, 403, 403}},
	{"broken policy", request{method: "GET", host: "broken.example.com", uri: "/"}, "invalid-policy",
		[10]int{403, 403, 403, 403, 403, 403, 403, 421, 403, 403}},
	{"ambiguous path", request{method: "GET", host: "app.example.com", uri: "/public/..%2fadmin"}, "ambiguous-path",
		[10]int{403, 403, 403, 403, 403, 403, 403, 421, 403, 403}},
	{"odd host", request{method: "GET", host: "app.example.com:99999", uri: "/"}, "bad-request",
		[10]int{403, 403, 403, 403, 403, 403, 403, 421, 403, 403}},
	{"always a redirect", request{method: "GET", host: "redirect.example.com", uri: "/"}, "no-session",
		[10]int{401, 401, 401, 302, 302, 403, 302, 421, 302, 302}},
	{"never a redirect", request{method: "GET", host: "unauthorized.example.com", uri: "/", headers: []string{navigate}}, "no-session",
		[10]int{401, 401, 401, 401, 401, 403, 401, 421, 401, 401}},
	{"allowed preflight", request{method: "OPTIONS", host: "app.example.com", uri: "/api/x", headers: []string{spa, acrm}}, "preflight-answered",
		[10]int{401, 200, 401, 403, 200, 403, 200, 200, 200, 204}},
	{"preflight of another origin", request{method: "OPTIONS", host: "app.example.com", uri: "/api/x", headers: []string{evil, acrm}}, "origin-not-allowed",
		[10]int{403, 403, 403, 403, 403, 403, 403, 403, 403, 403}},
	{"preflight of another method", request{method: "OPTIONS", host: "app.example.com", uri: "/api/x",
		headers: []string{spa, "Access-Control-Request-Method: DELETE"}}, "method-not-allowed",
		[10]int{403, 403, 403, 403, 403, 403, 403, 403, 403, 403}},
	{"preflight of another header", request{method: "OPTIONS", host: "app.example.com", uri: "/api/x",
		headers: []string{spa, acrm, "Access-Control-Request-Headers: x-other"}}, "header-not-allowed",
		[10]int{403, 403, 403, 403, 403, 403, 403, 403, 403, 403}},
	{"preflight without cors", request{method: "OPTIONS", host: "app.example.com", uri: "/", headers: []string{spa, acrm}}, "preflight-not-configured",
		[10]int{403, 403, 403, 403, 403, 403, 403, 403, 403, 403}},
	{"preflight for the application", request{method: "OPTIONS", host: "passing.example.com", uri: "/", headers: []string{evil, acrm}}, "",
		[10]int{200, 200, 403, 200, 401, 403, 401, 421, 200, 200}},
	{"two origins", request{method: "OPTIONS", host: "app.example.com", uri: "/api/x", headers: []string{spa, spa, acrm}}, "",
		[10]int{403, 403, 403, 403, 403, 403, 403, 403, 403, 403}},
	{"OPTIONS without an origin", request{method: "OPTIONS", host: "app.example.com", uri: "/api/x", headers: []string{acrm}}, "",
		[10]int{403, 403, 403, 403, 403, 403, 403, 403, 403, 403}},
	{"plain OPTIONS, signed in", request{method: "OPTIONS", host: "app.example.com", uri: "/", as: ann("app")}, "",
		[10]int{200, 200, 200, 200, 401, 403, 401, 403, 200, 200}},
	{"GET that plays a preflight", request{method: "GET", host: "app.example.com", uri: "/api/x", headers: []string{spa, acrm}}, "no-session",
		[10]int{401, 401, 401, 401, 401, 403, 401, 421, 401, 401}},
	{"method override", request{method: "GET", host: "app.example.com", uri: "/api/x",
		headers: []string{spa, acrm, "X-HTTP-Method-Override: OPTIONS"}}, "no-session",
		[10]int{401, 401, 401, 401, 401, 403, 401, 421, 401, 401}},
}

func TestStatuses(t *testing.T) {
	for _, set := range sets {
		for _, c := range statuses {
			for i, e := range endpoints(set) {
				t.Run(c.name+"/"+e.name, func(t *testing.T) {
					a, _ := e.ask(fixture(t), c.r)
					if a.Status != c.want[i] {
						t.Errorf("status %d, want %d", a.Status, c.want[i])
					}
					checkAnswer(t, e, c.r, a, set)
					if reason, n := field(a, "X-Access-Reason"); c.reason != "" && n == 1 && i != 7 && reason != c.reason {
						t.Errorf("reason %q, want %q", reason, c.reason)
					}
				})
			}
		}
	}
}

// checkAnswer holds what is true of every answer.
func checkAnswer(t testing.TB, e endpoint, r request, a *dialect.Answer, set dialect.IdentityHeaders) {
	t.Helper()
	if e.name != "browser" && strings.HasPrefix(e.name, "nginx") && len(a.Body) > 0 {
		t.Errorf("%d bytes of body: nginx drops its connection over them", len(a.Body))
	}
	names := map[string]int{}
	for _, f := range a.Fields() {
		names[strings.ToLower(f.Name)]++
		if strings.ContainsFunc(f.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			t.Errorf("%s holds a control character: %q", f.Name, f.Value)
		}
	}
	for name, n := range names {
		if n > 1 {
			t.Errorf("%s comes %d times", name, n)
		}
	}
	if _, n := field(a, "WWW-Authenticate"); n > 0 && !challenged(e, r, a) {
		t.Error("WWW-Authenticate: nginx would put it on the login page")
	}
	if size := sizeOf(a); size > 3500 {
		t.Errorf("a header section of %d bytes", size)
	}
	if a.Status == 200 || a.Status == 204 {
		checkGrant(t, e, names, set)
	} else {
		checkRefusal(t, e, a, names)
	}
	if r.method == "OPTIONS" {
		if n := names["location"]; n > 0 || a.Status/100 == 3 {
			t.Error("an OPTIONS is redirected")
		}
		_, vary := field(a, "Vary")
		if a.Status != 200 && vary != 1 {
			t.Error("a refused OPTIONS without Vary")
		}
	}
}

func checkGrant(t testing.TB, e endpoint, names map[string]int, set dialect.IdentityHeaders) {
	t.Helper()
	if e.name == "preflight" || strings.HasPrefix(e.name, "render") || (e.name == "browser" || e.name == "envoy") && names["access-control-allow-methods"] > 0 {
		return // it goes to the browser
	}
	want := append(contract.Lower(set.Upstream()), "x-access-jwt-assertion", "x-access-email", "x-access-user", "x-access-groups", "x-access-client-id", "x-access-client-secret", "x-access-token")
	if set.Cloudflare() {
		want = append(want, "cf-access-jwt-assertion", "cf-access-authenticated-user-email", "cf-access-client-id", "cf-access-client-secret", "cf-access-token")
	}
	for _, name := range want {
		if names[name] != 1 {
			t.Errorf("a 200 without %s: a client can send its own", name)
		}
	}
}

func checkRefusal(t testing.TB, e endpoint, a *dialect.Answer, names map[string]int) {
	t.Helper()
	if id, _ := field(a, "X-Request-Id"); id == "" {
		t.Error("no request id")
	}
	for name := range names {
		if strings.HasPrefix(name, "x-access-") && name != "x-access-reason" || strings.HasPrefix(name, "cf-access") || strings.HasPrefix(name, "x-webauth") {
			t.Errorf("%s on a refusal", name)
		}
	}
	if !strings.HasPrefix(e.name, "render") && names["x-access-reason"] != 1 {
		t.Error("no reason")
	}
	if a.Status == 403 && names["access-control-allow-methods"] > 0 {
		t.Error("a refusal answers a preflight")
	}
}

func sizeOf(a *dialect.Answer) int {
	n := len("HTTP/1.1 200 OK\r\nDate: Sat, 31 Jan 2026 12:00:00 GMT\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	for _, f := range a.Fields() {
		if f.Name == "X-Envoy-Auth-Headers-To-Remove" {
			continue // Envoy has room for 60 KiB
		}
		n += len(f.Name) + len(f.Value) + 4
	}
	return n
}

// TestRefusedPreflight: no Access-Control-*, whatever is wrong, wherever.
func TestRefusedPreflight(t *testing.T) {
	table := fixture(t)
	origins := []string{"https://evil.example", "null", "https://spa.example.com.evil.com", "https://spa.example.comevil.com",
		"https://evilspa.example.com", "https://xdev.example.com", "https://dev.example.com", "https://a.b.dev.example.com",
		"http://spa.example.com", "https://spa.example.com:8443", "https://spa.example.com:443", "https://a, https://spa.example.com",
		"https://spa.example.com,https://a", strings.Repeat("a", 64<<10), "https://spa.example.com\x00", "https://spa.example.com/"}
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		for _, o := range origins {
			r := request{method: "OPTIONS", host: "app.example.com", uri: "/api/x", headers: []string{"Origin: " + o, acrm}}
			a, _ := e.ask(table, r)
			if a.Status < 400 {
				t.Errorf("%s: %.60q: status %d", e.name, o, a.Status)
			}
			for _, f := range a.Fields() {
				if strings.HasPrefix(f.Name, "Access-Control-") {
					t.Errorf("%s: %.60q: %s: %s", e.name, o, f.Name, f.Value)
				}
			}
			checkAnswer(t, e, r, a, dialect.DefaultIdentityHeaders)
		}
	}
}

// TestPreflightHeaders is D1, on every endpoint that answers one.
func TestPreflightHeaders(t *testing.T) {
	want := map[string]string{
		"Access-Control-Allow-Origin": "https://spa.example.com", "Access-Control-Allow-Credentials": "true",
		"Access-Control-Allow-Methods": "PATCH", "Access-Control-Allow-Headers": "Content-Type,X-Csrf", "Access-Control-Max-Age": "600",
		"Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
	}
	r := request{method: "OPTIONS", host: "app.example.com", uri: "/api/x",
		headers: []string{spa, acrm, "Access-Control-Request-Headers: Content-Type,X-Csrf", "Cookie: __Host-ostiary=x", "Authorization: Bearer x"}}
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		a, _ := e.ask(fixture(t), r)
		for name, value := range want {
			if got, _ := field(a, name); got != value && e.name != "forward" && e.name != "render-403" {
				t.Errorf("%s: %s: %q, want %q", e.name, name, got, value)
			}
		}
		if _, n := field(a, "Set-Cookie"); n > 0 {
			t.Errorf("%s: a preflight sets a cookie", e.name)
		}
	}
}

// TestForeignHeaders sends the headers of every proxy family, and some that no
// proxy sets, to every endpoint: none of them may open anything.
func TestForeignHeaders(t *testing.T) {
	table := fixture(t)
	foreign := []string{
		"X-Original-Url: https://public.example.com/", "X-Original-Uri: /public/x", "X-Original-Method: OPTIONS",
		"X-Forwarded-Uri: /public/x", "X-Forwarded-Host: public.example.com", "X-Forwarded-Method: OPTIONS", "X-Forwarded-Proto: https",
		"Forwarded: host=public.example.com;proto=https", "X-Forwarded-Prefix: /public", "X-Replaced-Path: /public", "X-Rewrite-Url: /public/x",
		"X-Envoy-Original-Path: /public/x", "X-Forwarded-Server: public.example.com", "X-Forwarded-Port: 443", "X-Host: public.example.com",
		"X-Http-Method-Override: OPTIONS", "X-Code: 200", "X-Access-Email: root@example.com", "X-Original-Url:", "X-Forwarded-Uri:",
		"X-Request-Id: evil\" id", "X-Auth-Request-Redirect: https://evil.example/", "Host: public.example.com",
	}
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		for _, h := range foreign {
			r := request{method: "GET", host: "app.example.com", uri: "/admin", headers: []string{h, "Accept: text/html"}}
			a, _ := e.ask(table, r)
			if a.Status == 200 {
				t.Errorf("%s: %s opens the door", e.name, h)
			}
			if l, _ := field(a, "Location"); l != "" && l != "https://app.example.com/.access/login?rd=%2Fadmin" {
				t.Errorf("%s: %s: Location %s", e.name, h, l)
			}
			checkAnswer(t, e, r, a, dialect.DefaultIdentityHeaders)
		}
	}
}

// TestConfigurationErrors: what only the operator can cause is a 400.
func TestConfigurationErrors(t *testing.T) {
	table := fixture(t)
	nginx, pass := dialect.Nginx{}, dialect.Nginx{PassPreflights: true}
	headers, forward, envoy := dialect.NginxHeaders{}, dialect.Forward{Pages: pages}, dialect.Envoy{Pages: pages}
	fwd := []string{"X-Forwarded-Method: GET", "X-Forwarded-Proto: https", "X-Forwarded-Host: public.example.com", "X-Forwarded-Uri: /"}
	orig := []string{"X-Original-Url: https://public.example.com/", "X-Original-Method: GET"}
	for _, c := range []struct {
		name   string
		d      dialect.Dialect
		target string
		h      []string
		want   int
	}{
		{"literal method", nginx, contract.NginxPrefix + "$request_method/public.example.com/", nil, 400},
		{"literal host", nginx, contract.NginxPrefix + "GET/$host/", nil, 400},
		{"literal host and uri", pass, contract.NginxPassPrefix + "GET/$host$request_uri", nil, 400},
		{"nothing", nginx, contract.NginxPrefix, nil, 400},
		{"a method alone", nginx, contract.NginxPrefix + "GET", nil, 400},
		{"method in lower case", nginx, contract.NginxPrefix + "get/public.example.com/", nil, 400},
		{"method with a query", nginx, contract.NginxPrefix + "GET?/public.example.com/", nil, 400},
		{"host empty", nginx, contract.NginxPrefix + "GET//x", nil, 403},
		{"absolute-form without a path", nginx, contract.NginxPrefix + "GET/public.example.com?x=/", nil, 403},
		{"no uri", nginx, contract.NginxPrefix + "GET/public.example.com", nil, 400},
		{"fragment", nginx, contract.NginxPrefix + "GET/public.example.com#.example.org/", nil, 403},
		{"user information", nginx, contract.NginxPrefix + "GET/app.example.com@public.example.com/", nil, 403},
		{"port", nginx, contract.NginxPrefix + "GET/PUBLIC.example.com.:8443/", nil, 200},
		{"backslash", nginx, contract.NginxPrefix + `GET/public.example.com\@app.example.com/`, nil, 403},
		{"OPTIONS *", nginx, contract.NginxPrefix + "OPTIONS/public.example.com*", nil, 403},
		{"original, the host not proven", headers, contract.NginxHeaderPath, orig, 403},
		{"original, the host proven", headers, contract.NginxHeaderPath + "?host=public.example.com", orig, 200},
		{"original, for another host", headers, contract.NginxHeaderPath + "?host=app.example.com", orig, 403},
		{"no headers", headers, contract.NginxHeaderPath, nil, 400},
		{"no method", headers, contract.NginxHeaderPath, orig[:1], 400},
		{"no URL", headers, contract.NginxHeaderPath, orig[1:], 400},
		{"two URLs", headers, contract.NginxHeaderPath, append(orig[:2:2], orig[0]), 400},
		{"two methods", headers, contract.NginxHeaderPath, append(orig[:2:2], orig[1]), 400},
		{"mixed with Uri", headers, contract.NginxHeaderPath, append(orig[:2:2], "X-Forwarded-Uri: /"), 400},
		{"mixed with Method", headers, contract.NginxHeaderPath, append(orig[:2:2], "X-Forwarded-Method: GET"), 400},
		{"mixed with an empty Uri", headers, contract.NginxHeaderPath, append(orig[:2:2], "X-Forwarded-Uri:"), 400},
		{"Forwarded-Host is the proxy's own", headers, contract.NginxHeaderPath + "?host=public.example.com", append(orig[:2:2], "X-Forwarded-Host: app.example.com"), 200},
		{"relative URL", headers, contract.NginxHeaderPath, []string{"X-Original-Url: /x", orig[1]}, 403},
		{"javascript:", headers, contract.NginxHeaderPath, []string{"X-Original-Url: javascript:x", orig[1]}, 403},
		{"ftp:", headers, contract.NginxHeaderPath, []string{"X-Original-Url: ftp://public.example.com/", orig[1]}, 403},
		{"empty URL", headers, contract.NginxHeaderPath, []string{"X-Original-Url:", orig[1]}, 403},
		{"star", headers, contract.NginxHeaderPath, []string{"X-Original-Url: *", orig[1]}, 403},
		{"forwarded", forward, contract.ForwardPath, fwd, 200},
		{"forwarded, nothing", forward, contract.ForwardPath, nil, 400},
		{"two hosts in one", forward, contract.ForwardPath, append(slices.Delete(slices.Clone(fwd), 2, 3), "X-Forwarded-Host: app.example.com, public.example.com"), 403},
		{"two host lines", forward, contract.ForwardPath, append(fwd[:4:4], "X-Forwarded-Host: public.example.com"), 400},
		{"odd scheme", forward, contract.ForwardPath, append(slices.Delete(slices.Clone(fwd), 1, 2), "X-Forwarded-Proto: gopher"), 200},
		{"schemes of two balancers", forward, contract.ForwardPath, append(slices.Delete(slices.Clone(fwd), 1, 2), "X-Forwarded-Proto: https, http"), 200},
		{"two lines of schemes", forward, contract.ForwardPath, append(fwd[:4:4], "X-Forwarded-Proto: http"), 200},
		{"no scheme", forward, contract.ForwardPath, slices.Delete(slices.Clone(fwd), 1, 2), 200},
		{"mixed with nginx", forward, contract.ForwardPath, append(fwd[:4:4], "X-Original-Url:"), 400},
		{"odd method", forward, contract.ForwardPath, append(fwd[1:4:4], "X-Forwarded-Method: get"), 403},
		{"envoy", envoy, contract.EnvoyPrefix + "/public/x", []string{"Host: public.example.com"}, 403}, // the view's host counts
		{"envoy, no path", envoy, contract.EnvoyPrefix + "x/public", nil, 400},
		{"envoy, another prefix", envoy, "/authz/v1/envoyx", nil, 400},
		{"envoy, mixed with nginx", envoy, contract.EnvoyPrefix + "/", orig, 403},
		{"envoy, mixed with forward", envoy, contract.EnvoyPrefix + "/", fwd, 403},
		{"uri of another host", forward, contract.ForwardPath, append(fwd[:3:3], "X-Forwarded-Uri: https://public.example.com/"), 403},
	} {
		r := request{host: "authz.internal", headers: c.h}
		v := newView(r)
		v.target = c.target
		a, _ := put(c.d, v, table, r)
		if a.Status != c.want {
			t.Errorf("%s: %d, want %d", c.name, a.Status, c.want)
		}
		if c.want == 400 {
			var q dialect.Ask
			if refusal := c.d.Read(v, &q); refusal == nil || !refusal.Operator || refusal.Message == "" {
				t.Errorf("%s: the operator is not told", c.name)
			}
		}
	}
}

// TestNotReady is G1: no table, no decision.
func TestNotReady(t *testing.T) {
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		for _, r := range []request{
			{method: "GET", host: "public.example.com", uri: "/"},
			{method: "GET", host: "public.example.com", uri: "/", headers: []string{navigate}},
			{method: "OPTIONS", host: "app.example.com", uri: "/api", headers: []string{spa, acrm}},
		} {
			if e.name == "preflight" && r.method != "OPTIONS" {
				continue
			}
			a, _ := e.ask(nil, r)
			if reason, _ := field(a, "X-Access-Reason"); a.Status != 503 || reason != "not-ready" {
				t.Errorf("%s: %s %s: %d %s", e.name, r.method, r.host, a.Status, reason)
			}
			checkAnswer(t, e, r, a, dialect.DefaultIdentityHeaders)
		}
	}
}

// TestRenderNeverGrants: X-Code is whatever a client can make it.
func TestRenderNeverGrants(t *testing.T) {
	table := fixture(t)
	d := dialect.Render{Pages: pages}
	codes := map[string]int{"401": 401, "403": 403, "404": 404, "400": 400, "500": 500, "502": 502, "503": 503, "599": 599,
		"": 404, "200": 404, "204": 404, "301": 404, "600": 404, "0200": 404, "2e2": 404, "-01": 404, "+401": 404, "abc": 404, "401\n": 404, "４０１": 404}
	for code, plain := range codes {
		for _, r := range []request{
			{method: "GET", host: "public.example.com", uri: "/"},
			{method: "GET", host: "app.example.com", uri: "/", as: ann("app")},
			{method: "GET", host: "app.example.com", uri: "/", headers: []string{navigate}},
			{method: "GET", host: "nobody.example.com", uri: "/"},
			{method: "GET", host: "blocked.example.com", uri: "/"},
			{method: "OPTIONS", host: "passing.example.com", uri: "/", headers: []string{spa, acrm}},
			{method: "OPTIONS", host: "app.example.com", uri: "/api", headers: []string{evil, acrm}},
		} {
			for _, inURL := range []bool{false, true} {
				v := newView(r)
				v.method, v.target = r.method, "/"
				v.set("X-Original-Uri", r.uri)
				if inURL {
					v.target = contract.RenderPrefix + code + "/" + r.method + "/" + r.host + r.uri
				} else if code != "" {
					v.set("X-Code", code)
				}
				a, decision := put(d, v, table, r)
				if a.Status < 300 {
					t.Errorf("X-Code %q: %s %s: %d", code, r.method, r.host, a.Status)
				}
				if decision != nil && decision.Verdict == policy.Admit && a.Status != plain {
					t.Errorf("X-Code %q is not repeated: %d, want %d", code, a.Status, plain)
				}
				if plain >= 500 && a.Status != plain {
					t.Errorf("X-Code %q: %d", code, a.Status)
				}
			}
		}
	}
}
