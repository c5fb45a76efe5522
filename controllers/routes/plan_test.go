// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the plans of testdata anew")

// planWorld is a world with everything served, a policy, and two pods of ours.
func planWorld(t *testing.T, manifests ...string) World {
	t.Helper()
	w := coverageWorld(t, append([]string{coverageBase}, manifests...)...)
	w.Served = map[string]bool{}
	for _, kind := range []string{"Middleware.traefik.io", "IngressRoute.traefik.io", "ReferenceGrant.gateway.networking.k8s.io", "SecurityPolicy.gateway.envoyproxy.io"} {
		w.Served[kind] = true
	}
	w.Policies[0].Hosts = append(w.Policies[0].Hosts, "*.preview.example.com")
	w.Policies[0].CORS = &CORS{Origins: []string{"https://spa.example.com", "https://*.dev.example.com"}, Methods: []string{"GET", "POST"}, Headers: []string{"content-type"}, Credentials: true, MaxAge: 600}
	port, ready, not := int32(9003), true, false
	w.Render = []*discoveryv1.EndpointSlice{{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Port: &port}}, Endpoints: []discoveryv1.Endpoint{
		{Addresses: []string{"10.0.0.2"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}, {Addresses: []string{"10.0.0.1"}}, {Addresses: []string{"10.0.0.3"}, Conditions: discoveryv1.EndpointConditions{Ready: &not}}}}}
	return w
}

// planText writes a plan for people.
func planText(t *testing.T, p Plan) string {
	t.Helper()
	var b strings.Builder
	put := func(v any) {
		text, err := yaml.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("---\n" + string(text))
	}
	annotations := map[string]map[string]string{}
	for ref, all := range p.Annotations {
		annotations[ref.String()] = all
	}
	guarded := map[string]bool{}
	for _, o := range p.Bindings {
		guarded[o.Route.String()] = o.Guarded
	}
	var findings []string
	for _, f := range p.Findings {
		findings = append(findings, f.Reason+" ("+f.Policy.String()+"): "+f.Message)
	}
	put(map[string]any{"annotations": annotations, "guarded": guarded, "findings": findings})
	for _, o := range p.Objects {
		put(o.Object)
	}
	return b.String()
}

func TestPlans(t *testing.T) {
	files, _ := filepath.Glob("testdata/plan/*.yaml")
	if len(files) < 4 {
		t.Fatal(files)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := planText(t, Make(planWorld(t, string(text)), coverageSettings))
			golden := strings.TrimSuffix(file, ".yaml") + ".plan"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("the plan is not that of %s (go test -update writes it anew; %v):\n%s", golden, err, got)
			}
		})
	}
}

// carryOut puts a plan into its world, as the cluster would show it.
func carryOut(t *testing.T, w *World, p Plan) {
	t.Helper()
	for _, o := range p.Objects {
		switch o.GetKind() {
		case "Ingress":
			into := new(networkingv1.Ingress)
			if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, into, true); err != nil {
				t.Fatal(err)
			}
			w.Ingresses = append(w.Ingresses, into)
		case "HTTPRoute":
			w.HTTPRoutes = append(w.HTTPRoutes, o.DeepCopy())
		case "IngressRoute":
			w.IngressRoutes = append(w.IngressRoutes, o.DeepCopy())
		case "Middleware":
			w.Middlewares = append(w.Middlewares, o.DeepCopy())
		case "SecurityPolicy":
			w.SecurityPolicies = append(w.SecurityPolicies, o.DeepCopy())
		case "Service", "EndpointSlice", "ReferenceGrant":
		default:
			t.Fatalf("a plan with a %s", o.GetKind())
		}
	}
	for _, ing := range w.Ingresses {
		for k, v := range p.Annotations[ingressRef(ing)] {
			ing.Annotations[k] = v
		}
	}
}

// A plan depends on no order, and planning for what it leads to gives it again. What
// it guards is seen to be guarded by who looks from outside.
func TestPlanIsStable(t *testing.T) {
	files, _ := filepath.Glob("testdata/plan/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		world := func() World { return planWorld(t, string(text)) }
		want := planText(t, Make(world(), coverageSettings))
		for seed := range uint64(5) {
			w, r := world(), rand.New(rand.NewPCG(seed, 1))
			r.Shuffle(len(w.Ingresses), func(i, j int) { w.Ingresses[i], w.Ingresses[j] = w.Ingresses[j], w.Ingresses[i] })
			r.Shuffle(len(w.HTTPRoutes), func(i, j int) { w.HTTPRoutes[i], w.HTTPRoutes[j] = w.HTTPRoutes[j], w.HTTPRoutes[i] })
			r.Shuffle(len(w.Gateways), func(i, j int) { w.Gateways[i], w.Gateways[j] = w.Gateways[j], w.Gateways[i] })
			if got := planText(t, Make(w, coverageSettings)); got != want {
				t.Errorf("%s: another order, another plan:\n%s", file, got)
			}
		}
		w := world()
		p := Make(w, coverageSettings)
		carryOut(t, &w, p)
		if got := planText(t, Make(w, coverageSettings)); got != want {
			t.Errorf("%s, carried out, leads to another plan:\n%s", file, got)
		}
		if left := Unapplied(w, coverageSettings, p); len(left) > 0 {
			t.Errorf("%s, carried out, does not ask: %v", file, left)
		}
		for _, f := range Unguarded(w, coverageSettings, Claims(w)) {
			t.Errorf("%s, carried out: %s", file, f.Message)
		}
	}
}

