// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// After a sign-out at the team host, the provider's own session signs in nobody without a word
// at this browser: it has to ask (prompt=login, max_age=0) until somebody has signed in so. A
// sign-out of one application leaves the rest as it is.
func TestSignOutHasTheProviderAsk(t *testing.T) {
	app := func(s *site) string { return s.url("app1.example.com", "/") }
	for name, c := range map[string]struct {
		out  func(*site, *browser)
		want []string
	}{
		"everywhere, from an application": {func(s *site, b *browser) {
			b.want(b.get(s.url("app1.example.com", "/.access/logout?all"), "Sec-Fetch-Site", "same-origin"), 200, "on all your devices")
		}, []string{anew}},
		"everywhere, at the team host": {func(s *site, b *browser) {
			b.want(b.do(http.MethodPost, s.url("auth.example.com", "/.access/logout"), url.Values{}), 200, "on all your devices")
		}, []string{anew}},
		"to be somebody else": {func(s *site, b *browser) {
			b.get(s.url("auth.example.com", "/.access/logout?switch"), "Sec-Fetch-Site", "same-origin")
			b.get(s.url("app1.example.com", "/.access/logout"), "Sec-Fetch-Site", "same-origin")
		}, []string{anew}},
		"of one application": {func(s *site, b *browser) {
			b.get(s.url("app1.example.com", "/.access/logout"), "Sec-Fetch-Site", "same-origin")
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, nil)
			r, b := remembers(t, s), s.browser()
			b.want(r.follow(b, app(s)), 200, "for carol")
			r.asked()
			c.out(s, b)
			s.later(2 * time.Second) // whoever signed out everywhere is out for that second
			// Who goes away while the provider asks is asked again.
			b.follow = false
			b.get(b.get(b.get(app(s)).location).location)
			b.follow = true
			b.want(r.follow(b, app(s)), 200, "for carol")
			if got := r.asked(); !slices.Equal(got, c.want) {
				t.Errorf("the provider is asked %q, want %q", got, c.want)
			}
			if slices.Contains(b.jar("auth.example.com"), anewCookie) {
				t.Error("the next sign-in is anew as well")
			}
		})
	}
}

// It is for an hour at most, so that a provider that cannot ask keeps nobody out for longer.
func TestSignInAnewIsBounded(t *testing.T) {
	s := newSite(t, nil)
	r, b := remembers(t, s), s.browser()
	b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
	r.p.claims["auth_time"] = time.Now().Add(-time.Hour).Unix()
	out := b.do(http.MethodPost, s.url("auth.example.com", "/.access/logout"), url.Values{})
	found := false
	for _, c := range (&http.Response{Header: out.header}).Cookies() {
		if c.Name == anewCookie {
			found = true
			if c.MaxAge != 3600 || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
				t.Errorf("%+v", c)
			}
		}
	}
	if !found {
		t.Error("no cookie says so")
	}
	s.later(2 * time.Second)
	for range 2 { // until it has asked
		b.want(r.follow(b, s.url("app1.example.com", "/")), 403, "provider-rejected")
	}
}

// Who signs out while the provider is asked, in another tab, is not signed in by an answer that
// it gave without asking for the credentials.
func TestSignOutMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		away time.Duration
		want []string
	}{
		"of a renewal": {61 * time.Minute, []string{silently, anew}},
		"of a sign-in": {25 * time.Hour, []string{plainly, anew}},
	} {
		t.Run(name, func(t *testing.T) {
			s := staffFor(t, func(p *policy.Policy) { p.Session.Duration = time.Hour })
			r, b := remembers(t, s), s.browser()
			b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
			s.later(c.away)
			r.asked()
			var once sync.Once
			r.before = func() {
				once.Do(func() {
					tab := *b
					tab.want(tab.do(http.MethodPost, s.url("auth.example.com", "/.access/logout"), url.Values{}), 200, "")
					s.later(2 * time.Second)
				})
			}
			b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
			if got := r.asked(); !slices.Equal(got, c.want) {
				t.Errorf("the provider is asked %q, want %q", got, c.want)
			}
		})
	}
}
