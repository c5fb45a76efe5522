// SPDX-License-Identifier: Apache-2.0

package login

import (
	"fmt"
	"html"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// atOnce sends requests as a browser does that restores its tabs: each with the
// cookies that are there before, and none with what another one's answer sets. The
// answers arrive in any order.
func (b *browser) atOnce(addresses []string) []page {
	b.t.Helper()
	pages := make([]page, len(addresses))
	jar := b.client.Jar
	recorded := make([][]*http.Cookie, len(addresses))
	for i, address := range addresses {
		b.client.Jar = frozen{jar, &recorded[i]}
		pages[i] = b.get(address)
	}
	b.client.Jar = jar
	for _, i := range rand.Perm(len(addresses)) {
		u, _ := url.Parse(addresses[i])
		jar.SetCookies(u, recorded[i])
	}
	return pages
}

// frozen is a jar that keeps what it is given aside.
type frozen struct {
	http.CookieJar
	aside *[]*http.Cookie
}

func (f frozen) SetCookies(_ *url.URL, c []*http.Cookie) { *f.aside = append(*f.aside, c...) }

// bytes is how much a browser sends to a host in its Cookie field.
func (b *browser) bytes(host string) int {
	u, _ := url.Parse(b.url(host, "/"))
	n := 0
	for _, c := range b.client.Jar.Cookies(u) {
		n += len(c.Name) + len("=") + len(c.Value) + len("; ")
	}
	return n
}

var refresh = regexp.MustCompile(`http-equiv="refresh" content="0; url=([^"]*)"`)

// walk follows redirects and pages that move on, and fills in what asks; p answers
// where the provider is.
func (b *browser) walk(p *openIDProvider, at page) page {
	b.t.Helper()
	for range 12 {
		switch {
		case strings.HasPrefix(at.location, "http://"): // the provider's
			at = b.get(p.finish(at.location))
		case at.location != "":
			at = b.get(at.location)
		case refresh.MatchString(at.body):
			to := html.UnescapeString(refresh.FindStringSubmatch(at.body)[1])
			if strings.HasPrefix(to, "http://") {
				to = p.finish(to)
			}
			at = b.get(to)
		case strings.Contains(at.body, `type="password"`):
			at = b.signIn(at, "ann", password)
		default:
			return at
		}
	}
	b.t.Fatalf("it goes round in circles: %d %s", at.status, at.location)
	return at
}

// maxJar is what one host may be sent of sign-ins and sessions of such people as
// these: half of the 8 KiB that nginx takes in a line.
const maxJar = 4096

// Fifty tabs at once: each gets in, whatever order they end in, and what the browser
// keeps for it is bounded in bytes at both hosts, and throughout.
func TestFiftyTabsAtOnce(t *testing.T) {
	for _, kind := range []string{"an OpenID provider", "a form"} {
		for _, apps := range [][]string{{"app1.example.com"}, {"app1.example.com", "app2.example.net"}} {
			t.Run(fmt.Sprintf("%s, %d applications", kind, len(apps)), func(t *testing.T) {
				s := newSite(t, func(p []policy.Policy) []policy.Policy {
					p[1].Rules = allow(everyone())
					return p
				})
				var p *openIDProvider
				if kind != "a form" {
					p = newOpenIDProvider(t)
					p.use(s)
				}
				fiftyTabs(t, s, p, apps)
			})
		}
	}
}

func fiftyTabs(t *testing.T, s *site, p *openIDProvider, apps []string) {
	t.Helper()
	b := s.browser()
	b.follow = false
	bounded := func() {
		t.Helper()
		for _, host := range append(apps, "auth.example.com") {
			if n := b.bytes(host); n > maxJar {
				t.Fatalf("%s is sent %d bytes of cookies", host, n)
			}
		}
	}
	const tabs = 50
	host := func(i int) string { return apps[i%len(apps)] }
	next := make([]string, tabs)
	for i := range next {
		next[i] = s.url(host(i), "/.access/login?rd="+url.QueryEscape(fmt.Sprintf("/tab%d", i)))
	}
	pages := b.atOnce(next)
	bounded()
	for i := range next {
		next[i] = pages[i].location
	}
	pages = b.atOnce(next)
	bounded()
	for _, i := range rand.Perm(tabs) {
		b.want(b.walk(p, pages[i]), 200, fmt.Sprintf("%s/tab%d for", host(i), i))
		bounded()
	}
}

// One tab that begins again and again, and never ends: a wall display.
func TestManyAttempts(t *testing.T) {
	s := newSite(t, nil)
	newOpenIDProvider(t).use(s)
	b := s.browser()
	b.follow = false
	for i := range 100 {
		p := b.get(s.url("app1.example.com", fmt.Sprintf("/.access/login?rd=/%d", i)))
		b.get(p.location)
	}
	for _, host := range []string{"app1.example.com", "auth.example.com"} {
		if n := b.bytes(host); n == 0 || n > 100 {
			t.Errorf("%s is sent %d bytes", host, n)
		}
	}
}

// Whatever is in its jar, a browser keeps no more than the names that there are.
func TestKeysAreBounded(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	for range 20 {
		b.atOnce([]string{s.url("app1.example.com", "/.access/login"), s.url("app1.example.com", "/.access/login")})
	}
	if maxKeyBytes >= maxJar/2 {
		t.Errorf("%d bytes", maxKeyBytes)
	}
	if n := b.bytes("app1.example.com"); n > maxKeyBytes {
		t.Errorf("%d bytes", n)
	}
}

// A browser that keeps no cookies is told so after a few rounds.
func TestNoCookies(t *testing.T) {
	s := newSite(t, nil)
	p := newOpenIDProvider(t)
	p.use(s)
	b := s.browser()
	b.follow = false
	b.client.Jar = nil
	at := b.walk(p, b.get(s.url("app1.example.com", "/x")))
	if at.status != 400 || at.header.Get("X-Access-Reason") != "no-state" || !strings.Contains(at.body, `href="`+s.url("app1.example.com", "/")) || p.asked() != 0 {
		t.Errorf("%d %s %s", at.status, at.header.Get("X-Access-Reason"), afterMain(at.body))
	}
}

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
	for l.exchange(netip.Addr{}, "", now) {
		if n++; n > 10_000 {
			t.Fatal("there is none")
		}
	}
	if n < 100 || !l.exchange(netip.Addr{}, "", now.Add(time.Second)) || !l.exchange(netip.Addr{}, "known", now) {
		t.Errorf("%d at once", n)
	}
}

