// SPDX-License-Identifier: Apache-2.0

package login

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

func claimed(name, value string) []policy.Selector {
	return []policy.Selector{{Property: policy.OIDCClaim, Claim: &policy.ClaimValue{Name: name, Value: value}}}
}

// through follows a browser to the provider and back, as often as it is sent there.
func (b *browser) through(p *openIDProvider, address string) (page, int) {
	b.t.Helper()
	asked := p.asked()
	b.follow = false
	defer func() { b.follow = true }()
	got := b.get(address)
	for range 15 {
		switch {
		case got.location == "":
			return got, p.asked() - asked
		case strings.HasPrefix(got.location, p.server.URL):
			got = b.get(p.finish(got.location))
		default:
			got = b.get(got.location)
		}
	}
	b.t.Fatalf("%s: it goes round in circles", address)
	return got, 0
}

// TestClaims: a rule about a claim works as soon as it is written: who has a session is
// sent through the provider once, without a page, and comes back with what it says.
func TestClaims(t *testing.T) {
	rules := func(one, two []policy.Rule) func([]policy.Policy) []policy.Policy {
		return func(p []policy.Policy) []policy.Policy {
			p[0].Rules, p[1].Rules = one, two
			return p
		}
	}
	anybody := allow(everyone())
	s := newSite(t, rules(anybody, anybody))
	p := newOpenIDProvider(t)
	p.claims["department"], p.claims["level"], p.claims["nothing"] = []any{"eng", "qa"}, 7, map[string]any{"a": "b"}
	p.use(s)
	b := s.browser()
	app1, app2 := s.url("app1.example.com", "/"), s.url("app2.example.net", "/")
	want := func(what, address string, status, asked int) {
		t.Helper()
		s.later(2 * time.Minute) // so that it is no loop
		got, n := b.through(p, address)
		if got.status != status || n != asked {
			t.Errorf("%s: %d, and the provider was asked %d times, want %d and %d\n%.300s", what, got.status, n, status, asked, got.body)
		}
	}
	want("signed in", app1, 200, 1)
	want("again", app1, 200, 0)
	s.publish(rules(allow(claimed("department", "eng")), anybody)(standard(s.port)))
	want("a rule that is new", app1, 200, 1)
	want("the rule again", app1, 200, 0)
	want("another application", app2, 200, 0)
	if c := b.session("app1.example.com"); len(c) == 0 || len(c) > 1500 {
		t.Errorf("the session's token has %d bytes", len(c))
	}
	s.publish(rules(allow(claimed("department", "qa")), anybody)(standard(s.port)))
	want("another value of the same claim", app1, 200, 0) // the team host has all of it
	s.publish(rules(allow(claimed("department", "ops")), anybody)(standard(s.port)))
	want("a value that is not theirs", app1, 403, 0)
	s.publish(rules(anybody, allow(claimed("level", "7")))(standard(s.port)))
	want("a number", app2, 200, 1)
	s.publish(rules(append([]policy.Rule{{Action: policy.Block, Include: claimed("level", "7")}}, anybody...), anybody)(standard(s.port)))
	want("nobody outruns a new rule", app1, 403, 0)
	s.publish(rules(allow(claimed("nothing.a", "b")), allow(claimed("nothing", "b")))(standard(s.port)))
	want("a path into an object", app1, 200, 1)
	want("an object", app2, 403, 0)
	s.publish(rules(allow([]policy.Selector{{Property: policy.OIDCClaim, Claim: &policy.ClaimValue{Name: "department", Value: "eng", Provider: "other"}}}),
		allow([]policy.Selector{{Property: policy.OIDCClaim, Claim: &policy.ClaimValue{Name: "department", Value: "eng", Provider: "corp"}}}))(standard(s.port)))
	want("another provider's claim", app1, 403, 1)
	want("this provider's claim", app2, 200, 0)
	identity := b.get(s.url("app2.example.net", "/.access/get-identity"))
	if !strings.Contains(identity.body, `"custom":{"department":["eng"]}`) {
		t.Errorf("get-identity: %s", identity.body)
	}
}

// TestClaimsOfUsers: built-in users have no claims, and nobody is asked for them again.
func TestClaimsOfUsers(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Rules = []policy.Rule{{Action: policy.Allow, Include: everyone(), Exclude: claimed("department", "eng")}}
		p[1].Rules = allow(claimed("department", "eng"))
		return p
	})
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "ann"), 200, "for ann")
	if p := b.get(s.url("app2.example.net", "/")); p.status != 403 {
		t.Errorf("%d %.200s", p.status, p.body)
	}
}

