// SPDX-License-Identifier: Apache-2.0

package plan_test

import (
	"fmt"
	"math/rand/v2"
	"net/textproto"
	"regexp"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// A question is a request of a proxy to the authz listener.
type question struct {
	method, target, host string
	headers              map[string]string
}

func (q question) Method() string        { return q.method }
func (q question) RequestTarget() string { return q.target }
func (q question) Host() string          { return q.host }

func (q question) Header(name string) (string, int) {
	v, ok := q.headers[textproto.CanonicalMIMEHeaderKey(name)]
	if !ok {
		return "", 0
	}
	return v, 1
}

func (q question) Joined(name string) string {
	v, _ := q.Header(name)
	return v
}

// A visit is a request of a browser, as its proxy routed it.
type visit struct{ method, host, uri string }

// atPath takes the scheme and the authority off an address.
var atPath = regexp.MustCompile(`^[a-z]+://[^/]*(/[^/]*:[0-9]+)?(/authz/v1/.*)$`)

// filled has nginx fill in its variables.
func filled(t *testing.T, address string, v visit) question {
	t.Helper()
	m := atPath.FindStringSubmatch(address)
	if m == nil {
		t.Fatalf("%q is no address of ours", address)
	}
	return question{method: "GET", host: "authz", target: strings.NewReplacer("$request_method", v.method, "$host", v.host, "$request_uri", v.uri).Replace(m[2])}
}

// forwarded has a proxy say what is asked for in headers of its own.
func forwarded(t *testing.T, address string, v visit) question {
	q := filled(t, address, v)
	q.headers = map[string]string{contract.ForwardedMethod: v.method, contract.ForwardedHost: v.host, contract.ForwardedURI: v.uri}
	return q
}

// byHAProxy reads which headers haproxy-ingress is told to set, and to what.
func byHAProxy(t *testing.T, annotations map[string]string, v visit) question {
	q := filled(t, annotations[routes.HAProxyPrefix+"auth-url"], v)
	q.headers = map[string]string{}
	fill := strings.NewReplacer("%[req.hdr(host)]", v.host, "%[pathq]", v.uri, "%[method]", v.method)
	for line := range strings.Lines(annotations[routes.HAProxyPrefix+"request-set-headers"]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		q.headers[textproto.CanonicalMIMEHeaderKey(name)] = fill.Replace(value)
	}
	return q
}

// middleware is the address of the Middleware of a plan that asks.
func middleware(t *testing.T, p plan.Plan) string {
	for _, o := range p.Objects {
		if address := routes.Text(o.Object, "spec", "forwardAuth", "address"); address != "" {
			return address
		}
	}
	t.Fatal("no Middleware asks")
	return ""
}

// appended is what Envoy asks: the path of the request after that of the policy.
func appended(prefix string, v visit) question {
	return question{method: v.method, host: v.host, target: strings.TrimSuffix(prefix, "/") + v.uri}
}

// A way is one kind of proxy: the route that its plan is made for, and what it then asks.
type way struct {
	route   func(name types.NamespacedName, host string) string
	ask     func(t *testing.T, p plan.Plan, ref routes.Ref, v visit) question
	dialect dialect.Dialect
	pin     policy.Pin
	kind    string
}

func ingressOf(proxy routes.Proxy, mode routes.Mode) func(types.NamespacedName, string) string {
	return func(name types.NamespacedName, host string) string {
		return fmt.Sprintf(`{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: %q, namespace: %q, annotations: {%s: web, %s: %q, %s: %q}},
spec: {rules: [{host: %s, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: app, port: {number: 80}}}}]}}]}}`,
			name.Name, name.Namespace, routes.PolicyAnnotation, routes.ProxyAnnotation, proxy, routes.ModeAnnotation, mode, host)
	}
}

func httpRouteOf(proxy routes.Proxy) func(types.NamespacedName, string) string {
	return func(name types.NamespacedName, host string) string {
		return fmt.Sprintf(`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: %q, namespace: %q, annotations: {%s: web, %s: %q}},
spec: {parentRefs: [{name: gw}], hostnames: [%s], rules: [{backendRefs: [{name: app, port: 80}]}]}}`,
			name.Name, name.Namespace, routes.PolicyAnnotation, routes.ProxyAnnotation, proxy, host)
	}
}

func authURL(t *testing.T, p plan.Plan, ref routes.Ref, v visit) question {
	return filled(t, p.Annotations[ref][routes.NGINXAuthURL.Key()], v)
}

// pasted finds the path of the filter that a finding says to add.
var pasted = regexp.MustCompile(`http: \{path: ([^,]+),`)

func byFilter(t *testing.T, p plan.Plan, ref routes.Ref, v visit) question {
	for _, f := range p.Findings {
		if m := pasted.FindStringSubmatch(f.Message); m != nil && f.Object == ref {
			return appended(m[1], v)
		}
	}
	t.Fatal("no finding says which filter to add")
	return question{}
}

var ways = map[string]way{
	"ingress-nginx":                 {ingressOf(routes.IngressNGINX, routes.Render), authURL, dialect.Nginx{}, policy.IngressPin, "Ingress"},
	"ingress-nginx, global":         {ingressOf(routes.IngressNGINX, routes.Global), authURL, dialect.Nginx{}, policy.IngressPin, "Ingress"},
	"ingress-nginx, canary":         {ingressOf(routes.IngressNGINX, routes.Canary), authURL, dialect.Nginx{PassPreflights: true}, policy.IngressPin, "Ingress"},
	"ingress-nginx, static":         {ingressOf(routes.IngressNGINX, routes.Static), authURL, dialect.Nginx{}, policy.IngressPin, "Ingress"},
	"Traefik's ingress-nginx":       {ingressOf(routes.TraefikNGINX, routes.Render), authURL, dialect.URL{}, policy.IngressPin, "Ingress"},
	"Traefik":                       {ingressOf(routes.Traefik, routes.Render), byMiddleware, dialect.Forward{}, policy.EitherPin, "Ingress"},
	"haproxy-ingress":               {ingressOf(routes.HAProxyIngress, routes.Render), byHeaders, dialect.Forward{}, policy.EitherPin, "Ingress"},
	"Envoy Gateway":                 {httpRouteOf(routes.EnvoyGateway), byPolicy, dialect.Envoy{}, policy.RoutePin, "HTTPRoute"},
	"Traefik as a Gateway":          {httpRouteOf(routes.Traefik), byMiddleware, dialect.Forward{}, policy.RoutePin, "HTTPRoute"},
	"a Gateway with ExternalAuth":   {httpRouteOf(routes.GatewayAPI), byFilter, dialect.External{}, policy.RoutePin, "HTTPRoute"},
	"agentgateway with its own way": {httpRouteOf(routes.AgentGateway), byFilter, dialect.External{}, policy.RoutePin, "HTTPRoute"},
}

func byMiddleware(t *testing.T, p plan.Plan, _ routes.Ref, v visit) question {
	return forwarded(t, middleware(t, p), v)
}

func byHeaders(t *testing.T, p plan.Plan, ref routes.Ref, v visit) question {
	return byHAProxy(t, p.Annotations[ref], v)
}

func byPolicy(t *testing.T, p plan.Plan, _ routes.Ref, v visit) question {
	for _, o := range p.Objects {
		if path := routes.Text(o.Object, "spec", "extAuth", "http", "path"); path != "" {
			return appended(path, v)
		}
	}
	t.Fatal("no SecurityPolicy asks")
	return question{}
}

// What a plan writes for a route, filled in as its proxy does, is read as a question about
// the very request that was made, pinned to that route.
func TestWhatIsWrittenIsRead(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	for name, w := range ways {
		t.Run(name, func(t *testing.T) {
			for range 60 {
				at := types.NamespacedName{
					Namespace: routestest.Pick(r, "shop", "a-b", "ostiary2", "z0"),
					Name:      routestest.Pick(r, "web", "a.b", "a--b", "route-x", "nginx", "x1.y2-z", strings.Repeat("long-", 20)+"name"),
				}
				v := visit{
					method: routestest.Pick(r, "GET", "POST", "OPTIONS", "DELETE", "PROPFIND"),
					host:   routestest.Pick(r, "app.example.com", "x.preview.example.com", "xn--a.example.com"),
					uri:    routestest.Pick(r, "/", "/a", "/a/b/", "/.access/login?x=/authz/v1/nginx/", "/shop/web/GET/other.example.com/", "/a?b=c%2Fd&e", "/%41", "/$host", "/a%20b"),
				}
				s := routestest.Snapshot(t, w.route(at, v.host))
				s.Policies[0].Namespace = at.Namespace
				ref := routes.Ref{Kind: w.kind, NamespacedName: at}
				q := w.ask(t, plan.Make(s, routestest.Settings), ref, v)
				var a dialect.Ask
				if refusal := w.dialect.Read(q, &a); refusal != nil {
					t.Fatalf("seed %d: %s, %+v asks %+v, and is refused: %s", seed, at, v, q, refusal.Message)
				}
				want, err := policy.NewTarget(v.host, strings.Split(v.uri, "?")[0])
				if err != nil {
					t.Fatal(err)
				}
				if a.Method != v.method || a.Target.Host() != want.Host() || a.Target.Path() != want.Path() || a.URI != v.uri {
					t.Errorf("seed %d: %s, %+v is read as %s %s%s (%s)", seed, at, v, a.Method, a.Target.Host(), a.Target.Path(), a.URI)
				}
				if a.Ingress != at.String() || a.Pin != w.pin {
					t.Errorf("seed %d: %s, %+v is pinned to %q, %v", seed, at, v, a.Ingress, a.Pin)
				}
			}
		})
	}
}
