// SPDX-License-Identifier: Apache-2.0

package stories

import (
	"bufio"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/authserver"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/controllers/translate"
)

const pinWorld = `
kind: GatewayClass
metadata: {name: eg}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
kind: GatewayClass
metadata: {name: traefik}
spec: {controllerName: traefik.io/gateway-controller}
---
kind: Gateway
metadata: {name: eg, namespace: infra}
spec: {gatewayClassName: eg, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
kind: Gateway
metadata: {name: traefik, namespace: infra}
spec: {gatewayClassName: traefik, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
kind: Gateway
metadata: {name: other, namespace: infra}
spec: {gatewayClassName: other, listeners: [{name: http, port: 80, protocol: HTTP}]}
`

// pinnedRoutes are one of each kind, of one name, for which something is written.
func pinnedRoutes(t *testing.T) routes.Snapshot {
	t.Helper()
	w := routes.Snapshot{Served: map[string]bool{}, Policies: []routes.Policy{{NamespacedName: types.NamespacedName{Namespace: "shop", Name: "web"}, Hosts: []string{"app.example.com"}}}}
	for _, kind := range []string{"Middleware.traefik.io", "IngressRoute.traefik.io", "ReferenceGrant.gateway.networking.k8s.io", "SecurityPolicy.gateway.envoyproxy.io"} {
		w.Served[kind] = true
	}
	parse := func(text string) *unstructured.Unstructured {
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
			t.Fatal(err)
		}
		return o
	}
	for text := range strings.SplitSeq(pinWorld, "---") {
		if o := parse(text); o.GetKind() == "Gateway" {
			w.Gateways = append(w.Gateways, o)
		} else {
			w.GatewayClasses = append(w.GatewayClasses, o)
		}
	}
	for _, gateway := range []string{"eg", "traefik", "other"} {
		w.HTTPRoutes = append(w.HTTPRoutes, parse(`{kind: HTTPRoute, metadata: {name: at-`+gateway+`, namespace: shop, annotations: {access.ostiary.dev/policy: web}},
			spec: {parentRefs: [{name: `+gateway+`, namespace: infra}], hostnames: [app.example.com], rules: [{backendRefs: [{name: app, port: 80}]}]}}`))
	}
	kind := networkingv1.PathTypePrefix
	for _, proxy := range []string{"ingress-nginx", "traefik", "haproxy-ingress", "traefik-ingress-nginx"} {
		i := &networkingv1.Ingress{}
		i.Namespace, i.Name = "shop", "at-"+strings.TrimSuffix(proxy, "-ingress")
		i.Annotations = map[string]string{routes.PolicyAnnotation: "web", routes.ProxyAnnotation: proxy}
		i.Spec.Rules = []networkingv1.IngressRule{{Host: "app.example.com", IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{
			Paths: []networkingv1.HTTPIngressPath{{Path: "/", PathType: &kind, Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "app", Port: networkingv1.ServiceBackendPort{Number: 80}}}}}}}}}
		w.Ingresses = append(w.Ingresses, i)
	}
	return w
}

var written = regexp.MustCompile(`/authz/v1/[^,} "]*`)

// questions are the addresses that a plan has proxies ask, by the route that asks.
func questions(p plan.Plan) map[string][]string {
	out := map[string][]string{}
	note := func(route, text string) { out[route] = append(out[route], written.FindAllString(text, -1)...) }
	for ref, all := range p.Annotations {
		for _, v := range all {
			note(ref.String(), v)
		}
	}
	for _, o := range p.Objects {
		text, _ := yaml.Marshal(o.Object["spec"])
		note(o.GetAnnotations()[routes.ForAnnotation], strings.ReplaceAll(string(text), "\n", " "))
	}
	for _, f := range p.Findings {
		note(f.Object.String(), f.Message)
	}
	return out
}

