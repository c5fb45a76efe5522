// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"maps"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/controllers/routes"
)

// order is that in which objects are made: what leads traffic somewhere comes after
// what it leads to.
var order = []string{"Service", "EndpointSlice", "ReferenceGrant", "Middleware", "SecurityPolicy", "IngressRoute", "HTTPRoute", "Ingress"}

// put adds an object to the plan. One that is there already is the same: its name
// says all that it is made from.
func (p *planner) put(o *unstructured.Unstructured) {
	ref := routes.Ref{Kind: o.GetKind(), NamespacedName: routes.NameOf(o)}
	if f := p.fallback(o); f.Object != nil {
		p.mark(f.Object)
		p.plan.Fallbacks[ref] = f
	}
	p.mark(o)
	p.objects[ref] = o
}

// fallback stands for an Ingress of ours, which has no section tls, where a rule of the
// platform demands one. It has to be younger than what it takes the hosts from, or its
// proxy would serve them with its default certificate.
func (p *planner) fallback(o *unstructured.Unstructured) (out Fallback) {
	if o.GetKind() != "Ingress" {
		return out
	}
	var secured []any
	for _, rule := range routes.Objects(o.Object, "spec", "rules") {
		host := routes.Text(rule, "host")
		for _, ing := range p.Shared().Hosts[host] {
			if !hasTLS(ing, host) {
				continue
			}
			if !slices.Contains(secured, any(host)) {
				secured = append(secured, host)
			}
			if at := ing.CreationTimestamp.Time; at.After(out.After) {
				out.After = at
			}
		}
	}
	if len(secured) == 0 {
		return Fallback{}
	}
	out.Object = o.DeepCopy()
	out.Object.Object["spec"].(map[string]any)["tls"] = []any{map[string]any{"hosts": secured}}
	return out
}

// hasTLS reports whether an Ingress serves a host with a certificate.
func hasTLS(ing *networkingv1.Ingress, host string) bool {
	return slices.ContainsFunc(ing.Spec.TLS, func(t networkingv1.IngressTLS) bool {
		return slices.ContainsFunc(t.Hosts, func(h string) bool {
			return routes.CanonicalHost(h) == host || strings.HasPrefix(h, "*.") && routes.CanonicalHost(h)[1:] == "."+routes.ParentOf(host)
		})
	})
}

// mark adds to an object of ours what the platform wants.
func (p *planner) mark(o *unstructured.Unstructured) {
	o.SetLabels(beside(o.GetLabels(), p.Settings.Labels))
	o.SetAnnotations(beside(o.GetAnnotations(), p.Settings.Annotations))
}

// beside adds to ours what the platform wants. Ours count.
func beside(own, more map[string]string) map[string]string {
	out := maps.Clone(more)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, own)
	return out
}

// sorted returns the objects in the order in which they are made.
func (p *planner) sorted() []*unstructured.Unstructured {
	return slices.SortedFunc(maps.Values(p.objects), func(a, b *unstructured.Unstructured) int {
		if x, y := slices.Index(order, a.GetKind()), slices.Index(order, b.GetKind()); x != y {
			return x - y
		}
		return routes.CompareNames(routes.NameOf(a), routes.NameOf(b))
	})
}
