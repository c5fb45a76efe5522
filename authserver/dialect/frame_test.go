// SPDX-License-Identifier: Apache-2.0

package dialect_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/dialect"
)

// relaying are the endpoints whose answer a browser sees.
func relaying() (out []endpoint) {
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		switch e.name {
		case "forward", "render-401", "render-url", "browser", "url", "envoy":
			out = append(out, e)
		}
	}
	return out
}

// ancestors are the sources of frame-ancestors, or what stands in their place.
func ancestors(t *testing.T, a *dialect.Answer) string {
	t.Helper()
	csp, n := field(a, "Content-Security-Policy")
	_, rest, ok := strings.Cut(csp, "frame-ancestors ")
	if n != 1 || !ok || strings.Contains(rest, "frame-ancestors") {
		t.Errorf("%d policies: %q", n, csp)
	}
	list, _, _ := strings.Cut(rest, ";")
	return list
}

// TestFrame: a frame without a session gets a page that the policy's origins may frame, and that
// opens a tab. THREATS E17.
func TestFrame(t *testing.T) {
	spaAlone := "'self' https://spa.example.com" // a label of a pattern is any number of them to a browser
	for _, e := range relaying() {
		for _, c := range []struct {
			host, uri, dest string
			status          int
			ancestors       string // empty: it is no page
		}{
			{"app.example.com", "/api/board", "iframe", 401, spaAlone},
			{"app.example.com", "/api/board", "frame", 401, spaAlone},
			{"app.example.com", "/api/board", "embed", 401, spaAlone},
			{"app.example.com", "/api/board", "object", 401, spaAlone},
			{"app.example.com", "/api/board", "fencedframe", 401, spaAlone},
			{"app.example.com", "/", "iframe", 401, "'self'"},
			{"redirect.example.com", "/", "iframe", 401, spaAlone},
			{"unauthorized.example.com", "/", "iframe", 401, spaAlone},
			{"nobody.example.com", "/", "iframe", 403, "'self'"},
			{"app.example.com", "/api/board", "document", 302, ""},
			{"app.example.com", "/api/board", "", 302, ""},
			{"app.example.com", "/api/board", "Iframe", 302, ""},
			{"app.example.com", "/api/board", "iframe, x", 302, ""},
			{"unauthorized.example.com", "/", "document", 401, "'none'"},
		} {
			headers := []string{navigate}
			if c.dest != "" {
				headers = append(headers, "Sec-Fetch-Dest: "+c.dest)
			}
			if strings.HasPrefix(e.name, "render") && c.status == 403 {
				continue // it was told of a 401
			}
			a, _ := e.ask(fixture(t), request{method: "GET", host: c.host, uri: c.uri, headers: headers})
			if a.Status != c.status {
				t.Errorf("%s: %s%s in %q: %d, want %d", e.name, c.host, c.uri, c.dest, a.Status, c.status)
			}
			if c.ancestors == "" {
				continue
			}
			if got := ancestors(t, a); got != c.ancestors {
				t.Errorf("%s: %s%s in %q: frame-ancestors %s, want %s", e.name, c.host, c.uri, c.dest, got, c.ancestors)
			}
		}
		a, _ := e.ask(fixture(t), request{method: "GET", host: "app.example.com", uri: "/api/board",
			headers: []string{navigate, "Sec-Fetch-Dest: iframe", "Sec-Fetch-Dest: iframe"}})
		if a.Status != 302 {
			t.Errorf("%s: what comes twice is a frame", e.name)
		}
	}
}

// TestFrameDoesNothing: whoever covers a frame can have a click on it do no more than open a tab,
// or ask for the same page again; and a page that no link asks for again is not asked for.
func TestFrameDoesNothing(t *testing.T) {
	for _, e := range relaying() {
		for _, c := range []struct{ method, site, uri string }{
			{"GET", "same-site", "/api/board?x=1&y=%22"}, {"GET", "cross-site", "/api/board"}, {"POST", "same-site", "/api/board"},
			{"GET", "none", "/api/board"}, {"GET", "", "/api/board"},
		} {
			headers := []string{navigate, "Sec-Fetch-Dest: iframe", spa}
			if c.site != "" {
				headers = append(headers, "Sec-Fetch-Site: "+c.site)
			}
			a, _ := e.ask(fixture(t), request{method: c.method, host: "app.example.com", uri: c.uri, headers: headers})
			page := string(a.Body)
			for _, bad := range []string{"<form", "/logout", "team", `http-equiv="refresh"`} {
				if strings.Contains(page, bad) {
					t.Errorf("%s: %s: the page holds %s", e.name, c.method, bad)
				}
			}
			if n := strings.Count(page, "<a "); n != 2 || strings.Count(page, `target="_blank" rel="noopener"`) != 1 {
				t.Errorf("%s: %d links", e.name, n)
			}
			if got, want := strings.Contains(page, `data-silent="https://app.example.com/.access/login?rd=`),
				c.method == "GET" && (c.site == "same-site" || c.site == "none"); got != want {
				t.Errorf("%s: %s, %q: it goes to sign in by itself: %v", e.name, c.method, c.site, got)
			}
			if got, want := strings.Contains(page, `data-identity="https://`), c.method == "GET"; got != want {
				t.Errorf("%s: %s: it loads itself again: %v", e.name, c.method, got)
			}
			if csp, _ := field(a, "Content-Security-Policy"); !strings.Contains(csp, "form-action 'none'") ||
				!strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "base-uri 'none'") ||
				!strings.Contains(csp, "connect-src 'self'") || strings.Contains(csp, "unsafe") {
				t.Errorf("%s: %s", e.name, csp)
			}
		}
	}
}

