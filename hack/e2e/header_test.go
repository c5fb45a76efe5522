// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// TestVariantsAgree: however nginx asks, the same request gets the same answer.
func TestVariantsAgree(t *testing.T) {
	var requests []string
	for _, host := range []string{"app1.site.com", "app2.site.com", "app.example.com", "public.example.com", "x.apps.example.com", "open.example.com", "null.example.com",
		"managed.example.com", "redirect.example.com", "strict.example.com", "write.example.com", "staff.example.com", "orphan.example.com", "nobody.example.com", "APP1.site.com.:8443"} {
		for _, path := range []string{"/", "/p?x=1", "/public/x", "/public/%2e%2e/x", "/api/x", "/a%2fb", "/a\\b"} {
			for _, lines := range append(bothReaders, []string{cookie(t, "shop/app1")}, []string{cookie(t, "shop/app2"), fetch, "Origin: https://app1.almightyzero.com"}) {
				requests = append(requests, request("GET", path, host, lines...), request("POST", path, host, append(lines, "Content-Length: 0")...))
			}
			for _, origin := range []string{"https://spa.example.com", "https://app1.almightyzero.com", "null"} {
				requests = append(requests, request("OPTIONS", path, host, cp(origin, "GET")...), request("OPTIONS", path, host, cp(origin, "PUT", "Access-Control-Request-Headers: x-a")...))
			}
			requests = append(requests, request("OPTIONS", path, host), request("OPTIONS", path, host, "Origin: https://spa.example.com"))
		}
	}
	// The same request id for all, as bodies and headers hold it.
	const id = "X-Request-ID: 0123456789abcdef\r\nConnection: close"
	for _, raw := range requests {
		raw = strings.Replace(raw, "Connection: close", id, 1)
		want := env.send(t, env.variants["D"].Addr, raw)
		for _, name := range []string{"B2", "D-keepalive", "B1-route", "D-header"} {
			got := env.send(t, env.variants[name].Addr, raw)
			if got.status != want.status || len(got.hits) != len(want.hits) || got.body != want.body || !slices.Equal(got.comparable(), want.comparable()) {
				t.Errorf("%s differs from D%s\n--- D%s", name, got.dump(), want.dump())
			}
		}
	}
}

// comparable leaves out the ids that the public listener makes up.
func (a *answer) comparable() []string {
	return slices.DeleteFunc(a.fields(), func(line string) bool { return strings.HasPrefix(line, "x-request-id: ") })
}

// A plain auth-url believes X-Original-URL: no other proxy family's headers may
// come along, and a client's own copies lose to nginx's.
func TestHeaderVariant(t *testing.T) {
	addr := env.variants["D-header"].Addr
	for _, line := range []string{"X-Forwarded-Uri: /public/x", "X-Forwarded-Method: OPTIONS"} {
		a := env.send(t, addr, request("GET", "/p", "public.example.com", line))
		a.wantStatus(t, 500) // a mixture of families is for the operator to see
		a.wantKept(t)
	}
	for _, line := range []string{"X-Original-URL: https://public.example.com/", "X-Original-Method: OPTIONS", "X_Original_URL: https://public.example.com/", "Connection: X-Original-URL"} {
		a := env.send(t, addr, request("GET", "/p", "app1.site.com", line, line))
		a.wantStatus(t, 401)
		a.wantKept(t)
	}
	for _, host := range []string{"app1.site.com:80@public.example.com", "public.example.com#.apps.example.com", "app1.site.com:"} {
		env.send(t, addr, request("GET", "/p", host)).wantGuarded(t)
	}
	for _, path := range paths {
		env.send(t, addr, request("GET", path, "app.example.com")).wantGuarded(t)
	}
}

// For an absolute request target nginx routes by the target, and puts the Host
// header, which a client chooses, into X-Original-URL. The host that the auth-url
// is bound to tells; without one, no relaxing rule applies (package dialect).
func TestA1_HeaderVariantKnowsItsHost(t *testing.T) {
	target := request("GET", "http://app1.site.com/p", "public.example.com")
	for variant, status := range map[string]int{"D-header": 403, "D": 401} {
		a := env.send(t, env.variants[variant].Addr, target)
		a.wantStatus(t, status)
		a.wantKept(t)
	}
}
