// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// A reasonCase is a minimal world with one finding, and its neighbours, each by one change
// of the text, without that one.
type reasonCase struct {
	reason     string
	object     string // that is reported; none: "Ingress shop/x"
	world      string
	neighbours []string // "from => to"
}

const (
	nginxPrefix = routes.NGINXPrefix
	appHost     = "app.example.com"
	gatewayHead = "apiVersion: gateway.networking.k8s.io/v1\nkind: "
	envoyAuth   = "http: {path: /authz/v1/envoy, backendRefs: [{name: ostiary-authz, namespace: ostiary, port: 9001}]}"
)

// shopIngress is an Ingress shop/x of ingress-nginx for the host of web.
func shopIngress(annotations string) string { return ingressYAML("shop", "x", appHost, annotations) }

// gatewayRoute is a route shop/x of a Gateway.
func gatewayRoute(kind, rest string) string {
	return gatewayHead + kind + "\nmetadata: {name: x, namespace: shop, annotations: {}}\nspec: {parentRefs: [{name: gw}], " + rest + "}"
}

// askedRoute is an HTTPRoute of Envoy Gateway, and a SecurityPolicy that asks for it.
func askedRoute(more, auth string) string {
	return gatewayRoute("HTTPRoute", "hostnames: [app.example.com], rules: [{backendRefs: [{name: web, port: 80}]}]") +
		"\n---\napiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: {name: x, namespace: shop}\nspec:\n" +
		"  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: x}]\n" + more + "  extAuth: {" + auth + envoyAuth + "}"
}

const annotated = "annotations: {} => annotations: {" + routestest.Opted + "}"

var unguardedIngress = []string{
	"annotations: {} => annotations: {" + routestest.Opted + "}",
	"annotations: {} => annotations: {" + nginxPrefix + "auth-url: " + routestest.AuthURL + "}",
	"annotations: {} => labels: {access.ostiary.dev/route: x}",
	"host: app.example.com => host: app.example.org",
	"path: /, => path: /.well-known/acme-challenge/x,",
	"namespace: shop => namespace: ostiary\x00name: web => name: ostiary-public",
}

