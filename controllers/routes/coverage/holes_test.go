// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// serviceYAML is a Service of shop for the pods app: web.
func serviceYAML(name, kind, selector string) string {
	return "apiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: shop}\n" +
		"spec: {type: " + kind + ", selector: {" + selector + "}, ports: [{port: 80, targetPort: 8080}]}\n"
}

// traefikRouteYAML is an IngressRoute of shop with one match, that leads to web.
func traefikRouteYAML(namespace, name, match string) string {
	return "apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {name: " + name + ", namespace: " + namespace + "}\n" +
		"spec:\n  routes:\n  - match: '" + match + "'\n    services: [{name: web, port: 80}]\n"
}

// TestCanaryLeadsToTheApplication: the pods of a canary are the application's, so another
// door to them is one to the host.
func TestCanaryLeadsToTheApplication(t *testing.T) {
	web := ingressYAML("shop", "web", "app.example.com", routestest.Opted)
	canary := ingressYAML("shop", "next", "app.example.com", routes.NGINXPrefix+`canary: "true"`)
	canary = strings.Replace(canary, "name: web", "name: next", 1)
	door := serviceYAML("next", "LoadBalancer", "app: next")
	for _, c := range []struct {
		manifests []string
		want      bool
	}{
		{[]string{web, canary, door}, true},
		{[]string{web, canary, serviceYAML("next", "ClusterIP", "app: next")}, false},
		{[]string{web, door}, false},
		{[]string{web, strings.Replace(canary, "host: app.", "host: other.", 1), door}, false},
	} {
		w := routestest.Read(t, append([]string{routestest.Base}, c.manifests...)...)
		if findings := Unguarded(w, routestest.Settings, Claims(w)); routestest.Has(findings, routes.ExposedService, "next") != c.want {
			t.Errorf("want it %v, found %v in\n%s", c.want, findings, c.manifests)
		}
	}
}

// TestAliasWithATrailingStar: to nginx app.example.* is any name that begins so, unless the
// name has a server of its own.
func TestAliasWithATrailingStar(t *testing.T) {
	settings := routestest.Settings
	settings.TeamHost = teamHost
	for alias, want := range map[string]struct{ app, team bool }{
		"app.example.*":     {app: true},
		"app.*":             {app: true},
		"APP.Example.*":     {app: true},
		"auth.*":            {team: true},
		"ap.*":              {},
		"app.example.com.*": {},
		"a.*, app.*":        {app: true},
	} {
		w := routestest.Read(t, routestest.Base, ingressYAML("shop", "x", "other.example.org", routes.NGINXPrefix+`server-alias: "`+alias+`"`))
		findings := Unguarded(w, settings, Claims(w))
		if got := routestest.Has(findings, routes.ServerAlias, "x"); got != want.app {
			t.Errorf("%s: found %v, want %v: %v", alias, got, want.app, findings)
		}
		if got := routestest.Has(findings, routes.TeamHostTaken, "x"); got != want.team {
			t.Errorf("%s takes the team host: found %v, want %v: %v", alias, got, want.team, findings)
		}
	}
}

// TestTeamPathWithoutAHost: what asks for our own path, and for no host, is meant for the
// team host, with and without a slash.
func TestTeamPathWithoutAHost(t *testing.T) {
	settings := routestest.Settings
	settings.TeamHost = teamHost
	for match, want := range map[string]bool{
		"PathPrefix(`/.access`)":                              true,
		"PathPrefix(`/.access/`)":                             true,
		"PathPrefix(`/.access/idp`)":                          true,
		"Host(`auth.example.com`)":                            true,
		"Host(`other.example.org`) || PathPrefix(`/.access`)": true,
		"Host(`other.example.org`) && PathPrefix(`/.access`)": false,
		"PathPrefix(`/access`)":                               false,
		`HostRegexp("^auth\\.example\\.com$")`:                true,
		`HostRegexp("^auth\\.example\\.org$")`:                false,
	} {
		w := routestest.Read(t, routestest.Base, traefikRouteYAML("evil", "x", match))
		if findings := Unguarded(w, settings, Claims(w)); routestest.Has(findings, routes.TeamHostTaken, "x") != want {
			t.Errorf("%s: want it %v, found %v", match, want, findings)
		}
	}
}

// TestExposedServiceNamesOne: of several Services that lead to the same pods the message
// names always the same, or a condition is written again and again.
func TestExposedServiceNamesOne(t *testing.T) {
	manifests := []string{routestest.Base, serviceYAML("door", "NodePort", "app: web")}
	for _, name := range []string{"a", "b", "c", "d"} {
		manifests = append(manifests, serviceYAML(name, "ClusterIP", "app: web"),
			strings.Replace(ingressYAML("shop", name, "app.example.com", routestest.Opted), "name: web", "name: "+name, 1))
	}
	w := routestest.Read(t, manifests...)
	first := Unguarded(w, routestest.Settings, Claims(w))
	if !routestest.Has(first, routes.ExposedService, "door") || len(first) != 1 {
		t.Fatalf("found %v", first)
	}
	for range 50 {
		if again := Unguarded(w, routestest.Settings, Claims(w)); !reflect.DeepEqual(first, again) {
			t.Fatalf("first %v\nand then %v", first, again)
		}
	}
}
