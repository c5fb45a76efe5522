// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// TestReadableRefusal is D19 and D20.
func TestReadableRefusal(t *testing.T) {
	for origin, want := range map[string]string{"https://spa.example.com": "https://spa.example.com", "https://evil.example": ""} {
		r := request{method: "GET", host: "app.example.com", uri: "/api/x?a=1&b=</script>", headers: []string{"Origin: " + origin}}
		for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
			if e.name == "preflight" || e.name == "render-403" {
				continue
			}
			a, _ := e.ask(fixture(t), r)
			if got, _ := field(a, "Access-Control-Allow-Origin"); got != want || a.Status != 401 {
				t.Errorf("%s: %s: %d with ACAO %q, want %q", e.name, origin, a.Status, got, want)
			}
			if v, _ := field(a, "Vary"); !strings.Contains(v, "Origin") {
				t.Errorf("%s: Vary: %q", e.name, v)
			}
			if strings.HasPrefix(e.name, "nginx") {
				continue
			}
			var body struct {
				Reason    string `json:"reason"`
				LoginURL  string `json:"login_url"`
				RequestID string `json:"request_id"`
			}
			if err := json.Unmarshal(a.Body, &body); err != nil || body.Reason != "no-session" || body.RequestID == "" ||
				body.LoginURL != "https://app.example.com/.access/login?rd=%2Fapi%2Fx%3Fa%3D1%26b%3D%3C%2Fscript%3E" {
				t.Errorf("%s: %v %s", e.name, err, a.Body)
			}
			if bytes.ContainsAny(a.Body, "<>") {
				t.Errorf("%s: HTML in JSON: %s", e.name, a.Body)
			}
		}
	}
}

// TestIdentity: whatever the claims, all headers are there and fit.
func TestIdentity(t *testing.T) {
	table := fixture(t)
	subjects := map[string]func(*policy.Subject){
		"plain":        func(*policy.Subject) {},
		"long token":   func(s *policy.Subject) { s.Token = strings.Repeat("t", 3500) },
		"half a token": func(s *policy.Subject) { s.Token = strings.Repeat("t", 1600) },
		"long email":   func(s *policy.Subject) { s.Email = strings.Repeat("e", 5000) + "@example.com" },
		"long id":      func(s *policy.Subject) { s.ID = strings.Repeat("i", 5000) },
		"many groups":  func(s *policy.Subject) { s.Groups = slices.Repeat([]string{"group-of-people"}, 2000) },
		"everything long": func(s *policy.Subject) {
			s.ID, s.Email, s.Token = strings.Repeat("i", 900), strings.Repeat("e", 900), strings.Repeat("t", 900)
		},
		"control in email":   func(s *policy.Subject) { s.Email = "a\r\nX-Access-User: root" },
		"control in group":   func(s *policy.Subject) { s.Groups = []string{"a", "b\nc"} },
		"control everywhere": func(s *policy.Subject) { s.ID, s.Email, s.Token, s.Groups = "\x00", "\x7f", "\n", []string{"\r"} },
		"nothing":            func(s *policy.Subject) { s.ID, s.Email, s.Token, s.Groups = "", "", "", nil },
	}
	for name, change := range subjects {
		for set, headers := range sets {
			for _, host := range []string{"app", "managed"} {
				s := ann(host)
				change(s)
				r := request{method: "GET", host: host + ".example.com", uri: "/", as: s, headers: []string{spa}}
				for _, e := range endpoints(headers) {
					t.Run(fmt.Sprintf("%s/%d/%s/%s", name, set, host, e.name), func(t *testing.T) {
						a, _ := e.ask(table, r)
						checkAnswer(t, e, r, a, headers)
					})
				}
			}
		}
	}
}

