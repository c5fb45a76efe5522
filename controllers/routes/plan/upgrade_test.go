// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// TestNotWebSocket: the expression is of everything but one word.
func TestNotWebSocket(t *testing.T) {
	re := regexp.MustCompile(family.NotWebSocket)
	const name = "websocket"
	check := func(s string) {
		if got := re.MatchString(s); got == strings.EqualFold(s, name) {
			t.Errorf("%q: %t", s, got)
		}
	}
	for _, s := range []string{name, "WebSocket", "WEBSOCKET", "", "h2c", "H2C", "h2", "TLS/1.2", "websocket, h2c", "h2c, websocket", "websocket/13", "websockets", "xwebsocket", "websocke", "ebsocket", "web socket", "*"} {
		check(s)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 { // a letter, or several, of the word are others
		b := []byte(name)
		for range 1 + r.IntN(3) {
			b[r.IntN(len(b))] = "websocktxWEBSOCKTX/,. 2h"[r.IntN(24)]
		}
		check(string(b[:len(b)-r.IntN(2)]))
	}
}

// TestUpgradeRoutes: wherever Traefik serves a route that names a policy, what asks for
// another protocol goes to our listener, before any match of the route's own.
func TestUpgradeRoutes(t *testing.T) {
	for _, matches := range []string{"", "[{path: {type: PathPrefix, value: /a}}]", "[{path: {type: Exact, value: /a}, method: GET}]",
		"[{headers: [{name: X-A, value: b}]}, {path: {type: RegularExpression, value: /a.*}, method: POST, headers: [{name: X-A, value: b}, {name: X-B, type: RegularExpression, value: c}]}]",
		"[{queryParams: [{name: a, value: b}]}]"} {
		rule := "backendRefs: [{name: app, port: 80}]"
		if matches != "" {
			rule = "matches: " + matches + ", " + rule
		}
		w := routestest.Snapshot(t, fmt.Sprintf(`
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: traefik}
spec: {controllerName: traefik.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw, namespace: shop}
spec: {gatewayClassName: traefik}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, annotations: {access.ostiary.dev/policy: web}}
spec: {hostnames: [app.example.com], parentRefs: [{name: gw}], rules: [{%s}]}
`, rule))
		p := Make(w, routestest.Settings)
		var ours []map[string]any
		for _, o := range p.Objects {
			if o.GetKind() == "HTTPRoute" && strings.HasPrefix(o.GetName(), "ostiary-upgrade-") {
				for _, rule := range routes.Objects(o.Object, "spec", "rules") {
					ours = append(ours, routes.Objects(rule, "matches")...)
				}
			}
		}
		var own []map[string]any
		if err := yaml.Unmarshal([]byte(matches), &own); err != nil {
			t.Fatal(err)
		}
		if len(own) == 0 {
			own = []map[string]any{{}}
		}
		for _, m := range own {
			for _, name := range []string{"Upgrade", "HTTP2-Settings"} {
				if !hasWith(ours, m, name) {
					t.Errorf("%s: nothing takes %s of %v: %v", matches, name, m, ours)
				}
			}
		}
	}
}

// hasWith looks for a match that is m and one header more.
func hasWith(all []map[string]any, m map[string]any, name string) bool {
	for _, o := range all {
		headers := routes.Objects(o, "headers")
		if len(headers) != len(routes.Objects(m, "headers"))+1 || routes.Text(headers[len(headers)-1], "name") != name {
			continue
		}
		if routes.Text(o, "path", "value") == routes.Text(m, "path", "value") && routes.Text(o, "path", "type") == routes.Text(m, "path", "type") && routes.Text(o, "method") == routes.Text(m, "method") &&
			len(routes.Objects(o, "queryParams")) == len(routes.Objects(m, "queryParams")) {
			return true
		}
	}
	return false
}
