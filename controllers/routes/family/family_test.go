// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// Each proxy of Ingresses is one family's, and each family serves one of them.
func TestServes(t *testing.T) {
	for proxy, want := range map[routes.Proxy]Family{
		routes.IngressNGINX: nginx{routes.IngressNGINX}, routes.TraefikNGINX: nginx{routes.TraefikNGINX},
		routes.Traefik: traefik{}, routes.HAProxyIngress: haproxy{},
		"": unknown{}, "kong": unknown{}, routes.EnvoyGateway: unknown{}, routes.GatewayAPI: unknown{}, "Traefik": unknown{},
	} {
		class := routes.Class{Name: "nginx", Proxy: proxy}
		if got := Of(class); got != want {
			t.Errorf("%q is %T's %+v, want %T", proxy, got, got, want)
		}
		serving := 0
		for _, f := range families {
			if f.Serves(class) {
				serving++
			}
		}
		if _, unknown := want.(unknown); unknown != (serving == 0) || serving > 1 {
			t.Errorf("%q is served by %d families", proxy, serving)
		}
	}
	for _, proxy := range known {
		if of(proxy) == (unknown{}) {
			t.Errorf("%s is known by name alone", proxy)
		}
	}
	if len(known) != len(families) {
		t.Errorf("%d families of %d proxies", len(families), len(known))
	}
}

// How an Ingress says who serves it decides by which family it is read.
func TestServesByClass(t *testing.T) {
	for name, tc := range map[string]struct {
		classField, annotation, proxy string
		want                          Family
	}{
		"by class":                     {"haproxy", "", "", haproxy{}},
		"by the older annotation":      {"", "traefik", "", traefik{}},
		"the field before that":        {"nginx", "traefik", "", nginx{routes.IngressNGINX}},
		"by its proxy, before both":    {"nginx", "traefik", "haproxy-ingress", haproxy{}},
		"a proxy that nobody knows":    {"nginx", "", "kong", unknown{}},
		"a class that nobody knows":    {"other", "", "", unknown{}},
		"no class, and no default one": {"", "", "", unknown{}},
	} {
		ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: map[string]string{}}}
		if tc.classField != "" {
			ing.Spec.IngressClassName = &tc.classField
		}
		if tc.annotation != "" {
			ing.Annotations[routes.IngressClass] = tc.annotation
		}
		if tc.proxy != "" {
			ing.Annotations[routes.ProxyAnnotation] = tc.proxy
		}
		if got := Of(world(t).RouteOf(ing).Class); got != tc.want {
			t.Errorf("%s: %T, want %T", name, got, tc.want)
		}
	}
}

// What Auth writes for one Ingress asks about that one, and about no other; without the
// annotation of AuthKey nobody is asked.
func TestAuth(t *testing.T) {
	names := []string{"web", "web2", "a.b", "a-b", "a--b", "route-web", "z", strings.Repeat("a", 200)}
	for _, proxy := range known {
		f := of(proxy)
		for _, name := range names {
			auth := f.Auth(&routestest.Settings, "shop", name)
			for _, other := range names {
				ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: other, Annotations: auth}}
				if got := f.AsksItself(ing); got != (other == name) {
					t.Errorf("%s: what is written for %s, at %s: %t", proxy, name, other, got)
				}
				if got := AsksAboutItself(ing); got != (other == name) {
					t.Errorf("%s: what is written for %s, at %s, by any: %t", proxy, name, other, got)
				}
			}
			ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "other", Name: name, Annotations: auth}}
			if f.AsksItself(ing) {
				t.Errorf("%s: what is written for shop/%s asks about other/%s", proxy, name, name)
			}
			delete(auth, f.AuthKey())
			ing.Namespace = "shop"
			if f.AsksItself(ing) {
				t.Errorf("%s: it asks without %s", proxy, f.AuthKey())
			}
		}
	}
}

// A proxy that nobody knows asks nobody, and the finding says how to make it known.
func TestUnknown(t *testing.T) {
	for name, tc := range map[string]struct{ world, says string }{
		"by its annotation": {site("kong"), "proxy: kong names no proxy"},
		"by class": {strings.Replace(routestest.WebYAML("web", "/", "app", routestest.Opted), "ClassName: nginx", "ClassName: other", 1),
			"class other is not known"},
		"without a class": {strings.Replace(routestest.WebYAML("web", "/", "app", routestest.Opted), "ingressClassName: nginx", "", 1),
			"names no class"},
	} {
		x := world(t, tc.world)
		w := planOf(t, x)
		q, nothing := questionOf(t, x), len(w.Annotations)+len(w.Objects) == 0
		if q != routes.AsksNobody || w.Asks || reasonsOf(w) != routes.UnknownProxy || !nothing {
			t.Errorf("%s: question %d, plan %s, %v, %s", name, q, reasonsOf(w), w.Annotations, objectsOf(w))
		}
		if message := w.Findings[0].Message; !strings.Contains(message, tc.says) || !strings.Contains(message, routes.ProxyAnnotation) {
			t.Errorf("%s: %s", name, message)
		}
	}
	for _, key := range []string{routes.NGINXPassthrough.Key(), routes.HAProxyPassthrough.Key()} {
		if got := gapsOf(t, world(t, site("kong", key, "true"))); !slices.Equal(got, []string{routes.TLSPassthrough}) {
			t.Errorf("%s: %v", key, got)
		}
		if got := gapsOf(t, world(t, site("kong", key, "false"))); len(got) > 0 {
			t.Errorf("%s, off: %v", key, got)
		}
	}
}

