// SPDX-License-Identifier: Apache-2.0

package routes_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/controllers/routes"
)

// class makes an IngressClass. age: hours since it was created.
func class(name, controller, proxy string, isDefault bool, age int) *networkingv1.IngressClass {
	c := &networkingv1.IngressClass{Spec: networkingv1.IngressClassSpec{Controller: controller}}
	c.Name, c.Annotations = name, map[string]string{}
	c.CreationTimestamp = metav1.NewTime(time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC).Add(-time.Duration(age) * time.Hour))
	if proxy != "" {
		c.Annotations[routes.ProxyAnnotation] = proxy
	}
	if isDefault {
		c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] = "true"
	}
	return c
}

// ingressBy makes an Ingress that names its class, if not "", by its field and by annotations.
func ingressBy(field, legacy, proxy string) *networkingv1.Ingress {
	ing := &networkingv1.Ingress{}
	ing.Namespace, ing.Name, ing.Annotations = "shop", "web", map[string]string{}
	if field != "" {
		ing.Spec.IngressClassName = &field
	}
	if legacy != "" {
		ing.Annotations[routes.IngressClass] = legacy
	}
	if proxy != "" {
		ing.Annotations[routes.ProxyAnnotation] = proxy
	}
	return ing
}

// refClass is the class of an Ingress, written down from the documentation: the field goes
// before the annotation; where both are missing the newest default counts, and of several of
// one age the first by name; who says which proxy it is, is believed, and the Ingress more
// than its class.
func refClass(field, legacy, proxy string, classes []*networkingv1.IngressClass) routes.Class {
	want := routes.Class{Name: cmp.Or(field, legacy), Legacy: field == "" && legacy != ""}
	if proxy != "" {
		want.Proxy = routes.Proxy(proxy)
		return want
	}
	candidates := slices.DeleteFunc(slices.Clone(classes), func(c *networkingv1.IngressClass) bool {
		if want.Name == "" {
			return c.Annotations["ingressclass.kubernetes.io/is-default-class"] != "true"
		}
		return c.Name != want.Name
	})
	if len(candidates) == 0 {
		want.Proxy = map[string]routes.Proxy{"nginx": "ingress-nginx", "traefik": "traefik", "haproxy": "haproxy-ingress"}[want.Name]
		return want
	}
	slices.SortFunc(candidates, func(a, b *networkingv1.IngressClass) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	first := candidates[0]
	want.Name = first.Name
	want.Proxy = map[string]routes.Proxy{
		"k8s.io/ingress-nginx": "ingress-nginx", "traefik.io/ingress-controller": "traefik",
		"haproxy-ingress.github.io/controller": "haproxy-ingress",
	}[first.Spec.Controller]
	want.Proxy = cmp.Or(routes.Proxy(first.Annotations[routes.ProxyAnnotation]), want.Proxy)
	return want
}

// Of every combination of field, annotations and classes, in any order of the classes, an
// Ingress has the class that the documentation gives it.
func TestClassOfAnIngress(t *testing.T) {
	all := []*networkingv1.IngressClass{
		class("nginx", "k8s.io/ingress-nginx", "", true, 1),
		class("fork", "example.com/fork", "ingress-nginx", true, 3),
		class("kong", "konghq.com/ingress", "", true, 1),
		class("traefik", "traefik.io/ingress-controller", "traefik-ingress-nginx", false, 0),
		class("haproxy", "haproxy-ingress.github.io/controller", "", false, 2),
	}
	r := rand.New(rand.NewPCG(1, 2))
	seen := map[routes.Class]bool{}
	for set := range 1 << len(all) {
		var classes []*networkingv1.IngressClass
		for i, c := range all {
			if set&(1<<i) != 0 {
				classes = append(classes, c)
			}
		}
		for _, field := range []string{"", "nginx", "kong", "haproxy", "gone"} {
			for _, legacy := range []string{"", "nginx", "traefik", "fork", "gone"} {
				for _, proxy := range []string{"", "envoy-gateway"} {
					r.Shuffle(len(classes), func(i, j int) { classes[i], classes[j] = classes[j], classes[i] })
					want := refClass(field, legacy, proxy, classes)
					seen[want] = true
					x := routes.Read(routes.Snapshot{Classes: classes}, routes.Settings{})
					if got := x.ClassOf(ingressBy(field, legacy, proxy)); got != want {
						t.Errorf("field %q, annotation %q, proxy %q, %d classes: %+v, want %+v", field, legacy, proxy, len(classes), got, want)
					}
				}
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d different classes were tried", len(seen))
	}
}

// Only the word that the API server knows makes a class the default.
func TestOnlyTrueMakesADefaultClass(t *testing.T) {
	for _, value := range []string{"", "True", "TRUE", "1", "yes", " true", "false"} {
		c := class("nginx", "k8s.io/ingress-nginx", "", false, 0)
		c.Annotations[networkingv1.AnnotationIsDefaultIngressClass] = value
		x := routes.Read(routes.Snapshot{Classes: []*networkingv1.IngressClass{c}}, routes.Settings{})
		if got := x.ClassOf(ingressBy("", "", "")); got != (routes.Class{}) {
			t.Errorf("%q: the class is %+v", value, got)
		}
	}
}

// Whether ingress-nginx serves anything depends on no order of classes, and on none of our own
// Ingresses.
func TestServesNGINX(t *testing.T) {
	newest, older := class("a", "k8s.io/ingress-nginx", "", true, 0), class("b", "traefik.io/ingress-controller", "", true, 1)
	ours := ingressBy("a", "", "")
	ours.Labels = map[string]string{routes.RouteLabel: "x"}
	for name, tc := range map[string]struct {
		ing  *networkingv1.Ingress
		want bool
	}{
		"by its class": {ingressBy("a", "", ""), true}, "by the default": {ingressBy("", "", ""), true},
		"by the older annotation": {ingressBy("", "nginx", ""), true}, "by its own word": {ingressBy("b", "", "ingress-nginx"), true},
		"of another": {ingressBy("b", "", ""), false}, "of nobody": {ingressBy("gone", "", ""), false},
		"of Traefik's provider": {ingressBy("a", "", "traefik-ingress-nginx"), false}, "of ours": {ours, false},
	} {
		for _, classes := range [][]*networkingv1.IngressClass{{newest, older}, {older, newest}} {
			w := routes.Snapshot{Classes: classes, Ingresses: []*networkingv1.Ingress{ingressBy("b", "", ""), tc.ing}}
			if got := routes.ServesNGINX(&w); got != tc.want {
				t.Errorf("%s, first class %s: %v", name, classes[0].Name, got)
			}
		}
	}
	if routes.ServesNGINX(&routes.Snapshot{Classes: []*networkingv1.IngressClass{newest}}) {
		t.Error("nothing is served, and yet something is")
	}
}

// A canary is one where the proxy reads ingress-nginx's annotations, and reads this as true.
func TestIsCanary(t *testing.T) {
	for _, proxy := range []routes.Proxy{"", routes.IngressNGINX, routes.TraefikNGINX, routes.Traefik, routes.HAProxyIngress} {
		for value, on := range map[string]bool{"true": true, "false": false, "": false, "yes": false} {
			ing := ingressBy("", "", "")
			ing.Annotations[routes.NGINXCanary.Key()] = value
			want := on && (proxy == "ingress-nginx" || proxy == "traefik-ingress-nginx")
			if got := routes.IsCanary(ing, proxy); got != want {
				t.Errorf("%q by %q: %v", value, proxy, got)
			}
		}
	}
}
