// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// A tiny is a Condition whose text is one of a few that the reference knows, too.
type tiny struct {
	text  string
	looks Looks
	cost  uint64
	wrong string
}

func (c *tiny) Text() string    { return c.text }
func (c *tiny) Problem() string { return c.wrong }
func (c *tiny) Looks() Looks    { return c.looks }
func (c *tiny) Cost() uint64    { return c.cost }

var errTiny = errors.New("divided by zero\n" + strings.Repeat("é", 300))

func (c *tiny) Holds(f *Facts) (bool, error) {
	switch c.text {
	case "POST":
		return f.Method == "POST", nil
	case "ann":
		return f.Email == "ann@x", nil
	case "not eve":
		return f.Email != "eve@example.com", nil
	case "dev":
		return slices.Contains(f.Groups, "dev"), nil
	case "ten":
		if !f.Address.IsValid() {
			return false, ErrUnknown
		}
		return f.Address.As4()[0] == 10, nil
	default:
		return false, errTiny
	}
}

var (
	isPost = &tiny{text: "POST", looks: Looks{Request: true}, cost: 1}
	isAnn  = &tiny{text: "ann", looks: Looks{Identity: true, Email: true}, cost: 1}
	notEve = &tiny{text: "not eve", looks: Looks{Identity: true, Email: true}, cost: 1}
	isDev  = &tiny{text: "dev", looks: Looks{Identity: true, Groups: []string{"dev"}}, cost: 1}
	isTen  = &tiny{text: "ten", looks: Looks{Request: true}, cost: 1}
	fails  = &tiny{text: "fails", looks: Looks{Request: true}, cost: 1}
	lost   = &tiny{text: "fails", looks: Looks{Identity: true}, cost: 1}
)

func cel(c Condition) []Selector { return []Selector{{Property: Expression, Condition: c}} }

// refExpression is what a tiny says, and what no answer means, once more.
func refExpression(c Condition, s *Subject, r *Request, ifUnknown bool) bool {
	if c == nil || s == nil && c.Looks().Identity {
		return c == nil && ifUnknown // without a name, whoever may sign in is asked in turn
	}
	switch c.Text() {
	case "POST":
		return r.Method == "POST"
	case "ann":
		return s.Email == "ann@x"
	case "dev":
		return strings.Contains("\n"+strings.Join(s.Groups, "\n")+"\n", "\ndev\n")
	case "ten":
		return r.Address.IsValid() && strings.HasPrefix(r.Address.String(), "10.") || !r.Address.IsValid() && ifUnknown
	default:
		return ifUnknown
	}
}

// TestNoAnswer: what an expression cannot tell counts against the visitor, wherever it
// stands, and the decision says so.
func TestNoAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		rule Rule
		want string
	}{
		"include":           {Rule{Action: Allow, Include: cel(fails)}, "deny no-rule-matched p"},
		"require":           {Rule{Action: Allow, Include: everyone(), Require: cel(fails)}, "deny no-rule-matched p"},
		"exclude":           {Rule{Action: Allow, Include: everyone(), Exclude: cel(fails)}, "deny no-rule-matched p"},
		"bypass":            {Rule{Action: Bypass, Include: cel(fails)}, "deny no-rule-matched p"},
		"excluded bypass":   {Rule{Action: Bypass, Include: everyone(), Exclude: cel(fails)}, "deny no-rule-matched p"},
		"block":             {Rule{Action: Block, Include: cel(fails)}, "deny blocked p"},
		"required of block": {Rule{Action: Block, Include: everyone(), Require: cel(fails)}, "deny blocked p"},
		"excluded of block": {Rule{Action: Block, Include: everyone(), Exclude: cel(fails)}, "deny blocked p"},
		"of an identity":    {Rule{Action: Block, Include: cel(lost)}, "deny blocked p"},
	} {
		table := mustBuild(t, one(tc.rule))
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: session("n/p"), Now: now}
		d, trace := table.Explain(r)
		if got := brief(d); got != tc.want || d != table.Decide(r) {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		const why = `spec.rules[0]: divided by zero\n`
		if !strings.HasPrefix(d.Failed, why) || len(d.Failed) > len(why)+2*maxFailure {
			t.Errorf("%s: %q", name, d.Failed)
		}
		if !slices.ContainsFunc(trace.Steps, func(s Step) bool { return s.What == "cel" && s.Source.Field == "spec.rules[0]" }) {
			t.Errorf("%s: %+v", name, trace)
		}
	}
}

// TestUnknownFact: a fact that is not known is no failure of the policy, but counts
// against the visitor all the same.
func TestUnknownFact(t *testing.T) {
	at := func(addr string) Request {
		r := Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now}
		if addr != "" {
			r.Address = netip.MustParseAddr(addr)
		}
		return r
	}
	allow, block := mustBuild(t, one(Rule{Action: Bypass, Include: cel(isTen)})), mustBuild(t, one(Rule{Action: Block,
		Include: cel(isTen)}, does(Bypass)[0]))
	blockFirst := mustBuild(t, one(Rule{Action: Block, Include: cel(isTen)}, Rule{Action: Allow, Include: everyone()}))
	for name, tc := range map[string]struct {
		table *Table
		addr  string
		want  string
	}{
		"known":           {allow, "::ffff:10.1.1.1", "allow bypass p"},
		"other":           {allow, "11.1.1.1", "deny no-rule-matched p"},
		"not known":       {allow, "", "deny no-rule-matched p"},
		"bypass is first": {block, "", "allow bypass p"},
		"blocked":         {blockFirst, "", "deny blocked p"},
		"not blocked":     {blockFirst, "11.1.1.1", "challenge no-session p"},
	} {
		if d := tc.table.Decide(at(tc.addr)); brief(d) != tc.want || d.Failed != "" {
			t.Errorf("%s: %s %q, want %s", name, brief(d), d.Failed, tc.want)
		}
	}
}

