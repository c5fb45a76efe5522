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

// TestManyGroups: a visitor remembers of which groups they are for 32 groups at a time. With
// more, and groups that name one another, no answer is taken for another group's.
func TestManyGroups(t *testing.T) {
	const n = 3*remembered + 5
	rng := rand.New(rand.NewPCG(21, 22))
	for range 600 / every(3) {
		set, is := make([]Group, n), make([]bool, n) // in which of them ann is
		for i := range set {
			g := &set[i]
			g.Source.Name = fmt.Sprintf("g%03d", i)
			mine := rng.IntN(3) == 0
			g.Include = emails("bob@y")
			if mine {
				g.Include = emails("ann@x")
			}
			is[i] = mine
			if i >= remembered && rng.IntN(2) == 0 { // those below it take the same places
				below := i - remembered*(1+rng.IntN(i/remembered))
				if rng.IntN(2) == 0 {
					g.Include = append(g.Include, named(set[below].Source.Name)...)
					is[i] = mine || is[below]
				} else {
					g.Exclude = named(set[below].Source.Name)
					is[i] = mine && !is[below]
				}
			}
		}
		var rules []Rule
		for i := range 6 {
			a, b := rng.IntN(n), rng.IntN(n)
			rules = append(rules, Rule{Name: fmt.Sprintf("%d %d of %d", a, b, i), Action: Allow,
				Include: named(set[a].Source.Name), Require: named(set[b].Source.Name), Exclude: named(set[(a+remembered)%n].Source.Name)})
		}
		table, issues := withGroups(set, one(rules...))
		if at := slices.IndexFunc(issues, func(i Issue) bool { return !i.Warning() }); at >= 0 {
			t.Fatal(issues[at])
		}
		want := NoRuleMatched.String()
		for _, ru := range rules {
			var a, b int
			if _, err := fmt.Sscan(ru.Name, &a, &b); err != nil {
				t.Fatal(err)
			}
			if is[a] && is[b] && !is[(a+remembered)%n] {
				want = SignedIn.String() + ru.Name
				break
			}
		}
		d := table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: session("n/p"), Now: now})
		if got := d.Reason.String() + d.Rule; got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	}
}

// TestExemptInDoubt: an exemption that is in doubt decides nothing, and where nothing else
// does, the doubt is the reason.
func TestExemptInDoubt(t *testing.T) {
	for name, tc := range map[string]struct {
		url    string
		change func(*Request)
		reason Reason
	}{
		"as it is":                    {"/sw.js", func(*Request) {}, Bypassed},
		"two slashes":                 {"//sw.js", func(*Request) {}, AmbiguousPath},
		"a host that the client says": {"/sw.js", func(r *Request) { r.HostUnproven = true }, BadRequest},
	} {
		p := one(Rule{Action: ServiceAuth, Include: []Selector{{Property: AnyToken}}})
		p.Exempt = []string{"/sw.js"}
		r := Request{Target: mustTarget(t, "https://a.x"+tc.url), Method: "GET", Now: now}
		tc.change(&r)
		d, trace := mustBuild(t, p).Explain(r)
		if d.Reason != tc.reason {
			t.Errorf("%s: %s", name, brief(d))
		}
		skipped := slices.ContainsFunc(trace.Steps, func(s Step) bool {
			return s.What == "exempt" && s.Outcome == "skipped" && strings.Contains(s.Detail, "only as a canonical path")
		})
		passed := slices.ContainsFunc(trace.Steps, func(s Step) bool {
			return s.What == "exempt" && s.Outcome == "exempt" && s.Detail == "/sw.js needs no session"
		})
		if passed != (tc.reason == Bypassed) || skipped == passed {
			t.Errorf("%s: %+v", name, trace.Steps)
		}
	}
	p := one(Rule{Name: "out", Action: Block, Include: networks("10.0.0.0/8")}, Rule{Name: "after", Action: Block, Include: everyone()})
	p.Exempt = []string{"/sw.js"}
	r := Request{Target: mustTarget(t, "https://a.x/sw.js"), Method: "GET", Now: now}
	d, trace := mustBuild(t, p).Explain(r)
	rules := 0
	for _, s := range trace.Steps {
		if s.What == "rule" {
			rules++
		}
	}
	if d.Reason != Blocked || d.Rule != "out" || rules != 1 {
		t.Errorf("blocked: %s, %+v", brief(d), trace.Steps)
	}
}

