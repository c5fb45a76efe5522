// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestEveryProperty: a selector that cannot be read is no reason to be silent.
func TestEveryProperty(t *testing.T) {
	for p := policy.NoProperty; p.String() != "invalid"; p++ {
		if _, ok := evidences[p]; !ok {
			t.Errorf("the selector %s: evidences has no entry", p)
		}
	}
}

// TestOpaque: an edited policy with a selector that cannot be read may open; one that was
// not edited does not.
func TestOpaque(t *testing.T) {
	kept := evidences[policy.Country]
	defer func() { evidences[policy.Country] = kept }()
	delete(evidences, policy.Country)
	of := func(country string) Side {
		p := policy.Policy{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"}}
		p.Rules = []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.AccessGroup, Value: "all"}},
			Require: []policy.Selector{{Property: policy.Country, Countries: []string{country}}}}}
		return sideOf(p)
	}
	if got := Compare(of("NL"), of("NL"), settings); len(got.Incomplete)+len(got.Differences) > 0 {
		t.Errorf("the same: %+v", got)
	}
	if got := Compare(of("NL"), of("DE"), settings); len(got.Incomplete) != 1 || !strings.Contains(got.Incomplete[0], "selector country") {
		t.Errorf("%+v", got)
	}
}

// TestBound: what there is too much of is said.
func TestBound(t *testing.T) {
	p := policy.Policy{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"}}
	for i := range 20 { // nearly every set of groups and methods is another case
		p.Rules = append(p.Rules, policy.Rule{
			Action: policy.Allow, Include: []policy.Selector{selector(policy.IdPGroup, fmt.Sprint("g", i))},
			Require: []policy.Selector{selector(policy.AuthMethod, fmt.Sprint("m", i))},
		})
	}
	got := Compare(sideOf(), sideOf(p), settings)
	if len(got.Incomplete) != 1 || !strings.Contains(got.Incomplete[0], "more cases") || !got.Has(Opens) {
		t.Errorf("%v, %d differences", got.Incomplete, len(got.Differences))
	}
}

// TestMany: one edit among ten thousand policies costs the comparison of one pair.
func TestMany(t *testing.T) {
	was, is := many(10_000)
	is.Policies[5000].Rules[0].Include[0].Value = "other.test"
	is = sideOf(is.Policies...)
	c := newComparison(&was, &is, settings)
	got := c.compare()
	if len(c.order) != 1 || maxDecisions-c.left > 100 || !got.Has(Opens) || !got.Has(Closes) {
		t.Errorf("%d pairs, %d decisions, %d differences", len(c.order), maxDecisions-c.left, len(got.Differences))
	}
}

func many(n int) (was, is Side) {
	list := func() (out []policy.Policy) {
		for i := range n {
			out = append(out, policy.Policy{
				Source: policy.Source{Namespace: fmt.Sprint("n", i%100), Name: fmt.Sprint("p", i)}, Hosts: []string{fmt.Sprintf("h%d.x", i)},
				CORS:  &policy.CORS{AllowedOrigins: []string{fmt.Sprintf("https://a%d.x", i)}, AllowedMethods: []string{"GET"}},
				Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{selector(policy.EmailDomain, "x.test")}}},
			})
		}
		return out
	}
	return sideOf(list()...), sideOf(list()...)
}

func BenchmarkMany(b *testing.B) {
	was, is := many(10_000)
	is.Policies[5000].Rules[0].Include[0].Value = "other.test"
	is = sideOf(is.Policies...)
	for b.Loop() {
		Compare(was, is, settings)
	}
}

// TestGroupsDiffer: policies that stayed the same are not passed over where a group says
// something else that they name, by itself or by another one.
func TestGroupsDiffer(t *testing.T) {
	p := policy.Policy{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{"a.x"},
		Rules: []policy.Rule{{Action: policy.Allow, Include: []policy.Selector{{Property: policy.AccessGroup, Value: "all"}}}}}
	of := func(domain string) Side {
		group := func(name string, s policy.Selector) policy.Group {
			return policy.Group{Source: policy.Source{Name: name}, Include: []policy.Selector{s}}
		}
		set := []policy.Group{group("all", policy.Selector{Property: policy.AccessGroup, Value: "staff"})}
		if domain != "" {
			set = append(set, group("staff", policy.Selector{Property: policy.EmailDomain, Value: domain}))
		}
		policies := []policy.Policy{p}
		table, _ := policy.Build(policy.Input{Policies: policy.CompileAll(policies), Groups: policy.CompileGroups(set)})
		return Side{Table: table, Policies: policies}
	}
	for _, c := range []struct {
		old, now     string
		opens, close bool
	}{{"x", "x", false, false}, {"x", "y", true, true}, {"x", "", false, true}, {"", "x", true, false}, {"", "", false, false}} {
		if got := Compare(of(c.old), of(c.now), settings); len(got.Incomplete) > 0 || got.Has(Opens) != c.opens || got.Has(Closes) != c.close {
			t.Errorf("%q, %q: %+v", c.old, c.now, got)
		}
	}
}
