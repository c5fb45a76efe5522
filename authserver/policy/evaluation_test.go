// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// evaluates is the selector of a service.
func evaluates(address string) []Selector {
	return []Selector{{Property: ExternalEvaluation, Evaluation: &Evaluation{URL: address, KeysURL: address + "/keys"}}}
}

const onDuty, elsewhere = "https://eval.x/duty", "https://other.x/duty" // of a listed origin, and not

var evaluators = []string{"https://eval.x"}

// outcome is what a service said of somebody.
func outcome(address string, o Outcome) string { return evaluates(address)[0].Evaluation.Outcome(o) }

// evaluating is the same table where the platform lists services.
func (t *Table) evaluating(origins ...string) *Table {
	return t.with(func(in *Input) { in.EvaluationOrigins = origins })
}

// enforcedEvaluations are those of TestEveryFieldIsEnforced.
var enforcedEvaluations = map[string]func(*Policy){
	"Rules.Include.Evaluation":                  func(p *Policy) { p.Rules[0].Require = evaluates(onDuty) },
	"Rules.Include.Evaluation.URL":              func(p *Policy) { p.Rules[0].Require = evaluates(onDuty + "2") },
	"Rules.Include.Evaluation.KeysURL":          func(p *Policy) { p.Rules[0].Exclude = evaluates(onDuty) },
	"Rules.Include.Evaluation.key":              func(p *Policy) { p.Rules[0].Require = evaluates(onDuty) },
	"Rules.Include.Evaluation.origin":           func(p *Policy) { p.Rules[0].Require = evaluates(onDuty) },
	"Rules.Include.Evaluation.keysFrom":         func(p *Policy) { p.Rules[0].Require = evaluates(onDuty) },
	"Selector of an evaluation, not its origin": func(p *Policy) { p.Rules[0].Require = evaluates(elsewhere) },
}