// TestDryRunIsNotTheApplications: what a dry run lets pass is the application's own: no CORS
// headers of ours, no rule that admitted it, and no session that is too old for the policy.
func TestDryRunIsNotTheApplications(t *testing.T) {
	for _, mode := range []DryRun{DryRunOpen, DryRunAuthenticate} {
		p := rehearsal(mode)
		p.CORS.ManageResponses = true
		p.Session.Duration = time.Hour
		table, _ := build([]Policy{p})
		s := session("n/p") // not staff
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Origin: "https://spa.example.com", InHeader: true, Subject: s, Now: now}
		d := table.Decide(r)
		if d.Reason != DryRunPassed || d.CORS != (CORSHeaders{}) || d.Source.Field != "spec.dryRun" || d.Rule != "" ||
			d.ManageResponses != (mode == DryRunAuthenticate) {
			t.Errorf("%s: %+v", mode, d)
		}
		s.IssuedAt = now.Add(-2 * time.Hour)
		want := map[DryRun]string{DryRunOpen: "allow dry-run p", DryRunAuthenticate: "challenge session-expired p"}[mode]
		if d := table.Decide(r); brief(d) != want || mode == DryRunAuthenticate && d.Source.Field != "spec.dryRun" {
			t.Errorf("%s, an old session: %s by %s, want %s", mode, brief(d), d.Source.Field, want)
		}
	}
}

// TestReadingsOfDryRuns: a path that leads to a dry run in one reading, and to what is enforced
// in another, is refused; one that leads to what is open in every reading passes.
func TestReadingsOfDryRuns(t *testing.T) {
	for _, tc := range []struct {
		left, right DryRun
		url, want   string
	}{
		{DryRunOpen, DryRunNone, "/l/../r", "deny ambiguous-path"},
		{DryRunNone, DryRunOpen, "/l/../r", "deny ambiguous-path"},
		{DryRunOpen, DryRunOpen, "/l/../r", "allow dry-run"},
		{DryRunOpen, DryRunAuthenticate, "/l/../r", "deny ambiguous-path"},
		{DryRunAuthenticate, DryRunOpen, "/l/../r", "deny ambiguous-path"},
		{DryRunAuthenticate, DryRunAuthenticate, "/l/../r", "deny ambiguous-path"},
		{DryRunOpen, DryRunNone, "/r/../l", "deny ambiguous-path"},
		{DryRunOpen, DryRunNone, "/l", "allow dry-run"},
		{DryRunNone, DryRunNone, "/l/../r", "deny ambiguous-path"},
	} {
		left, right := of("n", "left", 0, Allow, []string{"a.x"}, prefixes("/l")...), of("n", "right", 1, Allow, []string{"a.x"}, prefixes("/r")...)
		left.DryRun, right.DryRun = tc.left, tc.right
		table, _ := build([]Policy{left, right})
		d := table.Decide(Request{Target: mustTarget(t, "https://a.x"+tc.url), Method: "GET", Now: now})
		if got := d.Verdict.String() + " " + d.Reason.String(); got != tc.want {
			t.Errorf("%s and %s, %s: %s, want %s", tc.left, tc.right, tc.url, got, tc.want)
		}
	}
}

