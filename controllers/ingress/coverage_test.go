// SPDX-License-Identifier: Apache-2.0

package ingress

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

var coverageSettings = Settings{
	Namespace: "ostiary", ServicePrefix: "ostiary", AuthzURL: "http://ostiary-authz.ostiary.svc.cluster.local:9001",
	PublicPort: 9002, RenderPort: 9003, PreflightPort: 9004, PathPrefix: "/.access", Mode: Render,
	IdentityHeaders: []string{"X-Access-Jwt-Assertion", "X-Access-Email", "X-Access-User", "X-Access-Groups"},
}

// coverageBase is in the world of every case.
const coverageBase = `
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: nginx}
spec: {controller: k8s.io/ingress-nginx}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: traefik}
spec: {controller: traefik.io/ingress-controller}
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: haproxy}
spec: {controller: haproxy-ingress.github.io/controller}
---
apiVersion: access.ostiary.dev/v1alpha1
kind: AccessPolicy
metadata: {name: web, namespace: shop}
spec: {hosts: [app.example.com]}
`

// coverageWorld reads a world as kubectl would apply it.
func coverageWorld(t *testing.T, manifests ...string) World {
	t.Helper()
	var w World
	for _, text := range manifests {
		for doc := range strings.SplitSeq(text, "\n---\n") {
			var o unstructured.Unstructured
			js, err := yaml.YAMLToJSONStrict([]byte(doc))
			if err != nil {
				t.Fatalf("%v in:\n%s", err, doc)
			}
			if bytes.Equal(js, []byte("null")) {
				continue
			}
			if err := o.UnmarshalJSON(js); err != nil {
				t.Fatalf("%v in:\n%s", err, doc)
			}
			w.put(t, &o)
		}
	}
	return w
}

func typed[T any](t *testing.T, list []*T, o *unstructured.Unstructured) []*T {
	t.Helper()
	into := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, into, true); err != nil {
		t.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
	}
	return append(list, into)
}

func (w *World) put(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	switch o.GetKind() {
	case "Ingress":
		w.Ingresses = typed[networkingv1.Ingress](t, w.Ingresses, o)
	case "IngressClass":
		w.Classes = typed[networkingv1.IngressClass](t, w.Classes, o)
	case "Service":
		w.Services = typed[corev1.Service](t, w.Services, o)
	case "ConfigMap":
		w.Configs = typed[corev1.ConfigMap](t, w.Configs, o)
	case "AccessPolicy":
		p := Policy{NamespacedName: nameOf(o), Hosts: texts(o.Object, "spec", "hosts")}
		for _, path := range objects(o.Object, "spec", "paths") {
			p.Paths = append(p.Paths, Path{Path: text(path, "path"), Exact: text(path, "type") == "Exact"})
		}
		w.Policies = append(w.Policies, p)
	case "HTTPRoute":
		w.HTTPRoutes = append(w.HTTPRoutes, o)
	case "GRPCRoute":
		w.GRPCRoutes = append(w.GRPCRoutes, o)
	case "TLSRoute":
		w.TLSRoutes = append(w.TLSRoutes, o)
	case "Gateway":
		w.Gateways = append(w.Gateways, o)
	case "IngressRoute", "IngressRouteTCP":
		w.IngressRoutes = append(w.IngressRoutes, o)
	case "Middleware":
		w.Middlewares = append(w.Middlewares, o)
	case "SecurityPolicy":
		w.SecurityPolicies = append(w.SecurityPolicies, o)
	default:
		t.Fatalf("%s is nothing of a World", o.GetKind())
	}
}

// line is a finding as a case writes it.
func line(f Finding) string {
	policy := strings.Trim(f.Policy.String(), "/")
	return strings.Join([]string{f.Reason, f.Object.String(), cmp.Or(f.Host, "-"), cmp.Or(policy, "-")}, " ")
}

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
			w := coverageWorld(t, coverageBase, string(manifests))
			findings := Unguarded(w, coverageSettings, Claims(w))
			for _, f := range findings {
				got = append(got, line(f))
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
	for _, r := range []string{NoAuthURL, ForeignAuthURL, OtherNamespace, OtherClass, ServerAlias, DefaultBackend, GlobalAuthOff, NoAuthLocations,
		CustomErrors401, AuthCache, SatisfyAny, AuthMethodSnippet, HTTPRouteNoAuth, IngressRouteNoAuth, TLSPassthrough, ExposedService} {
		if !reasons[r] {
			t.Errorf("no case finds %s", r)
		}
	}
}
