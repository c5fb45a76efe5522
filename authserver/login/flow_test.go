// SPDX-License-Identifier: Apache-2.0

package login

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// S10, S14: one sign-in makes a cookie on the application's host and one on the
// team host, and ends at the address that was asked for.
func TestSignIn(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	p := b.enter("app1.example.com", "/orders?id=7&q=%2F", "ann")
	b.want(p, 200, "app1.example.com/orders?id=7&q=%2F for ann@example.com")
	if got := b.jar("app1.example.com"); !slices.Contains(got, "__Host-ostiary") {
		t.Errorf("cookies of app1: %v", got)
	}
	want := []string{"__Host-ostiary-device", "__Host-ostiary-opened", "__Host-ostiary-team"}
	if got := b.jar("auth.example.com"); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("cookies of the team host: %v", got)
	}
	if got := b.jar("app2.example.net"); len(got) != 0 {
		t.Errorf("cookies of app2: %v", got)
	}
}

// S11, S12: app1's cookie does not open app2, the team session does, and only
// for those who may.
func TestSingleSignOn(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann@example.com")
	b.visited = nil
	b.want(b.get(s.url("app2.example.net", "/deep?x")), 200, "app2.example.net/deep?x for ann@example.com")
	if len(b.visited) != 4 {
		t.Errorf("it took %d redirects: %v", len(b.visited), b.visited)
	}
	p := b.get(s.url("app3.example.org", "/"))
	b.want(p, 403, "ann@example.com")
	if got := b.jar("app3.example.org"); slices.Contains(got, "__Host-ostiary") {
		t.Errorf("a session for somebody who may not enter: %v", got)
	}
	token := b.session("app1.example.com")
	stranger := s.browser()
	stranger.follow = false
	if p := stranger.get(s.url("app2.example.net", "/"), "Cookie", "__Host-ostiary="+token); p.status != 302 || p.header.Get("X-Access-Reason") != "wrong-audience" {
		t.Errorf("app1's cookie at app2: %d %s", p.status, p.header.Get("X-Access-Reason"))
	}
}

// E6: five tabs begin, and finish in another order.
func TestFiveTabs(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	var forms []page
	for i := range 5 {
		forms = append(forms, b.get(s.url("app1.example.com", fmt.Sprintf("/tab%d", i))))
	}
	for _, i := range []int{3, 0, 4, 2, 1} {
		b.want(b.signIn(forms[i], "ann", password), 200, fmt.Sprintf("/tab%d for ann", i))
	}
}

// Five tabs at once, on one address, in parallel: no loop, as all were begun
// before the first was finished.
func TestFiveTabsOneAddress(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	var wg, began sync.WaitGroup
	pages := make([]page, 5)
	began.Add(len(pages))
	for i := range pages {
		wg.Go(func() {
			tab := *b // its own list of visits
			client := *b.client
			client.CheckRedirect = func(next *http.Request, _ []*http.Request) error {
				if strings.Contains(next.URL.Path, "/login/app2.example.net") { // on the team host
					began.Done()
					began.Wait()
				}
				return nil
			}
			tab.client = &client
			pages[i] = tab.get(s.url("app2.example.net", "/x"))
		})
	}
	wg.Wait()
	for _, p := range pages {
		b.want(p, 200, "app2.example.net/x for ann")
	}
}

// F17: the same answer for a wrong password and an unknown user.
func TestWrongPassword(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	form := b.get(s.url("app1.example.com", "/"))
	known, unknown := b.signIn(form, "ann", "wrong"), b.signIn(form, "eve", "wrong")
	if known.status != 401 || unknown.status != 401 {
		t.Fatalf("%d and %d", known.status, unknown.status)
	}
	if strings.ReplaceAll(known.body, "ann", "eve") != unknown.body && len(known.body) != len(unknown.body) {
		t.Error("the answers differ")
	}
	b.want(b.signIn(known, "ann", password), 200, "for ann")
}

// Silent renewal: an application's session that is over costs a redirect, no
// prompt; the team session that is over costs a prompt.
func TestRenewal(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Session.Duration = time.Hour
		return p
	})
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	s.later(2 * time.Hour)
	b.visited = nil
	b.want(b.get(s.url("app1.example.com", "/again")), 200, "/again for ann")
	if len(b.visited) == 0 {
		t.Error("the session did not end")
	}
	s.later(23 * time.Hour)
	b.want(b.get(s.url("app1.example.com", "/")), 200, `type="password"`)
}

