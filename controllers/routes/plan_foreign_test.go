// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
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
		"an auth-url of others":          {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+"auth-url: http://x/")}, ForeignAuth, "", false, "remove auth-url"},
		"an auth-url to us by hand":      {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+"auth-url: "+ours+"/nginx"+target)}, ForeignAuth, "", true, "any policy"},
		"an auth-url of another Ingress": {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+"auth-url: "+ours+"/nginx/shop/other"+target)}, ForeignAuth, "", true, "any policy"},
		"other response headers":         {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+"auth-response-headers: X-User")}, ForeignAnnotation, "auth-url custom-http-errors default-backend disable-proxy-intercept-errors", true, "as a visitor wrote it"},
		"error pages of its own":         {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+`custom-http-errors: "404,503", `+nginxAnn+"default-backend: pages")}, ForeignAnnotation, askOnly, true, "error pages of its own"},
		"the same error pages":           {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+`custom-http-errors: "401,403"`)}, "", askRender, true, ""},
		"a backend in the way of global": {[]string{webYAML("web", "/", "app", asGlobal+", "+nginxAnn+"default-backend: pages")}, ForeignAnnotation, askOnly, true, "default-backend"},
		"interception":                   {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+`disable-proxy-intercept-errors: "false"`)}, ForeignAnnotation, askOnly, true, "disable-proxy-intercept-errors"},
		"CORS by the proxy":              {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+`enable-cors: "true"`)}, ForeignCORS, askRender, true, "spec.cors"},
		"CORS by the proxy, static":      {[]string{webYAML("web", "/", "app", asStatic+", "+nginxAnn+`enable-cors: "true", `+nginxAnn+"cors-allow-origin: https://x.example")}, ForeignCORS + " " + NotProjectable, askOnly, true, "cors-allow-origin"},
		"a rest of CORS, static":         {[]string{webYAML("web", "/", "app", asStatic+", "+nginxAnn+"cors-expose-headers: X-Other")}, NotProjectable, askOnly, true, "cors-expose-headers"},
		"a cache":                        {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+"auth-cache-key: $cookie_a")}, AuthCache, askRender, false, "another"},
		"FastCGI":                        {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+"backend-protocol: FCGI")}, BackendProtocol, askRender, false, "HTTP"},
		"GRPC, render":                   {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+"backend-protocol: GRPC")}, "", askRender, true, ""},
		"AUTO_HTTP, canary":              {[]string{webYAML("web", "/", "app", asCanary+", "+nginxAnn+"backend-protocol: auto_http")}, BackendProtocol, askOnly, true, "AUTO_HTTP"},
		"a rewrite, canary":              {[]string{webYAML("web", "/", "app", asCanary+", "+nginxAnn+"rewrite-target: /x")}, RewrittenTarget, askOnly, true, "rewrite-target"},
		"a vhost, canary":                {[]string{webYAML("web", "/", "app", asCanary+", "+nginxAnn+"upstream-vhost: x")}, RewrittenTarget, askOnly, true, "upstream-vhost"},
		"a default backend, canary":      {[]string{strings.Replace(webYAML("web", "/", "app", asCanary), "spec:", "spec:\n  defaultBackend: {service: {name: app, port: {number: 80}}}", 1)}, DefaultBackend, askOnly, true, "default backend"},
		"the Service of a canary":        {[]string{webYAML("web", "/", "app", opted), webYAML("next", "/elsewhere", "app", appCanary)}, AppCanary, askOnly, true, "shop/next"},
		"a canary of another namespace":  {[]string{webYAML("web", "/", "app", opted), strings.Replace(webYAML("next", "/", "next", appCanary), "namespace: shop", "namespace: evil", 1)}, AppCanary, askOnly, true, "evil/next"},
		"a canary of another class":      {[]string{webYAML("web", "/", "app", opted), strings.Replace(webYAML("next", "/", "next", appCanary), "ClassName: nginx", "ClassName: internal", 1)}, AppCanary, askOnly, true, "shop/next"},
		"somebody at our path":           {[]string{webYAML("web", "/", "app", opted), webYAML("taken", "/.access", "x", "")}, LoginPathTaken, askRender, true, "shop/taken"},
		"401 in a ConfigMap":             {[]string{webYAML("web", "/", "app", opted), configYAML("custom-http-errors", "401,500")}, CustomErrors401, askRender, false, "CVE-2026-24513"},
		"500 in a ConfigMap":             {[]string{webYAML("web", "/", "app", opted), configYAML("custom-http-errors", "500")}, InterceptedErrors, askRender, true, "disable-proxy-intercept-errors"},
		"a path that nobody asks about":  {[]string{webYAML("web", "/public/x", "app", opted), configYAML("no-auth-locations", "/public")}, NoAuthLocations, askRender, false, "/public"},
		"another such path":              {[]string{webYAML("web", "/", "app", opted), configYAML("no-auth-locations", "/public")}, "", askRender, true, ""},
		"a risk level":                   {[]string{webYAML("web", "/", "app", opted), configYAML("annotations-risk-level", "Medium")}, AnnotationsRefused, askRender, false, "High"},
		"underscores":                    {[]string{webYAML("web", "/", "app", opted), configYAML("enable-underscores-in-headers", "true")}, UnderscoreHeaders, askRender, true, "X_Access_Email"},
		"global, not prepared":           {[]string{webYAML("web", "/", "app", asGlobal), configYAML("use-http2", "true")}, ModeUnprepared, askOnly + " custom-http-errors disable-proxy-intercept-errors", true, "render ingress-nginx --mode global"},
		"global, prepared":               {[]string{webYAML("web", "/", "app", asGlobal), configYAML("location-snippet", "error_page 401 403 = @ostiary;")}, "", askOnly, true, ""},
		"a blocked word":                 {[]string{webYAML("web", "/", "app", opted), configYAML("annotation-value-word-blocklist", "load_module,request_uri")}, AnnotationsRefused, askRender, false, "request_uri"},
		"a blocked word of people's":     {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+"proxy-body-size: 8m"), configYAML("annotation-value-word-blocklist", "8m")}, AnnotationsRefused, askRender, false, "8m"},
		"a blocked word with its blank":  {[]string{webYAML("web", "/", "app", opted), configYAML("annotation-value-word-blocklist", "load_module, request_uri")}, "", askRender, true, ""},
		"an empty blocked word":          {[]string{webYAML("web", "/", "app", opted), configYAML("annotation-value-word-blocklist", "load_module,")}, AnnotationsRefused, askRender, false, `""`},
		"a risk level of nothing":        {[]string{webYAML("web", "/", "app", opted), configYAML("annotations-risk-level", "")}, AnnotationsRefused, askRender, false, "High"},
		"a risk level with a blank":      {[]string{webYAML("web", "/", "app", opted), configYAML("annotations-risk-level", "High ")}, AnnotationsRefused, askRender, false, "High"},
		"a snippet":                      {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+"configuration-snippet: gzip on;"), configYAML("use-http2", "true")}, AnnotationsRefused, askRender, false, "Critical"},
		"a snippet that is admitted":     {[]string{webYAML("web", "/", "app", opted+", "+nginxAnn+"configuration-snippet: gzip on;"), configYAML("annotations-risk-level", "critical")}, "", askRender, true, ""},
		"underscores, spelt otherwise":   {[]string{webYAML("web", "/", "app", opted), configYAML("enable-underscores-in-headers", "1")}, UnderscoreHeaders, askRender, true, "X_Access_Email"},
		"+401 in a ConfigMap":            {[]string{webYAML("web", "/", "app", opted), configYAML("custom-http-errors", "+401")}, CustomErrors401, askRender, false, "CVE-2026-24513"},

		"Middlewares of others":    {[]string{traefikYAML(opted + ", traefik.ingress.kubernetes.io/router.middlewares: shop-gzip@kubernetescrd")}, ForeignAuth, "", false, "Let it begin with " + middlewares},
		"Middlewares after ours":   {[]string{traefikYAML(opted + `, traefik.ingress.kubernetes.io/router.middlewares: "` + middlewares + `,shop-gzip@kubernetescrd"`)}, "", "", true, ""},
		"Middlewares before ours":  {[]string{traefikYAML(opted + `, traefik.ingress.kubernetes.io/router.middlewares: "shop-gzip@kubernetescrd,` + middlewares + `"`)}, ForeignAnnotation, "", true, "begin with"},
		"a priority":               {[]string{traefikYAML(opted + `, traefik.ingress.kubernetes.io/router.priority: "9000"`)}, PriorityTooHigh, "traefik.ingress.kubernetes.io/router.middlewares", true, "less than 9000"},
		"haproxy, an auth-url":     {[]string{haproxyYAML("web", opted+", haproxy-ingress.github.io/auth-url: http://x/")}, ForeignAuth, "", false, "Remove it"},
		"haproxy, other headers":   {[]string{haproxyYAML("web", opted+", haproxy-ingress.github.io/request-set-headers: 'X-A: b'")}, ForeignAnnotation, "", false, "could say"},
		"haproxy, asked too early": {[]string{haproxyYAML("web", opted+", haproxy-ingress.github.io/auth-external-placement: frontend")}, RewrittenTarget, "", false, "Remove it"},
		"haproxy, CORS":            {[]string{haproxyYAML("web", opted+`, haproxy-ingress.github.io/cors-enable: "true"`)}, ForeignCORS, "", true, "spec.cors"},
		"haproxy, a shared Service": {[]string{haproxyYAML("web", opted), haproxyYAML("other", "haproxy-ingress.github.io/request-set-headers: 'X-A: b'")},
			SharedService, "", false, "shop/other"},
	} {
		t.Run(name, func(t *testing.T) {
			w := planWorld(t, tc.world...)
			p := Make(w, coverageSettings)
			checkPlan(t, p)
			annotations, b := routeOf(t, p.Annotations, p.Bindings, "web")
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
			carryOut(t, &w, p.Objects, p.Annotations)
			if again := planText(t, Make(w, coverageSettings)); again != planText(t, p) {
				t.Errorf("carried out, it leads to another plan:\n%s", again)
			}
		})
	}
}