// What a service said decides. What it did not say counts against the visitor, and so does
// what may not be asked.
func TestEvaluation(t *testing.T) {
	yes, no, none := outcome(onDuty, Approved), outcome(onDuty, Rejected), outcome(onDuty, Untold)
	for name, tc := range map[string]struct {
		rule Rule
		said []string
		want string
	}{
		"approved":    {Rule{Action: Allow, Include: evaluates(onDuty)}, []string{yes}, "allow signed-in p"},
		"rejected":    {Rule{Action: Allow, Include: evaluates(onDuty)}, []string{no}, "deny no-rule-matched p"},
		"untold":      {Rule{Action: Allow, Include: evaluates(onDuty)}, []string{none}, "deny no-rule-matched p"},
		"never asked": {Rule{Action: Allow, Include: evaluates(onDuty)}, nil, "challenge session-expired p"},
		"another was": {Rule{Action: Allow, Include: evaluates(onDuty)}, []string{outcome(onDuty+"2", Approved)},
			"challenge session-expired p"},
		"required": {Rule{Action: Allow, Include: everyone(), Require: evaluates(onDuty)}, []string{yes}, "allow signed-in p"},
		"required, untold": {Rule{Action: Allow, Include: everyone(), Require: evaluates(onDuty)}, []string{none},
			"deny no-rule-matched p"},
		"excluded": {Rule{Action: Allow, Include: everyone(), Exclude: evaluates(onDuty)}, []string{yes},
			"deny no-rule-matched p"},
		"not excluded": {Rule{Action: Allow, Include: everyone(), Exclude: evaluates(onDuty)}, []string{no}, "allow signed-in p"},
		"excluded, untold": {Rule{Action: Allow, Include: everyone(), Exclude: evaluates(onDuty)}, []string{none},
			"deny no-rule-matched p"},
		"blocked":              {Rule{Action: Block, Include: evaluates(onDuty)}, []string{yes}, "deny blocked p"},
		"not blocked":          {Rule{Action: Block, Include: evaluates(onDuty)}, []string{no}, "allow signed-in p"},
		"blocked, untold":      {Rule{Action: Block, Include: evaluates(onDuty)}, []string{none}, "deny blocked p"},
		"blocked, never asked": {Rule{Action: Block, Include: evaluates(onDuty)}, nil, "challenge session-expired p"},
		"no origin": {Rule{Action: Allow, Include: evaluates(elsewhere)}, []string{outcome(elsewhere, Approved)},
			"deny no-rule-matched p"},
		"no origin, blocked": {Rule{Action: Block, Include: evaluates(elsewhere)}, []string{outcome(elsewhere, Rejected)},
			"deny blocked p"},
		"cut off": {Rule{Action: Allow, Include: evaluates(onDuty)}, []string{yes[:22], yes[1:], yes + "1", ""},
			"challenge session-expired p"},
		"an outcome of the future": {Rule{Action: Allow, Include: evaluates(onDuty)}, []string{yes[:22] + "2"}, "deny no-rule-matched p"},
	} {
		rules := []Rule{tc.rule}
		if tc.rule.Action == Block {
			rules = append(rules, does(Allow)...)
		}
		table := mustBuild(t, one(rules...)).evaluating(evaluators...)
		s := session("n/p")
		s.Evaluations = tc.said
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}
		if got := brief(table.Decide(r)); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		if n := testing.AllocsPerRun(50, func() { table.Decide(r) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		if e, _ := table.Explain(r); e != table.Decide(r) {
			t.Errorf("%s: Explain says %s", name, brief(e))
		}
	}
}

// Before anybody is signed in, a service that can be asked may approve of them, and one that
// cannot does not.
func TestEvaluationOfNobody(t *testing.T) {
	for address, want := range map[string]string{onDuty: "challenge no-session p", elsewhere: "deny no-rule-matched p"} {
		table := mustBuild(t, one(Rule{Action: Allow, Include: evaluates(address)})).evaluating(evaluators...)
		if got := brief(table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now})); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

// Which services may be asked, the platform says, of both addresses; commands that ask none may
// not know.
func TestAsks(t *testing.T) {
	listed := mustBuild(t).evaluating(evaluators...)
	all := mustBuild(t).with(func(in *Input) { in.AllEvaluations = true })
	for name, tc := range map[string]struct {
		table *Table
		e     *Evaluation
		want  bool
	}{
		"listed":         {listed, evaluates(onDuty)[0].Evaluation, true},
		"not listed":     {listed, evaluates(elsewhere)[0].Evaluation, false},
		"keys elsewhere": {listed, &Evaluation{URL: onDuty, KeysURL: elsewhere}, false},
		"url elsewhere":  {listed, &Evaluation{URL: elsewhere, KeysURL: onDuty}, false},
		"any of all":     {all, evaluates(elsewhere)[0].Evaluation, true},
		"of none":        {mustBuild(t), evaluates(onDuty)[0].Evaluation, false},
		"no table":       {nil, evaluates(onDuty)[0].Evaluation, false},
	} {
		if got := tc.table.Asks(tc.e); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// A session is as old as what was said: a rule bounds both. And what one host's session
// holds is asked of the policies there, the guarding one first, of groups as well.
func TestSignInAsks(t *testing.T) {
	p, q := one(Rule{Action: Allow, Include: evaluates(onDuty), SessionDuration: time.Hour}, Rule{Action: Block,
		Include: evaluates(elsewhere)}), one()
	q.Source.Name, q.Paths = "q", prefixes("/q")
	q.Rules = []Rule{{Action: Allow, Include: named("staff"), Require: evaluates("https://eval.x/q")}}
	other := of("n", "z", 0, Allow, []string{"z.x"})
	other.Rules[0].Include = evaluates("https://eval.x/z")
	other.CORS = &CORS{AllowedOrigins: []string{"https://a.x"}, AllowAllMethods: true, AllowCredentials: true, Tokens: true}
	table, _ := Build(Input{Policies: CompileAll([]Policy{p, q, other}), Terms: Terms{EvaluationOrigins: evaluators},
		Groups: CompileGroups([]Group{groupOf("staff", evaluates("https://eval.x/g"), nil, nil)})})
	asked := func(url string) (out []string) {
		in, ok := table.SignIn(mustTarget(t, url), "https://a.x")
		if !ok {
			t.Fatal(url)
		}
		for _, a := range in.Evaluations {
			out = append(out, a.URL+" of "+a.Policy.Name)
		}
		return out
	}
	if got := asked("https://a.x/"); !slices.Equal(got, []string{onDuty + " of p", "https://eval.x/q of q", "https://eval.x/g of q"}) {
		t.Errorf("%q", got)
	}
	if got := asked("https://a.x/q"); !slices.Equal(got, []string{"https://eval.x/q of q", "https://eval.x/g of q", onDuty + " of p"}) {
		t.Errorf("%q", got)
	}
	s := session("n/p")
	s.Evaluations, s.IssuedAt, s.SignedInAt = []string{outcome(onDuty, Approved)}, now.Add(-2*time.Hour), now.Add(-2*time.Hour)
	if d := table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}); d.Verdict != Challenge ||
		d.Reason != SessionExpired {
		t.Errorf("an old session: %s", brief(d))
	}
	// No token is made for an application that wants somebody asked of whom this one has not.
	if got := table.TokenAudience("z.x", "https://a.x", session("n/p"), now); len(got) > 0 {
		t.Errorf("%q", got)
	}
}

// Nobody outruns a service that is listed, or named, after they signed in.
func TestNobodyOutrunsAnEvaluation(t *testing.T) {
	s := session("n/p")
	ask := func(table *Table) string {
		return brief(table.Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s, Now: now}))
	}
	blocks := mustBuild(t, one(Rule{Action: Block, Include: evaluates(onDuty)}, does(Allow)[0]))
	group, _ := withGroups([]Group{groupOf("g", evaluates(onDuty), nil, nil)}, one(Rule{Action: Block, Include: named("g")}, does(Allow)[0]))
	for name, tc := range map[string]struct {
		table *Table
		want  string
	}{
		"before":     {mustBuild(t, one(does(Allow)...)), "allow signed-in p"},
		"not listed": {blocks, "deny blocked p"},
		"listed":     {blocks.evaluating(evaluators...), "challenge session-expired p"},
		"keys elsewhere": {mustBuild(t, one(Rule{Action: Allow, Include: []Selector{{Property: ExternalEvaluation,
			Evaluation: &Evaluation{onDuty, elsewhere, "", "", ""}}}})).evaluating(evaluators...), "deny no-rule-matched p"},
		"of a group": {group.evaluating(evaluators...), "challenge session-expired p"},
	} {
		if got := ask(tc.table); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestEvaluationIssues(t *testing.T) {
	in := Input{Policies: CompileAll([]Policy{one(Rule{Action: Allow, Include: everyone(), Require: append(evaluates(onDuty),
		evaluates(elsewhere)...)})}),
		Groups: CompileGroups([]Group{groupOf("staff", evaluates(elsewhere), nil, nil)}), Terms: Terms{EvaluationOrigins: evaluators}}
	_, issues := Build(in)
	var got []string
	for _, i := range issues {
		got = append(got, i.Source.String()+" "+string(i.Code))
		if !i.Warning() || !strings.Contains(i.Message, "https://other.x is not an origin of --external-evaluation-origins") {
			t.Errorf("%+v", i)
		}
	}
	want := []string{"staff spec.include[0] external-evaluation-origin-not-listed",
		"n/p spec.rules[0].require[1] external-evaluation-origin-not-listed"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	in.AllEvaluations = true
	if _, issues := Build(in); len(issues) > 0 {
		t.Errorf("%v", issues)
	}
	for address, wrong := range map[string]bool{
		"https://eval.x": false, "https://eval.x:8443/a?b=c,d&e=@[1]": false, "http://localhost:8080/": false, "http://[::1]:8080/": false,
		"HTTPS://Eval.X/": false,
		"":                true, "eval.x": true, "http://eval.x/": true, "https://u:p@eval.x/": true, "https://eval.x/#a": true, "https:///a": true,
		"https://eval.x:443/": true,
		"ftp://eval.x/":       true, "https://eval.x/\n": true, "https://eval.x/a b": true, "https://*.x/": true,
		"https://eval.x/" + strings.Repeat("a", 1024): true,
		"https://ä.x/": true, "javascript:alert(1)": true, "file:///etc/passwd": true, "https://eval.x\\@evil/": true,
		"http://127.0.0.1.evil.x/": true,
	} {
		for _, e := range []*Evaluation{{URL: address, KeysURL: onDuty}, {URL: onDuty, KeysURL: address}} {
			if p := e.check(); p.found() != wrong {
				t.Errorf("%+v: %q", e, p.text)
			}
		}
	}
	if p := (*Evaluation)(nil).check(); !p.found() {
		t.Error("nothing at all is right")
	}
}

func TestParseEvaluationOrigins(t *testing.T) {
	got, err := ParseEvaluationOrigins([]string{"https://b.x", "HTTPS://A.x:8443", "https://b.x", "http://127.0.0.1:9000",
		"http://eval.localhost"})
	if want := []string{"http://127.0.0.1:9000", "http://eval.localhost", "https://a.x:8443", "https://b.x"}; err != nil ||
		!slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	for _, o := range []string{"", "null", "*", "a.x", "https://a.x/", "https://a.x/b", "https://*.a.x", "http://localhost:*",
		"http://a.x", "ftp://a.x", "https://u@a.x",
		"https://a.x:443", "http://localhost.x"} {
		if _, err := ParseEvaluationOrigins([]string{o}); err == nil {
			t.Errorf("%q is taken", o)
		}
	}
}

// refEvaluated: nobody was forgotten whom the policy wants asked.
func refEvaluated(p *Policy, s *Subject, groups []Group) bool {
	var all func(lists [3][]Selector, depth int) bool
	all = func(lists [3][]Selector, depth int) bool {
		for _, sel := range slices.Concat(lists[0], lists[1], lists[2]) {
			switch {
			case sel.Property == ExternalEvaluation && strings.HasPrefix(sel.Evaluation.URL, evaluators[0]+"/"):
				if !strings.Contains(" "+strings.Join(s.Evaluations, " "), " "+sel.Evaluation.Key()) {
					return false
				}
			case sel.Property == AccessGroup && !refBroken(sel.Value, groups):
				if g := refGroup(sel.Value, groups); !all(g[0].lists(), depth+1) {
					return false
				}
			}
		}
		return true
	}
	for i := range p.Rules {
		if !all(p.Rules[i].lists(), 0) {
			return false
		}
	}
	return true
}

func refApproves(sel Selector, s *Subject, ifUnknown bool) bool {
	if !strings.HasPrefix(sel.Evaluation.URL, evaluators[0]+"/") {
		return ifUnknown
	} else if s == nil {
		return false
	}
	said := " " + strings.Join(s.Evaluations, " ") + " "
	switch key := " " + sel.Evaluation.Key(); {
	case strings.Contains(said, key+"1 "):
		return true
	case strings.Contains(said, key+"0 "):
		return false
	}
	return ifUnknown
}
