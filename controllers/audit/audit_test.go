// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

const auditManifests = `
# helm template prints comments, and documents of nothing but them
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: web, namespace: shop}
spec: {hosts: [app.example.com], rules: [{action: Allow, include: [{everyone: {}}]}]}
---
apiVersion: v1
kind: List
items:
- apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata: {name: web, namespace: shop, annotations: {access.ostiary.dev/policy: web}}
  spec:
    ingressClassName: nginx
    rules: [{host: app.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
- apiVersion: networking.k8s.io/v1
  kind: Ingress
  metadata: {name: metrics}
  spec:
    ingressClassName: nginx
    rules: [{host: app.example.com, http: {paths: [{path: /metrics, pathType: Prefix, backend: {service: {name: web, port: {number: 9090}}}}]}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
`

const auditSecond = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80}]}
`

func auditCommand(t *testing.T, stdin string, args ...string) (clean bool, out string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	root := command.Root("ostiary", "a test", "", Command())
	root.SetIn(strings.NewReader(stdin))
	code := command.Execute(t.Context(), root, append([]string{"audit"}, args...), &stdout, &stderr)
	if code == 2 {
		err = errors.New(stderr.String())
	}
	return code == 0, stdout.String(), err
}

func TestAuditFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"one.yaml": auditManifests, "sub/two.yml": auditSecond, "notes.txt": "{"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	clean, out, err := auditCommand(t, "", dir)
	if err != nil || clean {
		t.Fatalf("clean %v, %v", clean, err)
	}
	want := `app.example.com (AccessPolicy shop/web)
  OtherNamespace  Ingress default/metrics serves app.example.com/metrics without protection, from a
                  namespace that has no AccessPolicy for the host. Remove it, or let its namespace
                  claim the host (hostGrants) and opt it in.
  ExposedService  Service shop/web is of type NodePort, so the pods behind app.example.com can be
                  reached without any proxy, and without protection. Make it a ClusterIP, or let a
                  NetworkPolicy admit only the proxies.

Not checked
  the cluster: routes that are not in these manifests may be unprotected

