// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
)

// seedAnswer is the answer that the seed shows for its own request, but for
// what Cloudflare's network adds.
var seedAnswer = []string{
	"access-control-allow-origin: https://app1.almightyzero.com",
	"access-control-allow-methods: GET",
	"access-control-allow-credentials: true",
}

func TestS29_S30_S31_PreflightIsAnswered(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		for _, target := range []string{"/", "/p", "/p?x=1", "http://app2.site.com/p"} {
			a := env.send(t, addr, request("OPTIONS", target, "app2.site.com", cp("https://app1.almightyzero.com", "GET")...))
			a.wantAnswered(t, seedAnswer...)
		}
	})
}

func TestS2_PreflightWithoutCORSIsRefused(t *testing.T) {
	session := cookie(t, "shop/app1")
	eachVariant(t, func(t *testing.T, addr string) {
		for _, lines := range [][]string{nil, {session}, {html, navigate}} {
			a := env.send(t, addr, request("OPTIONS", "/p", "app1.site.com", cp("https://app2.site.com", "GET", lines...)...))
			a.wantRefused(t)
			a.want(t, "X-Access-Reason", "preflight-not-configured")
		}
	})
}

// OPTIONS that is no preflight is a request like any other (WebDAV): refused
// without a session, and let through with one.
func TestS2_D13_D22_OptionsThatIsNoPreflight(t *testing.T) {
	session := cookie(t, "shop/app1")
	eachVariant(t, func(t *testing.T, addr string) {
		a := env.send(t, addr, request("OPTIONS", "/dav", "app1.site.com"))
		a.wantRefused(t)
		a = env.send(t, addr, request("OPTIONS", "/dav", "app1.site.com", session))
		a.wantStatus(t, 200)
		if h := a.wantThrough(t, "app1"); h.method != "OPTIONS" || h.target != "/dav" {
			t.Errorf("the application saw %s", h)
		}
	})
}

func TestS6_CORSBelongsToTheHostAndPathOfItsPolicy(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		lines := cp("https://spa.example.com", "POST", "Access-Control-Request-Headers: content-type")
		for _, target := range []string{"/api", "/api/", "/api/x", "/api/x?y=/"} {
			a := env.send(t, addr, request("OPTIONS", target, "app.example.com", lines...))
			a.wantAnswered(t, "access-control-allow-origin: https://spa.example.com", "access-control-allow-methods: POST",
				"access-control-allow-headers: content-type", "access-control-allow-credentials: true", "access-control-max-age: 600")
		}
		for _, target := range []string{"/", "/apix", "/API", "/public", "/?/api", "/public/x"} {
			env.send(t, addr, request("OPTIONS", target, "app.example.com", lines...)).wantRefused(t)
		}
		env.send(t, addr, request("OPTIONS", "/api", "app1.site.com", lines...)).wantRefused(t)
	})
}

func TestS9_SitesOfOneInstallationDoNotTrustEachOther(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		a := env.send(t, addr, request("OPTIONS", "/p", "app2.site.com", cp("https://app1.site.com", "GET")...))
		a.wantRefused(t)
		a.want(t, "X-Access-Reason", "origin-not-allowed")
	})
}

func TestS13_S15_S18_NullIsAnOriginLikeAnyOther(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		env.send(t, addr, request("OPTIONS", "/p", "app2.site.com", cp("null", "GET")...)).wantRefused(t)
		a := env.send(t, addr, request("OPTIONS", "/p", "null.example.com", cp("null", "GET")...))
		a.wantAnswered(t, "access-control-allow-origin: null", "access-control-allow-methods: GET", "access-control-allow-credentials: true")
		for _, o := range []string{"https://null", "NULL", "Null", "nullx", "https://xnull", "null, null", "http://null.example.com", "\"null\""} {
			env.send(t, addr, request("OPTIONS", "/p", "null.example.com", cp(o, "GET")...)).wantRefused(t)
		}
	})
}

func TestS17_AllOrigins(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		for _, o := range []string{"null", "https://x.example", "http://localhost:3000", "chrome-extension://abcdef"} {
			a := env.send(t, addr, request("OPTIONS", "/p", "open.example.com", cp(o, "DELETE")...))
			a.wantAnswered(t, "access-control-allow-origin: *", "access-control-allow-methods: DELETE", "access-control-max-age: 0")
		}
	})
}

