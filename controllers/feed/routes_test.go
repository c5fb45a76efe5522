// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"slices"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestRecompiled: an edit of an Ingress compiles anew what it names, and nothing
// else.
func TestRecompiled(t *testing.T) {
	items := []v1alpha1.AccessPolicy{*fixture.Open("n", "app"), *fixture.Open("n", "other"), *fixture.Open("n", "fixed", "fixed.example.com")}
	for i := range items {
		items[i].UID = types.UID(items[i].Name)
	}
	table := &Feed{}
	compile := func(known bool, ingresses ...*networkingv1.Ingress) (changed []string) {
		var all []networkingv1.Ingress
		for _, o := range ingresses {
			all = append(all, *o)
		}
		named := newRoutes(all)
		named.known = known
		before := table.memo
		got, same, _ := table.compile(items, named)
		if !same {
			table.policies = table.table.Table()
		}
		for i := range items {
			if before[items[i].UID].policy != got[i] {
				changed = append(changed, items[i].Name)
			}
		}
		if same != (len(changed) == 0) {
			t.Errorf("same %v, and changed %q", same, changed)
		}
		return changed
	}
	a, b, fixed := fixture.Route("n", "a", "app", "a.example.com", "/"), fixture.Route("n", "b", "app", "b.example.com", "/"), fixture.Route("n", "f", "fixed", "f.example.com", "/")
	for i, step := range []struct {
		known bool
		in    []*networkingv1.Ingress
		want  []string
	}{
		{false, nil, []string{"app", "other", "fixed"}},
		{false, nil, nil},
		{true, nil, []string{"app", "other"}}, // they said that Ingresses are not read
		{true, []*networkingv1.Ingress{a, fixed}, []string{"app"}},
		{true, []*networkingv1.Ingress{a}, nil},
		{true, []*networkingv1.Ingress{a, b}, []string{"app"}},
		{true, []*networkingv1.Ingress{b, a}, nil},
		{true, []*networkingv1.Ingress{b, fixture.Route("n", "a", "other", "a.example.com", "/")}, []string{"app", "other"}},
		{true, nil, []string{"app", "other"}},
	} {
		if got := compile(step.known, step.in...); !slices.Equal(got, step.want) {
			t.Errorf("step %d compiled %q, want %q", i, got, step.want)
		}
	}
}

func TestReroutes(t *testing.T) {
	was := fixture.Route("n", "a", "app", "a.example.com", "/")
	for name, tc := range map[string]struct {
		edit func(*networkingv1.Ingress)
		want bool
	}{
		"status": {func(o *networkingv1.Ingress) {
			o.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.1"}}
		}, false},
		"another annotation": {func(o *networkingv1.Ingress) { o.Annotations["a"] = "b" }, false},
		"backend":            {func(o *networkingv1.Ingress) { o.Spec.Rules[0].HTTP.Paths[0].Backend.Service.Name = "x" }, false},
		"host":               {func(o *networkingv1.Ingress) { o.Spec.Rules[0].Host = "b.example.com" }, true},
		"path":               {func(o *networkingv1.Ingress) { o.Spec.Rules[0].HTTP.Paths[0].Path = "/x" }, true},
		"policy":             {func(o *networkingv1.Ingress) { o.Annotations[routes.PolicyAnnotation] = "b" }, true},
		"no policy":          {func(o *networkingv1.Ingress) { o.Annotations = nil }, true},
	} {
		is := was.DeepCopy()
		tc.edit(is)
		if got := reroutes(was, is); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
