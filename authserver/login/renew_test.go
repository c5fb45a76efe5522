// SPDX-License-Identifier: Apache-2.0

package login

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A remembering is what a provider's own session makes of a visit: each is answered at once.
type remembering struct {
	mu     sync.Mutex
	p      *openIDProvider
	deny   string                 // what it says to prompt=none; empty: it answers
	before func()                 // what happens meanwhile
	on     func(asked url.Values) // the same, by what it is asked; nil: nothing
	visits []string               // "prompt=..., max_age=..." of each
}

// remembers has a site's provider answer by itself, at an address that browsers of the site reach.
func remembers(t *testing.T, s *site) *remembering {
	t.Helper()
	p := newOpenIDProvider(t)
	r := &remembering{p: p}
	inner := p.server.Config.Handler
	p.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/authorize" {
			r.authorize(w, q)
			return
		}
		inner.ServeHTTP(w, q)
	})
	p.use(s)
	return r
}

func (r *remembering) authorize(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	asked := q.URL.Query()
	visit := "prompt=" + asked.Get("prompt") + " max_age=" + asked.Get("max_age")
	if acr := asked.Get("acr_values"); acr != "" {
		visit += " acr_values=" + acr
	}
	r.visits = append(r.visits, visit)
	if r.on != nil {
		r.on(asked)
	}
	if r.before != nil {
		r.before()
	}
	if asked.Get("prompt") == "none" && r.deny != "" {
		http.Redirect(w, q, asked.Get("redirect_uri")+"?"+url.Values{"error": {r.deny}, "state": {asked.Get("state")}}.Encode(), http.StatusFound)
		return
	}
	http.Redirect(w, q, r.p.finish(q.URL.String()), http.StatusFound)
}

// follow walks on to an address, to the provider's too, and returns where it ends.
func (r *remembering) follow(b *browser, address string) page {
	b.t.Helper()
	b.follow = false
	defer func() { b.follow = true }()
	for range 20 {
		at := r.visit(b, address)
		if at.location == "" {
			return at
		}
		to, err := url.Parse(address)
		if err == nil {
			to, err = to.Parse(at.location)
		}
		if err != nil {
			b.t.Fatal(err)
		}
		address = to.String()
	}
	b.t.Fatalf("a loop at %s; the provider was asked %q", address, r.visits)
	return page{}
}

// visit is one step.
func (r *remembering) visit(b *browser, address string) page {
	b.t.Helper()
	if !strings.HasPrefix(address, r.p.server.URL) {
		return b.get(address)
	}
	w := httptest.NewRecorder()
	r.authorize(w, httptest.NewRequest(http.MethodGet, address, nil))
	return page{status: w.Code, location: w.Header().Get("Location")}
}

func (r *remembering) asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := r.visits
	r.visits = nil
	return out
}

const (
	silently = "prompt=none max_age="
	plainly  = "prompt= max_age="
	anew     = "prompt=login max_age=0"
)

// staffFor is a site where app1 lets staff in, for as long as edit says.
func staffFor(t *testing.T, edit func(*policy.Policy)) *site {
	t.Helper()
	return newSite(t, func(p []policy.Policy) []policy.Policy {
		p[0].Rules = allow([]policy.Selector{{Property: policy.IdPGroup, Value: "staff"}})
		edit(&p[0])
		return p
	})
}

// What a provider says of somebody is at most as old as the policy's duration, or the rule's,
// lets it be: it is asked without a word to the person (prompt=none), and what it says bites.
// See docs/tasks/end-sessions.md.
func TestShortSessionsAskTheProvider(t *testing.T) {
	for name, edit := range map[string]func(*policy.Policy){
		"session.duration":   func(p *policy.Policy) { p.Session.Duration = time.Hour },
		"sessionDuration":    func(p *policy.Policy) { p.Rules[0].SessionDuration = time.Hour },
		"the shorter, there": func(p *policy.Policy) { p.Session.Duration = 9 * time.Hour; p.Rules[0].SessionDuration = time.Hour },
	} {
		t.Run(name, func(t *testing.T) {
			s := staffFor(t, edit)
			r, b := remembers(t, s), s.browser()
			app := s.url("app1.example.com", "/")
			b.want(r.follow(b, app), 200, "for carol")
			if got := r.asked(); !slices.Equal(got, []string{plainly}) {
				t.Fatalf("at first it is asked %q", got)
			}
			s.later(59 * time.Minute)
			b.want(r.follow(b, app), 200, "for carol")
			if got := r.asked(); len(got) > 0 {
				t.Fatalf("before the hour is over it is asked %q", got)
			}
			s.later(2 * time.Minute)
			b.want(r.follow(b, app), 200, "for carol")
			if got := r.asked(); !slices.Equal(got, []string{silently}) {
				t.Fatalf("after the hour it is asked %q", got)
			}
			r.p.claims["groups"] = []string{}
			s.later(61 * time.Minute)
			b.want(r.follow(b, app), 403, "don’t have access")
			if got := r.asked(); !slices.Equal(got, []string{silently}) {
				t.Fatalf("after another hour it is asked %q", got)
			}
		})
	}
}

