// SPDX-License-Identifier: Apache-2.0

package routes_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

const canaryOn = "nginx.ingress.kubernetes.io/canary: "

// Who leads to the same port of a Service shares it, whether by its name or its number, at any
// host and path; another port, Service or namespace is another thing.
func TestWhoSharesAService(t *testing.T) {
	byName := strings.Replace(routestest.WebYAML("named", "/n", "app", ""), "number: 80", "name: http", 1)
	unknown := strings.Replace(routestest.WebYAML("unknown", "/u", "app", ""), "number: 80", "name: gone", 1)
	otherPort := strings.Replace(routestest.WebYAML("port", "/p", "app", ""), "number: 80", "number: 81", 1)
	elsewhere := strings.Replace(routestest.WebYAML("far", "/", "app", ""), "namespace: shop", "namespace: far", 1)
	service := "apiVersion: v1\nkind: Service\nmetadata: {name: app, namespace: shop}\n" +
		"spec: {ports: [{name: other, port: 81}, {name: http, port: 80, targetPort: 8080}]}"
	w := routestest.Snapshot(t, routestest.WebYAML("a", "/a", "app", ""), byName, unknown, otherPort, elsewhere, service,
		routestest.TraefikYAML(""), routestest.WebYAML("b", "/b", "other", ""))
	got := refs(routes.Read(w, routestest.Settings).Shared().To)
	want := map[string][]string{
		"shop/app:80": {"shop/a", "shop/named", "shop/web"}, "shop/app:gone": {"shop/unknown"}, "shop/app:81": {"shop/port"},
		"far/app:80": {"far/far"}, "shop/other:80": {"shop/b"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("shared: %v\nwant: %v", got, want)
	}
}

// Our own Ingresses share nothing with anybody.
func TestOursShareNothing(t *testing.T) {
	w := routestest.Snapshot(t, routestest.WebYAML("a", "/", "app", ""), routestest.WebYAML("made", "/", "app", canaryOn+`"true"`))
	for _, ing := range w.Ingresses {
		ing.Labels = map[string]string{routes.RouteLabel: "x"}
	}
	s := routes.Read(w, routestest.Settings).Shared()
	if len(s.At)+len(s.To)+len(s.Hosts)+len(s.Canaries)+len(s.CanaryAt) != 0 {
		t.Errorf("of ours: %v %v %v %v %v", refs(s.At), refs(s.To), refs(s.Hosts), oneRef(s.Canaries), oneRef(s.CanaryAt))
	}
}

// A canary is no main Ingress; what cannot be read may be either, and to a proxy that reads no
// such annotation it says nothing.
func TestWhoIsACanary(t *testing.T) {
	for _, proxy := range []routes.Proxy{"", "kong", routes.IngressNGINX, routes.TraefikNGINX, routes.Traefik, routes.HAProxyIngress} {
		for value, is := range map[string]routes.Switch{"true": routes.On, "false": routes.Off, "": routes.Unsaid, "perhaps": routes.Unclear} {
			w := routestest.Snapshot(t, routestest.WebYAML("main", "/", "app", ""), routestest.WebYAML("next", "/", "beta", canaryOn+`"`+value+`"`))
			w.Ingresses[1].Annotations[routes.ProxyAnnotation] = string(proxy)
			if proxy == "" { // not known at all
				w.Classes = nil
				w.Ingresses[1].Spec.IngressClassName = nil
			}
			s := routes.Read(w, routestest.Settings).Shared()
			reads := routes.IsNGINX(proxy) || proxy == ""
			canary, main := reads && (is == routes.On || is == routes.Unclear), !reads || is != routes.On
			if got := slices.Contains(s.At[routes.Place{Host: "app.example.com", Path: "/"}], w.Ingresses[1]); got != main {
				t.Errorf("%q by %q: a main Ingress: %v", value, proxy, got)
			}
			if got := s.Canaries["shop/beta:80"] != nil; got != canary {
				t.Errorf("%q by %q: a canary: %v", value, proxy, got)
			}
			if got := s.Canaries["shop/app:80"] != nil; got != canary {
				t.Errorf("%q by %q: it takes from the main one: %v", value, proxy, got)
			}
		}
	}
}

// A canary takes from the Services at its own place alone, and, by a default backend, from
// those of the server that has no name.
func TestWhatACanaryTakesFrom(t *testing.T) {
	nameless := strings.Replace(routestest.WebYAML("any", "/", "anyhost", ""), "- host: app.example.com\n    http", "- http", 1)
	w := routestest.Snapshot(t, routestest.WebYAML("a", "/a", "app", ""), routestest.WebYAML("b", "/b", "other", ""), nameless,
		routestest.WebYAML("next", "/a", "beta", canaryOn+`"true"`), routestest.WebYAML("second", "/a", "gamma", canaryOn+`"true"`))
	takes := func() map[string]string { return oneRef(routes.Read(w, routestest.Settings).Shared().Canaries) }
	want := map[string]string{"shop/app:80": "shop/next", "shop/beta:80": "shop/next", "shop/gamma:80": "shop/second"}
	if got := takes(); !reflect.DeepEqual(got, want) {
		t.Errorf("takes from %v, want %v", got, want)
	}
	at := oneRef(routes.Read(w, routestest.Settings).Shared().CanaryAt)
	if !reflect.DeepEqual(at, map[string]string{"{app.example.com /a}": "shop/next"}) {
		t.Errorf("canaries are at %v", at)
	}
	w.Ingresses[3].Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "beta",
		Port: networkingv1.ServiceBackendPort{Number: 81}}}
	want["shop/anyhost:80"], want["shop/beta:81"] = "shop/next", "shop/next"
	if got := takes(); !reflect.DeepEqual(got, want) {
		t.Errorf("with a default backend it takes from %v, want %v", got, want)
	}
}