func TestS19_CredentialsAreTrueOrAbsent(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		a := env.send(t, addr, request("OPTIONS", "/p", "app2.site.com", cp("https://app1.almightyzero.com", "GET")...))
		a.want(t, "Access-Control-Allow-Credentials", "true")
		a = env.send(t, addr, request("OPTIONS", "/p", "staff.example.com", cp("https://spa.example.com", "GET")...))
		a.wantAnswered(t, "access-control-allow-origin: https://spa.example.com", "access-control-allow-methods: GET")
	})
}

func TestS20_MaxAge(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		for _, tt := range []struct{ host, target, origin, want string }{
			{"app2.site.com", "/", "https://app1.almightyzero.com", ""}, // not set: no header
			{"app.example.com", "/api", "https://spa.example.com", "600"},
			{"open.example.com", "/", "https://a.example", "0"}, // -1
		} {
			a := env.send(t, addr, request("OPTIONS", tt.target, tt.host, cp(tt.origin, "GET")...))
			a.wantStatus(t, 200)
			a.want(t, "Access-Control-Max-Age", tt.want)
		}
	})
}

func TestS21_D4_D8_Origins(t *testing.T) {
	allowed := []string{"https://app1.site.com", "https://app3.site.com:8443", "http://plain.site.com", "https://a.preview.site.com", "https://a-1.preview.site.com"}
	refused := []string{
		"http://app1.site.com", "https://app1.site.com:8443", "https://app1.site.com:443", "https://app3.site.com", "https://app3.site.com:8444",
		"https://plain.site.com", "https://evilapp1.site.com", "https://evil-app1.site.com", "https://app1.site.com.evil.example",
		"https://app1.site.comevil.example", "https://app1.site.com/", "https://app1.site.com/x", "https://app1.site.com#x", "https://app1.site.com?x",
		"https://x@app1.site.com", "https://app1.site.com@evil.example", "app1.site.com", "//app1.site.com", "https:app1.site.com",
		"https://app1.site.com.", "https://preview.site.com", "https://.preview.site.com", "https://a.b.preview.site.com", "https://xpreview.site.com",
		"http://a.preview.site.com", "https://a.preview.site.com:8443", "https://*.preview.site.com", "https://a.preview.site.com.evil.example",
		"https://evil.example/.preview.site.com", "https://evil.example#.preview.site.com", "https://a%2e.preview.site.com", "*", "null",
		"https://app1.site.com, https://evil.example", "https://app1.site.com https://evil.example", "file://", "https://", "javascript:x",
	}
	eachVariant(t, func(t *testing.T, addr string) {
		for _, o := range allowed {
			a := env.send(t, addr, request("OPTIONS", "/", "multi.example.com", cp(o, "GET")...))
			a.wantAnswered(t, "access-control-allow-origin: "+o, "access-control-allow-methods: GET", "access-control-allow-credentials: true")
		}
		for _, o := range refused {
			env.send(t, addr, request("OPTIONS", "/", "multi.example.com", cp(o, "GET")...)).wantRefused(t)
		}
	})
}

func TestS22_Methods(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		for m, ok := range map[string]bool{"GET": true, "POST": true, "PATCH": true, "patch": false, "get": false, "PUT": false, "DELETE": false, "*": false, "GET,POST": false, "GET POST": false} {
			a := env.send(t, addr, request("OPTIONS", "/api", "app.example.com", cp("https://spa.example.com", m)...))
			if !ok {
				a.wantRefused(t)
				a.want(t, "X-Access-Reason", "method-not-allowed")
				continue
			}
			a.wantStatus(t, 200)
			a.want(t, "Access-Control-Allow-Methods", m)
		}
		for _, m := range []string{"GET", "DELETE", "patch", "FROB", "M-SEARCH"} { // allowAllMethods
			a := env.send(t, addr, request("OPTIONS", "/", "multi.example.com", cp("https://app1.site.com", m)...))
			a.wantStatus(t, 200)
			a.want(t, "Access-Control-Allow-Methods", m)
		}
	})
}

