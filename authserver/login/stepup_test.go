// SPDX-License-Identifier: Apache-2.0

package login

import (
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// stepsUp has app1 want mfa of staff, and its provider be asked for it so.
func stepsUp(t *testing.T, by idp.Config, edit func(*policy.Policy)) (*site, *remembering) {
	t.Helper()
	s := staffFor(t, func(p *policy.Policy) {
		p.Rules[0].Require = []policy.Selector{{Property: policy.AuthMethod, Value: "mfa"}}
		if edit != nil {
			edit(p)
		}
	})
	r := remembers(t, s)
	r.stepsBy(s, by)
	return s, r
}

// stepsBy configures what the provider is asked for, and tells the table, as a controller does.
func (r *remembering) stepsBy(s *site, by idp.Config) {
	r.p.t.Helper()
	c := r.p.config()
	c.StepUp, c.AuthParams, c.AMRClaim = by.StepUp, by.AuthParams, by.AMRClaim
	if problems := s.providers.Update([]idp.Config{c}); len(problems) > 0 {
		r.p.t.Fatal(problems)
	}
	known := policy.Provider{Name: "corp"}
	for _, one := range by.StepUp {
		known.StepUp = append(known.StepUp, one.Method)
	}
	s.provide(policy.NewProviders(known))
}

// gold asks for mfa by a class of context.
var gold = idp.Config{StepUp: []idp.StepUp{{Method: "mfa", ACRValues: []string{"gold", "silver"}}}}

// says has the provider answer with claims where it is asked for an acr, and without elsewhere.
func (r *remembering) says(claims map[string]any) {
	r.on = func(asked url.Values) {
		for _, name := range []string{"acr", "amr", "auth_time"} {
			delete(r.p.claims, name)
		}
		if asked.Get("acr_values") != "" || asked.Get("max_age") != "" {
			for name, value := range claims {
				r.p.claims[name] = value
			}
		}
	}
}

// TestStepUp: whoever lacks what a rule requires is sent to the provider once more, which is asked
// for it, and comes in with it, whichever way it says so.
func TestStepUp(t *testing.T) {
	now := time.Now().Unix()
	for name, c := range map[string]struct {
		by    idp.Config
		said  map[string]any
		asked string
	}{
		"acr": {gold, map[string]any{"acr": "silver"}, plainly + " acr_values=gold silver"},
		"amr": {gold, map[string]any{"amr": []string{"pwd", "mfa"}}, plainly + " acr_values=gold silver"},
		"max_age": {idp.Config{StepUp: []idp.StepUp{{Method: "mfa", MaxAge: 5 * time.Minute}}},
			map[string]any{"amr": []string{"mfa"}, "auth_time": now}, "prompt= max_age=300"},
		"prompt": {idp.Config{StepUp: []idp.StepUp{{Method: "mfa", Login: true}}}, map[string]any{"amr": []string{"mfa"}}, anew},
		"in place of": {idp.Config{StepUp: gold.StepUp, AuthParams: map[string]string{"acr_values": "bronze"}},
			map[string]any{"acr": "gold"}, plainly + " acr_values=gold silver"},
		"another claim": {idp.Config{StepUp: gold.StepUp, AMRClaim: "methods"},
			map[string]any{"methods": "mfa"}, plainly + " acr_values=gold silver"},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := stepsUp(t, c.by, nil)
			r.says(c.said)
			b := s.browser()
			if name == "in place of" { // it is asked for a weaker one at every sign-in
				r.on(url.Values{})
				on := r.on
				r.on = func(asked url.Values) {
					if on(asked); asked.Get("acr_values") == "bronze" {
						r.p.claims["acr"] = "bronze"
					}
				}
			}
			b.want(r.follow(b, s.url("app1.example.com", "/x?y=1")), 200, "/x?y=1 for carol")
			got := r.asked()
			if len(got) != 2 || got[1] != c.asked {
				t.Fatalf("it was asked %q, want %q at last", got, c.asked)
			}
			if b.want(r.follow(b, s.url("app1.example.com", "/z")), 200, "/z for carol"); len(r.asked()) > 0 {
				t.Error("it is asked again")
			}
		})
	}
}

