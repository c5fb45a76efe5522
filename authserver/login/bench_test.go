// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/idp"
)

// ask has the first replica answer, without a network.
func (s *site) ask(address string, cookies map[string]string) *http.Response {
	r := httptest.NewRequest(http.MethodGet, address, nil)
	u, _ := url.Parse(address)
	r.RequestURI = u.RequestURI() // as a server has it
	for name, value := range cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	if !s.replicas[0].answers(w, r) {
		w.WriteHeader(http.StatusNotFound)
	}
	return w.Result()
}

// setCookies takes up what an answer sets.
func setCookies(resp *http.Response, jar map[string]string) {
	for _, c := range resp.Cookies() {
		jar[c.Name] = c.Value
	}
}

// BenchmarkSingleSignOn is what opening another application costs us: three
// requests, from the application's login to the session.
func BenchmarkSingleSignOn(b *testing.B) {
	s := newSite(b, nil)
	now := s.now()
	id := ""
	for _, p := range s.providers.Permitted(nil) {
		if who, err := p.CheckPassword(b.Context(), idp.Turn{}, "ann", password); err == nil {
			id = who.ID
		}
	}
	team, err := s.ring.MintTeam(credential.Claims{Issuer: "https://auth.example.com:" + s.port, ID: id, Email: "ann@example.com", Groups: []string{"staff"},
		Provider: "people", SignedInAt: now, Lifetime: time.Hour}, now)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		jar := map[string]string{}
		first := s.ask(s.url("app1.example.com", "/.access/login?rd=%2Forders"), nil)
		setCookies(first, jar)
		second := s.ask(first.Header.Get("Location"), map[string]string{teamCookie: team})
		third := s.ask(second.Header.Get("Location"), jar)
		if third.StatusCode != http.StatusFound || !strings.HasSuffix(third.Header.Get("Location"), "/orders") {
			b.Fatalf("%d %s %v", third.StatusCode, third.Header.Get("Location"), second.Header)
		}
	}
}

// FuzzHandler: whatever is asked, with whatever cookies, nobody gets a session,
// is sent to another site, or meets an error of ours.
func FuzzHandler(f *testing.F) {
	for _, path := range []string{"/", "/.access/login?rd=//evil", "/.access/authorized?ticket=x", "/.access/logout?all&rd=https://evil.example", "/.access/get-identity",
		"/.access/token?for=https://app2.example.net", "/.access/login/app1.example.com?attempt=a.b.c.d.e", "/.access/idp/people/callback?code=x&state=AAAAAAAAAAAAAAAAAAAAAA", "/.access/logout?farewell=x", "/.access/login/app1.example.com?redirect_url=//evil"} {
		f.Add(true, path, "__Host-ostiary=a.b.c")
		f.Add(false, path, teamCookie+"=a.b.c.d.e; "+hopsCookie+"=x")
	}
	s := newSite(f, nil)
	f.Fuzz(func(t *testing.T, team bool, target, cookie string) {
		host := "app1.example.com:" + s.port
		if team {
			host = "auth.example.com:" + s.port
		}
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" || !strings.HasPrefix(target, "/") {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "https://"+host+"/", nil)
		r.URL, r.RequestURI = u, target
		r.Header.Set("Cookie", cookie)
		r.Header.Set("X-Requested-With", "fuzz")
		w := httptest.NewRecorder()
		if !s.replicas[0].answers(w, r) {
			return
		}
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable && w.Code != http.StatusNotImplemented {
			t.Fatalf("%s: %d", target, w.Code)
		}
		for _, c := range w.Result().Cookies() {
			if (c.Name == credential.CookieName || c.Name == teamCookie) && c.Value != "" {
				t.Fatalf("%s: a session", target)
			}
		}
		if to := w.Header().Get("Location"); to != "" {
			at, err := url.Parse(to)
			if err != nil || at.Host != "auth.example.com:"+s.port && !s.table.Claims(at.Hostname()) || at.Port() != s.port {
				t.Fatalf("%s leads to %s", target, to)
			}
		}
	})
}
