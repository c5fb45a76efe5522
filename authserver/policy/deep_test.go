// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// deepHosts are the names, and the patterns, of up to so many labels above x.
func deepHosts(depth int) (names, claimed []string) {
	level := []string{"x"}
	for range depth {
		var next []string
		for _, zone := range level {
			claimed = append(claimed, "*."+zone, "**."+zone)
			next = append(next, "a."+zone, "b."+zone)
		}
		claimed, level = append(claimed, next...), next
		names = append(names, level...)
	}
	return append(names, "x"), append(claimed, "x")
}

// TestOracleChains: whatever is claimed of names and patterns that are parts of each other, by
// whom, since when and with which grants, the table decides as the reference does.
func TestOracleChains(t *testing.T) {
	names, claimed := deepHosts(3)
	rng, n := rand.New(rand.NewPCG(12, 7)), 2000
	if testing.Short() {
		n = 500
	}
	seen := map[string]int{}
	for range n {
		var policies []Policy
		for i := range 2 + rng.IntN(5) {
			p := Policy{Source: Source{Namespace: string(rune('m' + rng.IntN(3))), Name: fmt.Sprint("p", i)}, Rules: does(Bypass),
				Hosts: []string{claimed[rng.IntN(len(claimed))], "unrelated.y"}[:1+rng.IntN(2)]}
			p.Since = []time.Time{birth.Add(time.Duration(rng.IntN(5)) * time.Hour), birth.Add(time.Duration(i) * time.Minute), {}}[min(2, rng.IntN(5))]
			if rng.IntN(4) == 0 {
				p.Paths = prefixes("/a")
			}
			if rng.IntN(3) == 0 {
				p.Rules = does(Block)
			}
			if rng.IntN(5) == 0 {
				p.DryRun = DryRunOpen
			}
			policies = append(policies, p)
		}
		var grants []Grant
		for range rng.IntN(3) {
			grants = append(grants, Grant{claimed[rng.IntN(len(claimed))], string(rune('m' + rng.IntN(3)))})
		}
		table, _ := build(policies, grants...)
		ref, bound := newReference(policies, grants...), table.bound(bindingsOf(policies))
		for _, h := range names {
			for _, path := range []string{"/", "/a"} {
				r := Request{Target: mustTarget(t, "https://"+h+path), Method: "GET", Now: now}
				d := table.Decide(r)
				v, why, whose := ref.decide(h, path, &r)
				name := ""
				if whose != nil {
					name = whose.Source.Name
				}
				if d.Verdict != v || d.Reason != why || d.Source.Name != name {
					t.Fatalf("%s%s: %s; the reference says %s %s %s\npolicies: %+v\ngrants: %v", h, path, brief(d), v, why, name, policies, grants)
				}
				seen[fmt.Sprint(v, why)]++
				p, pinned := ref.lookup(h, path, true), ""
				for i := range policies {
					r.Ingress = "i/" + policies[i].Source.Name
					if p != nil && p.DryRun == DryRunNone && p.Source.Name == policies[i].Source.Name {
						pinned = p.Source.Name
					}
				}
				if r.Ingress = "i/" + pinned; pinned != "" && bound.Decide(r).Source.Name != pinned {
					t.Fatalf("%s%s by the route of %s: %s\npolicies: %+v\ngrants: %v", h, path, pinned, brief(bound.Decide(r)), policies, grants)
				}
			}
		}
	}
	t.Log(seen)
}

func bindingsOf(policies []Policy) (out []Binding) {
	for i := range policies {
		out = append(out, Binding{"i/" + policies[i].Source.Name, policies[i].Source.Namespace + "/" + policies[i].Source.Name})
	}
	return out
}

