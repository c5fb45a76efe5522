// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
)

// A request that can open a tunnel is refused everywhere, whoever sends it and however
// it is spelled; a WebSocket is not. attack: "Upgrade: h2c" on one permitted request.
func TestTunnels(t *testing.T) {
	table := pinned(t)
	for _, c := range []struct {
		headers []string
		refused bool
	}{
		{[]string{"HTTP2-Settings: AAMAAABkAAQAAP__"}, true},
		{[]string{"http2-settings: AAMAAABkAAQAAP__"}, true},
		{[]string{"HTTP2-Settings:"}, true},
		{[]string{"HTTP2-Settings: a", "HTTP2-Settings: b"}, true},
		{[]string{"Upgrade: h2c"}, true},
		{[]string{"Upgrade: H2C"}, true},
		{[]string{"Upgrade: h2"}, true},
		{[]string{"Upgrade: h2c, websocket"}, true},
		{[]string{"Upgrade: websocket, h2c"}, true},
		{[]string{"Upgrade: websocket", "Upgrade: h2c"}, true},
		{[]string{"Upgrade: ,h2c"}, true},
		{[]string{"Upgrade: TLS/1.0"}, true},
		{[]string{"Upgrade: HTTP/2.0"}, true},
		{[]string{"Upgrade: connect-udp"}, true},
		{[]string{"Upgrade: websocketx"}, true},
		{[]string{"Upgrade: websocket/13"}, true},
		{[]string{"Upgrade: \"websocket\""}, true},
		{[]string{"Connection: Upgrade, HTTP2-Settings"}, true},
		{[]string{"Connection: http2-settings"}, true},
		{[]string{"Connection: upgrade", "Connection: Http2-Settings ,x"}, true},
		{[]string{"Connection: upgrade", "Upgrade: h2c"}, true},
		{[]string{"Upgrade: websocket", "HTTP2-Settings: a"}, true},
		{[]string{"Upgrade: websocket", "Connection: Upgrade"}, false},
		{[]string{"Upgrade: WebSocket"}, false},
		{[]string{"Upgrade: websocket, websocket"}, false},
		{[]string{"Upgrade: websocket,"}, false},
		{[]string{"Upgrade:"}, false},
		{[]string{"Connection: upgrade"}, false}, // nginx often says so of every request
		{[]string{"Connection: keep-alive"}, false},
		{[]string{"Connection: close"}, false},
	} {
		for _, e := range everyEndpoint() {
			for _, r := range []request{{method: "GET", host: "public.example.com", uri: "/x"},
				{method: "GET", host: "app.example.com", uri: "/x", as: ann("app")},
				{method: "OPTIONS", host: "app.example.com", uri: "/api/x"}} {
				if r.method == "OPTIONS" {
					r.headers = []string{spa, acrm}
				}
				plain, _ := e.ask(table, r)
				r.headers = append(r.headers, c.headers...)
				a, decision := e.ask(table, r)
				reason, _ := field(a, "X-Access-Reason")
				if c.refused && (decision != nil || a.Status != 403 || reason != "bad-request" && e.d.String() != "render") {
					t.Errorf("%s %q: %d %s", e.name, c.headers, a.Status, reason)
				}
				if !c.refused && a.Status != plain.Status {
					t.Errorf("%s %q: %d, without: %d", e.name, c.headers, a.Status, plain.Status)
				}
			}
		}
	}
}

// CONNECT is a tunnel as well. THREATS H7.
func TestConnect(t *testing.T) {
	for _, e := range everyEndpoint() {
		for _, uri := range []string{"/x", "", "public.example.com:443"} {
			if a, decision := e.ask(pinned(t), request{method: "CONNECT", host: "public.example.com", uri: uri}); decision != nil || a.Status < 400 {
				t.Errorf("%s %s: %d", e.name, uri, a.Status)
			}
		}
	}
}

// Who upgrades without knowing it, is told what to do instead.
func TestTunnelWords(t *testing.T) {
	for _, accept := range []string{"*/*", "text/html"} {
		for _, e := range everyEndpoint() {
			a, _ := e.ask(pinned(t), request{method: "GET", host: "public.example.com", uri: "/x",
				headers: []string{"HTTP2-Settings: a", "Accept: " + accept}})
			switch e.d.String() {
			case "nginx", "nginx-pass", "nginx-canary", "nginx-headers", "preflight":
				if len(a.Body) > 0 {
					t.Errorf("%s has a body", e.name)
				}
			default:
				for _, words := range []string{"curl --http1.1", "HttpClient.Version.HTTP_1_1"} {
					if body := string(a.Body); !strings.Contains(body, words) && accept == "*/*" {
						t.Errorf("%s: %s", e.name, body)
					}
				}
			}
		}
	}
	v := newView(request{headers: []string{"HTTP2-Settings: a"}})
	v.target = contract.NginxPrefix + "GET/public.example.com/"
	if r := (dialect.Nginx{}).Read(v, &dialect.Ask{}); r == nil || !strings.Contains(r.Message, "h2c") {
		t.Errorf("the log does not say it: %+v", r)
	}
}

func FuzzTunnel(f *testing.F) {
	for _, s := range []string{"h2c", "websocket", "websocket, h2c", "H2C,,", "TLS/1.0", " \t", "upgrade, http2-settings"} {
		f.Add(s, "", true)
		f.Add(s, s, false)
	}
	table := fixture(f)
	f.Fuzz(func(t *testing.T, one, two string, connection bool) {
		if strings.ContainsAny(one+two, "\r\n\x00") {
			return
		}
		v := newView(request{host: "public.example.com"})
		v.target = contract.EnvoyPrefix + "/x"
		name, harmless := "Upgrade", func(token string) bool { return token == "" || token == "websocket" }
		if connection {
			name, harmless = "Connection", func(token string) bool { return token != "http2-settings" }
		}
		v.set(name, one)
		v.set(name, two)
		ok := true
		for _, token := range strings.FieldsFunc(one+","+two, func(r rune) bool { return r == ',' }) {
			ok = ok && harmless(strings.ToLower(strings.Trim(token, " \t")))
		}
		if a, _ := put(dialect.Envoy{Pages: pages}, v, table, request{}); (a.Status == 200) != ok && isASCII(one+two) {
			t.Fatalf("%s %q %q: %d", name, one, two, a.Status)
		}
	})
}

func isASCII(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e }) }