// What we wrote with other settings is ours to change, and not somebody else's.
func TestWhatWeOwnIsNotForeign(t *testing.T) {
	w := planWorld(t, webYAML("web", "/", "app", opted+", "+nginxAnn+"auth-url: http://old:9001/authz/v1/nginx/shop/web"+target+", "+nginxAnn+"default-backend: old"))
	w.Ingresses[0].ManagedFields = []metav1.ManagedFieldsEntry{
		{Manager: "kubectl", Operation: metav1.ManagedFieldsOperationUpdate, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)},
		{Manager: FieldManager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(
			`{"f:metadata":{"f:annotations":{"f:` + nginxAnn + `auth-url":{},"f:` + nginxAnn + `default-backend":{}}}}`)},
	}
	p := Make(w, coverageSettings)
	if annotations, b := routeOf(t, p.Annotations, p.Bindings, "web"); !b.Guarded || keys(annotations) != askRender || len(p.Findings) > 0 {
		t.Error(planText(t, p))
	}
}

// Without pods of ours refusals are the proxy's 404, which is said where it can be known.
func TestNoRenderEndpoints(t *testing.T) {
	w := planWorld(t, webYAML("web", "/", "app", opted))
	w.Render = nil
	if p := Make(w, coverageSettings); len(p.Findings) > 0 {
		t.Error("of files nobody knows the pods:", p.Findings)
	}
	w = planWorld(t, webYAML("web", "/", "app", opted), "apiVersion: v1\nkind: Service\nmetadata: {name: ostiary-render, namespace: ostiary}\nspec: {ports: [{port: 9003}]}")
	w.Render = nil
	p := Make(w, coverageSettings)
	if _, b := routeOf(t, p.Annotations, p.Bindings, "web"); !b.Guarded || strings.Join(reasons(p), " ") != NoRenderEndpoints || len(made(p, "Service")) != 1 || len(made(p, "EndpointSlice")) != 0 {
		t.Error(planText(t, p))
	}
}

