// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// kindsBase is in each tiny world: two policies of shop, a host each, and what asks.
const kindsBase = `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: traefik}
spec: {controller: traefik.io/ingress-controller}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: pa, namespace: shop}
spec: {hosts: [a.x.test]}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: pb, namespace: shop}
spec: {hosts: [b.x.test]}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: ask, namespace: shop}
spec: {forwardAuth: {address: 'http://ostiary-authz.ostiary.svc.cluster.local:9001/authz/v1/forward'}}
---
apiVersion: traefik.io/v1alpha1
kind: Middleware
metadata: {name: ask, namespace: rogue}
spec: {forwardAuth: {address: 'http://ostiary-authz.ostiary.svc.cluster.local:9001/authz/v1/forward'}}
`

// A tinyRoute is a route of any kind, or a Service, as the slow judge sees it.
type tinyRoute struct {
	kind, namespace, name string
	host                  string // exact, "*.x.test", or "" for any
	path                  string
	app                   string // the Service that it leads to
	asks                  bool
	opted                 bool // it asks, as it names a policy
	outside               bool // of a Service: it is of type LoadBalancer
}

func (r *tinyRoute) String() string {
	return fmt.Sprintf("%s %s/%s", r.kind, r.namespace, r.name)
}

// proxyKinds are those with a route; the first word is the kind, the second the class.
var proxyKinds = []string{"Ingress nginx", "Ingress traefik", "HTTPRoute", "GRPCRoute", "TLSRoute", "IngressRoute", "IngressRouteTCP"}

func randomTiny(r *rand.Rand, i int) *tinyRoute {
	t := &tinyRoute{namespace: routestest.Pick(r, "shop", "shop", "rogue"), name: fmt.Sprint("r", i)}
	t.app = routestest.Pick(r, "app0", "app1", "app2")
	t.kind = routestest.Pick(r, proxyKinds...)
	t.host = routestest.Pick(r, "a.x.test", "b.x.test", "o.test", "*.x.test", "")
	t.path = routestest.Pick(r, "/", "/p")
	t.asks = r.IntN(2) == 0
	switch t.kind {
	case "Ingress nginx": // what a server of its own hides is TestUnguardedMissesNothing's
		t.host = routestest.Pick(r, "a.x.test", "b.x.test", "o.test")
		t.opted = t.asks && r.IntN(2) == 0
	case "Ingress traefik", "HTTPRoute":
		t.opted = t.asks && r.IntN(2) == 0
	case "TLSRoute", "IngressRouteTCP":
		t.asks, t.path = false, "/"
		if t.host == "" { // HostSNI(`*`) is how a database gets an entry point
			t.host = "a.x.test"
		}
	}
	return t
}

// randomTinies is a world: some routes, and the Services of shop.
func randomTinies(r *rand.Rand) []*tinyRoute {
	var out []*tinyRoute
	for i := range r.IntN(6) {
		out = append(out, randomTiny(r, i))
	}
	for i := range 3 {
		name := fmt.Sprint("app", i)
		out = append(out, &tinyRoute{kind: "Service", namespace: "shop", name: name, app: name, outside: r.IntN(3) == 0})
	}
	return out
}

