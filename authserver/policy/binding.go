// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"encoding/hex"
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

// Bound returns a copy of the table that knows these bindings, and no others.
// They are a part of its revision; their order is not. An Ingress that names two
// policies names none. Call it before Revoking.
func (t *Table) Bound(bindings []Binding) *Table {
	if t == nil {
		return nil
	}
	out := *t
	out.bindings, out.byRoute, out.built = nil, nil, t.unbound
	if len(bindings) > 0 {
		sorted := slices.Clone(bindings)
		slices.SortFunc(sorted, func(x, y Binding) int {
			return cmp.Or(cmp.Compare(x.Ingress, y.Ingress), cmp.Compare(x.Policy, y.Policy))
		})
		d := digests.Get().(*digest)
		defer digests.Put(d)
		d.h.Reset()
		d.buf = d.buf[:0]
		d.str(t.unbound)
		out.bindings, out.byRoute = make(map[string]string, len(sorted)), map[string]string{}
		for _, b := range slices.Compact(sorted) {
			d.str(b.Ingress, b.Policy)
			name, route := strings.CutPrefix(b.Ingress, RouteKind)
			to := out.bindings
			if route {
				to = out.byRoute
			}
			if _, twice := to[name]; twice {
				b.Policy = ""
			}
			to[name] = b.Policy
		}
		out.built = hex.EncodeToString(d.sum()[:6])
	}
	out.revoked, out.revision = nil, out.unrevoked()
	return &out
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
		return t.bindings[r.Ingress]
	case RoutePin:
		return t.byRoute[r.Ingress]
	case EitherPin:
	}
	ingress, one := t.bindings[r.Ingress]
	route, other := t.byRoute[r.Ingress]
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
	ingress, one := t.bindings[r.Ingress]
	route, other := t.byRoute[r.Ingress]
	return one && other && ingress != route
}

// HasRoute reports whether an HTTPRoute, "namespace/name", is known to name a policy.
func (t *Table) HasRoute(route string) bool {
	if t == nil {
		return false
	}
	_, ok := t.byRoute[route]
	return ok
}
