// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What a text that cannot be read says of its age counts for nothing, and it claims hosts
// all the same: whoever breaks a file must not give its host to a rival, and a rival that
// comes with a date gains nothing by that.
func TestSalvagedClaims(t *testing.T) {
	old := of("team", "app", 0, Allow, []string{"a.x", "b.x"})
	old.Salvaged = true
	rival := of("evil", "app", 5, Bypass, []string{"a.x"})
	own := of("team", "own", 9, Bypass, []string{"b.x"})
	for name, tc := range map[string]struct {
		terms Terms
		a, b  [2]string
	}{
		"alone":              {Terms{}, [2]string{"deny no-policy", "deny no-policy"}, [2]string{"deny invalid-policy app", "deny no-policy"}},
		"reserved":           {Terms{Reservations: []Grant{{"a.x", "team"}}}, [2]string{"deny invalid-policy app", "deny no-policy"}, [2]string{"deny invalid-policy app", "deny no-policy"}},
		"granted to a rival": {Terms{Grants: []Grant{{"a.x", "evil"}}}, [2]string{"deny no-policy", "allow bypass app"}, [2]string{"deny invalid-policy app", "deny no-policy"}},
	} {
		table, _ := Build(Input{Policies: CompileAll([]Policy{old, rival, own}), Terms: tc.terms,
			Bindings: []Binding{{"evil/web", "evil/app"}, {"team/web", "team/own"}}})
		for _, one := range []struct {
			url, route string
			want       [2]string
		}{{"a.x/", "evil/web", tc.a}, {"b.x/", "team/web", tc.b}} {
			r := Request{Target: mustTarget(t, "https://"+one.url), Method: "GET", Now: now}
			plain := brief(table.Decide(r))
			r.Ingress = one.route
			if pinned := brief(table.Decide(r)); plain != one.want[0] || pinned != one.want[1] {
				t.Errorf("%s, %s: %s and, by the route of %s, %s", name, one.url, plain, one.route, pinned)
			}
		}
	}
}

// Whatever there is, to break a file changes no answer but to a refusal.
func TestBrokenTextOpensNothing(t *testing.T) {
	hosts := [][]string{{"a.x"}, {"*.x"}, {"a.x", "*.x"}}
	terms := []Terms{{}, {GrantedOnly: true, Grants: []Grant{{"a.x", "a"}}}, {Grants: []Grant{{"a.x", "b"}}},
		{Grants: []Grant{{"a.x", "a"}, {"a.x", "b"}}}, {Reservations: []Grant{{"a.x", "a"}}}, {Reservations: []Grant{{"*.x", "b"}}}}
	bindings := []Binding{{"a/r", "a/p"}, {"a/q", "a/q"}, {"b/r", "b/p"}}
	var requests []Request
	for _, host := range []string{"a.x", "c.x"} {
		for _, path := range []string{"/", "/d"} {
			for _, route := range []string{"", "a/r", "a/q", "b/r"} {
				requests = append(requests, Request{Target: mustTarget(t, "https://"+host+path), Ingress: route, Method: "GET", Now: now})
			}
		}
	}
	names := []Source{{Namespace: "a", Name: "p"}, {Namespace: "a", Name: "q"}, {Namespace: "b", Name: "p"}}
	const each = 3 * 4 * 2 // hosts, ages, paths
	admitted, refused := 0, 0
	world := make([]Policy, len(names))
	for n := range each * each * each {
		for i, k := 0, n; i < len(names); i, k = i+1, k/each {
			world[i] = Policy{Source: names[i], Hosts: hosts[k%3], Rules: does(Bypass)}
			if age := k / 3 % 4; age > 0 {
				world[i].Since = birth.Add(time.Duration(age) * time.Hour)
			}
			if k/12%2 == 1 {
				world[i].Paths = prefixes("/d")
			}
		}
		if n%every(17) != 0 {
			continue
		}
		on := terms[n%len(terms)]
		before, _ := Build(Input{Policies: CompileAll(world), Terms: on, Bindings: bindings})
		for broken := range len(world) {
			now := slices.Clone(world)
			now[broken].Salvaged = true
			after, _ := Build(Input{Policies: CompileAll(now), Terms: on, Bindings: bindings})
			for i := range requests {
				was, is := before.Decide(requests[i]), after.Decide(requests[i])
				// By a route of a namespace with a grant, its own policy may decide.
				own := strings.HasPrefix(requests[i].Ingress, is.Source.Namespace+"/") &&
					slices.Contains(on.Grants, Grant{"a.x", is.Source.Namespace})
				if is.Verdict == Admit && was.Source != is.Source && !own {
					t.Fatalf("%+v\n%+v\n%s was broken, and %s by %q became %s of %s, from %s of %s",
						on, world, names[broken], requests[i].Target.host, requests[i].Ingress, brief(is), is.Source, brief(was), was.Source)
				}
				if is.Verdict == Admit {
					admitted++
				} else if was.Verdict == Admit {
					refused++
				}
			}
		}
	}
	if admitted == 0 || refused == 0 {
		t.Errorf("%d admitted, %d refused: the test is blind", admitted, refused)
	}
}
