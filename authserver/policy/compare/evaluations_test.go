// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// services are two that are asked, with the keys of each.
var services = []string{"https://duty.test/a", "https://terms.test/b"}

func asks(url string) policy.Selector {
	return policy.Selector{Property: policy.ExternalEvaluation, Evaluation: &policy.Evaluation{URL: url, KeysURL: url + "/keys"}}
}

func (t tiny) evaluated(group bool) policy.Selector {
	list := []policy.Selector{asks(services[0]), asks(services[0]), asks(services[1]), {Property: policy.Everyone},
		selector(policy.Email, "ann@x.test"), selector(policy.EmailDomain, "y.test")}
	if !group {
		list = append(list, policy.Selector{Property: policy.AccessGroup, Value: "vetted"})
	}
	return list[t.IntN(len(list))]
}

func (t tiny) evaluatedRule() policy.Rule {
	r := policy.Rule{Action: []policy.Action{policy.Allow, policy.Allow, policy.Block}[t.IntN(3)],
		Include: []policy.Selector{t.evaluated(false)}}
	if t.IntN(2) == 0 {
		r.Require = []policy.Selector{t.evaluated(false)}
	}
	if t.IntN(3) == 0 {
		r.Exclude = []policy.Selector{t.evaluated(false)}
	}
	return r
}

// TestEvaluations: whatever services say of whoever signs in, or do not, of rules and groups
// that ask them, listed or not: what opens or closes is found, and where nothing does,
// nothing is; each witness shows what it is for.
func TestEvaluations(t *testing.T) {
	target, err := policy.NewTarget("h.x", "/")
	if err != nil {
		t.Fatal(err)
	}
	callers := []Request{{}}
	for _, email := range []string{"ann@x.test", "bob@y.test", "eve@z.test"} {
		for n := range 9 {
			c := Request{Email: email, Provider: "corp"}
			for i, url := range services {
				if said := []string{"", "=true", "=false"}[n/(1+2*i)%3]; said != "" {
					c.Evaluations = append(c.Evaluations, url+said)
				}
			}
			callers = append(callers, c)
		}
	}
	found := map[Effect]int{}
	const n = 600
	for seed := range n {
		r := tiny{rand.New(rand.NewPCG(uint64(seed), 3))}
		p := policy.Policy{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"h.x"},
			Rules: []policy.Rule{r.evaluatedRule(), r.evaluatedRule()}}
		group := policy.Group{Source: policy.Source{Name: "vetted"}, Include: []policy.Selector{r.evaluated(true)}}
		terms := policy.Terms{AllEvaluations: r.IntN(3) > 0, EvaluationOrigins: []string{"https://duty.test"}}
		of := func() Side {
			policies := []policy.Policy{p}
			table, _ := policy.Build(policy.Input{Policies: policy.CompileAll(policies), Groups: policy.CompileGroups([]policy.Group{group}),
				Terms: terms})
			return Side{Table: table, Policies: policies}
		}
		before := of()
		p.Rules = slices.Clone(p.Rules)
		switch r.IntN(3) {
		case 0:
			p.Rules[r.IntN(2)] = r.evaluatedRule()
		case 1:
			group.Include = []policy.Selector{r.evaluated(true)}
		default:
			slices.Reverse(p.Rules)
		}
		after := of()
		got := Compare(before, after, settings)
		if len(got.Incomplete) > 0 {
			t.Fatal(got.Incomplete)
		}
		want := map[Effect]*Request{}
		for _, c := range callers {
			c.Method, c.URL, c.target, c.evaluated = "GET", "https://h.x/", target, true
			if _, _, e := c.compare(before.Table, after.Table, settings); want[e] == nil {
				want[e] = &c
			}
		}
		for _, e := range []Effect{Opens, Closes} {
			if got.Has(e) != (want[e] != nil) {
				t.Fatalf("seed %d: %s: Compare says %v, brute force %+v\nterms %+v\nrules %+v\nnow   %+v", seed, e, got.Has(e), want[e], terms,
					before.Policies[0].Rules, p.Rules)
			}
			if want[e] != nil {
				found[e]++
			}
		}
		for _, d := range got.Differences {
			if _, _, e := d.Witness.compare(before.Table, after.Table, settings); e != d.Effect {
				t.Fatalf("seed %d: the witness %q shows that it %s, and is for one that %s", seed, d.Witness.Arguments(), e, d.Effect)
			}
		}
	}
	if found[Opens] < n/8 || found[Closes] < n/8 || found[Opens] == n {
		t.Errorf("of %d pairs: %v", n, found)
	}
}

// A witness says in words and flags what services say; an edit of the keys that sign it is
// said, as no request shows it.
func TestEvaluationWords(t *testing.T) {
	of := func(rules ...policy.Rule) Side {
		policies := []policy.Policy{{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"h.x"}, Rules: rules}}
		return on(policy.Terms{AllEvaluations: true}, policies)
	}
	allow := policy.Rule{Action: policy.Allow, Include: []policy.Selector{{Property: policy.Everyone}},
		Require: []policy.Selector{asks(services[0])}}
	block := policy.Rule{Action: policy.Block, Include: []policy.Selector{asks(services[1])}}
	got := Compare(of(block, allow), of(allow), settings)
	if len(got.Differences) == 0 || !got.Has(Opens) || len(got.Incomplete) > 0 {
		t.Fatalf("%+v", got)
	}
	said := fmt.Sprintf("%q %q", got.Differences[0].Who, got.Differences[0].Witness.Arguments())
	if !strings.Contains(said, "of whom "+services[0]+" approves") || !strings.Contains(said, `"--assume-evaluation" "`+services[0]+`=true"`) {
		t.Error(said)
	}
	moved := allow
	moved.Require = []policy.Selector{{Property: policy.ExternalEvaluation, Evaluation: &policy.Evaluation{URL: services[0],
		KeysURL: "https://evil.test/keys"}}}
	got = Compare(of(allow), of(moved), settings)
	if len(got.Incomplete) != 1 || !strings.Contains(got.Incomplete[0], "https://evil.test/keys") || got.Has(Opens) {
		t.Errorf("other keys: %+v", got)
	}
}
