// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// gateways are all that serve HTTPRoutes, and one that nobody knows.
var gateways = []routes.Proxy{routes.EnvoyGateway, routes.Traefik, routes.GatewayAPI, routes.AgentGateway, routes.NGINXGateway, "kong", ""}

func gatewayClass(name, controller, notes string) string {
	const text = "" +
		"{apiVersion: " + GatewayVersion + ", kind: GatewayClass, metadata: {name: %s, annotations: {%s}}, spec: {controllerName: %s}}"
	return fmt.Sprintf(text, name, notes, controller)
}

func gateway(name, class string) string {
	const text = "{apiVersion: " + GatewayVersion + ", kind: Gateway, metadata: {name: %s, namespace: shop}, spec: {gatewayClassName: %s}}"
	return fmt.Sprintf(text, name, class)
}

// Each implementation is told by the controller of its class, by an annotation of the class,
// or by one of the route, which counts before those.
func TestDataPlanes(t *testing.T) {
	const byHand = routes.ProxyAnnotation + ": gateway-api"
	for controller, want := range map[string]routes.Proxy{
		"gateway.envoyproxy.io/gatewayclass-controller": routes.EnvoyGateway, "traefik.io/gateway-controller": routes.Traefik,
		"io.cilium/gateway-controller": routes.GatewayAPI, "gateway.nginx.org/nginx-gateway-controller": routes.NGINXGateway,
		"kgateway.dev/agentgateway": routes.AgentGateway, "example.com/gateway": "",
	} {
		plain, class := httpRoute("", plainRule), gatewayClass("c", controller, "")
		attached := func(to string) string { return strings.Replace(plain, "name: gw", to, 1) }
		for name, tc := range map[string]struct {
			route, class string
			want         []routes.Proxy
			lost         int
		}{
			"by the controller":    {plain, class, []routes.Proxy{want}, 0},
			"by its class":         {plain, gatewayClass("c", controller, byHand), []routes.Proxy{routes.GatewayAPI}, 0},
			"by the route":         {httpRoute("kong", plainRule), class, []routes.Proxy{"kong"}, 0},
			"without its class":    {plain, gatewayClass("other", controller, ""), []routes.Proxy{""}, 0},
			"without its Gateway":  {attached("name: x"), class, nil, 1},
			"of another namespace": {attached("name: gw, namespace: x"), class, nil, 1},
			"of a Service":         {attached("name: gw, kind: Service"), class, nil, 0},
			"twice the same":       {attached("name: gw}, {name: gw, sectionName: b"), class, []routes.Proxy{want}, 0},
			"and one that is lost": {attached("name: gw}, {name: x"), class, []routes.Proxy{want}, 1},
		} {
			x := world(t, tc.route, tc.class, gateway("gw", "c"))
			planes, lost := DataPlanes(x, webOf(t, x).Manifest)
			var got []routes.Proxy
			for _, p := range planes {
				got = append(got, p.Proxy)
				if p.Who() == "" {
					t.Errorf("%s, %s has no name", controller, name)
				}
			}
			if !slices.Equal(got, tc.want) || len(lost) != tc.lost {
				t.Errorf("%s, %s: %q, lost %q", controller, name, got, lost)
			}
		}
	}
}

// external is the filter of the Gateway API, which asks a Service of ours.
func external(service, port, protocol, http string) string {
	const text = "{type: ExternalAuth, externalAuth: {protocol: %s, backendRef: {name: %s, namespace: ostiary, port: %s}%s}}"
	return fmt.Sprintf(text, protocol, service, port, http)
}

func ruleWith(filters ...string) string {
	return "{name: a, backendRefs: [{name: app, port: 80}], filters: [" + strings.Join(filters, ", ") + "]}"
}

