// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// A refRequest is one of a browser, as a Gateway sees it.
type refRequest struct {
	host, path, method string
	headers, query     map[string]string
}

// refRule is the rule that a Gateway chooses: the precedence of the Gateway API, in
// HTTPRouteRule.matches. score: hostname, path, method, headers, query.
func refRule(all []*unstructured.Unstructured, q refRequest) (route *unstructured.Unstructured, rule map[string]any) {
	best := [6]int{-1}
	for _, r := range all {
		width := refHost(routes.Texts(r.Object, "spec", "hostnames"), q.host)
		for _, candidate := range routes.Objects(r.Object, "spec", "rules") {
			matches := routes.Objects(candidate, "matches")
			if len(matches) == 0 {
				matches = []map[string]any{{}}
			}
			for _, m := range matches {
				score, ok := refMatch(m, q)
				score[0] = width
				if ok && width >= 0 && slices.Compare(score[:], best[:]) > 0 {
					best, route, rule = score, r, candidate
				}
			}
		}
	}
	return route, rule
}

// refHost is how specific the hostname is by which a route has a host; -1: it has not.
func refHost(hostnames []string, host string) int {
	best := -1
	for _, h := range hostnames {
		if h == host {
			best = 1000
		}
		if star, ok := strings.CutPrefix(h, "*"); ok && strings.HasSuffix(host, star) {
			best = max(best, len(star))
		}
	}
	return best
}

func refMatch(m map[string]any, q refRequest) (score [6]int, ok bool) {
	value := routes.Text(m, "path", "value")
	if value == "" {
		value = "/"
	}
	switch routes.Text(m, "path", "type") {
	case "Exact":
		score[1], ok = 3, q.path == value
	case "RegularExpression":
		score[1], ok = 1, regexp.MustCompile("^(?:"+value+")$").MatchString(q.path)
	default:
		score[1], ok = 2, routes.Below(q.path, value)
	}
	score[2] = len(value)
	if method := routes.Text(m, "method"); method != "" {
		score[3], ok = 1, ok && method == q.method
	}
	for i, of := range []map[string]string{q.headers, q.query} {
		for _, h := range routes.Objects(m, []string{"headers", "queryParams"}[i]) {
			is, there := of[routes.Text(h, "name")]
			same := is == routes.Text(h, "value")
			if routes.Text(h, "type") == "RegularExpression" {
				same = regexp.MustCompile("^(?:" + routes.Text(h, "value") + ")$").MatchString(is)
			}
			score[4+i]++
			ok = ok && there && same
		}
	}
	return score, ok
}

// randomMatch is a match, and a request that it matches.
func randomMatch(r *rand.Rand) (yaml string, q refRequest) {
	q = refRequest{method: routestest.Pick(r, "GET", "PUT"), headers: map[string]string{}, query: map[string]string{}}
	var parts []string
	switch value := routestest.Pick(r, "/", "/a", "/a/b", "/a/b/c"); r.IntN(4) {
	case 0:
		q.path = routestest.Pick(r, "/", "/z")
	case 1:
		q.path = value
		parts = append(parts, "path: {type: Exact, value: "+value+"}")
	case 2:
		q.path = strings.TrimSuffix(value, "/") + "/x7"
		parts = append(parts, `path: {type: RegularExpression, value: "`+strings.TrimSuffix(value, "/")+`/x[0-9]"}`)
	default:
		q.path = routestest.Pick(r, value, strings.TrimSuffix(value, "/")+"/y")
		parts = append(parts, "path: {type: PathPrefix, value: "+value+"}")
	}
	if method := routestest.Pick(r, "", "", "GET", "PUT", "OPTIONS"); method != "" {
		q.method = method
		parts = append(parts, "method: "+method)
	}
	if r.IntN(3) == 0 {
		q.headers["X-Tenant"] = "a"
		parts = append(parts, "headers: [{name: X-Tenant, value: a}]")
	}
	if r.IntN(4) == 0 {
		q.query["v"] = "1"
		parts = append(parts, "queryParams: [{name: v, value: '1'}]")
	}
	return "{" + strings.Join(parts, ", ") + "}", q
}

