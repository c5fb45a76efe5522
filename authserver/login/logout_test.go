// SPDX-License-Identifier: Apache-2.0

package login

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

func TestLogoutHere(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	b.want(b.get(s.url("app2.example.net", "/")), 200, "ann")
	b.want(b.get(s.url("app1.example.com", "/.access/logout"), "Sec-Fetch-Site", "same-origin"), 200, "app1.example.com")
	if slices.Contains(b.jar("app1.example.com"), "__Host-ostiary") {
		t.Error("the session is still there")
	}
	b.visited = nil
	b.want(b.get(s.url("app2.example.net", "/")), 200, "ann")
	if len(b.visited) > 0 {
		t.Error("app2 was signed out as well")
	}
}

func TestLogoutEverywhere(t *testing.T) {
	s := newSite(t, nil)
	b, other := s.browser(), s.browser()
	for _, w := range []*browser{b, other} {
		w.want(w.enter("app1.example.com", "/", "ann"), 200, "ann")
		w.want(w.get(s.url("app2.example.net", "/")), 200, "ann")
	}
	b.want(b.get(s.url("app1.example.com", "/.access/logout?all"), "Sec-Fetch-Site", "same-origin"), 200, "on all your devices")
	if got := b.jar("auth.example.com"); !slices.Equal(got, []string{deviceCookie, anewCookie}) { // they open nothing
		t.Errorf("cookies of the team host: %v", got)
	}
	for _, w := range []*browser{b, other} {
		w.want(w.get(s.url("app2.example.net", "/")), 200, `type="password"`)
	}
	// The very next sign-in is a good one again.
	b.want(b.enter("app2.example.net", "/", "ann"), 200, "for ann")
}

func TestLogoutAtTheTeamHost(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	b.want(b.get(s.url("auth.example.com", "/")), 200, "ann@example.com")
	b.want(b.get(s.url("auth.example.com", "/.access/logout"), "Referer", s.url("auth.example.com", "/")), 200, "on all your devices")
	b.want(b.get(s.url("app1.example.com", "/")), 200, `type="password"`)
}

// Where nothing says from where somebody came, as over plain HTTP and after a link
// with rel=noreferrer, nothing is ended everywhere without asking.
func TestLogoutFromNowhere(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	for _, address := range []string{s.url("auth.example.com", "/.access/logout"), s.url("auth.example.com", "/.access/logout?rd=/x"), s.url("app1.example.com", "/.access/logout?all")} {
		for _, mode := range []string{"", "navigate"} {
			p := b.get(address, "Sec-Fetch-Mode", mode)
			b.want(p, 200, `method="post"`)
			if p.header.Get("Set-Cookie") != "" || !strings.Contains(p.body, "Sign out everywhere?") {
				t.Errorf("%s: %v", address, p.header)
			}
		}
	}
	b.want(b.get(s.url("app1.example.com", "/")), 200, "for ann")
	p := b.do(http.MethodPost, s.url("auth.example.com", "/.access/logout"), nil, "Origin", s.url("auth.example.com", ""))
	b.want(p, 200, "on all your devices")
	b.want(b.get(s.url("app1.example.com", "/")), 200, `type="password"`)
}

// Another site can neither sign somebody out nor send them somewhere with it.
func TestLogoutFromElsewhere(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	for _, host := range []string{"app1.example.com", "auth.example.com"} {
		for _, header := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Referer", "https://evil.example/x"}} {
			p := b.get(s.url(host, "/.access/logout?all&rd=https://evil.example/"), header...)
			b.want(p, 200, `method="post"`)
			if p.header.Get("Set-Cookie") != "" {
				t.Errorf("%s: %v", host, p.header)
			}
		}
		if p := b.do(http.MethodPost, s.url(host, "/.access/logout"), nil, "Origin", "https://evil.example"); p.status != 403 {
			t.Errorf("%s: a form of another site: %d", host, p.status)
		}
	}
	b.want(b.get(s.url("app1.example.com", "/")), 200, "ann")
	b.follow = false
	for rd, want := range map[string]string{
		"/bye": s.url("app1.example.com", "/bye"), "https://evil.example/": s.url("app1.example.com", "/"), "//evil.example": s.url("app1.example.com", "/"),
		s.url("app2.example.net", "/x"): s.url("app2.example.net", "/x"),
	} {
		if p := b.get(s.url("app1.example.com", "/.access/logout?rd="+rd), "Sec-Fetch-Site", "same-origin"); p.location != want {
			t.Errorf("rd=%s leads to %q", rd, p.location)
		}
	}
	if p := b.do(http.MethodPost, s.url("app1.example.com", "/.access/logout?rd=/bye"), nil, "Origin", s.url("app1.example.com", "")); p.status != 303 {
		t.Errorf("our own form: %d", p.status)
	}
}

