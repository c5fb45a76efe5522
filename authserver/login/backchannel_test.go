// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// word is what the provider says of carol, changed.
func (p *openIDProvider) word(now time.Time, change map[string]any) map[string]any {
	c := map[string]any{"iss": p.server.URL, "aud": "ostiary", "sub": "carol", "iat": now.Unix(),
		"exp": now.Add(2 * time.Minute).Unix(), "jti": public.RandomID(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}}}
	maps.Copy(c, change)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

func typed(kind string) *jose.SignerOptions {
	return (&jose.SignerOptions{}).WithType(jose.ContentType(kind))
}

// tell sends a form to the back channel, as a server does.
func (s *site) tell(form url.Values) page {
	s.t.Helper()
	b := s.browser()
	b.follow = false
	return b.do(http.MethodPost, s.url("auth.example.com", "/.access/idp/corp/backchannel-logout"), form, "Origin", "")
}

func (s *site) said(token string) page {
	s.t.Helper()
	return s.tell(url.Values{"logout_token": {token}})
}

// TestBackchannelLogout: a sign-out at the provider ends all that somebody has, at every replica, and nothing of anybody else.
func TestBackchannelLogout(t *testing.T) {
	for _, kind := range []string{"logout+jwt", "JWT", "", "application/logout+jwt"} {
		s, p, b := departing(t, nil, nil)
		b.follow = true
		b.want(b.get(s.url("app2.example.net", "/")), 403, "")
		options := typed(kind)
		if kind == "" {
			options = nil
		}
		token := p.sign(p.word(s.now(), nil), options)
		if r := s.said(token); r.status != 200 || r.header.Get("Cache-Control") != "no-store" || r.header.Get("Set-Cookie") != "" {
			t.Fatalf("%q: %d %s %v", kind, r.status, r.body, r.header)
		}
		b.follow = false
		for range len(s.replicas) {
			if r := b.get(s.url("app1.example.com", "/")); r.status != http.StatusFound {
				t.Errorf("%q: still signed in: %d", kind, r.status)
			}
		}
		if s.voids("corp", "dave") || s.voids("people", "carol") {
			t.Error("others were signed out")
		}
		// It is good once at a replica, and by no replay does it reach what began since.
		s.later(2 * time.Minute)
		for range 2 * len(s.replicas) {
			s.said(token)
		}
		if s.voids("corp", "carol") {
			t.Errorf("%q: a new session is void", kind)
		}
	}
}

// TestBackchannelReaches: a word is about what began before it came, or a minute after it was said.
func TestBackchannelReaches(t *testing.T) {
	for said, void := range map[time.Duration]bool{0: true, -50 * time.Second: true, 50 * time.Second: true, -2 * time.Minute: false} {
		s, p, _ := departing(t, nil, nil)
		s.stop()
		word := p.word(s.now().Add(said), map[string]any{"exp": s.now().Add(time.Minute).Unix()})
		if r := s.said(p.sign(word, nil)); r.status != 200 {
			t.Fatalf("%s: %d %s", said, r.status, r.body)
		}
		if s.voids("corp", "carol") != void {
			t.Errorf("said %s from now: void %v", said, !void)
		}
	}
}

