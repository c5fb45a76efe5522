// SPDX-License-Identifier: Apache-2.0

package oauth

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestReuse: a code or a refresh token that comes twice ends all that came of it, and what the
// client was let do before; a new consent counts. (THREATS I7)
func TestReuse(t *testing.T) {
	s := newSite(t)
	ann := s.person("ann")
	c := ann.code()
	first := s.fetch(c)
	if again := s.fetch(c); again.Error != "invalid_grant" || s.opens(resource, first.Access) {
		t.Errorf("a code twice: %+v", again)
	}
	if next := s.refreshed(first.Refresh); next.Error != "invalid_grant" {
		t.Errorf("and it is refreshed: %+v", next)
	}
	s.later(2 * time.Second)
	first = s.fetch(ann.code())
	second := s.refreshed(first.Refresh)
	if second.status != http.StatusOK {
		t.Fatalf("after a new consent: %+v", second)
	}
	if retry := s.refreshed(first.Refresh); retry.status != http.StatusOK {
		t.Errorf("whose answer got lost may ask again: %+v", retry)
	}
	s.later(retryTime)
	if stolen := s.refreshed(first.Refresh); stolen.Error != "invalid_grant" {
		t.Errorf("a refresh token twice: %+v", stolen)
	}
	if s.opens(resource, second.Access) || s.refreshed(second.Refresh).Error != "invalid_grant" {
		t.Error("who had the other one goes on")
	}
	if !strings.Contains(s.log.String(), "was used twice") || strings.Contains(s.log.String(), first.Refresh) {
		t.Errorf("the log: %s", s.log.String())
	}
	if w := ann.do(http.MethodGet, "https://auth.example.com/.access/sessions", nil); strings.Contains(main(w), "You’re not signed in") {
		t.Error("the person is signed out")
	}
}

// TestReuseBeside: of two that share a refresh token within the time for a retry, one is found
// out when they go on.
func TestReuseBeside(t *testing.T) {
	s := newSite(t)
	first := s.fetch(s.person("ann").code())
	owner, thief := s.refreshed(first.Refresh), s.refreshed(first.Refresh)
	s.later(time.Minute)
	if got := s.refreshed(owner.Refresh); got.status != http.StatusOK {
		t.Fatalf("%+v", got)
	}
	s.later(time.Minute)
	if got := s.refreshed(thief.Refresh); got.Error != "invalid_grant" || s.opens(resource, owner.Access) {
		t.Errorf("%+v", got)
	}
}

// TestRefreshEnds: a client acts for as long as the policy says, for whom it was told to, while
// that is somebody whom the application admits. (THREATS I10)
func TestRefreshEnds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(s *site)
		want   string
	}{
		"nothing changes":       {func(s *site) {}, ""},
		"the client is another": {func(s *site) {}, "invalid_grant"},
		"the time is over":      {func(s *site) { s.later(30 * 24 * time.Hour) }, "invalid_grant"},
		"a day is not too long": {func(s *site) { s.later(29 * 24 * time.Hour) }, ""},
		"a rule refuses them":   {func(s *site) { s.without("ann@example.com") }, "invalid_grant"},
		"they sign out": {func(s *site) {
			s.voided(policy.Revocation{Provider: "people", User: "ann",
				Before: s.now().Add(time.Second)})
		}, "invalid_grant"},
		"another user signs out": {func(s *site) {
			s.voided(policy.Revocation{Provider: "people", User: "bob",
				Before: s.now().Add(time.Second)})
		}, ""},
		"the client is voided": {func(s *site) {
			s.voided(policy.Revocation{User: "ann@example.com", Client: clientID,
				Before: s.now().Add(time.Second)})
		}, "invalid_grant"},
		"another client is": {func(s *site) {
			s.voided(policy.Revocation{Provider: "people", User: "ann", Client: "cli",
				Before: s.now().Add(time.Second)})
		}, ""},
		"what was before is void": {func(s *site) {
			s.voided(policy.Revocation{Provider: "people", User: "ann", Client: clientID,
				Before: s.now()})
		}, ""},
		"the policy is shortened": {func(s *site) { s.shortened(time.Hour); s.later(time.Hour) }, "invalid_grant"},
		"the policy is gone":      {func(s *site) { s.publish(policies()[1:]...) }, "invalid_target"},
		"they leave":              {func(s *site) { s.employ("bob") }, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			got := s.fetch(s.person("ann").code())
			c.change(s)
			client := clientID
			if name == "the client is another" {
				client = "cli"
			}
			next := s.refreshed(got.Refresh, "client_id", client)
			if next.Error != c.want || (c.want == "") != (next.Access != "") {
				t.Errorf("%+v, want %q", next, c.want)
			}
			if next.Access != "" && !s.opens(resource, next.Access) {
				t.Error("the token is of no use")
			}
		})
	}
}

func (s *site) without(email string) {
	all := policies()
	all[0].Rules = append([]policy.Rule{{Action: policy.Block, Include: []policy.Selector{{Property: policy.Email, Value: email}}}},
		all[0].Rules...)
	s.publish(all...)
}

