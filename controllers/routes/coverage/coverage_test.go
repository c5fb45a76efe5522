// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// TestUnguarded: the head of each file says all that is found in it.
func TestUnguarded(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "coverage", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	reasons := map[string]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			manifests, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var want, got []string
			for l := range strings.Lines(string(manifests)) {
				if f, ok := strings.CutPrefix(strings.TrimSpace(l), "# finds: "); ok {
					want = append(want, f)
				}
			}
			w := routestest.Read(t, routestest.Base, string(manifests))
			findings := Unguarded(w, routestest.Settings, Claims(w))
			if !reflect.DeepEqual(w, routestest.Read(t, routestest.Base, string(manifests))) {
				t.Error("it changes the world, which is a cache's")
			}
			for _, f := range findings {
				got = append(got, routestest.Line(f))
				reasons[f.Reason] = true
				if !strings.Contains(f.Message, f.Object.String()) {
					t.Errorf("the message does not name %s: %s", f.Object, f.Message)
				}
			}
			slices.Sort(want)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("found\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
			}
			if t.Failed() {
				for _, f := range findings {
					t.Log(f.Message)
				}
			}
		})
	}
	for _, r := range []string{routes.NoAuthURL, routes.ForeignAuthURL, routes.OtherNamespace, routes.OtherClass, routes.ServerAlias, routes.DefaultBackend, routes.GlobalAuthOff, routes.NoAuthLocations,
		routes.CustomErrors401, routes.AuthCache, routes.SatisfyAny, routes.AuthMethodSnippet, routes.HTTPRouteNoAuth, routes.IngressRouteNoAuth, routes.TLSPassthrough, routes.ExposedService, routes.RecomputedRoute, routes.ForeignCORS, routes.UnfitProxy} {
		if !reasons[r] {
			t.Errorf("no case finds %s", r)
		}
	}
}

// ingressYAML is an Ingress of the class nginx for one host and path.
func ingressYAML(namespace, name, host, annotations string) string {
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %s, namespace: %s, annotations: {%s}}
spec:
  ingressClassName: nginx
  rules:
  - host: %s
    http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
