// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry"
)

// TestRefusedLinesSayWhere: each line about a request that is refused says which host, path and
// address it is about, as far as that could be read, and never a query.
func TestRefusedLinesSayWhere(t *testing.T) {
	const from, nginx = "X-Forwarded-For: 198.51.100.7", "GET /authz/v1/nginx/"
	const good = nginx + "PUT/app.example.com/x"
	forward := func(host, uri string) []string {
		return []string{from, "X-Forwarded-Method: PUT", "X-Forwarded-Host: " + host, "X-Forwarded-Uri: " + uri}
	}
	for _, c := range []struct {
		name, line string
		headers    []string
		msg, want  string // want: method host path asked
	}{
		{"a decision", good + "?secret", []string{from}, "decision", "PUT app.example.com /x "},
		{"a path that cannot be read", good + "%zz?secret", []string{from}, "refused", "PUT app.example.com /x%zz "},
		{"a host that cannot be read", nginx + "PUT/a..b/x?secret", []string{from}, "refused", "PUT a..b /x "},
		{"a fragment", good + "#secret", []string{from}, "refused", "PUT app.example.com /x "},
		{"no host", nginx + "PUT?secret", []string{from}, "refused", "   /authz/v1/nginx/PUT"},
		{"no endpoint", "GET /elsewhere?secret", []string{from}, "refused", "   "},
		{"trailers", good, []string{from, "Transfer-Encoding: chunked", "Trailer: X-A"}, "refused", "   " + good[4:]},
		{"a tunnel", good, []string{from, "Connection: HTTP2-Settings", "Upgrade: h2c"}, "refused", "   " + good[4:]},
		{"Traefik", "GET /authz/v1/forward", forward("app.example.com", "/x%zz?secret"), "refused", "PUT app.example.com /x%zz "},
		{"Traefik, nothing said", "GET /authz/v1/forward", []string{from}, "refused", "   /authz/v1/forward"},
		{"Envoy", "PUT /authz/v1/envoy/x%zz?secret", []string{from}, "refused", "PUT authz /x%zz "},
	} {
		w := newWorld(t, func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
		body := ""
		if strings.Contains(strings.Join(c.headers, " "), "chunked") {
			body = "0\r\nX-A: 1\r\n\r\n"
		}
		headers := append([]string{c.line + " HTTP/1.1", "Host: authz", "Connection: close"}, c.headers...)
		raw(t, w.authz(t), strings.Join(headers, "\r\n")+"\r\n\r\n"+body)
		lines := w.log.lines(t, c.msg)
		if len(lines) != 1 {
			t.Fatalf("%s: %d lines\n%s", c.name, len(lines), w.log.String())
		}
		l := lines[0]
		text := func(key string) string { s, _ := l[key].(string); return s }
		got := text("method") + " " + text("host") + " " + text("path") + " " + text("asked")
		if got != c.want || l["address"] != "198.51.100.7" {
			t.Errorf("%s: %q from %v, want %q", c.name, got, l["address"], c.want)
		}
		if strings.Contains(w.log.String(), "secret") {
			t.Errorf("%s: the line holds a query: %s", c.name, w.log.String())
		}
	}
}

// TestPublicLinesSayWhere: so do the lines of pages, of defects, and of expressions without an answer.
func TestPublicLinesSayWhere(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	for msg, path := range map[string]string{"page": "/nothing", "panic; the request was refused": "/.access/logged-out"} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", path+"?secret", nil)
		r.Host, r.RemoteAddr = "app.example.com:8443", "192.0.2.1:9"
		r.Header.Set("X-Forwarded-For", "198.51.100.7")
		h := w.Public()
		if msg != "page" {
			h = w.guard(nil) // which panics
		}
		h.ServeHTTP(httptest.NewRecorder(), r)
		lines := w.log.lines(t, msg)
		if len(lines) != 1 || !strings.HasPrefix(lines[0]["host"].(string), "app.example.com") || lines[0]["path"] != path ||
			lines[0]["method"] != "GET" {
			t.Fatalf("%s: %v\n%s", msg, lines, w.log.String())
		}
		if msg == "page" && lines[0]["address"] != "198.51.100.7" {
			t.Errorf("%v", lines[0])
		}
	}
	q := &w.begin().ask
	q.Target, _ = policy.NewTarget("app.example.com", "/x")
	q.Address = netip.MustParseAddr("198.51.100.7")
	telemetry.New(telemetry.Options{Log: w.Log, Wanted: telemetry.LogOff}).Decided("nginx", q, &policy.Decision{Failed: "no key"}, 403, nil, 0)
	if l := w.log.lines(t, "expression has no answer"); len(l) != 1 || l[0]["host"] != "app.example.com" || l[0]["path"] != "/x" ||
		l[0]["address"] != "198.51.100.7" {
		t.Errorf("%v", l)
	}
	if strings.Contains(w.log.String(), "secret") {
		t.Error(w.log.String())
	}
}
