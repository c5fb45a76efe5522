// SPDX-License-Identifier: Apache-2.0

package public

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// headerOf is the header of an answer to a visit.
func headerOf(t *testing.T, team, host, target string, serve func(http.ResponseWriter)) http.Header {
	t.Helper()
	s, _ := newSite(t, team, build(t))
	h := s.Handler(func(*http.Request) string { return "id-1" }, func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		if serve == nil {
			return false
		}
		serve(w)
		return true
	})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host, r.RequestURI = host, target
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Header()
}

// TestTransportSecurity: the team host is bound to TLS, and no host of anybody else's.
func TestTransportSecurity(t *testing.T) {
	answers := map[string]func(http.ResponseWriter){
		"nothing": nil,
		"page":    func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
		"too large": func(w http.ResponseWriter) {
			w.Header().Set("X-Long", strings.Repeat("x", MaxHeader))
			w.WriteHeader(http.StatusOK)
		},
	}
	for _, c := range []struct {
		team, host string
		bound      bool
	}{
		{"https://login.example.com", "login.example.com", true},
		{"https://login.example.com", "LOGIN.example.com:443", true},
		{"https://Login.example.com:8443", "login.example.com:8443", true},
		{"http://login.example.com", "login.example.com", false},
		{"https://login.example.com", "app.example.com", false},
		{"https://login.example.com", "x.login.example.com", false},
		{"https://localhost:8443", "localhost:8443", false},
		{"https://login.localhost:8443", "login.localhost:8443", false},
		{"https://127.0.0.1:8443", "127.0.0.1:8443", false},
	} {
		for what, serve := range answers {
			got := headerOf(t, c.team, c.host, "/", serve)["Strict-Transport-Security"]
			if c.bound != (len(got) == 1 && got[0] == "max-age=31536000") || !c.bound && len(got) > 0 {
				t.Errorf("%s at %s, %s: %q", c.host, c.team, what, got)
			}
		}
	}
}

// TestOpenerPolicy: no page elsewhere keeps hold of a window in which the team host's pages are, but for
// the steps of a sign-in that it waits for.
func TestOpenerPolicy(t *testing.T) {
	for target, isolated := range map[string]bool{
		"/": true, "/x": true, "/.access/": true, "/.access/logout": true, "/.access/logout?login/": true, "/.access/sessions": true,
		"/.access/loginx": true, "/.access/idp": true, "/login": true, "/login/app.example.com": true, "/.access/login%2fx": true,
		"/.access/login": false, "/.access/login?rd=/": false, "/.access/login/app.example.com?attempt=x": false,
		"/.access/idp/corp/callback?code=x": false,
	} {
		for _, team := range []string{"https://login.example.com", "http://login.example.com", "https://login.example.com:8443"} {
			host := strings.TrimPrefix(strings.TrimPrefix(team, "https://"), "http://")
			got := headerOf(t, team, host, target, nil).Get("Cross-Origin-Opener-Policy")
			if want := map[bool]string{true: "same-origin"}[isolated]; got != want {
				t.Errorf("%s%s: %q", team, target, got)
			}
			if got := headerOf(t, team, "app.example.com", target, nil)["Cross-Origin-Opener-Policy"]; got != nil {
				t.Errorf("an application's %s: %q", target, got)
			}
		}
	}
}