// carriedOut is the world in which a plan was carried out.
func carriedOut(t *testing.T, x *routes.Index, w *Wants) *routes.Index {
	t.Helper()
	after := *x.Snapshot
	after.Ingresses = nil
	for _, ing := range x.Ingresses {
		after.Ingresses = append(after.Ingresses, ing.DeepCopy())
	}
	routestest.CarryOut(t, &after, w.Objects, map[routes.Ref]map[string]string{w.Ref: w.Annotations})
	return routes.Read(after, x.Settings)
}

// sameWants compares what two plans write and find.
func sameWants(a, b *Wants) error {
	switch {
	case !maps.Equal(a.Annotations, b.Annotations):
		return fmt.Errorf("annotations %v became %v", a.Annotations, b.Annotations)
	case !reflect.DeepEqual(a.Objects, b.Objects):
		return fmt.Errorf("objects %s became %s", objectsOf(a), objectsOf(b))
	case !reflect.DeepEqual(a.Findings, b.Findings):
		return fmt.Errorf("findings %v became %v", a.Findings, b.Findings)
	case a.Asks != b.Asks || !maps.Equal(a.SignIn, b.SignIn) || !maps.Equal(a.Without, b.Without):
		return fmt.Errorf("%t %v %v became %t %v %v", a.Asks, a.SignIn, a.Without, b.Asks, b.SignIn, b.Without)
	case !slices.Equal(a.Needs, b.Needs) || !slices.Equal(a.Grants, b.Grants) || a.Mirror != b.Mirror:
		return fmt.Errorf("%v %v %v became %v %v %v", a.Needs, a.Grants, a.Mirror, b.Needs, b.Grants, b.Mirror)
	}
	return nil
}

// ourMiddlewares are those of the Ingress web, as its annotation names them.
const ourMiddlewares = "shop-ostiary-strip-web@kubernetescrd,shop-ostiary-auth-web@kubernetescrd"

// theirs are annotations that people may have written before.
var theirs = [][2]string{
	{routes.NGINXPrefix + "auth-url", "http://sso.example.com/"}, {routes.NGINXPrefix + "auth-url", routestest.AuthURL},
	{routes.NGINXPrefix + "auth-response-headers", "X-User"}, {routes.NGINXPrefix + "auth-signin", "http://sso.example.com/"},
	{routes.NGINXPrefix + "auth-keepalive", "5"}, {routes.NGINXPrefix + "auth-cache-key", "$remote_user"},
	{routes.NGINXPrefix + "custom-http-errors", "500"}, {routes.NGINXPrefix + "enable-cors", "true"},
	{routes.NGINXPrefix + "rewrite-target", "/x"}, {routes.NGINXPrefix + "backend-protocol", "FCGI"},
	{routes.NGINXPrefix + "cors-allow-origin", "*"}, {routes.NGINXPrefix + "enable-global-auth", "false"},
	{routes.TraefikPrefix + "router.middlewares", "shop-x@kubernetescrd"},
	{routes.TraefikPrefix + "Router.Middlewares", "shop-x@kubernetescrd"},
	{routes.TraefikPrefix + "router.middlewares", "shop-x@kubernetescrd," + ourMiddlewares},
	{routes.TraefikPrefix + "router.priority", "9001"}, {routes.TraefikPrefix + "router.tls", "true"},
	{routes.HAProxyPrefix + "auth-url", "http://sso.example.com/"}, {routes.HAProxyPrefix + "request-set-headers", "X-A: b"},
	{routes.HAProxyPrefix + "auth-external-placement", "frontend"}, {routes.HAProxyPrefix + "auth-external-placement", "Backend"},
	{routes.HAProxyPrefix + "cors-enable", "true"}, {"ingress.kubernetes.io/auth-url", "http://sso.example.com/"},
}

// Planned over the world in which it was carried out a plan is the same; and where it says
// that the proxy asks, the proxy does. With nothing of people's nothing is left to mend.
func TestPlanIsStable(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	modes := []routes.Mode{routes.Render, routes.Global, routes.Canary, routes.Static, "other"}
	for range 1500 {
		proxy, mode, pairs := routestest.Pick(r, ingresses...), routestest.Pick(r, modes...), []string{}
		seen := map[string]bool{}
		for range r.IntN(3) {
			if one := routestest.Pick(r, theirs...); !seen[one[0]] {
				pairs = append(pairs, one[:]...)
				seen[one[0]] = true
			}
		}
		x := world(t, site(proxy, append(pairs, routes.ModeAnnotation, string(mode))...))
		first := planOf(t, x)
		after := carriedOut(t, x, first)
		if err := sameWants(first, planOf(t, after)); err != nil {
			t.Fatalf("seed %d: %s, %s, %q: %v", seed, proxy, mode, pairs, err)
		}
		if q := questionOf(t, after); first.Asks && q != routes.AsksUs {
			t.Fatalf("seed %d: %s, %s, %q: it says that it asks, and the question is %d", seed, proxy, mode, pairs, q)
		}
		if proxy == "kong" || len(pairs) > 0 {
			continue
		}
		if gaps := gapsOf(t, after); !first.Asks || len(gaps) > 0 || len(first.Findings) > 0 && mode != "other" {
			t.Fatalf("seed %d: %s, %s: asks %t, gaps %v, findings %v", seed, proxy, mode, first.Asks, gaps, first.Findings)
		}
	}
}