// TestIdentityValues: who is told of, and who is not.
func TestIdentityValues(t *testing.T) {
	for _, e := range endpoints(dialect.CloudflareIdentityHeaders)[:4] {
		a, _ := e.ask(fixture(t), request{method: "GET", host: "app.example.com", uri: "/", as: ann("app")})
		for name, want := range map[string]string{"X-Access-Jwt-Assertion": "t.o.k", "X-Access-Email": "ann@example.com", "X-Access-User": "u1",
			"X-Access-Groups": "dev,ops", "Cf-Access-Jwt-Assertion": "t.o.k", "Cf-Access-Authenticated-User-Email": "ann@example.com"} {
			if got, _ := field(a, name); got != want {
				t.Errorf("%s: %s: %q, want %q", e.name, name, got, want)
			}
		}
		// C13: on a public path nobody is named, signed in or not.
		a, _ = e.ask(fixture(t), request{method: "GET", host: "app.example.com", uri: "/public", as: ann("public")})
		if e.name == "nginx-headers" { // there is no bypass here: TestUnprovenHost
			continue
		}
		for _, f := range a.Fields() {
			if f.Value != "" {
				t.Errorf("%s: a bypass tells %s: %s", e.name, f.Name, f.Value)
			}
		}
		// No group can pass for two.
		s := ann("app")
		s.Groups = []string{"dev", "x,admins", "50%"}
		a, _ = e.ask(fixture(t), request{method: "GET", host: "app.example.com", uri: "/", as: s})
		if got, _ := field(a, "X-Access-Groups"); got != "dev,x%2Cadmins,50%25" {
			t.Errorf("%s: X-Access-Groups: %s", e.name, got)
		}
	}
}

// TestManagedResponses: the headers for the application's own answer.
func TestManagedResponses(t *testing.T) {
	for _, e := range endpoints(dialect.DefaultIdentityHeaders)[:4] {
		a, _ := e.ask(fixture(t), request{method: "GET", host: "managed.example.com", uri: "/", as: ann("managed"), headers: []string{spa}})
		if o, _ := field(a, "Access-Control-Allow-Origin"); o != "https://spa.example.com" || a.Status != 200 {
			t.Errorf("%s: %d, ACAO %q", e.name, a.Status, o)
		}
		if said, _ := field(a, contract.ManagedHeader); said != "managed" {
			t.Errorf("%s: the proxy is not told whose CORS headers count", e.name)
		}
		// No origin, another one, and OPTIONS that is no preflight: the application's go all the same.
		for _, r := range []request{{method: "GET"}, {method: "GET", headers: []string{"Origin: https://evil.example"}},
			{method: "OPTIONS", headers: []string{spa}}} {
			r.host, r.uri, r.as = "managed.example.com", "/", ann("managed")
			a, _ = e.ask(fixture(t), r)
			said, _ := field(a, contract.ManagedHeader)
			_, n := field(a, "Access-Control-Allow-Origin")
			if v, _ := field(a, "Vary"); a.Status != 200 || said != "managed" || n > 0 || !strings.HasPrefix(v, "Origin") {
				t.Errorf("%s: %s %v: %d, %s %q, %d ACAO, Vary %q", e.name, r.method, r.headers, a.Status, contract.ManagedHeader, said, n, v)
			}
		}
		a, _ = e.ask(fixture(t), request{method: "GET", host: "app.example.com", uri: "/api", as: ann("api"), headers: []string{spa}})
		if _, n := field(a, contract.ManagedHeader); n > 0 {
			t.Errorf("%s: responses: App, and the proxy is told otherwise", e.name)
		}
		if _, n := field(a, "Access-Control-Allow-Origin"); n > 0 || a.Status != 200 {
			t.Errorf("%s: the application's own CORS headers would be doubled", e.name)
		}
	}
}

