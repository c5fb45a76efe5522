// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// TestResponsesNotManaged: whoever writes responses: Managed is told where it does nothing,
// and the route is guarded all the same.
func TestResponsesNotManaged(t *testing.T) {
	const moved = routestest.Opted + ", access.ostiary.dev/proxy: traefik-ingress-nginx"
	gateway := `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, annotations: {access.ostiary.dev/policy: web}}
spec: {hostnames: [app.example.com], parentRefs: [{name: eg}], rules: [{backendRefs: [{name: app, port: 80}]}]}`
	for name, tc := range map[string]struct {
		route string
		says  string // empty: nothing
	}{
		"ingress-nginx":                  {routestest.WebYAML("web", "/", "app", routestest.Opted), "Ingress shop/web: ingress-nginx hands"},
		"ingress-nginx, global":          {routestest.WebYAML("web", "/", "app", routestest.Opted+", access.ostiary.dev/mode: global"), "Ingress shop/web: ingress-nginx hands"},
		"ingress-nginx, canary":          {routestest.WebYAML("web", "/", "app", routestest.Opted+", access.ostiary.dev/mode: canary"), "Ingress shop/web: ingress-nginx hands"},
		"ingress-nginx, static":          {routestest.WebYAML("web", "/", "app", routestest.Opted+", access.ostiary.dev/mode: static"), ""},
		"Traefik":                        {routestest.TraefikYAML(routestest.Opted), "Ingress shop/web: traefik hands"},
		"Traefik as ingress-nginx":       {routestest.WebYAML("web", "/", "app", moved), "Ingress shop/web: traefik-ingress-nginx hands"},
		"the same, static means nothing": {routestest.WebYAML("web", "/", "app", moved+", access.ostiary.dev/mode: static"), "Ingress shop/web: traefik-ingress-nginx hands"},
		"haproxy-ingress":                {routestest.HaproxyYAML("web", routestest.Opted), "Ingress shop/web: haproxy-ingress hands"},
		"a Gateway":                      {gateway, "HTTPRoute shop/web: its Gateway hands"},
		"a route that names nothing":     {routestest.WebYAML("web", "/", "app", ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := routestest.Snapshot(t, tc.route)
			if p := Make(w, routestest.Settings); len(p.Limits) > 0 {
				t.Errorf("responses: App, and %v", p.Limits)
			}
			before := planText(t, Make(w, routestest.Settings))
			w.Policies[0].CORS.ManageResponses = true
			p := Make(w, routestest.Settings)
			if got := planText(t, p); got != before {
				t.Errorf("it is planned otherwise:\n%s", got)
			}
			if tc.says == "" {
				if len(p.Limits) > 0 {
					t.Errorf("%v", p.Limits)
				}
				return
			}
			if len(p.Limits) != 1 || !strings.Contains(p.Limits[0].Message, tc.says) || p.Limits[0].Reason != routes.ResponsesNotManaged || p.Limits[0].Policy != (types.NamespacedName{Namespace: "shop", Name: "web"}) {
				t.Errorf("%+v", p.Limits)
			}
		})
	}
}
