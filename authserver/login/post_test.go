// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/idp"
)

// fields are what a form of the fuzzer may hold, beside what it makes up: what the steps of a sign-in
// take, each good for another step, another person or another browser than the one that sends it.
func (p *openIDProvider) fields(s *site) url.Values {
	b := s.browser()
	b.follow = false
	answer := p.answer(b, true)
	b.follow = true
	signedIn := b.get(s.url("auth.example.com", "/.access/idp/corp/callback?"+answer.Encode()))
	if signedIn.at.Path != "/orders" {
		p.t.Fatalf("%d %s", signedIn.status, signedIn.at)
	}
	out := url.Values{"username": {"carol"}, "password": {password}, "idp": {"corp"}, "all": {"1"}, "rd": {"//evil.example"},
		"code": answer["code"], "state": answer["state"], "logout_token": {p.sign(p.word(s.now(), map[string]any{"aud": "another"}), nil)}}
	for _, at := range b.visited {
		for name, values := range queryOf(at) {
			if name == "attempt" || name == "ticket" {
				out[name] = values
			}
		}
	}
	if out.Get("attempt") == "" || out.Get("ticket") == "" {
		p.t.Fatalf("no attempt or ticket in %v", b.visited)
	}
	return out
}

// FuzzPost: whatever is posted, from whatever page, by somebody who is signed in or not: nobody gets a session, nobody's
// sessions end, and nobody is sent to another site. What is sent is made of the tokens of a sign-in that another browser finished.
func FuzzPost(f *testing.F) {
	s, p := newSite(f, nil), newOpenIDProvider(f)
	c := p.config()
	c.FormPost = true
	if problems := s.providers.Update([]idp.Config{c}); len(problems) > 0 {
		f.Fatal(problems)
	}
	fields := p.fields(s)
	stolen := fields.Encode()
	for _, path := range []string{"login", "authorized", "logout", "logout?all", "kept", "done",
		"login/app1.example.com", "sessions", "signed-out",
		"idp/corp/callback", "idp/corp/backchannel-logout", "idp/other/callback"} {
		for _, team := range []bool{false, true} {
			f.Add(team, "/.access/"+path, stolen, "https://evil.example", "cross-site", "navigate", "text/html")
			f.Add(team, "/.access/"+path, stolen, "null", "same-origin", "cors", "application/json")
			f.Add(team, "/.access/"+path, "ticket=x&attempt=a.b.c", "", "same-site", "", "*/*")
		}
	}
	f.Fuzz(func(t *testing.T, team bool, target, form, origin, site, mode, accept string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" || !strings.HasPrefix(target, "/") {
			return
		}
		host := "app1.example.com:" + s.port
		if team {
			host = "auth.example.com:" + s.port
		}
		r := httptest.NewRequest(http.MethodPost, "https://"+host+"/", strings.NewReader(form))
		r.URL, r.RequestURI = u, target
		for name, value := range map[string]string{"Origin": origin, "Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Accept": accept,
			"Content-Type": "application/x-www-form-urlencoded"} {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		if !s.replicas[0].answers(w, r) {
			return
		}
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable && w.Code != http.StatusNotImplemented {
			t.Fatalf("%s: %d %s", target, w.Code, w.Body)
		}
		for _, c := range w.Result().Cookies() {
			if (strings.HasSuffix(c.Name, credential.CookieName) || c.Name == teamCookie) && c.Value != "" {
				t.Fatalf("%s: a session", target)
			}
		}
		if len(s.in.Revocations) > 0 {
			t.Fatalf("%s: %+v", target, s.in.Revocations)
		}
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != "" && got != "https://auth.example.com:"+s.port {
			t.Fatalf("%s: %s may read it", target, got)
		}
		if to := w.Header().Get("Location"); to != "" && !strings.HasPrefix(to, p.server.URL+"/authorize?") {
			at, err := url.Parse(to)
			if err != nil || at.Host != "auth.example.com:"+s.port && !s.table.Claims(at.Hostname()) || at.Port() != s.port {
				t.Fatalf("%s leads to %s", target, to)
			}
		}
	})
}
