// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

const (
	asCanary   = routestest.Opted + ", access.ostiary.dev/mode: canary"
	asStatic   = routestest.Opted + ", access.ostiary.dev/mode: static"
	asGlobal   = routestest.Opted + ", access.ostiary.dev/mode: global"
	appCanary  = `nginx.ingress.kubernetes.io/canary: "true", nginx.ingress.kubernetes.io/canary-weight: "10"`
	askOnly    = "auth-response-headers auth-url"
	askRender  = askOnly + " custom-http-errors default-backend disable-proxy-intercept-errors"
	askGlobal  = askOnly + " custom-http-errors disable-proxy-intercept-errors"
	askProject = askOnly + " cors-allow-credentials cors-allow-headers cors-allow-methods cors-allow-origin cors-max-age enable-cors"
)

// keys are the annotations of ingress-nginx that a plan writes, without the prefix.
func keys(all map[string]string) string {
	var out []string
	for k := range all {
		out = append(out, strings.TrimPrefix(k, routes.NGINXPrefix))
	}
	return strings.Join(slices.Sorted(slices.Values(out)), " ")
}

// What a mode cannot do safely is not done, and said; the question stays, so that
// nobody gets in whom the policy does not let in.
func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		world    []string
		change   func(*routes.Snapshot)
		reason   string // of the one finding; "": none
		keys     string
		endpoint string
		objects  string
	}{
		"render": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted)}, nil, "", askRender, "nginx",
			"Service EndpointSlice Ingress"},
		"render, a canary of the app": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.WebYAML("next", "/",
			"next", appCanary)}, nil, routes.AppCanary, askOnly, "nginx", "Ingress"},
		"render, a canary that is opted": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.WebYAML("next", "/",
			"next", routestest.Opted+", "+appCanary)}, nil, routes.AppCanary, askOnly, "nginx", "Ingress"},
		"render, a canary of another": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.WebYAML("next",
			"/other", "next", appCanary)}, nil, "", askRender, "nginx", "Service EndpointSlice Ingress"},
		"render, a canary by the Service": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.WebYAML("two",
			"/two", "app", ""), routestest.WebYAML("next", "/two", "next", appCanary)}, nil, routes.AppCanary, askOnly, "nginx", "Ingress"},
		"render beside canary": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.WebYAML("two",
			"/two", "app", asCanary)}, nil, routes.SharedService, askRender, "nginx", "Service EndpointSlice Ingress"},
		"global, a canary of the app": {[]string{routestest.WebYAML("web", "/", "app", asGlobal), routestest.WebYAML("next", "/", "next",
			appCanary)}, nil, "", askGlobal, "nginx", "Ingress"},
		"global by ConfigMap": {[]string{routestest.WebYAML("web", "/", "app", asGlobal), `
apiVersion: v1
kind: ConfigMap
metadata: {name: ingress-nginx-controller, namespace: ingress-nginx}
data: {location-snippet: "error_page 401 = @ostiary_401;"}`}, nil, "", askOnly, "nginx", "Ingress"},
		"canary": {[]string{routestest.WebYAML("web", "/", "app", asCanary)}, nil, "", askOnly, "nginx-pass",
			"Ingress Ingress"},
		"canary, two of one Service": {[]string{routestest.WebYAML("web", "/", "app", asCanary), routestest.WebYAML("two", "/two", "app",
			asCanary)}, nil, "", askOnly, "nginx-pass", "Ingress Ingress Ingress"},
		"canary, a shared Service": {[]string{routestest.WebYAML("web", "/", "app", asCanary), routestest.WebYAML("two", "/two", "app",
			"")}, nil, routes.SharedService, askOnly, "nginx", "Ingress"},
		"canary, shared by port name": {[]string{routestest.WebYAML("web", "/", "app", asCanary), strings.Replace(routestest.WebYAML("two",
			"/two", "app", ""), "number: 80", "name: http", 1),
			"apiVersion: v1\nkind: Service\nmetadata: {name: app, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}"}, nil,
			routes.SharedService, askOnly, "nginx", "Ingress"},
		"canary, a canary of the app": {[]string{routestest.WebYAML("web", "/", "app", asCanary), routestest.WebYAML("next", "/", "next",
			appCanary)}, nil, routes.AppCanary, askOnly, "nginx", "Ingress"},
		"canary, GRPC": {[]string{routestest.WebYAML("web", "/", "app",
			asCanary+", nginx.ingress.kubernetes.io/backend-protocol: GRPC")}, nil, routes.BackendProtocol, askOnly, "nginx", "Ingress"},
		"canary, HTTPS": {[]string{routestest.WebYAML("web", "/", "app",
			asCanary+", nginx.ingress.kubernetes.io/backend-protocol: HTTPS")}, nil, routes.BackendProtocol, askOnly, "nginx", "Ingress"},
		"canary, the app answers": {[]string{routestest.WebYAML("web", "/", "app", asCanary)},
			func(w *routes.Snapshot) { w.Policies[0].CORS = &policy.CORS{BypassPreflight: true} }, "", askOnly, "nginx", "Ingress"},
		"static": {[]string{routestest.WebYAML("web", "/", "app", asStatic)}, nil, "", askProject, "nginx", "Ingress"},
		"static without CORS": {[]string{routestest.WebYAML("web", "/", "app", asStatic)},
			func(w *routes.Snapshot) { w.Policies[0].CORS = nil }, "", askOnly, "nginx", "Ingress"},
		"static, all methods": {[]string{routestest.WebYAML("web", "/", "app", asStatic)},
			func(w *routes.Snapshot) { w.Policies[0].CORS.AllowAllMethods = true }, routes.NotProjectable, askOnly, "nginx", "Ingress"},
		"static, all headers": {[]string{routestest.WebYAML("web", "/", "app", asStatic)},
			func(w *routes.Snapshot) { w.Policies[0].CORS.AllowAllHeaders = true }, routes.NotProjectable, askOnly, "nginx", "Ingress"},
		"static, private network": {[]string{routestest.WebYAML("web", "/", "app", asStatic)},
			func(w *routes.Snapshot) { w.Policies[0].CORS.AllowPrivateNetwork = true }, routes.NotProjectable, askOnly, "nginx", "Ingress"},
		"static, an odd method": {[]string{routestest.WebYAML("web", "/", "app", asStatic)},
			func(w *routes.Snapshot) { w.Policies[0].CORS.AllowedMethods = []string{"M-SEARCH"} }, routes.NotProjectable, askOnly, "nginx",
			"Ingress"},
		"static, an odd header": {[]string{routestest.WebYAML("web", "/", "app", asStatic)},
			func(w *routes.Snapshot) { w.Policies[0].CORS.AllowedHeaders = []string{"x.y"} }, routes.NotProjectable, askOnly, "nginx", "Ingress"},
		"static, an odd origin": {[]string{routestest.WebYAML("web", "/", "app", asStatic)},
			func(w *routes.Snapshot) { w.Policies[0].CORS.AllowedOrigins = []string{"app://x"} }, routes.NotProjectable, askOnly, "nginx",
			"Ingress"},
		"static, the app answers": {[]string{routestest.WebYAML("web", "/", "app", asStatic)},
			func(w *routes.Snapshot) { w.Policies[0].CORS = &policy.CORS{BypassPreflight: true} }, "", askOnly, "nginx", "Ingress"},
		"no mode": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted+", access.ostiary.dev/mode: relay")},
			nil, routes.UnknownMode, askOnly, "nginx", "Ingress"},
		"no policy": {[]string{routestest.WebYAML("web", "/", "app", "access.ostiary.dev/policy: nobody")}, nil,
			routes.PolicyNotFound, askRender, "nginx", "Service EndpointSlice Ingress"},
		"another host": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted)},
			func(w *routes.Snapshot) { w.Policies[0].Hosts = []string{"other.example.com"} }, routes.HostNotInPolicy, askRender, "nginx",
			"Service EndpointSlice Ingress"},
		"the policy has no hosts": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted)},
			func(w *routes.Snapshot) { w.Policies[0].Hosts = nil }, "", askRender, "nginx", "Service EndpointSlice Ingress"},
		"auth-signin": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", nginx.ingress.kubernetes.io/auth-signin: https://x")}, nil, routes.SignInElsewhere, askRender, "nginx",
			"Service EndpointSlice Ingress"},
		"auth-keepalive": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+`, nginx.ingress.kubernetes.io/auth-keepalive: "10"`)}, nil, routes.AuthKeepalive, askRender, "nginx",
			"Service EndpointSlice Ingress"},
		"a regular expression": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.WebYAML("re",
			"/(.access|static)/(.*)", "x", `nginx.ingress.kubernetes.io/use-regex: "true"`)}, nil, routes.ShadowedLogin, askRender, "nginx",
			"Service EndpointSlice Ingress"},
		"one that leaves the login": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.WebYAML("re",
			"/static-files/(.*)", "x", `nginx.ingress.kubernetes.io/rewrite-target: /$1`)}, nil, "", askRender, "nginx",
			"Service EndpointSlice Ingress"},
		"one that is tried later": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.WebYAML("re", "/(.*)",
			"x", `nginx.ingress.kubernetes.io/use-regex: "true"`)}, nil, "", askRender, "nginx", "Service EndpointSlice Ingress"},
	} {
		t.Run(name, func(t *testing.T) {
			w := routestest.Snapshot(t, tc.world...)
			if tc.change != nil {
				tc.change(&w)
			}
			p := Make(w, routestest.Settings)
			checkPlan(t, p)
			annotations, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "web")
			if got := keys(annotations); got != tc.keys {
				t.Errorf("annotations %s", got)
			}
			if url := annotations[routes.NGINXPrefix+"auth-url"]; url != routestest.Settings.AuthzURL+"/authz/v1/"+tc.endpoint+"/shop/web"+target {
				t.Errorf("auth-url %s", url)
			}
			if b.Guarded == slices.Contains([]string{routes.AuthKeepalive}, tc.reason) {
				t.Errorf("guarded: %v", b.Guarded)
			}
			var kinds []string
			for _, o := range p.Objects {
				kinds = append(kinds, o.GetKind())
			}
			if got := strings.Join(kinds, " "); got != tc.objects {
				t.Errorf("objects %s", got)
			}
			if got := strings.Join(reasons(p), " "); got != tc.reason {
				t.Errorf("findings %s", planText(t, p))
			}
			for _, f := range p.Findings {
				if len(f.Message) < 60 || f.Policy.Namespace != "shop" {
					t.Errorf("%+v says neither what is wrong nor what to do", f)
				}
			}
			routestest.CarryOut(t, &w, p.Objects, p.Annotations)
			if again := planText(t, Make(w, routestest.Settings)); again != planText(t, p) {
				t.Errorf("carried out, it leads to another plan:\n%s", again)
			}
		})
	}
}

