// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"
)

// A credential is judged by its times and by whom it was made for; whatever is
// wrong with it, it never admits. THREATS F4.
func TestSessions(t *testing.T) {
	p := one(
		Rule{Action: ServiceAuth, Include: everyone(), Methods: []string{"PUT"}},
		Rule{Action: Allow, Include: emails("ann@x"), Methods: []string{"POST"}, SessionDuration: 30 * time.Minute},
		Rule{Action: Allow, Include: emails("ann@x")},
	)
	p.Session = Session{Duration: 4 * time.Hour, RevokedBefore: now.Add(-3 * time.Hour)}
	table := mustBuild(t, p)
	for name, tc := range map[string]struct {
		method string
		change func(*Subject)
		want   string
	}{
		"good":                {"GET", func(*Subject) {}, "allow signed-in p"},
		"expires now":         {"GET", func(s *Subject) { s.ExpiresAt = now }, "challenge session-expired p"},
		"expires soon":        {"GET", func(s *Subject) { s.ExpiresAt = now.Add(1) }, "allow signed-in p"},
		"never expires":       {"GET", func(s *Subject) { s.ExpiresAt = time.Time{} }, "challenge session-expired p"},
		"revoked":             {"GET", func(s *Subject) { s.SignedInAt = now.Add(-3*time.Hour - 1) }, "challenge session-revoked p"},
		"just not revoked":    {"GET", func(s *Subject) { s.SignedInAt = now.Add(-3 * time.Hour) }, "allow signed-in p"},
		"clocks apart":        {"GET", func(s *Subject) { s.IssuedAt = now.Add(time.Minute) }, "allow signed-in p"},
		"from the future":     {"GET", func(s *Subject) { s.IssuedAt = now.Add(time.Minute + 1) }, "challenge session-expired p"},
		"of another policy":   {"GET", func(s *Subject) { s.Audience = []string{"n/q"} }, "challenge wrong-audience p"},
		"of another, in case": {"GET", func(s *Subject) { s.Audience = []string{"N/P"} }, "challenge wrong-audience p"},
		"of none":             {"GET", func(s *Subject) { s.Audience = []string{""} }, "challenge wrong-audience p"},
		"of someone else":     {"GET", func(s *Subject) { s.Email = "bob@y" }, "deny no-rule-matched p"},
		"too old for a rule":  {"POST", func(*Subject) {}, "challenge session-expired p"},
		"young enough":        {"POST", func(s *Subject) { s.IssuedAt = now.Add(-30 * time.Minute) }, "allow signed-in p"},
		"a person as machine": {"PUT", func(s *Subject) { s.IssuedAt = now }, "allow signed-in p"},
	} {
		s := session("n/p")
		tc.change(s)
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: tc.method, Subject: s, Now: now}
		d := table.Decide(r)
		if got := brief(d); got != tc.want || d.Identified != (d.Verdict == Admit) {
			t.Errorf("%s: %s, want %s; identified: %v", name, got, tc.want, d.Identified)
		}
		if e, _ := table.Explain(r); e != table.Decide(r) {
			t.Errorf("%s: Explain says %s", name, brief(e))
		}
	}
	r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Refused: BadSignature, Now: now}
	if got := brief(table.Decide(r)); got != "challenge bad-signature p" {
		t.Errorf("refused credential: %s", got)
	}
}

// A rule's duration comes before the policy's, be it longer or shorter; without
// either, a session is good for as long as it says itself, but not for ever.
func TestSessionDurations(t *testing.T) {
	for _, tc := range []struct{ policy, rule, want time.Duration }{
		{0, 0, MaxSessionDuration}, {time.Hour, 0, time.Hour}, {0, time.Hour, time.Hour}, {time.Hour, time.Minute, time.Minute},
		{time.Minute, time.Hour, time.Hour}, {MaxSessionDuration, 0, MaxSessionDuration}, {1, MaxSessionDuration, MaxSessionDuration},
	} {
		{
			p := one(Rule{Action: Allow, Include: everyone(), SessionDuration: tc.rule})
			p.Session.Duration = tc.policy
			table := mustBuild(t, p)
			s := session("n/p")
			for _, over := range []time.Duration{0, 1} {
				s.IssuedAt = now.Add(-tc.want - over)
				d := table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now})
				if (d.Verdict == Admit) != (over == 0) {
					t.Errorf("%v, age %v: %s", tc, tc.want+over, brief(d))
				}
				if why := table.Session("a.x", s, now, 0); (why == NoReason) != (over == 0) {
					t.Errorf("%v, age %v: %s", tc, tc.want+over, why)
				}
			}
			if in, _ := table.SignIn(mustTarget(t, "https://a.x/"), ""); in.Duration != cmp.Or(tc.rule, tc.policy) {
				t.Errorf("%v: signing in is for %v", tc, in.Duration)
			}
		}
	}
}

