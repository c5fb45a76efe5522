// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"maps"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// target ends an auth-url, written out: a change in contract does not go unseen.
const target = "/$request_method/$host$request_uri"

// FuzzCopiedPaths: whatever an Ingress has for a path, no Ingress of ours has one that is
// more than a path; what is left out is told; and the question stays as it was.
func FuzzCopiedPaths(f *testing.F) {
	for _, path := range []string{"/", "/api", "/a%20b", "/~x/-._:@!&,=", "/foo/ { proxy_pass http://127.0.0.1; } location /x", "/a b", "/\n", "/`", `/"`, "/a;b", "/$x", "/(x|y)", "/x*", "/é", "x", "/a\x00", "/#", "/?", "/a'b", "/{a}", "/a\\b"} {
		f.Add(path, "Prefix", "canary", true)
		f.Add(path, "ImplementationSpecific", "", false)
	}
	f.Fuzz(func(t *testing.T, path, kind, mode string, nginx bool) {
		if path == "" {
			return // the whole host
		}
		w := routestest.Snapshot(t)
		class, pathType := "nginx", networkingv1.PathType(kind)
		if !nginx {
			class = "haproxy"
			w.Classes = append(w.Classes, &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: class}, Spec: networkingv1.IngressClassSpec{Controller: "haproxy-ingress.github.io/controller"}})
		}
		ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "fuzzed", Annotations: map[string]string{routes.PolicyAnnotation: "web", routes.ModeAnnotation: mode}}}
		ing.Spec.IngressClassName = &class
		backend := networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "fuzzed", Port: networkingv1.ServiceBackendPort{Number: 80}}}
		ing.Spec.Rules = []networkingv1.IngressRule{{Host: "fuzzed.example.com", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Path: "/plain", PathType: &pathType, Backend: backend}, {Path: path, PathType: &pathType, Backend: backend}}}}}}
		w.Ingresses = append(w.Ingresses, ing)
		p := Make(w, routestest.Settings)
		copied := false
		for _, o := range p.Objects {
			if o.GetKind() != "Ingress" || o.GetNamespace() != routestest.Settings.Namespace {
				continue
			}
			for _, at := range pathsIn(o) {
				if strings.Trim(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.~-%:@!&,=") != "" || !strings.HasPrefix(at, "/") {
					t.Errorf("%s has the path %q", o.GetName(), at)
				}
				copied = copied || at == path && !strings.HasPrefix(o.GetName(), "ostiary-access")
			}
		}
		ref := routes.IngressRef(ing)
		if len(p.Guards[ref]) == 0 {
			t.Errorf("%q: nobody is asked: %v", path, p.Findings)
		}
		told := slices.ContainsFunc(p.Findings, func(f routes.Finding) bool { return f.Reason == routes.OddPath && f.Object == ref })
		if (mode == string(routes.Canary) || !nginx) && copied == told {
			t.Errorf("%q: copied %v, told %v", path, copied, told)
		}
		if pass := strings.Contains(p.Annotations[ref][routes.NGINXAuthURL.Key()], "/nginx-pass/"); pass && !copied {
			t.Errorf("%q: preflights are let pass, and nothing takes them", path)
		}
	})
}

func pathsIn(o *unstructured.Unstructured) (out []string) {
	for _, rule := range routes.Objects(o.Object, "spec", "rules") {
		for _, at := range routes.Objects(rule, "http", "paths") {
			out = append(out, routes.Text(at, "path"))
		}
	}
	return out
}

// TestMarkedObjects: what the platform wants on objects is on each of them, and takes
// nothing of ours away.
func TestMarkedObjects(t *testing.T) {
	w := routestest.Snapshot(t, routestest.WebYAML("web", "/", "app", routestest.Opted), routestest.WebYAML("two", "/two", "two", asCanary))
	w.Ingresses[len(w.Ingresses)-1].Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"app.example.com"}}}
	s := routestest.Settings
	s.Labels, s.Annotations = map[string]string{"team": "platform", routes.RouteLabel: "stolen"}, map[string]string{"example.com/owner": "x", routes.ForAnnotation: "y"}
	p := Make(w, s)
	all := slices.Clone(p.Objects)
	for _, f := range p.Fallbacks {
		all = append(all, f.Object)
	}
	if len(p.Objects) < 4 || len(p.Fallbacks) == 0 {
		t.Fatalf("%d objects, %d fallbacks", len(p.Objects), len(p.Fallbacks))
	}
	for _, o := range all {
		if l, a := o.GetLabels(), o.GetAnnotations(); l["team"] != "platform" || a["example.com/owner"] != "x" || l[routes.RouteLabel] == "stolen" || a[routes.ForAnnotation] == "y" {
			t.Errorf("%s %s: %v %v", o.GetKind(), o.GetName(), l, a)
		}
	}
}

