// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"
	"strings"
	"testing"
)

// TestExempt: an exempt path needs no session, and nothing else does not.
func TestExempt(t *testing.T) {
	staff := Rule{Action: Allow, Include: []Selector{{Property: EmailDomain, Value: "x"}}}
	block := func(s []Selector) Rule { return Rule{Action: Block, Include: s} }
	const exempt, rule = "spec.exempt[1]", "spec.rules[0]"
	person, socket := func(r *Request) { r.Subject = session("n/p") }, func(r *Request) { r.WebSocket = true }
	asks := func(r *Request) { r.Origin, r.Preflight.Method = "https://o.x", "GET" }
	unproven, nowhere := func(r *Request) { r.HostUnproven = true }, func(r *Request) { r.Address = netip.Addr{} }
	for name, tc := range map[string]struct {
		rules   []Rule
		method  string
		url     string
		change  func(r *Request)
		verdict Verdict
		reason  Reason
		field   string
	}{
		"exempt":       {url: "/sw.js", verdict: Admit, reason: Bypassed, field: exempt},
		"with a query": {url: "/sw.js?v=2", verdict: Admit, reason: Bypassed, field: exempt},
		"HEAD":         {url: "/sw.js", method: "HEAD", verdict: Admit, reason: Bypassed, field: exempt},
		"of a blocked person": {rules: []Rule{block(emails("ann@x")), staff},
			url: "/sw.js", change: person, verdict: Admit, reason: Bypassed, field: exempt},
		"no rule at all": {rules: []Rule{{Action: Allow, Include: networks("11.0.0.0/8")}},
			url: "/sw.js", verdict: Admit, reason: Bypassed, field: exempt},
		"POST":    {url: "/sw.js", method: "POST", verdict: Challenge, reason: NoSession, field: rule},
		"get":     {url: "/sw.js", method: "get", verdict: Challenge, reason: NoSession, field: rule},
		"OPTIONS": {url: "/sw.js", method: "OPTIONS", verdict: Deny, reason: NoSession, field: rule},
		"a preflight": {url: "/sw.js", method: "OPTIONS", change: asks,
			verdict: Deny, reason: PreflightNotConfigured, field: "spec.cors"},
		"a WebSocket":                 {url: "/sw.js", change: socket, verdict: Challenge, reason: NoSession, field: rule},
		"below":                       {url: "/sw.js/x", verdict: Challenge, reason: NoSession, field: rule},
		"beside":                      {url: "/sw.jsx", verdict: Challenge, reason: NoSession, field: rule},
		"another case":                {url: "/SW.js", verdict: Challenge, reason: NoSession, field: rule},
		"a slash more":                {url: "/sw.js/", verdict: Challenge, reason: NoSession, field: rule},
		"an encoded letter":           {url: "/s%77.js", verdict: Challenge, reason: NoSession, field: rule},
		"two slashes":                 {url: "//sw.js", verdict: Challenge, reason: NoSession, field: rule},
		"a parameter":                 {url: "/sw.js;x", verdict: Challenge, reason: NoSession, field: rule},
		"a host that the client says": {url: "/sw.js", change: unproven, verdict: Challenge, reason: NoSession, field: rule},
		"a blocked network": {rules: []Rule{block(networks("10.0.0.0/8")), staff},
			url: "/sw.js", verdict: Deny, reason: Blocked, field: rule},
		"an unknown address": {rules: []Rule{block(networks("10.0.0.0/8")), staff},
			url: "/sw.js", change: nowhere, verdict: Deny, reason: Blocked, field: rule},
		"a blocked method": {rules: []Rule{{Action: Block, Methods: []string{"HEAD"}, Include: everyone()}, staff},
			method: "HEAD", url: "/sw.js", verdict: Deny, reason: Blocked, field: rule},
		"a Block that is not reached": {rules: []Rule{staff, block(everyone())}, url: "/sw.js", verdict: Admit, reason: Bypassed, field: exempt},
		"a Bypass comes first": {rules: []Rule{{Action: Bypass, Include: everyone()}},
			url: "/sw.js", verdict: Admit, reason: Bypassed, field: rule},
	} {
		if tc.rules == nil {
			tc.rules = []Rule{staff}
		}
		p := one(tc.rules...)
		p.Exempt = []string{"/favicon.ico", "/sw.js"}
		table := mustBuild(t, p)
		r := Request{Target: mustTarget(t, "https://a.x"+tc.url), Method: "GET", Address: netip.MustParseAddr("10.1.1.1"), Now: now}
		if tc.method != "" {
			r.Method = tc.method
		}
		if tc.change != nil {
			tc.change(&r)
		}
		d, trace := table.Explain(r)
		if d.Verdict != tc.verdict || d.Reason != tc.reason || d.Source.Field != tc.field || d.Identified {
			t.Errorf("%s: %s by %s", name, brief(d), d.Source.Field)
		}
		told := false
		for _, step := range trace.Steps {
			told = told || step.What == "exempt" && step.Outcome == "exempt" && strings.Contains(step.Detail, "/sw.js")
		}
		if told != strings.HasPrefix(tc.field, "spec.exempt") {
			t.Errorf("%s: %+v", name, trace.Steps)
		}
	}
}