// Whom an old session belongs to is known, and a Block rule goes by that.
func TestOldSessionIsBlocked(t *testing.T) {
	p := one(Rule{Action: Block, Include: emails("ann@x")}, Rule{Action: Allow, Include: everyone(), SessionDuration: time.Minute})
	table := mustBuild(t, p)
	if got := brief(get(table, "https://a.x/", true)); got != "deny blocked p" {
		t.Error(got)
	}
}

func TestSessionBounds(t *testing.T) {
	for _, bad := range []time.Duration{-1, MaxSessionDuration + 1} {
		p := one(Rule{Action: Allow, Include: everyone(), SessionDuration: bad})
		p.Session.Duration = bad
		if _, issues := build([]Policy{p}); !slices.Equal(told(issues), []string{"n/p spec.rules[0].sessionDuration Invalid", "n/p spec.session.duration Invalid"}) {
			t.Errorf("%v: %v", bad, issues)
		}
	}
	_, issues := build([]Policy{one(Rule{Action: Bypass, Include: everyone(), SessionDuration: 1})})
	if !slices.Equal(told(issues), []string{"n/p spec.rules[0].sessionDuration Unwise"}) {
		t.Errorf("%v", issues)
	}
}

// An odd spelling of a method helps nobody: frameworks that raise methods to
// upper case would run a "delete" that a rule for DELETE did not see.
func TestMethodCase(t *testing.T) {
	table := mustBuild(t, one(
		Rule{Action: Bypass, Methods: []string{"HEAD"}, Include: everyone()},
		Rule{Action: Block, Methods: []string{"DELETE"}, Include: everyone()},
		Rule{Action: Allow, Methods: []string{"GET", "DELETE", "delEte"}, Include: everyone()}))
	for method, want := range map[string]string{
		"GET": "allow signed-in p", "get": "deny no-rule-matched p", "HEAD": "allow bypass p", "head": "deny no-rule-matched p",
		"DELETE": "deny blocked p", "delete": "deny blocked p", "delEte": "deny blocked p", "DELETEX": "deny no-rule-matched p", "": "deny no-rule-matched p",
	} {
		if got := brief(table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: method, Subject: session("n/p"), Now: now})); got != want {
			t.Errorf("%q: %s, want %s", method, got, want)
		}
	}
}

// A second selector of a list, and the second of two rules, count as much as
// the first: any of Include, all of Require, none of Exclude.
func TestListsOfSelectors(t *testing.T) {
	ann, bob, net := emails("ann@x")[0], emails("bob@y")[0], networks("10.0.0.0/8")[0]
	list := func(s ...Selector) []Selector { return s }
	for name, tc := range map[string]struct {
		rule Rule
		want bool
	}{
		"any, first":          {Rule{Include: list(ann, bob)}, true},
		"any, last":           {Rule{Include: list(bob, ann)}, true},
		"any, none":           {Rule{Include: list(bob, net)}, false},
		"all":                 {Rule{Include: everyone(), Require: list(ann, ann)}, true},
		"all but the last":    {Rule{Include: everyone(), Require: list(ann, bob)}, false},
		"all but the first":   {Rule{Include: everyone(), Require: list(bob, ann)}, false},
		"none":                {Rule{Include: everyone(), Exclude: list(bob, bob)}, true},
		"one, the last":       {Rule{Include: everyone(), Exclude: list(bob, ann)}, false},
		"one, the first":      {Rule{Include: everyone(), Exclude: list(ann, bob)}, false},
		"required, no choice": {Rule{Require: list(ann)}, false},
	} {
		tc.rule.Action = Allow
		p := one(tc.rule)
		table, _ := build([]Policy{p})
		d := table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: session("n/p"), Now: now})
		if (d.Verdict == Admit) != tc.want {
			t.Errorf("%s: %s", name, brief(d))
		}
	}
}

// A policy that says nothing has the installation's limit, also where the policy
// of another path of the host lets the same credential live for longer.
func TestUnsaidDuration(t *testing.T) {
	long, silent := one(Rule{Action: Allow, Include: everyone(), SessionDuration: 7 * 24 * time.Hour}), one(Rule{Action: Allow, Include: everyone()})
	long.Source.Name, long.Paths = "long", []Path{{Value: "/long"}}
	table := mustBuild(t, long, silent)
	s := session(Audience(silent.Source))
	s.Audience = append(s.Audience, Audience(long.Source))
	s.IssuedAt, s.ExpiresAt = now.Add(-48*time.Hour), now.Add(time.Hour)
	for path, want := range map[string]Reason{"/long/x": SignedIn, "/x": SessionExpired} {
		target, err := NewTarget(long.Hosts[0], path)
		if err != nil {
			t.Fatal(err)
		}
		d := table.Decide(Request{Target: target, Method: "GET", Subject: s, Now: now, SessionDuration: 24 * time.Hour})
		if d.Reason != want {
			t.Errorf("%s: %s, want %s", path, d.Reason, want)
		}
	}
}

