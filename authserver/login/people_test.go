// SPDX-License-Identifier: Apache-2.0

package login

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
)

// twoLists are staff, and guests of whom one is called as one of the staff, and one by
// the address of one.
func twoLists(t *testing.T, s *site, qualified bool) {
	t.Helper()
	hash, _ := hashed()
	list := func(name, text string, qualified bool) idp.Config {
		return idp.Config{Name: name, DisplayName: name, Type: "users", Users: []byte(strings.ReplaceAll(text, "HASH", fmt.Sprintf("%q", hash))), QualifiedUsers: qualified}
	}
	if problems := s.providers.Update([]idp.Config{
		list("people", "[{name: ann, email: ann@corp.com, passwordHash: HASH}]", false),
		list("guests", "[{name: ann, passwordHash: HASH}, {name: ann@corp.com, passwordHash: HASH}, {name: people/ann, passwordHash: HASH}]", qualified),
	}); len(problems) > 0 {
		t.Fatal(problems)
	}
}

// enterBy signs in with one of several providers, and returns whom the application is
// told of.
func (b *browser) enterBy(provider, user string) string {
	b.t.Helper()
	p := b.get(b.url("app1.example.com", "/"))
	form := p.at.Query()
	form.Set("idp", provider)
	p = b.get(p.at.Scheme + "://" + p.at.Host + p.at.Path + "?" + form.Encode())
	p = b.signIn(p, user, password)
	b.want(p, 200, "app1.example.com/ for ")
	return b.told()
}

// told is whom the session at app1 names to the application; empty: there is none.
func (b *browser) told() string {
	b.t.Helper()
	s := b.replicas[0].Subject(policy.Place{}, "__Host-ostiary="+b.session("app1.example.com"), "", b.now()).Subject
	if s == nil || b.table.Session("app1.example.com", s, b.now(), 0) != policy.NoReason {
		return ""
	}
	return s.Name()
}

// Nobody is taken for somebody of another provider: not by applications, and not by
// signing out. (attack: people are not told apart by provider)
func TestPeopleOfTwoProviders(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy { return p[:1] })
	twoLists(t, s, true)
	staff, told := s.browser(), map[string]string{}
	if name := staff.enterBy("people", "ann"); name != "ann" {
		t.Errorf("staff are %q", name)
	}
	told["ann"] = "staff"
	for _, guest := range []string{"ann", "ann@corp.com", "people/ann"} {
		b := s.browser()
		name := b.enterBy("guests", guest)
		if other, ok := told[name]; ok || name != "guests/"+guest {
			t.Errorf("guest %s is %q, as is %s", guest, name, other)
		}
		told[name] = "guest " + guest
		p := b.do("POST", s.url("app1.example.com", "/.access/logout?all"), url.Values{})
		b.want(p, 200, "on all your devices")
		if b.told() != "" {
			t.Errorf("guest %s is still signed in", guest)
		}
		if staff.told() != "ann" {
			t.Fatalf("guest %s signed out staff", guest)
		}
		if got := s.in.Revocations[len(s.in.Revocations)-1]; got.Provider != "guests" || got.User != guest {
			t.Errorf("%+v", got)
		}
		staff.want(staff.get(s.url("auth.example.com", "/")), 200, "ann@corp.com")
	}
	// Who writes one by hand means whoever is called that, at any provider.
	again := s.browser()
	again.enterBy("guests", "ann")
	if err := s.revoke(t.Context(), policy.Revocation{User: "guests/ann", Before: s.now().Add(1e9)}); err != nil {
		t.Fatal(err)
	}
	if again.told() != "" || staff.told() != "ann" {
		t.Error("guests/ann by hand: guests' ann alone")
	}
	if err := s.revoke(t.Context(), policy.Revocation{User: "ann", Before: s.now().Add(1e9)}); err != nil {
		t.Fatal(err)
	}
	if staff.told() != "" {
		t.Error("ann by hand: everybody's ann")
	}
}

// A farewell for one person says nothing about another one of the same ID.
func TestFarewellOfAnother(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy { return p[:1] })
	twoLists(t, s, true)
	guest, staff := s.browser(), s.browser()
	guest.enterBy("guests", "ann")
	staff.enterBy("people", "ann")
	guest.follow = false
	p := guest.do("POST", s.url("app1.example.com", "/.access/logout?all"), url.Values{})
	if !strings.Contains(p.location, "farewell=") {
		t.Fatal(p.location)
	}
	staff.want(staff.get(p.location, "Sec-Fetch-Site", "cross-site"), 200, `method="post"`) // the page asks
	staff.want(staff.get(s.url("auth.example.com", "/")), 200, "ann@corp.com")
}
