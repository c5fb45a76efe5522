// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"slices"
	"strings"
	"testing"
)

const (
	asCanary   = opted + ", access.ostiary.dev/mode: canary"
	asStatic   = opted + ", access.ostiary.dev/mode: static"
	asGlobal   = opted + ", access.ostiary.dev/mode: global"
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
		out = append(out, strings.TrimPrefix(k, nginxPrefix))
	}
	return strings.Join(slices.Sorted(slices.Values(out)), " ")
}

// What a mode cannot do safely is not done, and said; the question stays, so that
// nobody gets in whom the policy does not let in.
func TestRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		world    []string
		change   func(*Snapshot)
		reason   string // of the one finding; "": none
		keys     string
		endpoint string
		objects  string
	}{
		"render":                          {[]string{webYAML("web", "/", "app", opted)}, nil, "", askRender, "nginx", "Service EndpointSlice Ingress"},
		"render, a canary of the app":     {[]string{webYAML("web", "/", "app", opted), webYAML("next", "/", "next", appCanary)}, nil, AppCanary, askOnly, "nginx", "Ingress"},
		"render, a canary that is opted":  {[]string{webYAML("web", "/", "app", opted), webYAML("next", "/", "next", opted+", "+appCanary)}, nil, AppCanary, askOnly, "nginx", "Ingress"},
		"render, a canary of another":     {[]string{webYAML("web", "/", "app", opted), webYAML("next", "/other", "next", appCanary)}, nil, "", askRender, "nginx", "Service EndpointSlice Ingress"},
		"render, a canary by the Service": {[]string{webYAML("web", "/", "app", opted), webYAML("two", "/two", "app", ""), webYAML("next", "/two", "next", appCanary)}, nil, AppCanary, askOnly, "nginx", "Ingress"},
		"render beside canary":            {[]string{webYAML("web", "/", "app", opted), webYAML("two", "/two", "app", asCanary)}, nil, SharedService, askRender, "nginx", "Service EndpointSlice Ingress"},
		"global, a canary of the app":     {[]string{webYAML("web", "/", "app", asGlobal), webYAML("next", "/", "next", appCanary)}, nil, "", askGlobal, "nginx", "Ingress"},
		"global by ConfigMap": {[]string{webYAML("web", "/", "app", asGlobal), `
apiVersion: v1
kind: ConfigMap
metadata: {name: ingress-nginx-controller, namespace: ingress-nginx}
data: {location-snippet: "error_page 401 = @ostiary_401;"}`}, nil, "", askOnly, "nginx", "Ingress"},
		"canary":                      {[]string{webYAML("web", "/", "app", asCanary)}, nil, "", askOnly, "nginx-pass", "Ingress Ingress"},
		"canary, two of one Service":  {[]string{webYAML("web", "/", "app", asCanary), webYAML("two", "/two", "app", asCanary)}, nil, "", askOnly, "nginx-pass", "Ingress Ingress Ingress"},
		"canary, a shared Service":    {[]string{webYAML("web", "/", "app", asCanary), webYAML("two", "/two", "app", "")}, nil, SharedService, askOnly, "nginx", "Ingress"},
		"canary, shared by port name": {[]string{webYAML("web", "/", "app", asCanary), strings.Replace(webYAML("two", "/two", "app", ""), "number: 80", "name: http", 1), "apiVersion: v1\nkind: Service\nmetadata: {name: app, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}"}, nil, SharedService, askOnly, "nginx", "Ingress"},
		"canary, a canary of the app": {[]string{webYAML("web", "/", "app", asCanary), webYAML("next", "/", "next", appCanary)}, nil, AppCanary, askOnly, "nginx", "Ingress"},
		"canary, GRPC":                {[]string{webYAML("web", "/", "app", asCanary+", nginx.ingress.kubernetes.io/backend-protocol: GRPC")}, nil, BackendProtocol, askOnly, "nginx", "Ingress"},
		"canary, HTTPS":               {[]string{webYAML("web", "/", "app", asCanary+", nginx.ingress.kubernetes.io/backend-protocol: HTTPS")}, nil, BackendProtocol, askOnly, "nginx", "Ingress"},
		"canary, the app answers":     {[]string{webYAML("web", "/", "app", asCanary)}, func(w *Snapshot) { w.Policies[0].CORS = &CORS{Bypass: true} }, "", askOnly, "nginx", "Ingress"},
		"static":                      {[]string{webYAML("web", "/", "app", asStatic)}, nil, "", askProject, "nginx", "Ingress"},
		"static without CORS":         {[]string{webYAML("web", "/", "app", asStatic)}, func(w *Snapshot) { w.Policies[0].CORS = nil }, "", askOnly, "nginx", "Ingress"},
		"static, all methods":         {[]string{webYAML("web", "/", "app", asStatic)}, func(w *Snapshot) { w.Policies[0].CORS.AllMethods = true }, NotProjectable, askOnly, "nginx", "Ingress"},
		"static, all headers":         {[]string{webYAML("web", "/", "app", asStatic)}, func(w *Snapshot) { w.Policies[0].CORS.AllHeaders = true }, NotProjectable, askOnly, "nginx", "Ingress"},
		"static, private network":     {[]string{webYAML("web", "/", "app", asStatic)}, func(w *Snapshot) { w.Policies[0].CORS.PrivateNetwork = true }, NotProjectable, askOnly, "nginx", "Ingress"},
		"static, an odd method":       {[]string{webYAML("web", "/", "app", asStatic)}, func(w *Snapshot) { w.Policies[0].CORS.Methods = []string{"M-SEARCH"} }, NotProjectable, askOnly, "nginx", "Ingress"},
		"static, an odd header":       {[]string{webYAML("web", "/", "app", asStatic)}, func(w *Snapshot) { w.Policies[0].CORS.Headers = []string{"x.y"} }, NotProjectable, askOnly, "nginx", "Ingress"},
		"static, an odd origin":       {[]string{webYAML("web", "/", "app", asStatic)}, func(w *Snapshot) { w.Policies[0].CORS.Origins = []string{"app://x"} }, NotProjectable, askOnly, "nginx", "Ingress"},
		"static, the app answers":     {[]string{webYAML("web", "/", "app", asStatic)}, func(w *Snapshot) { w.Policies[0].CORS = &CORS{Bypass: true} }, "", askOnly, "nginx", "Ingress"},
		"no mode":                     {[]string{webYAML("web", "/", "app", opted+", access.ostiary.dev/mode: relay")}, nil, UnknownMode, askOnly, "nginx", "Ingress"},
		"no policy":                   {[]string{webYAML("web", "/", "app", "access.ostiary.dev/policy: nobody")}, nil, PolicyNotFound, askRender, "nginx", "Service EndpointSlice Ingress"},
		"another host":                {[]string{webYAML("web", "/", "app", opted)}, func(w *Snapshot) { w.Policies[0].Hosts = []string{"other.example.com"} }, HostNotInPolicy, askRender, "nginx", "Service EndpointSlice Ingress"},
		"the policy has no hosts":     {[]string{webYAML("web", "/", "app", opted)}, func(w *Snapshot) { w.Policies[0].Hosts = nil }, "", askRender, "nginx", "Service EndpointSlice Ingress"},
		"auth-signin":                 {[]string{webYAML("web", "/", "app", opted+", nginx.ingress.kubernetes.io/auth-signin: https://x")}, nil, SignInElsewhere, askRender, "nginx", "Service EndpointSlice Ingress"},
		"auth-keepalive":              {[]string{webYAML("web", "/", "app", opted+`, nginx.ingress.kubernetes.io/auth-keepalive: "10"`)}, nil, AuthKeepalive, askRender, "nginx", "Service EndpointSlice Ingress"},
		"a regular expression":        {[]string{webYAML("web", "/", "app", opted), webYAML("re", "/(.access|static)/(.*)", "x", `nginx.ingress.kubernetes.io/use-regex: "true"`)}, nil, ShadowedLogin, askRender, "nginx", "Service EndpointSlice Ingress"},
		"one that leaves the login":   {[]string{webYAML("web", "/", "app", opted), webYAML("re", "/static-files/(.*)", "x", `nginx.ingress.kubernetes.io/rewrite-target: /$1`)}, nil, "", askRender, "nginx", "Service EndpointSlice Ingress"},
		"one that is tried later":     {[]string{webYAML("web", "/", "app", opted), webYAML("re", "/(.*)", "x", `nginx.ingress.kubernetes.io/use-regex: "true"`)}, nil, "", askRender, "nginx", "Service EndpointSlice Ingress"},
	} {
		t.Run(name, func(t *testing.T) {
			w := planWorld(t, tc.world...)
			if tc.change != nil {
				tc.change(&w)
			}
			p := Make(w, coverageSettings)
			checkPlan(t, p)
			annotations, b := routeOf(t, p.Annotations, p.Bindings, "web")
			if got := keys(annotations); got != tc.keys {
				t.Errorf("annotations %s", got)
			}
			if url := annotations[nginxPrefix+"auth-url"]; url != coverageSettings.AuthzURL+"/authz/v1/"+tc.endpoint+"/shop/web"+target {
				t.Errorf("auth-url %s", url)
			}
			if b.Guarded == slices.Contains([]string{AuthKeepalive}, tc.reason) {
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
			carryOut(t, &w, p.Objects, p.Annotations)
			if again := planText(t, Make(w, coverageSettings)); again != planText(t, p) {
				t.Errorf("carried out, it leads to another plan:\n%s", again)
			}
		})
	}
}

