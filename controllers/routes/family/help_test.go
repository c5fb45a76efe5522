// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/routestest"
)

// ingresses are the proxies that serve Ingresses, and one that nobody knows.
var ingresses = append(slices.Clone(known), "kong")

// world reads manifests, beside routestest.Base, where everything is served.
func world(t *testing.T, manifests ...string) *routes.Index {
	t.Helper()
	return routes.Read(routestest.Snapshot(t, manifests...), routestest.Settings)
}

// site is the Ingress web of app.example.com for a proxy, with annotations: key, value, ...
func site(proxy routes.Proxy, pairs ...string) string {
	notes := []string{routestest.Opted, routes.ProxyAnnotation + ": " + string(proxy)}
	for pair := range slices.Chunk(pairs, 2) {
		notes = append(notes, pair[0]+": "+strconv.Quote(pair[1]))
	}
	return routestest.WebYAML("web", "/", "app", strings.Join(notes, ", "))
}

// webOf is what the Ingress, or the HTTPRoute, web says.
func webOf(t *testing.T, x *routes.Index) *routes.Route {
	t.Helper()
	for _, ing := range x.Ingresses {
		if ing.Name == "web" {
			return x.RouteOf(ing)
		}
	}
	for _, o := range x.HTTPRoutes {
		if o.GetName() == "web" {
			return x.HTTPRouteOf(o)
		}
	}
	t.Fatal("no route web")
	return nil
}

// questionOf is what the proxy of web asks.
func questionOf(t *testing.T, x *routes.Index) routes.Question {
	t.Helper()
	r := webOf(t, x)
	return Of(r.Class).Question(x, r)
}

// gapsOf are the reasons of the gaps of web, each once.
func gapsOf(t *testing.T, x *routes.Index) []string {
	t.Helper()
	r := webOf(t, x)
	at := &routes.Served{Host: "app.example.com", Written: r.Paths, Paths: Of(r.Class).Paths(r, r.Paths)}
	var out []string
	Of(r.Class).Gaps(x, r, at, func(reason string, _ []policy.Path, format string, args ...any) {
		if text := fmt.Sprintf(format, args...); strings.Contains(text, "%!") {
			t.Errorf("%s: %s", reason, text)
		}
		out = append(out, reason)
	})
	return out
}

// planOf is what the family of web wants.
func planOf(t *testing.T, x *routes.Index) *Wants {
	t.Helper()
	r := webOf(t, x)
	w := NewWants(x, r)
	if r.Ingress != nil {
		Of(r.Class).Plan(w)
	} else {
		PlanHTTPRoute(w)
	}
	for _, f := range w.Findings {
		if strings.Contains(f.Message, "%!") {
			t.Errorf("%s: %s", f.Reason, f.Message)
		}
	}
	return w
}

// reasonsOf are the reasons of what was found, in order, each once.
func reasonsOf(w *Wants) string {
	var out []string
	for _, f := range w.Findings {
		out = append(out, f.Reason)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

// objectsOf are kinds and names of what is wanted, in order.
func objectsOf(w *Wants) string {
	var out []string
	for _, o := range w.Objects {
		out = append(out, o.GetKind()+" "+routes.NameOf(o).String())
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// httpRoute is the HTTPRoute web of a proxy, with these rules.
func httpRoute(proxy routes.Proxy, rules string) string {
	return fmt.Sprintf(`{apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: {name: web, namespace: shop,
labels: {app: web}, annotations: {%s, %s: %q}}, spec: {parentRefs: [{name: gw}], hostnames: [app.example.com], rules: [%s]}}`,
		routestest.Opted, routes.ProxyAnnotation, proxy, rules)
}
