// SPDX-License-Identifier: Apache-2.0

package routes_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// gateways have listeners by name: one is open to every host.
const gateways = `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: web, namespace: infra}
spec: {listeners: [{name: app, hostname: App.example.com.}, {name: wild, hostname: "*.example.com"}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: open, namespace: shop}
spec: {listeners: [{name: one, hostname: one.example.com}, {name: any}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: empty, namespace: shop}
spec: {}
`

// httpRoute is an HTTPRoute of shop with hostnames, and its parents.
func httpRoute(t *testing.T, hostnames, parents, more string) (*routes.Index, *routes.Route, []map[string]any) {
	t.Helper()
	w := routestest.Read(t, gateways, fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, annotations: {access.ostiary.dev/policy: web}}
spec:
  hostnames: [%s]
  parentRefs: [%s]
%s`, hostnames, parents, more))
	x := routes.Read(w, routestest.Settings)
	return x, x.HTTPRouteOf(w.HTTPRoutes[0]), routes.Objects(w.HTTPRoutes[0].Object, "spec", "parentRefs")
}

// A route serves its own hosts, or else those of the listeners that it is attached to; where
// one of them takes any host, or is not known, it serves any.
func TestRouteHosts(t *testing.T) {
	const app, wild, one, open, gone = "{name: web, namespace: infra, sectionName: app}", "{name: web, namespace: infra, sectionName: wild}",
		"{name: open, sectionName: one}", "{name: open, sectionName: any}", "{name: gone}"
	for _, tc := range []struct {
		hostnames string
		parents   []string
		want      []string
	}{
		{"b.example.com, A.example.com", []string{open}, []string{"a.example.com", "b.example.com"}},
		{"a.example.com, a.example.com., A.EXAMPLE.COM", []string{gone}, []string{"a.example.com"}},
		{`"*.example.com"`, nil, []string{".example.com"}},
		{"", []string{app}, []string{"app.example.com"}},
		{"", []string{wild}, []string{".example.com"}},
		{"", []string{"{name: web, namespace: infra}"}, []string{".example.com", "app.example.com"}},
		{"", []string{app, one, app}, []string{"app.example.com", "one.example.com"}},
		{"", []string{one, open}, []string{""}},
		{"", []string{"{name: open}"}, []string{""}},
		{"", []string{app, gone}, []string{""}},
		{"", []string{"{name: web}"}, []string{""}}, // of its own namespace there is none
		{"", []string{"{name: empty}"}, []string{""}},
		{"", []string{"{name: open, sectionName: gone}"}, []string{""}},
		{"", nil, []string{""}},
	} {
		r := rand.New(rand.NewPCG(3, uint64(len(tc.parents))))
		for range 4 {
			r.Shuffle(len(tc.parents), func(i, j int) { tc.parents[i], tc.parents[j] = tc.parents[j], tc.parents[i] })
			x, route, parents := httpRoute(t, tc.hostnames, strings.Join(tc.parents, ", "), "")
			if got := x.RouteHosts(route.Manifest, parents); !slices.Equal(got, tc.want) {
				t.Errorf("hostnames [%s], parents %v: %q, want %q", tc.hostnames, tc.parents, got, tc.want)
			}
		}
	}
}

// A match without a path, and one that nobody can read, are every path: too much is taken for
// the rule's, and never too little.
func TestRulePaths(t *testing.T) {
	path := func(kind, value string) map[string]any {
		return map[string]any{"path": map[string]any{"type": kind, "value": value}}
	}
	rule := func(matches ...any) map[string]any { return map[string]any{"matches": matches} }
	header := map[string]any{"headers": []any{map[string]any{"name": "x", "value": "y"}}}
	for name, tc := range map[string]struct {
		rule map[string]any
		want []policy.Path
		says string
	}{
		"none":       {nil, []policy.Path{{Value: "/"}}, "3 (/)"},
		"no path":    {rule(header), []policy.Path{{Value: "/"}}, "3 (/)"},
		"prefix":     {rule(path("PathPrefix", "/a")), []policy.Path{{Value: "/a"}}, "3 (/a)"},
		"exact":      {rule(path("Exact", "/a")), []policy.Path{{Value: "/a", Exact: true}}, "3 (/a)"},
		"exact root": {rule(map[string]any{"path": map[string]any{"type": "Exact"}}), []policy.Path{{Value: "/", Exact: true}}, "3 (/)"},
		"expression": {rule(path("RegularExpression", "/a.*")), []policy.Path{{Value: "/"}}, "3 (/)"},
		"no type":    {rule(map[string]any{"path": map[string]any{"value": "/a"}}), []policy.Path{{Value: "/a"}}, "3 (/a)"},
		"several": {rule(path("Exact", "/a"), path("PathPrefix", "/b")),
			[]policy.Path{{Value: "/a", Exact: true}, {Value: "/b"}}, "3 (/a, /b)",
		},
		"twice": {rule(path("Exact", "/a"), path("PathPrefix", "/a")), []policy.Path{{Value: "/a", Exact: true}, {Value: "/a"}}, "3 (/a)"},
	} {
		if got := routes.RulePaths(tc.rule); !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v", name, got)
		}
		if got := routes.RuleName(2, tc.rule); got != tc.says {
			t.Errorf("%s is called %q, want %q", name, got, tc.says)
		}
	}
}

// A route is of a mesh only if it has parents and all are Services: one Gateway among them
// leads requests from outside.
func TestInMesh(t *testing.T) {
	kinds := map[string]map[string]any{"service": {"kind": "Service"}, "gateway": {"kind": "Gateway"}, "default": {"name": "x"}}
	for parents, want := range map[string]bool{"": false, "service": true, "service service": true, "gateway": false, "default": false,
		"service gateway": false, "gateway service": false, "service default": false} {
		var all []map[string]any
		for _, name := range strings.Fields(parents) {
			all = append(all, kinds[name])
		}
		if got := routes.InMesh(all); got != want {
			t.Errorf("%q: %v", parents, got)
		}
	}
}

// Applications are all backends but our own Services, which are ours in our namespace alone.
func TestApplications(t *testing.T) {
	x, route, _ := httpRoute(t, "", "", `
  rules:
  - backendRefs: [{name: app, port: 80}, {name: ostiary-public, namespace: ostiary, port: 9002}, {name: ostiary-public, port: 80}]
  - filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]
