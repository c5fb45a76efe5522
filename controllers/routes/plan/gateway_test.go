// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// TestGatewayRefusals: THREATS H4, H6.
func TestGatewayRefusals(t *testing.T) {
	route := func(class, more string) string {
		return `
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: eg}
spec: {controllerName: gateway.envoyproxy.io/gatewayclass-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: traefik}
spec: {controllerName: traefik.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: other, annotations: {access.ostiary.dev/proxy: gateway-api}}
spec: {controllerName: example.com/gateway}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: cilium}
spec: {controllerName: io.cilium/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: unknown}
spec: {controllerName: example.com/gateway}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: ngf}
spec: {controllerName: gateway.nginx.org/nginx-gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: agent}
spec: {controllerName: agentgateway.dev/agentgateway}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec: {gatewayClassName: ` + class + `, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, labels: {app: web}, annotations: {access.ostiary.dev/policy: web}}
spec: {parentRefs: [{name: gw, namespace: infra}], hostnames: [app.example.com], rules: [{backendRefs: [{name: app, port: 80}]}]}` + more
	}
	secured := func(targets string) string {
		return "\n---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: {name: theirs, namespace: shop}\nspec: {" + targets + ", cors: {}}"
	}
	filteredRoute := func(text string) string {
		return strings.Replace(text, "rules: [{",
			"rules: [{filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: ostiary-authz, namespace: ostiary, port: 9001}, http: {path: /authz/v1/envoy}}}], ", 1)
	}
	for name, tc := range map[string]struct {
		world   string
		change  func(*routes.Snapshot)
		reason  string
		guarded bool
		objects string
		says    string
	}{
		"envoy": {route("eg", ""), nil, "", true, "ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", ""},
		"envoy, not installed": {route("eg", ""), func(w *routes.Snapshot) { delete(w.Served, "SecurityPolicy."+family.EnvoyGroup) },
			routes.MissingKind, false, "ReferenceGrant HTTPRoute", "securitypolicies.gateway.envoyproxy.io"},
		"envoy, another policy": {route("eg", secured("targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web}]")),
			nil, routes.ForeignPolicy, false, "ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", "shop/theirs"},
		"envoy, one for a rule": {route("eg",
			secured("targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: web, sectionName: x}]")), nil, routes.ForeignPolicy,
			false, "ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", "shop/theirs"},
		"envoy, one by labels": {route("eg", secured("targetSelectors: [{kind: HTTPRoute, matchLabels: {app: web}}]")), nil,
			routes.ForeignPolicy, false, "ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", "shop/theirs"},
		"envoy, one of another": {route("eg", secured("targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: other}]")),
			nil, "", true, "ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", ""},
		"traefik": {route("traefik", ""), nil, routes.MissingFilter, false,
			"ReferenceGrant Middleware Middleware HTTPRoute HTTPRoute HTTPRoute", "name: ostiary-auth-route-web}}"},
		"traefik, not installed": {route("traefik", ""), func(w *routes.Snapshot) { delete(w.Served, family.MiddlewareKind) },
			routes.MissingKind, false, "ReferenceGrant HTTPRoute HTTPRoute", "middlewares.traefik.io"},
		"another": {route("other", ""), nil, routes.MissingFilter, false, "ReferenceGrant HTTPRoute HTTPRoute",
			"{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: ostiary-authz, namespace: ostiary, port: 9001}"},
		"cilium, with the filter": {filteredRoute(route("cilium", "")), nil, "", true, "ReferenceGrant HTTPRoute HTTPRoute", ""},
		"an unknown one, filter": {filteredRoute(route("unknown", "")), nil, routes.UnknownProxy, false,
			"ReferenceGrant HTTPRoute HTTPRoute", "proxy: gateway-api on the GatewayClass"},
		"no GatewayClass, filter": {filteredRoute(route("gone", "")), nil, routes.UnknownProxy, false, "ReferenceGrant HTTPRoute HTTPRoute",
			"GatewayClass gone, which is not there"},
		"NGINX Gateway Fabric": {filteredRoute(route("ngf", "")), nil, routes.UnfitProxy, false, "ReferenceGrant HTTPRoute HTTPRoute",
			"NGINX Gateway Fabric"},
		"agentgateway": {filteredRoute(route("agent", "")), nil, routes.AuthCache + " " + routes.MissingFilter, false,
			"ReferenceGrant HTTPRoute HTTPRoute", "/authz/v1/external/shop/web"},
		"agentgateway, no 2xx": {strings.Replace(filteredRoute(route("agent", "")), "/authz/v1/envoy}", "/authz/v1/external/shop/web}",
			1), nil, routes.AuthCache, true, "ReferenceGrant HTTPRoute HTTPRoute", "remember"},
		"a filter without a path": {strings.Replace(filteredRoute(route("other", "")), ", http: {path: /authz/v1/envoy}", "", 1), nil,
			routes.MissingFilter, false, "ReferenceGrant HTTPRoute HTTPRoute", "path: /authz/v1/external/shop/web"},
		"a filter at another path": {strings.Replace(filteredRoute(route("other", "")), "/authz/v1/envoy}", "/authz/v1/nginx}", 1), nil,
			routes.MissingFilter, false, "ReferenceGrant HTTPRoute HTTPRoute", "path: /authz/v1/external/shop/web"},
		"a filter at another port": {strings.Replace(filteredRoute(route("other", "")), "port: 9001", "port: 9002", 1), nil,
			routes.MissingFilter, false, "ReferenceGrant HTTPRoute HTTPRoute", "port: 9001"},
		"its own CORS": {strings.Replace(route("eg", ""), "rules: [{", "rules: [{filters: [{type: CORS, cors: {}}], ", 1), nil,
			routes.ForeignCORS, true, "ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", "spec.cors"},
		"a method": {strings.Replace(route("eg", ""), "rules: [{", "rules: [{matches: [{method: GET}], ", 1), nil, "", true,
			"ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute HTTPRoute", ""},
		"a wide star": {strings.Replace(route("eg", ""), "hostnames: [app.example.com]", "hostnames: ['*.preview.example.com']",
			1), nil, routes.WildcardWidth, true, "ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", "any number of labels"},
		"another, no grants": {route("other", ""), func(w *routes.Snapshot) { delete(w.Served, family.ReferenceGrantKind) },
			routes.MissingFilter + " " + routes.MissingKind, false, "", "referencegrants"},
		"no such Gateway": {strings.Replace(route("other", ""), "name: gw, namespace: infra}]", "name: gone, namespace: infra}]", 1),
			nil, routes.UnknownProxy, false, "ReferenceGrant HTTPRoute HTTPRoute", "infra/gone"},
		"a proxy that isn't": {strings.Replace(route("other", ""), "policy: web}", "policy: web, access.ostiary.dev/proxy: kong}", 1),
			nil, routes.UnknownProxy, false, "ReferenceGrant HTTPRoute HTTPRoute", "gateway-api"},
		"no policy": {strings.Replace(route("eg", ""), "policy: web", "policy: gone", 1), nil, routes.PolicyNotFound, true,
			"ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", "does not exist"},
		"a policy without hosts": {route("eg", ""), func(w *routes.Snapshot) { w.Policies[0].Hosts = nil }, routes.HostNotInPolicy, true,
			"ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", "spec.hosts"},
		"another host": {strings.Replace(route("eg", ""), "hostnames: [app", "hostnames: [other", 1), nil, routes.HostNotInPolicy,
			true, "ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", "other.example.com"},
		"no hostnames": {strings.Replace(route("eg", ""), "hostnames: [app.example.com], ", "", 1), nil, routes.NoHost, true,
			"ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", "spec.hostnames"},
		"the app answers": {route("other", ""),
			func(w *routes.Snapshot) { w.Policies[0].CORS = &policy.CORS{BypassPreflight: true} }, routes.MissingFilter, false,
			"ReferenceGrant HTTPRoute", ""},
		"the newer ReferenceGrant": {route("eg", ""), func(w *routes.Snapshot) { w.Served[family.ReferenceGrantV1Kind] = true }, "", true,
			"ReferenceGrant ReferenceGrant SecurityPolicy HTTPRoute", ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := routestest.Snapshot(t, tc.world)
			if tc.change != nil {
				tc.change(&w)
			}
			p := Make(w, routestest.Settings)
			checkPlan(t, p)
			var kinds, said []string
			for _, o := range p.Objects {
				kinds = append(kinds, o.GetKind())
				if v := o.GetAPIVersion(); o.GetKind() == "ReferenceGrant" && (v == family.GatewayVersion) != w.Served[family.ReferenceGrantV1Kind] {
					t.Error(v)
				}
			}
			for _, f := range p.Findings {
				said = append(said, f.Message)
			}
			if _, b := routestest.RouteOf(t, p.Annotations, p.Bindings, "web"); b.Guarded != tc.guarded || strings.Join(reasons(p),
				" ") != tc.reason || strings.Join(kinds, " ") != tc.objects || !strings.Contains(strings.Join(said, "\n"), tc.says) {
				t.Errorf("%v %s", b.Guarded, planText(t, p))
			}
			if len(p.Annotations) > 0 {
				t.Error(p.Annotations)
			}
			routestest.CarryOut(t, &w, p.Objects, p.Annotations)
			if again := planText(t, Make(w, routestest.Settings)); again != planText(t, p) {
				t.Errorf("carried out, it leads to another plan:\n%s", again)
			}
		})
	}
}

// More paths than one rule can hold become several routes, and none is lost.
func TestManyPaths(t *testing.T) {
	var matches []string
	for i := range 150 {
		matches = append(matches, fmt.Sprintf("{path: {type: PathPrefix, value: /p%d}}", i))
	}
	p := Make(routestest.Snapshot(t, `
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec: {gatewayClassName: any}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, annotations: {access.ostiary.dev/policy: web}}
spec: {parentRefs: [{name: gw}], hostnames: [app.example.com], rules: [{matches: [`+strings.Join(matches, ", ")+`],
	backendRefs: [{name: app, port: 80}]}]}`), routestest.Settings)
	seen := map[string]bool{}
	for _, o := range made(p, "HTTPRoute") {
		rules := routes.Objects(o.Object, "spec", "rules")
		if len(rules) != 1 || len(routes.Objects(rules[0], "matches")) > family.MatchesMax {
			t.Error(o.GetName(), len(rules))
		}
		for _, m := range routes.Objects(rules[0], "matches") {
			if routes.Text(m, "method") == "OPTIONS" {
				seen[routes.Text(m, "path", "value")] = true
			}
		}
	}
	if len(seen) != 150 {
		t.Error(len(seen))
	}
}
