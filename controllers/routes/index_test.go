// SPDX-License-Identifier: Apache-2.0

package routes_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// world has several of everything, with what one must not take for another.
func world(t *testing.T) routes.Snapshot {
	t.Helper()
	canary := routes.NGINXCanary.Key() + `: "true"`
	w := routestest.Snapshot(t, gateways, routestest.WebYAML("b", "/", "app", ""), routestest.WebYAML("a", "/", "app", routestest.Opted),
		routestest.WebYAML("d", "/", "next", canary), routestest.WebYAML("c", "/", "beta", canary), routestest.WebYAML("e", "/e", "named", ""),
		strings.Replace(routestest.WebYAML("a", "/", "app", ""), "namespace: shop", "namespace: other", 1))
	for _, name := range []string{"app", "named", "next"} {
		s := &corev1.Service{}
		s.Namespace, s.Name = "shop", name
		s.Spec.Ports = []corev1.ServicePort{{Name: "metrics", Port: 9}, {Name: "http", Port: 80}}
		w.Services = append(w.Services, s)
	}
	for i, name := range []string{"new", "old"} {
		w.Classes = append(w.Classes, class(name, "example.com/"+name, "", true, i))
	}
	for _, name := range []string{"b", "a"} {
		for _, list := range []*[]*unstructured.Unstructured{&w.HTTPRoutes, &w.GatewayClasses, &w.Middlewares, &w.SecurityPolicies} {
			o := &unstructured.Unstructured{Object: map[string]any{}}
			o.SetNamespace("shop")
			o.SetName(name)
			*list = append(*list, o)
		}
		w.Policies = append(w.Policies, routes.Policy{NamespacedName: types.NamespacedName{Namespace: "shop", Name: name}})
	}
	return w
}

func mix[T any](r *rand.Rand, list []T) []T {
	out := slices.Clone(list)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func shuffled(r *rand.Rand, w routes.Snapshot) routes.Snapshot {
	w.Ingresses, w.Classes, w.Services, w.Policies = mix(r, w.Ingresses), mix(r, w.Classes), mix(r, w.Services), mix(r, w.Policies)
	for _, list := range []*[]*unstructured.Unstructured{&w.HTTPRoutes, &w.Gateways, &w.GatewayClasses, &w.Middlewares, &w.SecurityPolicies} {
		*list = mix(r, *list)
	}
	return w
}

func namesOf[T interface{ GetName() string }](list []T) (out []string) {
	for _, o := range list {
		out = append(out, o.GetName())
	}
	return out
}

// said is all that an Index tells of a world, in words.
func said(x *routes.Index) string {
	var b strings.Builder
	for _, ing := range x.Ingresses {
		r := x.RouteOf(ing)
		fmt.Fprintln(&b, r.Ref, r.Class, r.Policy, r.Rules != nil, r.Mode, r.Hosts, r.Paths, x.UpstreamsOf(ing))
	}
	fmt.Fprintln(&b, x.ClassOf(ingressBy("", "", "")), routes.ServesNGINX(x.Snapshot))
	for _, list := range [][]*unstructured.Unstructured{x.HTTPRoutes, x.Gateways, x.GatewayClasses, x.Middlewares, x.SecurityPolicies} {
		fmt.Fprintln(&b, namesOf(list))
	}
	s := x.Shared()
	fmt.Fprintln(&b, refs(s.At), refs(s.To), refs(s.Hosts), oneRef(s.Canaries), oneRef(s.CanaryAt))
	return b.String()
}

func refs[K comparable](m map[K][]*networkingv1.Ingress) map[string][]string {
	out := map[string][]string{}
	for k, list := range m {
		for _, ing := range list {
			out[fmt.Sprint(k)] = append(out[fmt.Sprint(k)], routes.NameOf(ing).String())
		}
	}
	return out
}

func oneRef[K comparable](m map[K]*networkingv1.Ingress) map[string]string {
	out := map[string]string{}
	for k, ing := range m {
		out[fmt.Sprint(k)] = routes.NameOf(ing).String()
	}
	return out
}

// What an Index says depends on no order in which the cluster lists its objects; reading
// changes nothing of the Snapshot.
func TestOrderOfObjectsNeverMatters(t *testing.T) {
	w := world(t)
	want := said(routes.Read(w, routestest.Settings))
	for _, name := range []string{"shop/a", "shop/app:80", "new"} {
		if !strings.Contains(want, name) {
			t.Errorf("%s is not in what is compared:\n%s", name, want)
		}
	}
	r := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		mixed := shuffled(r, w)
		before := namesOf(mixed.Ingresses)
		if got := said(routes.Read(mixed, routestest.Settings)); got != want {
			t.Fatalf("in the order %q:\n%s\nbefore:\n%s", before, got, want)
		}
		if after := namesOf(mixed.Ingresses); !slices.Equal(before, after) {
			t.Fatalf("reading has ordered %q as %q", before, after)
		}
	}
}

