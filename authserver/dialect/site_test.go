// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// TestCrossSite: every endpoint finds out who made a browser ask, and none lets a
// cookie be enough for another site. (attack: CSRF by default)
func TestCrossSite(t *testing.T) {
	const cookie, cross, same, near = "Cookie: __Host-ostiary=x", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-origin",
		"Sec-Fetch-Site: same-site"
	own := "Origin: https://app.example.com"
	for _, tc := range []struct {
		method, host, path string
		headers            []string
		refused            bool
	}{
		{"POST", "app.example.com", "/", []string{cookie, evil, cross}, true},
		{"POST", "app.example.com", "/", []string{cookie, evil, cross, navigate}, true},
		{"POST", "app.example.com", "/", []string{cookie, cross}, true},
		{"POST", "app.example.com", "/", []string{cookie, evil}, true},
		{"POST", "app.example.com", "/", []string{cookie, "Origin: null"}, true},
		{"POST", "app.example.com", "/", []string{cookie, own}, false},
		{"POST", "app.example.com", "/", []string{cookie, own, same}, false},
		{"POST", "app.example.com", "/", []string{cookie, evil, same}, false}, // the browser knows better
		{"POST", "app.example.com", "/", []string{cookie, "Sec-Fetch-Site: none"}, false},
		{"POST", "app.example.com", "/", []string{cookie}, false},
		{"POST", "app.example.com", "/", []string{cookie, "Origin: https://other.example.com", near}, true},
		{"POST", "app.example.com", "/", []string{cookie, own, own}, true},
		{"POST", "app.example.com", "/", []string{cookie, "Origin:"}, true},
		{"POST", "app.example.com", "/", []string{cookie, own, same, same}, true},
		{"POST", "app.example.com", "/", []string{cookie, own, "Sec-Fetch-Site: same-origin, cross-site"}, true},
		{"POST", "app.example.com", "/", []string{cookie, own, "Sec-Fetch-Site: Same-Origin"}, true},
		{"POST", "app.example.com", "/", []string{cookie, own, "Sec-Fetch-Site:"}, true},
		{"POST", "app.example.com", "/", []string{evil, cross}, false}, // no cookie: the credential came otherwise
		{"POST", "app.example.com", "/api/x", []string{cookie, spa, cross}, false},
		{"POST", "app.example.com", "/api/x", []string{cookie, evil, cross}, true},
		{"POST", "app.example.com", "/public/x", []string{cookie, evil, cross}, false},
		{"GET", "app.example.com", "/", []string{cookie, evil, cross}, false},
		{"HEAD", "app.example.com", "/", []string{cookie, evil, cross}, false},
		{"OPTIONS", "app.example.com", "/", []string{cookie, evil, cross}, false},
		{"DELETE", "app.example.com", "/", []string{cookie, evil, cross}, true},
		{"GET", "app.example.com", "/", []string{cookie, evil, cross, "Upgrade: websocket"}, true},
		{"GET", "app.example.com", "/", []string{cookie, evil, cross, "Upgrade: , WebSocket"}, true},
		{"GET", "app.example.com", "/", []string{cookie, evil, "Sec-WebSocket-Key: x"}, true},
		{"GET", "app.example.com", "/", []string{cookie, evil, "Sec-Fetch-Mode: websocket"}, true},
		{"GET", "app.example.com", "/", []string{cookie, own, "Sec-WebSocket-Key: x", "Upgrade: websocket"}, false},
		{"GET", "app.example.com", "/", []string{cookie, "Sec-WebSocket-Key: x"}, false},
		{"GET", "app.example.com", "/api/x", []string{cookie, spa, "Sec-WebSocket-Key: x"}, false},
	} {
		for _, e := range append(endpoints(dialect.DefaultIdentityHeaders),
			endpoint{"url", dialect.URL{Forward: dialect.Forward{Pages: pages}},
				func(r request, v *view) { v.target = contract.URLPrefix + r.method + "/" + r.host + r.uri }},
			endpoint{"grpc", dialect.GRPC{Envoy: dialect.Envoy{Pages: pages}}, func(r request, v *view) { v.method, v.target = r.method, r.uri }}) {
			if e.name == "preflight" {
				continue
			}
			as := ann(map[bool]string{true: "api", false: "app"}[strings.HasPrefix(tc.path, "/api")])
			v := newView(request{method: tc.method, host: tc.host, uri: tc.path, headers: tc.headers, as: as})
			e.proxy(request{method: tc.method, host: tc.host, uri: tc.path}, v)
			var q dialect.Ask
			if refusal := e.d.Read(v, &q); refusal != nil {
				t.Fatalf("%s: %+v", e.name, refusal)
			}
			q.Now = now
			q.Present(policy.Presented{Subject: as, InHeader: !slices.Contains(tc.headers, cookie)})
			d := fixture(t).Decide(q.Request)
			if got := d.Reason == policy.OriginNotAllowed; got != tc.refused {
				t.Errorf("%s: %s %s %q: %s %s", e.name, tc.method, tc.path, tc.headers, d.Verdict, d.Reason)
			}
			if !tc.refused {
				continue
			}
			var a dialect.Answer
			a.Reset()
			q.ReadClient(v)
			e.d.Write(&a, &q, &d)
			if reason, _ := field(&a, "X-Access-Reason"); (a.Status != 403 && e.name != "render-401" && e.name != "render-url") ||
				reason != "origin-not-allowed" {
				t.Errorf("%s: %d %v", e.name, a.Status, a.Fields())
			}
		}
	}
}