// What comes first in the chain decides, and nothing falls through it.
func TestDeepHosts(t *testing.T) {
	table := mustBuild(t,
		of("n", "all", 1, Bypass, []string{"**.example.com"}), of("n", "wild", 2, Bypass, []string{"*.example.com"}, prefixes("/w")...),
		of("n", "exact", 3, Bypass, []string{"one.example.com"}, prefixes("/e")...), of("n", "near", 4, Bypass, []string{"**.b.example.com"}, prefixes("/n")...),
		of("n", "inner", 5, Bypass, []string{"*.c.example.com"}, prefixes("/i")...))
	for url, want := range map[string]string{
		"example.com/": "deny no-policy", "notexample.com/": "deny no-policy", "a.notexample.com/": "deny no-policy", "com/": "deny no-policy",
		"one.example.com/e": "allow bypass exact", "one.example.com/w": "deny no-policy", "one.example.com/": "deny no-policy",
		"two.example.com/w": "allow bypass wild", "two.example.com/": "deny no-policy", "b.example.com/w": "allow bypass wild",
		"a.two.example.com/": "allow bypass all", "a.one.example.com/": "allow bypass all", "a.two.example.com./w": "allow bypass all",
		"a.b.example.com/n": "allow bypass near", "a.b.example.com/": "deny no-policy", "z.y.b.example.com/n": "allow bypass near", "z.y.b.example.com/w": "deny no-policy",
		"a.c.example.com/i": "allow bypass inner", "a.c.example.com/": "deny no-policy", "b.a.c.example.com/i": "allow bypass all",
		"A.TWO.Example.COM:8443/": "allow bypass all",
	} {
		if got := brief(get(table, "https://"+url, false)); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
	// As many labels as a name can have.
	long := strings.Repeat("a.", (maxHost-len("example.com"))/2) + "example.com"
	if got := brief(get(table, "https://"+long+"/", false)); got != "allow bypass all" {
		t.Errorf("%d labels: %s", strings.Count(long, ".")+1, got)
	}
}

// A policy that the API server would have refused claims what it means, and denies it.
func TestDeepSalvaged(t *testing.T) {
	table, _ := build([]Policy{of("n", "wide", 1, Bypass, []string{"**.x"}), of("n", "broken", 2, Bypass, []string{"https://**.A.x:443/", "a_b"})})
	for url, want := range map[string]string{"b.x/": "allow bypass wide", "a.x/": "allow bypass wide", "c.a.x/": "deny invalid-policy broken", "d.c.a.x/": "deny invalid-policy broken"} {
		if got := brief(get(table, "https://"+url, false)); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

// Who may claim what of patterns and what they stand for: by a grant, and by a reservation.
func TestDeepTerms(t *testing.T) {
	hosts := []string{"z", "a.z", "*.z", "**.z", "a.b.z", "*.b.z", "**.b.z"}
	for name, tc := range map[string]struct {
		terms Terms
		may   string // of b, one digit a host
	}{
		"granted one label":   {Terms{GrantedOnly: true, Grants: []Grant{{"*.z", "b"}}}, "0110000"},
		"granted all labels":  {Terms{GrantedOnly: true, Grants: []Grant{{"**.z", "b"}}}, "0111111"},
		"granted a name":      {Terms{GrantedOnly: true, Grants: []Grant{{"a.z", "b"}}}, "0100000"},
		"granted a part":      {Terms{GrantedOnly: true, Grants: []Grant{{"**.b.z", "b"}}}, "0000111"},
		"reserved for b":      {Terms{GrantedOnly: true, Reservations: []Grant{{"*.z", "b"}}}, "0111111"},
		"reserved so for b":   {Terms{GrantedOnly: true, Reservations: []Grant{{"**.z", "b"}}}, "0111111"},
		"reserved for a":      {Terms{Reservations: []Grant{{"*.z", "a"}}}, "1000000"},
		"reserved so for a":   {Terms{Reservations: []Grant{{"**.z", "a"}}}, "1000000"},
		"a name for a":        {Terms{Reservations: []Grant{{"a.z", "a"}}}, "1011111"},
		"a part for a":        {Terms{Reservations: []Grant{{"**.b.z", "a"}}}, "1111000"},
		"a part of a's for b": {Terms{Reservations: []Grant{{"**.z", "a"}, {"*.b.z", "b"}}}, "1000111"},
		"a grant within":      {Terms{Reservations: []Grant{{"**.z", "a"}}, Grants: []Grant{{"**.b.z", "b"}}}, "1000111"},
	} {
		got, in := "", newTerms(tc.terms)
		for _, h := range hosts {
			got += map[bool]string{true: "1", false: "0"}[in.refusal(h, "b") == ""]
		}
		if got != tc.may {
			t.Errorf("%s: b may claim %s of %v, want %s", name, got, hosts, tc.may)
		}
	}
}

// A look-up of a name with many labels is bounded by their number, and allocates nothing.
func TestDeepAllocations(t *testing.T) {
	policies := []Policy{of("n", "all", 1, Bypass, []string{"**.example.com"}), of("n", "dry", 2, Bypass, []string{"**.b.example.com"})}
	policies[1].DryRun = DryRunOpen
	table := mustBuild(t, policies...)
	for _, host := range []string{"a.example.com", "a.b.example.com", strings.Repeat("a.", 126) + "x", strings.Repeat("a.", 120) + "example.com"} {
		r := Request{Target: mustTarget(t, "https://"+host+"/"), Method: "GET", Now: now}
		if n := testing.AllocsPerRun(100, func() { table.Decide(r) }); n > 0 {
			t.Errorf("%s: %v allocations", host, n)
		}
	}
}

// Guards, and what stands above them, are all that decides on a host, in the order in which it
// does: who goes through the lists finds what a look-up finds, of any names and patterns, dry
// runs, grants and reservations.
func TestGuardsAbove(t *testing.T) {
	names, claimed := deepHosts(3)
	rng, above := rand.New(rand.NewPCG(5, 9)), 0
	for range 600 {
		var policies []Policy
		dry := map[string]bool{}
		for i := range 2 + rng.IntN(5) {
			p := of(string(rune('m'+rng.IntN(2))), fmt.Sprint("p", i), rng.IntN(3), Bypass, []string{claimed[rng.IntN(len(claimed))]})
			if rng.IntN(3) == 0 {
				p.Paths = prefixes("/a")
			}
			if rng.IntN(2) == 0 {
				p.DryRun, dry[p.Source.Name] = DryRunOpen, true
			}
			policies = append(policies, p)
		}
		if rng.IntN(3) == 0 { // a pattern of nobody, between a dry run and what is enforced
			policies = []Policy{of("m", "q0", 1, Bypass, []string{"a.a.x"}), of("m", "q1", 2, Bypass, []string{"*.a.x"}),
				of("n", "q2", 2, Bypass, []string{"*.a.x"}), of("m", "q3", rng.IntN(3), Bypass, []string{"**.x"})}
			policies[0].DryRun, dry["q0"] = DryRunOpen, true
		}
		in := Input{Policies: CompileAll(policies)}
		if host := claimed[rng.IntN(len(claimed))]; rng.IntN(2) == 0 {
			in.Terms.Grants = []Grant{{host, "m"}, {host, "n"}}
		} else if rng.IntN(2) == 0 {
			in.Terms.Reservations = []Grant{{host, "m"}}
		}
		table, _ := Build(in)
		for _, host := range names {
			for _, path := range []string{"/", "/a"} {
				own, _ := table.Guards(host)
				over := table.GuardsAbove(host)
				want := Guarding{}
				for i, g := range append(own, over...) {
					switch covers := g.Path.Value == "/" || g.Path.Value == path; {
					case !covers || i >= len(own) && want.Policy == (Source{}):
					case want.Policy == (Source{}):
						want.Policy = g.Policy
						if dry[g.Policy.Name] {
							want.DryRun = g.Policy
						}
					case want.Policy == want.DryRun && !dry[g.Policy.Name]:
						want.Policy = g.Policy
						if i >= len(own) {
							above++
						}
					}
				}
				if got, _ := table.Guarding(mustTarget(t, "https://"+host+path)); got != want {
					t.Fatalf("%s%s: %+v, and by the lists %+v\nown %v\nabove %v\n%+v\n%+v", host, path, got, want, own, over, policies, in.Terms)
				}
			}
		}
	}
	if above < 100 {
		t.Errorf("only %d decisions by a pattern above", above)
	}
}

// What a policy meant to claim is read from what it says, patterns too: whatever a request can
// name is denied, and nothing else is.
func TestSalvagedHosts(t *testing.T) {
	var hosts []string
	for _, zone := range []string{"x", "a.x", "a_b.x", "-a.x", "xn--a.x"} {
		hosts = append(hosts, zone, "*."+zone, "**."+zone)
	}
	for _, h := range hosts {
		for _, odd := range []string{h, strings.ToUpper(h), " " + h + "\t", h + ".", "https://" + h, "https://" + h + ":8443/path?q#f", h + "/*", h + ":443", h + "#", h + "?"} {
			if got := salvageHosts([]string{odd, h}); len(got) != 1 || got[0] != h {
				t.Errorf("%q: %q, want %q", odd, got, h)
			}
		}
	}
	for _, none := range []string{"", "*", "**", "*.", "**.", "***.x", "*.*.x", "**.*.x", "*.**.x", "a.*.x", "a*.x", "**a.x", "a..x", ".x", "a b.x", "*.x.*"} {
		if got := salvageHosts([]string{none}); len(got) > 0 {
			t.Errorf("%q: %q", none, got)
		}
	}
}
