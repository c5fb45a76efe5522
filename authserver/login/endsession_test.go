// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
)

// departing is a site with carol signed in at a provider whose session a sign-out ends.
func departing(t *testing.T, metadata map[string]any, change func(*idp.Config)) (*site, *openIDProvider, *browser) {
	t.Helper()
	s, p := newSite(t, nil), newOpenIDProvider(t)
	s.stop() // what is voided is so to the second
	p.metadata = metadata
	c := p.config()
	c.EndSession = true
	if change != nil {
		change(&c)
	}
	if problems := s.providers.Update([]idp.Config{c}); len(problems) > 0 {
		t.Fatal(problems)
	}
	b := s.browser()
	b.follow = false
	answer := p.answer(b, false)
	b.follow = true
	b.want(b.get(s.url("auth.example.com", "/.access/idp/corp/callback?"+answer.Encode())), 200, "for carol@example.com")
	b.follow = false
	return s, p, b
}

// voids reports whether what a user has by now is void.
func (s *site) voids(provider, id string) bool {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table.Revoked(&policy.Subject{Provider: provider, ID: id, SignedInAt: now})
}

// signOut signs out everywhere, at an application or the team host, and returns where it leads.
func (b *browser) signOut(host, query string) page {
	b.t.Helper()
	p := b.do(http.MethodPost, b.url(host, "/.access/logout"+query), nil, "Origin", b.url(host, ""))
	for strings.HasPrefix(p.location, b.url("auth.example.com", "/.access/logout")) {
		p = b.get(p.location)
	}
	return p
}

// The scheme is that of the issuer, which is on this machine here.
const ending = "http://sso.example.com/logout"

// TestEndSession: who signs out everywhere is led to the provider, with nothing of ours left, and comes back.
func TestEndSession(t *testing.T) {
	for name, c := range map[string]struct {
		host, query, endpoint, lands string
		byHand                       bool
	}{
		"application":      {"app1.example.com", "?all", ending, "/.access/signed-out", false},
		"team host":        {"auth.example.com", "", ending, "/.access/signed-out", false},
		"with a way back":  {"app1.example.com", "?all&rd=/bye", ending, "https://app1.example.com:PORT/bye", false},
		"nobody's address": {"app1.example.com", "?all&rd=https://evil.example/", ending, "https://app1.example.com:PORT/", false},
		"with a query":     {"auth.example.com", "", ending + "?p=policy&client_id=other&state=x", "/.access/signed-out", false},
		"by hand":          {"auth.example.com", "", "http://127.0.0.1:9/logout", "/.access/signed-out", true},
	} {
		metadata, change := map[string]any{"end_session_endpoint": c.endpoint}, (func(*idp.Config))(nil)
		if c.byHand {
			metadata, change = nil, func(p *idp.Config) { p.EndSessionURL = c.endpoint }
		}
		s, _, b := departing(t, metadata, change)
		p := b.signOut(c.host, c.query)
		u, err := url.Parse(p.location)
		if err != nil || !strings.HasPrefix(p.location, strings.TrimSuffix(c.endpoint, "?p=policy&client_id=other&state=x")+"?") {
			t.Fatalf("%s: leads to %q (%d)", name, p.location, p.status)
		}
		q := u.Query()
		if len(q["client_id"]) != 1 || q.Get("client_id") != "ostiary" ||
			q.Get("post_logout_redirect_uri") != s.url("auth.example.com", "/.access/signed-out") || q.Get("logout_hint") != "carol@example.com" ||
			q.Has("id_token_hint") || len(q["state"]) != 1 {
			t.Errorf("%s: %v", name, q)
		}
		if strings.Contains(c.endpoint, "p=") != (q.Get("p") == "policy") {
			t.Errorf("%s: its own query: %v", name, q)
		}
		// Nothing depends on whether they come back.
		if !s.voids("corp", "carol") || slices.Contains(b.jar("auth.example.com"), teamCookie) {
			t.Errorf("%s: still signed in: %v", name, b.jar("auth.example.com"))
		}
		back := b.get(q.Get("post_logout_redirect_uri") + "?state=" + url.QueryEscape(q.Get("state")))
		if want := strings.ReplaceAll(c.lands, "PORT", s.port); c.lands[0] == '/' {
			b.want(back, 200, "on all your devices")
		} else if back.location != want {
			t.Errorf("%s: comes back to %q, want %q", name, back.location, want)
		}
	}
}