2 findings on 1 host. Checked: 1 AccessPolicy, 2 Ingresses, 1 Service.
`
	if out != want {
		t.Errorf("wrote\n%s\nwant\n%s", out, want)
	}
	clean, out, err = auditCommand(t, auditManifests, "-n", "shop", "-o", "json", "-")
	if err != nil || clean {
		t.Fatalf("clean %v, %v", clean, err)
	}
	var r Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 1 || r.Findings[0].Reason != "NoAuthURL" || r.Findings[0].Object != "Ingress shop/metrics" || r.Findings[0].Host != "app.example.com" || !slices.Equal(r.Findings[0].Policies, []string{"shop/web"}) {
		t.Errorf("found %+v", r.Findings)
	}
	clean, out, err = auditCommand(t, strings.ReplaceAll(auditManifests, "{name: metrics}", "{name: metrics, annotations: {access.ostiary.dev/policy: web}}"), "-n", "shop", "-")
	if err != nil || !clean || !strings.HasSuffix(out, "No unprotected route was found in what could be read. Checked: 1 AccessPolicy, 2 Ingresses.\n") {
		t.Errorf("clean %v, %v:\n%s", clean, err, out)
	}
}

func TestAuditMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		stdin string
		args  []string
		says  string
	}{
		"format":       {"", []string{"-o", "yaml", "-"}, `--output "yaml": text or json`},
		"not there":    {"", []string{"no/such/file.yaml"}, "no/such/file.yaml"},
		"not YAML":     {"a: b: c", []string{"-"}, "stdin, document 1"},
		"not a policy": {"apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: web}\nspec: {host: [a.example.com]}", []string{"-"}, `AccessPolicy default/web: unknown field "spec.host"`},
		"no Ingress":   {"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec: {rules: [1]}", []string{"-"}, "Ingress default/web: "},
		"service":      {"", []string{"--authz-service", "ostiary", "-"}, `--authz-service "ostiary": NAMESPACE/NAME`},
		"no cluster":   {"", []string{"--kubeconfig", "no/such/kubeconfig"}, "(for files instead of a cluster: ostiary audit PATH...)"},
	} {
		t.Run(name, func(t *testing.T) {
			clean, out, err := auditCommand(t, c.stdin, c.args...)
			if err == nil || clean || !strings.Contains(err.Error(), c.says) {
				t.Errorf("clean %v, %v; it should say %q\n%s", clean, err, c.says, out)
			}
		})
	}
}

// TestAuditCluster looks at a real API server, with all rights, with some and with
// none: what may not be listed is never passed over in silence.
func TestAuditCluster(t *testing.T) {
	c := emptied(t)
	fixture.ServeHTTPRoutes(t, c)
	ns, own := server.Namespace(t, c), server.Namespace(t, c)
	const authURL = "http://doorkeeper-authz.%s:9001/authz/v1/nginx/$request_method/$host$request_uri"
	labels := map[string]string{"app.kubernetes.io/name": "ostiary", "app.kubernetes.io/component": "authz"}
	authz := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: own, Name: "doorkeeper-authz", Labels: labels},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 9001}}}}
	config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "controller", Labels: map[string]string{"app.kubernetes.io/name": "ingress-nginx"}},
		Data: map[string]string{"no-auth-locations": "/health"}}
	route := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"hostnames": []any{"app.example.com"}, "rules": []any{map[string]any{"backendRefs": []any{map[string]any{"name": "web", "port": int64(80)}}}}}}}
	route.SetGroupVersionKind(schema.GroupVersionKind{Group: routes.GatewayGroup, Version: "v1", Kind: "HTTPRoute"})
	route.SetNamespace(ns)
	route.SetName("route")
	objects := []client.Object{
		fixture.Protect(ns, "web", v1alpha1.ActionAllow, "app.example.com"), authz, config, route,
		fixture.Ingress(ns, "asks", "nginx", "app.example.com", "/", map[string]string{"nginx.ingress.kubernetes.io/auth-url": strings.Replace(authURL, "%s", own, 1)}),
		fixture.Ingress(ns, "forgotten", "nginx", "app.example.com", "/old", nil),
	}
	fixture.Create(t, c, objects...)
	fixture.Gone(t, c, objects...)

	all := fixture.Kubeconfig(t, c, server.Config(t), ns, "all", fixture.MayList("networking.k8s.io", "*"), fixture.MayList("access.ostiary.dev", "*"), fixture.MayList("discovery.k8s.io", "*"), fixture.MayList("gateway.networking.k8s.io", "*"), fixture.MayList("", "services", "configmaps"))
	clean, out, err := auditCommand(t, "", "--kubeconfig", all)
	if err != nil || clean {
		t.Fatalf("clean %v, %v\n%s", clean, err, out)
	}
	for _, words := range []string{"app.example.com (AccessPolicy " + ns + "/web)\n", "Ingress " + ns + "/forgotten serves app.example.com/old", "HTTPRoute " + ns + "/route leads", "ConfigMap " + ns + "/controller has /health", "3 findings on 1 host and on any host."} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), strings.TrimSpace(words)) {
			t.Errorf("it does not say %q:\n%s", words, out)
		}
	}
	if strings.Contains(out, "/asks") || strings.Contains(out, "Not checked") {
		t.Errorf("it finds what asks us, or did not look:\n%s", out)
	}

	some := fixture.Kubeconfig(t, c, server.Config(t), ns, "some", fixture.MayList("networking.k8s.io", "ingresses"), fixture.MayList("access.ostiary.dev", "accesspolicies"))
	clean, out, err = auditCommand(t, "", "--kubeconfig", some, "--authz-service", own+"/doorkeeper-authz", "-o", "json")
	var r Report
	if jerr := json.Unmarshal([]byte(out), &r); err != nil || jerr != nil || clean {
		t.Fatalf("clean %v, %v, %v\n%s", clean, err, jerr, out)
	}
	if len(r.Findings) != 1 || r.Findings[0].Object != "Ingress "+ns+"/forgotten" || r.Blind {
		t.Errorf("found %+v, blind: %v", r.Findings, r.Blind)
	}
	for _, kind := range []string{"IngressClasses", "Services", "EndpointSlices", "ConfigMaps", "HTTPRoutes"} {
		if !slices.ContainsFunc(r.NotLooked, func(n string) bool { return strings.HasPrefix(n, kind) && strings.Contains(n, "forbidden") }) {
			t.Errorf("it does not say that it may not list %s: %q", kind, r.NotLooked)
		}
	}

	none := fixture.Kubeconfig(t, c, server.Config(t), ns, "none")
	clean, out, err = auditCommand(t, "", "--kubeconfig", none)
	if err == nil || clean || !strings.Contains(err.Error(), "AccessPolicies or Ingresses may not be read") || !strings.Contains(out, "No result.") || !strings.Contains(out, "AccessPolicies: ") {
		t.Errorf("clean %v, %v\n%s", clean, err, out)
	}
}

// TestAuditNamesOneInstallation: of two, it does not choose.
func TestAuditNamesOneInstallation(t *testing.T) {
	c := emptied(t)
	ns := server.Namespace(t, c)
	labels := map[string]string{"app.kubernetes.io/name": "ostiary", "app.kubernetes.io/component": "authz"}
	for _, name := range []string{"a-authz", "b-authz"} {
		s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: labels}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 9001}}}}
		fixture.Create(t, c, s)
		fixture.Gone(t, c, s)
	}
	kubeconfig := fixture.Kubeconfig(t, c, server.Config(t), ns, "look", fixture.MayList("", "services"))
	if _, _, err := auditCommand(t, "", "--kubeconfig", kubeconfig); err == nil || !strings.Contains(err.Error(), "--authz-service NAMESPACE/NAME") {
		t.Error(err)
	}
}

// TestAuditOfPlans: what is wrong with a route that names a policy is told, once;
// and in a cluster also that nobody has carried a plan out.
func TestAuditOfPlans(t *testing.T) {
	before := planOf
	t.Cleanup(func() { planOf = before })
	web := routes.Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Namespace: "shop", Name: "web"}}
	policy := types.NamespacedName{Namespace: "shop", Name: "web"}
	planOf = func(routes.Snapshot, routes.Settings) plan.Plan {
		return plan.Plan{
			Annotations: map[routes.Ref]map[string]string{web: {"nginx.ingress.kubernetes.io/auth-url": "x"}},
			Bindings:    []routes.Binding{{Route: web, Policy: policy, Hosts: []string{"app.example.com"}, Guarded: true}},
			Findings:    []routes.Finding{{Object: web, Policy: policy, Reason: routes.SatisfyAny, Message: "of the plan", Host: "app.example.com"}},
		}
	}
	w := routes.Snapshot{Policies: []routes.Policy{{NamespacedName: policy, Hosts: []string{"app.example.com"}}},
		Ingresses: []*networkingv1.Ingress{fixture.Ingress("shop", "web", "nginx", "app.example.com", "/", map[string]string{
			routes.PolicyAnnotation: "web", "nginx.ingress.kubernetes.io/satisfy": "any"})}}
	s, err := settingsFor(defaultAuthz, 9001, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, live := range []bool{true, false} {
		var got []string
		for _, f := range judge(w, s, live).Findings {
			got = append(got, f.Reason+": "+f.Message)
		}
		if len(got) == 0 || got[len(got)-1] != "SatisfyAny: of the plan" || len(got) == 2 != live || live && !strings.HasPrefix(got[0], "NotApplied: ") {
			t.Errorf("in a cluster: %v; found %q", live, got)
		}
	}
}

// A slip in a kind of ours is said by audit as by check.
func TestAuditUnknownKind(t *testing.T) {
	for kind, wrong := range map[string]bool{"AccessPolicyy": true, "accesspolicy": true, "IdentityProvider": false,
		"SessionRevocation": false,
		"AccessGroup":       false, "TokenIssuer": false, "OAuthClient": false} {
		_, out, err := auditCommand(t, "apiVersion: access.ostiary.dev/v1alpha1\nkind: "+kind+"\nmetadata: {name: a}\nspec: {}\n", "-")
		if (err != nil) != wrong || wrong && !strings.Contains(err.Error(), "is not one of access.ostiary.dev/v1alpha1") {
			t.Errorf("%s: %v\n%s", kind, err, out)
		}
	}
}