// A filter guards on the implementations that read it as it is meant, and on no other.
func TestGatewayAsks(t *testing.T) {
	const api, agent, own, envoy = routes.GatewayAPI, routes.AgentGateway, routes.Traefik, routes.EnvoyGateway
	middleware := askingAt(routestest.Settings.AuthzURL+contract.ForwardPath, "")
	pinned, loose := ", http: {path: /authz/v1/external/shop/web}", ", http: {path: /authz/v1/envoy}"
	asks := func(http string) string { return external("ostiary-authz", "9001", "HTTP", http) }
	ref := func(kind, name string) string {
		return "{type: ExtensionRef, extensionRef: {group: traefik.io, kind: " + kind + ", name: " + name + "}}"
	}
	policed := securityPolicy("p", extAuth("", contract.EnvoyPrefix, "")+", "+toWeb)
	for name, tc := range map[string]struct {
		filters []string
		more    string
		by      []routes.Proxy
	}{
		"none":                         {nil, middleware, nil},
		"pinned":                       {[]string{asks(pinned)}, middleware, []routes.Proxy{api, agent}},
		"pinned, with a slash":         {[]string{asks(strings.Replace(pinned, "web", "web/", 1))}, "", []routes.Proxy{api, agent}},
		"behind another":               {[]string{"{type: CORS}", asks(pinned)}, "", []routes.Proxy{api, agent}},
		"that answers 2xx to more":     {[]string{asks(loose)}, "", []routes.Proxy{api}},
		"pinned to another":            {[]string{asks(strings.Replace(pinned, "web", "b", 1))}, "", nil},
		"without a path":               {[]string{asks("")}, "", nil},
		"at another port":              {[]string{external("ostiary-authz", "9002", "HTTP", pinned)}, "", nil},
		"another Service":              {[]string{external("ostiary-public", "9001", "HTTP", pinned)}, "", nil},
		"gRPC":                         {[]string{external("ostiary-grpc", "9005", "GRPC", "")}, "", []routes.Proxy{api}},
		"gRPC at the authz listener":   {[]string{external("ostiary-authz", "9001", "GRPC", pinned)}, "", nil},
		"a Middleware":                 {[]string{ref("Middleware", "ask")}, middleware, []routes.Proxy{own}},
		"a Middleware that isn't":      {[]string{ref("Middleware", "ask")}, "", nil},
		"a Middleware, another":        {[]string{ref("Middleware", "b")}, middleware, nil},
		"another kind of that name":    {[]string{ref("Other", "ask")}, middleware, nil},
		"a SecurityPolicy":             {nil, policed, []routes.Proxy{envoy}},
		"a SecurityPolicy, and filter": {[]string{asks(pinned)}, policed, []routes.Proxy{api, agent, envoy}},
	} {
		for _, proxy := range gateways {
			x := world(t, httpRoute("", ruleWith(tc.filters...)), tc.more)
			r := x.HTTPRoutes[0]
			rules := routes.Objects(r.Object, "spec", "rules")[0]
			secured := SecurityPolicyOf(x, r)("a")
			want := slices.Contains(tc.by, proxy)
			if got := gatewayOf(DataPlane{Proxy: proxy}).Asks(x, r, rules, secured); got != want {
				t.Errorf("%s, on %q: %t", name, proxy, got)
			}
			if got := RuleAsks(x, r, rules, []DataPlane{{Proxy: proxy}}, secured); got != want {
				t.Errorf("%s, on %q alone: %t", name, proxy, got)
			}
			if RuleAsks(x, r, rules, []DataPlane{{Proxy: proxy}, {Proxy: "kong"}}, secured) {
				t.Errorf("%s, on %q, and on one that nobody knows: it asks", name, proxy)
			}
			lost := slices.Contains(tc.by, own) || slices.Contains(tc.by, envoy)
			if got := RuleAsks(x, r, rules, nil, secured); got != lost {
				t.Errorf("%s, where no Gateway is known: %t", name, got)
			}
		}
	}
}