// What a plan may never hold, whatever the world: a snippet, or an expression that a
// name, a host or a path was let into.
func checkPlan(t *testing.T, p Plan) {
	t.Helper()
	check := func(annotations map[string]string) {
		for k, v := range annotations {
			if strings.Contains(k, "snippet") || strings.HasSuffix(k, "auth-cache-key") {
				t.Errorf("a plan with %s", k)
			}
			if strings.ContainsAny(v, "\"';`{}\\\r\x00") && !strings.HasSuffix(k, "request-set-headers") && !strings.HasPrefix(k, traefikPrefix) && k != ForAnnotation && k != ingressClass && k != haproxyPrefix+"path-type" {
				t.Errorf("%s: %q", k, v)
			}
		}
	}
	for _, all := range p.Annotations {
		check(all)
	}
	const quoted = `"(?:[^"\\\n]|\\.)*"`
	rule := regexp.MustCompile(`^Host\(` + quoted + `\) && (Path\(` + quoted + `\)|PathRegexp\(` + quoted + `\)|PathPrefix\(` + "`/`" + `\)|\(Path\(` + quoted + `\) \|\| PathPrefix\(` + quoted + `\)\))` +
		" && (Method\\(`OPTIONS`\\) && HeaderRegexp\\(`Origin`, `\\.\\+`\\) && HeaderRegexp\\(`Access-Control-Request-Method`, `\\.\\+`\\)|" +
		regexp.QuoteMeta("(HeaderRegexp(`Upgrade`, `"+NotWebSocket+"`) || HeaderRegexp(`HTTP2-Settings`, `^`))") + ")$")
	for _, o := range p.Objects {
		if !ours(o) || o.GetAnnotations()[ForAnnotation] == "" || len(o.GetName()) > labelMax && o.GetKind() == "Service" {
			t.Errorf("%s %s carries no mark of ours, or its name is too long", o.GetKind(), nameOf(o))
		}
		check(o.GetAnnotations())
		for _, r := range objects(o.Object, "spec", "routes") {
			if o.GetKind() == "IngressRoute" && !rule.MatchString(text(r, "match")) {
				t.Errorf("a rule %q", text(r, "match"))
			}
		}
	}
}

func FuzzMake(f *testing.F) {
	for _, path := range []string{"/", "/a`) || PathPrefix(`/", "/a b", "/{{.}}", "/x;y", "/\"", "/é", "/a\n", "", "x", "/^(.*)"} {
		f.Add("app.example.com", path, "app", "render", "nginx")
		f.Add("*.preview.example.com", path, strings.Repeat("long.", 50), "canary", "traefik")
		f.Add("a`b", path, "a.b", "static", "haproxy")
		f.Add("", path, "x", "", "")
	}
	f.Fuzz(func(t *testing.T, host, path, name, mode, class string) {
		w := planWorld(t)
		ing := &networkingv1.Ingress{}
		ing.Namespace, ing.Name = "shop", name
		ing.Annotations = map[string]string{PolicyAnnotation: "web", ModeAnnotation: mode}
		ing.Spec.IngressClassName = &class
		ing.Spec.Rules = []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Path: path, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "app"}}}}}}}}
		w.Ingresses = []*networkingv1.Ingress{ing}
		if !regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`).MatchString(name) || strings.ContainsAny(host, " ") {
			return // the API server refuses it
		}
		p := Make(w, coverageSettings)
		checkPlan(t, p)
		if again := Make(w, coverageSettings); !reflect.DeepEqual(p, again) {
			t.Error("two plans for one world")
		}
		for ref, all := range p.Annotations {
			if url := all[nginxPrefix+"auth-url"]; url != "" && (!strings.HasSuffix(url, "/shop/"+name+target) || ref.Name != name) {
				t.Errorf("auth-url %q", url)
			}
		}
	})
}

// reasons are those of the findings of a world.
func reasons(p Plan) []string {
	var out []string
	for _, f := range p.Findings {
		if !slices.Contains(out, f.Reason) {
			out = append(out, f.Reason)
		}
	}
	slices.Sort(out)
	return out
}

func routeOf(t *testing.T, p Plan, name string) (map[string]string, Binding) {
	t.Helper()
	for _, b := range p.Bindings {
		if b.Route.Name == name {
			return p.Annotations[b.Route], b
		}
	}
	t.Fatalf("no route %s", name)
	return nil, Binding{}
}

func made(p Plan, kind string) (out []*unstructured.Unstructured) {
	for _, o := range p.Objects {
		if o.GetKind() == kind {
			out = append(out, o)
		}
	}
	return out
}
