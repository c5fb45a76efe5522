// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// rehearsal is the policy of most tests here: staff may pass.
func rehearsal(mode DryRun) Policy {
	p := one(Rule{Name: "staff", Action: Allow, Include: []Selector{{Property: EmailDomain, Value: "staff.x"}}})
	p.DryRun = mode
	p.CORS = spa()
	return p
}

func TestDryRun(t *testing.T) {
	stranger := session("n/p") // ann@x
	staff := session("n/p")
	staff.Email = "ann@staff.x"
	foreign, old := session("n/other"), session("n/p")
	old.IssuedAt, old.ExpiresAt = now.Add(-3*time.Hour), now.Add(-time.Hour)
	get := func(path string, s *Subject) Request {
		return Request{Target: mustTarget(t, "https://a.x"+path), Method: "GET", Subject: s, Now: now}
	}
	with := func(r Request, change func(r *Request)) Request { change(&r); return r }
	refused := with(get("/", nil), func(r *Request) { r.Method, r.Origin, r.Preflight.Method = "OPTIONS", "https://evil.x", "GET" })
	plain := with(get("/", nil), func(r *Request) { r.Method = "OPTIONS" })
	elsewhere := Request{Target: mustTarget(t, "https://b.x/"), Method: "GET", Now: now}
	answered := with(refused, func(r *Request) { r.Origin = "https://spa.example.com" })
	forged := with(get("/", staff), func(r *Request) { r.Method, r.Site = "POST", SiteOther })
	for name, tc := range map[string]struct {
		r                  Request
		open, authenticate string // verdict, reason, and who is told of
		would              string
	}{
		"nobody":                {get("/", nil), "allow dry-run", "challenge no-session", "challenge no-session"},
		"staff":                 {get("/", staff), "allow signed-in ann@staff.x", "allow signed-in ann@staff.x", "allow signed-in"},
		"a stranger":            {get("/", stranger), "allow dry-run ann@x", "allow dry-run ann@x", "deny no-rule-matched"},
		"of another app":        {get("/", foreign), "allow dry-run", "challenge wrong-audience", "challenge wrong-audience"},
		"an old session":        {get("/", old), "allow dry-run", "challenge session-expired", "challenge session-expired"},
		"a refused preflight":   {refused, "allow dry-run", "deny origin-not-allowed", "deny origin-not-allowed"},
		"an answered preflight": {answered, "allow dry-run", "answer-preflight preflight-answered", "answer-preflight preflight-answered"},
		"OPTIONS":               {plain, "allow dry-run", "deny no-session", "deny no-session"},
		"another site's POST":   {forged, "allow dry-run ann@staff.x", "allow dry-run ann@staff.x", "deny origin-not-allowed"},
		"an odd path":           {get("//x", staff), "allow signed-in ann@staff.x", "allow signed-in ann@staff.x", "allow signed-in"},
		"an encoded slash":      {get("/a%2fb", staff), "allow dry-run ann@staff.x", "deny ambiguous-path", "deny ambiguous-path"},
		"another host":          {elsewhere, "deny no-policy", "deny no-policy", ""},
		"another route":         {with(get("/", staff), func(r *Request) { r.Ingress = "n/i" }), "deny no-policy", "deny no-policy", ""},
	} {
		for mode, want := range map[DryRun]string{DryRunOpen: tc.open, DryRunAuthenticate: tc.authenticate} {
			table, _ := build([]Policy{rehearsal(mode)})
			d, trace := table.Explain(tc.r)
			got := d.Verdict.String() + " " + d.Reason.String()
			if d.Identified {
				got += " " + tc.r.Subject.Email
			}
			if got != want {
				t.Errorf("%s, %s: %s, want %s", name, mode, got, want)
			}
			if d.Verdict == Admit && (d.CORS != CORSHeaders{} || d.ManageResponses) {
				t.Errorf("%s, %s: with CORS headers", name, mode)
			}
			if would := strings.TrimSpace(d.Would.String()); tc.would == "" && d.DryRun != DryRunNone ||
				tc.would != "" && (would != tc.would || d.DryRun != mode) {
				t.Errorf("%s, %s: would %s", name, mode, would)
			}
			if last := trace.Steps[len(trace.Steps)-1]; tc.would != "" && (last.What != "dryRun" || last.Outcome != "would "+tc.would) {
				t.Errorf("%s, %s: %+v", name, mode, last)
			}
		}
	}
}

// TestDryRunOfABrokenPolicy: what is wrong is denied, whatever dryRun says; and so is a
// host of which nothing tells whose it is.
func TestDryRunOfABrokenPolicy(t *testing.T) {
	broken := rehearsal(DryRunOpen)
	broken.Rules[0].Action = NoAction
	unknown := rehearsal(9)
	theirs, ours := rehearsal(DryRunOpen), rehearsal(DryRunOpen)
	theirs.Source.Namespace, theirs.Since, ours.Since = "m", time.Time{}, time.Time{}
	for name, policies := range map[string][]Policy{"broken": {broken}, "unknown mode": {unknown}, "nobody's host": {ours, theirs}} {
		table, _ := build(policies)
		if d := table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now}); d.Verdict != Deny {
			t.Errorf("%s: %s", name, brief(d))
		}
	}
}

