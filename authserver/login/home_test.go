// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// launched gives the standard applications what the start page shows, and adds parts and
// hosts that it does not.
func launched(all []policy.Policy) []policy.Policy {
	all[0].Launcher = policy.Launcher{Title: "Orders", Tags: []string{"shop"}}
	all[2].Launcher = policy.Launcher{Title: "The root's own", LogoURL: "https://cdn.example.com/secret.png", Tags: []string{"secret-tag"}}
	health := named("health", "app1.example.com")
	health.Paths, health.Rules = []policy.Path{{Value: "/health"}}, []policy.Rule{{Action: policy.Bypass, Include: everyone()}}
	public := named("docs", "docs.example.com")
	public.Launcher.Title, public.Rules = "Handbook", []policy.Rule{{Action: policy.Bypass, Include: everyone()}}
	unseen := named("unseen", "unseen.example.com")
	unseen.Launcher.Hidden, unseen.Rules = true, allow(everyone())
	return append(all, health, public, unseen)
}

// TestStartPage: people sign in there, and see what they may open; nothing of the rest
// leaks, by search and tags neither.
func TestStartPage(t *testing.T) {
	s := newSite(t, launched)
	b := s.browser()
	b.want(b.get(s.url("auth.example.com", "/")), 200, s.url("auth.example.com", "/.access/login"))
	b.want(b.get(s.url("auth.example.com", "/.access/login")), 200, `type="password"`)
	p := b.signIn(b.get(s.url("auth.example.com", "/.access/login")), "ann", password)
	if p.at.String() != s.url("auth.example.com", "/") {
		t.Errorf("a sign-in at the team host ends at %s", p.at)
	}
	for _, want := range []string{"Orders", s.url("app1.example.com", "/"), "app2.example.net", "Handbook"} {
		b.want(p, 200, want)
	}
	for _, not := range []string{"app3", "root", "secret", "/health", "unseen"} {
		for _, query := range []string{"", "?q=" + not, "?q=zzz", "?tag=secret-tag", "?tag=shop&q=app"} {
			p := b.get(s.url("auth.example.com", "/"+query))
			text := afterMain(p.body) + p.header.Get("Content-Security-Policy")
			said := strings.NewReplacer(`value="`+not+`"`, "", "secret-tag", "") // what was asked for
			if strings.Contains(said.Replace(text), not) {
				t.Errorf("%s is on the page of ann, %s", not, query)
			}
		}
	}
	b.want(b.get(s.url("auth.example.com", "/?q=oRDers")), 200, "Orders")
	if p := b.get(s.url("auth.example.com", "/?q=orders")); strings.Contains(p.body, "app2") {
		t.Error("a search finds everything")
	}
	b.visited = nil
	b.want(b.get(s.url("app2.example.net", "/")), 200, "for ann@example.com")
	if slices.ContainsFunc(b.visited, func(u string) bool { return strings.Contains(u, "idp") }) || len(b.visited) == 0 {
		t.Errorf("the session of the team host was not enough: %q", b.visited)
	}
	root := s.browser()
	root.want(root.enter("auth.example.com", "/.access/login", "root"), 200, "The root&#39;s own")
	csp := root.get(s.url("auth.example.com", "/")).header.Get("Content-Security-Policy")
	if !strings.Contains(csp, "; img-src data: https://cdn.example.com") {
		t.Error("the logo cannot be loaded:", csp)
	}
}

// TestTeamPage: a sign-in at the team host leads to pages that show something there, and
// nowhere else.
func TestTeamPage(t *testing.T) {
	h := newSite(t, nil).replicas[0]
	origin := h.Origin("auth.example.com")
	for rd, want := range map[string]string{
		"": "/", "/": "/", "/?q=a": "/?q=a", "/.access/sessions": "/.access/sessions", "/.access/why?id=a&d=b": "/.access/why?id=a&d=b",
		"/.access/console": "/.access/console", "/.access/console/test?url=x": "/.access/console/test?url=x",
		"/.access/logout": "/", "/.access/logout?all": "/", "/.access/idp/people/callback": "/", "/.access/login": "/", "/.access/sessions2": "/",
		"//evil.com": "/", "/\\evil.com": "/", "https://evil.com/": "/", "https://auth.example.com/": "/", "/.access/console/../logout": "/",
		"/.access/console/%2e%2e/logout": "/",
		"/x":                             "/", "/.access/why\r\nX: y": "/", "/.access//sessions": "/", "/%2Fevil.com": "/", "javascript:alert(1)": "/",
		"/.access/console/..%2flogout": "/", "/#x": "/#x",
	} {
		if got := h.teamPage(rd); got != origin+want && !(want == "/#x" && got == origin+"/") {
			t.Errorf("%q leads to %q, want %q", rd, got, origin+want)
		}
	}
}