var ingressReasons = []reasonCase{
	{
		reason:     routes.NoAuthURL,
		world:      shopIngress(""),
		neighbours: unguardedIngress,
	},
	{
		reason: routes.ForeignAuthURL,
		world:  shopIngress(nginxPrefix + "auth-url: http://sso.test/auth"),
		neighbours: []string{
			"http://sso.test/auth => " + routestest.AuthURL, "app.example.com => app.example.org",
		},
	},
	{
		reason: routes.OtherNamespace, object: "Ingress rogue/x",
		world: ingressYAML("rogue", "x", appHost, ""),
		neighbours: []string{
			"app.example.com => app.example.org", "namespace: rogue => namespace: shop",
		},
	},
	{
		reason: routes.OtherClass,
		world: shopIngress("") + "\n---\n" +
			strings.Replace(ingressYAML("shop", "web", appHost, routestest.Opted), "Name: nginx", "Name: traefik", 1),
		neighbours: []string{
			"ClassName: traefik => ClassName: nginx", routestest.Opted + " => a: b", "ClassName: nginx => ClassName: traefik",
		},
	},
	{
		reason: routes.ServerAlias,
		world:  ingressYAML("shop", "x", "app.example.org", nginxPrefix+"server-alias: app.example.com"),
		neighbours: []string{
			"server-alias: app => server-alias: www", "ClassName: nginx => ClassName: traefik", "server-alias => some-alias",
		},
	},
	{
		reason: routes.DefaultBackend,
		world:  ingressYAML("shop", "x", `""`, ""),
		neighbours: []string{
			annotated, `host: "" => host: app.example.org`,
		},
	},
	{
		reason: routes.GlobalAuthOff,
		world:  shopIngress(nginxPrefix+`enable-global-auth: "false"`) + "\n---\n" + routestest.ConfigYAML("global-auth-url", routestest.AuthURL),
		neighbours: []string{
			`"false" => "true"`, nginxPrefix + "enable => " + routestest.Opted + ", " + nginxPrefix + "enable",
			"app.example.com => app.example.org",
		},
	},
	{
		reason: routes.SatisfyAny,
		world:  shopIngress(routestest.Opted + ", " + nginxPrefix + "satisfy: any"),
		neighbours: []string{
			"satisfy: any => satisfy: all", "satisfy => satisfied",
		},
	},
	{
		reason: routes.AuthCache,
		world:  shopIngress(routestest.Opted + ", " + nginxPrefix + "auth-cache-key: $remote_user"),
		neighbours: []string{
			"auth-cache-key => auth-cache-time",
		},
	},
	{
		reason: routes.AuthMethodSnippet,
		world:  shopIngress(routestest.Opted + ", " + nginxPrefix + `configuration-snippet: "auth_request off;"`),
		neighbours: []string{
			"auth_request off => gzip off", "configuration-snippet => configuration",
		},
	},
	{
		reason: routes.TLSPassthrough,
		world:  shopIngress(routestest.Opted + ", " + nginxPrefix + `ssl-passthrough: "true"`),
		neighbours: []string{
			`"true" => "false"`, "ssl-passthrough => ssl-redirect",
		},
	},
	{
		reason: routes.AnnotationUnread,
		world:  shopIngress(nginxPrefix + "auth-url: " + routestest.AuthURL + ", " + nginxPrefix + "satisfy: maybe"),
		neighbours: []string{
			"satisfy: maybe => satisfy: all", "app.example.com => app.example.org",
		},
	},
	{
		reason: routes.ExposedService, object: "Service shop/web",
		world: shopIngress(routestest.Opted) + "\n---\n" + serviceYAML("web", "LoadBalancer", "app: web"),
		neighbours: []string{
			"type: LoadBalancer => type: ClusterIP", "name: web, namespace: shop => name: web, namespace: blog",
			"name: web, port => name: db, port", "ports: [{port: 80 => ports: [{port: 81",
		},
	},
	{
		reason: routes.ExposedService, object: "ConfigMap nginx/tcp",
		world: shopIngress(routestest.Opted) +
			"\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: tcp, namespace: nginx}\ndata: {\"9000\": \"shop/web:80\"}",
		neighbours: []string{
			"shop/web:80 => shop/db:80", "shop/web:80 => blog/web:80",
		},
	},
}

