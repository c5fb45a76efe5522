// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

const nginxAnn = "nginx.ingress.kubernetes.io/"

// What people have written stays theirs, and what it costs is said. As much is planned
// as only refuses more. THREATS B25.
func TestPeoplesOwn(t *testing.T) {
	ours := "http://ostiary-authz.ostiary.svc.cluster.local:9001/authz/v1"
	middlewares := "shop-ostiary-strip-web@kubernetescrd,shop-ostiary-auth-web@kubernetescrd"
	for name, tc := range map[string]struct {
		world   []string
		reason  string
		keys    string
		guarded bool
		says    string // part of the finding
	}{
		"an auth-url of others": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+"auth-url: http://x/")}, routes.ForeignAuth, "", false, "remove auth-url"},
		"an auth-url to us by hand": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+"auth-url: "+ours+"/nginx"+target)}, routes.ForeignAuth, "", true, "any policy"},
		"an auth-url of another Ingress": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+"auth-url: "+ours+"/nginx/shop/other"+target)}, routes.ForeignAuth, "", true, "any policy"},
		"other response headers": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+"auth-response-headers: X-User")}, routes.ForeignAnnotation,
			"auth-url custom-http-errors default-backend disable-proxy-intercept-errors", true, "as a visitor wrote it"},
		"error pages of its own": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+`custom-http-errors: "404,503", `+nginxAnn+"default-backend: pages")}, routes.ForeignAnnotation,
			askOnly, true, "error pages of its own"},
		"the same error pages": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+`custom-http-errors: "401,403"`)}, "", askRender, true, ""},
		"a backend in the way of global": {[]string{routestest.WebYAML("web", "/", "app", asGlobal+", "+nginxAnn+"default-backend: pages")},
			routes.ForeignAnnotation, askOnly, true, "default-backend"},
		"interception": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+`disable-proxy-intercept-errors: "false"`)}, routes.ForeignAnnotation, askOnly, true,
			"disable-proxy-intercept-errors"},
		"CORS by the proxy": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+`enable-cors: "true"`)}, routes.ForeignCORS, askRender, true, "spec.cors"},
		"CORS by the proxy, static": {[]string{routestest.WebYAML("web", "/", "app",
			asStatic+", "+nginxAnn+`enable-cors: "true", `+nginxAnn+"cors-allow-origin: https://x.example")},
			routes.ForeignCORS + " " + routes.NotProjectable, askOnly, true, "cors-allow-origin"},
		"a rest of CORS, static": {[]string{routestest.WebYAML("web", "/", "app",
			asStatic+", "+nginxAnn+"cors-expose-headers: X-Other")}, routes.NotProjectable, askOnly, true, "cors-expose-headers"},
		"a cache": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+"auth-cache-key: $cookie_a")}, routes.AuthCache, askRender, false, "another"},
		"FastCGI": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+"backend-protocol: FCGI")}, routes.BackendProtocol, askRender, false, "HTTP"},
		"GRPC, render": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+"backend-protocol: GRPC")}, "", askRender, true, ""},
		"AUTO_HTTP, canary": {[]string{routestest.WebYAML("web", "/", "app",
			asCanary+", "+nginxAnn+"backend-protocol: auto_http")}, routes.BackendProtocol, askOnly, true, "AUTO_HTTP"},
		"a rewrite, canary": {[]string{routestest.WebYAML("web", "/", "app", asCanary+", "+nginxAnn+"rewrite-target: /x")},
			routes.RewrittenTarget, askOnly, true, "rewrite-target"},
		"a vhost, canary": {[]string{routestest.WebYAML("web", "/", "app", asCanary+", "+nginxAnn+"upstream-vhost: x")},
			routes.RewrittenTarget, askOnly, true, "upstream-vhost"},
		"a default backend, canary": {[]string{strings.Replace(routestest.WebYAML("web", "/", "app", asCanary), "spec:",
			"spec:\n  defaultBackend: {service: {name: app, port: {number: 80}}}", 1)}, routes.DefaultBackend, askOnly, true, "default backend"},
		"the Service of a canary": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.WebYAML("next",
			"/elsewhere", "app", appCanary)}, routes.AppCanary, askOnly, true, "shop/next"},
		"a canary of another namespace": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			strings.Replace(routestest.WebYAML("next", "/", "next", appCanary), "namespace: shop", "namespace: evil", 1)}, routes.AppCanary,
			askOnly, true, "evil/next"},
		"a canary of another class": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			strings.Replace(routestest.WebYAML("next", "/", "next", appCanary), "ClassName: nginx", "ClassName: internal", 1)}, routes.AppCanary,
			askOnly, true, "shop/next"},
		"somebody at our path": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.WebYAML("taken",
			"/.access", "x", "")}, routes.LoginPathTaken, askRender, true, "shop/taken"},
		"401 in a ConfigMap": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("custom-http-errors", "401,500")}, routes.CustomErrors401, askRender, false, "CVE-2026-24513"},
		"500 in a ConfigMap": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("custom-http-errors", "500")}, routes.InterceptedErrors, askRender, true, "disable-proxy-intercept-errors"},
		"a path that nobody asks about": {[]string{routestest.WebYAML("web", "/public/x", "app", routestest.Opted),
			routestest.ConfigYAML("no-auth-locations", "/public")}, routes.NoAuthLocations, askRender, false, "/public"},
		"another such path": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("no-auth-locations", "/public")}, "", askRender, true, ""},
		"a risk level": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("annotations-risk-level", "Medium")}, routes.AnnotationsRefused, askRender, false, "High"},
		"underscores": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("enable-underscores-in-headers", "true")}, routes.UnderscoreHeaders, askRender, true, "X_Access_Email"},
		"global, not prepared": {[]string{routestest.WebYAML("web", "/", "app", asGlobal), routestest.ConfigYAML("use-http2",
			"true")}, routes.ModeUnprepared, askOnly + " custom-http-errors disable-proxy-intercept-errors", true,
			"config ingress-nginx --mode global"},
		"global, prepared": {[]string{routestest.WebYAML("web", "/", "app", asGlobal), routestest.ConfigYAML("location-snippet",
			"error_page 401 403 = @ostiary;")}, "", askOnly, true, ""},
		"a blocked word": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("annotation-value-word-blocklist", "load_module,request_uri")}, routes.AnnotationsRefused, askRender, false,
			"request_uri"},
		"a blocked word of people's": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+"proxy-body-size: 8m"), routestest.ConfigYAML("annotation-value-word-blocklist", "8m")},
			routes.AnnotationsRefused, askRender, false, "8m"},
		"a blocked word with its blank": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("annotation-value-word-blocklist", "load_module, request_uri")}, "", askRender, true, ""},
		"an empty blocked word": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("annotation-value-word-blocklist", "load_module,")}, routes.AnnotationsRefused, askRender, false, `""`},
		"a risk level of nothing": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("annotations-risk-level", "")}, routes.AnnotationsRefused, askRender, false, "High"},
		"a risk level with a blank": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("annotations-risk-level", "High ")}, routes.AnnotationsRefused, askRender, false, "High"},
		"a snippet": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+"configuration-snippet: gzip on;"), routestest.ConfigYAML("use-http2", "true")},
			routes.AnnotationsRefused, askRender, false, "Critical"},
		"a snippet that is admitted": {[]string{routestest.WebYAML("web", "/", "app",
			routestest.Opted+", "+nginxAnn+"configuration-snippet: gzip on;"), routestest.ConfigYAML("annotations-risk-level", "critical")}, "",
			askRender, true, ""},
		"underscores, spelt otherwise": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("enable-underscores-in-headers", "1")}, routes.UnderscoreHeaders, askRender, true, "X_Access_Email"},
		"+401 in a ConfigMap": {[]string{routestest.WebYAML("web", "/", "app", routestest.Opted),
			routestest.ConfigYAML("custom-http-errors", "+401")}, routes.CustomErrors401, askRender, false, "CVE-2026-24513"},

		"Middlewares of others":   {[]string{routestest.TraefikYAML(routestest.Opted + ", traefik.ingress.kubernetes.io/router.middlewares: shop-gzip@kubernetescrd")}, routes.ForeignAuth, "", false, "Let it begin with " + middlewares},
		"Middlewares after ours":  {[]string{routestest.TraefikYAML(routestest.Opted + `, traefik.ingress.kubernetes.io/router.middlewares: "` + middlewares + `,shop-gzip@kubernetescrd"`)}, "", "", true, ""},
		"Middlewares before ours": {[]string{routestest.TraefikYAML(routestest.Opted + `, traefik.ingress.kubernetes.io/router.middlewares: "shop-gzip@kubernetescrd,` + middlewares + `"`)}, routes.ForeignAnnotation, "", true, "begin with"},
		"a priority":              {[]string{routestest.TraefikYAML(routestest.Opted + `, traefik.ingress.kubernetes.io/router.priority: "9000"`)}, routes.PriorityTooHigh, "traefik.ingress.kubernetes.io/router.middlewares", true, "less than 9000"},
		"haproxy, an auth-url": {[]string{routestest.HaproxyYAML("web",
			routestest.Opted+", haproxy-ingress.github.io/auth-url: http://x/")}, routes.ForeignAuth, "", false, "Remove it"},
		"haproxy, other headers": {[]string{routestest.HaproxyYAML("web",
			routestest.Opted+", haproxy-ingress.github.io/request-set-headers: 'X-A: b'")}, routes.ForeignAnnotation, "", false, "could forge"},
		"haproxy, asked too early": {[]string{routestest.HaproxyYAML("web",
			routestest.Opted+", haproxy-ingress.github.io/auth-external-placement: frontend")}, routes.RewrittenTarget, "", false, "Remove it"},
		"haproxy, CORS": {[]string{routestest.HaproxyYAML("web",
			routestest.Opted+`, haproxy-ingress.github.io/cors-enable: "true"`)}, routes.ForeignCORS, "", true, "spec.cors"},
		"haproxy, a shared Service": {[]string{routestest.HaproxyYAML("web", routestest.Opted), routestest.HaproxyYAML("other",
			"haproxy-ingress.github.io/request-set-headers: 'X-A: b'")},
			routes.SharedService, "", false, "shop/other"},
	} {
		t.Run(name, func(t *testing.T) {
			w := routestest.Snapshot(t, tc.world...)
			p := Make(w, routestest.Settings)
			checkPlan(t, p)
			annotations, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "web")
			if got := strings.Join(reasons(p), " "); got != tc.reason || b.Guarded != tc.guarded {
				t.Errorf("guarded %v, findings %v", b.Guarded, p.Findings)
			}
			if got := keys(annotations); !strings.HasPrefix(name, "haproxy") && got != tc.keys {
				t.Errorf("annotations %s", got)
			}
			said := false
			for _, f := range p.Findings {
				said = said || strings.Contains(f.Message, tc.says)
				if f.Policy != (types.NamespacedName{Namespace: "shop", Name: "web"}) {
					t.Errorf("no condition shows %+v", f)
				}
			}
			if !said && tc.reason != "" {
				t.Errorf("findings %v", p.Findings)
			}
			routestest.CarryOut(t, &w, p.Objects, p.Annotations)
			if again := planText(t, Make(w, routestest.Settings)); again != planText(t, p) {
				t.Errorf("carried out, it leads to another plan:\n%s", again)
			}
		})
	}
}