// An installation that cannot tell its replicas says so, and does not pretend.
func TestLogoutEverywhereUnavailable(t *testing.T) {
	s := newSite(t, nil)
	for _, r := range s.replicas {
		r.Revoke = nil
	}
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	if p := b.get(s.url("app1.example.com", "/.access/logout?all"), "Sec-Fetch-Site", "none"); p.status != http.StatusNotImplemented {
		t.Errorf("%d", p.status)
	}
}

func TestGetIdentity(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Rules = allow([]policy.Selector{{Property: policy.IdPGroup, Value: "staff"}})
		return p
	})
	b := s.browser()
	address := s.url("app1.example.com", "/.access/get-identity")
	p := b.get(address)
	if p.status != 401 || !strings.Contains(p.body, "login_url") {
		t.Fatalf("%d %s", p.status, p.body)
	}
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	var who struct {
		Email  string
		Groups []string
		IDP    struct{ ID, Type string }
		Exp    int64
	}
	p = b.get(address)
	if err := json.Unmarshal([]byte(p.body), &who); err != nil || p.status != 200 {
		t.Fatal(p.status, err, p.body)
	}
	if who.Email != "ann@example.com" || !slices.Equal(who.Groups, []string{"staff"}) || who.IDP.ID != "people" || who.IDP.Type != "users" || who.Exp == 0 {
		t.Errorf("%+v", who)
	}
	if err := s.revoke(t.Context(), policy.Revocation{User: "ann@example.com", Before: s.now().Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	if p := b.get(address); p.status != 401 {
		t.Errorf("after a revocation: %d", p.status)
	}
}

type accessToken struct {
	Token     string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"`
}

func (b *browser) token(from, to string) (page, accessToken) {
	b.t.Helper()
	p := b.get(b.url(from, "/.access/token?for="+b.url(to, "")), "Sec-Fetch-Site", "same-origin")
	var a accessToken
	if err := json.Unmarshal([]byte(p.body), &a); err != nil {
		b.t.Fatal(err, p.body)
	}
	return p, a
}

// A page of app1 calls app2 with a token, where cookies of other sites are blocked.
func TestToken(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	if p, _ := b.token("app1.example.com", "app2.example.net"); p.status != 401 {
		t.Fatalf("without a session: %d", p.status)
	}
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	p, a := b.token("app1.example.com", "app2.example.net")
	if p.status != 200 || a.Type != "Bearer" || a.ExpiresIn <= 0 || a.ExpiresIn > 300 {
		t.Fatalf("%d %+v", p.status, a)
	}
	origin := s.url("app1.example.com", "")
	call := func(host, origin string) page {
		stranger := s.browser()
		stranger.follow = false
		if origin == "" {
			return stranger.get(s.url(host, "/data"), "Authorization", "Bearer "+a.Token)
		}
		return stranger.get(s.url(host, "/data"), "Authorization", "Bearer "+a.Token, "Origin", origin)
	}
	if p := call("app2.example.net", origin); p.status != 200 || !strings.Contains(p.body, "for ann@example.com") {
		t.Errorf("app2 from app1: %d %s", p.status, p.body)
	}
	for name, p := range map[string]page{
		"no origin":        call("app2.example.net", ""),
		"another origin":   call("app2.example.net", "https://evil.example"),
		"null":             call("app2.example.net", "null"),
		"app2's own":       call("app2.example.net", s.url("app2.example.net", "")),
		"at app1":          call("app1.example.com", origin),
		"at another still": call("app3.example.org", origin),
	} {
		if p.status == 200 {
			t.Errorf("%s: the token is good", name)
		}
	}
	stranger := s.browser()
	stranger.follow = false
	if p := stranger.get(s.url("app2.example.net", "/"), "Cookie", "__Host-ostiary="+a.Token, "Origin", origin); p.status == 200 {
		t.Error("the token is good as a cookie")
	}
	// It is judged again on every request.
	policies := standard(s.port)
	policies[1].CORS.Tokens = false
	s.publish(policies)
	if p := call("app2.example.net", origin); p.status == 200 {
		t.Error("tokens are accepted no more, but this one is")
	}
	s.publish(standard(s.port))
	if p := call("app2.example.net", origin); p.status != 200 {
		t.Errorf("again: %d", p.status)
	}
	s.later(5*time.Minute + time.Second)
	if p := call("app2.example.net", origin); p.status == 200 {
		t.Error("it is good after five minutes")
	}
}

func TestTokenRevoked(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	_, a := b.token("app1.example.com", "app2.example.net")
	if err := s.revoke(t.Context(), policy.Revocation{User: "ann@example.com", Before: s.now().Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	b.follow = false
	if p := s.browser().get(s.url("app2.example.net", "/"), "Authorization", "Bearer "+a.Token, "Origin", s.url("app1.example.com", "")); strings.Contains(p.body, "for ann") {
		t.Error("a token outlives the revocation")
	}
}

// Nobody gets a token whom the other application does not admit, for an
// application that does not want any, or from a page of another site.
func TestTokenRefused(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "root"), 200, "root")
	for to, want := range map[string]int{"app2.example.net": 403, "app3.example.org": 403, "app1.example.com": 403, "unknown.example": 403} {
		if p, _ := b.token("app1.example.com", to); p.status != want {
			t.Errorf("for %s: %d %s", to, p.status, p.body)
		}
	}
	for _, f := range []string{"", "app2.example.net", "https://app2.example.net", "http://app2.example.net:" + s.port, "https://app2.example.net:" + s.port + "/", "https://user@app2.example.net:" + s.port, "null", "*"} {
		if p := b.get(s.url("app1.example.com", "/.access/token?for="+f), "Sec-Fetch-Site", "same-origin"); p.status != 400 {
			t.Errorf("for=%s: %d", f, p.status)
		}
	}
	b = s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	address := s.url("app1.example.com", "/.access/token?for="+s.url("app2.example.net", ""))
	for _, header := range [][]string{{}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Site", "cross-site", "X-Requested-With", "x"}} {
		if p := b.get(address, header...); p.status != 403 || strings.Contains(p.body, "access_token") {
			t.Errorf("%v: %d", header, p.status)
		}
	}
	if p := b.get(address, "X-Requested-With", "test"); p.status != 200 {
		t.Errorf("without Fetch Metadata: %d", p.status)
	}
}

func TestClientScript(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	p := b.get(s.url("app1.example.com", "/.access/client.js"))
	if p.status != 200 || !strings.HasPrefix(p.header.Get("Content-Type"), "text/javascript") || !strings.Contains(p.body, "accessFetch") {
		t.Fatalf("%d %v", p.status, p.header)
	}
	if p := b.get(s.url("app1.example.com", "/.access/client.js"), "If-None-Match", p.header.Get("ETag")); p.status != http.StatusNotModified {
		t.Errorf("%d", p.status)
	}
}

// Who has become somebody else at the team host is asked about that session, too.
func TestLogoutEverywhereOfTwo(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	b.want(b.get(s.url("auth.example.com", "/.access/logout?switch=1")), 200, "")
	b.want(b.enter("app3.example.org", "/", "root"), 200, "root@example.com")
	b.follow = false
	p := b.get(s.url("app1.example.com", "/.access/logout?all"), "Sec-Fetch-Site", "same-origin")
	p = b.get(p.location, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
	b.want(p, 200, `method="post"`)
	if p.header.Get("Set-Cookie") != "" || !s.table.Revoked(&policy.Subject{ID: "ann", Provider: "people", SignedInAt: s.now().Add(-time.Minute)}) {
		t.Errorf("%v", p.header)
	}
}
