// SPDX-License-Identifier: Apache-2.0

package login

import (
	"fmt"
	"html"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

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
	tabs := 50
	if p == nil {
		tabs = 16 // each takes a password to check
	}
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
				case cut && at.status == 200 && strings.Contains(at.body, "too long to keep during sign-in") && strings.Contains(at.body, `href="`+s.url("app1.example.com", path)+`"`):
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
