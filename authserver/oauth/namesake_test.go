// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

const (
	evilResource = "https://evil.example.com/"
	evilRedirect = "https://evil.example.net/callback"
)

// withNamesakes adds an application whose author calls clients of theirs as those of others are
// called: by a name that another policy lists, and by the address of a metadata document.
func withNamesakes() []policy.Policy {
	evil := policy.Policy{Source: policy.Source{Namespace: "evil", Name: "mcp"}, Hosts: []string{"evil.example.com"},
		Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}}}},
		OAuth: &policy.OAuth{Clients: []policy.OAuthClient{{ID: "cli", Name: "Company CLI", RedirectURIs: []string{evilRedirect}},
			{ID: clientID, Name: "Example Agent", RedirectURIs: []string{evilRedirect}}}}}
	return append(policies(), evil)
}

// lured is what an application of others gets once a person lets its client act there.
func (p *person) lured(client string) (code string, got tokens) {
	p.Helper()
	code = p.code("client_id", client, "redirect_uri", evilRedirect, "resource", evilResource)
	return code, p.exchanged(code, client)
}

func (p *person) exchanged(code, client string) tokens {
	p.Helper()
	return p.fetch(code, "client_id", client, "redirect_uri", evilRedirect, "resource", evilResource)
}

// TestNamesakesEndNothing: whoever has a person let a client act at an application of theirs can
// end what it may do there. What a client of that name may do elsewhere goes on. (THREATS I13)
func TestNamesakesEndNothing(t *testing.T) {
	for _, client := range []string{clientID, "cli"} {
		for how, attack := range map[string]func(s *site, ann *person, code string, got tokens){
			"a code twice":  func(_ *site, ann *person, code string, _ tokens) { ann.exchanged(code, client) },
			"it is revoked": func(s *site, _ *person, _ string, got tokens) { s.gaveBack(got.Refresh, client) },
			"by its access token": func(s *site, _ *person, _ string, got tokens) {
				s.gaveBack(got.Access, client)
			},
			"a refresh token twice": func(s *site, _ *person, _ string, got tokens) {
				s.refreshed(got.Refresh, "client_id", client)
				s.later(retryTime)
				s.refreshed(got.Refresh, "client_id", client)
			},
		} {
			t.Run(how+" "+client, func(t *testing.T) {
				s := newSite(t)
				s.publish(withNamesakes()...)
				ann := s.person("ann")
				back := redirect
				if client == "cli" {
					back = "http://localhost/cb"
				}
				own := s.fetch(ann.code("client_id", client, "redirect_uri", back), "client_id", client, "redirect_uri", back)
				s.later(time.Second)
				code, got := ann.lured(client)
				if !s.opens(resource, own.Access) || !s.opens(evilResource, got.Access) || s.opens(resource, got.Access) {
					t.Fatalf("not as it has to be before: %+v %+v", own, got)
				}
				attack(s, ann, code, got)
				if s.opens(evilResource, got.Access) || s.refreshed(got.Refresh, "client_id", client).Error != "invalid_grant" {
					t.Error("it ends nothing at its own application")
				}
				if next := s.refreshed(own.Refresh, "client_id", client); !s.opens(resource, own.Access) || !s.opens(resource, next.Access) {
					t.Errorf("what it may do elsewhere is over: %+v\n%s", next, s.log.String())
				}
			})
		}
	}
}

func (s *site) gaveBack(token, client string) tokens {
	s.Helper()
	return s.post("revoke", url.Values{"token": {token}, "client_id": {client}})
}

// TestNamesakesUseNothingUp: how often what a client may do can be ended is counted for each
// application. Else whoever has one could keep a stolen code at another from being found out. (THREATS I13)
func TestNamesakesUseNothingUp(t *testing.T) {
	s := newSite(t)
	s.publish(withNamesakes()...)
	ann := s.person("ann")
	for range 40 {
		_, got := ann.lured(clientID)
		s.gaveBack(got.Refresh, clientID)
		s.later(time.Millisecond)
	}
	code := ann.code()
	got := s.fetch(code)
	s.fetch(code)
	if s.opens(resource, got.Access) {
		t.Errorf("a code that came twice ended nothing:\n%s", s.log.String())
	}
}