// manifest is the route for kubectl.
func (r *tinyRoute) manifest() string {
	kind, class, _ := strings.Cut(r.kind, " ")
	note := ""
	if r.opted {
		note = routes.PolicyAnnotation + ": pa"
	}
	head := fmt.Sprintf("kind: %s\nmetadata: {name: %s, namespace: %s, annotations: {%%s}}\n", kind, r.name, r.namespace)
	switch kind {
	case "Service":
		service := map[bool]string{true: "LoadBalancer", false: "ClusterIP"}[r.outside]
		return "apiVersion: v1\n" + fmt.Sprintf(head, "") + "spec: {type: " + service + ", selector: {app: " + r.app + "}, ports: [{port: 80}]}"
	case "Ingress":
		if r.asks && !r.opted {
			note = routes.NGINXPrefix + "auth-url: " + routestest.AuthURL
			if class == "traefik" {
				note = routes.TraefikPrefix + "router.middlewares: " + r.namespace + "-ask@kubernetescrd"
			}
		}
		return "apiVersion: networking.k8s.io/v1\n" + fmt.Sprintf(head, note) +
			fmt.Sprintf("spec:\n  ingressClassName: %s\n  rules:\n  - host: %q\n"+
				"    http: {paths: [{path: %s, pathType: Prefix, backend: {service: {name: %s, port: {number: 80}}}}]}", class, r.host, r.path, r.app)
	case "IngressRoute", "IngressRouteTCP":
		return "apiVersion: traefik.io/v1alpha1\n" + fmt.Sprintf(head, "") + r.traefikSpec()
	default:
		return "apiVersion: gateway.networking.k8s.io/v1\n" + fmt.Sprintf(head, note) + r.gatewaySpec()
	}
}

func (r *tinyRoute) traefikSpec() string {
	match := map[string]string{"": "", "*.x.test": "HostRegexp(`^[^.]+[.]x[.]test$`)"}
	host, ok := match[r.host]
	if !ok {
		host = "Host(`" + r.host + "`)"
	}
	if r.kind == "IngressRouteTCP" {
		host = strings.Replace(host, "Host", "HostSNI", 1)
	} else {
		host = strings.TrimPrefix(host+" && PathPrefix(`"+r.path+"`)", " && ")
	}
	middlewares := ""
	if r.asks || r.kind == "IngressRouteTCP" { // of connections nobody asks, whatever a MiddlewareTCP is called
		middlewares = ", middlewares: [{name: ask}]"
	}
	return fmt.Sprintf("spec: {routes: [{match: '%s', services: [{name: %s, port: 80}]%s}]}", host, r.app, middlewares)
}

func (r *tinyRoute) gatewaySpec() string {
	hosts := ""
	if r.host != "" {
		hosts = "hostnames: ['" + r.host + "'], "
	}
	matches := ""
	if r.kind == "HTTPRoute" {
		matches = "matches: [{path: {value: " + r.path + "}}], "
	}
	spec := "spec: {parentRefs: [{name: gw, namespace: infra}], " + hosts + "rules: [{" + matches +
		"backendRefs: [{name: " + r.app + ", port: 80}]}]}"
	if r.asks && !r.opted {
		spec += fmt.Sprintf("\n---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\n"+
			"metadata: {name: %s, namespace: %s}\nspec:\n"+
			"  targetRefs: [{group: gateway.networking.k8s.io, kind: %s, name: %s}]\n"+
			"  extAuth: {http: {path: /authz/v1/envoy, backendRefs: [{name: ostiary-authz, namespace: ostiary, port: 9001}]}}",
			r.name, r.namespace, r.kind, r.name)
	}
	return spec
}

// takes reports whether the route may take a request.
func (r *tinyRoute) takes(host, path string) bool {
	byHost := r.host == "" || r.host == host || r.host == "*.x.test" && strings.HasSuffix(host, ".x.test")
	return byHost && routes.Below(path, r.path)
}