// TestNavigation: who gets a redirect and a page, and who JSON. THREATS E12.
func TestNavigation(t *testing.T) {
	for _, c := range []struct {
		headers []string
		want    bool
	}{
		{nil, false},
		{[]string{navigate}, true},
		{[]string{navigate, "Sec-Fetch-Dest: document"}, true},
		{[]string{"Sec-Fetch-Mode: cors", "Accept: text/html"}, false},
		{[]string{"Sec-Fetch-Mode: no-cors", "Accept: text/html"}, false},
		{[]string{"Sec-Fetch-Mode: websocket", "Accept: text/html"}, false},
		{[]string{"Sec-Fetch-Mode: same-origin"}, false},
		{[]string{"Sec-Fetch-Mode: Navigate"}, false},
		{[]string{"Sec-Fetch-Mode:", "Accept: text/html"}, false},
		{[]string{navigate, navigate}, false},
		{[]string{"Accept: text/html,application/xhtml+xml"}, true},
		{[]string{"Accept: application/json, text/html"}, true},
		{[]string{"Accept: */*"}, false},
		{[]string{"Accept: text/html", "X-Requested-With: XMLHttpRequest"}, false},
		{[]string{"Accept: text/html", "Upgrade: websocket"}, false},
		{[]string{"Sec-Fetch-Mode: same-origin", "Sec-Fetch-Dest: serviceworker", "Service-Worker: script", "Accept: */*"}, false},
		{[]string{"HX-Request: true", "Accept: */*"}, false},
		{[]string{"X-Inertia: true", "X-Requested-With: XMLHttpRequest", "Accept: text/html, application/xhtml+xml"}, false},
		{[]string{"Sec-Fetch-Mode: cors", "Turbo-Frame: a", "Accept: text/vnd.turbo-stream.html, text/html, application/xhtml+xml"}, false},
		{[]string{"Turbo-Frame: a", "Accept: text/html, application/xhtml+xml"}, true}, // without Fetch Metadata it looks like a visit
	} {
		for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
			if e.name != "forward" && e.name != "render-401" && e.name != "render-url" && e.name != "browser" {
				continue
			}
			a, _ := e.ask(fixture(t), request{method: "GET", host: "app.example.com", uri: "/", headers: c.headers})
			if got := a.Status == 302; got != c.want {
				t.Errorf("%s: %q: status %d", e.name, c.headers, a.Status)
			}
			a, _ = e.ask(fixture(t), request{method: "GET", host: "blocked.example.com", uri: "/", headers: c.headers})
			kind, _ := field(a, "Content-Type")
			if got := kind == "text/html; charset=utf-8"; got != c.want || a.Status != 403 {
				t.Errorf("%s: %q: %d %s", e.name, c.headers, a.Status, kind)
			}
			if csp, _ := field(a, "Content-Security-Policy"); c.want && !strings.Contains(csp, "frame-ancestors 'none'") {
				t.Errorf("%s: the page can be framed: %q", e.name, csp)
			}
		}
	}
}

// TestPageEscapes is G17: what a visitor chose is shown, and runs nowhere.
func TestPageEscapes(t *testing.T) {
	const attack = `"><script>alert(1)</script>'{{.}}javascript:`
	html := pages.Look.Render(web.Refusal(web.RefusalView{Status: 403, Reason: attack, Host: attack, LoginURL: "javascript:alert(1)//" + attack,
		RequestID: attack}), "")
	for _, bad := range []string{"<script", `href="javascript:`, `">` + "<"} {
		if bytes.Contains(html, []byte(bad)) {
			t.Errorf("the page holds %s:\n%s", bad, html)
		}
	}
}

// TestLongReturn: a login address always fits a header.
func TestLongReturn(t *testing.T) {
	for _, uri := range []string{"/?" + strings.Repeat("&", 60<<10), "/" + strings.Repeat("a", 8000), "/a?" + strings.Repeat("é", 500), "?x"} {
		for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
			r := request{method: "GET", host: "app.example.com", uri: uri, headers: []string{navigate}}
			a, _ := e.ask(fixture(t), r)
			checkAnswer(t, e, r, a, dialect.DefaultIdentityHeaders)
			if l, n := field(a, "Location"); n > 0 && !strings.HasPrefix(l, "https://app.example.com/.access/login?rd=%2F") {
				t.Errorf("%s: %.80q", e.name, l)
			}
		}
	}
}

// TestLongAddressIsKept: where a login cannot carry the whole address, a visit gets a page that
// has the tab keep it and leads to the same login; anything else, and what fits, is redirected.
func TestLongAddressIsKept(t *testing.T) {
	long := "/explore?panes=" + strings.Repeat("x", 4000)
	login := html.EscapeString("https://redirect.example.com/.access/login?rd=%2Fexplore&cut=1")
	kept := 0
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		ask := func(method, uri string, headers ...string) (*dialect.Answer, string) {
			a, _ := e.ask(fixture(t), request{method: method, host: "redirect.example.com", uri: uri, headers: headers})
			location, _ := field(a, "Location")
			return a, location
		}
		for _, c := range [][]string{{"GET", "/explore?panes=x", navigate}, {"HEAD", long, navigate}, {"PUT", long, navigate}, {"GET", long}} {
			if a, _ := ask(c[0], c[1], c[2:]...); strings.Contains(string(a.Body), "data-keep") {
				t.Errorf("%s %s %.20s: %d", e.name, c[0], c[1], a.Status)
			}
		}
		a, location := ask("GET", long, navigate)
		if len(a.Body) == 0 && location == "" { // the page is another listener's, or nobody's
			continue
		}
		kept++
		csp, _ := field(a, "Content-Security-Policy")
		noscript := `<noscript><meta http-equiv="refresh" content="0; url=` + login
		for _, want := range []string{`id="go" href="` + login + `" data-keep=""`, noscript} {
			if location != "" || a.Status != 401 || csp != web.Plain().KeepCSP() || !strings.Contains(string(a.Body), want) {
				t.Errorf("%s: %d, %s, %s\n%s", e.name, a.Status, location, csp, a.Body)
			}
		}
	}
	if kept < 4 {
		t.Errorf("%d endpoints show the page", kept)
	}
}