// TestStepUpInVain: THREATS E23. A provider that does not confirm it is asked once in an attempt, and the
// denial says what is missing. One that nobody can ask is not asked, and what it says of another
// user counts for that one.
func TestStepUpInVain(t *testing.T) {
	old := time.Now().Add(-time.Hour).Unix()
	aged := idp.Config{StepUp: []idp.StepUp{{Method: "mfa", ACRValues: []string{"gold"}, MaxAge: time.Minute}}}
	for name, c := range map[string]struct {
		by     idp.Config
		said   map[string]any
		status int
		words  string
		visits int
	}{
		"without":         {gold, nil, 403, "stronger sign-in", 2},
		"another":         {gold, map[string]any{"acr": "bronze", "amr": []string{"pwd"}}, 403, "stronger sign-in", 2},
		"a list":          {gold, map[string]any{"acr": []string{"gold"}}, 403, "stronger sign-in", 2},
		"no auth_time":    {aged, map[string]any{"acr": "gold"}, 403, "was not accepted", 2},
		"too long ago":    {aged, map[string]any{"acr": "gold", "auth_time": old}, 403, "was not accepted", 2},
		"cannot be asked": {idp.Config{}, map[string]any{"acr": "gold"}, 403, "don’t have access", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := stepsUp(t, c.by, nil)
			r.says(c.said)
			b := s.browser()
			for range 2 {
				at := r.follow(b, s.url("app1.example.com", "/"))
				if at.status != c.status || !strings.Contains(at.body, c.words) {
					t.Fatalf("%d %s", at.status, at.body)
				}
				if got := r.asked(); len(got) != c.visits {
					t.Fatalf("it was asked %q", got)
				}
				c.visits -= min(c.visits, 1) // a session is there by now
			}
		})
	}
}

// TestStepUpOnceAnAttempt: THREATS E23. Whatever a provider makes of what it is asked, an attempt asks it at
// most once silently, once as for any sign-in, and once for more; then it ends.
func TestStepUpOnceAnAttempt(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	ends := map[int]int{}
	for range 60 {
		s, r := stepsUp(t, gold, func(p *policy.Policy) { p.Session.Duration = time.Hour })
		b := s.browser()
		r.on = func(url.Values) {
			r.deny = []string{"", "", "login_required"}[rng.IntN(3)]
			r.p.claims["acr"] = []string{"gold", "bronze", ""}[rng.IntN(3)]
			r.p.claims["sub"] = []string{"carol", "carol", "dave"}[rng.IntN(3)]
			r.p.claims["groups"] = [][]string{{"staff"}, {"staff"}, {"guests"}}[rng.IntN(3)]
		}
		for range 4 {
			at := r.follow(b, s.url("app1.example.com", "/"))
			asked := r.asked()
			stronger := slices.DeleteFunc(slices.Clone(asked), func(v string) bool { return !strings.Contains(v, "acr_values") })
			if len(stronger) > 1 || len(asked) > 3 {
				t.Fatalf("one attempt asked %q, and ended with %d", asked, at.status)
			}
			ends[at.status]++
			s.later(time.Duration(rng.IntN(90)) * time.Minute)
		}
	}
	if ends[200] == 0 || ends[403] == 0 || ends[200]+ends[403] != 240 {
		t.Errorf("they ended with %v", ends)
	}
}

// TestStepUpOfARenewal: what a provider says silently may be less than before. It is asked for
// the rest in the same attempt.
func TestStepUpOfARenewal(t *testing.T) {
	s, r := stepsUp(t, gold, func(p *policy.Policy) { p.Session.Duration = time.Hour })
	r.says(map[string]any{"acr": "gold"})
	b := s.browser()
	b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
	r.asked()
	s.later(61 * time.Minute)
	b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
	if got := r.asked(); !slices.Equal(got, []string{silently, plainly + " acr_values=gold silver"}) {
		t.Errorf("it was asked %q", got)
	}
}

// TestStepUpIsNoSignIn: THREATS E23. The provider may have asked for a second factor alone, so what voids
// sessions of before voids this as well, also if that comes in between.
func TestStepUpIsNoSignIn(t *testing.T) {
	s, r := stepsUp(t, gold, nil)
	r.says(map[string]any{"acr": "gold"})
	b := s.browser()
	on := r.on
	r.on = func(asked url.Values) {
		if on(asked); asked.Get("acr_values") != "" && asked.Get("prompt") == "" {
			_ = s.revoke(t.Context(), policy.Revocation{Provider: "corp", User: "carol", Before: s.now().Add(time.Second)})
			s.later(2 * time.Second)
		}
	}
	b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
	if got := r.asked(); !slices.Equal(got, []string{plainly, plainly + " acr_values=gold silver", anew + " acr_values=gold silver"}) {
		t.Errorf("it was asked %q", got)
	}
}

