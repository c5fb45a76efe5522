// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/public"
)

func TestGuessingIsSlowedDown(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	form := b.get(s.url("app1.example.com", "/"))
	tried := 0
	for ; tried < 50; tried++ {
		if p := b.signIn(form, "ann", "wrong"); p.status == http.StatusTooManyRequests {
			if p.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			break
		}
	}
	// Each replica counts for itself.
	if tried < 5 || tried > 25 {
		t.Errorf("%d passwords could be tried at once", tried)
	}
	b.want(b.signIn(form, "bob", password), 200, "for bob") // another account is another matter
	s.later(time.Minute)
	form = b.get(s.url("app2.example.net", "/"))
	if form.status == 429 {
		t.Error("still held off")
	}
}

// Guesses of somebody whose address is not known lock nobody out at once, and yet
// come to an end.
func TestGuessingWithoutAddress(t *testing.T) {
	l, now := newLimits(), time.Now()
	tried := 0
	guess := func(account string, now time.Time) bool { _, ok := l.guess(netip.Addr{}, account, "", now); return ok }
	for guess("people\x00ann", now) {
		tried++
	}
	if tried < 50 || tried > 200 {
		t.Errorf("%d guesses at once", tried)
	}
	if !guess("people\x00bob", now) || !guess("people\x00ann", now.Add(time.Minute)) {
		t.Error("others, or a minute later, are held off as well")
	}
}

// Whoever uses up the guesses at an account does not keep its owner out of a
// browser that has signed in before, and that browser has few guesses itself.
func TestGuessingAtAnotherDevice(t *testing.T) {
	s := newSite(t, nil)
	owner, thief := s.browser(), s.browser()
	owner.want(owner.enter("app1.example.com", "/", "ann"), 200, "for ann")
	forget := func() {
		team, _ := url.Parse(s.url("auth.example.com", "/"))
		owner.client.Jar.SetCookies(team, []*http.Cookie{{Name: teamCookie, Path: "/", Secure: true, MaxAge: -1}})
	}
	forget()
	form, its := thief.get(s.url("app1.example.com", "/")), owner.get(s.url("app2.example.net", "/"))
	for held := 0; held < 4; { // there are two replicas, and each counts for itself
		if thief.signIn(form, "ann", "wrong").status == http.StatusTooManyRequests {
			held++
		}
	}
	if p := thief.signIn(form, "ann", password); p.status != http.StatusTooManyRequests {
		t.Fatalf("the guesses are not used up: %d", p.status)
	}
	owner.want(owner.signIn(its, "ann", password), 200, "for ann")
	forget()
	its = owner.get(s.url("app3.example.org", "/"))
	s.stop()
	tried := 0
	for tried < 50 && owner.signIn(its, "ann", "wrong").status != http.StatusTooManyRequests {
		tried++
	}
	if tried < 5 || tried > 25 {
		t.Errorf("a device that is known may try %d passwords at once", tried)
	}
}

// A device is known for the one account.
func TestDeviceIsForOneAccount(t *testing.T) {
	s := newSite(t, nil)
	now := time.Now()
	w := httptest.NewRecorder()
	s.replicas[0].rememberDevice(&public.Exchange{W: w, R: httptest.NewRequest(http.MethodPost, "/", nil), Ring: s.ring, Now: now}, "people\x00ann")
	again := httptest.NewRequest(http.MethodPost, "/", nil)
	for _, c := range w.Result().Cookies() {
		again.AddCookie(c)
	}
	x := &public.Exchange{R: again, Ring: s.ring, Now: now.Add(time.Hour)}
	if deviceOf(x, "people\x00ann") == "" || deviceOf(x, "people\x00bob") != "" || deviceOf(x, "corp\x00ann") != "" {
		t.Error("it is known for another account, or not for its own")
	}
	if x.Now = now.Add(deviceTime + time.Minute); deviceOf(x, "people\x00ann") != "" {
		t.Error("it is known for ever")
	}
}