// The hour counts from what the provider said, and not from when an application's session
// began: one that begins late is short.
func TestAgeIsOfWhatTheProviderSaid(t *testing.T) {
	s := staffFor(t, func(p *policy.Policy) { p.Session.Duration = time.Hour })
	r, b := remembers(t, s), s.browser()
	b.want(r.follow(b, s.url("auth.example.com", "/.access/login?rd=/.access/sessions")), 200, "carol")
	s.later(50 * time.Minute)
	b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
	if got := r.asked(); !slices.Equal(got, []string{plainly}) {
		t.Fatalf("it is asked %q", got)
	}
	r.p.claims["groups"] = []string{}
	s.later(11 * time.Minute)
	b.want(r.follow(b, s.url("app1.example.com", "/")), 403, "don’t have access")
}

// A provider that wants to see the person gets to, once, whatever it calls that; so does one
// that does not know prompt=none.
func TestLoginRequiredAsksOnce(t *testing.T) {
	for _, deny := range []string{"login_required", "interaction_required", "consent_required", "account_selection_required", "invalid_request"} {
		s := staffFor(t, func(p *policy.Policy) { p.Session.Duration = time.Hour })
		r, b := remembers(t, s), s.browser()
		r.deny = deny
		b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
		r.asked()
		s.later(61 * time.Minute)
		b.want(r.follow(b, s.url("app1.example.com", "/x")), 200, "/x for carol")
		if got := r.asked(); !slices.Equal(got, []string{silently, plainly}) {
			t.Errorf("%s: it is asked %q", deny, got)
		}
	}
}

// Nobody signed in: --session-duration counts from the sign-in, and what voids sessions that
// began before some time voids the one that is renewed, also while the provider is asked.
func TestRenewalIsNoSignIn(t *testing.T) {
	s := staffFor(t, func(p *policy.Policy) { p.Session.Duration = time.Hour })
	r, b := remembers(t, s), s.browser()
	app := s.url("app1.example.com", "/")
	b.want(r.follow(b, app), 200, "for carol")
	for range 12 {
		s.later(2*time.Hour - time.Second)
		r.asked()
		b.want(r.follow(b, app), 200, "for carol")
	}
	if got := r.asked(); !slices.Equal(got, []string{silently}) {
		t.Fatalf("just before the day is over it is asked %q", got)
	}
	s.later(2 * time.Hour)
	b.want(r.follow(b, app), 200, "for carol")
	if got := r.asked(); !slices.Equal(got, []string{plainly}) {
		t.Fatalf("after a day it is asked %q", got)
	}
	s.later(61 * time.Minute)
	var once sync.Once
	r.before = func() {
		once.Do(func() {
			_ = s.revoke(t.Context(), policy.Revocation{Provider: "corp", User: "carol", Before: s.now().Add(-time.Minute)})
		})
	}
	b.want(r.follow(b, app), 200, "for carol")
	if got := r.asked(); !slices.Equal(got, []string{silently, anew}) {
		t.Fatalf("who is revoked meanwhile: it is asked %q", got)
	}
}

// Who the provider knows is somebody else by now: they are, from now on.
func TestRenewalOfSomebodyElse(t *testing.T) {
	s := staffFor(t, func(p *policy.Policy) { p.Session.Duration = time.Hour })
	r, b := remembers(t, s), s.browser()
	b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
	s.later(61 * time.Minute)
	r.p.claims["sub"], r.p.claims["email"] = "dave", "dave@example.com"
	b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for dave@example.com")
}

// A built-in user who is no longer in the list is out, and one whose groups are others has those.
func TestRenewalByTheList(t *testing.T) {
	s := staffFor(t, func(p *policy.Policy) { p.Session.Duration = time.Hour })
	b := s.browser()
	b.want(b.enter("app1.example.com", "/", "bob"), 200, "for bob")
	list := func(users []byte) {
		if problems := s.providers.Update([]idp.Config{{Name: "people", DisplayName: "People", Type: "users", Users: users}}); len(problems) > 0 {
			t.Fatal(problems)
		}
	}
	list([]byte(strings.ReplaceAll(string(people(t, "bob")), "[staff]", "[guests]")))
	s.later(61 * time.Minute)
	b.want(b.get(s.url("app1.example.com", "/")), 403, "don’t have access")
	list(people(t, "bob"))
	s.later(61 * time.Minute)
	b.want(b.get(s.url("app1.example.com", "/")), 200, "for bob")
	list(people(t, "ann"))
	s.later(61 * time.Minute)
	b.want(b.get(s.url("app1.example.com", "/")), 200, `type="password"`)
}