// What we wrote with other settings is ours to change, and not somebody else's.
func TestWhatWeOwnIsNotForeign(t *testing.T) {
	w := routestest.Snapshot(t, routestest.WebYAML("web", "/", "app",
		routestest.Opted+", "+nginxAnn+"auth-url: http://old:9001/authz/v1/nginx/shop/web"+target+", "+nginxAnn+"default-backend: old"))
	w.Ingresses[0].ManagedFields = []metav1.ManagedFieldsEntry{
		{Manager: "kubectl", Operation: metav1.ManagedFieldsOperationUpdate, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)},
		{Manager: routes.FieldManager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(
			`{"f:metadata":{"f:annotations":{"f:` + nginxAnn + `auth-url":{},"f:` + nginxAnn + `default-backend":{}}}}`)},
	}
	p := Make(w, routestest.Settings)
	if annotations, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "web"); !b.Guarded || keys(annotations) != askRender ||
		len(p.Findings) > 0 {
		t.Error(planText(t, p))
	}
}

// Without pods of ours refusals are the proxy's 404, which is said where it can be known.
func TestNoRenderEndpoints(t *testing.T) {
	w := routestest.Snapshot(t, routestest.WebYAML("web", "/", "app", routestest.Opted))
	w.Render = nil
	if p := Make(w, routestest.Settings); len(p.Findings) > 0 {
		t.Error("of files nobody knows the pods:", p.Findings)
	}
	w = routestest.Snapshot(t, routestest.WebYAML("web", "/", "app", routestest.Opted),
		"apiVersion: v1\nkind: Service\nmetadata: {name: ostiary-render, namespace: ostiary}\nspec: {ports: [{port: 9003}]}")
	w.Render = nil
	p := Make(w, routestest.Settings)
	if _, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "web"); !b.Guarded || strings.Join(reasons(p),
		" ") != routes.NoRenderEndpoints || len(made(p, "Service")) != 1 || len(made(p, "EndpointSlice")) != 0 {
		t.Error(planText(t, p))
	}
}