// TestStepUpForOneMethod: where to change something takes more than to look, whoever was refused
// says so in the address of the login; a word that no provider can be asked for says nothing.
func TestStepUpForOneMethod(t *testing.T) {
	for step, want := range map[string]int{"mfa": 1, "": 0, "otp": 0, "m fa": 0, strings.Repeat("m", 65): 0, `m"`: 0} {
		s, r := stepsUp(t, gold, func(p *policy.Policy) {
			p.Rules = append(p.Rules, policy.Rule{Action: policy.Allow, Methods: []string{"GET"}, Include: p.Rules[0].Include})
		})
		r.says(map[string]any{"acr": "gold"})
		b := s.browser()
		b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
		r.asked()
		save := func() page {
			b.follow = false
			defer func() { b.follow = true }()
			return b.do(http.MethodPost, s.url("app1.example.com", "/save"), nil, "Origin", s.url("app1.example.com", ""))
		}
		if refused := save(); refused.status != 302 || refused.header.Get("X-Access-Reason") != "insufficient-authentication" {
			t.Fatalf("%d %s", refused.status, refused.body)
		}
		r.follow(b, s.url("app1.example.com", "/.access/login?"+url.Values{"rd": {"/"}, "for": {"/save"}, "step": {step}}.Encode()))
		if got := r.asked(); len(got) != want {
			t.Errorf("for %q it was asked %q", step, got)
		}
		if want == 1 {
			b.want(save(), 200, "for carol")
		}
	}
}

// provide tells the table which providers there are.
func (s *site) provide(p *policy.Providers) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in.Providers = p
	s.table, _ = policy.Build(s.in)
}

// errands has the team host have a page that a client's request leads to, for app1.
func (s *site) errands() string {
	inner := s.server.Config.Handler
	s.server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		h := s.replicas[0].Handler
		if q.URL.Path != "/.access/errand" {
			inner.ServeHTTP(w, q)
			return
		}
		s.mu.Lock()
		table := s.table
		s.mu.Unlock()
		x := &public.Exchange{W: w, R: q, Host: "auth.example.com", Table: table, Ring: s.ring, Now: s.now(), Query: q.URL.Query()}
		target, _ := policy.NewTarget("app1.example.com", "/")
		want := q.URL.Query().Get("want")
		e := &Errand{Target: target, Page: s.url("auth.example.com", "/.access/errand?"+url.Values{"want": {want}}.Encode()), StepUp: want}
		who, why := h.TeamSubject(x)
		if who == nil {
			h.SignInFor(x, e, why)
		} else if as, _, ok := h.Admits(x, e, who); ok {
			_, _ = w.Write([]byte("admits " + as.Email))
		}
	})
	return s.url("auth.example.com", "/.access/errand")
}

// TestStepUpForAnErrand: a page of the team host that needs it has the provider asked once, too,
// though it makes an attempt each time that somebody comes back; and so it has for what a client
// wants (RFC 9470 §4).
func TestStepUpForAnErrand(t *testing.T) {
	free := func(p *policy.Policy) { p.Rules[0].Require = nil }
	for name, c := range map[string]struct {
		said   map[string]any
		words  string
		edit   func(*policy.Policy)
		query  string
		visits int
	}{
		"confirmed":              {map[string]any{"acr": "gold"}, "admits carol", nil, "", 2},
		"not confirmed":          {nil, "stronger sign-in", nil, "", 2},
		"wanted by the client":   {map[string]any{"acr": "gold"}, "admits carol", free, "?want=mfa", 2},
		"wanted in vain":         {nil, "admits carol", free, "?want=mfa", 2},
		"nobody can be asked":    {nil, "admits carol", free, "?want=hwk", 1},
		"wanted, and not a word": {nil, "admits carol", free, "?want=m%22fa", 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, r := stepsUp(t, gold, c.edit)
			r.says(c.said)
			at := r.follow(s.browser(), s.errands()+c.query)
			if got := r.asked(); !strings.Contains(at.body, c.words) || len(got) != c.visits {
				t.Errorf("it was asked %q, and it ends with %d %s", got, at.status, at.body)
			}
		})
	}
}

// TestOldSessionOfTheProvider: sessionDuration is about when the provider vouched for somebody, and
// not about when they signed in there.
func TestOldSessionOfTheProvider(t *testing.T) {
	s := staffFor(t, func(p *policy.Policy) { p.Rules[0].SessionDuration = time.Minute })
	r, b := remembers(t, s), s.browser()
	r.p.claims["auth_time"] = time.Now().Add(-7 * 24 * time.Hour).Unix()
	b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
	s.later(61 * time.Second)
	b.want(r.follow(b, s.url("app1.example.com", "/")), 200, "for carol")
	if got := r.asked(); !slices.Equal(got, []string{plainly, silently}) {
		t.Errorf("it was asked %q", got)
	}
}
