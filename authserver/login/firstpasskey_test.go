// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/hack/lab/authenticator"
)

// TestFirstPasskeyIsRequired: who has to set up a factor before they are in may choose a passkey.
func TestFirstPasskeyIsRequired(t *testing.T) {
	s, store := factorSite(t, "Required")
	b, other, device := s.browser(), s.browser(), authenticator.New()
	p, q := b.enter("app1.example.com", "/x", "ann"), other.enter("app1.example.com", "/", "ann")
	b.want(p, 200, makesPasskey)
	b.want(p, 200, setsUp)
	answer, err := device.Create(b.options(p), b.team())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := authenticator.New().Create(other.options(q), "https://evil.example.com")
	if err != nil {
		t.Fatal(err)
	}
	other.want(other.send(q, "passkey", elsewhere, "name", "x"), 400, "not accepted")
	other.want(other.send(p, "passkey", answer, "name", "x"), 400, "another browser")
	other.want(other.send(q, "passkey", answer, "name", "x"), 400, "not accepted") // for another page
	b.want(b.send(p, "passkey", answer, "name", ""), 400, "Choose a name")
	if b.methods() != "no session" || other.methods() != "no session" || len(has(t, store)) > 0 {
		t.Fatal("they are in, or have a passkey, before they made one")
	}
	b.want(b.send(p, "passkey", answer, "name", "Blue key"), 200, "Save your recovery codes")
	if got := b.methods(); got != "pwd pop user mfa" {
		t.Errorf("methods are %q", got)
	}
	late, err := authenticator.New().Create(other.options(q), b.team())
	if err != nil {
		t.Fatal(err)
	}
	other.want(other.send(q, "passkey", late, "name", "Mine"), 400, "has changed")
	if got := strings.Join(has(t, store), ","); got != "Blue key" {
		t.Errorf("passkeys are %q", got)
	}
	p = other.enter("app1.example.com", "/", "ann")
	other.want(other.send(p, "passkey", other.touch(p, device)), 200, "for ann@example.com")
}

// TestPasskeysAreNotGuessed: who guesses codes with somebody's password does not keep their passkey out.
func TestPasskeysAreNotGuessed(t *testing.T) {
	s, _, _, device := withPasskey(t)
	thief, owner := s.browser(), s.browser()
	p := thief.enter("app1.example.com", "/", "ann")
	q := owner.enter("app1.example.com", "/", "ann")
	for range 30 {
		p.status = thief.send(p, "recovery", "0000-0000-0000-0000").status
	}
	if p.status != http.StatusTooManyRequests {
		t.Fatalf("guesses are not limited: %d", p.status)
	}
	for range 30 { // nor do answers that are none
		thief.want(thief.send(p, "passkey", "{}"), 401, "not accepted")
	}
	owner.want(owner.send(q, "passkey", owner.touch(q, device), "recovery", "0000-0000-0000-0000"), 200, "for ann@example.com")
}

// FuzzPasskeyStep: whatever somebody sends who has the password of another, it is no second factor. (THREATS J7)
func FuzzPasskeyStep(f *testing.F) {
	s, _, _, device := withPasskey(f)
	b := s.browser()
	p, before := b.enter("app1.example.com", "/", "ann"), b.enter("app2.example.net", "/", "ann")
	u, _ := url.Parse(b.url("auth.example.com", "/"))
	var cookies []string
	for _, c := range b.client.Jar.Cookies(u) {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	step := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(p.body, -1) {
		step.Set(m[1], m[2])
	}
	f.Add("passkey", b.touch(before, device)) // for another page
	f.Add("passkey", `{"id":"AA","rawId":"AA","type":"public-key",`+
		`"response":{"authenticatorData":"AA","signature":"AA","clientDataJSON":"e30"}}`)
	f.Add("code", "000000")
	f.Add("recovery", "0000-0000-0000-0000")
	f.Add("do", "remove")
	f.Fuzz(func(t *testing.T, name, value string) {
		form := url.Values{"step": step["step"]}
		form.Set(name, value)
		r := httptest.NewRequest(http.MethodPost, "/.access/second-factor", strings.NewReader(form.Encode()))
		r.Host = u.Host
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", strings.Join(cookies, "; "))
		w := httptest.NewRecorder()
		if !s.replicas[0].answers(w, r) || w.Code >= 500 {
			t.Fatalf("%q=%q: %d", name, value, w.Code)
		}
		for _, c := range w.Result().Cookies() {
			if c.Name == teamCookie && c.Value != "" {
				t.Fatalf("%q=%q: a session", name, value)
			}
		}
		s.replicas[0].limits = newLimits()
	})
}