// TestFrameJar: the page knows that a session of its own has to come into the frame, where the policy
// says so.
func TestFrameJar(t *testing.T) {
	for _, e := range relaying() {
		for host, want := range map[string]bool{"partitioned.example.com": true, "app.example.com": false} {
			a, _ := e.ask(fixture(t), request{method: "GET", host: host, uri: "/api/board", headers: []string{navigate, "Sec-Fetch-Dest: iframe"}})
			if got := bytes.Contains(a.Body, []byte(` data-jar="yes"`)); a.Status != 401 || got != want {
				t.Errorf("%s: %s: %d, %v", e.name, host, a.Status, got)
			}
		}
	}
}

// TestFrameDenied: who is signed in and may not see the page reads that in the frame, and nothing of
// what the tab's page offers: signing out is a click.
func TestFrameDenied(t *testing.T) {
	for _, e := range endpoints(dialect.DefaultIdentityHeaders) {
		if e.name != "forward" && e.name != "render-403" && e.name != "browser" {
			continue
		}
		a, _ := e.ask(fixture(t), request{method: "GET", host: "blocked.example.com", uri: "/x", as: ann("blocked"),
			headers: []string{navigate, "Sec-Fetch-Dest: iframe"}})
		got := ancestors(t, a)
		if a.Status != 403 || got != "'self' https://spa.example.com" || !bytes.Contains(a.Body, []byte("Access denied")) ||
			bytes.Contains(a.Body, []byte("<script")) || bytes.Contains(a.Body, []byte("ann@")) || bytes.Contains(a.Body, []byte("logout")) {
			t.Errorf("%s: %d, frame-ancestors %s\n%s", e.name, a.Status, got, a.Body)
		}
	}
}

// TestActivateStorageAccess: a browser that holds cookies back is asked for them where the policy
// lists the page, and nowhere else; no preflight is. THREATS E18.
func TestActivateStorageAccess(t *testing.T) {
	const inactive, active = "Sec-Fetch-Storage-Access: inactive", "Sec-Fetch-Storage-Access: active"
	const frame, fetch = "Sec-Fetch-Dest: iframe", "Sec-Fetch-Mode: cors"
	retry := `retry; allowed-origin="https://spa.example.com"`
	for _, e := range relaying() {
		for _, c := range []struct {
			name, method, host string
			headers            []string
			want               string
		}{
			{"a fetch", "GET", "app.example.com", []string{fetch, spa, inactive}, retry},
			{"a POST", "POST", "app.example.com", []string{fetch, spa, inactive}, retry},
			{"an image", "GET", "app.example.com", []string{"Sec-Fetch-Mode: no-cors", spa, inactive}, retry},
			{"a frame", "GET", "app.example.com", []string{navigate, frame, spa, inactive}, retry},
			{"a frame that waits", "GET", "app.example.com", []string{navigate, frame, spa, active}, "load"},
			{"a fetch that has them", "GET", "app.example.com", []string{fetch, spa, active}, ""},
			{"none", "GET", "app.example.com", []string{fetch, spa, "Sec-Fetch-Storage-Access: none"}, ""},
			{"nothing said", "GET", "app.example.com", []string{fetch, spa}, ""},
			{"said twice", "GET", "app.example.com", []string{fetch, spa, inactive, inactive}, ""},
			{"another word", "GET", "app.example.com", []string{fetch, spa, "Sec-Fetch-Storage-Access: inactive; x"}, ""},
			{"another origin", "GET", "app.example.com", []string{fetch, "Origin: https://evil.example", inactive}, ""},
			{"null", "GET", "app.example.com", []string{fetch, "Origin: null", inactive}, ""},
			{"no origin", "GET", "app.example.com", []string{fetch, inactive}, ""},
			{"two origins", "GET", "app.example.com", []string{fetch, spa, spa, inactive}, ""},
			{"a quote", "GET", "app.example.com", []string{fetch, `Origin: https://spa.example.com"; x`, inactive}, ""},
			{"no policy", "GET", "nobody.example.com", []string{fetch, spa, inactive}, ""},
			{"a preflight", "OPTIONS", "app.example.com", []string{spa, inactive, "Access-Control-Request-Method: GET"}, ""},
			{"OPTIONS", "OPTIONS", "app.example.com", []string{spa, inactive}, ""},
		} {
			a, _ := e.ask(fixture(t), request{method: c.method, host: c.host, uri: "/api/x", headers: c.headers})
			got, n := field(a, "Activate-Storage-Access")
			if got != c.want || n > 1 {
				t.Errorf("%s: %s: %q, want %q (%d)", e.name, c.name, got, c.want, a.Status)
			}
			vary, _ := field(a, "Vary")
			if strings.Contains(vary, "Sec-Fetch-Storage-Access") != (c.want != "") || !strings.Contains(vary, "Origin") {
				t.Errorf("%s: %s: Vary %q", e.name, c.name, vary)
			}
		}
		// Who is signed in and may not pass would be told the same with cookies.
		a, _ := e.ask(fixture(t), request{method: "GET", host: "blocked.example.com", uri: "/", as: ann("blocked"),
			headers: []string{fetch, spa, inactive}})
		if got, n := field(a, "Activate-Storage-Access"); n > 0 {
			t.Errorf("%s: denied: %q", e.name, got)
		}
	}
}