// A canary that appears takes the error pages away, and the question stays.
func TestCanaryAppears(t *testing.T) {
	w := planWorld(t, webYAML("web", "/", "app", opted))
	p := Make(w, coverageSettings)
	carryOut(t, &w, p.Objects, p.Annotations)
	with := planWorld(t, webYAML("next", "/", "next", appCanary))
	w.Ingresses = append(w.Ingresses, with.Ingresses...)
	p = Make(w, coverageSettings)
	annotations, b := routeOf(t, p.Annotations, p.Bindings, "web")
	if keys(annotations) != askOnly || !b.Guarded || strings.Join(reasons(p), " ") != AppCanary || len(made(p, "Service")) > 0 {
		t.Error(planText(t, p))
	}
}

func TestUnknownProxySaysWhatToDo(t *testing.T) {
	plain := webYAML("web", "/", "app", opted)
	for name, tc := range map[string]struct{ world, says string }{
		"a class of others":  {strings.Replace(plain, "ClassName: nginx", "ClassName: kong", 1), "the annotation access.ostiary.dev/proxy on the IngressClass or on the Ingress"},
		"no class":           {strings.Replace(plain, "  ingressClassName: nginx\n", "", 1), "no IngressClass is the default"},
		"a proxy that isn't": {webYAML("web", "/", "app", opted+", access.ostiary.dev/proxy: nginx"), "names no proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			p := Make(planWorld(t, tc.world), coverageSettings)
			if len(p.Findings) != 1 || p.Findings[0].Reason != UnknownProxy || !strings.Contains(p.Findings[0].Message, tc.says) || !strings.Contains(p.Findings[0].Message, "ingress-nginx") || len(p.Annotations) > 0 {
				t.Error(planText(t, p))
			}
		})
	}
}

