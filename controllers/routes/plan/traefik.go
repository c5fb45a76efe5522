// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
)

// Kinds of Traefik, as in Snapshot.Served.
const (
	middlewareKind   = "Middleware." + traefikGroup
	ingressRouteKind = "IngressRoute." + traefikGroup
)

// MiddlewareLimit is in Snapshot.Served where the CRD of Middlewares has the field by which
// Traefik (3.6.9 and newer) bounds what it reads of an answer.
const MiddlewareLimit = "Middleware." + traefikGroup + "/spec.forwardAuth.maxResponseBodySize"

// Priorities of our routers. Traefik ranks the others by the length of their rule.
const (
	accessPriority    = 9000
	preflightPriority = 10000
)

// traefik plans for Traefik's own Ingress provider: a Middleware asks, and a router of
// ours leads preflights to the preflight listener, as ForwardAuth can let one pass or
// refuse it, and not answer it.
func (p *planner) traefik(g *guard) {
	if !p.Served[middlewareKind] {
		// A router whose Middleware is missing serves nothing, which is what a route
		// that names a policy has to do until somebody is asked about it.
		p.found(g, routes.MissingKind, "%s cannot ask about requests, as the CRD middlewares.traefik.io is not installed: Traefik serves nothing there until it is. Install Traefik's CRDs, and enable its provider kubernetesCRD.", g.ref)
	}
	names := p.middlewares(g.ref)
	p.chain(g, names)
	p.preflightRoute(g)
	p.upgradeRoute(g)
	carried := carriedOver(g.Ingress)
	carried[routes.TraefikPrefix+"router.priority"] = strconv.Itoa(accessPriority)
	for _, host := range g.hosts {
		p.access(g, host, carried)
	}
	if priority := routes.TraefikPriority.Number(g.Annotations); priority >= accessPriority {
		p.found(g, routes.PriorityTooHigh, "%s has %srouter.priority: %d, so that its routers come before those of Ostiary: nobody can sign in there, and preflights are refused. Make it less than %d.", g.ref, routes.TraefikPrefix, priority, accessPriority)
	}
}

// chain names the Middlewares in the one annotation that there is. Who has others in it
// has to add ours: a list in an annotation has one owner.
func (p *planner) chain(g *guard, names []string) {
	const key = routes.TraefikPrefix + "router.middlewares"
	var ours []string
	for _, name := range names {
		ours = append(ours, middlewareRef(g.Namespace, name))
	}
	want := strings.Join(ours, ",")
	spelled := routes.TraefikMiddlewares.Spelled(g.Annotations)
	if !g.foreign(key, want) && !slices.ContainsFunc(spelled, func(s string) bool { return s != key }) {
		g.annotations[key] = want
		g.asked = p.Served[middlewareKind]
		return
	}
	is := routes.TraefikMiddlewares.List(g.Annotations)
	g.asked = slices.Contains(is, ours[1]) || p.TraefikQuestion(is) == routes.AsksUs
	switch {
	case len(is) > 1 && is[0] == ours[0] && is[1] == ours[1]:
	case g.asked:
		p.found(g, routes.ForeignAnnotation, "%s has %s: %q, where Ostiary is asked, but not first: what comes before it may change what is asked about. Let it begin with %s.", g.ref, key, strings.Join(is, ","), want)
	default:
		p.found(g, routes.ForeignAuth, "%s has %s: %q of somebody else, so that nobody asks Ostiary about it. Let it begin with %s: the Middlewares are there. Or remove it, and Ostiary writes its own.", g.ref, key, strings.Join(is, ","), want)
	}
}

// middlewares makes the two of a route, and names them. The first takes off what only
// we may say, in whatever spelling; the second asks, pinned to the route.
func (p *planner) middlewares(route routes.Ref) []string {
	address := p.Settings.AuthzURL + contract.ForwardRoutePrefix + route.NamespacedName.String()
	strip, auth := routeMiddleware("strip", route.Name), routeMiddleware("auth", route.Name)
	if route.Kind == "Ingress" {
		address = p.Settings.AuthzURL + contract.ForwardPrefix + route.NamespacedName.String()
		strip, auth = middlewareName("strip", route.Name), middlewareName("auth", route.Name)
	}
	if !p.Served[middlewareKind] {
		return []string{strip, auth}
	}
	off := map[string]any{}
	for _, header := range stripped(&p.Settings) {
		off[header] = ""
	}
	add := func(name string, fields map[string]any) {
		p.put(object(traefikVersion, "Middleware", types.NamespacedName{Namespace: route.Namespace, Name: name}, forRoute(route), nil, spec(fields)))
	}
	add(strip, map[string]any{"headers": map[string]any{"customRequestHeaders": off}})
	question := map[string]any{
		"address": address,
		// X-Forwarded-* are Traefik's own, never the client's.
		"trustForwardHeader": false,
		// What a decision depends on, and nothing by which a client could pass for
		// another proxy.
		"authRequestHeaders":  anyList(contract.Asked()),
		"authResponseHeaders": anyList(p.Settings.IdentityHeaders),
	}
	if p.Served[MiddlewareLimit] { // without it Traefik warns of each Middleware
		question["maxResponseBodySize"] = int64(64 << 10)
	}
	add(auth, map[string]any{"forwardAuth": question})
	return []string{strip, auth}
}

// stripped are headers that no client may send, and that nothing replaces. With "_" in
// place of "-" they are the same to applications on CGI and WSGI.
func stripped(s *routes.Settings) []string {
	var out []string
	for _, header := range append(slices.Clone(s.IdentityHeaders), contract.AllIdentity()...) {
		for _, one := range slices.Sorted(slices.Values(contract.Spellings(header))) {
			if !slices.Contains(s.IdentityHeaders, one) && !slices.Contains(out, one) {
				out = append(out, one)
			}
		}
	}
	return out
}

