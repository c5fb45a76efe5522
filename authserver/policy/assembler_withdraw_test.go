// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestAssemblerLetsGo: whatever is wrong with policies, nothing is said of them any more once
// they are gone, and the same as before once they are back. All that has a code is tried.
func TestAssemblerLetsGo(t *testing.T) {
	all := beside()
	for code, change := range alone {
		p := one(does(Allow)...)
		change(&p)
		all[code] = Input{Policies: CompileAll([]Policy{p})}
	}
	for code, in := range all {
		none := in
		none.Policies = nil
		empty, nothing := Build(none)
		full, want := Build(in)
		a := assemblerOf(in)
		for round := range 2 {
			if table := a.Table(); table.Revision() != full.Revision() || fmt.Sprint(a.Issues()) != fmt.Sprint(want) {
				t.Errorf("%s, %d: %v, want %v", code, round, a.Issues(), want)
			}
			for i := range in.Policies {
				a.Delete(fmt.Sprint(i))
			}
			if table := a.Table(); table.Revision() != empty.Revision() || fmt.Sprint(a.Issues()) != fmt.Sprint(nothing) {
				t.Errorf("%s, %d: gone: %v, want %v", code, round, a.Issues(), nothing)
			}
			for i, c := range in.Policies {
				a.Set(fmt.Sprint(i), c)
			}
		}
	}
}

// TestBindingsFollow: after any changes of what routes name, a table knows of each route what
// one knows that is made at once: what it names, whether both kinds agree, whether it is there.
func TestBindingsFollow(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 2))
	routes := []string{"n/a", "n/b", "n/c"}
	for range 300 {
		var a Assembler
		for range 5 {
			var now []Binding
			for _, r := range routes {
				for _, kind := range []string{"", RouteKind} {
					for _, p := range []string{"n/p", "n/q"} {
						if rng.IntN(3) == 0 {
							now = append(now, Binding{kind + r, p})
						}
					}
				}
			}
			rng.Shuffle(len(now), func(i, j int) { now[i], now[j] = now[j], now[i] })
			a.SetBindings(now)
			got := a.Table()
			want, _ := Build(Input{Bindings: now})
			if got.Revision() != want.Revision() {
				t.Fatalf("%v: another revision", now)
			}
			for _, r := range routes {
				checkPins(t, got, now, r)
			}
		}
	}
	var none *Table
	if none.HasRoute("n/a") || none.Torn(&Request{Ingress: "n/a", Pin: EitherPin}) {
		t.Error("no table knows a route")
	}
}

// checkPins compares what a table knows of one name with the list of bindings.
func checkPins(t *testing.T, table *Table, all []Binding, name string) {
	t.Helper()
	names := func(kind string) (policy string, there bool) {
		for _, b := range all {
			if b.Ingress != kind+name {
				continue
			}
			if there {
				return "", true // two
			}
			policy, there = b.Policy, true
		}
		return policy, there
	}
	ingress, one := names("")
	route, other := names(RouteKind)
	torn := one && other && ingress != route
	either := route
	if one {
		either = ingress
	}
	if torn {
		either = ""
	}
	for pin, want := range map[Pin]string{IngressPin: ingress, RoutePin: route, EitherPin: either} {
		r := Request{Ingress: name, Pin: pin}
		if got := table.named(&r); got != want {
			t.Errorf("%v: %s %s names %q, want %q", all, pin, name, got, want)
		}
		if got := table.Torn(&r); got != (torn && pin == EitherPin) {
			t.Errorf("%v: %s %s: torn: %v", all, pin, name, got)
		}
	}
	if table.HasRoute(name) != other {
		t.Errorf("%v: HasRoute(%s): %v", all, name, !other)
	}
}