// Which proxy it is, and by which words what stands beside it says the same.
func TestClasses(t *testing.T) {
	plain := webYAML("web", "/", "app", opted)
	noClass := strings.Replace(plain, "  ingressClassName: nginx\n", "", 1)
	for name, tc := range map[string]struct{ world, annotation, field, legacy string }{
		"field":             {plain, nginxPrefix + "auth-url", "nginx", ""},
		"legacy":            {strings.Replace(noClass, opted, opted+", kubernetes.io/ingress.class: nginx", 1), nginxPrefix + "auth-url", "", "nginx"},
		"legacy, no class":  {strings.Replace(noClass, opted, opted+", kubernetes.io/ingress.class: mine, access.ostiary.dev/proxy: traefik", 1), traefikPrefix + "router.middlewares", "", "mine"},
		"default":           {noClass + "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: main, annotations: {ingressclass.kubernetes.io/is-default-class: \"true\"}}\nspec: {controller: k8s.io/ingress-nginx}", nginxPrefix + "auth-url", "main", ""},
		"said by the class": {strings.Replace(plain, "ClassName: nginx", "ClassName: aks", 1) + "---\napiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: aks, annotations: {access.ostiary.dev/proxy: ingress-nginx}}\nspec: {controller: example.com/nginx}", nginxPrefix + "auth-url", "aks", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := Make(planWorld(t, tc.world), coverageSettings)
			annotations, b := routeOf(t, p.Annotations, p.Bindings, "web")
			beside := made(p, "Ingress")
			if annotations[tc.annotation] == "" || !b.Guarded || len(beside) != 1 || text(beside[0].Object, "spec", "ingressClassName") != tc.field || beside[0].GetAnnotations()[ingressClass] != tc.legacy {
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
	all = append(all, haproxyYAML("proxied", opted), webYAML("next", "/", "next", appCanary), configYAML("custom-http-errors", "500"),
		"apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: a, annotations: {ingressclass.kubernetes.io/is-default-class: \"true\"}}\nspec: {controller: k8s.io/ingress-nginx}",
		"apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: b, annotations: {ingressclass.kubernetes.io/is-default-class: \"true\"}}\nspec: {controller: traefik.io/ingress-controller}",
		strings.Replace(webYAML("none", "/none", "app", opted), "  ingressClassName: nginx\n", "", 1))
	want := planText(t, Make(planWorld(t, all...), coverageSettings))
	for seed := range uint64(50) {
		w, r := planWorld(t, all...), rand.New(rand.NewPCG(seed, 7))
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
		if got := planText(t, Make(w, coverageSettings)); got != want {
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

// No two names become one, and all of them are fit.
func TestNames(t *testing.T) {
	long := strings.Repeat("a", 250)
	seen := map[string]string{}
	for _, name := range []string{"a", "a.b", "a-b", "a.b.c", long, long + ".b", long[:60], strings.Repeat("a.", 40) + "a"} {
		s := serviceName("render", name)
		if len(s) > labelMax || strings.Contains(s, ".") || seen[s] != "" {
			t.Errorf("%s of %s and %s", s, name, seen[s])
		}
		seen[s] = name
	}
	if a, b := centralName("canary", "a", "b.c"), centralName("canary", "a.b", "c"); a != b || len(centralName("x", long, long)) > subdomainMax {
		t.Error(a, b) // no namespace has a dot
	}
	if got := hostName("access", "*."+long); len(got) > subdomainMax || strings.Contains(got, "*") {
		t.Error(got)
	}
	if got := middlewareRef("a--b", "c.d"); got != "a-b-c-d@kubernetescrd" {
		t.Error(got)
	}
	strip := func(ref Ref) string { return newPlanner(Read(planWorld(t), coverageSettings)).middlewares(ref)[0] }
	if a, b := strip(Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Name: "route-x"}}), strip(Ref{Kind: "HTTPRoute", NamespacedName: types.NamespacedName{Name: "x"}}); a == b {
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
		values, cannot := projected(&CORS{Origins: []string{origin}, Methods: []string{method}, Headers: []string{header}, Exposed: []string{exposed}, MaxAge: age, Credentials: credentials})
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

// A wildcard in a policy is one label; in a route of Ingress, too.
func TestClaimedHosts(t *testing.T) {
	for host, claimed := range map[string]bool{"app.example.com": true, "x.preview.example.com": true, "*.preview.example.com": true, "a.b.preview.example.com": false, "*.example.com": false, "other.example.com": false} {
		p := newPlanner(Read(planWorld(t), coverageSettings))
		p.claimed(Ref{}, types.NamespacedName{}, &p.Policies[0], host)
		if (len(p.plan.Findings) == 0) != claimed {
			t.Errorf("%s: %v", host, p.plan.Findings)
		}
	}
}