// An empty Snapshot can be read, and settings that are not made have their default.
func TestDefaultsOfSettings(t *testing.T) {
	x := routes.Read(routes.Snapshot{}, routes.Settings{})
	if s := x.Settings; s.PathPrefix != "/.access" || s.ServicePrefix != "ostiary" || s.Mode != routes.Render {
		t.Errorf("defaults: %+v", s)
	}
	made := routes.Settings{PathPrefix: "/x/", ServicePrefix: "gate", Mode: routes.Static}
	if s := routes.Read(routes.Snapshot{}, made).Settings; s.PathPrefix != "/x" || s.ServicePrefix != "gate" || s.Mode != routes.Static {
		t.Errorf("as made: %+v", s)
	}
	if !reflect.DeepEqual(x.Shared().At, map[routes.Place][]*networkingv1.Ingress{}) || x.Service(types.NamespacedName{Name: "x"}) != nil {
		t.Error("something is read of nothing")
	}
}

// What is read once is read once for each type and each Index.
func TestOnce(t *testing.T) {
	type one struct{ n int }
	type two struct{ n int }
	n := 0
	count := func() int { n++; return n }
	x, y := routes.Read(routes.Snapshot{}, routes.Settings{}), routes.Read(routes.Snapshot{}, routes.Settings{})
	for range 3 {
		if got := routes.Once(x, func(*routes.Index) one { return one{count()} }); got.n != 1 {
			t.Errorf("the first type: %d", got.n)
		}
	}
	if got := routes.Once(x, func(*routes.Index) two { return two{count()} }); got.n != 2 {
		t.Errorf("another type: %d", got.n)
	}
	if got := routes.Once(y, func(at *routes.Index) one {
		if at != y {
			t.Error("it is given another Index")
		}
		return one{count()}
	}); got.n != 3 {
		t.Errorf("another Index: %d", got.n)
	}
}

// Each kind that is read goes to a list of its own, but for those of one family; the name of
// each is as in Snapshot.Served.
func TestKindsGoIntoTheirLists(t *testing.T) {
	var w routes.Snapshot
	into := map[*[]*unstructured.Unstructured]string{}
	for _, k := range routes.Kinds {
		if want := k.Kind + "." + k.Group; k.Name() != want {
			t.Errorf("%s is called %s", want, k.Name())
		}
		if k.Into == nil {
			if k.Kind != "ReferenceGrant" {
				t.Errorf("%s is not read", k.Name())
			}
			continue
		}
		family := strings.TrimSuffix(k.Kind, "TCP")
		if list := k.Into(&w); into[list] != "" && into[list] != family {
			t.Errorf("%s goes where %s goes", k.Kind, into[list])
		} else {
			into[list] = family
		}
	}
	lists := 0
	for i := range reflect.TypeFor[routes.Snapshot]().NumField() {
		if reflect.TypeFor[routes.Snapshot]().Field(i).Type == reflect.TypeFor[[]*unstructured.Unstructured]() {
			lists++
		}
	}
	if len(into) != lists {
		t.Errorf("%d lists of a Snapshot are filled, of %d", len(into), lists)
	}
}

// What leads traffic somewhere is taken away before what it leads to.
func TestMadeIsInTheOrderOfTakingAway(t *testing.T) {
	at := func(kind string) int {
		return slices.IndexFunc(routes.Made, func(k schema.GroupVersionKind) bool { return k.Kind == kind })
	}
	for _, pair := range [][2]string{{"Ingress", "Service"}, {"IngressRoute", "Middleware"}, {"HTTPRoute", "ReferenceGrant"},
		{"SecurityPolicy", "HTTPRoute"}, {"HTTPRoute", "Service"}, {"Service", "EndpointSlice"}} {
		if a, b := at(pair[0]), at(pair[1]); a < 0 || b < 0 || a >= b {
			t.Errorf("%s is at %d, %s at %d", pair[0], a, pair[1], b)
		}
	}
}
