// SPDX-License-Identifier: Apache-2.0

package family

import (
	"maps"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// No two names become one, and all of them are fit.
func TestNames(t *testing.T) {
	long := strings.Repeat("a", 250)
	seen := map[string]string{}
	for _, name := range []string{"a", "a.b", "a-b", "a.b.c", long, long + ".b", long[:60], strings.Repeat("a.", 40) + "a"} {
		s := serviceName("render", name)
		if len(s) > LabelMax || strings.Contains(s, ".") || seen[s] != "" {
			t.Errorf("%s of %s and %s", s, name, seen[s])
		}
		seen[s] = name
	}
	if a, b := CentralName("canary", "a", "b.c"), CentralName("canary", "a.b", "c"); a != b || len(CentralName("x", long, long)) > subdomainMax {
		t.Error(a, b) // no namespace has a dot
	}
	if got := HostName("access", "*."+long); len(got) > subdomainMax || strings.Contains(got, "*") {
		t.Error(got)
	}
	if got := middlewareRef("a--b", "c.d"); got != "a-b-c-d@kubernetescrd" {
		t.Error(got)
	}
	strip := func(ref routes.Ref) string {
		return NewWants(routes.Read(routestest.Snapshot(t), routestest.Settings), &routes.Route{Ref: ref}).middlewares()[0]
	}
	if a, b := strip(routes.Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Name: "route-x"}}), strip(routes.Ref{Kind: "HTTPRoute", NamespacedName: types.NamespacedName{Name: "x"}}); a == b {
		t.Error(a)
	}
}

// Every policy's CORS becomes annotations that ingress-nginx takes, or none at all.
func FuzzProjected(f *testing.F) {
	for _, v := range []string{"https://a.example", "*", "null", "https://*.a.example:8443", "https://a.example,*", "https://a.example\n", "", "https://a b", "app://x", "https://[::1]"} {
		f.Add(v, "GET", "content-type", "x-a", 600, true)
		f.Add("https://a.example", v, v, v, -1, false)
	}
	f.Fuzz(func(t *testing.T, origin, method, header, exposed string, age int, credentials bool) {
		values, cannot := projected(&policy.CORS{AllowedOrigins: []string{origin}, AllowedMethods: []string{method}, AllowedHeaders: []string{header}, ExposedHeaders: []string{exposed}, MaxAge: age, AllowCredentials: credentials})
		if len(cannot) > 0 {
			return
		}
		for key := range maps.Keys(values) {
			if v := values[key]; v == "" || v == "*" || strings.ContainsAny(v, " \n\t,\"'`;{}$\\") {
				t.Errorf("%s: %q", key, v)
			}
		}
	})
}

// TestMiddlewareNames: no two Ingresses, nor an Ingress and an HTTPRoute, lead Traefik to
// the same Middleware, whatever it makes of what is no letter: over all names of a small
// alphabet.
func TestMiddlewareNames(t *testing.T) {
	seen := map[string]string{}
	add := func(what, name string) {
		if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 {
			t.Errorf("%s: %s: %v", what, name, problems)
		}
		ref := middlewareRef("shop", name)
		if other, is := seen[ref]; is && other != what {
			t.Fatalf("%s and %s are both %s", what, other, ref)
		}
		seen[ref] = what
	}
	var all func(prefix string, left int)
	all = func(prefix string, left int) {
		for _, c := range "z1.-" {
			name := prefix + string(c)
			if len(validation.IsDNS1123Subdomain(name)) == 0 {
				add("Ingress "+name, middlewareName("auth", name))
				add("Ingress "+name+", strip", middlewareName("strip", name))
				add("Ingress route-"+name, middlewareName("auth", "route-"+name))
				add("HTTPRoute "+name, routeMiddleware("auth", name))
			}
			if left > 0 {
				all(name, left-1)
			}
		}
	}
	all("", 5)
	long := strings.Repeat("z", 200)
	for _, name := range []string{long, long + "z", long + ".z", long + "--z", strings.Repeat("a", 253)} {
		add("Ingress "+name, middlewareName("auth", name))
	}
	t.Logf("%d references", len(seen))
}
