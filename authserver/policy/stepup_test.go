// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// refStepUp is what refRules says, and doc.go of a stronger sign-in: the rules once more for
// whoever has proved one thing more.
func refStepUp(p *Policy, r *Request, stepUp []string, groups ...Group) (Verdict, Reason, string) {
	v, why := refRules(p, r, groups...)
	if v != Deny {
		return v, why, ""
	}
	for _, method := range stepUp {
		more := *r.Subject
		more.AMR = append(slices.Clone(more.AMR), method)
		asked := *r
		asked.Subject = &more
		if then, _ := refRules(p, &asked, groups...); slices.Contains(r.Subject.AMR, method) || then != Admit {
			continue
		}
		if r.Method == "OPTIONS" {
			return Deny, InsufficientAuthentication, method
		}
		return Challenge, InsufficientAuthentication, method
	}
	return v, why, ""
}

// TestOracleStepUp: over rules at random, whoever is denied is asked for a stronger sign-in if
// and only if that helps; and nobody is admitted for it.
func TestOracleStepUp(t *testing.T) {
	rules := slices.DeleteFunc(tinyRules(), func(r Rule) bool { return len(r.Methods) > 0 })
	about := slices.DeleteFunc(slices.Clone(rules), func(r Rule) bool {
		return !slices.ContainsFunc(slices.Concat(r.Include, r.Require, r.Exclude), func(s Selector) bool { return s.Property == AuthMethod })
	})
	visits := slices.DeleteFunc(tinyVisits(t), func(r Request) bool { return r.Subject == nil || r.Subject.Audience[0] != "n/p" })
	rng := rand.New(rand.NewPCG(5, 6))
	seen := map[string]int{}
	for range 4000 / every(8) {
		list := []Rule{about[rng.IntN(len(about))], rules[rng.IntN(len(rules))]}
		if rng.IntN(2) == 0 {
			list[1], list[0] = list[0], list[1]
		}
		for i := range list { // of another method than a step leads to
			if !list[i].Action.relaxes() && rng.IntN(4) == 0 {
				list[i].Require = append(slices.Clone(list[i].Require), proof([]string{"hwk", "otp"}[rng.IntN(2)])...)
			}
		}
		p := one(list...)
		stepUp := [][]string{nil, {"mfa"}, {"otp", "mfa"}, {"hwk", "otp"}}[rng.IntN(4)]
		table, _ := Build(Input{Policies: CompileAll([]Policy{p}), Terms: Terms{EvaluationOrigins: evaluators},
			Providers: NewProviders(Provider{Name: "corp", StepUp: stepUp}, Provider{Name: "plain"})})
		for _, r := range visits {
			if !refEvaluated(&p, r.Subject, nil) {
				continue // whom that asks to sign in, refRules finds out by one selector alone
			}
			v, why, method := refStepUp(&p, &r, stepUp)
			if r.Subject != nil && r.Subject.Provider != "corp" {
				v, why = refRules(&p, &r)
				method = ""
			}
			d := table.Decide(r)
			if d.Verdict != v || d.Reason != why || d.StepUp != method {
				t.Fatalf("%s %+v by %q: %s %q; the reference says %s %s %q\nrules: %+v",
					r.Method, r.Subject, stepUp, brief(d), d.StepUp, v, why, method, list)
			}
			if e, _ := table.Explain(r); e != d {
				t.Fatalf("Explain says %+v, Decide %+v", e, d)
			}
			seen[d.Verdict.String()+" "+d.StepUp]++
		}
	}
	for _, want := range []string{"challenge mfa", "challenge otp", "challenge hwk", "deny otp", "deny ", "allow "} {
		if seen[want] == 0 {
			t.Errorf("no decision is %q, the test is blind: %v", want, seen)
		}
	}
}

