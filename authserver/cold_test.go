// SPDX-License-Identifier: Apache-2.0

package authserver

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// TestCold: while a proxy may not know of the preflight listener, no preflight is let
// pass, and everything else is answered as ever; after it, they are.
func TestCold(t *testing.T) {
	var cold, waits atomic.Bool
	w := newWorld(t, func(c *Config) { c.Cold, c.Waits = cold.Load, waits.Load })
	addr := w.authz(t)
	ask := func(endpoint, method, path string, headers ...string) string {
		t.Helper()
		request := "GET /authz/v1/" + endpoint + "/" + method + "/app.example.com" + path + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
		for _, h := range headers {
			request += h + "\r\n"
		}
		a := raw(t, addr, request+"\r\n")[0]
		for name := range a.Header {
			if a.StatusCode == 403 && strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s: a refusal has %s", endpoint, method, name)
			}
		}
		return strconv.Itoa(a.StatusCode) + " " + a.Header.Get("X-Access-Reason")
	}
	preflight := []string{"Origin: https://spa.example.com", "Access-Control-Request-Method: GET"}
	for _, is := range []bool{true, false, true} {
		cold.Store(is)
		want := map[bool]string{true: "403 not-ready", false: "200 "}[is]
		for _, endpoint := range []string{"nginx-pass", "nginx-canary"} {
			if got := ask(endpoint, "OPTIONS", "/x", preflight...); got != want {
				t.Errorf("cold %v: a preflight at %s: %s, want %s", is, endpoint, got, want)
			}
		}
		if got := ask("nginx", "OPTIONS", "/x", preflight...); !strings.HasPrefix(got, "401") {
			t.Errorf("cold %v: a preflight that is answered by the proxy: %s", is, got)
		}
		if got := ask("nginx-pass", "GET", "/public"); got != "200 " {
			t.Errorf("cold %v: a request: %s", is, got)
		}
		if got := ask("nginx-pass", "OPTIONS", "/x", "Origin: https://evil.example", preflight[1]); !strings.HasPrefix(got, "403 origin") {
			t.Errorf("cold %v: a foreign preflight: %s", is, got)
		}
	}
	var stopping atomic.Bool
	for is, want := range map[bool]int{true: 503, false: 200} {
		waits.Store(is)
		r := httptest.NewRecorder()
		w.probes(&stopping).ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/readyz", nil))
		if r.Code != want {
			t.Errorf("waits %v: /readyz is %d: %s", is, r.Code, r.Body)
		}
	}
}