// A canary that appears takes the error pages away, and the question stays.
func TestCanaryAppears(t *testing.T) {
	w := routestest.Snapshot(t, routestest.WebYAML("web", "/", "app", routestest.Opted))
	p := Make(w, routestest.Settings)
	routestest.CarryOut(t, &w, p.Objects, p.Annotations)
	with := routestest.Snapshot(t, routestest.WebYAML("next", "/", "next", appCanary))
	w.Ingresses = append(w.Ingresses, with.Ingresses...)
	p = Make(w, routestest.Settings)
	annotations, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "web")
	if keys(annotations) != askOnly || !b.Guarded || strings.Join(reasons(p), " ") != routes.AppCanary || len(made(p, "Service")) > 0 {
		t.Error(planText(t, p))
	}
}

func TestUnknownProxySaysWhatToDo(t *testing.T) {
	plain := routestest.WebYAML("web", "/", "app", routestest.Opted)
	for name, tc := range map[string]struct{ world, says string }{
		"a class of others": {strings.Replace(plain, "ClassName: nginx", "ClassName: kong", 1),
			"the annotation access.ostiary.dev/proxy on the IngressClass or on the Ingress"},
		"no class":           {strings.Replace(plain, "  ingressClassName: nginx\n", "", 1), "no IngressClass is the default"},
		"a proxy that isn't": {routestest.WebYAML("web", "/", "app", routestest.Opted+", access.ostiary.dev/proxy: nginx"), "names no proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Make(routestest.Snapshot(t, tc.world), routestest.Settings)
			if len(p.Findings) != 1 || p.Findings[0].Reason != routes.UnknownProxy || !strings.Contains(p.Findings[0].Message, tc.says) ||
				!strings.Contains(p.Findings[0].Message, "ingress-nginx") || len(p.Annotations) > 0 {
				t.Error(planText(t, p))
			}
		})
	}
}

