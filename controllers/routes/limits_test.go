// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// TestResponsesNotManaged: whoever writes responses: Managed is told where it does nothing,
// and the route is guarded all the same.
func TestResponsesNotManaged(t *testing.T) {
	const moved = opted + ", access.ostiary.dev/proxy: traefik-ingress-nginx"
	gateway := `
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop, annotations: {access.ostiary.dev/policy: web}}
spec: {hostnames: [app.example.com], parentRefs: [{name: eg}], rules: [{backendRefs: [{name: app, port: 80}]}]}`
	for name, tc := range map[string]struct {
		route string
		says  string // empty: nothing
	}{
		"ingress-nginx":                  {webYAML("web", "/", "app", opted), "Ingress shop/web: ingress-nginx hands"},
		"ingress-nginx, global":          {webYAML("web", "/", "app", opted+", access.ostiary.dev/mode: global"), "Ingress shop/web: ingress-nginx hands"},
		"ingress-nginx, canary":          {webYAML("web", "/", "app", opted+", access.ostiary.dev/mode: canary"), "Ingress shop/web: ingress-nginx hands"},
		"ingress-nginx, static":          {webYAML("web", "/", "app", opted+", access.ostiary.dev/mode: static"), ""},
		"Traefik":                        {traefikYAML(opted), "Ingress shop/web: traefik hands"},
		"Traefik as ingress-nginx":       {webYAML("web", "/", "app", moved), "Ingress shop/web: traefik-ingress-nginx hands"},
		"the same, static means nothing": {webYAML("web", "/", "app", moved+", access.ostiary.dev/mode: static"), "Ingress shop/web: traefik-ingress-nginx hands"},
		"haproxy-ingress":                {haproxyYAML("web", opted), "Ingress shop/web: haproxy-ingress hands"},
		"a Gateway":                      {gateway, "HTTPRoute shop/web: its Gateway hands"},
		"a route that names nothing":     {webYAML("web", "/", "app", ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := planWorld(t, tc.route)
			if p := Make(w, coverageSettings); len(p.Limits) > 0 {
				t.Errorf("responses: App, and %v", p.Limits)
			}
			before := planText(t, Make(w, coverageSettings))
			w.Policies[0].CORS.Managed = true
			p := Make(w, coverageSettings)
			if got := planText(t, p); got != before {
				t.Errorf("it is planned otherwise:\n%s", got)
			}
			if tc.says == "" {
				if len(p.Limits) > 0 {
					t.Errorf("%v", p.Limits)
				}
				return
			}
			if len(p.Limits) != 1 || !strings.Contains(p.Limits[0].Message, tc.says) || p.Limits[0].Reason != ResponsesNotManaged || p.Limits[0].Policy != (types.NamespacedName{Namespace: "shop", Name: "web"}) {
				t.Errorf("%+v", p.Limits)
			}
		})
	}
}