// TestSessions: a person sees where this browser is signed in, and ends one session there.
func TestSessions(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.get(s.url("auth.example.com", "/.access/sessions")), 200, "rd=%2F.access%2Fsessions")
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	p := b.get(s.url("auth.example.com", "/.access/sessions"))
	b.want(p, 200, "app1.example.com")
	b.want(p, 200, "People")
	if strings.Contains(p.body, "app2.example.net") {
		t.Error("there is a session at an application that nobody opened")
	}
	b.want(b.get(s.url("app2.example.net", "/")), 200, "for ann")
	b.want(b.get(s.url("auth.example.com", "/.access/sessions")), 200, "app2.example.net")

	end := func(host string, header ...string) page {
		p := b.do(http.MethodPost, s.url("auth.example.com", "/.access/sessions"), url.Values{"host": {host}}, header...)
		if strings.Contains(p.body, `id="onward"`) { // without a script, its button
			form, data := p.onward(t)
			p = b.do(http.MethodPost, data["action"], form, "Origin", s.url("auth.example.com", ""))
		}
		return p
	}
	b.want(end("app1.example.com", "Sec-Fetch-Site", "cross-site"), 403, "another site")
	p = end("app1.example.com")
	b.want(p, 200, "app2.example.net")
	if p.at.String() != s.url("auth.example.com", "/.access/sessions") || strings.Contains(p.body, "app1.example.com") {
		t.Errorf("%s still lists app1, or is another page", p.at)
	}
	if b.session("app1.example.com") != "" || b.session("app2.example.net") == "" {
		t.Error("another session was ended than the one that was meant")
	}
	for _, host := range []string{"", "evil.com", "APP1.example.com", "auth.example.com", "app1.example.com/x", "app1.example.com:1"} {
		if p := end(host); p.at.String() != s.url("auth.example.com", "/.access/sessions") {
			t.Errorf("%q leads to %s", host, p.at)
		}
	}
	s.later(23 * time.Hour)
	b.want(b.get(s.url("auth.example.com", "/.access/sessions")), 200, "app2.example.net")
	b.want(b.get(s.url("auth.example.com", "/.access/logout"), "Referer", s.url("auth.example.com", "/")), 200, "on all your devices")
	b.want(b.get(s.url("auth.example.com", "/.access/sessions")), 200, "not signed in")
}

// TestSessionsOfOthers: what a browser remembers of one person is not shown to the next.
func TestSessionsOfOthers(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	u, _ := url.Parse(s.url("auth.example.com", "/"))
	jar := b.client.Jar.Cookies(u)
	bob := s.browser()
	bob.want(bob.enter("app2.example.net", "/", "bob"), 200, "for bob")
	for _, c := range jar {
		if c.Name == openedCookie {
			bob.client.Jar.SetCookies(u, []*http.Cookie{{Name: c.Name, Value: c.Value, Path: "/", Secure: true}})
		}
	}
	p := bob.get(s.url("auth.example.com", "/.access/sessions"))
	if strings.Contains(p.body, "app1.example.com") || !strings.Contains(p.body, "bob@example.com") {
		t.Error(afterMain(p.body))
	}
}

// TestLastWord: only the team host ends one session, for one minute, at one host, and of the
// person who is signed in there.
func TestLastWord(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	h := s.replicas[0]
	word := func(host, id string) string {
		w := lastWord{farewell{Provider: "people", ID: id, To: s.url("auth.example.com", "/.access/sessions")}, host}
		sealed, err := s.ring.Seal(purposeEnd, w, s.now().Add(ticketTime), s.now())
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	id := h.Session(exchangeOf(t, s, b, "app1.example.com")).ID
	for name, sealed := range map[string]string{"none": "", "garbage": "x", "another host's": word("app2.example.net", id)} {
		b.want(b.get(s.url("app1.example.com", "/.access/logout?end="+url.QueryEscape(sealed)), "Sec-Fetch-Site", "cross-site"), 200, "Sign out?")
		if b.session("app1.example.com") == "" {
			t.Fatalf("%s: it ended a session", name)
		}
	}
	b.want(b.get(s.url("app1.example.com", "/.access/logout?end="+word("app1.example.com", "somebody else"))), 200, "Your sessions")
	if b.session("app1.example.com") == "" {
		t.Error("a word about somebody else ended a session")
	}
	late := word("app1.example.com", id)
	if p := b.do(http.MethodHead, s.url("app1.example.com", "/.access/logout?end="+late), nil); p.status != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: %d", p.status)
	}
	s.later(2 * ticketTime)
	b.want(b.get(s.url("app1.example.com", "/.access/logout?end="+late), "Sec-Fetch-Site", "cross-site"), 200, "Sign out?")
	if b.session("app1.example.com") == "" {
		t.Error("an old word ended a session")
	}
}

// exchangeOf is a request of a browser to a host.
func exchangeOf(t *testing.T, s *site, b *browser, host string) *public.Exchange {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url(host, "/"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.client.Jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	return &public.Exchange{R: r, Host: host, Table: s.table, Ring: s.ring, Now: s.now()}
}

// TestOpenedIsBounded: however many applications somebody opens, what the browser remembers
// fits beside a ticket, and the latest are in it.
func TestOpenedIsBounded(t *testing.T) {
	var hosts []string
	for i := range 40 {
		hosts = append(hosts, strings.Repeat(string(rune('a'+i%26)), 1+i)+".apps.example.com")
	}
	s := newSite(t, func(all []policy.Policy) []policy.Policy {
		p := named("many", hosts...)
		p.Rules = allow(everyone())
		return append(all, p)
	})
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	for _, host := range hosts {
		b.want(b.get(s.url(host, "/")), 200, "for ann")
	}
	u, _ := url.Parse(s.url("auth.example.com", "/"))
	size := 0
	for _, c := range b.client.Jar.Cookies(u) {
		if c.Name == openedCookie {
			size = len(c.Value)
		}
	}
	p := b.get(s.url("auth.example.com", "/.access/sessions"))
	b.want(p, 200, hosts[39])
	if n := strings.Count(p.body, `name="host"`); n < 8 || n > maxOpened || size == 0 || size > 1500 {
		t.Errorf("%d applications in %d bytes", n, size)
	}
}