// A credential for one host is nobody's on another, whatever its audience.
func TestSessionHost(t *testing.T) {
	p := one(Rule{Action: Allow, Include: everyone()})
	p.Hosts = []string{"a.x", "b.x", "*.c.x"}
	table := mustBuild(t, p)
	for _, c := range []struct {
		made, asked string
		want        Reason
	}{
		{"", "a.x", SignedIn}, {"a.x", "a.x", SignedIn}, {"a.x", "b.x", WrongAudience}, {"1.c.x", "1.c.x", SignedIn},
		{"1.c.x", "2.c.x", WrongAudience}, {"*.c.x", "1.c.x", WrongAudience}, {"A.X", "a.x", WrongAudience},
	} {
		target, err := NewTarget(c.asked, "/")
		if err != nil {
			t.Fatal(err)
		}
		s := session(Audience(p.Source))
		s.Host = c.made
		if d := table.Decide(Request{Target: target, Method: "GET", Subject: s, Now: now}); d.Reason != c.want {
			t.Errorf("made for %q, on %s: %s, want %s", c.made, c.asked, d.Reason, c.want)
		}
		if ok := table.Session(c.asked, s, now, 0) == NoReason; ok != (c.want == SignedIn) {
			t.Errorf("made for %q: a session on %s: %v", c.made, c.asked, ok)
		}
	}
}

// TestSessionOutlives: a session is over for a host when it is older than every rule there
// lets it be; a rule that says nothing lets it be as old as the installation does.
func TestSessionOutlives(t *testing.T) {
	hour := Rule{Action: Allow, Include: everyone(), SessionDuration: time.Hour}
	silent := Rule{Action: Allow, Include: everyone()}
	for name, tc := range map[string]struct {
		rules  []Rule
		unsaid time.Duration
		limit  time.Duration // 0: none
	}{
		"an hour":                      {[]Rule{hour}, 0, time.Hour},
		"an hour, whatever is unsaid":  {[]Rule{hour}, 2 * time.Hour, time.Hour},
		"unsaid":                       {[]Rule{silent}, 2 * time.Hour, 2 * time.Hour},
		"an hour, or unsaid, of more":  {[]Rule{hour, silent}, 2 * time.Hour, 2 * time.Hour},
		"an hour, or unsaid, of less":  {[]Rule{hour, silent}, 30 * time.Minute, time.Hour},
		"an hour, or unsaid, of none":  {[]Rule{hour, silent}, 0, 0},
		"an hour, for who is no guest": {[]Rule{hour, {Action: Block, Include: emails("guest@x")}}, 2 * time.Hour, time.Hour},
	} {
		table := mustBuild(t, one(tc.rules...))
		for age, over := range map[time.Duration]bool{
			0: false, tc.limit: false, tc.limit + 1: tc.limit > 0, 100 * time.Hour: tc.limit > 0,
		} {
			s, want := session("n/p"), NoReason
			if s.IssuedAt = now.Add(-age); over {
				want = SessionExpired
			}
			if got := table.Session("a.x", s, now, tc.unsaid); got != want {
				t.Errorf("%s: after %v: %s, want %s", name, age, got, want)
			}
		}
	}
}

// TestTokensOfManyPolicies: a token for pages is for no more policies than fit into a cookie.
func TestTokensOfManyPolicies(t *testing.T) {
	for _, n := range []int{1, maxAudience - 1, maxAudience, maxAudience + 1, 2 * maxAudience} {
		var list []Policy
		for i := range n {
			p := of("n", fmt.Sprint("p", i), 0, Allow, []string{"a.x"}, prefixes(fmt.Sprint("/p", i))...)
			p.CORS = &CORS{AllowedOrigins: []string{"https://o.x"}, AllowAllMethods: true, AllowCredentials: true, Tokens: true}
			list = append(list, p)
		}
		s := session("n/p")
		for _, p := range list {
			s.Audience = append(s.Audience, Audience(p.Source))
		}
		if got := mustBuild(t, list...).TokenAudience("a.x", "https://o.x", s, now); len(got) != min(n, maxAudience) {
			t.Errorf("for %d of %d", len(got), n)
		}
	}
}
