// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// chains are names of up to four labels below x, of which no policy writes z, and the hosts
// and patterns of up to two below.
func chains() (names, hosts []string) {
	zones := []string{"x"}
	hosts = []string{"x"}
	for range 2 {
		var next []string
		for _, zone := range zones {
			hosts = append(hosts, "*."+zone, "**."+zone)
			next = append(next, "a."+zone, "b."+zone)
		}
		hosts, zones = append(hosts, next...), next
	}
	names = []string{"x"}
	level := names
	for range 4 {
		var next []string
		for _, zone := range level {
			next = append(next, "a."+zone, "b."+zone, "z."+zone)
		}
		names, level = append(names, next...), next
	}
	return names, hosts
}

// chained are a few policies of names and patterns that are parts of each other, which let
// anybody in or nobody.
func (t tiny) chained(hosts []string) (out []policy.Policy) {
	for i := range 2 + t.IntN(4) {
		out = append(out, t.link(i, hosts))
	}
	return out
}

func (t tiny) link(i int, hosts []string) policy.Policy {
	p := policy.Policy{
		Source: policy.Source{Namespace: t.pick("m", "m", "n"), Name: fmt.Sprint("p", i)}, Hosts: []string{t.pick(hosts...)},
		Since: now.Add(time.Duration(t.IntN(4)-100) * time.Hour),
		Rules: []policy.Rule{{Action: []policy.Action{policy.Bypass, policy.Block}[t.IntN(2)],
			Include: []policy.Selector{{Property: policy.Everyone}}}},
	}
	if t.IntN(3) == 0 {
		p.Paths = []policy.Path{{Value: "/a"}}
	}
	if t.IntN(3) == 0 {
		p.DryRun = policy.DryRunOpen
	}
	return p
}

// part is what of a place a request for a path is in.
func part(where, path string) bool {
	base, below := strings.CutSuffix(where, "/*")
	return where == path || below && strings.HasPrefix(path, strings.TrimSuffix(base, "/")+"/") || below && path == base
}

// TestHostOracle: whatever names and patterns are claimed, by whom, and behind which dry runs,
// Compare says that something opens, closes or changes where it does for some name, and where
// that is: every name for which it opens is of a host that is listed, or of the pattern that
// decides about it, and of every one that is listed there is such a name.
func TestHostOracle(t *testing.T) {
	names, hosts := chains()
	n := 6000
	if testing.Short() {
		n = 1500
	}
	found := map[Effect]int{}
	for seed := range n {
		r := tiny{rand.New(rand.NewPCG(uint64(seed), 11))}
		was := r.chained(hosts)
		is := slices.Clone(was)
		switch i := r.IntN(len(is)); r.IntN(4) {
		case 0:
			is = slices.Delete(is, i, i+1)
		case 1:
			is = append(is, r.link(len(is), hosts))
		default:
			changed := r.link(i, hosts)
			changed.Since = is[i].Since
			is[i] = changed
		}
		var grants []policy.Grant
		for range r.IntN(3) {
			grants = append(grants, policy.Grant{Host: r.pick(hosts...), Namespace: r.pick("m", "n")})
		}
		terms := policy.Terms{Grants: grants}
		if r.IntN(4) == 0 {
			terms.Reservations = []policy.Grant{{Host: r.pick(hosts...), Namespace: r.pick("m", "n")}}
		}
		before, after := on(terms, was), on(terms, is)
		got := Compare(before, after, settings)
		known := merged(before.Table.Hosts(), after.Table.Hosts())
		what := fmt.Sprintf("seed %d\nbefore %s\nafter  %s\nterms  %+v\ngot    %s", seed, brief(was), brief(is), terms, witnesses(got,
			Opens)+witnesses(got, Closes))
		said := map[Effect]map[string]bool{Opens: {}, Closes: {}, Changes: {}} // where something is said, and whether it is so
		for _, d := range got.Differences {
			for _, w := range d.Where {
				said[d.Effect][w] = false
			}
		}
		differs := map[Effect]bool{}
		for _, name := range names {
			host := listed(known, name)
			for _, path := range []string{"/", "/a", "/q", "/a/q"} {
				target, err := policy.NewTarget(name, path)
				if err != nil {
					t.Fatal(err)
				}
				for _, at := range []Request{{Method: "GET"}, {Method: "OPTIONS", Origin: "https://any.example.net", Preflight: "GET"}} {
					at.URL, at.target = "https://"+name+path, target
					x, y := at.ask(before.Table, settings), at.ask(after.Table, settings)
					e := effectOf(&x, &y)
					if e == Nothing {
						continue
					}
					differs[e] = true
					covered := false
					for w := range said[e] {
						if rest, ok := strings.CutPrefix(w, host); ok && part(rest, path) {
							said[e][w], covered = true, true
						}
					}
					if !covered {
						t.Fatalf("%s: %s %s%s (%s), and it is not said there: %v\n%s", e, at.Method, name, path, host, said[e], what)
					}
				}
			}
		}
		for e, places := range said {
			for w, is := range places {
				if !is && e != Changes { // which may be of other requests
					t.Fatalf("%s is said to be a place that %s, and there is none\n%s", w, e, what)
				}
			}
			if differs[e] {
				found[e]++
			}
		}
	}
	if found[Opens] < n/10 || found[Closes] < n/10 {
		t.Errorf("of %d pairs: %v", n, found)
	}
}