func (s *site) shortened(d time.Duration) {
	all := policies()
	all[0].OAuth.RefreshTokenDuration = d
	s.publish(all...)
}

func (s *site) voided(r policy.Revocation) { _ = s.revokeNow(s.Context(), r) }

// TestRevoke: a client gives back what it was let do, by any of its tokens, and nobody else can.
// (THREATS I11)
func TestRevoke(t *testing.T) {
	s := newSite(t)
	for _, what := range []string{"access", "refresh"} {
		got, other := s.fetch(s.person("ann").code()), s.fetch(s.person("bob").code())
		token := got.Access
		if what == "refresh" {
			token = got.Refresh
		}
		if not := s.post("revoke", map[string][]string{"token": {token}, "client_id": {"cli"}}); not.Error != "invalid_grant" ||
			!s.opens(resource, got.Access) {
			t.Errorf("%s, by another client: %+v", what, not)
		}
		done := s.post("revoke", map[string][]string{"token": {token}, "client_id": {clientID}, "token_type_hint": {"anything"}})
		if done.status != http.StatusOK || s.opens(resource, got.Access) || s.refreshed(got.Refresh).Error != "invalid_grant" {
			t.Errorf("%s: %+v", what, done)
		}
		if !s.opens(resource, other.Access) || s.refreshed(other.Refresh).status != http.StatusOK {
			t.Errorf("%s: what others let it do is over, too", what)
		}
		s.later(2 * time.Second)
	}
	if none := s.post("revoke", map[string][]string{"token": {"none"}, "client_id": {clientID}}); none.status != http.StatusOK {
		t.Errorf("RFC 7009 §2.2: %+v", none)
	}
	session, err := s.ring.MintTeam(agentless(s), s.now())
	if err != nil {
		t.Fatal(err)
	}
	before := len(s.in.Revocations)
	if got := s.post("revoke", map[string][]string{"token": {session}, "client_id": {clientID}}); got.status != http.StatusOK ||
		len(s.in.Revocations) > before {
		t.Errorf("a session of the team host: %+v", got)
	}
	s.cannot = true
	got := s.fetch(s.person("ann").code())
	if failed := s.post("revoke", map[string][]string{"token": {got.Refresh},
		"client_id": {clientID}}); failed.status != http.StatusServiceUnavailable {
		t.Errorf("one that failed looks like one that did not: %+v", failed)
	}
}

// TestRevokeIsBounded: nobody has objects made without end.
func TestRevokeIsBounded(t *testing.T) {
	s := newSite(t)
	got := s.fetch(s.person("ann").code())
	for range 100 {
		s.post("revoke", map[string][]string{"token": {got.Refresh}, "client_id": {clientID}})
	}
	if n := len(s.in.Revocations); n == 0 || n > 10 {
		t.Errorf("%d revocations", n)
	}
}

// TestMySessions: a person sees which clients act for them, and ends one, for as long as they do
// not let it act anew. (THREATS I11)
func TestMySessions(t *testing.T) {
	s := newSite(t)
	ann, address := s.person("ann"), teamOrigin+"/.access/sessions"
	got, other := s.fetch(ann.code()), s.fetch(s.person("bob").code())
	w := ann.do(http.MethodGet, address, nil)
	for _, want := range []string{"Example Agent", "mcp.example.com", "2026-07-31 12:00 UTC"} {
		if !strings.Contains(main(w), want) {
			t.Errorf("the page does not say %q: %s", want, main(w))
		}
	}
	if w := s.person("bob").do(http.MethodGet, address, nil, "Cookie",
		"__Host-ostiary-agents="+ann.cookies["__Host-ostiary-agents"]); strings.Contains(main(w), "Example Agent") {
		t.Error("somebody else's are shown")
	}
	end := map[string][]string{"client": {clientID}}
	if w := ann.do(http.MethodPost, address, end, "Sec-Fetch-Site", "cross-site"); w.Code != http.StatusForbidden || !s.opens(resource,
		got.Access) {
		t.Errorf("another site ends it: %d", w.Code)
	}
	ann.do(http.MethodPost, address, map[string][]string{"client": {"https://other.example.org/x"}})
	if len(s.in.Revocations) > 0 {
		t.Error("what was never allowed is ended")
	}
	if w := ann.do(http.MethodPost, address, end); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, main(w))
	}
	if s.opens(resource, got.Access) || s.refreshed(got.Refresh).Error != "invalid_grant" {
		t.Error("it goes on")
	}
	if !s.opens(resource, other.Access) {
		t.Error("what others allow is over, too")
	}
	if w := ann.do(http.MethodGet, address, nil); strings.Contains(main(w), "Example Agent") || !strings.Contains(main(w),
		"ann@example.com") {
		t.Errorf("it is still listed, or the person is signed out: %s", main(w))
	}
	s.later(2 * time.Second)
	if again := s.fetch(ann.code()); !s.opens(resource, again.Access) {
		t.Errorf("a new consent does not count: %+v", again)
	}
}
