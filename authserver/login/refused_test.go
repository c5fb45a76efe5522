// SPDX-License-Identifier: Apache-2.0

package login

import (
	"bytes"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// The provider's reason reaches people and the log, as one line of plain text.
func TestProviderSaysWhy(t *testing.T) {
	for description, want := range map[string]string{
		"AADSTS50105: Not assigned to a role.": "AADSTS50105: Not assigned to a role.",
		"<script>alert(1)</script>":            "&lt;script&gt;alert(1)&lt;/script&gt;",
		"a\r\nlevel=ERROR \u202etxt\x1b[31m":   "a??level=ERROR ?txt?[31m",
		strings.Repeat("x", 5000):              strings.Repeat("x", 300) + "...",
		"":                                     "did not sign you in (access_denied).",
	} {
		s := newSite(t, nil)
		newOpenIDProvider(t).use(s)
		var log bytes.Buffer
		for _, r := range s.replicas {
			r.Log = slog.New(slog.NewJSONHandler(&log, nil))
		}
		b := s.browser()
		b.follow = false
		at := b.get(b.get(s.url("app1.example.com", "/.access/login?rd=/x")).location)
		p := b.get(s.url("auth.example.com", "/.access/idp/corp/callback?"+url.Values{"state": {queryOf(at.location).Get("state")}, "error": {"access_denied"}, "error_description": {description}}.Encode()))
		if p.status != 400 || !strings.Contains(p.body, want) || !strings.Contains(p.body, "access_denied") || !strings.Contains(p.body, s.url("app1.example.com", "/x")) {
			t.Errorf("%.40q: %d %s", description, p.status, afterMain(p.body))
		}
		if line := log.String(); description != "" && !strings.Contains(line, `"description":"`) || strings.ContainsAny(line, "\u202e\x1b") || len(line) > 4000 {
			t.Errorf("%.40q: %s", description, line)
		}
	}
	// Words that come without a visit of this browser are nobody's.
	s := newSite(t, nil)
	newOpenIDProvider(t).use(s)
	b, other := s.browser(), s.browser()
	b.follow, other.follow = false, false
	at := b.get(b.get(s.url("app1.example.com", "/.access/login?rd=/x")).location)
	for _, state := range []string{queryOf(at.location).Get("state"), "x", ""} {
		p := other.get(s.url("auth.example.com", "/.access/idp/corp/callback?"+url.Values{"state": {state}, "error": {"e"}, "error_description": {"call 555"}}.Encode()))
		if strings.Contains(p.body, "call 555") {
			t.Errorf("shown: %s", afterMain(p.body))
		}
	}
}

// A userinfo endpoint that fails keeps nobody out whom the ID token says enough
// about, and lets nobody in whom a rule could refuse for what it does not say.
func TestUserInfoIsNotNeeded(t *testing.T) {
	group, domain := policy.Selector{Property: policy.IdPGroup, Value: "staff"}, policy.Selector{Property: policy.EmailDomain, Value: "example.com"}
	for name, c := range map[string]struct {
		without string // the claim that the ID token does not have
		app1    []policy.Rule
		app2    []policy.Rule
		status  int
	}{
		"the address, and groups decide":                   {"email_verified", allow([]policy.Selector{group}), allow(everyone()), 200},
		"the address, and it decides":                      {"email_verified", allow([]policy.Selector{domain}), allow(everyone()), 403},
		"the address, and it lets in elsewhere":            {"email_verified", allow([]policy.Selector{group}), allow([]policy.Selector{domain}), 200},
		"the address, and it keeps out elsewhere":          {"email_verified", allow([]policy.Selector{group}), append([]policy.Rule{{Action: policy.Block, Include: []policy.Selector{domain}}}, allow(everyone())...), 403},
		"the groups, and nothing reads them":               {"groups", allow(everyone()), allow(everyone()), 200},
		"the groups, and they decide":                      {"groups", allow([]policy.Selector{group}), allow(everyone()), 403},
		"the groups, and they keep people out elsewhere":   {"groups", allow(everyone()), append([]policy.Rule{{Action: policy.Block, Include: []policy.Selector{group}}}, allow(everyone())...), 403},
		"nothing is missing, so that nobody has to answer": {"", allow([]policy.Selector{group, domain}), allow([]policy.Selector{domain}), 200},
	} {
		s := newSite(t, func(p []policy.Policy) []policy.Policy {
			p[0].Rules, p[1].Rules = c.app1, c.app2
			p[2].Rules = allow(everyone())
			return p
		})
		p := newOpenIDProvider(t)
		p.userinfo = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
		if delete(p.claims, c.without); c.without != "" && len(p.claims) == 3 {
			t.Fatal(c.without)
		}
		p.use(s)
		b := s.browser()
		b.follow = false
		at := b.walk(p, b.get(s.url("app1.example.com", "/x")))
		if at.status != c.status {
			t.Errorf("%s: %d %s", name, at.status, afterMain(at.body))
		}
		if c.without != "groups" || c.status != 200 {
			continue
		}
		// A rule that is made afterwards does not take what is not known for none.
		policies := standard(s.port)
		policies[0].Rules = append([]policy.Rule{{Action: policy.Block, Include: []policy.Selector{group}}}, allow(everyone())...)
		s.publish(policies)
		if at := b.walk(p, b.get(s.url("app1.example.com", "/x"))); at.status == 200 {
			t.Errorf("%s: a rule about groups is outrun", name)
		}
	}
}

// TestGroupsThatDoNotFitAreNotNone: whose groups do not all fit into what the provider says is
// not taken for somebody without them: a rule could keep them out by one that is missing.
func TestGroupsThatDoNotFitAreNotNone(t *testing.T) {
	group := policy.Selector{Property: policy.IdPGroup, Value: "suspended"}
	block := append([]policy.Rule{{Action: policy.Block, Include: []policy.Selector{group}}}, allow(everyone())...)
	many := make([]string, 1001)
	for i := range many {
		many[i] = "g" + strconv.Itoa(i)
	}
	elsewhere := map[string]any{"_claim_names": map[string]any{"groups": "src1"},
		"_claim_sources": map[string]any{"src1": map[string]any{"endpoint": "https://graph.example/x"}}}
	for name, c := range map[string]struct {
		claims map[string]any
		rules  []policy.Rule
		status int
	}{
		"kept elsewhere, and they decide":   {elsewhere, block, 403},
		"kept elsewhere, and nothing reads": {elsewhere, allow(everyone()), 200},
		"a thousand and one":                {map[string]any{"groups": many}, block, 403},
		"a thousand":                        {map[string]any{"groups": many[:1000]}, block, 200},
		"none":                              {map[string]any{"groups": []string{}}, block, 200},
	} {
		s := newSite(t, func(p []policy.Policy) []policy.Policy {
			for i := range p {
				p[i].Rules = allow(everyone())
			}
			p[0].Rules = c.rules
			return p
		})
		p := newOpenIDProvider(t)
		delete(p.claims, "groups")
		maps.Copy(p.claims, c.claims)
		p.use(s)
		b := s.browser()
		b.follow = false
		if at := b.walk(p, b.get(s.url("app1.example.com", "/x"))); at.status != c.status {
			t.Errorf("%s: %d %s", name, at.status, afterMain(at.body))
		}
	}
}
