// SPDX-License-Identifier: Apache-2.0

package routestest

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// Opted names the policy web.
const Opted = "access.ostiary.dev/policy: web"

// Settings are those of an installation with the default values.
var Settings = routes.Settings{
	Namespace: "ostiary", ServicePrefix: "ostiary", AuthzURL: "http://ostiary-authz.ostiary.svc.cluster.local:9001",
	PublicPort: 9002, RenderPort: 9003, PreflightPort: 9004, PathPrefix: "/.access", Mode: routes.Render,
	IdentityHeaders: []string{"X-Access-Jwt-Assertion", "X-Access-Email", "X-Access-User", "X-Access-Groups", "X-Access-Client-Id", "X-Access-Client-Secret",
		"X-Access-Token"},
}

// Base is in the world of every case.
const Base = `
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

// Read reads a world as kubectl would apply it.
func Read(t *testing.T, manifests ...string) routes.Snapshot {
	t.Helper()
	var w routes.Snapshot
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
			Put(t, &w, &o)
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

// Put adds an object to a snapshot.
func Put(t *testing.T, w *routes.Snapshot, o *unstructured.Unstructured) {
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
		p := routes.Policy{NamespacedName: routes.NameOf(o), Hosts: routes.Texts(o.Object, "spec", "hosts")}
		for _, path := range routes.Objects(o.Object, "spec", "paths") {
			p.Paths = append(p.Paths, policy.Path{Value: routes.Text(path, "path"), Exact: routes.Text(path, "type") == "Exact"})
		}
		w.Policies = append(w.Policies, p)
	default:
		putAny(t, w, o)
	}
}

// putAny adds an object that a snapshot holds without a type.
func putAny(t *testing.T, w *routes.Snapshot, o *unstructured.Unstructured) {
	t.Helper()
	lists := map[string]*[]*unstructured.Unstructured{
		"HTTPRoute": &w.HTTPRoutes, "GRPCRoute": &w.GRPCRoutes, "TLSRoute": &w.TLSRoutes, "Gateway": &w.Gateways,
		"GatewayClass": &w.GatewayClasses, "IngressRoute": &w.IngressRoutes, "IngressRouteTCP": &w.IngressRoutes,
		"Middleware": &w.Middlewares, "SecurityPolicy": &w.SecurityPolicies,
	}
	list, ok := lists[o.GetKind()]
	if !ok {
		t.Fatalf("%s is nothing of a Snapshot", o.GetKind())
	}
	*list = append(*list, o)
}

// Line is a finding as a case writes it.
func Line(f routes.Finding) string {
	policy := strings.Trim(f.Policy.String(), "/")
	return strings.Join([]string{f.Reason, f.Object.String(), cmp.Or(f.Host, "-"), cmp.Or(policy, "-")}, " ")
}

// Snapshot is a world with everything served, a policy, and two pods of ours.
func Snapshot(t *testing.T, manifests ...string) routes.Snapshot {
	t.Helper()
	w := Read(t, append([]string{Base}, manifests...)...)
	w.Served = map[string]bool{}
	for _, kind := range []string{"Middleware.traefik.io", "IngressRoute.traefik.io", "ReferenceGrant.gateway.networking.k8s.io", "SecurityPolicy.gateway.envoyproxy.io"} {
		w.Served[kind] = true
	}
	w.Policies[0].Hosts = append(w.Policies[0].Hosts, "*.preview.example.com")
	w.Policies[0].CORS = &policy.CORS{AllowedOrigins: []string{"https://spa.example.com", "https://*.dev.example.com"}, AllowedMethods: []string{"GET", "POST"}, AllowedHeaders: []string{"content-type"}, AllowCredentials: true, MaxAge: 600}
	port, ready, not := int32(9003), true, false
	w.Render = []*discoveryv1.EndpointSlice{{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Port: &port}}, Endpoints: []discoveryv1.Endpoint{
		{Addresses: []string{"10.0.0.2"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}, {Addresses: []string{"10.0.0.1"}}, {Addresses: []string{"10.0.0.3"}, Conditions: discoveryv1.EndpointConditions{Ready: &not}}}}}
	return w
}

// CarryOut puts a plan into its world, as the cluster would show it.
func CarryOut(t *testing.T, w *routes.Snapshot, objects []*unstructured.Unstructured, annotations map[routes.Ref]map[string]string) {
	t.Helper()
	for _, o := range objects {
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
		for k, v := range annotations[routes.IngressRef(ing)] {
			ing.Annotations[k] = v
		}
	}
}

// RouteOf returns what a plan has for one route.
func RouteOf(t *testing.T, annotations map[routes.Ref]map[string]string, bindings []routes.Binding, name string) (map[string]string, routes.Binding) {
	t.Helper()
	for _, b := range bindings {
		if b.Route.Name == name {
			return annotations[b.Route], b
		}
	}
	t.Fatalf("no route %s", name)
	return nil, routes.Binding{}
}

// WebYAML is an opted-in Ingress of nginx for app.example.com.
func WebYAML(name, path, service, annotations string) string {
	return fmt.Sprintf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: %s, namespace: shop, annotations: {%s}}
spec:
  ingressClassName: nginx
  rules:
  - host: app.example.com
    http: {paths: [{path: %q, pathType: Prefix, backend: {service: {name: %s, port: {number: 80}}}}]}
`, name, annotations, path, service)
}

// TraefikYAML is WebYAML for Traefik.
func TraefikYAML(annotations string) string {
	return strings.Replace(WebYAML("web", "/", "app", annotations), "ingressClassName: nginx", "ingressClassName: traefik", 1)
}

// HaproxyYAML is WebYAML for haproxy-ingress.
func HaproxyYAML(name, annotations string) string {
	return strings.Replace(WebYAML(name, "/"+name, "app", annotations), "ingressClassName: nginx", "ingressClassName: haproxy", 1)
}

// ConfigYAML is the ConfigMap of ingress-nginx's controller with one key.
func ConfigYAML(key, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: controller, namespace: nginx}\ndata: {%s: %q}", key, value)
}

// Has reports whether there is such a finding; object "": about anything.
func Has(findings []routes.Finding, reason, object string) bool {
	return slices.ContainsFunc(findings, func(f routes.Finding) bool { return f.Reason == reason && (object == "" || f.Object.Name == object) })
}

// Pick returns one of several.
func Pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// AuthURL is what an Ingress asks without a pin.
const AuthURL = "http://ostiary-authz.ostiary.svc.cluster.local:9001/authz/v1/nginx/$request_method/$host$request_uri"

// NotedYAML is webYAML with a proxy and one annotation more, whose value may be anything.
func NotedYAML(t *testing.T, name, path string, proxy routes.Proxy, key, value string, more ...string) string {
	t.Helper()
	text := routes.ProxyAnnotation + ": " + string(proxy) + ", " + key + ": " + strconv.Quote(value)
	return WebYAML(name, path, name, strings.Join(append([]string{text}, more...), ", "))
}