`, name, namespace, annotations, host)
}

func TestRemarks(t *testing.T) {
	const opted, config = routes.PolicyAnnotation + ": web", "\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: nginx}\ndata: "
	web := ingressYAML("shop", "web", "app.example.com", opted)
	const acme, other = "ingress-nginx sends no auth request for paths", "Ingress shop/old leads old.example.org/ to Service shop/web, to which protected app.example.com leads, too."
	for name, c := range map[string]struct {
		manifests string
		want      []string
	}{
		"as it comes":             {web, []string{acme}},
		"the list is emptied":     {web + config + `{no-auth-locations: ""}`, nil},
		"the list is another":     {web + config + "{no-auth-locations: /health}", nil},
		"the list holds more":     {web + config + "{no-auth-locations: /.well-known}", []string{acme}},
		"another host":            {web + "\n---\n" + ingressYAML("shop", "old", "old.example.org", ""), []string{other, acme}},
		"another host, elsewhere": {web + "\n---\n" + ingressYAML("blog", "old", "old.example.org", ""), []string{acme}},
	} {
		t.Run(name, func(t *testing.T) {
			w := routestest.Read(t, routestest.Base, c.manifests)
			got := Remarks(w, routestest.Settings, Claims(w))
			if len(got) != len(c.want) {
				t.Fatalf("%q, want %q", got, c.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("%q, want %q", got[i], c.want[i])
				}
			}
		})
	}
}

// TestUnapplied: what a plan guards asks, or nobody has carried the plan out.
func TestUnapplied(t *testing.T) {
	w := routestest.Read(t, routestest.Base,
		ingressYAML("shop", "told", "app.example.com", routes.PolicyAnnotation+": web, nginx.ingress.kubernetes.io/auth-url: "+routestest.AuthURL),
		ingressYAML("shop", "untold", "app.example.com", routes.PolicyAnnotation+": web"),
		ingressYAML("shop", "refused", "app.example.com", routes.PolicyAnnotation+": web"))
	plan := plan.Plan{Annotations: map[routes.Ref]map[string]string{}}
	for _, name := range []string{"told", "untold", "refused"} {
		ref := routes.Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Namespace: "shop", Name: name}}
		b := routes.Binding{Route: ref, Policy: types.NamespacedName{Namespace: "shop", Name: "web"}, Hosts: []string{"app.example.com"}, Guarded: name != "refused"}
		if plan.Bindings = append(plan.Bindings, b); b.Guarded {
			plan.Annotations[ref] = map[string]string{routes.NGINXPrefix + "auth-url": routestest.AuthURL}
		}
	}
	var got []string
	for _, f := range Unapplied(w, routestest.Settings, plan.Bindings, plan.Annotations) {
		got = append(got, routestest.Line(f))
	}
	if want := []string{"NotApplied Ingress shop/untold app.example.com shop/web"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestUnguardedScales: a cluster of ten thousand is looked at again and again.
func TestUnguardedScales(t *testing.T) {
	var w routes.Snapshot
	for i := range 10000 {
		host := fmt.Sprintf("app%d.example.com", i)
		w.Policies = append(w.Policies, routes.Policy{NamespacedName: types.NamespacedName{Namespace: "shop", Name: fmt.Sprint("p", i)}})
		ing := randomIngress(rand.New(rand.NewPCG(uint64(i), 0)), i)
		ing.Namespace, ing.Annotations = "shop", map[string]string{routes.PolicyAnnotation: fmt.Sprint("p", i)}
		ing.Spec.DefaultBackend = nil
		ing.Spec.Rules = []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{}}}}
		w.Ingresses = append(w.Ingresses, ing)
		route := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"hostnames": []any{host}}}}
		route.SetKind("HTTPRoute")
		route.SetName(fmt.Sprint("r", i))
		w.HTTPRoutes = append(w.HTTPRoutes, route)
		policy := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"targetRefs": []any{map[string]any{"kind": "HTTPRoute", "name": route.GetName()}}}}}
		w.SecurityPolicies = append(w.SecurityPolicies, policy)
		middleware := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"forwardAuth": map[string]any{"address": "http://ostiary-authz.ostiary:9001/authz/v1/forward"}}}}
		middleware.SetName(fmt.Sprint("m", i))
		w.Middlewares = append(w.Middlewares, middleware)
	}
	start := time.Now()
	if findings := Unguarded(w, routestest.Settings, Claims(w)); len(findings) > 0 {
		t.Errorf("found %v", findings[0])
	}
	if took := time.Since(start); took > 20*time.Second { // 0.2 s alone; what looks at all for each takes minutes
		t.Errorf("it takes %s", took)
	}
	for _, ing := range w.Ingresses { // of somebody else now
		ing.Annotations = nil
	}
	for i := range w.Policies {
		w.Policies[i].Hosts = []string{w.Ingresses[i].Spec.Rules[0].Host}
		w.Ingresses[i].Spec.Rules[0].HTTP.Paths = []networkingv1.HTTPIngressPath{{Path: "/"}}
	}
	start = time.Now()
	if findings := Unguarded(w, routestest.Settings, Claims(w)); len(findings) != len(w.Ingresses) {
		t.Errorf("found %d", len(findings))
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it takes %s", took)
	}
}

// TestAppliedPlansAsk: what Make writes is what is taken for a question to us, for
// each proxy and mode; nothing that it makes goes around a policy.
func TestAppliedPlansAsk(t *testing.T) {
	for name, c := range map[string]struct{ class, annotations string }{
		"render":        {"nginx", ""},
		"global":        {"nginx", routes.ModeAnnotation + ": global"},
		"canary":        {"nginx", routes.ModeAnnotation + ": canary"},
		"static":        {"nginx", routes.ModeAnnotation + ": static"},
		"traefik":       {"traefik", ""},
		"traefik-nginx": {"nginx", routes.ProxyAnnotation + ": traefik-ingress-nginx"},
		"haproxy":       {"haproxy", ""},
	} {
		t.Run(name, func(t *testing.T) {
			annotations := strings.TrimSuffix(routes.PolicyAnnotation+": web, "+c.annotations, ", ")
			w := routestest.Read(t, routestest.Base, strings.Replace(ingressYAML("shop", "web", "app.example.com", annotations), "ingressClassName: nginx", "ingressClassName: "+c.class, 1))
			w.Served = map[string]bool{"Middleware.traefik.io": true, "IngressRoute.traefik.io": true}
			plan := plan.Make(w, routestest.Settings)
			if got := Unapplied(w, routestest.Settings, plan.Bindings, plan.Annotations); len(got) != 1 || got[0].Reason != routes.NotApplied {
				t.Fatalf("before: %v", got)
			}
			for _, o := range plan.Objects {
				if slices.Contains([]string{"Ingress", "Service", "Middleware", "IngressRoute"}, o.GetKind()) {
					routestest.Put(t, &w, o)
				}
			}
			for key, value := range plan.Annotations[routes.IngressRef(w.Ingresses[0])] {
				w.Ingresses[0].Annotations[key] = value
			}
			if got := Unapplied(w, routestest.Settings, plan.Bindings, plan.Annotations); len(got) != 0 {
				t.Errorf("after: %v", got)
			}
			// Not even if nobody knew that it opted in.
			delete(w.Ingresses[0].Annotations, routes.PolicyAnnotation)
			if got := Unguarded(w, routestest.Settings, Claims(w)); len(got) != 0 {
				t.Errorf("goes around: %v", got)
			}
		})
	}
}
