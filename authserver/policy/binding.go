// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strings"
)

// A Binding says which policy an Ingress names. Both are "namespace/name". For an
// HTTPRoute, write RouteKind before its namespace.
type Binding struct{ Ingress, Policy string }

// RouteKind begins a Binding of an HTTPRoute. No namespace has an upper-case letter.
const RouteKind = "HTTPRoute/"

// A Pin is the kind of what routed a request: an Ingress and an HTTPRoute may have
// one name, and name different policies.
type Pin uint8

// The kinds of pins.
const (
	IngressPin Pin = iota
	RoutePin       // an HTTPRoute
	EitherPin      // the one or the other; if there are both, they must agree
)

func (p Pin) String() string {
	switch p {
	case RoutePin:
		return "HTTPRoute"
	case EitherPin:
		return "Ingress or HTTPRoute"
	case IngressPin:
	}
	return "Ingress"
}

// SetBindings replaces what routes name. An Ingress that names two policies names none;
// the order is no matter.
func (a *Assembler) SetBindings(bindings []Binding) {
	now := slices.Clone(bindings)
	slices.SortFunc(now, compareBinding)
	now = slices.Compact(now)
	if slices.Equal(now, a.bindings) {
		return
	}
	a.begin()
	if len(a.bindings) == 0 {
		a.ingresses.reserve(len(now))
	}
	old := a.bindings
	a.bindings = now
	for len(old) > 0 || len(now) > 0 {
		n, m := sameRoute(old), sameRoute(now)
		switch {
		case n > 0 && m > 0 && old[0].Ingress == now[0].Ingress:
			if !slices.Equal(old[:n], now[:m]) {
				a.bind(old[:n], now[:m])
			}
		case m == 0 || n > 0 && old[0].Ingress < now[0].Ingress:
			m = 0
			a.bind(old[:n], nil)
		default:
			n = 0
			a.bind(nil, now[:m])
		}
		old, now = old[n:], now[m:]
	}
}

// bind replaces what one route names.
func (a *Assembler) bind(old, now []Binding) {
	for i := range old {
		a.tree.remove(old[i].digest(), 0)
	}
	for i := range now {
		a.tree.add(now[i].digest(), 0)
	}
	name, route := strings.CutPrefix(slices.Concat(old, now)[0].Ingress, RouteKind)
	to := &a.ingresses
	if route {
		to = &a.byRoute
	}
	switch len(now) {
	case 0:
		to.remove(name)
	case 1:
		to.set(name, now[0].Policy)
	default:
		to.set(name, "")
	}
}

func compareBinding(x, y Binding) int {
	return cmp.Or(cmp.Compare(x.Ingress, y.Ingress), cmp.Compare(x.Policy, y.Policy))
}

// sameRoute returns how many bindings there are of the first one's route.
func sameRoute(bindings []Binding) (n int) {
	for n < len(bindings) && bindings[n].Ingress == bindings[0].Ingress {
		n++
	}
	return n
}

func (b *Binding) digest() *sum {
	return digested(func(d *digest) { d.binding(b) })
}

func (d *digest) binding(b *Binding) {
	d.num(tagBinding)
	d.str(b.Ingress, b.Policy)
}

// names reports whether what routed the request names the policy. A request of which
// that is not known may have come by any.
func (t *Table) names(r *Request, a *app) bool {
	return r.Ingress == "" || t.named(r) == a.audience
}

// named returns the policy that is named by what routed the request; empty: none.
func (t *Table) named(r *Request) string {
	switch r.Pin {
	case IngressPin:
		named, _ := t.bindings.get(r.Ingress)
		return named
	case RoutePin:
		named, _ := t.byRoute.get(r.Ingress)
		return named
	case EitherPin:
	}
	ingress, one := t.bindings.get(r.Ingress)
	route, other := t.byRoute.get(r.Ingress)
	switch {
	case one && other && ingress != route:
		return ""
	case one:
		return ingress
	default:
		return route
	}
}

// Torn reports whether a pin that is for either kind names an Ingress and an HTTPRoute
// that do not name one policy.
func (t *Table) Torn(r *Request) bool {
	if t == nil || r.Pin != EitherPin {
		return false
	}
	ingress, one := t.bindings.get(r.Ingress)
	route, other := t.byRoute.get(r.Ingress)
	return one && other && ingress != route
}

// knows reports whether what routed the request is known to name a policy, or several.
func (t *Table) knows(r *Request) bool {
	_, one := t.bindings.get(r.Ingress)
	_, other := t.byRoute.get(r.Ingress)
	return one && r.Pin != RoutePin || other && r.Pin != IngressPin
}

// HasRoute reports whether an HTTPRoute, "namespace/name", is known to name a policy.
func (t *Table) HasRoute(route string) bool {
	if t == nil {
		return false
	}
	_, ok := t.byRoute.get(route)
	return ok
}
