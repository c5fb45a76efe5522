// SPDX-License-Identifier: Apache-2.0

package login

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
)

const idleTime = 20 * time.Minute

// idling is a site whose app1 ends sessions that are not used; its clock goes by s.later alone.
func idling(t *testing.T) *site {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Session.Idle = idleTime
		return p
	})
	s.stop()
	return s
}

// after has time pass on a clock that is held.
func (s *site) after(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = s.stopped.Add(d)
}

// asked reports whether somebody who opens app1 is asked for a password.
func (b *browser) asked() bool {
	b.t.Helper()
	p := b.get(b.url("app1.example.com", "/orders"))
	if p.status != 200 {
		b.t.Fatalf("%s: %d %s", p.at, p.status, p.body)
	}
	return strings.Contains(p.body, `type="password"`)
}

// keep replaces what the browser says of when its person came by last.
func (b *browser) keep(value string) {
	u, _ := url.Parse(b.url("auth.example.com", "/"))
	c := &http.Cookie{Name: seenCookie, Value: value, Path: "/", Secure: true}
	if value == "" {
		c.MaxAge = -1
	}
	b.client.Jar.SetCookies(u, []*http.Cookie{c})
}

// TestIdle: who does not use an application for too long signs in anew, and who does never has to.
func TestIdle(t *testing.T) {
	s := idling(t)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	for range 40 {
		s.after(14 * time.Minute)
		if b.asked() {
			t.Fatal("somebody who is there has to sign in")
		}
	}
	s.after(idleTime + time.Minute)
	b.want(b.get(s.url("app2.example.net", "/")), 200, "for ann") // which does not mind
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	if b.asked() {
		t.Error("asked again, right after a sign-in")
	}
}

// TestIdleProperty: whatever the times of visits, a gap of more than the policy's time ends the session, and none
// of up to three quarters of it does.
func TestIdleProperty(t *testing.T) {
	s := idling(t)
	random := rand.New(rand.NewPCG(1, 2))
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	ends := 0
	for i := range 150 {
		gap := time.Duration(random.Int64N(int64(idleTime) * 5 / 4)).Truncate(time.Second)
		s.after(gap)
		asked := b.asked()
		if asked && gap <= idleTime*3/4 || !asked && gap > idleTime {
			t.Fatalf("visit %d, after %s: asked %v", i, gap, asked)
		}
		if asked {
			ends++
			b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
		}
	}
	if ends < 10 {
		t.Errorf("only %d ends", ends)
	}
}

// TestIdleSessionIsShort: without a visit to the team host a session is over after a quarter, whatever the cookie's age.
func TestIdleSessionIsShort(t *testing.T) {
	s := idling(t)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	b.follow = false
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{4 * time.Minute, 200}, {59 * time.Second, 200}, {time.Second, 302}} {
		s.after(c.after)
		if p := b.get(s.url("app1.example.com", "/")); p.status != c.want {
			t.Errorf("%s later: %d, want %d", c.after, p.status, c.want)
		}
	}
}

// TestIdleCookie: who drops what says when they came by, brings an older one, or that of another sign-in, is asked
// no later than who does not.
func TestIdleCookie(t *testing.T) {
	s := idling(t)
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	old := b.cookie(s.url("auth.example.com", "/"), seenCookie)
	for range 3 {
		s.after(14 * time.Minute)
		if b.asked() {
			t.Fatal("asked")
		}
	}
	good := b.cookie(s.url("auth.example.com", "/"), seenCookie)
	other := s.browser()
	other.want(other.enter("app1.example.com", "/", "bob"), 200, "for bob")
	s.after(6 * time.Minute)
	for name, value := range map[string]string{"none": "", "older": old, "damaged": good + "x",
		"of another": other.cookie(s.url("auth.example.com", "/"), seenCookie)} {
		b.keep(value)
		if !b.asked() {
			t.Errorf("%s: not asked", name)
		}
	}
	b.keep(good)
	if b.asked() {
		t.Error("the good one counts no more")
	}
	b.want(b.do("POST", s.url("auth.example.com", "/.access/logout"), nil,
		"Origin", s.url("auth.example.com", "")), 200, "on all your devices")
	if slices.Contains(b.jar("auth.example.com"), seenCookie) {
		t.Error("it is left after a sign-out")
	}
}

// TestIdleAsksTheProvider: the provider's own session is not enough, as nobody knows who sits there.
func TestIdleAsksTheProvider(t *testing.T) {
	s, p := idling(t), newOpenIDProvider(t)
	if problems := s.providers.Update([]idp.Config{p.config()}); len(problems) > 0 {
		t.Fatal(problems)
	}
	b := s.browser()
	b.follow = false
	answer := p.answer(b, false)
	b.follow = true
	b.want(b.get(s.url("auth.example.com", "/.access/idp/corp/callback?"+answer.Encode())), 200, "for carol@example.com")
	s.after(idleTime + time.Second)
	b.follow = false
	at := b.get(s.url("app1.example.com", "/"))
	for strings.Contains(at.location, "example.com") && at.location != "" && !strings.HasPrefix(at.location, p.server.URL) {
		at = b.get(at.location)
	}
	if q := queryOf(at.location); q.Get("prompt") != "login" || q.Get("max_age") != "0" {
		t.Errorf("leads to %q", at.location)
	}
}
