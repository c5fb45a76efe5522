// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp/factor"
	"github.com/ostiary/ostiary/authserver/policy"
)

var secretOf = regexp.MustCompile(`secret=([A-Z2-7]+)`)

// TestRequired: who has none sets one up after the password, and has no session before.
func TestRequired(t *testing.T) {
	s, store := factorSite(t, "Required")
	b := s.browser()
	p := b.enter("app1.example.com", "/", "ann")
	b.want(p, 200, setsUp)
	b.want(p, 200, "<svg")
	if b.methods() != "no session" {
		t.Fatal("there is a session before there is a factor")
	}
	wrong := b.send(p, "code", "000000")
	b.want(wrong, 401, "Wrong code")
	secret, err := factor.SecretOf(secretOf.FindStringSubmatch(wrong.body)[1])
	if err != nil || secretOf.FindStringSubmatch(p.body)[1] != factor.SecretText(secret) {
		t.Fatal("it is another secret after a typing error", err)
	}
	code := codeAt(t, secret, s.now())
	done := b.send(wrong, "code", code)
	b.want(done, 200, "recovery codes")
	if n := len(regexp.MustCompile(`<li><code>`).FindAllString(done.body, -1)); n != factor.RecoveryCodes || b.methods() != "pwd otp mfa" {
		t.Errorf("%d codes, %s", n, b.methods())
	}
	next := regexp.MustCompile(`<a class="button" href="([^"]+)"`).FindStringSubmatch(afterMain(done.body))[1]
	b.want(b.get(strings.ReplaceAll(next, "&amp;", "&")), 200, "app1.example.com/ for ann@example.com")
	b.want(b.send(wrong, "code", codeAt(t, secret, s.now().Add(30*time.Second))), 400, "has changed") // once
	again := s.browser()
	q := again.enter("app1.example.com", "/", "ann")
	again.want(q, 200, asksForCode)
	again.want(again.send(q, "code", code), 401, "already used") // what it was set up with
	if e, err := store.Of(t.Context(), "people/ann"); err != nil || !bytes.Equal(e.TOTP.Secret, secret) {
		t.Errorf("%+v, %v", e, err)
	}
}

var formAction = regexp.MustCompile(`<form method="post" action="([^"]+)"`)