// TestExemptOfAnotherPolicy: an exemption is of the policy that decides there, and opens
// nothing of another.
func TestExemptOfAnotherPolicy(t *testing.T) {
	root, api := of("n", "root", 0, Allow, []string{"a.x"}), of("n", "api", 1, Allow, []string{"a.x"}, prefixes("/api")...)
	root.Exempt = []string{"/api/health", "/sw.js"}
	table, issues := build([]Policy{root, api})
	if len(issues) > 0 {
		t.Errorf("%v", issues)
	}
	for path, want := range map[string]Verdict{"/sw.js": Admit, "/api/health": Challenge} {
		if d := table.Decide(Request{Target: mustTarget(t, "https://a.x"+path), Method: "GET", Now: now}); d.Verdict != want {
			t.Errorf("%s: %s", path, brief(d))
		}
	}
	root.Defects = []Issue{{root.Source, Invalid, "c", "bad"}}
	table, _ = build([]Policy{root, api})
	if d := table.Decide(Request{Target: mustTarget(t, "https://a.x/sw.js"), Method: "GET", Now: now}); d.Verdict != Deny ||
		d.Reason != InvalidPolicy {
		t.Errorf("of a policy with a mistake: %s", brief(d))
	}
}

func TestExemptIsValidated(t *testing.T) {
	for path, want := range map[string]Code{
		"/sw.js": "", "/a/b": "", "/.well-known/assetlinks.json": "exempt-not-claimed", "/b": "exempt-not-claimed",
		"sw.js": codePathSlash, "/a/*": codePathWildcard, "/a//b": codePathCanonical, "/a/%73": codePathPercent,
		"/a?x": codePathQuery, "/a;x": codePathBackslash, "": codePathSlash,
	} {
		p := one(does(Allow)...)
		p.Paths = []Path{{Value: "/a"}, {Value: "/sw.js", Exact: true}}
		p.Exempt = []string{path}
		var got Code
		for _, i := range Validate(&p) {
			got = i.Code
			if i.Source.Field != "spec.exempt[0]" || i.Warning() != (got == "exempt-not-claimed") {
				t.Errorf("%q: %+v", path, i)
			}
		}
		if got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
	p := one(does(Allow)...)
	p.Exempt = []string{"/a", "/a"}
	if is := Validate(&p); len(is) != 1 || is[0].Code != codeListedTwice {
		t.Errorf("%v", is)
	}
}

// refExempt: "a Block rule still denies where it would deny a visitor without a session".
func refExempt(p *Policy, r *Request) (Verdict, Reason) {
	q, visitor := *p, *r
	q.Exempt, visitor.Subject = nil, nil
	if v, why := refRules(&q, &visitor); why == Blocked {
		return v, why
	}
	return Admit, Bypassed
}
