// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"encoding/json"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
)

// wantProblem is the 401 or 403 that a script can read.
func (a *answer) wantProblem(t *testing.T, reason, loginURL string) {
	t.Helper()
	var p struct {
		Reason    string `json:"reason"`
		LoginURL  string `json:"login_url"`
		RequestID string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(a.body), &p); err != nil {
		t.Errorf("no JSON: %v%s", err, a.dump())
		return
	}
	if p.Reason != reason || p.LoginURL != loginURL || p.RequestID == "" {
		t.Errorf("%+v, want reason %q and login_url %q%s", p, reason, loginURL, a.dump())
	}
	a.want(t, "Content-Type", "application/json")
	a.want(t, "X-Access-Reason", reason)
	a.want(t, "X-Request-Id", p.RequestID)
	a.want(t, "Cache-Control", "no-store")
}

// readable are the headers that let a page of an allowed origin read an answer.
func (a *answer) wantReadable(t *testing.T, origin string, more ...string) {
	t.Helper()
	want := append([]string{"access-control-allow-origin: " + origin}, more...)
	slices.Sort(want)
	if got := a.header.with("access-control-"); !slices.Equal(got, want) {
		t.Errorf("%q, want %q%s", got, want, a.dump())
	}
	a.want(t, "Vary", "Origin")
}

// S3 and S27 say "redirected to the login page". Those who can follow are:
// navigations; and everyone, with unauthenticated: Redirect. Others learn the
// login's address from a 401. The login itself comes with identity providers.
func TestS3_S27_WithoutASessionToTheLogin(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		for target, rd := range map[string]string{"/p": "/p", "/p?x=1&y=%2f": "/p?x=1&y=%2f", "/a%20b": "/a%20b", "/%C3%A9?q=a+b": "/%C3%A9?q=a+b", "/": "/"} {
			for _, lines := range [][]string{{navigate}, {html}, {navigate, "Origin: https://app1.site.com"}} {
				a := env.send(t, addr, request("GET", target, "app2.site.com", lines...))
				a.wantStatus(t, 302)
				a.want(t, "Location", "https://app2.site.com/.access/login?rd="+url.QueryEscape(rd))
				a.want(t, "Cache-Control", "no-store")
				a.wantKept(t)
			}
		}
		a := env.send(t, addr, request("GET", "/p", "redirect.example.com", "Origin: https://app1.site.com", fetch))
		a.wantStatus(t, 302)
		a.wantNoCORS(t)
		a.wantKept(t)
		a = env.send(t, addr, request("GET", "/p", "strict.example.com", navigate, html))
		a.wantStatus(t, 401)
		a.wantNone(t, "Location")
		a.wantKept(t)
	})
}

// S4: the login page answers no other site. It is the public listener's, behind
// an Ingress of ours: at the team host, and under our path of every host.
func TestS4_TheLoginPageAllowsNoCrossSiteRequests(t *testing.T) {
	origin := "Origin: https://app1.almightyzero.com" // which app2 lists
	eachVariant(t, func(t *testing.T, addr string) {
		for _, at := range []struct{ host, target string }{{teamHost, "/login/app2.site.com"}, {teamHost, "/"}, {"app2.site.com", "/.access/login?rd=%2Fp"}} {
			for _, m := range []string{"GET", "HEAD"} {
				a := env.send(t, addr, request(m, at.target, at.host, origin, html))
				a.wantNoCORS(t)
				a.wantKept(t)
				a.want(t, "X-Frame-Options", "DENY")
				if !strings.Contains(a.header.get("Content-Security-Policy"), "frame-ancestors 'none'") {
					t.Errorf("the page can be framed%s", a.dump())
				}
			}
			a := env.send(t, addr, request("OPTIONS", at.target, at.host, cp("https://app1.almightyzero.com", "GET")...))
			a.wantStatus(t, 403, 405)
			a.wantNoCORS(t)
			a.wantKept(t)
			for _, lines := range [][]string{{origin}, {"Sec-Fetch-Site: cross-site"}, {"Sec-Fetch-Site: same-site", origin}, {"Origin: null"}, {}} {
				a := env.send(t, addr, request("POST", at.target, at.host, append(lines, "Content-Length: 0")...))
				a.wantStatus(t, 403)
				a.wantNoCORS(t)
				a.wantKept(t)
			}
		}
	})
}