// TestPortOfTheHost: where the proxy shows the port, another one is another origin.
func TestPortOfTheHost(t *testing.T) {
	for _, tc := range []struct {
		host, origin string
		refused      bool
	}{
		{"app.example.com:8443", "https://app.example.com:8443", false},
		{"app.example.com:8443", "https://app.example.com:9443", true},
		{"app.example.com:8443", "https://app.example.com", true},
		{"app.example.com:443", "https://app.example.com", false},
		{"app.example.com:443", "https://app.example.com:8443", true},
		{"app.example.com", "https://app.example.com:8443", false}, // nginx's $host shows none
	} {
		for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
			if e.name == "preflight" || e.name == "render-url" { // that one has the port from its own Host
				continue
			}
			r := request{method: "POST", host: tc.host, uri: "/", headers: []string{"Cookie: x=y", "Origin: " + tc.origin}, as: ann("app")}
			if _, d := e.ask(fixture(t), r); d == nil || (d.Reason == policy.OriginNotAllowed) != tc.refused {
				t.Errorf("%s: %s to %s: %+v", e.name, tc.origin, tc.host, d)
			}
		}
	}
}

// A recorder notes which headers are read.
type recorder struct {
	*view
	read map[string]bool
}

func (r recorder) Header(name string) (string, int) {
	r.read[name] = true
	return r.view.Header(name)
}

func (r recorder) Joined(name string) string {
	r.read[name] = true
	return r.view.Joined(name)
}

// TestAsked: what a decision reads is on the list of what proxies have to pass on, and
// nothing else is.
func TestAsked(t *testing.T) {
	read := map[string]bool{}
	for _, headers := range [][]string{
		{"Cookie: a=b", "Accept: text/html"},
		{"Cookie: a=b", spa, acrm, "Access-Control-Request-Headers: x"},
		{"Cookie: a=b", "Content-Type: application/grpc"},
	} {
		for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
			r := request{method: "GET", host: "app.example.com", uri: "/", headers: headers}
			v := newView(r)
			e.proxy(r, v)
			q := dialect.Ask{Cloudflare: true}
			if refusal := e.d.Read(recorder{v, read}, &q); refusal != nil && e.name != "preflight" {
				t.Fatal(e.name, refusal)
			}
			q.ReadClient(recorder{v, read})
		}
	}
	asked := map[string]bool{}
	for _, name := range contract.Asked() {
		asked[textproto.CanonicalMIMEHeaderKey(name)] = true
		if !read[textproto.CanonicalMIMEHeaderKey(name)] {
			t.Errorf("%s is asked for, and never read", name)
		}
	}
	for name := range read {
		// The target is the proxy's to say. Upgrade, it and Connection, it keeps to itself: see opensWebSocket.
		if !asked[name] && !strings.HasPrefix(name, "X-Original-") && !strings.HasPrefix(name, "X-Forwarded-") && name != "X-Code" &&
			name != "Upgrade" && name != "Connection" {
			t.Errorf("%s is read, and not asked for", name)
		}
	}
}