func TestOtherProxiesRefusals(t *testing.T) {
	traefik := strings.Replace(routestest.WebYAML("web", "/", "app", routestest.Opted), "ingressClassName: nginx",
		"ingressClassName: traefik", 1)
	moved := routestest.WebYAML("web", "/", "app",
		routestest.Opted+", access.ostiary.dev/proxy: traefik-ingress-nginx, nginx.ingress.kubernetes.io/rewrite-target: /")
	haproxy := strings.Replace(traefik, "traefik", "haproxy", 1)
	unknown := strings.Replace(traefik, "traefik", "kong", 1)
	for name, tc := range map[string]struct {
		world   string
		change  func(*routes.Snapshot)
		reason  string
		guarded bool
		routers int
	}{
		"traefik": {traefik, nil, "", true, 2},
		"traefik, the app answers": {traefik, func(w *routes.Snapshot) { w.Policies[0].CORS = &policy.CORS{BypassPreflight: true} }, "",
			true, 1},
		"traefik without Middlewares": {traefik, func(w *routes.Snapshot) { w.Served = nil }, routes.MissingKind, false, 0},
		"traefik without routers": {traefik, func(w *routes.Snapshot) { delete(w.Served, "IngressRoute.traefik.io") }, routes.MissingKind,
			true, 0},
		"traefik, an odd path": {strings.Replace(traefik, `path: "/"`, "path: \"/a`b\"", 1), nil, "", true, 2},
		"moved, rewritten":     {moved, nil, routes.RewrittenTarget, true, 2},
		"haproxy":              {haproxy, nil, "", true, 0},
		"unknown":              {unknown, nil, routes.UnknownProxy, false, 0},
		"no host": {strings.Replace(traefik, "  - host: app.example.com\n    http", "  - http", 1),
			func(w *routes.Snapshot) { w.Policies[0].Hosts = nil }, routes.NoHost, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := routestest.Snapshot(t, tc.world)
			if tc.change != nil {
				tc.change(&w)
			}
			p := Make(w, routestest.Settings)
			checkPlan(t, p)
			annotations, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "web")
			if got := strings.Join(reasons(p), " "); got != tc.reason || b.Guarded != tc.guarded ||
				(len(annotations) > 0) != (tc.reason != routes.UnknownProxy) {
				t.Errorf("guarded %v, findings %v, annotations %v", b.Guarded, p.Findings, annotations)
			}
			if got := len(made(p, "IngressRoute")); got != tc.routers {
				t.Errorf("%d routers", got)
			}
		})
	}
}