// preflightRoute leads preflights to our preflight listener, at each host and path of
// an Ingress, and nowhere else.
func (p *planner) preflightRoute(g *guard) {
	if g.bypasses() {
		return // the application answers them itself
	}
	if !p.Served[ingressRouteKind] {
		p.found(g, routes.MissingKind, "%s: preflights cannot be led to Ostiary, and are refused, as the CRD ingressroutes.traefik.io is not installed. Install Traefik's CRDs, and enable its provider kubernetesCRD.", g.ref)
		return
	}
	p.routesAt(g, "preflight", preflightPriority, preflights)
}

// routesAt leads what matches, at each host and path of an Ingress and nowhere else, to
// our preflight listener.
func (p *planner) routesAt(g *guard, kind string, priority int64, match string) {
	var rules []any
	for _, at := range placesOf(g.Ingress) {
		if at.host == "" {
			continue // it would take those of every host
		}
		rules = append(rules, map[string]any{
			"kind": "Rule", "priority": priority, "match": placeMatch(g, at) + " && " + match,
			"services": []any{map[string]any{"name": p.Settings.Service("preflight").Name, "port": int64(p.Settings.PreflightPort)}},
		})
	}
	if len(rules) == 0 {
		return
	}
	fields := map[string]any{"routes": rules}
	carried := carriedOver(g.Ingress)
	if points := routes.SplitList(carried[routes.TraefikPrefix+"router.entrypoints"]); len(points) > 0 {
		fields["entryPoints"] = anyList(points)
	}
	if tls, some := routeTLS(carried); some {
		fields["tls"] = tls
	}
	var notes map[string]string
	if g.class.legacy {
		notes = map[string]string{routes.IngressClass: g.class.name}
	}
	name := types.NamespacedName{Namespace: p.Settings.Namespace, Name: centralName(kind, g.Namespace, g.Name)}
	p.put(object(traefikVersion, "IngressRoute", name, forRoute(g.ref), notes, spec(fields)))
}

// preflights is the rule of Traefik for them.
const preflights = "Method(`OPTIONS`) && HeaderRegexp(`Origin`, `.+`) && HeaderRegexp(`Access-Control-Request-Method`, `.+`)"

// placeMatch is the rule of Traefik for a place. Texts are quoted as
// Traefik quotes those of Ingresses: its rules have Go's strings, in which nothing can
// end one early. A prefix is whole segments, whichever way Traefik is set to read it.
func placeMatch(g *guard, at placed) string {
	q := strconv.Quote
	path := "PathPrefix(`/`)"
	matcher := routes.TraefikMatcher.Text(g.Annotations)
	regex, rewritten := routes.ReadsExpressions(g.Annotations, g.proxy)
	switch whole := strings.TrimSuffix(at.path, "/"); {
	case g.proxy == routes.TraefikNGINX && (regex || rewritten):
		path = "PathRegexp(" + q("(?i)^"+at.path) + ")"
	case at.pathType == string(networkingv1.PathTypeExact):
		path = "Path(" + q(at.path) + ")"
	case at.pathType == string(networkingv1.PathTypeImplementationSpecific) && (matcher == "Path" || matcher == "PathRegexp"):
		path = matcher + "(" + q(at.path) + ")"
	case whole != "":
		path = "(Path(" + q(whole) + ") || PathPrefix(" + q(whole+"/") + "))"
	}
	return "Host(" + q(at.host) + ") && " + path
}

// carriedOver are the annotations that say where Traefik listens for an Ingress: what
// stands beside it has to be there, too, and with the same TLS options, or Traefik
// would fall back to its defaults for the whole host.
func carriedOver(ing *networkingv1.Ingress) map[string]string {
	out := map[string]string{}
	for key, value := range ing.Annotations {
		name, ok := strings.CutPrefix(key, routes.TraefikPrefix)
		name = strings.ToLower(name)
		if ok && (name == "router.entrypoints" || name == "router.tls" || strings.HasPrefix(name, "router.tls.")) {
			out[key] = value
		}
	}
	return out
}

// routeTLS writes them as an IngressRoute has them.
func routeTLS(carried map[string]string) (map[string]any, bool) {
	tls := map[string]any{}
	said := routes.TraefikTLS.Flag(routes.Traefik, carried)
	if said != routes.Unsaid && said != routes.On {
		return nil, false // whatever else is said
	}
	if resolver := routes.TraefikResolver.Text(carried); resolver != "" {
		tls["certResolver"] = resolver
	}
	if options := routes.TraefikTLSOptions.Text(carried); options != "" {
		tls["options"] = map[string]any{"name": options} // with its provider: "ns-name@kubernetescrd"
	}
	return tls, said == routes.On || len(tls) > 0
}

// traefikNGINX plans for Traefik's ingress-nginx provider. It fills in the auth-url as
// ingress-nginx does, but relays what we answer as it is, and so needs no error pages.
func (p *planner) traefikNGINX(g *guard) {
	if !p.ask(g) {
		return
	}
	p.foreignCORS(g)
	if routes.NGINXRewrite.Text(g.Annotations) != "" || routes.NGINXVhost.Text(g.Annotations) != "" {
		p.found(g, routes.RewrittenTarget, "%s has rewrite-target or upstream-vhost, and Traefik asks about the request that it made of the visitor's: rules of the policy for paths or hosts may be those of another. "+
			"Remove it, or serve it by Traefik's own Ingress provider, with a Middleware that rewrites after those of Ostiary.", g.ref)
	}
	p.preflightRoute(g)
	p.upgradeRoute(g)
	for _, host := range g.hosts {
		p.access(g, host, map[string]string{routes.NGINXPrefix + "enable-global-auth": "false"})
	}
}