`)
	rules := routes.Objects(route.Manifest.Object, "spec", "rules")
	var got []string
	for _, b := range x.Applications(route.Manifest, rules[0]) {
		got = append(got, routes.RefOf(b, "shop").String())
	}
	if want := []string{"shop/app", "shop/ostiary-public"}; !slices.Equal(got, want) {
		t.Errorf("applications: %q", got)
	}
	if got := x.Applications(route.Manifest, rules[1]); len(got) != 0 {
		t.Errorf("of a redirect: %v", got)
	}
	if n := len(routes.Objects(rules[0], "backendRefs")); n != 3 {
		t.Errorf("the rule has %d backends left", n)
	}
}

// An HTTPRoute says its policy, hosts and the paths of all rules.
func TestHTTPRouteOf(t *testing.T) {
	_, r, _ := httpRoute(t, `a.example.com, "*.b.example.com"`, "{name: open}", `
  rules:
  - matches: [{path: {type: Exact, value: /a}}]
  - backendRefs: [{name: app, port: 80}]
`)
	want := []policy.Path{{Value: "/a", Exact: true}, {Value: "/"}}
	if !reflect.DeepEqual(r.Paths, want) || !slices.Equal(r.Hosts, []string{"a.example.com", "*.b.example.com"}) {
		t.Errorf("hosts %q, paths %+v", r.Hosts, r.Paths)
	}
	if !r.OptedIn() || r.Policy != (types.NamespacedName{Namespace: "shop", Name: "web"}) || r.Rules != nil || r.Ingress != nil {
		t.Errorf("policy %s (%v), Ingress %v", r.Policy, r.Rules, r.Ingress)
	}
	if r.String() != "HTTPRoute shop/web" {
		t.Errorf("it is called %s", r)
	}
}
