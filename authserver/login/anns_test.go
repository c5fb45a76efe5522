// SPDX-License-Identifier: Apache-2.0

package login

import (
	"cmp"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
)

// An ann is somebody of that name, at a provider.
type ann struct{ provider, sub string }

// anns have subjects that could pass for another's, and one address.
var anns = []ann{{"corp", "ann"}, {"guests", "ann"}, {"corp", "guests/ann"}, {"guests", "ann@example.com"},
	{"guests", "corp/ann"}, {"corp", "Ann"}}

// An annsSession is one that should be there until somebody ends it.
type annsSession struct {
	b    *browser
	who  ann
	gone bool
}

// annsSite is a site with two providers whose people have one address.
func annsSite(t *testing.T) (*site, map[string]*openIDProvider) {
	t.Helper()
	s, providers := newSite(t, func(p []policy.Policy) []policy.Policy { return p[:1] }), map[string]*openIDProvider{}
	var configs []idp.Config
	for _, name := range []string{"corp", "guests"} {
		p := newOpenIDProvider(t)
		p.claims["email"], p.claims["name"] = "ann@example.com", "Ann"
		c := p.config()
		c.Name, c.DisplayName, c.QualifiedUsers = name, name, name == "guests"
		configs, providers[name] = append(configs, c), p
	}
	if problems := s.providers.Update(configs); len(problems) > 0 {
		t.Fatal(problems)
	}
	s.stop()
	s.later(-time.Minute) // providers have a clock of their own, and what happens here is never ahead of it
	return s, providers
}

// enterAs signs somebody in with a browser.
func (b *browser) enterAs(p *openIDProvider, who ann) {
	b.t.Helper()
	p.claims["sub"] = who.sub
	b.follow = true
	at := b.get(b.url("app1.example.com", "/"))
	form := at.at.Query()
	form.Set("idp", who.provider)
	b.follow = false
	at = b.get(at.at.Scheme + "://" + at.at.Host + at.at.Path + "?" + form.Encode())
	b.want(b.walk(p, at), http.StatusOK, "app1.example.com/ for ann@example.com")
}

// isOf checks what is said of a session: to the application, to its pages, and to the person.
func (one *annsSession) isOf(t *testing.T, names map[string]ann) {
	t.Helper()
	name := one.b.told()
	if (name == "") != one.gone {
		t.Fatalf("%v: the application is told %q, gone: %v", one.who, name, one.gone)
	}
	identity := one.b.get(one.b.url("app1.example.com", "/.access/get-identity"))
	var said struct {
		Sub string              `json:"sub"`
		IdP struct{ ID string } `json:"idp"`
	}
	if one.gone {
		if identity.status != http.StatusUnauthorized {
			t.Fatalf("%v: get-identity: %d %s", one.who, identity.status, identity.body)
		}
		return
	}
	if other, ok := names[name]; ok && other != one.who {
		t.Fatalf("%v and %v are both %q", one.who, other, name)
	}
	names[name] = one.who
	if err := json.Unmarshal([]byte(identity.body), &said); err != nil || said.IdP.ID != one.who.provider || said.Sub != name {
		t.Fatalf("%v: get-identity: %d %s", one.who, identity.status, identity.body)
	}
	page := one.b.get(one.b.url("auth.example.com", "/.access/sessions"))
	if !strings.Contains(afterMain(page.body), one.who.provider) || !strings.Contains(page.body, "app1.example.com") {
		t.Fatalf("%v: the page of sessions: %d %s", one.who, page.status, afterMain(page.body))
	}
}

