// SPDX-License-Identifier: Apache-2.0

package web_test

import (
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/web"
)

// consoleSamples are the pages of the console, and why.
func consoleSamples() []row {
	nav := func(at int) []web.Link {
		out := []web.Link{{Label: "Denials", URL: "/a"}, {Label: "Tester", URL: "/b"}, {Label: "Policies", URL: "/c"}}
		if at >= 0 {
			out[at].Current = true
		}
		return out
	}
	walk := &web.Walk{Headline: "DENIED", Reason: "no-rule-matched", Decided: "shop/orders", Revision: "3f1d09c2a7be6634",
		Facts: []web.Fact{{Name: "x-access-reason", Value: "no-rule-matched"}},
		Steps: []web.WalkStep{{What: "target", Outcome: "canonical", Detail: "host " + longHost + ", path /"},
			{What: "rule", Outcome: "not matched", Detail: "shop/orders spec.rules[0]: Allow \"staff\"", Findings: []web.WalkFinding{
				{Field: "include[0]", Selector: "accessGroup staff", Outcome: "no", Within: []web.WalkFinding{{Field: "include[0]",
					Selector: "emailDomain example.com", Outcome: "no, eve@example.org"}}}}},
			{What: "preflight", Outcome: "refused", Detail: "origin http://shop.example.com is not listed",
				FixField: "spec.cors.allowedOrigins", FixLine: `- "http://shop.example.com"`}}}
	denial := web.DenialRow{When: "12:03:04", Time: "2026-01-31T12:03:04Z", Method: "GET", Host: "app1.example.com", Path: "/orders",
		Reason: "no-rule-matched",
		Policy: "shop/orders (staff)", Who: "eve@example.org", URL: "/why"}
	nobody := web.DenialRow{When: "12:03:05", Time: "2026-01-31T12:03:05Z", Method: "OPTIONS", Host: longHost,
		Path: "/" + strings.Repeat("path", 100), Origin: "https://" + longHost,
		Reason: "preflight-not-configured", URL: "/why"}
	denials := web.DenialsView{Nav: nav(0), Host: "login.example.com", Reasons: []string{"no-policy", "blocked"},
		Rows: []web.DenialRow{denial, nobody, denial}, Events: "/nothing", WhyURL: "/why",
		ReloadURL: "/again", Scope: "The last ones that this replica decided.", Missed: "17 denials were not kept."}
	none := denials
	none.Rows, none.Missed, none.FilterHost, none.FilterReason = nil, "", longHost, "blocked"
	tester := web.TesterView{Nav: nav(1), Host: "login.example.com", Action: "/test", Method: "GET", CanDiff: true}
	tested := tester
	tested.URL, tested.As, tested.Walk, tested.YAML, tested.Diff = "https://app1.example.com/orders", "eve@example.org", walk,
		"kind: AccessPolicy", "OPENS\n\n  1. "+strings.Repeat("everybody can now reach ", 20)
	wrong := tester
	wrong.Problem, wrong.DiffProblem = "“x” is not a URL.", "objects.yaml:3: "+rightway
	facts := []web.Fact{{Name: "When", Value: "31 January 2026"}, {Name: "Host", Value: longHost}, {Name: "Path as it came",
		Value: "/" + strings.Repeat("path", 60)}}
	policies := web.PoliciesView{Nav: nav(2), Host: "login.example.com", Revision: "3f1d09c2a7be6634", Policies: 3,
		More:     "40 more hosts are not shown.",
		Problems: facts, Gaps: facts, Unknown: "Routes are not known here.",
		Hosts: []web.PolicyHost{{Host: longHost, Note: "another namespace claims it, too",
			Guards: []web.PolicyGuard{{Path: "/ (and below)", Policy: "shop/orders", Note: "has mistakes, and denies"}}},
			{Host: "*.example.com"}}}
	why := web.WhyView{Host: longHost, When: signedIn, Answer: web.AnswerTo(policy.NoRuleMatched),
		Message: rightway, HelpURL: "https://wiki.example.com/",
		SignedInAs: "eve@example.org", Reason: "no-rule-matched", RequestID: "4f1d09c2a7be6634", HomeURL: "/"}
	bare := why
	bare.Host, bare.Message, bare.HelpURL, bare.SignedInAs = "app1.example.com", "", "", ""
	consent, ofOperator := consents()
	return []row{
		{"consent", web.Consent(consent), "'self'"}, {"consent-registered", web.Consent(ofOperator), "'self'"},
		{"why", web.Why(why), ""}, {"why-bare", web.Why(bare), ""},
		{"why-details", web.WhyDetails(web.WhyDetailsView{Nav: nav(-1), Host: "login.example.com", Title: "Why it was denied",
			Facts: facts, Notes: []string{"Policies have changed."}, Walk: walk}), ""},
		{"no-operators", web.NoOperators(web.NoOperatorsView{Host: longHost, Path: "/.access/console", SignedInAs: "eve@example.org"}), ""},
		{"denials", web.Denials(denials), live}, {"denials-none", web.Denials(none), live},
		{"tester", web.Tester(tester), "'self'"}, {"tester-result", web.Tester(tested), "'self'"}, {"tester-wrong", web.Tester(wrong),
			"'self'"},
		{"policies", web.Policies(policies), "'self'"}, {"policies-none", web.Policies(web.PoliciesView{Nav: nav(2),
			Host: "login.example.com", Filter: "x"}), "'self'"},
		{"sign-in-first", web.Render(web.SignInFirst.Page("login.example.com")), ""},
	}
}