// TestEvaluationsInWords: explain says of each service what it said, or why it was not asked.
func TestEvaluationsInWords(t *testing.T) {
	for _, tc := range []struct{ url, said, outcome, words string }{
		{onDuty, outcome(onDuty, Approved), "true", onDuty + " approves of ann@x"},
		{onDuty, outcome(onDuty, Rejected), "false", onDuty + " does not approve of ann@x"},
		{onDuty, outcome(onDuty, Untold), "not known", "--assume-evaluation " + onDuty + "=true"},
		{onDuty, "", "not asked", onDuty + " is asked about people when they sign in"},
		{elsewhere, outcome(elsewhere, Approved), "not asked", "is not an origin of --external-evaluation-origins"},
	} {
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now}
		if tc.said != "" {
			r.Subject = session("n/p")
			r.Subject.Evaluations = []string{tc.said}
		}
		_, trace := mustBuild(t, one(Rule{Action: Allow, Include: evaluates(tc.url)})).evaluating(evaluators...).Explain(r)
		var told []Step
		for _, s := range trace.Steps {
			if s.What == "evaluation" {
				told = append(told, s)
			}
		}
		if len(told) != 1 || told[0].Outcome != tc.outcome || !strings.Contains(told[0].Detail, tc.words) {
			t.Errorf("%s %q: %+v", tc.url, tc.said, told)
		}
	}
}

// TestBadLinkIsNoVisit: a token of a linked application that is not good is answered as to a
// client, with 401, wherever people would be sent to sign in.
func TestBadLinkIsNoVisit(t *testing.T) {
	p := one(Rule{Action: ServiceAuth, Include: linkedTo("m/desk")}, Rule{Action: Allow, Include: everyone()})
	table, _ := build([]Policy{p})
	r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now}
	if d := table.Decide(r); d.Verdict != Challenge || d.Unauthenticated == Unauthorized {
		t.Fatalf("without a token: %+v", d)
	}
	r.PresentLinked(nil, TokenInvalid)
	if d := table.Decide(r); d.Verdict != Challenge || d.Reason != TokenInvalid || d.Unauthenticated != Unauthorized {
		t.Errorf("%+v", d)
	}
}

// TestRevisionTellsWhoseHosts: of the same policies, tables that decide something differently
// have different revisions, whatever the ledger says of their hosts: by a new revision it is
// seen that a table has to be put in force.
func TestRevisionTellsWhoseHosts(t *testing.T) {
	claims := tinyClaims()
	rng := rand.New(rand.NewPCG(31, 32))
	hosts := []string{"a.x", "*.x", "b.x", "**.x", "*.a.x", "b.a.x"}
	differ := 0
	for range 6000 / every(5) {
		var some []Policy
		for range 2 + rng.IntN(3) {
			p := claims[rng.IntN(len(claims))]
			p.Hosts = []string{hosts[rng.IntN(len(hosts))]}
			some = append(some, p)
		}
		policies := enact(rng.IntN(16), some...)
		for i := range policies {
			policies[i].Rules = [][]Rule{does(Bypass), does(Allow)}[rng.IntN(2)]
			policies[i].Salvaged = rng.IntN(5) == 0
		}
		seen := map[string]string{} // what is decided, by revision
		for range 6 {
			var known []Claim
			for range rng.IntN(6) {
				c := Claim{Host: hosts[rng.IntN(len(hosts))], Namespace: string(rune('m' + rng.IntN(3))), Since: birth.Add(time.Duration(rng.IntN(5)) * time.Hour)}
				if rng.IntN(4) == 0 {
					c.Released = now.Add(-time.Minute)
				}
				known = append(known, c)
			}
			table, _ := Build(Input{Policies: CompileAll(policies), Ledger: NewLedger(known, 24*time.Hour)})
			var all strings.Builder
			for _, h := range askHosts {
				for _, path := range []string{"/", "/a", "/a/b"} {
					for _, route := range []string{"", "m/i", "n/i"} {
						d := table.Decide(Request{Target: mustTarget(t, "https://"+h+path), Method: "GET", Ingress: route, Now: now})
						fmt.Fprintln(&all, h, path, route, d.Verdict, d.Reason, d.Source)
					}
				}
			}
			if before, is := seen[table.Revision()]; is && before != all.String() {
				t.Fatalf("one revision, and it decides\n%s\nand\n%s\npolicies: %+v\nledger: %+v", before, all.String(), policies, known)
			}
			seen[table.Revision()] = all.String()
		}
		if len(seen) > 1 {
			differ++
		}
	}
	if differ == 0 {
		t.Error("the ledger is no matter: the test is blind")
	}
}
