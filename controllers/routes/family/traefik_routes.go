// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/ostiary/ostiary/controllers/routes"
)

// traefikNGINX plans for Traefik's ingress-nginx provider. It fills in the auth-url as
// ingress-nginx does, but relays what we answer as it is, and so needs no error pages.
func (w *Wants) traefikNGINX() {
	if !w.ask() {
		return
	}
	w.foreignCORS()
	if routes.NGINXRewrite.Text(w.Route.Annotations) != "" || routes.NGINXVhost.Text(w.Route.Annotations) != "" {
		w.Found(routes.RewrittenTarget, "%s has rewrite-target or upstream-vhost, and Traefik asks about the request that it made of the visitor's: rules of the policy for paths or hosts may be those of another. "+
			"Remove it, or serve it by Traefik's own Ingress provider, with a Middleware that rewrites after those of Ostiary.", w.Ref)
	}
	w.preflightRoute()
	w.upgradeRoute()
	w.SignIn = map[string]string{routes.NGINXPrefix + "enable-global-auth": "false"}
}

// An application that changes to another protocol than WebSocket (h2c) would serve
// requests about which nobody is asked, with identity headers of the client's choice.
// Traefik shows the question neither Upgrade nor a header that Connection names. So what
// asks for one is led to our preflight listener, which refuses it.

// NotWebSocket is a regular expression of what is not "websocket". RE2 has no "not", and
// of several lines of Upgrade each has to be looked at.
const NotWebSocket = `(?i)^(.{0,8}|.{10,}|.{0}[^w].{8}|.{1}[^e].{7}|.{2}[^b].{6}|.{3}[^s].{5}|.{4}[^o].{4}|.{5}[^c].{3}|.{6}[^k].{2}|.{7}[^e].{1}|.{8}[^t].{0})$`

// upgradePriority is above that of preflights, as one can ask for a protocol, too.
const upgradePriority = 11000

// upgradeRoute takes them off an Ingress of Traefik's.
func (w *Wants) upgradeRoute() {
	if !w.Served[ingressRouteKind] {
		w.Found(routes.MissingKind, "%s: Ostiary cannot refuse h2c upgrades, as the CRD ingressroutes.traefik.io is not installed. If the application accepts HTTP/2 without TLS (h2c), a client that may send one request can send others in the same connection without protection. Install Traefik's CRDs, and enable its provider kubernetesCRD.", w.Ref)
		return
	}
	w.routesAt("upgrade", upgradePriority, "(HeaderRegexp(`Upgrade`, `"+NotWebSocket+"`) || HeaderRegexp(`HTTP2-Settings`, `^`))")
}

// upgradeRoutes takes them off an HTTPRoute where Traefik is its Gateway. Of equal paths
// and methods the match with more headers wins, so each match of the route is there once
// more, and asks for one header more.
func (w *Wants) upgradeRoutes() {
	if !w.Served[ReferenceGrantKind] && w.Ref.Namespace != w.Settings.Namespace {
		return // routesBeside says so
	}
	w.grant("HTTPRoute", "preflight")
	var all []any
	for _, rule := range routes.Objects(w.Manifest.Object, "spec", "rules") {
		matches := routes.Objects(rule, "matches")
		if len(matches) == 0 {
			matches = []map[string]any{{}}
		}
		for _, m := range matches {
			for _, h := range [][2]string{{"Upgrade", NotWebSocket}, {"HTTP2-Settings", "^"}} {
				more, _ := runtime.DeepCopyJSONValue(m).(map[string]any)
				headers, _ := more["headers"].([]any)
				more["headers"] = append(headers, map[string]any{"type": "RegularExpression", "name": h[0], "value": h[1]})
				all = append(all, more)
			}
		}
	}
	for n, matches := range slices.Collect(slices.Chunk(all, MatchesMax)) {
		kind := "upgrade"
		if n > 0 {
			kind += strconv.Itoa(n + 1)
		}
		w.routeBeside(kind, map[string]any{"matches": matches, "backendRefs": []any{w.backendRef("preflight", w.Settings.PreflightPort)}})
	}
}

// traefikGateway is Traefik as a Gateway.
type traefikGateway struct{ DataPlane }

func (traefikGateway) Asks(x *routes.Index, r *unstructured.Unstructured, rule map[string]any, _ bool) bool {
	return filtered(x, r, rule, "ExtensionRef")
}

func (p traefikGateway) Unfit(*unstructured.Unstructured) string {
	return p.Who() + " is Traefik, which does not know the filter ExternalAuth: name the Middlewares of Ostiary instead"
}

// Plan: Traefik as a Gateway asks where a rule names our Middlewares.
func (traefikGateway) Plan(w *Wants) bool {
	if !w.Served[MiddlewareKind] {
		w.Found(routes.MissingKind, "%s cannot ask about requests, as the CRD middlewares.traefik.io is not installed. Install Traefik's CRDs, and enable its provider kubernetesCRD.", w.Ref)
		return false
	}
	w.upgradeRoutes()
	names := w.middlewares()
	var filters []string
	for _, name := range names {
		filters = append(filters, fmt.Sprintf("{type: ExtensionRef, extensionRef: {group: %s, kind: Middleware, name: %s}}", traefikGroup, name))
	}
	return w.filters(func(rule map[string]any) bool {
		ours := 0
		for _, f := range routes.Objects(rule, "filters") {
			if routes.Text(f, "type") == "ExtensionRef" && routes.Text(f, "extensionRef", "kind") == "Middleware" && slices.Contains(names, routes.Text(f, "extensionRef", "name")) {
				ours++
			}
		}
		return ours == len(names)
	}, strings.Join(filters, ", "))
}