// TestDryRunOpensNothingOfAnother: where a policy that is enforced would decide, it does.
func TestDryRunOpensNothingOfAnother(t *testing.T) {
	for name, tc := range map[string]struct {
		hosts []string // of the dry run
		paths []Path
		rules Action
		url   string
		mode  DryRun
		want  string
	}{
		"a part":                    {[]string{"a.x.y"}, prefixes("/new"), Bypass, "a.x.y/new", DryRunOpen, "challenge no-session n/guard"},
		"the same part":             {[]string{"a.x.y"}, nil, Bypass, "a.x.y/new", DryRunOpen, "challenge no-session n/guard"},
		"a host below a wildcard":   {[]string{"b.x.y"}, nil, Bypass, "b.x.y/", DryRunOpen, "challenge no-session n/wild"},
		"an odd path":               {[]string{"a.x.y"}, prefixes("/new"), Bypass, "a.x.y/new/../", DryRunOpen, "challenge no-session n/guard"},
		"a host that nobody guards": {[]string{"c.z"}, nil, Allow, "c.z/", DryRunOpen, "allow dry-run n/dry"},
		"a part of what is public":  {[]string{"pub.z"}, prefixes("/new"), Allow, "pub.z/new", DryRunOpen, "allow bypass n/public"},
		"with a session of its own": {[]string{"pub.z"}, prefixes("/new"), Allow,
			"pub.z/new", DryRunAuthenticate, "challenge no-session n/dry"},
		"beside what others guard":    {[]string{"part.z"}, prefixes("/new"), Allow, "part.z/new", DryRunOpen, "allow dry-run n/dry"},
		"what others guard beside it": {[]string{"part.z"}, prefixes("/new"), Allow, "part.z/old", DryRunOpen, "challenge no-session n/partly"},
		"two readings":                {[]string{"part.z"}, prefixes("/new"), Allow, "part.z/new/../old", DryRunOpen, "deny ambiguous-path"},
	} {
		guard, wild, public := of(
			"n",
			"guard",
			5,
			Allow,
			[]string{"a.x.y"},
		), of(
			"n",
			"wild",
			6,
			Allow,
			[]string{"*.x.y"},
		), of(
			"n",
			"public",
			7,
			Bypass,
			[]string{"pub.z"},
		)
		partly := of("n", "partly", 8, Allow, []string{"part.z"}, prefixes("/old")...)
		dry := of("n", "dry", 0, tc.rules, tc.hosts, tc.paths...) // the oldest
		dry.DryRun = tc.mode
		table, _ := build([]Policy{guard, wild, public, partly, dry})
		target := mustTarget(t, "https://"+tc.url)
		d := table.Decide(Request{Target: target, Method: "GET", Now: now})
		got := fmt.Sprintf("%s %s", d.Verdict, d.Reason)
		if d.Verdict != Deny {
			got += " " + d.Source.Namespace + "/" + d.Source.Name
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		if d.Verdict != Challenge {
			continue
		}
		// Signing in there is for the policy that decides, and ends.
		in, ok := table.SignIn(target, "")
		s := session("")
		s.Audience = in.Audience
		if d := table.Decide(Request{Target: target, Method: "GET", Subject: s, Now: now}); !ok || d.Verdict != Admit {
			t.Errorf("%s: after a sign-in for %v: %s", name, in.Audience, brief(d))
		}
	}
}

// TestOracleDryRun holds the table against the reference: random claims, modes, rules and
// visitors. Whatever a dry run claims, it never passes what the other policies refuse.
func TestOracleDryRun(t *testing.T) {
	claims := tinyClaims()
	rng := rand.New(rand.NewPCG(7, 8))
	rehearsed, held := 0, 0
	for range 3000 / every(5) {
		var some []Policy
		for range 2 + rng.IntN(3) {
			p := claims[rng.IntN(len(claims))]
			p.DryRun = DryRun(rng.IntN(3))
			p.Rules = [][]Rule{does(Bypass), does(Allow), does(Block), {{Action: Allow, Include: emails("bob@y")}}}[rng.IntN(4)]
			some = append(some, p)
		}
		policies := enact(0, some...)
		var enforced []Policy
		for _, p := range policies {
			if p.DryRun == DryRunNone {
				enforced = append(enforced, p)
			}
		}
		table, _ := build(policies)
		strict, _ := build(enforced)
		ref := newReference(policies)
		for _, h := range askHosts {
			for _, p := range askPaths[:6] {
				for _, s := range []*Subject{nil, session("m/p0"), session("m/p1")} {
					r := Request{Target: mustTarget(t, "https://"+h+p), Method: "GET", Subject: s, Now: now}
					d := table.Decide(r)
					v, why, whose := ref.decide(h, p, &r)
					name := ""
					if whose != nil {
						name = whose.Source.Name
					}
					if d.Verdict != v || d.Reason != why || d.Source.Name != name {
						t.Fatalf("%s%s: %s; the reference says %s %s %s\npolicies: %+v", h, p, brief(d), v, why, name, policies)
					}
					if e, _ := table.Explain(r); e != d {
						t.Fatalf("Explain says %+v, Decide %+v", e, d)
					}
					was := strict.Decide(r)
					if d.Verdict == Admit && was.Verdict != Admit && was.Source.Name != "" {
						t.Fatalf("%s%s: %s, and without the dry runs %s\npolicies: %+v", h, p, brief(d), brief(was), policies)
					}
					if d.DryRun != DryRunNone {
						rehearsed++
						if was.Source.Name != "" {
							held++
						}
					}
				}
			}
		}
	}
	if rehearsed == 0 || held == 0 {
		t.Errorf("%d were dry runs, %d of them held: the test is blind", rehearsed, held)
	}
}

// TestDryRunOfMachines: who sends a service token relies on it, and is told that it fails,
// unless everything passes. A session beside it counts for nothing.
func TestDryRunOfMachines(t *testing.T) {
	for mode, want := range map[DryRun][3]string{
		DryRunOpen:         {"allow dry-run", "allow dry-run", "allow service-auth"},
		DryRunAuthenticate: {"challenge service-token-invalid", "deny no-rule-matched", "allow service-auth"},
	} {
		p := one(Rule{Action: ServiceAuth, Include: tokenNamed("ci")})
		p.DryRun = mode
		table, _ := build([]Policy{p})
		table = table.knowing(tokens())
		for i, token := range []PresentedToken{{ID: "id-ci", Secret: "wrong"}, {ID: "id-bot", Secret: "bot"}, {ID: "id-ci", Secret: "new"}} {
			r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Token: token, Subject: session("n/p"), Now: now}
			d := table.Decide(r)
			if got := d.Verdict.String() + " " + d.Reason.String(); got != want[i] || d.Identified {
				t.Errorf("%s, token %d: %s", mode, i, got)
			}
		}
	}
}