// randomRoute is an HTTPRoute that opted in, with the filters that its data plane wants,
// and a request for each of its matches.
func randomRoute(r *rand.Rand, class string) (yaml string, requests []refRequest) {
	filters := map[string]string{
		"eg":      "",
		"cilium":  "filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: ostiary-authz, namespace: ostiary, port: 9001}, http: {path: /authz/v1/envoy}}}], ",
		"traefik": "filters: [{type: ExtensionRef, extensionRef: {group: traefik.io, kind: Middleware, name: ostiary-strip-route-web}}, {type: ExtensionRef, extensionRef: {group: traefik.io, kind: Middleware, name: ostiary-auth-route-web}}], ",
	}[class]
	hosts := routestest.Pick(r, []string{"app.example.com"}, []string{"app.example.com", "pr-1.preview.example.com"}, []string{"*.preview.example.com"})
	var rules []string
	for range 1 + r.IntN(3) {
		var matches []string
		for range r.IntN(3) {
			m, q := randomMatch(r)
			q.host = strings.Replace(routestest.Pick(r, hosts...), "*", routestest.Pick(r, "pr-2", "a.b"), 1)
			matches, requests = append(matches, m), append(requests, q)
		}
		rules = append(rules, "{matches: ["+strings.Join(matches, ", ")+"], "+filters+"backendRefs: [{name: app, port: 80}]}")
		if len(matches) == 0 {
			requests = append(requests, refRequest{host: strings.Replace(hosts[0], "*", "x", 1), path: "/any", method: "GET"})
		}
	}
	return fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: %[1]s}
spec: {controllerName: %[2]s}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: infra}
spec: {gatewayClassName: %[1]s, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, annotations: {access.ostiary.dev/policy: web}}
spec: {parentRefs: [{name: gw, namespace: infra}], hostnames: ["%[3]s"], rules: [%[4]s]}`,
		class, map[string]string{"eg": "gateway.envoyproxy.io/gatewayclass-controller", "cilium": "io.cilium/gateway-controller", "traefik": "traefik.io/gateway-controller"}[class],
		strings.Join(hosts, `", "`), strings.Join(rules, ", ")), requests
}

// For every shape of a route, and every data plane that is called guarded: the preflight
// of a request that the route serves reaches Ostiary, or there is a finding.
func TestPreflightsReachOstiary(t *testing.T) {
	reached := map[string]int{}
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 7))
		class := []string{"eg", "cilium", "traefik"}[seed%3]
		manifest, requests := randomRoute(r, class)
		w := routestest.Snapshot(t, manifest)
		p := Make(w, routestest.Settings)
		_, binding := routestest.RouteOf(t, p.Annotations, p.Bindings, "web")
		routestest.CarryOut(t, &w, p.Objects, p.Annotations)
		for _, q := range requests {
			preflight := refRequest{host: q.host, path: q.path, method: "OPTIONS", query: q.query,
				headers: map[string]string{"Origin": "https://spa.example.com", "Access-Control-Request-Method": q.method}}
			route, rule := refRule(w.HTTPRoutes, preflight)
			how := "nothing"
			if rule != nil {
				how = routes.Text(routes.Objects(rule, "backendRefs")[0], "name")
				if how == "app" && class == "eg" && binding.Guarded { // its SecurityPolicy asks, and relays the answer
					how = "asked"
				}
			}
			if !slices.Contains([]string{"ostiary-preflight", "ostiary-public", "asked"}, how) && !slices.ContainsFunc(p.Findings, func(f routes.Finding) bool { return !f.Mild }) {
				t.Fatalf("seed %d, %s: the preflight of %+v goes to %s of %v:\n%s", seed, class, q, how, route, manifest)
			}
			reached[class+" "+how]++
		}
	}
	for _, want := range []string{"eg asked", "eg ostiary-preflight", "cilium ostiary-preflight", "traefik ostiary-preflight"} {
		if reached[want] < 20 {
			t.Errorf("nearly nothing was tried of %s: %v", want, reached)
		}
	}
}