// asProxies is what a proxy makes of such an address for a request.
func asProxies(at, method, uri string) string {
	host := "app.example.com"
	headers := ""
	switch {
	case strings.Contains(at, "$request_uri"):
		at, host = strings.NewReplacer("$request_method", method, "$host", host, "$request_uri", uri).Replace(at), "authz"
		method = "GET"
	case strings.HasPrefix(at, "/authz/v1/forward"):
		headers = "X-Forwarded-Method: " + method + "\r\nX-Forwarded-Host: " + host + "\r\nX-Forwarded-Uri: " + uri + "\r\n"
		method, host = "GET", "authz"
	default:
		at += uri
	}
	return method + " " + at + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n" + headers + "\r\n"
}

// TestPinsRoundTrip: what a plan writes, filled in as its proxy does, asks about the
// request that is made and is decided by the policy that the route names: and by none
// where that policy is gone, or another claims the host. attack: a deleted policy whose
// route stays opens to the broader one above it.
func TestPinsRoundTrip(t *testing.T) {
	w := pinnedRoutes(t)
	asked := questions(plan.Make(w, routes.Settings{Namespace: "ostiary", ServicePrefix: "ostiary", AuthzURL: "http://ostiary-authz.ostiary.svc.cluster.local:9001",
		PublicPort: 9002, RenderPort: 9003, PreflightPort: 9004, PathPrefix: "/.access", Mode: routes.Render, IdentityHeaders: []string{"X-Access-Email"}}))
	everyone := []policy.Selector{{Property: policy.Everyone}}
	of := func(name string, action policy.Action, paths ...policy.Path) policy.Policy {
		return policy.Policy{Source: policy.Source{Namespace: "shop", Name: name}, Hosts: []string{"app.example.com"}, Paths: paths, Rules: []policy.Rule{{Action: action, Include: everyone}}}
	}
	web, broad := of("web", policy.Bypass, policy.Path{Value: "/x"}), of("broad", policy.Bypass)
	var routes []translate.Route
	for _, i := range w.Ingresses {
		r, _ := translate.Ingress(i)
		routes = append(routes, r)
	}
	for _, o := range w.HTTPRoutes {
		r, _ := translate.HTTPRoute(o)
		routes = append(routes, r)
	}
	table := func(bound []translate.Route, policies ...policy.Policy) *policy.Table {
		t, _ := policy.Build(policy.Input{Policies: policy.CompileAll(policies), Bindings: translate.Bindings(bound)})
		return t
	}
	var live policy.Live
	s := authserver.New(authserver.Config{Table: live.Table, Subject: func(policy.Place, string, string, time.Time) policy.Presented { return policy.Presented{} },
		KeySet: func() []byte { return nil }, Ready: func() bool { return true }, Log: slog.New(slog.DiscardHandler)}).Authz()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go s.Serve(l) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { _ = s.Shutdown() })
	ask := func(request string) int {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close() //nolint:errcheck // it was read to its end
		_, _ = c.Write([]byte(request))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%q: %v", request, err)
		}
		return resp.StatusCode
	}
	for _, r := range routes {
		kind := r.Kind
		if kind == "" {
			kind = "Ingress"
		}
		mine := asked[kind+" shop/"+r.Name]
		if len(mine) == 0 {
			t.Errorf("%s %s asks nobody", kind, r.Name)
		}
		for _, at := range mine {
			for name, c := range map[string]struct {
				table *policy.Table
				uri   string
				let   bool
			}{
				"its policy":           {table(routes, web, broad), "/x/a?b=/y", true},
				"another policy's":     {table(routes, web, broad), "/y?b=/x", false},
				"its policy is gone":   {table(routes, broad), "/x", false},
				"it names none":        {table(nil, web, broad), "/x", false},
				"odd path":             {table(routes, web, broad), "/x/../y", false},
				"its policy, the root": {table(routes, of("web", policy.Bypass)), "/", true},
			} {
				live.Publish(c.table)
				if got := ask(asProxies(at, "GET", c.uri)); (got == 200) != c.let || got == 404 || got == 400 {
					t.Errorf("%s %s, %s, %s: %d", kind, r.Name, at, name, got)
				}
			}
		}
	}
}