// listed is the host, or the pattern, that decides about a name.
func listed(known []string, name string) string {
	for _, h := range append([]string{name}, policy.Patterns(name)...) {
		if _, ok := slices.BinarySearch(known, h); ok {
			return h
		}
	}
	return "nobody's " + name
}

func on(terms policy.Terms, policies []policy.Policy) Side {
	table, _ := policy.Build(policy.Input{Policies: policy.CompileAll(policies), Terms: terms})
	return Side{Table: table, Policies: policies}
}

func brief(policies []policy.Policy) (out string) {
	for _, p := range policies {
		out += fmt.Sprintf("\n  %s %s %v %v dry run %v, since %s", p.Source, p.Hosts, p.Paths, p.Rules[0].Action, p.DryRun,
			p.Since.Format("15:04"))
	}
	return out
}

// TestManyPatterns: patterns cost no more than names do, be there as many as there may be.
// What would grow with their square is counted, not timed: the words that are tried.
func TestManyPatterns(t *testing.T) {
	var policies []policy.Policy
	for i := range 3000 {
		policies = append(policies, policy.Policy{Source: policy.Source{Namespace: "n", Name: fmt.Sprint("p", i)},
			Hosts: []string{fmt.Sprintf("*.h%d.x", i), fmt.Sprintf("**.h%d.x", i), fmt.Sprintf("any.h%d.x", i)},
			Rules: []policy.Rule{{Action: policy.Block, Include: []policy.Selector{{Property: policy.Everyone}}}}})
	}
	before := sideOf(policies...)
	changed := slices.Clone(policies)
	changed[1500].Rules = []policy.Rule{{Action: policy.Bypass, Include: []policy.Selector{{Property: policy.Everyone}}}}
	after := sideOf(changed...)
	c := newComparison(&before, &after, settings)
	got := c.compare()
	if len(c.order) != 1 || !got.Has(Opens) || len(c.names) > 2*3000+1 {
		t.Errorf("%d pairs, %d names, %+v", len(c.order), len(c.names), got.Differences)
	}
	for _, d := range got.Differences {
		if want := []string{"**.h1500.x/*", "*.h1500.x/*", "any.h1500.x/*"}; !slices.Equal(d.Where, want) {
			t.Errorf("%q, want %q", d.Where, want)
		}
	}
}

// TestLongPatterns: what is below a name that is nearly as long as names can be, is compared.
func TestLongPatterns(t *testing.T) {
	longest := map[string]int{}
	for n := 230; n < 260; n++ {
		zone := strings.Repeat("b.", n)[:n-1] + "x"
		for _, stars := range []string{"*.", "**."} {
			p := policy.Policy{Source: policy.Source{Namespace: "n", Name: "p"}, Hosts: []string{stars + zone},
				Rules: []policy.Rule{{Action: policy.Bypass, Include: []policy.Selector{{Property: policy.Everyone}}}}}
			target, err := policy.NewTarget("q."+zone, "/")
			if err != nil || policy.CheckHost(p.Hosts[0]) != "" {
				continue
			}
			side := sideOf(p)
			if d := side.Table.Decide(policy.Request{Target: target, Method: "GET", Now: now}); d.Verdict != policy.Admit {
				t.Fatalf("%s%d: %s", stars, n, d.Reason)
			}
			if got := Compare(sideOf(), side, settings); !got.Has(Opens) {
				t.Errorf("%s and %d letters: %+v", stars, n, got)
			}
			longest[stars] = n
		}
	}
	if longest["*."] < 250 || longest["**."] < 249 {
		t.Error(longest)
	}
}

func BenchmarkManyPatterns(b *testing.B) {
	var policies []policy.Policy
	for i := range 10_000 {
		policies = append(policies, policy.Policy{Source: policy.Source{Namespace: "n", Name: fmt.Sprint("p", i)},
			Hosts: []string{fmt.Sprintf("**.h%d.x", i)},
			Rules: []policy.Rule{{Action: policy.Bypass, Include: []policy.Selector{{Property: policy.Everyone}}}}})
	}
	before, after := sideOf(policies...), sideOf(policies...)
	for b.Loop() {
		Compare(before, after, settings)
	}
}