// An HTTPRoute gives a policy no hosts.
func TestRouteOfPolicyWithoutHosts(t *testing.T) {
	w := routestest.Snapshot(t, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec: {gatewayClassName: any}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, annotations: {access.ostiary.dev/policy: web}}
spec: {parentRefs: [{name: gw}], hostnames: [app.example.com], rules: [{backendRefs: [{name: ostiary-public, namespace: ostiary,
	port: 9002}]}]}`)
	if p := Make(w, routestest.Settings); len(p.Findings) > 0 {
		t.Error(p.Findings)
	}
	w.Policies[0].Hosts = nil
	if p := Make(w, routestest.Settings); strings.Join(reasons(p), " ") != routes.HostNotInPolicy {
		t.Error(p.Findings)
	}
}

// A canary Ingress is guarded as the one that it stands in for, whatever it names.
func TestCanaryIsLeftAlone(t *testing.T) {
	p := Make(routestest.Snapshot(t, routestest.WebYAML("next", "/", "next", routestest.Opted+", "+appCanary)), routestest.Settings)
	if _, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "next"); b.Guarded || len(p.Annotations)+len(p.Objects) > 0 ||
		strings.Join(reasons(p), " ") != routes.CanaryAlone {
		t.Error(planText(t, p))
	}
	p = Make(routestest.Snapshot(t, routestest.WebYAML("web", "/", "app", asGlobal), routestest.WebYAML("next", "/", "next",
		routestest.Opted+", "+appCanary)), routestest.Settings)
	if all, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "next"); !b.Guarded || len(all) > 0 || len(p.Findings) > 0 {
		t.Error(planText(t, p))
	}
}

// Without an annotation there is nothing, whatever else is there.
func TestNobodyOptedIn(t *testing.T) {
	p := Make(routestest.Snapshot(t, routestest.WebYAML("web", "/", "app", ""), routestest.WebYAML("next", "/", "next", appCanary)),
		routestest.Settings)
	if len(p.Annotations)+len(p.Objects)+len(p.Bindings)+len(p.Findings) > 0 {
		t.Error(planText(t, p))
	}
}

// Every mode says in the cluster's own words how long, and what a maximum age is.
func TestProjectedMaxAge(t *testing.T) {
	for age, want := range map[int]string{0: "5", -1: "0", 600: "600"} {
		w := routestest.Snapshot(t, routestest.WebYAML("web", "/", "app", asStatic))
		w.Policies[0].CORS.MaxAge = age
		p := Make(w, routestest.Settings)
		annotations, _ := routestest.RouteOf(t, p.Annotations, p.Bindings, "web")
		if got := annotations[routes.NGINXPrefix+"cors-max-age"]; got != want {
			t.Errorf("%d: %q, want %q", age, got, want)
		}
	}
}

// Two hosts and two classes make four entrances, and two Ingresses of a host one.
func TestEntrances(t *testing.T) {
	two := strings.Replace(routestest.WebYAML("web", "/", "app", routestest.Opted), "  - host",
		"  - host: x.preview.example.com\n    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}\n  - host", 1)
	var hosts []string
	for _, o := range made(Make(routestest.Snapshot(t, two, routestest.WebYAML("again", "/again", "app", routestest.Opted),
		strings.Replace(strings.Replace(two, "class", "class", 1), "Name: nginx", "Name: traefik", 1)), routestest.Settings), "Ingress") {
		rule := routes.Objects(o.Object, "spec", "rules")[0]
		hosts = append(hosts, routes.Text(o.Object, "spec", "ingressClassName")+" "+routes.Text(rule, "host"))
	}
	slices.Sort(hosts)
	if got := strings.Join(hosts,
		", "); got != "nginx app.example.com, nginx x.preview.example.com, traefik app.example.com, traefik x.preview.example.com" {
		t.Error(got)
	}
}