// A rule that no longer matches bites at the next request.
func TestRuleBites(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app2.example.net", "/", "ann"), 200, "ann")
	policies := standard(s.port)
	policies[1].Rules = allow(emails("bob@example.com"))
	s.publish(policies)
	b.want(b.get(s.url("app2.example.net", "/")), 403, "no-rule-matched")
}

// The policy's own revokedBefore asks for a new sign-in.
func TestRevokedBefore(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	s.later(10 * time.Second)
	policies := standard(s.port)
	policies[0].Session.RevokedBefore = s.now().Truncate(time.Second)
	s.publish(policies)
	p := b.get(s.url("app1.example.com", "/x"))
	b.want(p, 200, `type="password"`)
	s.later(time.Second)
	b.want(b.signIn(p, "ann", password), 200, "/x for ann")
	b.want(b.get(s.url("app2.example.net", "/")), 200, "for ann")
}

// A revoked user is out everywhere, and cannot come back by a team session.
func TestRevokedUser(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	b.want(b.get(s.url("app2.example.net", "/")), 200, "ann")
	if err := s.revoke(t.Context(), policy.Revocation{User: "ann@example.com", Before: s.now().Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"app1.example.com", "app2.example.net"} {
		b.want(b.get(s.url(host, "/")), 200, `type="password"`)
	}
}

// A policy that wants another provider asks for it, and says so in the end.
func TestWrongProvider(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[1].IdentityProviders = []string{"elsewhere"}
		return p
	})
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	p := b.get(s.url("app2.example.net", "/"))
	if p.status != http.StatusServiceUnavailable || p.header.Get("X-Access-Reason") != "not-configured" {
		t.Errorf("%d %s", p.status, p.header.Get("X-Access-Reason"))
	}
}

// Two policies on one host share its cookie, and do not take turns in it.
func TestTwoPoliciesOneHost(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		admin := named("admin", "app1.example.com")
		admin.Paths = []policy.Path{{Value: "/admin"}}
		admin.Rules = allow(emails("ann@example.com"))
		return append(p, admin)
	})
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	b.visited = nil
	b.want(b.get(s.url("app1.example.com", "/admin/x")), 200, "/admin/x for ann")
	b.want(b.get(s.url("app1.example.com", "/y")), 200, "/y for ann")
	if len(b.visited) != 0 {
		t.Errorf("it took redirects: %v", b.visited)
	}
}

// The third bounce within a minute stops at a page that says why.
func TestLoop(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/x", "ann"), 200, "ann")
	address := s.url("app1.example.com", "/.access/login?rd=%2Fx")
	b.want(b.get(address), 200, "/x for ann") // the second
	p := b.get(address)
	b.want(p, http.StatusConflict, "Try again")
	if p.header.Get("X-Access-Reason") != "login-loop" {
		t.Error(p.header)
	}
	b.want(b.get(s.url("app1.example.com", "/.access/login?rd=%2Fother")), 200, "/other for ann")
	b.want(b.get(address+"&again=1"), 200, "/x for ann")
	s.later(2 * time.Minute)
	b.want(b.get(address), 200, "/x for ann")
}

// Logins that ran beside each other are no way round, and a tab that is late
// finds no loop.
func TestLateTab(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	address := s.url("app2.example.net", "/.access/login?rd=%2Fx")
	var next []string
	b.follow = false
	for range 4 {
		next = append(next, b.get(address).header.Get("Location"))
	}
	b.follow = true
	for _, n := range next {
		b.want(b.get(n), 200, "/x for ann")
	}
	b.want(b.get(address), 200, "/x for ann")
	b.want(b.get(address), http.StatusConflict, "Try again")
}

// SameSite=Strict cookies do not come along with what another site began.
func TestStrictCookie(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Session.Cookie.SameSite = policy.SameSiteStrict
		return p
	})
	b := s.browser()
	p := b.enter("app1.example.com", "/x?y=1", "ann")
	b.want(p, 200, `http-equiv="refresh"`)
	if c := p.header.Get("Set-Cookie") + strings.Join(p.header.Values("Set-Cookie"), "\n"); !strings.Contains(c, "SameSite=Strict") {
		t.Error(c)
	}
	b.want(b.get(s.url("app1.example.com", "/x?y=1")), 200, "/x?y=1 for ann")
}

