// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
)

// mint makes what a login will one day give, from the very keys that ostiary uses.
func mint(t *testing.T, c credential.Claims, now time.Time) string {
	t.Helper()
	return mintWith(t, env.ring, c, now)
}

func mintWith(t *testing.T, ring *credential.Ring, c credential.Claims, now time.Time) string {
	t.Helper()
	if c.Issuer == "" {
		c.Issuer = teamURL
	}
	if c.ID == "" {
		c.ID, c.Email, c.Groups = "ann", "ann@example.com", []string{"staff", "ops"}
	}
	if c.Lifetime == 0 {
		c.Lifetime = time.Hour
	}
	token, err := ring.Mint(c, now)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func asCookie(token string) string { return "Cookie: " + credential.CookieName + "=" + token }

// cookie is the line of a good session of ann@example.com for a policy.
func cookie(t *testing.T, audience string) string {
	t.Helper()
	return asCookie(mint(t, credential.Claims{Audience: []string{audience}}, time.Now()))
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "PROPFIND", "M-SEARCH", "FOO"}

// badTokens are session cookies that equal none, and what X-Access-Reason says of them.
func badTokens(t *testing.T) map[string][2]string {
	t.Helper()
	now := time.Now()
	good := mint(t, credential.Claims{Audience: []string{"shop/app1"}}, now)
	parts := strings.Split(good, ".")
	b64 := base64.RawURLEncoding.EncodeToString
	none := b64([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
	other, err := credential.NewRing(now)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Mint(credential.Claims{Issuer: teamURL, Audience: []string{"shop/app1"}, ID: "ann", Lifetime: time.Hour}, now)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][2]string{
		"expired":             {mint(t, credential.Claims{Audience: []string{"shop/app1"}}, now.Add(-2*time.Hour)), "session-expired"},
		"wrong audience":      {mint(t, credential.Claims{Audience: []string{"shop/app2"}}, now), "wrong-audience"},
		"other namespace":     {mint(t, credential.Claims{Audience: []string{"evil/app1"}}, now), "wrong-audience"},
		"wrong issuer":        {mint(t, credential.Claims{Audience: []string{"shop/app1"}, Issuer: "https://auth.evil.example"}, now), "bad-signature"},
		"not valid yet":       {mint(t, credential.Claims{Audience: []string{"shop/app1"}}, now.Add(time.Hour)), "bad-signature"},
		"alg none":            {none, "bad-signature"},
		"alg none, signature": {none + parts[2], "bad-signature"},
		"another ring":        {foreign, "bad-signature"},
		"no signature":        {parts[0] + "." + parts[1] + ".", "bad-signature"},
		"cut":                 {good[:len(good)-1], "bad-signature"},
		"swapped payload":     {parts[0] + "." + b64([]byte(`{"iss":"`+teamURL+`","sub":"root","aud":["shop/app1"],"iat":1,"nbf":1,"exp":9999999999,"type":"app"}`)) + "." + parts[2], "bad-signature"},
		"garbage":             {"x", "bad-signature"},
		"long":                {strings.Repeat("a", 6000), "bad-signature"},
	}
}

func TestS1_EveryRequestNeedsASession(t *testing.T) {
	good := cookie(t, "shop/app1")
	bad := badTokens(t)
	eachVariant(t, func(t *testing.T, addr string) {
		for _, m := range methods {
			env.send(t, addr, request(m, "/p", "app1.site.com")).wantStatus(t, 401)
			a := env.send(t, addr, request(m, "/p", "app1.site.com", html))
			a.wantStatus(t, map[bool]int{true: 302, false: 303}[m == "GET" || m == "HEAD"])
			a.wantKept(t)
			a = env.send(t, addr, request(m, "/p", "app1.site.com", good))
			a.wantStatus(t, 200)
			if h := a.wantThrough(t, "app1"); h.method != m || h.target != "/p" {
				t.Errorf("the application saw %s", h)
			}
			for name, token := range bad {
				a := env.send(t, addr, request(m, "/p", "app1.site.com", asCookie(token[0])))
				a.wantStatus(t, 401)
				a.wantKept(t)
				if got := a.header.get("X-Access-Reason"); got != token[1] {
					t.Errorf("%s: reason %q, want %q", name, got, token[1])
				}
			}
		}
		env.send(t, addr, request("TRACE", "/p", "app1.site.com", good)).wantStatus(t, 405)
		for _, old := range []string{"GET /p HTTP/1.0\r\n\r\n", "GET http://app1.site.com/p HTTP/1.0\r\n\r\n", "GET /p HTTP/1.0\r\nHost: app1.site.com\r\n\r\n"} {
			a := env.send(t, addr, old)
			a.wantStatus(t, 400, 401, 403, 404)
			a.wantKept(t)
		}
	})
}

func TestS1_C17_WebSocket(t *testing.T) {
	upgrade := []string{"Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"}
	ask := func(lines ...string) string {
		raw := "GET /ws HTTP/1.1\r\nHost: app1.site.com\r\nConnection: Upgrade\r\n"
		for _, l := range append(upgrade, lines...) {
			raw += l + "\r\n"
		}
		return raw + "\r\n"
	}
	token := mint(t, credential.Claims{Audience: []string{"shop/app1"}}, time.Now())
	eachVariant(t, func(t *testing.T, addr string) {
		for _, lines := range [][]string{nil, {html}, {"Sec-Fetch-Mode: websocket"}, {"Sec-WebSocket-Protocol: " + token}, {"Cookie: __Host-ostiary=x"}} {
			a := env.send(t, addr, ask(lines...))
			a.wantStatus(t, 401)
			a.wantNone(t, "Location", "Upgrade")
			a.wantKept(t)
		}
		a := env.send(t, addr, ask(asCookie(token)))
		a.wantStatus(t, 101)
		a.wantThrough(t, "app1")
	})
}

func TestS10_S11_ASessionOpensItsOwnApplicationOnly(t *testing.T) {
	sessions := map[string]string{"app1": "shop/app1", "app2": "shop/app2", "app": "shop/app"}
	hosts := map[string]string{"app1": "app1.site.com", "app2": "app2.site.com", "app": "app.example.com"}
	eachVariant(t, func(t *testing.T, addr string) {
		for owner, audience := range sessions {
			for app, host := range hosts {
				a := env.send(t, addr, request("GET", "/p", host, cookie(t, audience)))
				if app == owner {
					a.wantStatus(t, 200)
					a.wantThrough(t, app)
					continue
				}
				a.wantStatus(t, 401)
				a.want(t, "X-Access-Reason", "wrong-audience")
				a.wantKept(t)
			}
		}
		// Nor another policy of the same host: its paths are another application.
		a := env.send(t, addr, request("GET", "/api/x", "app.example.com", cookie(t, "shop/app")))
		a.wantStatus(t, 401)
		a.wantKept(t)
	})
}

// identity is what the application is told.
var identityFields = []string{"X-Access-Jwt-Assertion", "X-Access-Email", "X-Access-User", "X-Access-Groups"}

func TestIdentityReachesTheApplication(t *testing.T) {
	token := mint(t, credential.Claims{Audience: []string{"shop/app1"}}, time.Now())
	eachVariant(t, func(t *testing.T, addr string) {
		forged := []string{"X-Access-Email: root@example.com", "x-access-user: root", "X-ACCESS-GROUPS: admins", "X-Access-Groups: admins",
			"X-Access-Jwt-Assertion: forged", "X_Access_Email: root@example.com"}
		for _, lines := range [][]string{nil, forged} {
			a := env.send(t, addr, request("GET", "/p", "app1.site.com", append(lines, asCookie(token))...))
			h := a.wantThrough(t, "app1").header
			for name, want := range map[string]string{"X-Access-Jwt-Assertion": token, "X-Access-Email": "ann@example.com", "X-Access-User": "ann", "X-Access-Groups": "staff,ops"} {
				if got := h.get(name); got != want {
					t.Errorf("the application got %s: %q, want %q", name, got, want)
				}
			}
			if h.has("X_Access_Email") {
				t.Error("the application got X_Access_Email, which some frameworks read as X-Access-Email")
			}
		}
		// C13: where nobody is known, nothing is said; with a session either, as
		// Bypass looks at none.
		for _, lines := range [][]string{forged, append(forged, cookie(t, "shop/public"))} {
			a := env.send(t, addr, request("GET", "/p", "public.example.com", lines...))
			a.wantStatus(t, 200)
			h := a.wantThrough(t, "public").header
			for _, name := range identityFields {
				if h.has(name) {
					t.Errorf("the application got %s: %q, which nobody vouches for", name, h.get(name))
				}
			}
		}
	})
}

func TestBearerTokenOfASession(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		a := env.send(t, addr, request("GET", "/p", "app1.site.com", "Authorization: Bearer "+mint(t, credential.Claims{Audience: []string{"shop/app1"}}, time.Now())))
		a.wantStatus(t, 200)
		a.wantThrough(t, "app1")
		a = env.send(t, addr, request("GET", "/p", "app1.site.com", "Authorization: Bearer x"))
		a.wantStatus(t, 401)
		a.wantKept(t)
		// F16: never from the URL.
		a = env.send(t, addr, request("GET", "/p?__Host-ostiary="+mint(t, credential.Claims{Audience: []string{"shop/app1"}}, time.Now()), "app1.site.com"))
		a.wantStatus(t, 401)
		a.wantKept(t)
	})
}