// S25: no preflight has to come first. S5, S26: the application's CORS headers,
// or their absence, are its own.
func TestS5_S25_S26_AnswersOfTheApplicationAreItsOwn(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		session, origin := cookie(t, "shop/app2"), "Origin: https://app1.almightyzero.com"
		for _, m := range []string{"GET", "HEAD", "POST"} {
			a := env.send(t, addr, request(m, "/p", "app2.site.com", session, origin))
			a.wantStatus(t, 200)
			a.wantNoCORS(t)
			a.wantThrough(t, "app2")
			a = env.send(t, addr, request(m, "/p?app=cors", "app2.site.com", session, origin))
			a.wantStatus(t, 200)
			a.want(t, "Access-Control-Allow-Origin", "https://chosen-by.app")
			a.want(t, "Access-Control-Allow-Credentials", "true")
			a.want(t, "Vary", "Origin")
			a.wantThrough(t, "app2")
		}
	})
}

func TestAnswersOfTheApplicationPassUntouched(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		a := env.send(t, addr, request("GET", "/p?app=401", "app1.site.com", cookie(t, "shop/app1"), navigate))
		a.wantStatus(t, 401)
		a.want(t, "WWW-Authenticate", `Basic realm="the app's own"`)
		a.want(t, "X-Access-Reason", "the app's own")
		a.want(t, "X-App", "app1")
		a.wantThrough(t, "app1")
		a = env.send(t, addr, request("GET", "/p?app=403", "app1.site.com", cookie(t, "shop/app1"), navigate))
		a.wantStatus(t, 403)
		a.want(t, "X-Own", "yes")
		a.want(t, "X-App", "app1")
		a.wantThrough(t, "app1")
	})
}

// S7: the cookie's format is login's to set; here, that nothing sets one. S8:
// sites of one registrable domain keep their cookies, so a cross-origin request
// between them works with a session, and one whose cookie was blocked is told
// why in words that the page can read. Browsers themselves come with login.
func TestS7_S8_SameSiteRequests(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		site := []string{"Origin: https://spa.example.com", "Sec-Fetch-Site: same-site", fetch}
		a := env.send(t, addr, request("GET", "/api/x?app=cors", "app.example.com", append(site, cookie(t, "shop/app-api"))...))
		a.wantStatus(t, 200)
		a.wantNone(t, "Set-Cookie")
		a.wantThrough(t, "app")
		site[1] = "Sec-Fetch-Site: cross-site"
		a = env.send(t, addr, request("GET", "/api/x", "app.example.com", site...))
		a.wantStatus(t, 401)
		a.wantProblem(t, "no-session", "https://app.example.com/.access/login?rd=%2Fapi%2Fx")
		a.wantKept(t)
	})
}

func TestD19_D20_D25_RefusalsCanBeReadByAllowedOrigins(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		for _, o := range []string{"https://spa.example.com", "https://x.dev.example.com"} {
			a := env.send(t, addr, request("GET", "/api/x", "app.example.com", "Origin: "+o, fetch))
			a.wantStatus(t, 401)
			a.wantReadable(t, o, "access-control-allow-credentials: true", "access-control-expose-headers: x-request-id")
			a.wantProblem(t, "no-session", "https://app.example.com/.access/login?rd=%2Fapi%2Fx")
			a.wantKept(t)
		}
		for _, o := range []string{"https://evil.example", "null", "https://spa.example.com.evil.example"} {
			a := env.send(t, addr, request("GET", "/api/x", "app.example.com", "Origin: "+o, fetch))
			a.wantStatus(t, 401)
			a.wantNoCORS(t)
			a.want(t, "Vary", "Origin")
			a.wantNone(t, "Location")
			a.wantKept(t)
		}
		// Two Origins are none (D11).
		a := env.send(t, addr, request("GET", "/api/x", "app.example.com", "Origin: https://spa.example.com", "Origin: https://evil.example"))
		a.wantStatus(t, 401)
		a.wantNoCORS(t)
	})
}