// TestZeroAnswer: what was never written is a no.
func TestZeroAnswer(t *testing.T) {
	var a dialect.Answer
	a.Set("x", "1")
	a.Reset()
	if a.Status != 500 || len(a.Fields()) > 0 {
		t.Errorf("after Reset: %d, %v", a.Status, a.Fields())
	}
	for i := range 100 {
		a.Set(fmt.Sprint("x", i), "\x00"[:i%2])
	}
	for _, f := range a.Fields() {
		if f.Value != "" {
			t.Errorf("a control character got in: %q", f)
		}
	}
}

// TestOwnPathNeverRedirects: where a proxy does not route our own path to the
// public listener, a redirect to the login would lead back here for ever.
func TestOwnPathNeverRedirects(t *testing.T) {
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		for _, uri := range []string{"/.access/login?rd=%2F", "/.access", "/.access/", "/x/../.access/login"} {
			a, _ := e.ask(fixture(t), request{method: "GET", host: "redirect.example.com", uri: uri, headers: []string{navigate}})
			if location, n := field(a, "Location"); n > 0 {
				t.Errorf("%s: %s leads to %s", e.name, uri, location)
			}
		}
		a, _ := e.ask(fixture(t), request{method: "GET", host: "redirect.example.com", uri: "/.accessible", headers: []string{navigate}})
		if _, n := field(a, "Location"); n == 0 && a.Status/100 == 3 {
			t.Errorf("%s: a redirect to nowhere", e.name)
		}
	}
}

// TestRefusalsAreShown: what cannot be judged is refused with a page or JSON
// where bodies reach the browser.
func TestRefusalsAreShown(t *testing.T) {
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		a, d := e.ask(fixture(t), request{method: "GET", host: "app.example.com", uri: "/a%00b", headers: []string{navigate}})
		shows := e.name == "forward" || e.name == "browser" || strings.HasPrefix(e.name, "render")
		if d != nil || shows && !strings.Contains(string(a.Body), "ambiguous-path") || strings.HasPrefix(e.name, "nginx") && len(a.Body) > 0 {
			t.Errorf("%s: %d, %q", e.name, a.Status, a.Body)
		}
	}
}

// C18: a gRPC client gets a status that it can read, wherever a page or a redirect
// would reach it; and never one of those.
func TestGRPCClients(t *testing.T) {
	table := fixture(t)
	for _, contentType := range []string{"application/grpc", "application/grpc+proto", "Application/GRPC; x=y", "application/grpc-web",
		"application/grpcx", "application/json", ""} {
		isGRPC := !strings.HasPrefix(contentType, "application/grpc-") && !strings.HasPrefix(contentType, "application/grpcx") &&
			strings.HasPrefix(strings.ToLower(contentType), "application/grpc")
		for _, c := range []struct {
			host, status string
			code         int
		}{{"redirect.example.com", "16", 401}, {"app.example.com", "16", 401}, {"blocked.example.com", "7", 403},
			{"nobody.example.com", "7", 403}} {
			for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
				switch e.name {
				case "forward", "envoy", "browser", "render-401":
				default:
					continue
				}
				a, _ := e.ask(table, request{method: "POST", host: c.host, uri: "/pkg.Service/Call",
					headers: []string{"Content-Type: " + contentType, "Accept: text/html"}, as: ann("blocked")})
				got, _ := field(a, "Grpc-Status")
				_, moved := field(a, "Location")
				switch {
				case e.name == "render-401" && c.code == 403 && c.host == "nobody.example.com": // refused by the proxy
				case isGRPC && (got != c.status || a.Status != c.code || len(a.Body) > 0 || moved > 0):
					t.Errorf("%s, %s, %q: %d, grpc-status %q, %d bytes", e.name, c.host, contentType, a.Status, got, len(a.Body))
				case !isGRPC && got != "":
					t.Errorf("%s, %s, %q: grpc-status %q", e.name, c.host, contentType, got)
				}
			}
		}
	}
}