// TestBackchannelRefused: THREATS E14. Nothing else than the provider's own word for this client ends a session.
func TestBackchannelRefused(t *testing.T) {
	s, p, _ := departing(t, nil, nil)
	now := s.now()
	event := "http://schemas.openid.net/event/backchannel-logout"
	tokens := map[string]string{"": "", "no token": "x", "dots": "..", "long": strings.Repeat("a", 9<<10), "ID token": p.idToken("x"),
		"another type": p.sign(p.word(now, nil), typed("at+jwt"))}
	for name, change := range map[string]map[string]any{
		"issuer": {"iss": "https://evil.example"}, "no issuer": {"iss": nil}, "audience": {"aud": "other"}, "no audience": {"aud": nil},
		"nonce":       {"nonce": "x"},
		"empty nonce": {"nonce": ""}, "no events": {"events": nil}, "other events": {"events": map[string]any{"x": map[string]any{}}},
		"events, a list": {"events": []string{event}}, "event, a text": {"events": map[string]any{event: "x"}},
		"no user":      {"sub": nil, "sid": "1"},
		"user, a list": {"sub": []string{"carol"}}, "long user": {"sub": strings.Repeat("c", 256)}, "odd user": {"sub": "a\nb"},
		"no jti":        {"jti": nil},
		"jti, a number": {"jti": 7}, "over": {"exp": now.Add(-2 * time.Minute).Unix()}, "no end": {"exp": nil}, "no beginning": {"iat": nil},
		"of the future": {"iat": now.Add(2 * time.Minute).Unix()}, "times, texts": {"exp": "9999999999"},
	} {
		tokens[name] = p.sign(p.word(now, change), nil)
	}
	good := p.sign(p.word(now, nil), nil)
	parts := strings.Split(good, ".")
	tokens["unsigned"] = "eyJhbGciOiJub25lIn0." + parts[1] + "."
	tokens["damaged"] = parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))
	stranger := &openIDProvider{t: t, server: p.server, key: mustKey(t)}
	tokens["a stranger's key"] = stranger.sign(p.word(now, nil), nil)
	for name, token := range tokens {
		r := s.said(token)
		var answer struct{ Error string }
		if r.status != 400 || json.Unmarshal([]byte(r.body), &answer) != nil || answer.Error == "" ||
			r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	two := url.Values{"logout_token": {good, good}}
	if r := s.tell(two); r.status != 400 {
		t.Errorf("two: %d", r.status)
	}
	for address, status := range map[string]int{
		s.url("auth.example.com", "/.access/idp/corp/backchannel-logout?logout_token="+good):  400, // not in the body
		s.url("app1.example.com", "/.access/idp/corp/backchannel-logout"):                     404,
		s.url("auth.example.com", "/.access/idp/other/backchannel-logout"):                    404,
		s.url("auth.example.com", "/.access/idp/corp/backchannel-logout/"):                    404,
		s.url("auth.example.com", "/.access/idp/corp/x/backchannel-logout"):                   404,
		s.url("auth.example.com", "/.access/idp/corp/callback?logout_token=x&state=y&code=z"): 403,
	} {
		form := url.Values{"logout_token": {good}}
		if strings.Contains(address, "?") {
			form = url.Values{"x": {"y"}}
		}
		if r := s.browser().do(http.MethodPost, address, form, "Origin", "https://evil.example"); r.status != status {
			t.Errorf("%s: %d", address, r.status)
		}
	}
	r := s.browser().get(s.url("auth.example.com", "/.access/idp/corp/backchannel-logout?x"))
	if r.status != 405 || r.header.Get("Allow") != "POST" {
		t.Errorf("GET: %d", r.status)
	}
	large := bytes.Repeat([]byte("a"), public.MaxForm+1)
	if r := s.said(string(large)); r.status != 400 {
		t.Errorf("large: %d", r.status)
	}
	if s.voids("corp", "carol") {
		t.Fatal("something of that ended a session")
	}
	if r := s.said(good); r.status != 200 || !s.voids("corp", "carol") {
		t.Errorf("the good one: %d %s", r.status, r.body)
	}
}

// TestBackchannelAgain: a word that could not be put in force can be sent again.
func TestBackchannelAgain(t *testing.T) {
	s, p, _ := departing(t, nil, nil)
	for _, r := range s.replicas {
		r.Revoke = func(context.Context, policy.Revocation) error { return errors.New("down") }
	}
	token := p.sign(p.word(s.now(), nil), nil)
	for range 2 * len(s.replicas) {
		if r := s.said(token); r.status != 400 || !strings.Contains(r.body, "server_error") {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	for _, r := range s.replicas {
		r.Revoke = s.revoke
	}
	if r := s.said(token); r.status != 200 || !s.voids("corp", "carol") {
		t.Errorf("%d %s", r.status, r.body)
	}
}

// TestBackchannelFlood: whoever floods it is slowed down before anything is verified, and nobody else with them.
func TestBackchannelFlood(t *testing.T) {
	l := newLimits()
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	stranger, provider := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")
	n := 0
	for l.logout("corp", stranger, now) {
		n++
	}
	if n != 1000 {
		t.Errorf("%d at once", n)
	}
	if !l.logout("corp", provider, now) || !l.logout("corp", stranger, now.Add(10*time.Millisecond)) {
		t.Error("the provider is not heard")
	}
	for l.logout("corp", netip.Addr{}, now) {
		n++
	}
	if n != 2000 || !l.logout("other", netip.Addr{}, now) {
		t.Errorf("without addresses: %d", n)
	}
}

func mustKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