// Which proxy it is, and by which words what stands beside it says the same.
func TestClasses(t *testing.T) {
	plain := routestest.WebYAML("web", "/", "app", routestest.Opted)
	noClass := strings.Replace(plain, "  ingressClassName: nginx\n", "", 1)
	for name, tc := range map[string]struct{ world, annotation, field, legacy string }{
		"field": {plain, routes.NGINXPrefix + "auth-url", "nginx", ""},
		"legacy": {strings.Replace(noClass, routestest.Opted, routestest.Opted+", kubernetes.io/ingress.class: nginx", 1),
			routes.NGINXPrefix + "auth-url", "", "nginx"},
		"legacy, no class": {strings.Replace(noClass, routestest.Opted,
			routestest.Opted+", kubernetes.io/ingress.class: mine, access.ostiary.dev/proxy: traefik", 1),
			routes.TraefikPrefix + "router.middlewares", "", "mine"},
		"default": {noClass + "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: main, annotations: {ingressclass.kubernetes.io/is-default-class: \"true\"}}\nspec: {controller: k8s.io/ingress-nginx}", routes.NGINXPrefix + "auth-url", "main", ""},
		"said by the class": {strings.Replace(plain, "ClassName: nginx", "ClassName: aks",
			1) + "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: aks, annotations: {access.ostiary.dev/proxy: ingress-nginx}}\nspec: {controller: example.com/nginx}", routes.NGINXPrefix + "auth-url", "aks", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := Make(routestest.Snapshot(t, tc.world), routestest.Settings)
			annotations, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "web")
			beside := made(p, "Ingress")
			if annotations[tc.annotation] == "" || !b.Guarded || len(beside) != 1 || routes.Text(beside[0].Object, "spec",
				"ingressClassName") != tc.field || beside[0].GetAnnotations()[routes.IngressClass] != tc.legacy {
				t.Error(planText(t, p))
			}
		})
	}
}