// TestTwoAnnsAreTwoPeople: whatever is done in whatever order, who somebody is says their provider
// and its subject for them, and nothing else: what ends one's sessions ends those alone.
func TestTwoAnnsAreTwoPeople(t *testing.T) {
	ended := map[int]int{} // sessions, by the way that they were ended
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 61))
		s, providers := annsSite(t)
		var all []*annsSession
		names := map[string]ann{}
		for range 14 {
			who, way := anns[r.IntN(len(anns))], r.IntN(6)
			s.later(2 * time.Second) // sign-ins have whole seconds
			live := slices.DeleteFunc(slices.Clone(all), func(one *annsSession) bool { return one.gone || one.who != who })
			switch {
			case way < 3 || len(live) == 0:
				b := s.browser()
				b.enterAs(providers[who.provider], who)
				all = append(all, &annsSession{b: b, who: who})
				live = nil
			case way == 3: // by themselves
				b := live[0].b
				b.want(b.signOut("app1.example.com", "?all"), http.StatusOK, "on all your devices")
			case way == 4: // by their provider
				s.tellOf(providers[who.provider], who)
			default: // by the platform
				err := s.revoke(t.Context(), policy.Revocation{Provider: who.provider, User: who.sub, Before: s.now()})
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, one := range live {
				one.gone = true
				ended[way]++
			}
			for _, one := range all {
				one.isOf(t, names)
			}
		}
	}
	if ended[3] == 0 || ended[4] == 0 || ended[5] == 0 {
		t.Errorf("a way to end sessions was not taken: %v", ended)
	}
}

// tellOf has a provider say that somebody's sessions are over. It says so a minute late, so that
// what its clock may be behind does not reach who signs in next.
func (s *site) tellOf(p *openIDProvider, who ann) {
	s.t.Helper()
	b := s.browser()
	b.follow = false
	change := map[string]any{"sub": who.sub, "exp": time.Now().Add(time.Minute).Unix()}
	form := url.Values{"logout_token": {p.sign(p.word(s.now().Add(-time.Minute), change), nil)}}
	to := s.url("auth.example.com", "/.access/idp/"+who.provider+"/backchannel-logout")
	if said := b.do(http.MethodPost, to, form, "Origin", ""); said.status != http.StatusOK {
		s.t.Fatalf("%v: %d %s", who, said.status, said.body)
	}
}

// TestOverageSignsIn: groups that Entra leaves out of an ID token decide, if Graph tells them; what
// it does not tell is not taken for none. THREATS F9.
func TestOverageSignsIn(t *testing.T) {
	group := func(id string) []policy.Selector { return []policy.Selector{{Property: policy.IdPGroup, Value: id}} }
	blocked := append([]policy.Rule{{Action: policy.Block, Include: group("suspended")}}, allow(everyone())...)
	for name, c := range map[string]struct {
		graph  string // what it says; empty: 403
		rules  []policy.Rule
		status int
	}{
		"a member":                 {`{"value":[{"@odata.type":"#microsoft.graph.group","id":"staff"}]}`, allow(group("staff")), 200},
		"a role of that name":      {`{"value":[{"@odata.type":"#microsoft.graph.directoryRole","id":"staff"}]}`, allow(group("staff")), 403},
		"no member":                {`{"value":[]}`, allow(group("staff")), 403},
		"blocked":                  {`{"value":[{"@odata.type":"#microsoft.graph.group","id":"suspended"}]}`, blocked, 403},
		"not blocked":              {`{"value":[]}`, blocked, 200},
		"refused, and they decide": {"", blocked, 403},
		"refused, and nobody asks": {"", allow(everyone()), 200},
		"no list":                  {`{}`, blocked, 403},
	} {
		graph := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if c.graph == "" {
				w.WriteHeader(http.StatusForbidden)
			}
			_, _ = w.Write([]byte(cmp.Or(c.graph, `{"error":{"code":"Authorization_RequestDenied"}}`)))
		}))
		s, p := newSite(t, func(p []policy.Policy) []policy.Policy { p[0].Rules = c.rules; return p[:1] }), newOpenIDProvider(t)
		delete(p.claims, "groups")
		maps.Copy(p.claims, map[string]any{"_claim_names": map[string]any{"groups": "src1"},
			"_claim_sources": map[string]any{"src1": map[string]any{"endpoint": p.server.URL + "/evil"}}})
		provider := p.config()
		provider.GraphURL = graph.URL
		if problems := s.providers.Update([]idp.Config{provider}); len(problems) > 0 {
			t.Fatal(problems)
		}
		b := s.browser()
		b.follow = false
		if at := b.walk(p, b.get(s.url("app1.example.com", "/"))); at.status != c.status {
			t.Errorf("%s: %d, want %d: %s", name, at.status, c.status, afterMain(at.body))
		}
		if p.trace("/evil") != "" {
			t.Errorf("%s: the address of the token was asked", name)
		}
		graph.Close()
	}
}
