// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// lines are findings as cases write them.
func lines(findings []routes.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, routestest.Line(f))
	}
	return out
}

// unguardedOf is what is found in a tiny world.
func unguardedOf(t *testing.T, world []*tinyRoute) []routes.Finding {
	t.Helper()
	w := read(t, world)
	return Unguarded(w, routestest.Settings, Claims(w))
}

// missing lists what of some is not in all.
func missing(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(some), func(s string) bool { return slices.Contains(all, s) })
}

// TestAnotherRouteHidesNothing: whoever adds a route that asks nobody adds findings, and
// takes away none.
func TestAnotherRouteHidesNothing(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	added := 0
	for range 250 {
		world := randomTinies(r)
		extra := randomTiny(r, 99)
		extra.asks, extra.opted = false, false
		before, after := lines(unguardedOf(t, world)), lines(unguardedOf(t, append(slices.Clone(world), extra)))
		if gone := missing(after, before); len(gone) > 0 {
			t.Fatalf("seed %d: with %s nothing says %q any more, in\n%s", seed, extra, gone, show(world))
		}
		added += len(after) - len(before)
	}
	if added < 100 {
		t.Errorf("seed %d: only %d findings were added", seed, added)
	}
}

// TestOptingInRemovesItsFinding: a route that begins to ask is not reported any more, all
// others are, and nothing new is but doors to its host.
func TestOptingInRemovesItsFinding(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	removed := 0
	for range 250 {
		world := randomTinies(r)
		for _, route := range world {
			if route.asks || slices.Contains([]string{"Service", "TLSRoute", "IngressRouteTCP"}, route.kind) {
				continue
			}
			kind, _, _ := strings.Cut(route.kind, " ")
			name := fmt.Sprintf("%s %s/%s", kind, route.namespace, route.name)
			before := found(unguardedOf(t, world))
			route.asks, route.opted = true, kind == "Ingress" || kind == "HTTPRoute"
			after := found(unguardedOf(t, world))
			if slices.Contains(after, name) {
				t.Fatalf("seed %d: %s asks, and is reported, in\n%s", seed, name, show(world))
			}
			if gone := missing(append(after, name), before); len(gone) > 0 {
				t.Fatalf("seed %d: as %s asks, %q are not reported any more, in\n%s", seed, name, gone, show(world))
			}
			for _, more := range missing(before, after) {
				if !strings.HasPrefix(more, "Service ") || route.host != "o.test" {
					t.Fatalf("seed %d: as %s asks, %q is reported, in\n%s", seed, name, more, show(world))
				}
			}
			removed += len(before) - len(after)
		}
	}
	if removed < 60 {
		t.Errorf("seed %d: only %d findings were removed", seed, removed)
	}
}

// TestFewerClaimsFewerFindings: what no policy claims is nobody's to report, and a policy
// more takes no finding away.
func TestFewerClaimsFewerFindings(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for range 200 {
		world := randomTinies(r)
		for _, route := range world {
			route.opted = false
		}
		w := read(t, world)
		all := found(Unguarded(w, routestest.Settings, Claims(w)))
		one, none := w, w
		one.Policies, none.Policies = w.Policies[:1], nil
		few := found(Unguarded(one, routestest.Settings, Claims(one)))
		if gone := missing(all, few); len(gone) > 0 {
			t.Fatalf("seed %d: with a policy more %q are not reported, in\n%s", seed, gone, show(world))
		}
		if got := Unguarded(none, routestest.Settings, Claims(none)); len(got) > 0 {
			t.Fatalf("seed %d: without a policy %v are reported, in\n%s", seed, got, show(world))
		}
	}
}