var otherReasons = []reasonCase{
	{
		reason: routes.NoAuthLocations, object: "ConfigMap nginx/controller",
		world: routestest.ConfigYAML("no-auth-locations", "/health"),
		neighbours: []string{
			"/health => /.well-known/acme-challenge", "/health => ",
		},
	},
	{
		reason: routes.CustomErrors401, object: "ConfigMap nginx/controller",
		world: routestest.ConfigYAML("custom-http-errors", "401,502"),
		neighbours: []string{
			"401,502 => 404,502", "401,502 => ",
		},
	},
	{
		reason: routes.AuthCache, object: "ConfigMap nginx/controller",
		world: routestest.ConfigYAML("global-auth-cache-key", "$host"),
		neighbours: []string{
			"$host => ",
		},
	},
	{
		reason: routes.AuthMethodSnippet, object: "ConfigMap nginx/controller",
		world: routestest.ConfigYAML("server-snippet", "satisfy any;"),
		neighbours: []string{
			"satisfy any => gzip on", "server-snippet => use-http2",
		},
	},
	{
		reason: routes.HTTPRouteNoAuth, object: "HTTPRoute shop/x",
		world: gatewayRoute("HTTPRoute", "hostnames: [app.example.com], rules: [{backendRefs: [{name: web, port: 80}]}]"),
		neighbours: []string{
			annotated, "app.example.com => app.example.org",
			"{name: web, port: 80} => {name: ostiary-public, namespace: ostiary, port: 80}",
			"name: gw => kind: Service, group: '', name: web", "{backendRefs: [{name: web, port: 80}]} => ",
			"annotations: {} => labels: {access.ostiary.dev/route: x}",
		},
	},
	{
		reason: routes.HTTPRouteNoAuth, object: "GRPCRoute shop/x",
		world: gatewayRoute("GRPCRoute", "hostnames: [app.example.com], rules: [{backendRefs: [{name: web, port: 80}]}]"),
		neighbours: []string{
			"app.example.com => app.example.org",
		},
	},
	{
		reason: routes.OtherNamespace, object: "HTTPRoute rogue/x",
		world: strings.Replace(gatewayRoute("HTTPRoute", "hostnames: [app.example.com], rules: [{backendRefs: [{name: web, port: 80}]}]"),
			"shop", "rogue", 1),
		neighbours: []string{
			"namespace: rogue => namespace: shop", "app.example.com => app.example.org",
		},
	},
	{
		reason: routes.DefaultBackend, object: "HTTPRoute shop/x",
		world: gatewayRoute("HTTPRoute", "rules: [{backendRefs: [{name: web, port: 80}]}]"),
		neighbours: []string{
			annotated, "rules: => hostnames: [app.example.org], rules:",
		},
	},
	{
		reason: routes.UnfitProxy, object: "HTTPRoute shop/x",
		world: gatewayRoute("HTTPRoute", "hostnames: [app.example.com], rules: [{filters: [{type: ExternalAuth, externalAuth: {protocol: HTTP, "+
			"backendRef: {name: ostiary-authz, namespace: ostiary, port: 9001}, "+
			"http: {path: /authz/v1/envoy}}}], backendRefs: [{name: web, port: 80}]}]"),
		neighbours: []string{
			"type: ExternalAuth, => type: RequestMirror,", "app.example.com => app.example.org", annotated,
		},
	},
	{
		reason: routes.TLSPassthrough, object: "TLSRoute shop/x",
		world: gatewayRoute("TLSRoute", "hostnames: [app.example.com], rules: [{backendRefs: [{name: web, port: 443}]}]"),
		neighbours: []string{
			"app.example.com => app.example.org", "annotations: {} => labels: {access.ostiary.dev/route: x}",
		},
	},
	{
		reason: routes.TLSPassthrough, object: "IngressRouteTCP shop/x",
		world: strings.NewReplacer("kind: IngressRoute", "kind: IngressRouteTCP", "Host(", "HostSNI(").
			Replace(traefikRouteYAML("shop", "x", "Host(`app.example.com`)")),
		neighbours: []string{
			"app.example.com => app.example.org", "app.example.com => *",
		},
	},
	{
		reason: routes.IngressRouteNoAuth, object: "IngressRoute shop/x",
		world: traefikRouteYAML("shop", "x", "Host(`app.example.com`)"),
		neighbours: []string{
			"app.example.com => app.example.org", "name: web, => name: ostiary-public, namespace: ostiary,",
			"namespace: shop} => namespace: shop, labels: {access.ostiary.dev/route: x}}",
			"services: => middlewares: [{name: ask}]\n    services:",
		},
	},
	{
		reason: routes.DefaultBackend, object: "IngressRoute shop/x",
		world: traefikRouteYAML("shop", "x", "PathPrefix(`/x`)"),
		neighbours: []string{
			"PathPrefix => Host(`app.example.org`) && PathPrefix",
		},
	},
	{
		reason: routes.OtherNamespace, object: "IngressRoute rogue/x",
		world: traefikRouteYAML("rogue", "x", "Host(`app.example.com`)"),
		neighbours: []string{
			"namespace: rogue => namespace: shop", "app.example.com => app.example.org",
		},
	},
	{
		reason: routes.RecomputedRoute, object: "SecurityPolicy shop/x",
		world: askedRoute("", "recomputeRoute: true, "),
		neighbours: []string{
			"recomputeRoute: true => recomputeRoute: false", "app.example.com => app.example.org",
			"HTTPRoute, name: x => HTTPRoute, name: z", "ostiary-authz => other",
		},
	},
	{
		reason: routes.ForeignCORS, object: "SecurityPolicy shop/x",
		world: askedRoute("  cors: {allowOrigins: ['*']}\n", ""),
		neighbours: []string{
			"  cors: {allowOrigins: ['*']}\n => ", "app.example.com => app.example.org",
		},
	},
	{
		reason: routes.TeamHostTaken, object: "IngressRoute shop/x",
		world: traefikRouteYAML("shop", "x", "Host(`auth.example.com`)"),
		neighbours: []string{
			"auth.example.com => www.example.org", "name: web, => name: ostiary-public, namespace: ostiary,",
		},
	},
}