// TestStepUp has each way in which a stronger sign-in helps, and in which it does not.
func TestStepUp(t *testing.T) {
	mfa := Rule{Name: "strong", Action: Allow, Include: emails("ann@x"), Require: proof("mfa")}
	read := Rule{Action: Allow, Include: emails("ann@x"), Methods: []string{"GET"}}
	short := mfa
	short.SessionDuration = time.Minute
	blocks := Rule{Name: "weak", Action: Block, Include: everyone(), Exclude: proof("mfa")}
	grouped := Rule{Action: Allow, Include: named("strong")}
	can := []string{"otp", "mfa"}
	for name, c := range map[string]struct {
		rules  []Rule
		method string
		stepUp []string
		edit   func(p *Policy, r *Request)
		want   string
	}{
		"required": {rules: []Rule{mfa}, stepUp: can,
			want: "challenge insufficient-authentication spec.rules[0] strong mfa"},
		"blocked without": {rules: []Rule{blocks, {Action: Allow, Include: everyone()}}, stepUp: can,
			want: "challenge insufficient-authentication spec.rules[1]  mfa"},
		"in a group": {rules: []Rule{grouped}, stepUp: can,
			want: "challenge insufficient-authentication spec.rules[0]  mfa"},
		"to change something": {rules: []Rule{read, mfa}, method: "POST", stepUp: can,
			want: "challenge insufficient-authentication spec.rules[1] strong mfa"},
		"not to look": {rules: []Rule{read, mfa}, stepUp: can, want: "allow signed-in spec.rules[0]  "},
		"and anew": {rules: []Rule{short}, stepUp: can,
			want: "challenge insufficient-authentication spec.rules[0] strong mfa"},
		"nobody can be asked":      {rules: []Rule{mfa}, want: "deny no-rule-matched   "},
		"another can be asked for": {rules: []Rule{mfa}, stepUp: []string{"otp"}, want: "deny no-rule-matched   "},
		"two are missing": {rules: []Rule{{Action: Allow, Include: emails("ann@x"), Require: append(proof("mfa"), proof("otp")...)}}, stepUp: can,
			want: "deny no-rule-matched   "},
		"it is somebody else's": {rules: []Rule{{Action: Allow, Include: emails("bob@x"), Require: proof("mfa")}}, stepUp: can,
			want: "deny no-rule-matched   "},
		"blocked all the same": {rules: []Rule{{Action: Block, Include: emails("ann@x")}, mfa}, stepUp: can,
			want: "deny blocked spec.rules[0]  "},
		"blocked for it": {rules: []Rule{{Action: Block, Include: proof("mfa")}, mfa}, stepUp: can,
			want: "deny no-rule-matched   "},
		"OPTIONS": {rules: []Rule{mfa}, method: "OPTIONS", stepUp: can,
			want: "deny insufficient-authentication spec.rules[0] strong mfa"},
		"OPTIONS, and anew": {rules: []Rule{short}, method: "OPTIONS", stepUp: can,
			want: "deny insufficient-authentication spec.rules[0] strong mfa"},
		"a request of another site": {rules: []Rule{mfa}, method: "POST", stepUp: can,
			edit: func(_ *Policy, r *Request) { r.Origin = "https://evil.example" },
			want: "deny no-rule-matched   "},
		"of another provider": {rules: []Rule{mfa}, stepUp: can, edit: func(_ *Policy, r *Request) { r.Subject.Provider = "plain" },
			want: "deny no-rule-matched   "},
		"of a provider that is gone": {rules: []Rule{mfa}, stepUp: can, edit: func(_ *Policy, r *Request) { r.Subject.Provider = "gone" },
			want: "challenge session-revoked spec.rules[0] strong "},
		"has it": {rules: []Rule{mfa}, stepUp: can, edit: func(_ *Policy, r *Request) { r.Subject.AMR = []string{"mfa"} },
			want: "allow signed-in spec.rules[0] strong "},
		"nobody is signed in": {rules: []Rule{mfa}, stepUp: can, edit: func(_ *Policy, r *Request) { r.Subject = nil },
			want: "challenge no-session spec.rules[0] strong "},
		"a machine": {rules: []Rule{mfa}, stepUp: can, edit: func(_ *Policy, r *Request) { r.Token = PresentedToken{ID: "id-ci", Secret: "new"} },
			want: "deny no-rule-matched   "},
		"a dry run that is open": {rules: []Rule{mfa}, stepUp: can, edit: func(p *Policy, _ *Request) { p.DryRun = DryRunOpen },
			want: "allow dry-run spec.dryRun  "},
		"one that wants a session": {rules: []Rule{mfa}, stepUp: can, edit: func(p *Policy, _ *Request) { p.DryRun = DryRunAuthenticate },
			want: "allow dry-run spec.dryRun  "},
		"an exempt path": {rules: []Rule{mfa}, stepUp: can, edit: func(p *Policy, _ *Request) { p.Exempt = []string{"/"} },
			want: "allow bypass spec.exempt[0]  "},
		"the same provider is there 2": {rules: []Rule{mfa}, stepUp: []string{"mfa", "mfa"},
			want: "challenge insufficient-authentication spec.rules[0] strong mfa"},
	} {
		s := session("n/p")
		s.Provider, s.AMR = "corp", []string{"pwd"}
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}
		if c.method != "" {
			r.Method = c.method
		}
		p := one(c.rules...)
		if c.edit != nil {
			c.edit(&p, &r)
		}
		table, _ := Build(Input{Policies: CompileAll([]Policy{p}), Tokens: tokens(),
			Groups:    CompileGroups([]Group{{Source: Source{Name: "strong"}, Include: proof("mfa")}}),
			Providers: NewProviders(Provider{Name: "corp", StepUp: c.stepUp}, Provider{Name: "plain"})})
		d := table.Decide(r)
		got := strings.Join([]string{d.Verdict.String(), d.Reason.String(), d.Source.Field, d.Rule, d.StepUp}, " ")
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		e, trace := table.Explain(r)
		told := slices.ContainsFunc(trace.Steps, func(s Step) bool {
			return s.What == "stepUp" && strings.Contains(s.Detail, "with mfa, which corp")
		})
		if e != d || told != (d.StepUp != "" || p.DryRun != DryRunNone) {
			t.Errorf("%s: Explain says %+v, %+v", name, e, trace.Steps)
		}
		if p.DryRun != DryRunNone && d.Would.String() != "challenge insufficient-authentication" {
			t.Errorf("%s: it would be %s", name, d.Would)
		}
	}
}

// TestStepUpIsInTheRevision: what providers can be asked for is a part of what is decided by.
func TestStepUpIsInTheRevision(t *testing.T) {
	table, seen := mustBuild(t, one(does(Allow)...)), map[string]bool{}
	for _, stepUp := range [][]string{nil, {"mfa"}, {"mfa", "otp"}, {"otp", "mfa"}, {"mfaotp"}} {
		seen[table.providing(NewProviders(Provider{Name: "corp", StepUp: stepUp})).Revision()] = true
	}
	if len(seen) != 5 {
		t.Errorf("%d revisions", len(seen))
	}
}