// TestEndSessionFails: THREATS E15. A provider that cannot be asked, or names no address that browsers may be sent to, undoes no sign-out.
func TestEndSessionFails(t *testing.T) {
	for name, metadata := range map[string]map[string]any{
		"none": nil, "another scheme": {"end_session_endpoint": "https://sso.example.com/logout"},
		"script":   {"end_session_endpoint": "javascript:alert(1)"},
		"fragment": {"end_session_endpoint": ending + "#x"}, "user": {"end_session_endpoint": "http://a@sso.example.com/"},
		"query": {"end_session_endpoint": ending + "?a=%zz"}, "relative": {"end_session_endpoint": "/logout"},
	} {
		s, _, b := departing(t, metadata, nil)
		b.want(b.signOut("app1.example.com", "?all"), 200, "on all your devices")
		if !s.voids("corp", "carol") {
			t.Errorf("%s: still signed in", name)
		}
	}
	s, p, b := departing(t, map[string]any{"end_session_endpoint": ending}, nil)
	p.server.Close()
	c := p.config()
	c.EndSession, c.DisplayName = true, "Another" // nothing is known of it any more
	s.providers.Update([]idp.Config{c})
	b.want(b.signOut("auth.example.com", ""), 200, "on all your devices")
	s, _, b = departing(t, map[string]any{"end_session_endpoint": ending}, func(c *idp.Config) { c.EndSession = false })
	b.want(b.signOut("auth.example.com", ""), 200, "on all your devices")
	if !s.voids("corp", "carol") {
		t.Error("Local: still signed in")
	}
}

// TestEndSessionOfOneApplication: the provider's session ends with all of ours, and not with one, nor to be somebody else.
func TestEndSessionOfOneApplication(t *testing.T) {
	s, _, b := departing(t, map[string]any{"end_session_endpoint": ending}, nil)
	b.want(b.signOut("app1.example.com", ""), 200, "app1.example.com")
	b.want(b.signOut("auth.example.com", "?switch=1"), 200, "signed out")
	if s.voids("corp", "carol") {
		t.Error("everything was ended")
	}
}

// TestGone: the address that a provider sends people back to ends nothing, and leads nowhere but where its state says.
func TestGone(t *testing.T) {
	s, _, b := departing(t, map[string]any{"end_session_endpoint": ending}, nil)
	there := s.url("auth.example.com", "/.access/signed-out")
	if p := b.get(there); p.location != s.url("auth.example.com", "/") {
		t.Errorf("who is signed in is told otherwise: %d %q", p.status, p.location)
	}
	b.want(b.get(s.url("auth.example.com", "/")), 200, "carol@example.com")
	sealed := queryOf(b.signOut("app1.example.com", "?all&rd=/bye").location).Get("state")
	other, err := s.ring.Seal(purposeBack, departure{To: "https://evil.example/"}, s.now().Add(time.Hour), s.now())
	if err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"", "?state=", "?state=x", "?state=" + url.QueryEscape(other), "?rd=https://evil.example/",
		"?state=" + url.QueryEscape(sealed) + "&state=x"} {
		if p := b.get(there + query); p.status != 200 || p.location != "" || strings.Contains(p.body, "evil.example") {
			t.Errorf("%s: %d %q", query, p.status, p.location)
		}
	}
	if p := b.get(there + "?state=" + url.QueryEscape(sealed)); p.location != s.url("app1.example.com", "/bye") {
		t.Errorf("leads to %q", p.location)
	}
	s.later(goneTime)
	if p := b.get(there + "?state=" + url.QueryEscape(sealed)); p.status != 200 || p.location != "" {
		t.Errorf("after an hour: %d %q", p.status, p.location)
	}
	if p := b.do(http.MethodPost, there, url.Values{"state": {sealed}}, "Origin", s.url("auth.example.com", "")); p.status != 405 {
		t.Errorf("a form: %d", p.status)
	}
}
