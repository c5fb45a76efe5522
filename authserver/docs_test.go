// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/web"
)

// A shown is a refusal that somebody reads: the listener that gives it, and the request.
type shown struct{ listener, request string }

const forwarded = "GET /authz/v1/forward HTTP/1.1\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: app.example.com\r\nX-Forwarded-Uri: "

var allShown = []shown{
	{"authz", forwarded + "/office\r\n"},
	{"authz", forwarded + "/public/../x\r\n"},
	{"authz", forwarded + "/x\r\n"},
	{"authz", "GET /authz/v1/envoy/office HTTP/1.1\r\n"},
	{"render", "GET / HTTP/1.1\r\nX-Code: 403\r\nX-Original-URI: /office\r\n"},
	{"render", "GET / HTTP/1.1\r\nX-Code: 401\r\nX-Original-URI: /x\r\n"},
	{"render", "GET / HTTP/1.1\r\nX-Code: 401\r\nX-Original-URI: /x\r\nOrigin: https://spa.example.com\r\n"},
}

// TestDocs: the JSON and the page of a refusal link to what its reason means, if there is
// such a page. Nothing else of the answer depends on that.
func TestDocs(t *testing.T) {
	const at = "https://docs.example.com/reasons"
	ask := func(docs web.Docs, s shown, accept string) (*answer, string) {
		w := newWorld(t, func(c *Config) { c.Docs = docs })
		addr := ""
		if s.listener == "render" {
			addr = w.http(t, w.Render())
		} else {
			addr = w.authz(t)
		}
		a := raw(t, addr, s.request+"Host: app.example.com\r\nX-Request-Id: request-1\r\nConnection: close\r\n"+accept+"\r\n")
		if len(a) != 1 || a[0].StatusCode < 300 || a[0].Header.Get("X-Access-Reason") == "" {
			t.Fatalf("%q: %v", s.request, statuses(a))
		}
		body, _ := io.ReadAll(a[0].Body)
		return a[0], string(body)
	}
	for _, s := range allShown {
		without, plain := ask("", s, "")
		with, linked := ask(at, s, "")
		reason := with.Header.Get("X-Access-Reason")
		var a, b map[string]string
		if json.Unmarshal([]byte(plain), &a) != nil || json.Unmarshal([]byte(linked), &b) != nil || a["docs"] != "" ||
			b["docs"] != at+"#"+reason || b["reason"] != reason {
			t.Errorf("%q: %s and %s", s.request, plain, linked)
		}
		if want := strings.TrimSuffix(plain, "}") + `,"docs":"` + at + `#` + reason + `"}`; linked != want {
			t.Errorf("%q: %s, want %s", s.request, linked, want)
		}
		for _, volatile := range []string{"Date", "Content-Length"} {
			with.Header.Del(volatile)
			without.Header.Del(volatile)
		}
		if len(with.Header) != len(without.Header) {
			t.Errorf("%q: %v and %v", s.request, without.Header, with.Header)
		}
		with, page := ask(at, s, "Accept: text/html\r\n")
		if with.StatusCode != http.StatusFound && !strings.Contains(page, `href="`+at+`#`+reason+`"`) {
			t.Errorf("%q: the page has no link: %s", s.request, page)
		}
	}
}