// An Ingress is at each of its paths; a rule without any, and an Ingress without rules, are at
// the root, and lead to the default backend.
func TestPlacesOf(t *testing.T) {
	type rule = networkingv1.IngressRule
	exact, none := networkingv1.PathTypeExact, (*networkingv1.PathType)(nil)
	paths := func(p ...networkingv1.HTTPIngressPath) networkingv1.IngressRuleValue {
		return networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: p}}
	}
	path := func(at string, as *networkingv1.PathType, to string) networkingv1.HTTPIngressPath {
		backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: to}}
		return networkingv1.HTTPIngressPath{Path: at, PathType: as, Backend: backend}
	}
	for name, tc := range map[string]struct {
		rules    []rule
		fallback string
		want     []string
		hosts    []string
	}{
		"nothing":   {nil, "", []string{" / Prefix -"}, nil},
		"a default": {nil, "all", []string{" / Prefix all"}, nil},
		"no paths": {[]rule{{Host: "a"}, {Host: "b", IngressRuleValue: paths()}}, "all",
			[]string{"a / Prefix all", "b / Prefix all"}, []string{"a", "b"}},
		"no default": {[]rule{{Host: "a"}}, "", []string{"a / Prefix -"}, []string{"a"}},
		"a path": {[]rule{{Host: "A.", IngressRuleValue: paths(path("/x", &exact, "app"))}}, "all",
			[]string{"a /x Exact app"}, []string{"a"}},
		"empty path": {[]rule{{Host: "a", IngressRuleValue: paths(path("", none, "app"))}}, "",
			[]string{"a / ImplementationSpecific app"}, []string{"a"}},
		"one host twice": {[]rule{{Host: "a"}, {Host: "A"}, {}}, "", []string{"a / Prefix -", "a / Prefix -", " / Prefix -"}, []string{"a"}},
	} {
		ing := ingressBy("", "", "")
		ing.Spec.Rules = tc.rules
		if tc.fallback != "" {
			ing.Spec.DefaultBackend = &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: tc.fallback}}
		}
		var got []string
		for _, at := range routes.PlacesOf(ing) {
			to := "-"
			if at.Backend != nil {
				to = at.Backend.Name
			}
			got = append(got, strings.Join([]string{at.Host, at.Path, at.PathType, to}, " "))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		if r := routes.Read(routes.Snapshot{}, routestest.Settings).RouteOf(ing); !slices.Equal(r.Hosts, tc.hosts) {
			t.Errorf("%s: hosts %q", name, r.Hosts)
		}
	}
}

// A route says its own mode, or the installation's; it is read once.
func TestRouteOf(t *testing.T) {
	w := routestest.Snapshot(t, routestest.WebYAML("web", "/a", "app", routestest.Opted))
	x := routes.Read(w, routestest.Settings)
	r := x.RouteOf(w.Ingresses[0])
	if x.RouteOf(w.Ingresses[0]) != r {
		t.Error("it is read twice")
	}
	if !r.OptedIn() || r.Rules == nil || r.Rules.Name != "web" || r.Mode != routes.Render || r.Class.Proxy != routes.IngressNGINX {
		t.Errorf("%+v", r)
	}
	if !reflect.DeepEqual(r.Paths, []policy.Path{{Value: "/a"}}) || r.String() != "Ingress shop/web" {
		t.Errorf("%s: paths %+v", r, r.Paths)
	}
	w = routestest.Snapshot(t, routestest.WebYAML("web", "/a", "app", routes.ModeAnnotation+": static"))
	if r := routes.Read(w, routestest.Settings).RouteOf(w.Ingresses[0]); r.Mode != routes.Static || r.OptedIn() || r.Rules != nil {
		t.Errorf("%+v", r)
	}
}

// People read where a route is as they would write it.
func TestWhere(t *testing.T) {
	a, b := policy.Path{Value: "/a"}, policy.Path{Value: "/b"}
	for _, tc := range []struct {
		at   routes.Served
		want string
	}{
		{routes.Served{}, "any host"}, {routes.Served{Host: "x.y"}, "x.y"},
		{routes.Served{Host: ".x.y"}, "*.x.y"}, {routes.Served{Host: "*.x.y"}, "*.x.y"},
		{routes.Served{Host: "x.y", Paths: []policy.Path{a}}, "x.y/a"},
		{routes.Served{Host: "x.y", Paths: []policy.Path{a, b, a}}, "x.y/a and 2 more paths of it"},
	} {
		if got := tc.at.Where(); got != tc.want {
			t.Errorf("%+v: %q", tc.at, got)
		}
	}
	if routes.ShowClass("") != "(none)" || routes.ShowClass("nginx") != "nginx" || routes.ShowHost("") != "" {
		t.Error("a class, or no host, is shown as something else")
	}
}