// factorSamples are the pages of second factors.
func factorSamples() []row {
	code := web.FactorView{Host: "app1.example.com", Action: "/.access/second-factor", Step: "sealed", RequestID: "4f1d09c2a7be6634"}
	wrong := code
	wrong.Host, wrong.Problem = longHost, web.WrongCode
	enrol := web.EnrolView{Host: team, Action: "/.access/second-factor", Step: "sealed", Account: "ann",
		Secret:   "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		Required: true, HomeURL: "/", RequestID: "4f1d09c2a7be6634"}
	again := enrol
	again.Host, again.Account, again.Problem, again.Required = longHost, rightway, web.WrongCode, false
	mine := web.FactorsView{Host: team, SignedInAs: ada, Action: "/.access/second-factor", App: true, Since: signedIn, Left: 9,
		SessionsURL: "/.access/sessions", Problem: web.WrongCode, RequestID: "4f1d09c2a7be6634", Changes: []web.FactorChange{
			{What: web.FactorWords("totp-added"), At: signedIn, From: "2001:db8:1111:2222:3333:4444:5555:6666"},
			{What: web.FactorWords("recovery-code-used"), At: signedIn}}}
	return []row{
		{"factor", web.Factor(code), "'self'"}, {"factor-wrong", web.Factor(wrong), "'self'"},
		{"enrol", web.Enrol(enrol), "'self'"}, {"enrol-again", web.Enrol(again), "'self'"},
		{"codes", web.Codes(web.CodesView{Host: team, Codes: []string{"0123-4567-89ab-cdef", "ghjk-mnpq-rstv-wxyz"}, Next: "/"}), ""},
		{"factors", web.Factors(mine), "'self'"},
		{"factors-none", web.Factors(web.FactorsView{Host: team, SignedInAs: ada, Action: "/", SessionsURL: "/.access/sessions"}), "'self'"},
	}
}

// live marks the sample that needs the script, and onward the one that needs another: it is
// the origin that this asks; typing marks forms for a password, keeping what has no form
// and keeps an address, closing the page that closes its window, within one for a frame, and touching one that asks for
// a passkey.
const (
	live, onward, typing, keeping = "live", "https://app1.example.com", "typing", "keeping"
	closing, within, touching     = "closing", "within", "touching"
)

// consents are questions whether a client may act for somebody: of one that says itself who it
// is, on the person's own machine, and of one that an operator answers for.
func consents() (itself, ofOperator web.ConsentView) {
	itself = web.ConsentView{Host: team, Client: "Example Agent " + rightway, ClientHost: longHost, App: "https://" + longHost + "/mcp",
		SignedInAs: ada, Until: signedIn.Add(720 * time.Hour), Scopes: []string{"notes:read", "notes:write"}, Local: true,
		Action: "/.access/oauth/authorize", Hidden: []web.Field{{Name: "question", Value: "sealed"}}, SwitchURL: "/.access/logout?switch=1",
		SessionsURL: "/.access/sessions"}
	ofOperator = itself
	ofOperator.Client, ofOperator.Registered, ofOperator.Operators, ofOperator.Local = "Company CLI", true, true, false
	ofOperator.ReturnHost, ofOperator.Scopes = "agent.example.net", nil
	return itself, ofOperator
}