// TestMine: people add, renew and remove what they have, and are told what was done.
func TestMine(t *testing.T) {
	s, store := factorSite(t, "Optional")
	var log bytes.Buffer
	for _, r := range s.replicas {
		r.Log = slog.New(slog.NewTextHandler(&log, nil))
	}
	b, mine := s.browser(), s.url("auth.example.com", "/.access/second-factor")
	b.want(b.get(mine), 200, `type="password"`) // nobody yet
	b.enter("app1.example.com", "/", "ann")
	b.want(b.get(mine), 200, `value="add"`)
	s.later(6 * time.Minute)
	p := b.do(http.MethodPost, mine, url.Values{"do": {"add"}})
	b.want(p, 200, `type="password"`) // too long ago
	p.at, _ = url.Parse(formAction.FindStringSubmatch(afterMain(p.body))[1])
	b.want(b.signIn(p, "ann", password), 200, `value="add"`)
	p = b.do(http.MethodPost, mine, url.Values{"do": {"add"}})
	b.want(p, 200, setsUp)
	secret, _ := factor.SecretOf(secretOf.FindStringSubmatch(p.body)[1])
	b.want(b.send(p, "code", codeAt(t, secret, s.now())), 200, "recovery codes")
	b.want(b.get(mine), 200, "Authenticator app added")
	b.want(b.send(p, "code", codeAt(t, secret, s.now().Add(30*time.Second))), 400, "has changed")
	post := func(do, code string) page { return b.do(http.MethodPost, mine, url.Values{"do": {do}, "code": {code}}) }
	for _, do := range []string{"remove", "codes"} {
		b.want(post(do, ""), 401, "Wrong code")
		b.want(post(do, codeAt(t, secret, s.now())), 401, "Wrong code") // used
	}
	s.later(time.Minute)
	b.want(post("codes", codeAt(t, secret, s.now())), 200, "recovery codes")
	s.later(time.Minute)
	b.want(post("remove", codeAt(t, secret, s.now())), 200, `value="add"`)
	b.want(b.get(s.url("auth.example.com", "/.access/sessions")), 200, "Authenticator app removed")
	b.want(post("remove", "000000"), 400, "has changed")
	b.want(post("other", ""), 400, "")
	if e, err := store.Of(t.Context(), "people/ann"); err != nil || e.Any() || len(e.Recovery) > 0 {
		t.Errorf("%+v, %v", e, err)
	}
	for _, want := range []string{"totp-added", "recovery-codes-made", "totp-removed", "user=ann", "address=192.0.2.7"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	for _, secret := range []string{factor.SecretText(secret), codeAt(t, secret, s.now())} {
		if strings.Contains(log.String(), secret) {
			t.Error("the log has a secret")
		}
	}
}

// TestNotMine: there is nothing to see for those who have no second factors.
func TestNotMine(t *testing.T) {
	s := newSite(t, nil)
	b := s.browser()
	b.enter("app1.example.com", "/", "ann")
	b.want(b.get(s.url("auth.example.com", "/.access/second-factor")), 404, "")
	if p := b.get(s.url("auth.example.com", "/.access/sessions")); strings.Contains(p.body, "second-factor") {
		t.Error("there is a link all the same")
	}
}

// TestEnrolmentOfAnother: somebody else signs in with that browser between the page and the code.
func TestEnrolmentOfAnother(t *testing.T) {
	s, store := factorSite(t, "Optional")
	b, mine := s.browser(), s.url("auth.example.com", "/.access/second-factor")
	b.enter("app1.example.com", "/", "ann")
	p := b.do(http.MethodPost, mine, url.Values{"do": {"add"}})
	b.want(p, 200, setsUp)
	u, _ := url.Parse(mine)
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: teamCookie, Path: "/", Secure: true, MaxAge: -1}})
	secret, _ := factor.SecretOf(secretOf.FindStringSubmatch(p.body)[1])
	code := codeAt(t, secret, s.now())
	b.want(b.send(p, "code", code), 400, "") // signed out
	b.enter("app2.example.net", "/", "bob")
	b.want(b.send(p, "code", code), 400, "")
	for _, user := range []string{"ann", "bob"} {
		if e, err := store.Of(t.Context(), "people/"+user); err != nil || e.Any() {
			t.Errorf("%s: %+v, %v", user, e, err)
		}
	}
}

// TestMethodsLast: a session that is renewed has the methods that it was made by, and rules see them.
func TestMethodsLast(t *testing.T) {
	s, store := factorSite(t, "Optional")
	p := standard(s.port)
	p[0].Rules[0].Require = []policy.Selector{{Property: policy.AuthMethod, Value: "otp"}}
	s.publish(p)
	give(t, store, "ann")
	b := s.browser()
	b.want(b.send(b.enter("app1.example.com", "/", "ann"), "code", codeAt(t, appSecret, s.now())), 200, "for ann@example.com")
	p[0].Session.Duration = time.Hour
	s.publish(p)
	s.later(2 * time.Hour)
	b.want(b.get(s.url("app1.example.com", "/")), 200, "for ann@example.com")
	if got := b.methods(); got != "pwd otp mfa" {
		t.Errorf("methods are %q", got)
	}
	other := s.browser()
	if q := other.enter("app1.example.com", "/", "bob"); q.status != 403 {
		t.Errorf("bob, by the password alone: %d", q.status)
	}
}

// FuzzSecondStep: whatever a form says, nobody has a session by it, and nothing is set up.
func FuzzSecondStep(f *testing.F) {
	s, store := factorSite(f, "Required")
	give(f, store, "ann")
	b := s.browser()
	p := b.enter("app1.example.com", "/", "ann")
	step := hidden.FindStringSubmatch(p.body)[2]
	good := codeAt(f, appSecret, s.now())
	f.Add(step, "code", "000000", "")
	f.Add(step+"x", "recovery", "0000-0000-0000-0000", "remove")
	f.Add("", "step", good, "add")
	b.follow = false
	f.Fuzz(func(t *testing.T, step, field, value, do string) {
		if strings.Contains(value, good[:3]) && strings.Contains(value, good[3:]) {
			return // it may be the right one
		}
		s.t = t
		form := url.Values{"step": {step}, field: {value}, "do": {do}}
		if p := b.do(http.MethodPost, s.url("auth.example.com", "/.access/second-factor"), form); p.status == 500 {
			t.Errorf("%d: %s", p.status, afterMain(p.body))
		}
		if got := b.methods(); got != "no session" {
			t.Errorf("methods are %q", got)
		}
	})
}