// No order of anything in a world makes another plan, and none of it is changed.
func TestPlanOfAnyOrder(t *testing.T) {
	var all []string
	files, _ := filepath.Glob("testdata/plan/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(file, "haproxy") { // its Ingress has the name of another
			all = append(all, string(text))
		}
	}
	all = append(all, routestest.HaproxyYAML("proxied", routestest.Opted), routestest.WebYAML("next", "/", "next", appCanary),
		routestest.ConfigYAML("custom-http-errors", "500"),
		"apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: a, annotations: {ingressclass.kubernetes.io/is-default-class: \"true\"}}\nspec: {controller: k8s.io/ingress-nginx}",
		"apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: b, annotations: {ingressclass.kubernetes.io/is-default-class: \"true\"}}\nspec: {controller: traefik.io/ingress-controller}",
		strings.Replace(routestest.WebYAML("none", "/none", "app", routestest.Opted), "  ingressClassName: nginx\n", "", 1))
	want := planText(t, Make(routestest.Snapshot(t, all...), routestest.Settings))
	for seed := range uint64(50) {
		w, r := routestest.Snapshot(t, all...), rand.New(rand.NewPCG(seed, 7))
		shuffle(r, w.Ingresses)
		shuffle(r, w.Classes)
		shuffle(r, w.Services)
		shuffle(r, w.Configs)
		shuffle(r, w.HTTPRoutes)
		shuffle(r, w.Gateways)
		shuffle(r, w.GatewayClasses)
		shuffle(r, w.Policies)
		shuffle(r, w.Render)
		for _, s := range w.Render {
			shuffle(r, s.Endpoints)
		}
		before := w.Ingresses[0].DeepCopy()
		names := slices.Collect(func(yield func(string) bool) {
			for _, o := range w.Ingresses {
				if !yield(o.Name) {
					return
				}
			}
		})
		if got := planText(t, Make(w, routestest.Settings)); got != want {
			t.Fatalf("seed %d: another order, another plan:\n%s", seed, got)
		}
		if !reflect.DeepEqual(before, w.Ingresses[0]) {
			t.Error("an Ingress was changed")
		}
		for i, o := range w.Ingresses {
			if names[i] != o.Name {
				t.Fatal("the world was changed")
			}
		}
	}
}

func shuffle[T any](r *rand.Rand, list []T) {
	r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}

// A wildcard in a policy is one label; in a route of Ingress, too.
func TestClaimedHosts(t *testing.T) {
	for host, is := range map[string]bool{"app.example.com": true, "x.preview.example.com": true, "*.preview.example.com": true,
		"a.b.preview.example.com": false, "*.example.com": false, "other.example.com": false} {
		x := routes.Read(routestest.Snapshot(t), routestest.Settings)
		w := family.NewWants(x, &routes.Route{Rules: &x.Policies[0]})
		if claimed(w, host); (len(w.Findings) == 0) != is {
			t.Errorf("%s: %v", host, w.Findings)
		}
	}
}

// Whatever a route serves and its policy claims, of names and patterns: a host is missed where
// some name of one label more is of no policy's host, and a star is too wide to a Gateway where
// all of those are, and some longer name is not. By names of up to four labels, of which no
// policy writes z.
func TestClaimedHostsAreExact(t *testing.T) {
	zones := []string{"x", "a.x", "b.x", "b.a.x"}
	var names, hosts []string
	level := []string{"x"}
	for range 4 {
		var next []string
		for _, zone := range level {
			next = append(next, "a."+zone, "b."+zone, "z."+zone)
		}
		names, level = append(names, next...), next
	}
	for _, zone := range zones {
		hosts = append(hosts, zone, "*."+zone, "**."+zone)
	}
	stands := func(host, name string) bool {
		stars, zone, _ := strings.Cut(host, ".")
		label, rest, _ := strings.Cut(name, ".")
		switch stars {
		case "*":
			return label != "" && rest == zone
		case "**":
			return strings.HasSuffix(name, "."+zone)
		}
		return host == name
	}
	unclaimed := func(serves string, list []string) bool {
		return slices.ContainsFunc(names, func(n string) bool {
			return stands(serves, n) && !slices.ContainsFunc(list, func(h string) bool { return stands(h, n) })
		})
	}
	x := routes.Read(routestest.Snapshot(t), routestest.Settings)
	for i, one := range hosts {
		for _, other := range hosts[i:] {
			for _, serves := range hosts {
				if strings.HasPrefix(serves, "**.") || serves == "x" {
					continue // no route can have the first, and the names begin below the second
				}
				w := family.NewWants(x, &routes.Route{Rules: &routes.Policy{Hosts: []string{one, other}}})
				claimed(w, serves)
				missed := len(w.Findings) > 0
				width(w, serves)
				wide := len(w.Findings) > 0 && w.Findings[len(w.Findings)-1].Reason == routes.WildcardWidth
				want := unclaimed(serves, w.Rules.Hosts)
				wantWide := !want && strings.HasPrefix(serves, "*.") && unclaimed("*"+serves, w.Rules.Hosts)
				if missed != want || wide != wantWide {
					t.Errorf("%s of a policy of %q: missed %v, want %v; too wide %v, want %v", serves, w.Rules.Hosts, missed, want, wide, wantWide)
				}
			}
		}
	}
}
