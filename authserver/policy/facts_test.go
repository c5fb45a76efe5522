// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"strings"
	"testing"
)

// assumed says of one text what it is taken for.
type assumed string

func (a assumed) Assume(text string) (holds, known bool, err error) {
	return true, text == string(a), nil
}

// TestAssumedAlone: an expression of which nothing is assumed is held against the request.
func TestAssumedAlone(t *testing.T) {
	table := mustBuild(t, one(Rule{Action: Bypass, Include: cel(isPost)}))
	for text, want := range map[assumed]map[string]Verdict{"POST": {"GET": Admit, "POST": Admit}, "other": {"GET": Deny, "POST": Admit}} {
		for method, verdict := range want {
			r := Request{Target: mustTarget(t, "https://a.x/"), Method: method, Now: now, Assumed: text}
			if d := table.Decide(r); d.Verdict != verdict {
				t.Errorf("%s where %q is assumed: %s", method, text, brief(d))
			}
		}
	}
}

// TestFailureIsOfItsRule: a rule without an expression has not failed because one before it did.
func TestFailureIsOfItsRule(t *testing.T) {
	table := mustBuild(t, one(Rule{Action: Bypass, Include: cel(fails)}, Rule{Action: Bypass, Include: networks("10.0.0.0/8")},
		Rule{Action: Bypass, Include: cel(fails)}))
	_, trace := table.Explain(Request{Target: mustTarget(t, "https://a.x/"), Method: "GET", Now: now})
	var got []string
	for _, s := range trace.Steps {
		if s.What == "cel" {
			got = append(got, s.Source.Field)
		}
	}
	if text := strings.Join(got, " "); text != "spec.rules[0] spec.rules[2]" {
		t.Errorf("failed: %s", text)
	}
}

// TestLooksOfWhatIsNoExpression: a selector without an expression looks at nothing by one.
func TestLooksOfWhatIsNoExpression(t *testing.T) {
	for _, s := range []Selector{{Property: Expression}, {Property: Everyone, Condition: isAnn}, {Property: Everyone}} {
		if l := s.looks(); l.Identity || l.Email || l.Request || l.AMR || len(l.Groups) > 0 {
			t.Errorf("%+v: %+v", s, l)
		}
	}
	if !cel(isAnn)[0].looks().Identity {
		t.Error("an expression looks at nothing")
	}
}

// TestFirstRuleThatLooksAtCertificates is the one that the warning points at.
func TestFirstRuleThatLooksAtCertificates(t *testing.T) {
	p := one(Rule{Action: Allow, Include: named("other")}, Rule{Action: Allow, Include: named("other"), Require: named("machines")})
	_, issues := Build(Input{Policies: CompileAll([]Policy{p}), Bindings: []Binding{{"n/a", "n/p"}},
		Groups: CompileGroups([]Group{groupOf("machines", certificate("ci"), nil, nil), groupOf("other", everyone(), nil, nil)})})
	for _, i := range issues {
		if i.Code == codeCertificateUntold && i.Source.Field != "spec.rules[1]" {
			t.Errorf("%s", i.Source)
		}
	}
	if len(issues) != 1 {
		t.Errorf("%v", issues)
	}
}

// TestAddressesOfServices: what is at a bound of an address is right; the words name the origin
// that is not listed, be it that of the keys; and two pairs of addresses are never one service.
func TestAddressesOfServices(t *testing.T) {
	long := "https://eval.x/" + strings.Repeat("a", maxEvaluationURL-len("https://eval.x/"))
	for address, want := range map[string]bool{long: true, long + "a": false, "https://eval.x/~": true, "https://eval.x/\x7f": false} {
		if p := (&Evaluation{URL: address, KeysURL: onDuty}).check(); p.found() == want {
			t.Errorf("%.40s: %q", address, p.text)
		}
	}
	for _, c := range []struct{ url, keys, want string }{
		{"https://eval.x/", "https://keys.x/", "https://keys.x is not"}, {"https://other.x/", "https://eval.x/", "https://other.x is not"},
		{"https://other.x/", "https://keys.x/", "https://other.x is not"},
	} {
		e := (&Evaluation{URL: c.url, KeysURL: c.keys}).compiled()
		if text := e.unlisted([]string{"https://eval.x"}); !strings.Contains(text, c.want) {
			t.Errorf("%+v: %s", c, text)
		}
	}
	if (&Evaluation{URL: "ab", KeysURL: "c"}).Key() == (&Evaluation{URL: "a", KeysURL: "bc"}).Key() {
		t.Error("two services are one")
	}
	odd := one(Rule{Action: Allow, Include: append(everyone(), Selector{Property: ExternalEvaluation}, Selector{Property: Email,
		Value:      "ann@x",
		Evaluation: &Evaluation{URL: "https://other.x/", KeysURL: "https://other.x/"}})})
	stray := one(Rule{Action: Allow, Include: odd.Rules[0].Include[2:]})
	stray.Source.Name, stray.Hosts = "stray", []string{"b.x"}
	_, issues := Build(Input{Policies: CompileAll([]Policy{odd, stray}), Groups: CompileGroups([]Group{groupOf("g",
		odd.Rules[0].Include, nil, nil),
		groupOf("h", stray.Rules[0].Include, nil, nil)})})
	for _, i := range issues {
		if i.Code == codeEvaluationOrigin {
			t.Errorf("what is no evaluation is one: %+v", i)
		}
	}
}

// TestDryRunInWords: each mode says what it does.
func TestDryRunInWords(t *testing.T) {
	for mode, want := range map[DryRun]string{
		DryRunOpen:         "Open: nothing of this policy is enforced; every request passes",
		DryRunAuthenticate: "Authenticate: the rules are not enforced; everybody who can sign in passes",
	} {
		p := one(does(Allow)...)
		p.DryRun = mode
		if got := Validate(&p); len(got) != 1 || got[0].Message != want || got[0].Source.Field != "spec.dryRun" {
			t.Errorf("%s: %v", mode, got)
		}
	}
}
