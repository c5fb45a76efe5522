// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

// opted names the policy web.
const opted = "access.ostiary.dev/policy: web"

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
func coverageWorld(t *testing.T, manifests ...string) Snapshot {
	t.Helper()
	var w Snapshot
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
			put(t, &w, &o)
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

func put(t *testing.T, w *Snapshot, o *unstructured.Unstructured) {
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
	case "GatewayClass":
		w.GatewayClasses = append(w.GatewayClasses, o)
	case "IngressRoute", "IngressRouteTCP":
		w.IngressRoutes = append(w.IngressRoutes, o)
	case "Middleware":
		w.Middlewares = append(w.Middlewares, o)
	case "SecurityPolicy":
		w.SecurityPolicies = append(w.SecurityPolicies, o)
	default:
		t.Fatalf("%s is nothing of a Snapshot", o.GetKind())
	}
}

// line is a finding as a case writes it.
func line(f Finding) string {
	policy := strings.Trim(f.Policy.String(), "/")
	return strings.Join([]string{f.Reason, f.Object.String(), cmp.Or(f.Host, "-"), cmp.Or(policy, "-")}, " ")
}

// planWorld is a world with everything served, a policy, and two pods of ours.
func planWorld(t *testing.T, manifests ...string) Snapshot {
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

// carryOut puts a plan into its world, as the cluster would show it.
func carryOut(t *testing.T, w *Snapshot, objects []*unstructured.Unstructured, annotations map[Ref]map[string]string) {
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
		for k, v := range annotations[ingressRef(ing)] {
			ing.Annotations[k] = v
		}
	}
}

func routeOf(t *testing.T, annotations map[Ref]map[string]string, bindings []Binding, name string) (map[string]string, Binding) {
	t.Helper()
	for _, b := range bindings {
		if b.Route.Name == name {
			return annotations[b.Route], b
		}
	}
	t.Fatalf("no route %s", name)
	return nil, Binding{}
}

// webYAML is an opted-in Ingress of nginx for app.example.com.
func webYAML(name, path, service, annotations string) string {
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

func traefikYAML(annotations string) string {
	return strings.Replace(webYAML("web", "/", "app", annotations), "ingressClassName: nginx", "ingressClassName: traefik", 1)
}

func haproxyYAML(name, annotations string) string {
	return strings.Replace(webYAML(name, "/"+name, "app", annotations), "ingressClassName: nginx", "ingressClassName: haproxy", 1)
}

func configYAML(key, value string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: controller, namespace: nginx}\ndata: {%s: %q}", key, value)
}

func has(findings []Finding, reason, object string) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Reason == reason && (object == "" || f.Object.Name == object) })
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

const ourURL = "http://ostiary-authz.ostiary.svc.cluster.local:9001/authz/v1/nginx/$request_method/$host$request_uri"

// noted is webYAML with a proxy and one annotation more, whose value may be anything.
func noted(t *testing.T, name, path string, proxy Proxy, key, value string, more ...string) string {
	t.Helper()
	text := ProxyAnnotation + ": " + string(proxy) + ", " + key + ": " + strconv.Quote(value)
	return webYAML(name, path, name, strings.Join(append([]string{text}, more...), ", "))
}
