// SPDX-License-Identifier: Apache-2.0

package plan

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

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/coverage"
	"github.com/ostiary/ostiary/controllers/routes/family"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

var update = flag.Bool("update", false, "write the plans of testdata anew")

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
			got := planText(t, Make(routestest.Snapshot(t, string(text)), routestest.Settings))
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

// A plan depends on no order, and planning for what it leads to gives it again. What
// it guards is seen to be guarded by who looks from outside.
func TestPlanIsStable(t *testing.T) {
	files, _ := filepath.Glob("testdata/plan/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		world := func() routes.Snapshot { return routestest.Snapshot(t, string(text)) }
		want := planText(t, Make(world(), routestest.Settings))
		for seed := range uint64(5) {
			w, r := world(), rand.New(rand.NewPCG(seed, 1))
			r.Shuffle(len(w.Ingresses), func(i, j int) { w.Ingresses[i], w.Ingresses[j] = w.Ingresses[j], w.Ingresses[i] })
			r.Shuffle(len(w.HTTPRoutes), func(i, j int) { w.HTTPRoutes[i], w.HTTPRoutes[j] = w.HTTPRoutes[j], w.HTTPRoutes[i] })
			r.Shuffle(len(w.Gateways), func(i, j int) { w.Gateways[i], w.Gateways[j] = w.Gateways[j], w.Gateways[i] })
			if got := planText(t, Make(w, routestest.Settings)); got != want {
				t.Errorf("%s: another order, another plan:\n%s", file, got)
			}
		}
		w := world()
		p := Make(w, routestest.Settings)
		routestest.CarryOut(t, &w, p.Objects, p.Annotations)
		if got := planText(t, Make(w, routestest.Settings)); got != want {
			t.Errorf("%s, carried out, leads to another plan:\n%s", file, got)
		}
		if left := coverage.Unapplied(w, routestest.Settings, p.Bindings, p.Annotations); len(left) > 0 {
			t.Errorf("%s, carried out, does not ask: %v", file, left)
		}
		for _, f := range coverage.Unguarded(w, routestest.Settings, coverage.Claims(w)) {
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
			if strings.ContainsAny(v, "\"';`{}\\\r\x00") && !strings.HasSuffix(k, "request-set-headers") && !strings.HasPrefix(k, routes.TraefikPrefix) && k != routes.ForAnnotation && k != routes.IngressClass && k != routes.HAProxyPrefix+"path-type" {
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
		regexp.QuoteMeta("(HeaderRegexp(`Upgrade`, `"+family.NotWebSocket+"`) || HeaderRegexp(`HTTP2-Settings`, `^`))") + ")$")
	for _, o := range p.Objects {
		if !routes.IsOurs(o) || o.GetAnnotations()[routes.ForAnnotation] == "" || len(o.GetName()) > family.LabelMax && o.GetKind() == "Service" {
			t.Errorf("%s %s carries no mark of ours, or its name is too long", o.GetKind(), routes.NameOf(o))
		}
		check(o.GetAnnotations())
		for _, r := range routes.Objects(o.Object, "spec", "routes") {
			if o.GetKind() == "IngressRoute" && !rule.MatchString(routes.Text(r, "match")) {
				t.Errorf("a rule %q", routes.Text(r, "match"))
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
		w := routestest.Snapshot(t)
		ing := &networkingv1.Ingress{}
		ing.Namespace, ing.Name = "shop", name
		ing.Annotations = map[string]string{routes.PolicyAnnotation: "web", routes.ModeAnnotation: mode}
		ing.Spec.IngressClassName = &class
		ing.Spec.Rules = []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Path: path, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "app"}}}}}}}}
		w.Ingresses = []*networkingv1.Ingress{ing}
		if !regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`).MatchString(name) || strings.ContainsAny(host, " ") {
			return // the API server refuses it
		}
		p := Make(w, routestest.Settings)
		checkPlan(t, p)
		if again := Make(w, routestest.Settings); !reflect.DeepEqual(p, again) {
			t.Error("two plans for one world")
		}
		for ref, all := range p.Annotations {
			if url := all[routes.NGINXPrefix+"auth-url"]; url != "" && (!strings.HasSuffix(url, "/shop/"+name+target) || ref.Name != name) {
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

func made(p Plan, kind string) (out []*unstructured.Unstructured) {
	for _, o := range p.Objects {
		if o.GetKind() == kind {
			out = append(out, o)
		}
	}
	return out
}