// judge is the slow reference: it makes each request to a host of a policy by each way,
// and lists what gets it to an application without a question. A host of a route that
// names a policy is meant to be one. A Service of type LoadBalancer takes any request, and
// leads to what routes with such a host lead to.
func judge(world []*tinyRoute) []string {
	var out []string
	for _, host := range []string{"a.x.test", "b.x.test", "o.test"} {
		for _, path := range []string{"/", "/p", "/p/q"} {
			for _, r := range world {
				if r.kind == "Service" || !r.takes(host, path) || host == "o.test" && !r.opted {
					continue
				}
				if !r.asks {
					kind, _, _ := strings.Cut(r.kind, " ")
					out = append(out, fmt.Sprintf("%s %s/%s", kind, r.namespace, r.name))
				}
				out = append(out, doorsBeside(world, r)...)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// doorsBeside lists the Services that lead from outside to what a route leads to. Of a
// TLSRoute none is: it asks nobody itself. Nor is one of what serves any host.
func doorsBeside(world []*tinyRoute, r *tinyRoute) []string {
	var out []string
	for _, s := range world {
		if s.outside && s.namespace == r.namespace && s.app == r.app && r.kind != "TLSRoute" && r.host != "" {
			out = append(out, s.String())
		}
	}
	return out
}

func read(t *testing.T, world []*tinyRoute) routes.Snapshot {
	t.Helper()
	manifests := []string{kindsBase}
	for _, r := range world {
		manifests = append(manifests, r.manifest())
	}
	return routestest.Read(t, manifests...)
}

// found lists the objects of findings.
func found(findings []routes.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Object.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func show(world []*tinyRoute) string {
	var b strings.Builder
	for _, r := range world {
		fmt.Fprintln(&b, strings.ReplaceAll(r.manifest(), "\n", "\n  "))
	}
	return b.String()
}

// TestUnguardedAgainstTheJudge: in a tiny world the slow judge and Unguarded name the same
// objects: nothing is missed, and nothing is reported that leads nowhere.
func TestUnguardedAgainstTheJudge(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	quiet, byKind := 0, map[string]int{}
	for range 800 {
		world := randomTinies(r)
		w := read(t, world)
		findings := Unguarded(w, routestest.Settings, Claims(w))
		want, got := judge(world), found(findings)
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: found %q, and the judge says %q, in\n%s\n%v", seed, got, want, show(world), findings)
		}
		if len(want) == 0 {
			quiet++
		}
		for _, object := range want {
			kind, _, _ := strings.Cut(object, " ")
			byKind[kind]++
		}
	}
	for _, kind := range append([]string{"Service"}, proxyKinds...) {
		if kind, _, _ := strings.Cut(kind, " "); byKind[kind] < 20 || quiet < 20 {
			t.Errorf("seed %d: %d worlds are quiet, and %d findings are about a %s: such worlds tell little", seed, quiet, byKind[kind], kind)
		}
	}
}

// shuffled is the same world, listed in another order.
func shuffled(r *rand.Rand, w routes.Snapshot) routes.Snapshot {
	v := reflect.ValueOf(&w).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() != reflect.Slice || f.Len() < 2 {
			continue
		}
		other := reflect.MakeSlice(f.Type(), f.Len(), f.Len())
		for to, from := range r.Perm(f.Len()) {
			other.Index(to).Set(f.Index(from))
		}
		f.Set(other)
	}
	return w
}

// TestUnguardedDoesNotDependOnOrder: a cache lists objects in any order, and a condition
// must not change with it.
func TestUnguardedDoesNotDependOnOrder(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	moved := 0
	for i := range 500 {
		w := randomWorld(r)
		if i%2 == 0 {
			w = read(t, randomTinies(r))
		}
		other := shuffled(r, w)
		a, b := Unguarded(w, routestest.Settings, Claims(w)), Unguarded(other, routestest.Settings, Claims(other))
		if len(a) != len(b) || len(a) > 0 && !reflect.DeepEqual(a, b) {
			t.Fatalf("seed %d: found\n%v\nand, in another order,\n%v\nin\n%s", seed, a, b, describe(&w))
		}
		if !slices.IsSortedFunc(a, routes.CompareFindings) {
			t.Fatalf("seed %d: not in order: %v", seed, a)
		}
		if x, y := Remarks(w, routestest.Settings, Claims(w)), Remarks(other, routestest.Settings, Claims(other)); !slices.Equal(x, y) {
			t.Fatalf("seed %d: remarks\n%q\nand, in another order,\n%q", seed, x, y)
		}
		if !reflect.DeepEqual(w.Ingresses, other.Ingresses) && len(a) > 1 {
			moved++
		}
	}
	if moved < 30 {
		t.Errorf("seed %d: only %d worlds have something to order", seed, moved)
	}
}
