// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/credential"
)

// A key goes along with a form from another site, which the team host may be.
func TestOnwardKey(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.follow = false
	for _, p := range []page{b.get(s.url(app1, "/.access/login?rd=%2F")),
		b.byScript(s.url(app1, "/.access/login"), s.url(app1, ""), url.Values{"rd": {"/"}})} {
		c, err := http.ParseSetCookie(p.header.Get("Set-Cookie"))
		if err != nil || !strings.HasPrefix(c.Name, keyCookie) || c.SameSite != http.SameSiteNoneMode || !c.Secure || !c.HttpOnly {
			t.Errorf("%v %v", c, err)
		}
	}
}

// A browser that drops the cookies that another host's page is answered with, and sends those that
// there are, as WebKitGTK does where a top-level name is unknown to it: the ticket is not used up
// by that page, and the application's own redeems it. So it is with the key, as a sign-in begins.
func TestOnwardCookiesAreDropped(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	form, data := b.began("/x").onward(t)
	team, jar := s.url(teamAt, ""), b.client.Jar
	drops := func(address string, form url.Values) page {
		t.Helper()
		var dropped []*http.Cookie
		b.client.Jar = frozen{jar, &dropped}
		defer func() { b.client.Jar = jar }()
		return b.byScript(address, team, form)
	}
	for range 3 {
		if p := drops(data["action"], form); p.status != 409 || p.hasSession() || p.header.Get("X-Access-Reason") != "no-state" {
			t.Fatalf("%d %s", p.status, p.body)
		}
	}
	if p := b.byScript(data["action"], s.url(app1, ""), form); p.status != 200 || !p.hasSession() {
		t.Errorf("the application's own page: %d %s", p.status, p.body)
	}

	b.client.Jar = s.browser().client.Jar // it has no key
	jar = b.client.Jar
	if p := drops(s.url(app1, "/.access/login"), url.Values{"rd": {"/x"}}); p.status != 409 || p.to() != "" {
		t.Errorf("a sign-in begins: %d %s", p.status, p.body)
	}
	if p := b.byScript(s.url(app1, "/.access/login"), team, url.Values{"rd": {"/x"}}); p.status != 200 || p.to() == "" {
		t.Errorf("a browser that keeps cookies: %d %s", p.status, p.body)
	}
}

// What has come back is of this very ticket: another one's cookie, or one that somebody planted,
// shows nothing.
func TestOnwardKeptIsOfTheTicket(t *testing.T) {
	s := newSite(t, nil)
	for name, plant := range map[string]string{"nothing": "", "garbage": "x", "of another ticket": digest("another")} {
		b := s.browser()
		form, data := b.began("/x").onward(t)
		header := []string{"Origin", s.url(teamAt, ""), "Accept", "application/json"}
		if plant != "" {
			u, _ := url.Parse(data["action"])
			b.client.Jar.SetCookies(u, []*http.Cookie{{Name: keptCookie, Value: plant, Path: "/", Secure: true}})
		}
		if p := b.do(http.MethodPost, data["action"], form, header...); p.status != 409 || p.hasSession() {
			t.Errorf("%s: %d %s", name, p.status, p.body)
		}
		if p := b.do(http.MethodPost, data["action"], form, header...); p.status != 200 || !p.hasSession() {
			t.Errorf("%s, again: %d %s", name, p.status, p.body)
		}
	}
}

// A script is told of a loop, and of an installation where nobody can sign in.
func TestOnwardLoop(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	for range maxBounces {
		form, data := b.began("/x").onward(t)
		b.byScript(data["action"], s.url(teamAt, ""), form)
	}
	if p := b.byScript(s.url(app1, "/.access/login"), s.url(app1, ""), url.Values{"rd": {"/x"}}); p.status != 409 || p.to() != "" {
		t.Errorf("%d %s", p.status, p.body)
	}
}

// The team host ends a session at an application by a form, too.
func TestOnwardEnd(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter(app1, "/", "ann"), 200, "for ann")
	b.follow = false
	form, data := b.do(http.MethodPost, s.url(teamAt, "/.access/sessions"), url.Values{"host": {app1}}).onward(t)
	if data["action"] != s.url(app1, "/.access/logout") || data["data-to"] != s.url(teamAt, "/.access/sessions") || form.Get("end") == "" {
		t.Fatal(data, form)
	}
	for _, origin := range []string{"https://evil.example", "null", s.url("app2.example.net", "")} {
		if p := b.byScript(data["action"], origin, form); p.status != 403 || b.session(app1) == "" {
			t.Errorf("%s: %d", origin, p.status)
		}
	}
	if p := b.byScript(data["action"], s.url(teamAt, ""), form); p.status != 200 || p.to() != data["data-to"] || b.session(app1) != "" {
		t.Errorf("%d %s", p.status, p.body)
	}
}

// A page of the application signs out by a script.
func TestSignOutByScript(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.want(b.enter(app1, "/", "ann"), 200, "for ann")
	b.want(b.get(s.url("app2.example.net", "/")), 200, "for ann")
	there := b.session("app2.example.net")
	if p := b.byScript(s.url(app1, "/.access/logout"), s.url(app1, ""), url.Values{}); p.status != 200 || b.session(app1) != "" {
		t.Errorf("here: %d", p.status)
	}
	b.want(b.get(s.url(app1, "/")), 200, "for ann")
	if p := b.byScript(s.url(app1, "/.access/logout?all"), s.url(app1, ""), url.Values{}); p.status != 200 || b.session(app1) != "" ||
		!strings.HasPrefix(p.to(), s.url(teamAt, "/.access/logout?farewell=")) {
		t.Errorf("everywhere: %d %s", p.status, p.body)
	}
	stranger := s.browser()
	stranger.follow = false
	if p := stranger.get(s.url("app2.example.net", "/"), "Cookie", credential.CookieName+"="+there); p.status != 302 {
		t.Errorf("the session elsewhere: %d", p.status)
	}
}
