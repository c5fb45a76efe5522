// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// inFrame is a form that the page in a frame begins with, and where it goes.
func (s *site) inFrame(more ...string) (address string, form url.Values) {
	form = url.Values{"rd": {"/.access/done"}, "for": {"/board"}, "jar": {"1"}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return s.url(app1, "/.access/login"), form
}

func newPartitioned(t *testing.T) *site {
	t.Helper()
	return newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Session.Cookie.Partitioned = true
		return p
	})
}

// keyOf is the key that an answer sets.
func (p page) keyOf(t *testing.T) *http.Cookie {
	t.Helper()
	for _, line := range p.header.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil && (strings.HasPrefix(c.Name, keyCookie) || strings.HasPrefix(c.Name, jarKeyCookie)) {
			return c
		}
	}
	t.Fatalf("no key: %d %v", p.status, p.header)
	return nil
}

// TestFrameJar: a frame has a jar of cookies of its own below another site (CHIPS), and the tab that
// it opens has another one. The key is in the frame's, and the ticket comes there, so that the session
// is there as well; the tab's page brings it nowhere else.
func TestFrameJar(t *testing.T) {
	s := newPartitioned(t)
	frame, tab := s.browser(), s.browser() // two jars of one browser
	login, form := s.inFrame()
	p := frame.byScript(login, s.url(app1, ""), form)
	key := p.keyOf(t)
	if p.status != 200 || !strings.HasPrefix(key.Name, jarKeyCookie) || !key.Partitioned || key.SameSite != http.SameSiteNoneMode ||
		!key.Secure || !key.HttpOnly {
		t.Fatalf("%d %v", p.status, key)
	}
	ticket, data := tab.signIn(tab.get(p.to()), "ann", password).onward(t)
	if data["data-only"] != "yes" || data["data-hand"] != "yes" || data["data-popup"] != "yes" || data["data-origin"] != s.url(app1, "") {
		t.Fatal(data)
	}
	if p := tab.byScript(data["action"], s.url(teamAt, ""), ticket); p.status != 409 || p.hasSession() {
		t.Errorf("the tab's own page: %d %s", p.status, p.body)
	}
	p = frame.byScript(data["action"], s.url(app1, ""), ticket)
	if p.status != 200 || !p.hasSession() {
		t.Fatalf("the frame: %d %s", p.status, p.body)
	}
	for _, line := range p.header.Values("Set-Cookie") {
		if c, err := http.ParseSetCookie(line); err == nil && c.Name == "__Host-ostiary" && c.MaxAge > 0 && (!c.Partitioned || c.SameSite != http.SameSiteNoneMode) {
			t.Error(line)
		}
	}
	frame.want(frame.get(s.url(app1, "/board")), 200, "/board for ann@example.com")
	tab.follow = false
	if p := tab.get(s.url(app1, "/board")); p.status != 302 {
		t.Errorf("the tab has a session at the application: %d", p.status)
	}
	if p := frame.byScript(data["action"], s.url(app1, ""), ticket); p.status != 200 || p.hasSession() {
		t.Errorf("a second time: %d %v", p.status, p.hasSession())
	}
	frame.forget(app1)
	if p := frame.byScript(data["action"], s.url(app1, ""), ticket); p.status != 400 || p.hasSession() {
		t.Errorf("a second time, signed out: %d", p.status)
	}
}

// TestFrameJarKeys: browsers that send both jars' cookies have two keys beside each other, and each
// sign-in ends by its own. Fifty frames leave no more than a few.
func TestFrameJarKeys(t *testing.T) {
	s := newPartitioned(t)
	b := s.browser()
	b.follow = false
	b.get(s.url(app1, "/.access/login?rd=%2F"))
	login, form := s.inFrame()
	names := map[string]bool{}
	for range 50 {
		names[b.byScript(login, s.url(app1, ""), form).keyOf(t).Name] = true
	}
	if len(names) != 1 {
		t.Errorf("one browser's keys: %v", names)
	}
	b.follow = true
	ticket, data := b.signIn(b.get(b.byScript(login, s.url(app1, ""), form).to()), "ann", password).onward(t)
	if p := b.byScript(data["action"], s.url(app1, ""), ticket); p.status != 200 || !p.hasSession() {
		t.Errorf("in both jars: %d %s", p.status, p.body)
	}
	for range 50 { // each as the first one of its browser
		names[s.browser().byScript(login, s.url(app1, ""), form).keyOf(t).Name] = true
	}
	if len(names) > jarSlots {
		t.Errorf("%d names", len(names))
	}
}

// TestFrameJarIsAsked: nobody but a script of the application's own page has a ticket come to its jar:
// no visit, no form, and no page of the team host. THREATS E13: nor from another network.
func TestFrameJarIsAsked(t *testing.T) {
	s := newPartitioned(t)
	login, form := s.inFrame()
	b := s.browser()
	b.follow = false
	if key := b.get(login + "?" + form.Encode()).keyOf(t); key.Partitioned {
		t.Error("a visit")
	}
	if key := b.do(http.MethodPost, login, form).keyOf(t); key.Partitioned {
		t.Error("a form")
	}
	if key := b.byScript(login, s.url(teamAt, ""), form).keyOf(t); key.Partitioned {
		t.Error("the team host's page")
	}
	if p := b.byScript(login, "https://evil.example", form); p.status != 403 {
		t.Errorf("another site's page: %d", p.status)
	}

	frame, tab := s.browser(), s.browser()
	to := frame.byScript(login, s.url(app1, ""), form).to()
	s.address = netip.MustParseAddr("198.51.100.9")
	ticket, data := tab.signIn(tab.get(to), "ann", password).onward(t)
	if data["data-hand"] != "" || data["data-only"] != "yes" {
		t.Error(data)
	}
	if p := frame.byScript(data["action"], s.url(app1, ""), ticket); p.status != 409 || p.hasSession() {
		t.Errorf("sent away: %d", p.status)
	}
	tab.follow = false // the tab goes on by a form, and signs in itself
	if p := tab.do(http.MethodPost, data["action"], ticket, "Origin", s.url(teamAt, "")); p.status != 303 ||
		!strings.HasPrefix(p.location, s.url(app1, "/.access/login?")) {
		t.Errorf("%d %s", p.status, p.location)
	}
}