// TestWould: what would have been is told without an allocation.
func TestWould(t *testing.T) {
	w := Would{Verdict: Deny, Reason: NoRuleMatched}
	if w.String() != "deny no-rule-matched" || (Would{Verdict: 200}).String() != "invalid" || (Would{Reason: 200}).String() != "invalid" {
		t.Errorf("%s", w)
	}
	if n := testing.AllocsPerRun(10, func() { _ = w.String() }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// enforcing: "where a policy that is enforced would decide without the dry run".
func (f *reference) enforcing(host, path string) *Policy {
	for _, h := range append([]string{host}, wider(host)...) {
		if f.claimed(h) && f.isNobodys(h) && len(f.claims(h)) == 0 {
			return nil
		}
		var list []refClaim
		for _, c := range f.claims(h) {
			if c.policy.DryRun == DryRunNone {
				list = append(list, c)
			}
		}
		if p := refMostSpecific(list, path); p != nil {
			return p
		}
	}
	return nil
}

// refRehearses: Open passes everything; Authenticate whoever has a session.
func refRehearses(p *Policy, v Verdict, why Reason, r *Request) (Verdict, Reason) {
	switch has := r.Subject != nil && slices.Contains(r.Subject.Audience, Audience(p.Source)); {
	case v == Admit, p.DryRun == DryRunAuthenticate && v == Challenge:
		return v, why
	case p.DryRun == DryRunOpen, has:
		return Admit, DryRunPassed
	case r.Subject != nil:
		why = WrongAudience
	default:
		why = NoSession
	}
	if r.Method == "OPTIONS" {
		return Deny, why
	}
	return Challenge, why
}

// TestSignInBehindADryRun: people sign in for the policy that decides, as it stands above the
// host, and by the providers that the dry run takes, too.
func TestSignInBehindADryRun(t *testing.T) {
	dry, other := of("n", "dry", 0, Allow, []string{"a.b.x"}), of("n", "other", 1, Allow, []string{"*.b.x"}, prefixes("/other")...)
	team := of("n", "team", 2, Allow, []string{"**.x"}, prefixes("/team")...)
	team.Session.Cookie.PathScoped = true
	dry.DryRun, dry.IdentityProviders = DryRunAuthenticate, []string{"corp"}
	other.IdentityProviders = []string{"corp", "guests"}
	for _, more := range [][]Policy{nil, {other}} {
		table := mustBuild(t, append(more, dry, team)...)
		in, ok := table.SignIn(mustTarget(t, "https://a.b.x/team/one"), "https://a.b.x")
		if !ok || in.Policy != team.Source || in.Path != "/team" || !slices.Equal(in.Providers, dry.IdentityProviders) {
			t.Errorf("with %d more: %v %+v", len(more), ok, in)
		}
	}
	in, _ := mustBuild(t, dry, other).SignIn(mustTarget(t, "https://a.b.x/other"), "https://a.b.x")
	if in.Policy != other.Source || !slices.Equal(in.Providers, dry.IdentityProviders) {
		t.Errorf("beside one that names providers: %+v", in)
	}
}