// TestConditionsAreChecked: a policy with an expression that is of no use denies.
func TestConditionsAreChecked(t *testing.T) {
	var many []Selector
	for range 3 {
		many = append(many, Selector{Property: Expression, Condition: &tiny{text: "POST", cost: MaxConditionCost}})
	}
	for name, tc := range map[string]struct {
		rule  Rule
		field string
		code  Code
	}{
		"none":               {Rule{Action: Allow, Include: cel(nil)}, "spec.rules[0].include[0]", codeCondition},
		"wrong":              {Rule{Action: Block, Include: cel(&tiny{wrong: "line 1"})}, "spec.rules[0].include[0]", codeCondition},
		"too much together":  {Rule{Action: Allow, Include: many}, "spec.rules", codeConditions},
		"whom bypass sees":   {Rule{Action: Bypass, Include: everyone(), Exclude: cel(isAnn)}, "spec.rules[0].exclude[0]", codeNoIdentity},
		"whom machines are":  {Rule{Action: ServiceAuth, Include: everyone(), Require: cel(isDev)}, "spec.rules[0].require[0]", codeNoIdentity},
		"bypass, no person":  {Rule{Action: Bypass, Include: cel(isPost)}, "", ""},
		"as much as allowed": {Rule{Action: Allow, Include: many[:2]}, "", ""},
	} {
		p := one(tc.rule)
		issues := Validate(&p)
		if tc.code == "" {
			if len(issues) > 0 {
				t.Errorf("%s: %v", name, issues)
			}
			continue
		}
		if len(issues) != 1 || issues[0].Source.Field != tc.field || issues[0].Code != tc.code {
			t.Errorf("%s: %v", name, issues)
		}
		table, _ := build([]Policy{p})
		if d := get(table, "https://a.x/", true); d.Verdict != Deny || d.Reason != InvalidPolicy {
			t.Errorf("%s: %s", name, brief(d))
		}
	}
}

// TestConditionsTravel: a session keeps what expressions look at, and is renewed when
// they look at something else.
func TestConditionsTravel(t *testing.T) {
	p := one(Rule{Action: Block, Include: cel(isDev)}, does(Allow)[0])
	in, _ := mustBuild(t, p).SignIn(mustTarget(t, "https://a.x/"), "")
	if !slices.Equal(in.Reads.Groups, []string{"dev"}) || in.Reads.AMR {
		t.Errorf("%+v", in.Reads)
	}
	p.Rules[0].Include = cel(&tiny{text: "mfa", looks: Looks{Identity: true, AMR: true}})
	amr, _ := mustBuild(t, p).SignIn(mustTarget(t, "https://a.x/"), "")
	if len(amr.Reads.Groups) > 0 || !amr.Reads.AMR || amr.Reads.Asked() == in.Reads.Asked() {
		t.Errorf("%+v", amr.Reads)
	}
	s := session("n/p")
	s.Asked = amr.Reads.Asked()
	p.Rules[0].Include = cel(isDev)
	if d := mustBuild(t, p).Decide(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Subject: s,
		Now: now}); d.Reason != SessionExpired {
		t.Errorf("%s", brief(d))
	}
	p.Rules[0].Include = cel(isAnn)
	if !mustBuild(t, p).NeedsEmail(mustTarget(t, "https://a.x/")) || !mustBuild(t, p).NeedsEmail(mustTarget(t, "https://b.x/")) {
		t.Error("whose address is not known gets past a rule about addresses")
	}
}

// TestHopefulConditions: a token is made for whoever might be let in by some request.
func TestHopefulConditions(t *testing.T) {
	for name, tc := range map[string]struct {
		rules []Rule
		want  bool
	}{
		"some method":        {[]Rule{{Action: Allow, Include: cel(isPost)}}, true},
		"excluded, somehow":  {[]Rule{{Action: Allow, Include: everyone(), Exclude: cel(isPost)}}, true},
		"blocked, somehow":   {[]Rule{{Action: Block, Include: cel(isPost)}, does(Allow)[0]}, true},
		"ann":                {[]Rule{{Action: Allow, Include: cel(isAnn)}}, true},
		"not dev":            {[]Rule{{Action: Allow, Include: cel(isDev)}}, false},
		"ann is blocked":     {[]Rule{{Action: Block, Include: cel(isAnn)}, does(Allow)[0]}, false},
		"no telling who":     {[]Rule{{Action: Allow, Include: cel(lost)}}, false},
		"no telling of whom": {[]Rule{{Action: Block, Include: cel(lost)}, does(Allow)[0]}, false},
	} {
		p := one(tc.rules...)
		p.CORS = &CORS{AllowedOrigins: []string{"https://o.x"}, AllowAllMethods: true, AllowCredentials: true, Tokens: true}
		if got := mustBuild(t, p).TokenAudience("a.x", "https://o.x", session("n/p"), now); (len(got) > 0) != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// BenchmarkDecideCondition is a decision with an expression, less what evaluating takes.
func BenchmarkDecideCondition(b *testing.B) {
	table := mustBuild(b, one(Rule{Action: Allow, Include: everyone(), Require: cel(isAnn)}))
	r := Request{Target: mustTarget(b, "https://a.x/"), Method: "GET", Subject: session("n/p"), Now: now}
	b.ReportAllocs()
	for b.Loop() {
		table.Decide(r)
	}
}