func TestOtherProxiesRefusals(t *testing.T) {
	traefik := strings.Replace(webYAML("web", "/", "app", opted), "ingressClassName: nginx", "ingressClassName: traefik", 1)
	moved := webYAML("web", "/", "app", opted+", access.ostiary.dev/proxy: traefik-ingress-nginx, nginx.ingress.kubernetes.io/rewrite-target: /")
	haproxy := strings.Replace(traefik, "traefik", "haproxy", 1)
	unknown := strings.Replace(traefik, "traefik", "kong", 1)
	for name, tc := range map[string]struct {
		world   string
		change  func(*Snapshot)
		reason  string
		guarded bool
		routers int
	}{
		"traefik":                     {traefik, nil, "", true, 2},
		"traefik, the app answers":    {traefik, func(w *Snapshot) { w.Policies[0].CORS = &CORS{Bypass: true} }, "", true, 1},
		"traefik without Middlewares": {traefik, func(w *Snapshot) { w.Served = nil }, MissingKind, false, 0},
		"traefik without routers":     {traefik, func(w *Snapshot) { delete(w.Served, "IngressRoute.traefik.io") }, MissingKind, true, 0},
		"traefik, an odd path":        {strings.Replace(traefik, `path: "/"`, "path: \"/a`b\"", 1), nil, "", true, 2},
		"moved, rewritten":            {moved, nil, RewrittenTarget, true, 2},
		"haproxy":                     {haproxy, nil, "", true, 0},
		"unknown":                     {unknown, nil, UnknownProxy, false, 0},
		"no host":                     {strings.Replace(traefik, "  - host: app.example.com\n    http", "  - http", 1), func(w *Snapshot) { w.Policies[0].Hosts = nil }, NoHost, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			w := planWorld(t, tc.world)
			if tc.change != nil {
				tc.change(&w)
			}
			p := Make(w, coverageSettings)
			checkPlan(t, p)
			annotations, b := routeOf(t, p.Annotations, p.Bindings, "web")
			if got := strings.Join(reasons(p), " "); got != tc.reason || b.Guarded != tc.guarded || (len(annotations) > 0) != (tc.reason != UnknownProxy) {
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
	w := planWorld(t, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec: {gatewayClassName: any}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, annotations: {access.ostiary.dev/policy: web}}
spec: {parentRefs: [{name: gw}], hostnames: [app.example.com], rules: [{backendRefs: [{name: ostiary-public, namespace: ostiary, port: 9002}]}]}`)
	if p := Make(w, coverageSettings); len(p.Findings) > 0 {
		t.Error(p.Findings)
	}
	w.Policies[0].Hosts = nil
	if p := Make(w, coverageSettings); strings.Join(reasons(p), " ") != HostNotInPolicy {
		t.Error(p.Findings)
	}
}

// A canary Ingress is guarded as the one that it stands in for, whatever it names.
func TestCanaryIsLeftAlone(t *testing.T) {
	p := Make(planWorld(t, webYAML("next", "/", "next", opted+", "+appCanary)), coverageSettings)
	if _, b := routeOf(t, p.Annotations, p.Bindings, "next"); b.Guarded || len(p.Annotations)+len(p.Objects) > 0 || strings.Join(reasons(p), " ") != CanaryAlone {
		t.Error(planText(t, p))
	}
	p = Make(planWorld(t, webYAML("web", "/", "app", asGlobal), webYAML("next", "/", "next", opted+", "+appCanary)), coverageSettings)
	if all, b := routeOf(t, p.Annotations, p.Bindings, "next"); !b.Guarded || len(all) > 0 || len(p.Findings) > 0 {
		t.Error(planText(t, p))
	}
}

// Without an annotation there is nothing, whatever else is there.
func TestNobodyOptedIn(t *testing.T) {
	p := Make(planWorld(t, webYAML("web", "/", "app", ""), webYAML("next", "/", "next", appCanary)), coverageSettings)
	if len(p.Annotations)+len(p.Objects)+len(p.Bindings)+len(p.Findings) > 0 {
		t.Error(planText(t, p))
	}
}

// Every mode says in the cluster's own words how long, and what a maximum age is.
func TestProjectedMaxAge(t *testing.T) {
	for age, want := range map[int]string{0: "5", -1: "0", 600: "600"} {
		w := planWorld(t, webYAML("web", "/", "app", asStatic))
		w.Policies[0].CORS.MaxAge = age
		p := Make(w, coverageSettings)
		annotations, _ := routeOf(t, p.Annotations, p.Bindings, "web")
		if got := annotations[nginxPrefix+"cors-max-age"]; got != want {
			t.Errorf("%d: %q, want %q", age, got, want)
		}
	}
}

// Two hosts and two classes make four entrances, and two Ingresses of a host one.
func TestEntrances(t *testing.T) {
	two := strings.Replace(webYAML("web", "/", "app", opted), "  - host", "  - host: x.preview.example.com\n    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}\n  - host", 1)
	var hosts []string
	for _, o := range made(Make(planWorld(t, two, webYAML("again", "/again", "app", opted), strings.Replace(strings.Replace(two, "class", "class", 1), "Name: nginx", "Name: traefik", 1)), coverageSettings), "Ingress") {
		rule := objects(o.Object, "spec", "rules")[0]
		hosts = append(hosts, text(o.Object, "spec", "ingressClassName")+" "+text(rule, "host"))
	}
	slices.Sort(hosts)
	if got := strings.Join(hosts, ", "); got != "nginx app.example.com, nginx x.preview.example.com, traefik app.example.com, traefik x.preview.example.com" {
		t.Error(got)
	}
}