// TestUnlisted: a client that a policy names gets no further tokens once it is taken off the list,
// if its id is an address, too: nobody read what is there.
func TestUnlisted(t *testing.T) {
	s := newSite(t)
	all := withNamesakes()
	s.publish(all...)
	_, got := s.person("ann").lured(clientID)
	if len(s.fetched) > 0 {
		t.Fatalf("the list has it, and %v was read", s.fetched)
	}
	next := s.refreshed(got.Refresh)
	if next.status != http.StatusOK {
		t.Fatalf("%+v", next)
	}
	all[3].OAuth.Clients = all[3].OAuth.Clients[:1]
	s.publish(all...)
	if again := s.refreshed(next.Refresh); again.Error != "invalid_target" {
		t.Errorf("%+v", again)
	}
}

// TestNamesakesOnThePage: of two clients of one name, a person sees at which application each one
// acts, and ends that one.
func TestNamesakesOnThePage(t *testing.T) {
	s := newSite(t)
	s.publish(withNamesakes()...)
	ann, address := s.person("ann"), teamOrigin+"/.access/sessions"
	own := s.fetch(ann.code())
	_, got := ann.lured(clientID)
	text := main(ann.do(http.MethodGet, address, nil))
	for _, want := range []string{"mcp.example.com", "evil.example.com", `value="shop/mcp"`, `value="evil/mcp"`} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q: %s", want, text)
		}
	}
	ann.do(http.MethodPost, address, url.Values{"client": {clientID}, "policy": {"shop/plain"}})
	if len(s.in.Revocations) > 0 {
		t.Error("what was never allowed is ended")
	}
	ann.do(http.MethodPost, address, url.Values{"client": {clientID}, "policy": {"evil/mcp"}})
	if s.opens(evilResource, got.Access) || !s.opens(resource, own.Access) {
		t.Error("it is not that one that ended")
	}
	text = main(ann.do(http.MethodGet, address, nil))
	if strings.Contains(text, "evil.example.com") || !strings.Contains(text, "mcp.example.com") {
		t.Errorf("not that one is gone: %s", text)
	}
}

// TestConsentRightAfter: whatever was allowed up to the moment at which it is ended is over, and
// what is allowed a millisecond later is not, at all times of a second.
func TestConsentRightAfter(t *testing.T) {
	for _, ms := range []int{0, 1, 2, 499, 500, 998, 999} {
		for _, gap := range []time.Duration{time.Millisecond, 2 * time.Millisecond, 500 * time.Millisecond, time.Second} {
			s := newSite(t)
			s.later(time.Duration(ms)*time.Millisecond + 999*time.Microsecond)
			ann := s.person("ann")
			first := s.fetch(ann.code())
			for _, end := range []func(tokens){
				func(got tokens) { s.gaveBack(got.Refresh, clientID) },
				func(tokens) {
					ann.do(http.MethodPost, teamOrigin+"/.access/sessions", url.Values{"client": {clientID}, "policy": {"shop/mcp"}})
				},
			} {
				end(first)
				if s.opens(resource, first.Access) || s.refreshed(first.Refresh).Error != "invalid_grant" {
					t.Fatalf("at %d ms: it goes on", ms)
				}
				s.later(gap)
				again := s.fetch(ann.code())
				next := s.refreshed(again.Refresh)
				if !s.opens(resource, again.Access) || !s.opens(resource, next.Access) {
					t.Fatalf("at %d ms, %v later: %+v", ms, gap, again)
				}
				page := main(ann.do(http.MethodGet, teamOrigin+"/.access/sessions", nil))
				if !strings.Contains(page, "Example Agent") {
					t.Fatalf("at %d ms, %v later: it is not listed", ms, gap)
				}
				first = again
			}
		}
	}
}
