// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/public"
)

// posting is a site whose provider answers by forms, if posts, and a browser at it: answer is
// what the provider has it post.
func posting(t *testing.T, posts bool) (s *site, p *openIDProvider, b *browser, answer url.Values) {
	t.Helper()
	s, p = newSite(t, nil), newOpenIDProvider(t)
	c := p.config()
	c.FormPost = posts
	if problems := s.providers.Update([]idp.Config{c}); len(problems) > 0 {
		t.Fatal(problems)
	}
	b = s.browser()
	b.follow = false
	return s, p, b, p.answer(b, posts)
}

// answer signs somebody in there, in a browser that begins at app1.
func (p *openIDProvider) answer(b *browser, posts bool) url.Values {
	p.t.Helper()
	at := b.get(b.url("app1.example.com", "/orders?id=7"))
	for !strings.HasPrefix(at.location, p.server.URL) {
		if at.location == "" {
			p.t.Fatalf("%s leads nowhere: %d", at.at, at.status)
		}
		at = b.get(at.location)
	}
	mode := queryOf(at.location).Get("response_mode")
	if posts && mode != "form_post" || !posts && mode != "" {
		p.t.Errorf("response_mode is %q", mode)
	}
	return queryOf(p.finish(at.location))
}

// across is what a browser sends that posts a form of another site: no cookies, as none
// of ours is for that.
func (s *site) across(address string, form url.Values) page {
	s.t.Helper()
	b := s.browser()
	b.follow = false
	return b.do(http.MethodPost, address, form, "Origin", "https://login.example.org", "Sec-Fetch-Site", "cross-site")
}

// TestFormPost: the answer that a provider's page posts is taken by the browser that began,
// although its cookies do not come along.
func TestFormPost(t *testing.T) {
	s, p, b, answer := posting(t, true)
	answer.Set("user", `{"name":{"firstName":"Carol"}}`) // as Apple has it
	posted := s.across(s.url("auth.example.com", "/.access/idp/corp/callback"), answer)
	header := posted.header
	if posted.status != http.StatusSeeOther || header.Get("Referrer-Policy") != "no-referrer" || len(header["Set-Cookie"]) > 0 {
		t.Fatalf("%d %v", posted.status, posted.header)
	}
	to, err := url.Parse(posted.location)
	if err != nil || to.Host != "auth.example.com:"+s.port || to.Path != "/.access/idp/corp/callback" || to.Query().Has("user") {
		t.Fatalf("the answer goes to %s", posted.location)
	}
	if p.asked() != 0 {
		t.Fatal("the code was used before the browser showed that it began")
	}
	b.follow = true
	b.want(b.get(posted.location), 200, "app1.example.com/orders?id=7 for carol@example.com")
	b.want(b.get(posted.location), 200, "") // a second time it is of no use, and leads on
	if p.asked() != 1 {
		t.Errorf("the code was used %d times", p.asked())
	}
}

// TestFormPostOfAnother: THREATS E4. The answer to somebody else's sign-in signs nobody in.
func TestFormPostOfAnother(t *testing.T) {
	s, p, _, answer := posting(t, true)
	victim := s.browser()
	victim.follow = false
	posted := s.across(s.url("auth.example.com", "/.access/idp/corp/callback"), answer)
	got := victim.get(posted.location)
	if p.asked() != 0 || got.status == 200 || !strings.HasPrefix(got.location, p.server.URL) {
		t.Errorf("%d, to %s; the code was used %d times", got.status, got.location, p.asked())
	}
	if victim.session("app1.example.com") != "" {
		t.Error("it has a session")
	}
}

// TestFormPostRefused: what is no such answer leads nowhere, and what is one is taken at no
// other address and of no other provider.
func TestFormPostRefused(t *testing.T) {
	const callback = "/.access/idp/corp/callback"
	s, _, _, answer := posting(t, true)
	with := func(name string, values ...string) url.Values {
		out := url.Values{}
		for k, v := range answer {
			out[k] = v
		}
		out[name] = values
		return out
	}
	for name, c := range map[string]struct {
		host, path string
		form       url.Values
		status     int
	}{
		"an application's host":  {"app1.example.com", callback, answer, 404},
		"another step":           {"auth.example.com", "/.access/login/app1.example.com", answer, 403},
		"a provider of no name":  {"auth.example.com", "/.access/idp/nobody/callback", answer, 403},
		"a path below":           {"auth.example.com", callback + "/x", answer, 404},
		"two states":             {"auth.example.com", callback, with("state", "a", "b"), 400},
		"two codes":              {"auth.example.com", callback, with("code", "a", "b"), 400},
		"too long":               {"auth.example.com", callback, with("code", strings.Repeat("x", public.MaxForm)), 400},
		"an error":               {"auth.example.com", callback, with("error", "user_cancelled_authorize"), 303},
		"a code with line ends":  {"auth.example.com", callback, with("code", "a\r\nSet-Cookie: x=y"), 303},
		"nothing that is known":  {"auth.example.com", callback, url.Values{"x": {"y"}}, 303},
		"longer than an address": {"auth.example.com", callback, with("code", strings.Repeat("x", 6000)), 200}, // a page leads on
	} {
		got := s.across(s.url(c.host, c.path), c.form)
		if got.status != c.status || len(got.header["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d %v, want %d", name, got.status, got.header, c.status)
		}
	}
	s, _, _, answer = posting(t, false)
	if got := s.across(s.url("auth.example.com", callback), answer); got.status != 403 {
		t.Errorf("a provider that answers by addresses: %d", got.status)
	}
	s.providers.Update(nil)
	if got := s.across(s.url("auth.example.com", callback), answer); got.status != 403 {
		t.Errorf("a provider that was removed: %d", got.status)
	}
}
