// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// TestUnappliedHosts: one finding for each host of a binding, or one without any; none
// where nothing was to be written, where the plan does not guard, or where the proxy asks.
func TestUnappliedHosts(t *testing.T) {
	ref := routes.Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Namespace: "shop", Name: "x"}}
	notes := map[routes.Ref]map[string]string{ref: {nginxPrefix + "auth-url": routestest.AuthURL}}
	binding := routes.Binding{Route: ref, Policy: types.NamespacedName{Namespace: "shop", Name: "web"}, Guarded: true}
	with := func(change func(*routes.Binding)) []routes.Binding {
		b := binding
		change(&b)
		return []routes.Binding{b}
	}
	hosts := func(hosts ...string) []routes.Binding { return with(func(b *routes.Binding) { b.Hosts = hosts }) }
	asks := shopIngress(routestest.Opted + ", " + nginxPrefix + "auth-url: " + routestest.AuthURL)
	for name, c := range map[string]struct {
		world    string
		bindings []routes.Binding
		notes    map[routes.Ref]map[string]string
		want     []string
	}{
		"no host":             {shopIngress(routestest.Opted), hosts(), notes, []string{""}},
		"a host":              {shopIngress(routestest.Opted), hosts("a.test"), notes, []string{"a.test"}},
		"two hosts":           {shopIngress(routestest.Opted), hosts("a.test", "b.test"), notes, []string{"a.test", "b.test"}},
		"it asks":             {asks, hosts("a.test"), notes, nil},
		"nothing to write":    {shopIngress(routestest.Opted), hosts("a.test"), nil, nil},
		"no binding":          {shopIngress(routestest.Opted), nil, notes, nil},
		"the plan refuses":    {shopIngress(routestest.Opted), with(func(b *routes.Binding) { b.Guarded = false }), notes, nil},
		"of another route":    {shopIngress(routestest.Opted), with(func(b *routes.Binding) { b.Route.Name = "y" }), notes, nil},
		"of an HTTPRoute":     {shopIngress(routestest.Opted), with(func(b *routes.Binding) { b.Route.Kind = "HTTPRoute" }), notes, nil},
		"it asks another":     {strings.Replace(asks, "ostiary-authz", "other", 1), hosts("a.test"), notes, []string{"a.test"}},
		"the Ingress is gone": {ingressYAML("shop", "z", appHost, ""), hosts("a.test"), notes, nil},
	} {
		w := routestest.Read(t, routestest.Base, c.world)
		var got []string
		for _, f := range Unapplied(w, routestest.Settings, c.bindings, c.notes) {
			if got = append(got, f.Host); f.Reason != routes.NotApplied || f.Object != ref || f.Policy != binding.Policy {
				t.Errorf("%s: %+v", name, f)
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
	}
}