func queryOf(address string) url.Values {
	u, _ := url.Parse(address)
	return u.Query()
}

// Who only looks changes nothing: link previews and scanners ask with HEAD.
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

// A key that a tab beside it has overwritten is no dead end, neither where there is
// no session yet nor where there is one: the person is asked once.
func TestOverwrittenKey(t *testing.T) {
	s := newSite(t, nil)
	p := newOpenIDProvider(t)
	p.use(s)
	b := s.browser()
	b.follow = false
	slots := func() {
		for _, r := range s.replicas {
			r.slot.Store(7)
		}
	}
	next := []string{s.url("app1.example.com", "/.access/login?rd=/0"), s.url("app1.example.com", "/.access/login?rd=/1")}
	var pages []page
	for range 2 { // at the application's host, then at the team host
		slots()
		pages = b.atOnce(next)
		next = []string{pages[0].location, pages[1].location}
	}
	for _, host := range []string{"app1.example.com", "auth.example.com"} {
		if names := b.jar(host); len(names) != 1 {
			t.Fatalf("%s: %v", host, names)
		}
	}
	for i, at := range pages {
		b.want(b.walk(p, at), 200, fmt.Sprintf("/%d for carol", i))
	}
	if n := p.asked(); n > 2 {
		t.Errorf("%d codes", n)
	}
}

// However long an address is, the login comes back to it, or to its page and says
// so. Who sends people here has the same bound.
func TestLongAddresses(t *testing.T) {
	s := newSite(t, nil)
	p := newOpenIDProvider(t)
	p.use(s)
	whole := 0
	for _, c := range []string{"x", "%7B%22", "&a=", "/", "'", "<"} {
		for n := 100; n < 6000; n += 485 {
			for _, uri := range []string{"/explore?panes=" + strings.Repeat(c, n/len(c)), "/" + strings.Repeat("y", n) + "?q=" + c} {
				sent, cut := dialect.Shorten(uri)
				rd := "/.access/login?rd=" + url.QueryEscape(sent)
				if cut {
					rd += "&cut=1"
				}
				longest := 0
				b := s.browser()
				b.follow = false
				at := b.walk(p, b.get(s.url("app1.example.com", rd)))
				for _, v := range b.visited {
					longest = max(longest, len(v))
				}
				path, _, _ := strings.Cut(uri, "?")
				if len(path) > dialect.MaxReturn {
					path = "/"
				}
				switch {
				case longest > 7000:
					t.Fatalf("an address of %d bytes", longest)
				case !cut && at.status == 200 && at.at.RequestURI() == uri:
					whole++
				case cut && at.status == 200 && strings.Contains(at.body, "too long to be remembered") && strings.Contains(at.body, `href="`+s.url("app1.example.com", path)+`"`):
				default:
					t.Fatalf("%.60s (%d): cut %v, at %s with %d: %s", uri, len(uri), cut, at.at, at.status, afterMain(at.body))
				}
			}
		}
	}
	if whole < 10 {
		t.Errorf("%d were kept whole", whole)
	}
}
