// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"strings"
	"testing"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

const teamHost = "auth.example.com"

// teamIngressYAML is an Ingress of a class, for a host and a path, to a Service.
func teamIngressYAML(namespace, class, host, path, service, annotations string) string {
	return strings.NewReplacer("NS", namespace, "CLASS", class, "HOST", host, "PATH", path, "SERVICE", service, "NOTES", annotations).Replace(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: x, namespace: NS, annotations: {NOTES}}
spec:
  ingressClassName: CLASS
  rules:
  - host: HOST
    http: {paths: [{path: PATH, pathType: Prefix, backend: {service: {name: SERVICE, port: {number: 80}}}}]}
`)
}

// Whoever serves the team host, by whatever kind and however little of it, is found;
// what is Ostiary's own is not. Nobody has a policy for it.
func TestTeamHost(t *testing.T) {
	ours := teamIngressYAML("ostiary", "nginx", `"auth.example.com"`, "/", "ostiary-public", "")
	ours = strings.Replace(ours, "{name: x,", "{name: team,", 1)
	route := func(kind, rest string) string {
		group := "gateway.networking.k8s.io/v1"
		if strings.HasPrefix(kind, "IngressRoute") {
			group = "traefik.io/v1alpha1"
		}
		return "apiVersion: " + group + "\nkind: " + kind + "\nmetadata: {name: x, namespace: evil}\nspec: " + rest
	}
	const app = "backendRefs: [{name: app, port: 80}]"
	for name, tc := range map[string]struct {
		worlds []string
		found  bool
	}{
		"ours":                       {[]string{ours}, false},
		"the callback alone":         {[]string{ours, teamIngressYAML("evil", "nginx", teamHost, "/.access/idp/corp/callback", "x", "")}, true},
		"some other path":            {[]string{ours, teamIngressYAML("evil", "nginx", teamHost, "/hello", "x", "")}, true},
		"in another case":            {[]string{ours, teamIngressYAML("evil", "nginx", "Auth.Example.Com", "/", "x", "")}, true},
		"of another class":           {[]string{ours, teamIngressYAML("evil", "traefik", teamHost, "/", "x", "")}, true},
		"of no class":                {[]string{ours, teamIngressYAML("evil", "unknown", teamHost, "/", "x", "")}, true},
		"with our label":             {[]string{ours, strings.Replace(teamIngressYAML("evil", "nginx", teamHost, "/", "x", ""), "{name: x,", "{name: x, labels: {access.ostiary.dev/route: x},", 1)}, true},
		"in our namespace":           {[]string{ours, teamIngressYAML("ostiary", "nginx", teamHost, "/", "x", "")}, true},
		"a Service of our name":      {[]string{ours, teamIngressYAML("evil", "nginx", teamHost, "/", "ostiary-public", "")}, true},
		"that names a policy":        {[]string{ours, teamIngressYAML("evil", "nginx", teamHost, "/", "x", routestest.Opted)}, true},
		"a canary":                   {[]string{ours, teamIngressYAML("evil", "nginx", teamHost, "/", "x", routes.NGINXPrefix+`canary: "1"`)}, true},
		"an alias":                   {[]string{ours, teamIngressYAML("evil", "nginx", "evil.example.com", "/", "x", routes.NGINXPrefix+"server-alias: auth.example.com")}, true},
		"an expression as an alias":  {[]string{ours, teamIngressYAML("evil", "nginx", "evil.example.com", "/", "x", routes.NGINXPrefix+`server-alias: "~^au.h"`)}, true},
		"another alias":              {[]string{ours, teamIngressYAML("evil", "nginx", "evil.example.com", "/", "x", routes.NGINXPrefix+"server-alias: auth.example.org")}, false},
		"a star behind our name":     {[]string{ours, teamIngressYAML("evil", "nginx", `"*.example.com"`, "/", "x", "")}, false},
		"a star of another class":    {[]string{ours, teamIngressYAML("evil", "traefik", `"*.example.com"`, "/", "x", "")}, true},
		"a star alone":               {[]string{teamIngressYAML("evil", "nginx", `"*.example.com"`, "/", "x", "")}, true},
		"any host, our path":         {[]string{ours, teamIngressYAML("evil", "traefik", `""`, "/.access/idp", "x", "")}, true},
		"any host, another path":     {[]string{ours, teamIngressYAML("evil", "traefik", `""`, "/x", "x", "")}, false},
		"another host":               {[]string{ours, teamIngressYAML("evil", "nginx", "xauth.example.com", "/", "x", "")}, false},
		"a default backend":          {[]string{ours, strings.Replace(teamIngressYAML("ostiary", "nginx", teamHost, "/", "ostiary-public", ""), "spec:", "spec:\n  defaultBackend: {service: {name: x, port: {number: 80}}}", 1)}, true},
		"a proof of a certificate":   {[]string{ours, teamIngressYAML("evil", "nginx", teamHost, "/.well-known/acme-challenge/x", "cm-acme-http-solver-x", "")}, false},
		"an HTTPRoute":               {[]string{ours, route("HTTPRoute", "{hostnames: [auth.example.com], rules: [{"+app+"}]}")}, true},
		"an HTTPRoute for any":       {[]string{ours, route("HTTPRoute", "{hostnames: ['*.com'], rules: [{"+app+"}]}")}, true},
		"an HTTPRoute that leads on": {[]string{ours, route("HTTPRoute", "{hostnames: [auth.example.com], rules: [{filters: [{type: RequestRedirect, requestRedirect: {hostname: evil.example}}]}]}")}, true},
		"an HTTPRoute to https":      {[]string{ours, route("HTTPRoute", "{hostnames: [auth.example.com], rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}]}")}, false},
		"our HTTPRoute":              {[]string{route("HTTPRoute", "{hostnames: [auth.example.com], rules: [{backendRefs: [{name: ostiary-public, namespace: ostiary, port: 9002}]}]}")}, false},
		"a star beside our HTTPRoute": {[]string{strings.Replace(route("HTTPRoute", "{hostnames: [auth.example.com], rules: [{backendRefs: [{name: ostiary-public, namespace: ostiary, port: 9002}]}]}"), "name: x,", "name: team,", 1),
			route("HTTPRoute", "{hostnames: ['*.example.com'], rules: [{"+app+"}]}")}, false},
		"a GRPCRoute":                   {[]string{ours, route("GRPCRoute", "{hostnames: [auth.example.com], rules: [{"+app+"}]}")}, true},
		"a TLSRoute":                    {[]string{ours, route("TLSRoute", "{hostnames: [auth.example.com], rules: [{"+app+"}]}")}, true},
		"an IngressRoute":               {[]string{ours, route("IngressRoute", "{routes: [{match: 'Host(`auth.example.com`) && PathPrefix(`/x`)', services: [{name: x, port: 80}]}]}")}, true},
		"an IngressRoute, expression":   {[]string{ours, route("IngressRoute", "{routes: [{match: 'HostRegexp(`^au.h[.]example[.]com$`)', services: [{name: x, port: 80}]}]}")}, true},
		"an IngressRoute, no host":      {[]string{ours, route("IngressRoute", "{routes: [{match: 'PathPrefix(`/.access/idp`)', services: [{name: x, port: 80}]}]}")}, true},
		"an IngressRoute of others":     {[]string{ours, route("IngressRoute", "{routes: [{match: 'Host(`app.example.com`)', services: [{name: x, port: 80}]}]}")}, false},
		"an IngressRouteTCP":            {[]string{ours, route("IngressRouteTCP", "{routes: [{match: 'HostSNI(`auth.example.com`)', services: [{name: x, port: 443}]}]}")}, true},
		"an IngressRouteTCP for a port": {[]string{ours, route("IngressRouteTCP", "{routes: [{match: 'HostSNI(`*`)', services: [{name: db, port: 5432}]}]}")}, false},
	} {
		s := routestest.Settings
		s.TeamHost = teamHost
		for _, policy := range []string{"", "apiVersion: access.ostiary.dev/v1alpha1\nkind: AccessPolicy\nmetadata: {name: any, namespace: shop}\nspec: {hosts: [auth.example.com, '*.example.com']}"} {
			w := routestest.Read(t, append([]string{routestest.Base, policy}, tc.worlds...)...)
			findings := Unguarded(w, s, Claims(w))
			if found := routestest.Has(findings, routes.TeamHostTaken, "x"); found != tc.found {
				t.Errorf("%s (a policy claims it: %v): found %v, want %v: %v", name, policy != "", found, tc.found, findings)
			}
			if routestest.Has(findings, routes.TeamHostTaken, "team") {
				t.Errorf("%s: our own is reported", name)
			}
			for _, f := range findings {
				if f.Reason == routes.TeamHostTaken && (f.Host != teamHost || !strings.Contains(f.Message, f.Object.String())) {
					t.Errorf("%s: %+v", name, f)
				}
			}
			s2 := s
			s2.TeamHost = ""
			if routestest.Has(Unguarded(w, s2, Claims(w)), routes.TeamHostTaken, "") {
				t.Errorf("%s: found without a team host", name)
			}
		}
	}
}