// TestClaimsTooLarge: claims that do not fit never keep anybody from signing in: rules that
// admit by them do not match, and those that keep people out do.
func TestClaimsTooLarge(t *testing.T) {
	long := func(i int) string { return fmt.Sprintf("%d-%s", i, strings.Repeat("x", 500)) }
	var all []policy.Selector
	for i := range 6 {
		all = append(all, claimed(fmt.Sprint("claim", i), long(i))...)
	}
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Rules = append(allow(all[5:]), policy.Rule{Action: policy.Allow, Include: everyone(), Exclude: all[4:5]})
		p[0].Rules = append([]policy.Rule{{Name: "staff", Action: policy.Allow, Include: append(emails("carol@example.com"), all[:4]...)}}, p[0].Rules...)
		p[1].Rules = append(allow(all), policy.Rule{Action: policy.Allow, Include: everyone(), Exclude: all})
		return p
	})
	p := newOpenIDProvider(t)
	for i := range 6 {
		p.claims[fmt.Sprint("claim", i)] = long(i)
	}
	p.use(s)
	b := s.browser()
	if got, _ := b.through(p, s.url("app1.example.com", "/")); got.status != 200 {
		t.Errorf("they cannot sign in: %d %.300s", got.status, got.body)
	}
	if c := b.session("app1.example.com"); len(c) > 3500 {
		t.Errorf("the session's token has %d bytes", len(c))
	}
	p.claims["claim0"] = "other" // one of those that fitted
	b = s.browser()
	s.publish(func(p []policy.Policy) []policy.Policy {
		p[0].Rules = []policy.Rule{{Action: policy.Allow, Include: everyone(), Exclude: all[5:]}}
		p[1].Rules = []policy.Rule{{Action: policy.Allow, Include: everyone(), Exclude: append(all[:5:5], claimed("claim5", "y")...)}}
		return p
	}(standard(s.port)))
	if got, _ := b.through(p, s.url("app2.example.net", "/")); got.status != 403 {
		t.Errorf("what is not known lets somebody in: %d %.300s", got.status, got.body)
	}
}

// TestClaimsUnsaid: while the userinfo endpoint is down, people sign in all the same; what
// it might have said is not taken for none, and is asked for later.
func TestClaimsUnsaid(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Rules = allow(emails("carol@example.com"))
		p[1].Rules = []policy.Rule{{Action: policy.Allow, Include: everyone(), Exclude: claimed("department", "eng")}}
		return p
	})
	p := newOpenIDProvider(t)
	down := true
	p.userinfo = func(w http.ResponseWriter, _ *http.Request) {
		if down {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, `{"sub":"carol","department":"ops"}`)
	}
	p.use(s)
	b := s.browser()
	if got, _ := b.through(p, s.url("app1.example.com", "/")); got.status != 200 {
		t.Fatalf("%d %.300s", got.status, got.body)
	}
	if got, n := b.through(p, s.url("app2.example.net", "/")); got.status != 403 || n != 1 {
		t.Fatalf("%d after %d: %.300s", got.status, n, got.body)
	}
	down = false
	if got, n := b.through(p, s.url("app2.example.net", "/")); got.status != 200 || n != 1 {
		t.Fatalf("%d after %d: %.300s", got.status, n, got.body)
	}
}

// TestClaimsOfFarAway: policies of others cannot fill the session of the team host with
// claims, so that an application is left without its own.
func TestClaimsOfFarAway(t *testing.T) {
	s := newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Rules = allow(claimed("zone", "a"))
		for i := range 40 {
			far := named(fmt.Sprint("far", i), fmt.Sprintf("far%d.example.com", i))
			far.Source.Namespace = "evil"
			far.Rules = allow(claimed(fmt.Sprintf("a%d-%s", i, strings.Repeat("n", 200)), "x"))
			p = append(p, far)
		}
		return p
	})
	p := newOpenIDProvider(t)
	p.claims["zone"] = "a"
	p.use(s)
	b := s.browser()
	if got, n := b.through(p, s.url("app1.example.com", "/")); got.status != 200 || n != 1 {
		t.Errorf("%d after %d: %.300s", got.status, n, got.body)
	}
	if got, n := b.through(p, s.url("far39.example.com", "/")); got.status != 403 || n > 1 {
		t.Errorf("far away: %d after %d: %.300s", got.status, n, got.body)
	}
}
