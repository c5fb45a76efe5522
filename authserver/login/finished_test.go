// SPDX-License-Identifier: Apache-2.0

package login

import (
	"fmt"
	"html"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A ticket that this browser did not ask for is never in the address of a page: a
// script of the host could read it there, for whoever planted the attempt.
func TestNoPageWithAForeignTicket(t *testing.T) {
	s := newSite(t, nil)
	thief, victim := s.browser(), s.browser()
	thief.follow, victim.follow = false, false
	for _, signedIn := range []bool{false, true} {
		if signedIn {
			victim.follow = true
			victim.want(victim.enter("app2.example.net", "/", "bob"), 200, "for bob")
			victim.follow = false
		}
		for _, dest := range []string{"/", "/x?" + strings.Repeat("y", 2000)} {
			for _, began := range []string{"", "1", "2", "3", "-1", "99999999999999999999", "x"} {
				thief.get(s.url("app1.example.com", "/.access/login?rd=%2F"))
				at := thief.get(s.url("app1.example.com", "/.access/login?began="+began+"&rd="+url.QueryEscape(dest)))
				if signedIn {
					at = victim.get(victim.get(at.location).location) // with a ticket of the victim's
				} else {
					at = victim.get(thief.toTicket2(dest, began))
				}
				if at.status != 302 || at.hasSession() || strings.Contains(at.location, "ticket=") {
					t.Errorf("%v %.20s %s: %d %s", signedIn, dest, began, at.status, at.location)
				}
			}
		}
	}
}

// toTicket2 signs in, and stops at the address with the ticket.
func (b *browser) toTicket2(dest, began string) string {
	b.t.Helper()
	at := b.get(b.url("app1.example.com", "/.access/login?began="+began+"&rd="+url.QueryEscape(dest)))
	for !strings.Contains(at.location, "ticket=") {
		if at.location == "" && refresh.MatchString(at.body) {
			at.location = html.UnescapeString(refresh.FindStringSubmatch(at.body)[1])
			continue
		}
		if at.location == "" {
			at = b.signIn(at, "ann", password)
			continue
		}
		at = b.get(at.location)
	}
	return at.location
}

// Whoever comes back to any address of a sign-in that is finished, by Back or by a
// reload, ends at the application, and has no other session for it.
func TestFinishedAddresses(t *testing.T) {
	for _, kind := range []string{"an OpenID provider", "a form"} {
		t.Run(kind, func(t *testing.T) {
			s := newSite(t, nil)
			var p *openIDProvider
			if kind != "a form" {
				p = newOpenIDProvider(t)
				p.use(s)
			}
			b := s.browser()
			b.follow = false
			var all []string
			at := b.get(s.url("app1.example.com", "/x?y=1&z=2"))
			for at.status != 200 || strings.Contains(at.body, `type="password"`) {
				to := at.location
				if strings.HasPrefix(to, "http://") {
					to = p.finish(to)
				}
				if to == "" {
					at = b.signIn(at, "ann", password)
					continue
				}
				all = append(all, to)
				at = b.get(to)
			}
			session := b.session("app1.example.com")
			for _, later := range []time.Duration{0, 15 * time.Minute, time.Hour} {
				s.later(later)
				for _, address := range all {
					s.later(later / 10) // not so often in a minute that it looks like a circle
					b.want(b.walk(p, b.get(address)), 200, "/x?y=1&z=2 for")
				}
			}
			asked := 0
			if p != nil {
				asked = p.asked()
			}
			if len(all) < 4 || session == "" || asked > 2 {
				t.Errorf("%v, %d codes", all, asked)
			}
			// Signed out, none of them signs in.
			b.get(s.url("app1.example.com", "/.access/logout?all"), "Sec-Fetch-Site", "same-origin")
			for _, address := range all {
				for range 2 {
					if q := b.get(address); q.hasSession() || strings.Contains(strings.Join(q.header.Values("Set-Cookie"), ";"), teamCookie+"=ey") {
						t.Errorf("signed in by %s", address)
					}
				}
			}
		})
	}
}

// Login CSRF: whatever somebody makes of a sign-in of their own, another browser
// becomes nobody by it, and stays who it is. And the other way round, addresses that
// were stolen are of no use.
func TestPlantedSignIn(t *testing.T) {
	for _, known := range []bool{false, true} {
		s := newSite(t, nil)
		p := newOpenIDProvider(t)
		p.use(s)
		thief, victim := s.browser(), s.browser()
		thief.follow, victim.follow = false, false
		if known {
			p.claims["email"] = "vera@example.com"
			p.claims["sub"] = "vera"
			victim.want(victim.walk(p, victim.get(s.url("app1.example.com", "/"))), 200, "vera")
			p.claims["email"] = "mallory@example.com"
			p.claims["sub"] = "mallory"
		}
		var planted []string
		at := thief.get(s.url("app1.example.com", "/mine"))
		for at.location != "" {
			to := at.location
			if strings.HasPrefix(to, "http://") {
				to = p.finish(to)
			}
			planted = append(planted, to)
			victim.get(to) // before its owner
			at = thief.get(to)
		}
		thief.want(at, 200, "/mine for")
		for _, address := range planted {
			q := victim.get(address)
			for range 6 {
				if strings.HasPrefix(q.location, "http://") || q.location == "" {
					break
				}
				q = victim.get(q.location)
			}
			if strings.Contains(q.body, "for mallory") || strings.Contains(q.body, "for carol") || !known && len(victim.session("app1.example.com")) > 0 {
				t.Errorf("the victim is somebody else by %s: %s", address, afterMain(q.body))
			}
			if known {
				victim.want(victim.get(s.url("app1.example.com", "/")), 200, "for vera")
			}
		}
	}
}

// A state leads to one exchange at each replica, however often it comes.
func TestStateIsGoodOnce(t *testing.T) {
	s := newSite(t, nil)
	p := newOpenIDProvider(t)
	p.use(s)
	b := s.browser()
	b.follow = false
	at := b.get(s.url("app1.example.com", "/.access/login?rd=/x"))
	at = b.get(at.location)
	state := queryOf(at.location).Get("state")
	for i := range 200 {
		q := b.get(s.url("auth.example.com", fmt.Sprintf("/.access/idp/corp/callback?code=x%d&state=%s", i, url.QueryEscape(state))))
		if q.status == 200 || q.hasSession() {
			t.Fatalf("%d", q.status)
		}
	}
	if n := p.asked(); n < 1 || n > len(s.replicas) {
		t.Errorf("the provider was asked %d times", n)
	}
}

// Those whose address is not known share one limit of exchanges.
func TestExchangesWithoutAddress(t *testing.T) {
	l, now := newLimits(), time.Now()
	n := 0
	exchange := func(device string, now time.Time) bool { _, ok := l.exchange(netip.Addr{}, device, now); return ok }
	for exchange("", now) {
		if n++; n > 10_000 {
			t.Fatal("there is none")
		}
	}
	if n < 100 || !exchange("", now.Add(time.Second)) || !exchange("known", now) {
		t.Errorf("%d at once", n)
	}
}

func queryOf(address string) url.Values {
	u, _ := url.Parse(address)
	return u.Query()
}

// Who only looks changes nothing: link previews and scanners ask with HEAD. THREATS E11.
func TestHeadChangesNothing(t *testing.T) {
	s := newSite(t, nil)
	p := newOpenIDProvider(t)
	p.use(s)
	b := s.browser()
	b.follow = false
	at := b.get(s.url("app1.example.com", "/.access/login?rd=/x"))
	at = b.get(at.location)
	for _, address := range []func() string{func() string { return p.finish(at.location) }, func() string { return b.get(b.get(p.finish(at.location)).location).location }} {
		to := address()
		if q := b.do(http.MethodHead, to, nil); q.status != 405 || len(q.header.Values("Set-Cookie")) > 0 {
			t.Errorf("HEAD %s: %d %v", to, q.status, q.header.Values("Set-Cookie"))
		}
		b.want(b.walk(p, b.get(to)), 200, "/x for")
	}
}