const askMiddleware = "apiVersion: traefik.io/v1alpha1\nkind: Middleware\nmetadata: {name: ask, namespace: shop}\n" +
	"spec: {forwardAuth: {address: 'http://ostiary-authz.ostiary.svc.cluster.local:9001/authz/v1/forward'}}"

// TestReasons: each reason has a world of few objects that shows it, once, and each change
// that ought to end it does.
func TestReasons(t *testing.T) {
	settings := routestest.Settings
	settings.TeamHost = teamHost
	shows := func(world, reason, object string) (int, []routes.Finding) {
		w := routestest.Read(t, routestest.Base, askMiddleware, world)
		findings := Unguarded(w, settings, Claims(w))
		n := 0
		for _, f := range findings {
			if f.Reason == reason && (object == "" || f.Object.String() == object) {
				n++
			}
		}
		return n, findings
	}
	for _, c := range slices.Concat(ingressReasons, otherReasons) {
		object := c.object
		if object == "" {
			object = "Ingress shop/x"
		}
		t.Run(c.reason+" of "+object, func(t *testing.T) {
			n, findings := shows(c.world, c.reason, object)
			if n != 1 {
				t.Fatalf("found %d times: %v", n, lines(findings))
			}
			for _, f := range findings {
				sentence := strings.HasPrefix(f.Message, object+" ") && strings.HasSuffix(f.Message, ".")
				if f.Object.String() == object && f.Reason == c.reason && !sentence {
					t.Errorf("the message does not begin with %s, or does not end: %s", object, f.Message)
				}
			}
			for _, neighbour := range c.neighbours {
				world := c.world
				for change := range strings.SplitSeq(neighbour, "\x00") {
					from, to, _ := strings.Cut(change, " => ")
					if !strings.Contains(world, from) {
						t.Fatalf("there is no %q to change", from)
					}
					world = strings.Replace(world, from, to, 1)
				}
				if n, findings := shows(world, c.reason, ""); n != 0 {
					t.Errorf("with %q it is found all the same: %v", neighbour, lines(findings))
				}
			}
		})
	}
}

// TestReasonsAreAll: what this package can report is in TestReasons. NotApplied is that of
// Unapplied alone.
func TestReasonsAreAll(t *testing.T) {
	reported := regexp.MustCompile(`(?:[rR]eason(?::| =)|add\() ?routes\.(\w+)|[rR]eport\(routes\.(\w+)`)
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{routes.NotApplied: true}
	for _, c := range slices.Concat(ingressReasons, otherReasons) {
		shown[c.reason] = true
	}
	n := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range reported.FindAllStringSubmatch(string(source), -1) {
			n++
			if reason := m[1] + m[2]; !shown[reason] {
				t.Errorf("%s reports %s, and no case shows it", file, reason)
			}
		}
	}
	if n < 25 {
		t.Errorf("only %d places that report were found", n)
	}
}