func TestDenied(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		for _, email := range []string{"mallory@example.com", "ann@elsewhere.example"} {
			as := asCookie(mint(t, credential.Claims{Audience: []string{"shop/staff"}, ID: "m", Email: email}, time.Now()))
			a := env.send(t, addr, request("GET", "/p", "staff.example.com", as, "Origin: https://spa.example.com", fetch))
			a.wantStatus(t, 403)
			a.wantReadable(t, "https://spa.example.com")
			a.wantProblem(t, map[bool]string{true: "blocked", false: "no-rule-matched"}[email == "mallory@example.com"], "")
			a.wantKept(t)
			a = env.send(t, addr, request("GET", "/p", "staff.example.com", as, navigate))
			a.wantStatus(t, 403)
			a.want(t, "Content-Type", "text/html; charset=utf-8")
			a.wantNone(t, "Location")
			a.wantKept(t)
		}
	})
}

func TestManagedResponses(t *testing.T) {
	eachVariant(t, func(t *testing.T, addr string) {
		session := cookie(t, "shop/managed")
		a := env.send(t, addr, request("GET", "/p", "managed.example.com", session, "Origin: https://spa.example.com"))
		a.wantStatus(t, 200)
		a.wantThrough(t, "managed")
		a.wantReadable(t, "https://spa.example.com", "access-control-allow-credentials: true", "access-control-expose-headers: x-app")
		a = env.send(t, addr, request("GET", "/p", "managed.example.com", session, "Origin: https://evil.example"))
		a.wantStatus(t, 200)
		a.wantThrough(t, "managed")
		a.wantNoCORS(t)
		a.want(t, "Vary", "Origin")
		a = env.send(t, addr, request("GET", "/p", "managed.example.com", "Origin: https://spa.example.com"))
		a.wantStatus(t, 401)
		a.wantReadable(t, "https://spa.example.com", "access-control-allow-credentials: true", "access-control-expose-headers: x-app")
		a.wantKept(t)
	})
}

// S34: a request without its cookie is told apart from one with a bad one, and
// S35: the request id in the answer leads to the line in the log.
func TestS34_S35_TheReasonIsInTheAnswerAndInTheLog(t *testing.T) {
	bad := badTokens(t)
	eachVariant(t, func(t *testing.T, addr string) {
		for token, reason := range map[string]string{"": "no-session", bad["expired"][0]: "session-expired", bad["wrong audience"][0]: "wrong-audience", bad["alg none"][0]: "bad-signature"} {
			a := env.send(t, addr, request("GET", "/p", "app1.site.com", asCookie(token), "Sec-Fetch-Site: same-origin", fetch))
			a.wantStatus(t, 401)
			a.wantProblem(t, reason, "https://app1.site.com/.access/login?rd=%2Fp")
			env.wantLogged(t, a.header.get("X-Request-Id"), reason)
		}
	})
}

func (e *environment) wantLogged(t *testing.T, requestID, reason string) {
	t.Helper()
	for range 40 {
		text, err := os.ReadFile(e.ostiary.log)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, `"requestID":"`+requestID+`"`) && strings.Contains(line, `"reason":"`+reason+`"`) {
				return
			}
		}
		time.Sleep(25 * time.Millisecond) // lines are written in batches
	}
	t.Errorf("no line in the log with request id %s and reason %s", requestID, reason)
}