func TestS23_S24_D16_Headers(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		for _, h := range []string{"content-type", "x-csrf", "content-type,x-csrf", "X-CSRF, Content-Type", "x-csrf ,\tcontent-type", "content-type,,x-csrf"} {
			a := env.send(t, addr, request("OPTIONS", "/api", "app.example.com", cp("https://spa.example.com", "POST", "Access-Control-Request-Headers: "+h)...))
			a.wantStatus(t, 200)
			a.want(t, "Access-Control-Allow-Headers", h)
		}
		for _, h := range []string{"x-a", "content-type,x-a", "authorization", "*", "content-type;x-csrf", "content type"} {
			a := env.send(t, addr, request("OPTIONS", "/api", "app.example.com", cp("https://spa.example.com", "POST", "Access-Control-Request-Headers: "+h)...))
			a.wantRefused(t)
			a.want(t, "X-Access-Reason", "header-not-allowed")
		}
		// Two lines are one list.
		a := env.send(t, addr, request("OPTIONS", "/api", "app.example.com", cp("https://spa.example.com", "POST",
			"Access-Control-Request-Headers: content-type", "Access-Control-Request-Headers: x-a")...))
		a.wantRefused(t)
		// allowAllHeaders: echoed, never "*", Authorization included.
		a = env.send(t, addr, request("OPTIONS", "/", "multi.example.com", cp("https://app1.site.com", "GET", "Access-Control-Request-Headers: authorization, x-anything")...))
		a.wantStatus(t, 200)
		a.want(t, "Access-Control-Allow-Headers", "authorization, x-anything")
		// S24: a good header does not save a bad origin, or a bad method.
		env.send(t, addr, request("OPTIONS", "/api", "app.example.com", cp("https://evil.example", "POST", "Access-Control-Request-Headers: x-csrf")...)).wantRefused(t)
		env.send(t, addr, request("OPTIONS", "/api", "app.example.com", cp("https://spa.example.com", "PUT", "Access-Control-Request-Headers: x-csrf")...)).wantRefused(t)
	})
}

func TestS28_D11_D13_PreflightIsAllThree(t *testing.T) {
	const origin, acrm = "Origin: https://spa.example.com", "Access-Control-Request-Method: GET"
	eachVariant(t, func(t *testing.T, addr string) {
		for _, lines := range [][]string{
			{origin}, {acrm}, {}, {origin, "Access-Control-Request-Method:"}, {"Origin:", acrm}, {origin, origin, acrm}, {origin, acrm, acrm},
			{origin, "Origin: https://evil.example", acrm}, {origin, "Origin:", acrm}, {origin, acrm, "Access-Control-Request-Method:"},
			{origin, "Access_Control_Request_Method: GET"}, {"X-Origin: https://spa.example.com", acrm},
		} {
			env.send(t, addr, request("OPTIONS", "/api", "app.example.com", lines...)).wantRefused(t)
		}
		// D14: and the right method.
		for _, m := range []string{"GET", "HEAD", "POST"} {
			a := env.send(t, addr, request(m, "/api", "app.example.com", origin, acrm, "X-Original-Method: OPTIONS", "X-HTTP-Method-Override: OPTIONS"))
			a.wantStatus(t, 401)
			a.wantNone(t, "Access-Control-Allow-Methods")
			a.wantKept(t)
		}
	})
}

func TestD17_PrivateNetwork(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		const ask = "Access-Control-Request-Private-Network: true"
		a := env.send(t, addr, request("OPTIONS", "/", "multi.example.com", cp("https://app1.site.com", "GET", ask)...))
		a.want(t, "Access-Control-Allow-Private-Network", "true")
		a = env.send(t, addr, request("OPTIONS", "/", "multi.example.com", cp("https://app1.site.com", "GET")...))
		a.wantNone(t, "Access-Control-Allow-Private-Network")
		a = env.send(t, addr, request("OPTIONS", "/", "app2.site.com", cp("https://app1.almightyzero.com", "GET", ask)...))
		a.wantAnswered(t, seedAnswer...)
	})
}

// D23: what a preflight carries changes nothing, and is not answered to.
func TestD23_S30_PreflightWithCredentials(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		for _, line := range []string{cookie(t, "shop/app2"), "Cookie: __Host-ostiary=forged", "Authorization: Basic dTpw", "Authorization: Bearer x.y.z"} {
			a := env.send(t, addr, request("OPTIONS", "/p", "app2.site.com", cp("https://app1.almightyzero.com", "GET", line)...))
			a.wantAnswered(t, seedAnswer...)
		}
	})
}

// preflight: Bypass hands genuine preflights to the application, and no others.
func TestS31_BypassedPreflightReachesTheApplication(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		a := env.send(t, addr, request("OPTIONS", "/p?app=cors", "handsoff.example.com", cp("https://any.example", "FROB")...))
		a.wantStatus(t, 204)
		a.want(t, "Access-Control-Allow-Origin", "https://chosen-by.app")
		a.wantThrough(t, "handsoff")
		env.send(t, addr, request("OPTIONS", "/p?app=cors", "handsoff.example.com", "Origin: https://any.example")).wantRefused(t)
		a = env.send(t, addr, request("GET", "/p?app=cors", "handsoff.example.com", cp("https://any.example", "FROB")...))
		a.wantStatus(t, 401)
		a.wantNoCORS(t)
		a.wantKept(t)
	})
}
