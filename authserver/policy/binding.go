// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"encoding/hex"
	"slices"
)

// A Binding says which policy an Ingress names. Both are "namespace/name".
type Binding struct{ Ingress, Policy string }

// Bound returns a copy of the table that knows these bindings, and no others.
// They are a part of its revision; their order is not. An Ingress that names two
// policies names none. Call it before Revoking.
func (t *Table) Bound(bindings []Binding) *Table {
	if t == nil {
		return nil
	}
	out := *t
	out.bindings, out.built = nil, t.unbound
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
		out.bindings = make(map[string]string, len(sorted))
		for _, b := range slices.Compact(sorted) {
			d.str(b.Ingress, b.Policy)
			if _, twice := out.bindings[b.Ingress]; twice {
				b.Policy = ""
			}
			out.bindings[b.Ingress] = b.Policy
		}
		out.built = hex.EncodeToString(d.sum()[:6])
	}
	out.revoked, out.revision = nil, out.built
	return &out
}

// names reports whether the Ingress that routed the request names the policy. A
// request that no Ingress is known of may have come by any.
func (t *Table) names(ingress string, a *app) bool {
	return ingress == "" || t.bindings[ingress] == a.audience
}