// TestClaimsAgainstNames: an exhaustive look at small names says what Claims says, of
// several policies at once.
func TestClaimsAgainstNames(t *testing.T) {
	var names []string
	for _, a := range []string{"", "a.", "b."} {
		for _, b := range []string{"a.", "b."} {
			for _, c := range []string{"a.x", "b.x", "x"} {
				names = append(names, a+b+c)
			}
		}
	}
	matches := func(pattern, name string) bool {
		switch {
		case strings.HasPrefix(pattern, "*."):
			return routes.ParentOf(name) == pattern[2:]
		case strings.HasPrefix(pattern, "."):
			return strings.HasSuffix(name, pattern)
		default:
			return pattern == "" || pattern == name
		}
	}
	r := rand.New(rand.NewPCG(rand.Uint64(), 0))
	asked := append([]string{"", ".x", ".a.x", ".b.x", "*.x", "*.a.x", "*.b.x"}, names...)
	for range 500 {
		var w routes.Snapshot
		var hosts []string
		for i := range r.IntN(4) {
			host := routestest.Pick(r, "*.x", "*.a.x", routestest.Pick(r, names...), routestest.Pick(r, names...))
			p := routes.Policy{Hosts: []string{host}}
			p.Name = fmt.Sprint("p", i)
			w.Policies, hosts = append(w.Policies, p), append(hosts, host)
		}
		claims := Claims(w)
		for _, host := range asked {
			want := slices.ContainsFunc(hosts, func(h string) bool {
				return slices.ContainsFunc(names, func(n string) bool { return matches(h, n) && matches(host, n) })
			})
			if got := claims(host); got != want {
				t.Fatalf("policies for %q claim %q: %v, want %v", hosts, host, got, want)
			}
		}
	}
}

// TestClaimsOfRoutes: a policy without hosts claims those of the routes that name it, in
// its namespace; one with hosts claims no others.
func TestClaimsOfRoutes(t *testing.T) {
	const free = "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: free, namespace: shop}\nspec: {}"
	named := routes.PolicyAnnotation + ": free"
	route := func(note string) string {
		return "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: r, namespace: shop, annotations: {" + note + "}}\n" +
			"spec: {parentRefs: [{name: gw}], hostnames: [free.example.org], rules: [{backendRefs: [{name: web, port: 80}]}]}"
	}
	for name, c := range map[string]struct {
		manifests []string
		want      bool
	}{
		"an Ingress that names it":        {[]string{free, ingressYAML("shop", "i", "free.example.org", named)}, true},
		"an HTTPRoute that names it":      {[]string{free, route(named)}, true},
		"an Ingress that names none":      {[]string{free, ingressYAML("shop", "i", "free.example.org", "")}, false},
		"an HTTPRoute that names none":    {[]string{free, route("")}, false},
		"an Ingress of another namespace": {[]string{free, ingressYAML("blog", "i", "free.example.org", named)}, false},
		"a policy that is not there":      {[]string{ingressYAML("shop", "i", "free.example.org", named)}, false},
		"a policy that has hosts":         {[]string{ingressYAML("shop", "i", "free.example.org", routestest.Opted)}, false},
		"a policy without a route":        {[]string{free}, false},
		"an Ingress for two, one names it": {[]string{free, ingressYAML("shop", "i", "free.example.org", named),
			ingressYAML("shop", "j", "free.example.org", "")}, true},
		"an Ingress that names it, no host":   {[]string{free, ingressYAML("shop", "i", `""`, named)}, false},
		"an Ingress that names it, elsewhere": {[]string{free, ingressYAML("shop", "i", "other.example.org", named)}, false},
	} {
		w := routestest.Read(t, append([]string{routestest.Base}, c.manifests...)...)
		claims := Claims(w)
		if got := claims("free.example.org"); got != c.want {
			t.Errorf("%s: claimed %v, want %v", name, got, c.want)
		}
		if !claims("app.example.com") || claims("never.example.org") {
			t.Errorf("%s: it claims other hosts", name)
		}
		w.Ingresses = append(w.Ingresses, routestest.Read(t, ingressYAML("blog", "around", "free.example.org", "")).Ingresses...)
		if got := routestest.Has(Unguarded(w, routestest.Settings, Claims(w)), routes.OtherNamespace, "around"); got != c.want {
			t.Errorf("%s: an Ingress around it is found: %v, want %v", name, got, c.want)
		}
	}
}