// A filter that is no guard is said to be none, by those alone that do not have it as it is
// meant, and of a route that has one.
func TestUnfit(t *testing.T) {
	filter := external("ostiary-authz", "9001", "HTTP", "")
	for _, proxy := range gateways {
		for _, has := range []bool{true, false} {
			x := world(t, httpRoute("", plainRule))
			if has {
				x = world(t, httpRoute("", plainRule+", "+ruleWith(filter)))
			}
			got := Unfit(x, x.HTTPRoutes[0], []DataPlane{{Proxy: proxy}}, nil)
			if want := has && proxy != routes.GatewayAPI; want != (got != "") {
				t.Errorf("%q, with a filter %t: %q", proxy, has, got)
			}
			if got := Unfit(x, x.HTTPRoutes[0], nil, []string{"shop/x"}); has != strings.Contains(got, "shop/x") {
				t.Errorf("a lost Gateway, with a filter %t: %q", has, got)
			}
		}
	}
}

// toPaste is what a finding says to add to the filters of a rule.
var toPaste = regexp.MustCompile(`\{type: .*\}$`)

// What a plan says to paste asks, once it was pasted into every rule; then nothing is found
// any more, but what cannot be seen.
func TestGatewayPlan(t *testing.T) {
	for _, proxy := range gateways[1:4] {
		x := world(t, httpRoute(proxy, plainRule+", {name: b, backendRefs: [{name: app, port: 80}]}"))
		w := planOf(t, x)
		if w.Asks || !routestest.Has(w.Findings, routes.MissingFilter, "web") {
			t.Fatalf("%s, without a filter: asks %t, %s", proxy, w.Asks, reasonsOf(w))
		}
		var paste string
		for _, f := range w.Findings {
			if f.Reason == routes.MissingFilter {
				paste = toPaste.FindString(f.Message)
			}
		}
		if err := yaml.Unmarshal([]byte("["+paste+"]"), new(any)); err != nil || paste == "" {
			t.Fatalf("%s: %q cannot be pasted: %v", proxy, paste, err)
		}
		one := world(t, httpRoute(proxy, ruleWith(paste)+", "+plainRule))
		if w := planOf(t, carriedOut(t, one, planOf(t, one))); w.Asks || !routestest.Has(w.Findings, routes.MissingFilter, "web") {
			t.Errorf("%s, pasted into one of two rules: asks %t, %s", proxy, w.Asks, reasonsOf(w))
		}
		both := world(t, httpRoute(proxy, ruleWith(paste)+", "+ruleWith(paste)))
		first := planOf(t, both)
		after := carriedOut(t, both, first)
		mild := map[bool]string{true: routes.AuthCache}[proxy == routes.AgentGateway]
		if reasonsOf(first) != mild || !first.Asks {
			t.Errorf("%s, with its filters: asks %t, %s", proxy, first.Asks, reasonsOf(first))
		}
		if err := sameWants(first, planOf(t, after)); err != nil {
			t.Errorf("%s, carried out: %v", proxy, err)
		}
		r := webOf(t, after).Manifest
		planes, _ := DataPlanes(after, r)
		for _, rule := range routes.Objects(r.Object, "spec", "rules") {
			if !RuleAsks(after, r, rule, planes, false) {
				t.Errorf("%s: a rule does not ask: %v", proxy, rule)
			}
		}
	}
}

