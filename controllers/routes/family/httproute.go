// SPDX-License-Identifier: Apache-2.0

package family

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
)

// PlanHTTPRoute plans for an HTTPRoute. Its rules are one list, which belongs to whoever
// wrote it: we never write into it, and say what has to be added instead.
func PlanHTTPRoute(w *Wants) {
	planes, lost := DataPlanes(w.Index, w.Manifest)
	w.Asks = len(planes) > 0 && len(lost) == 0
	for _, name := range lost {
		w.Found(routes.UnknownProxy, "%s is attached to Gateway %s, of which nothing is known, so that it may not be protected there. Make the Gateway, or write the annotation %s on the HTTPRoute.", w.Ref, name, routes.ProxyAnnotation)
	}
	answers := len(planes) > 0 && !narrow(w.Manifest) // they answer preflights as they are told
	for _, plane := range planes {
		w.Asks = w.guardedBy(plane) && w.Asks
		answers = answers && plane.Proxy == routes.EnvoyGateway
	}
	w.ownCORS()
	if len(planes)+len(lost) > 0 {
		w.routesBeside(!answers && !w.Rules.Bypasses())
	}
}

// ownCORS: a filter of a route answers preflights before anybody is asked.
func (w *Wants) ownCORS() {
	for i, rule := range routes.Objects(w.Manifest.Object, "spec", "rules") {
		if slices.ContainsFunc(routes.Objects(rule, "filters"), func(f map[string]any) bool { return routes.Text(f, "type") == "CORS" }) {
			w.Found(routes.ForeignCORS, "%s has a filter CORS in rule %s, so its proxy answers preflights before Ostiary gets an auth request, and lets those origins read answers. Write them into the policy's spec.cors, and remove the filter.", w.Ref, routes.RuleName(i, rule))
		}
	}
}

func (w *Wants) leadsToApplications() bool {
	return slices.ContainsFunc(routes.Objects(w.Manifest.Object, "spec", "rules"), func(rule map[string]any) bool {
		return len(w.Applications(w.Manifest, rule)) > 0
	})
}

// filters reports the rules that lead to an application without asking.
func (w *Wants) filters(asks func(map[string]any) bool, paste string) bool {
	var open []string
	for i, rule := range routes.Objects(w.Manifest.Object, "spec", "rules") {
		if len(w.Applications(w.Manifest, rule)) > 0 && !asks(rule) {
			open = append(open, routes.RuleName(i, rule))
		}
	}
	if len(open) > 0 {
		w.Found(routes.MissingFilter, "%s is not protected in rule %s: its proxy sends no auth request there. Ostiary does not edit the rules of others. Add to the filters of each: %s", w.Ref, strings.Join(open, ", "), paste)
	}
	return len(open) == 0
}

// narrow reports whether some rule of a route matches by more than the path, so that no
// rule of it may match the preflights of its requests: those have another method, and
// none of their headers. Nobody would be asked about them.
func narrow(route *unstructured.Unstructured) bool {
	for _, rule := range routes.Objects(route.Object, "spec", "rules") {
		for _, m := range routes.Objects(rule, "matches") {
			if routes.Text(m, "method") != "" || len(routes.Objects(m, "headers")) > 0 || len(routes.Objects(m, "queryParams")) > 0 {
				return true
			}
		}
	}
	return false
}

// MatchesMax is how many matches a rule of an HTTPRoute may have.
const MatchesMax = 64

// routesBeside leads our own path, and preflights, to our Services: by HTTPRoutes of
// the route's namespace, as its Gateways admit those.
func (w *Wants) routesBeside(preflights bool) {
	if !w.Served[ReferenceGrantKind] && w.Ref.Namespace != w.Settings.Namespace {
		w.Found(routes.MissingKind, "users cannot sign in at the hosts of %s, and no preflight is answered, as the CRD referencegrants.gateway.networking.k8s.io is not installed. Install all of the Gateway API.", w.Ref)
		return
	}
	w.grant("HTTPRoute", "public")
	w.routeBeside("access", map[string]any{
		"matches":     []any{map[string]any{"path": map[string]any{"type": "PathPrefix", "value": w.Settings.PathPrefix}}},
		"backendRefs": []any{w.backendRef("public", w.Settings.PublicPort)},
	})
	if !preflights {
		return
	}
	w.grant("HTTPRoute", "preflight")
	for n, matches := range slices.Collect(slices.Chunk(preflightMatches(w.Manifest), MatchesMax)) {
		kind := "preflight"
		if n > 0 {
			kind += strconv.Itoa(n + 1)
		}
		w.routeBeside(kind, map[string]any{"matches": matches, "backendRefs": []any{w.backendRef("preflight", w.Settings.PreflightPort)}})
	}
}

func (w *Wants) routeBeside(kind string, rule map[string]any) {
	parents, _, _ := unstructured.NestedSlice(w.Manifest.Object, "spec", "parentRefs")
	fields := map[string]any{"parentRefs": parents, "rules": []any{rule}}
	if hosts := routes.Texts(w.Manifest.Object, "spec", "hostnames"); len(hosts) > 0 {
		fields["hostnames"] = anyList(hosts)
	}
	w.put(Object(GatewayVersion, "HTTPRoute", types.NamespacedName{Namespace: w.Ref.Namespace, Name: besideName(kind, w.Ref.Name)}, ForRoute(w.Ref), nil, Spec(fields)))
}

func (w *Wants) backendRef(part string, port int32) map[string]any {
	at := w.Settings.Service(part)
	return map[string]any{"group": "", "kind": "Service", "name": at.Name, "namespace": at.Namespace, "port": int64(port)}
}

// preflightMatches are the paths of a route, for preflights. A longer path comes before
// a method, so that each of them has to be there.
func preflightMatches(route *unstructured.Unstructured) []any {
	var out []any
	seen := map[string]bool{}
	for _, rule := range routes.Objects(route.Object, "spec", "rules") {
		matches := routes.Objects(rule, "matches")
		if len(matches) == 0 {
			matches = []map[string]any{{}}
		}
		for _, m := range matches {
			kind, value := cmp.Or(routes.Text(m, "path", "type"), "PathPrefix"), cmp.Or(routes.Text(m, "path", "value"), "/")
			if seen[kind+" "+value] {
				continue
			}
			seen[kind+" "+value] = true
			out = append(out, map[string]any{
				"path": map[string]any{"type": kind, "value": value}, "method": "OPTIONS",
				"headers": []any{
					map[string]any{"type": "RegularExpression", "name": "Origin", "value": ".+"},
					map[string]any{"type": "RegularExpression", "name": "Access-Control-Request-Method", "value": ".+"},
				},
			})
		}
	}
	return out
}