func TestCookieAttributes(t *testing.T) {
	for name, c := range map[string]struct {
		cookie policy.Cookie
		want   []string
		not    []string
	}{
		"default":     {policy.Cookie{}, []string{"__Host-ostiary=", "; Path=/;", "Secure", "HttpOnly", "SameSite=Lax"}, []string{"Domain", "Partitioned"}},
		"none":        {policy.Cookie{SameSite: policy.SameSiteNone}, []string{"SameSite=None"}, nil},
		"lax":         {policy.Cookie{SameSite: policy.SameSiteLax}, []string{"SameSite=Lax"}, nil},
		"script":      {policy.Cookie{ScriptReadable: true}, []string{"__Host-ostiary="}, []string{"HttpOnly"}},
		"partitioned": {policy.Cookie{Partitioned: true}, []string{"Partitioned", "Secure", "SameSite=None"}, nil},
		"path":        {policy.Cookie{PathScoped: true}, []string{"__Secure-ostiary=", "; Path=/team"}, []string{"__Host-ostiary="}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, func(p []policy.Policy) []policy.Policy {
				p[0].Paths = []policy.Path{{Value: "/team"}}
				p[0].Session.Cookie = c.cookie
				return p
			})
			b := s.browser()
			b.want(b.enter("app2.example.net", "/", "ann"), 200, "ann")
			b.follow = false
			next := s.url("app1.example.com", "/.access/login?rd=%2Fteam%2Fx")
			var p page
			for range 3 {
				p = b.get(next)
				next = p.location
			}
			var cookie string
			for _, line := range p.header.Values("Set-Cookie") {
				if strings.HasPrefix(line, "__Host-ostiary=") || strings.HasPrefix(line, "__Secure-ostiary=") {
					cookie = line
				}
			}
			for _, part := range c.want {
				if !strings.Contains(cookie+";", part) {
					t.Errorf("no %q in %q", part, cookie)
				}
			}
			for _, part := range c.not {
				if strings.Contains(cookie, part) {
					t.Errorf("%q in %q", part, cookie)
				}
			}
		})
	}
}

// A session is for one host, also where a policy has several, and shares one of
// them with another policy: no application can use elsewhere what it is sent.
func TestSessionOfAnotherHost(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Hosts = []string{"app1.example.com", "*.preview.example.com"}
		shared := named("shared", "app1.example.com", "other.example.com")
		shared.Paths = []policy.Path{{Value: "/shared"}}
		shared.Rules = allow(everyone())
		return append(p, shared)
	})
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	b.want(b.get(s.url("app1.example.com", "/shared")), 200, "/shared for ann")
	token := b.session("app1.example.com")
	stranger := s.browser()
	stranger.follow = false
	for address, want := range map[string]int{s.url("app1.example.com", "/"): 200, s.url("app1.example.com", "/shared"): 200,
		s.url("x.preview.example.com", "/"): 302, s.url("other.example.com", "/shared"): 302} {
		for _, header := range [][]string{{"Cookie", "__Host-ostiary=" + token}, {"Authorization", "Bearer " + token}} {
			if p := stranger.get(address, header...); p.status != want {
				t.Errorf("%s, %s: %d, want %d", address, header[0], p.status, want)
			}
		}
	}
	b.want(b.get(s.url("x.preview.example.com", "/p")), 200, "/p for ann")
}

// A new rule about a group that no rule asked about before bites at the next
// request, also for sessions that do not say whether their owner is in it.
func TestNewGroupRuleBites(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "ann")
	_, a := b.token("app1.example.com", "app2.example.net")
	policies := standard(s.port)
	for i := range policies[:2] {
		policies[i].Rules = append([]policy.Rule{{Action: policy.Block, Include: []policy.Selector{{Property: policy.IdPGroup, Value: "staff"}}}}, policies[i].Rules...)
	}
	s.publish(policies)
	b.want(b.get(s.url("app1.example.com", "/")), 403, "ann@example.com")
	stranger := s.browser()
	stranger.follow = false
	if p := stranger.get(s.url("app2.example.net", "/"), "Authorization", "Bearer "+a.Token, "Origin", s.url("app1.example.com", "")); p.status == 200 {
		t.Error("a token that does not say is good")
	}
	policies[0].Rules = allow([]policy.Selector{{Property: policy.IdPGroup, Value: "staff"}})
	s.publish(policies)
	b.want(b.get(s.url("app1.example.com", "/x")), 200, "/x for ann") // asked now, without a prompt
}