// TestLeftovers: what the API server put there and nobody owns goes when an Ingress names
// no policy any more; what people wrote, and what asks about another, stays.
func TestLeftovers(t *testing.T) {
	url := routestest.Settings.AuthzURL + "/authz/v1/nginx/shop/web" + target
	fields := func(keys ...string) []metav1.ManagedFieldsEntry {
		var all []string
		for _, k := range keys {
			all = append(all, `"f:`+k+`":{}`)
		}
		return []metav1.ManagedFieldsEntry{{Manager: "people", Operation: "Update", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{` + strings.Join(all, ",") + `}}}`)}}
	}
	const key, headers = routes.NGINXPrefix + "auth-url", routes.NGINXPrefix + "auth-response-headers"
	for name, c := range map[string]struct {
		has   map[string]string
		owned []string
		opted bool
		want  string
	}{
		"nothing":                {nil, nil, false, ""},
		"both":                   {map[string]string{key: url, headers: "X"}, nil, false, headers + " " + key},
		"one is people's":        {map[string]string{key: url, headers: "X"}, []string{headers}, false, key},
		"the question is":        {map[string]string{key: url, headers: "X"}, []string{key}, false, ""},
		"of another Ingress":     {map[string]string{key: strings.ReplaceAll(url, "/web/", "/other/")}, nil, false, ""},
		"of somebody else":       {map[string]string{key: "http://other/"}, nil, false, ""},
		"it names a policy":      {map[string]string{key: url}, nil, true, ""},
		"Traefik":                {map[string]string{routes.TraefikMiddlewares.Key(): "shop-ostiary-strip-web@kubernetescrd,shop-ostiary-auth-web@kubernetescrd"}, nil, false, routes.TraefikMiddlewares.Key()},
		"Traefik, and people's":  {map[string]string{routes.TraefikMiddlewares.Key(): "shop-ostiary-strip-web@kubernetescrd,shop-ostiary-auth-web@kubernetescrd,x@file"}, nil, false, ""},
		"haproxy":                {map[string]string{routes.HAProxyPrefix + "auth-url": "svc://a/b:1/authz/v1/forward/shop/web", routes.HAProxyPrefix + "auth-method": "GET"}, nil, false, routes.HAProxyPrefix + "auth-method " + routes.HAProxyPrefix + "auth-url"},
		"annotations of no kind": {map[string]string{key: url, "a/b": "c"}, nil, false, key},
	} {
		ing := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Annotations: maps.Clone(c.has), ManagedFields: fields(c.owned...)}}
		if c.opted {
			ing.Annotations[routes.PolicyAnnotation] = "web"
		}
		if got := strings.Join(family.Leftovers(ing, false), " "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestQuestionOfBefore: what the API server wrote by settings that are not in force any
// more is nobody's, and is replaced; what people wrote is theirs.
func TestQuestionOfBefore(t *testing.T) {
	for owner, foreign := range map[string]bool{routes.PolicyAnnotation: false, routes.NGINXAuthURL.Key(): true} {
		w := routestest.Snapshot(t, routestest.WebYAML("web", "/", "app", routestest.Opted))
		ing := w.Ingresses[len(w.Ingresses)-1]
		ing.Annotations[routes.NGINXAuthURL.Key()] = "http://elsewhere.example:1/authz/v1/nginx/shop/web" + target
		ing.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "people", Operation: "Update", FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{"f:annotations":{"f:` + owner + `":{}}}}`)}}
		p := Make(w, routestest.Settings)
		told := slices.ContainsFunc(p.Findings, func(f routes.Finding) bool { return f.Reason == routes.ForeignAuth })
		planned := strings.HasPrefix(p.Guards[routes.IngressRef(ing)][routes.NGINXAuthURL.Key()], routestest.Settings.AuthzURL)
		if told != foreign || planned == foreign {
			t.Errorf("%s is people's: told %v, planned %v", owner, told, planned)
		}
	}
}