// Where nothing can be planned that is said; where nothing is to guard, nothing is missing.
func TestGatewayPlanRefused(t *testing.T) {
	redirects := "{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}"
	ours := "{backendRefs: [{name: ostiary-public, namespace: ostiary, port: 9002}]}"
	for proxy, reason := range map[routes.Proxy]string{
		routes.NGINXGateway: routes.UnfitProxy, "kong": routes.UnknownProxy, routes.GatewayAPI: routes.MissingFilter,
		routes.AgentGateway: routes.AuthCache + " " + routes.MissingFilter, routes.Traefik: routes.MissingFilter, routes.EnvoyGateway: "",
	} {
		if w := planOf(t, world(t, httpRoute(proxy, plainRule))); reasonsOf(w) != reason || w.Asks != (reason == "") {
			t.Errorf("%s: %s, asks %t", proxy, reasonsOf(w), w.Asks)
		}
		for _, rule := range []string{redirects, ours} {
			if w := planOf(t, world(t, httpRoute(proxy, rule))); len(w.Findings) > 0 || !w.Asks {
				t.Errorf("%s, %s leads nowhere: %s, asks %t", proxy, rule, reasonsOf(w), w.Asks)
			}
		}
		w := planOf(t, world(t, httpRoute(proxy, ruleWith("{type: CORS, cors: {}}"))))
		if !routestest.Has(w.Findings, routes.ForeignCORS, "web") {
			t.Errorf("%s, a filter CORS: %s", proxy, reasonsOf(w))
		}
	}
	half := "{type: ExtensionRef, extensionRef: {group: traefik.io, kind: Middleware, name: ostiary-auth-route-web}}"
	if w := planOf(t, world(t, httpRoute(routes.Traefik, ruleWith(half)))); w.Asks || reasonsOf(w) != routes.MissingFilter {
		t.Errorf("Traefik with one Middleware of two: asks %t, %s", w.Asks, reasonsOf(w))
	}
	lost := world(t, httpRoute("", plainRule))
	if w := planOf(t, lost); w.Asks || reasonsOf(w) != routes.UnknownProxy {
		t.Errorf("without its Gateway: asks %t, %s", w.Asks, reasonsOf(w))
	}
	x := world(t, httpRoute(routes.Traefik, plainRule))
	delete(x.Served, MiddlewareKind)
	if w := planOf(t, x); w.Asks || reasonsOf(w) != routes.MissingKind {
		t.Errorf("without Middlewares: asks %t, %s", w.Asks, reasonsOf(w))
	}
	x = world(t, httpRoute(routes.EnvoyGateway, plainRule))
	delete(x.Served, ReferenceGrantKind)
	if w := planOf(t, x); reasonsOf(w) != routes.MissingKind || strings.Contains(objectsOf(w), "HTTPRoute") {
		t.Errorf("without ReferenceGrants: %s, %s", reasonsOf(w), objectsOf(w))
	}
}

// Preflights are led to us where the proxy does not answer them as it is told, or where a
// rule may not match them; not where the application answers.
func TestGatewayPreflights(t *testing.T) {
	led := func(x *routes.Index) bool { return strings.Contains(objectsOf(planOf(t, x)), "ostiary-preflight-web") }
	for more, narrowed := range map[string]bool{
		"": false, "matches: [{path: {value: /a}}], ": false, "matches: [{method: GET}], ": true,
		"matches: [{headers: [{name: a, value: b}]}], ": true, "matches: [{}, {queryParams: [{name: a, value: b}]}], ": true,
	} {
		for _, proxy := range gateways {
			if proxy == "" {
				continue
			}
			x := world(t, httpRoute(proxy, strings.Replace(plainRule, "{", "{"+more, 1)))
			if want := proxy != routes.EnvoyGateway || narrowed; led(x) != want {
				t.Errorf("%s, %q: %s", proxy, more, objectsOf(planOf(t, x)))
			}
			x.Policies[0].CORS = &policy.CORS{BypassPreflight: true}
			if led(x) {
				t.Errorf("%s, %q: the application answers preflights, and does not get them", proxy, more)
			}
		}
	}
	var matches []string
	for i := range MatchesMax + 1 {
		matches = append(matches, fmt.Sprintf("{path: {value: /%d}}, {method: GET, path: {value: /%d}}", i, i))
	}
	w := planOf(t, world(t, httpRoute(routes.GatewayAPI, strings.Replace(plainRule, "{", "{matches: ["+strings.Join(matches, ", ")+"], ", 1))))
	seen := map[string]int{}
	for _, o := range w.Objects {
		for _, rule := range routes.Objects(o.Object, "spec", "rules") {
			all := routes.Objects(rule, "matches")
			if len(all) > MatchesMax {
				t.Errorf("%s has %d matches", o.GetName(), len(all))
			}
			for _, m := range all {
				if routes.Text(m, "method") == "OPTIONS" && len(routes.Objects(m, "headers")) == 2 {
					seen[routes.Text(m, "path", "value")]++
				}
			}
		}
	}
	for i := range MatchesMax + 1 {
		if path := fmt.Sprintf("/%d", i); seen[path] != 1 {
			t.Errorf("preflights of %s are led to us %d times", path, seen[path])
		}
	}
}
