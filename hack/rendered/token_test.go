// SPDX-License-Identifier: Apache-2.0

package rendered

import (
	"strings"
	"testing"
)

// testServiceToken: a token admits a machine, one that is not good is refused with 401 even
// where anybody may pass, neither leads to a login, and no application sees the secret.
func testServiceToken(t *testing.T, addr, host string) {
	const id, secret = "X-Access-Client-Id: ci.access", "X-Access-Client-Secret: ostiary_st_live"
	const both = `X-Access-Client-Secret: {"x-access-client-id": "ci.access", "x-access-client-secret": "ostiary_st_live"}`
	wrong := strings.Replace(both, "_live", "_lie", 1)
	for _, c := range []struct {
		path   string
		lines  []string
		status int
	}{
		{"/robots/x", []string{id, secret}, 200},
		{"/robots/x", []string{id, secret, navigate}, 200},
		{"/robots/x", []string{id, secret, "X_Access_Client_Secret: ostiary_st_live"}, 200},
		{"/public/x", []string{id, secret}, 200},
		{"/a", []string{id, secret}, 403},
		{"/a", []string{id, secret, session(t, "shop/app")}, 403},
		{"/robots/x", []string{id, secret + "x"}, 401},
		{"/robots/x", []string{id, secret + "x", navigate}, 401},
		{"/robots/x", []string{id, secret + "x", session(t, "shop/robots")}, 401},
		{"/public/x", []string{id, secret + "x"}, 401},
		{"/public/x", []string{id}, 401},
		{"/public/x", []string{secret}, 401},
		{"/public/x", []string{id, id, secret}, 401},
		{"/robots/x", []string{both}, 200},
		{"/robots/x", []string{both, navigate}, 200},
		{"/public/x", []string{both}, 200},
		{"/a", []string{both}, 403},
		{"/robots/x", []string{wrong, navigate}, 401},
		{"/public/x", []string{wrong}, 401},
		{"/public/x", []string{both, both}, 401},
		{"/public/x", []string{id, both}, 401},
	} {
		a := send(t, addr, "GET", c.path, host, c.lines...)
		a.want(t, c.status, c.status == 200)
		if a.Header.Get("Location") != "" || a.Header.Get("Set-Cookie") != "" {
			t.Errorf("%s %q: %v", c.path, c.lines, a.Header)
		}
		for _, h := range a.hits {
			for name, values := range h.Header {
				if joined := strings.Join(values, ","); strings.Contains(joined, "ostiary_st_live") || strings.Contains(joined, "ci.access") {
					t.Errorf("%s: the application got %s: %s", c.path, name, joined)
				}
			}
			who := h.Header.Get("X-Access-User")
			if c.path == "/robots/x" && (who != "service:shop/ci" || !strings.HasPrefix(h.Header.Get("X-Access-Jwt-Assertion"), "ey")) {
				t.Errorf("%s: the application is told %q, %v", c.path, who, h.Header)
			}
		}
	}
}
