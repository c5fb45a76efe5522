// SPDX-License-Identifier: Apache-2.0

package family

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// Kinds of Traefik, as in Snapshot.Served.
const (
	MiddlewareKind   = "Middleware." + traefikGroup
	ingressRouteKind = "IngressRoute." + traefikGroup
)

// Priorities of our routers. Traefik ranks the others by the length of their rule.
const (
	accessPriority    = 9000
	preflightPriority = 10000
)

// traefik is its own Ingress provider.
type traefik struct{}

func (traefik) Serves(class routes.Class) bool { return class.Proxy == routes.Traefik }

func (traefik) Paths(r *routes.Route, paths []policy.Path) []policy.Path { return written(r, paths) }

func (traefik) Question(x *routes.Index, r *routes.Route) routes.Question {
	return traefikQuestion(x, routes.TraefikMiddlewares.List(r.Annotations))
}

func (traefik) Expected() string { return nginx{}.Expected() }

func (traefik) Gaps(*routes.Index, *routes.Route, *routes.Served, Reporter) {}

func (traefik) Auth(_ *routes.Settings, namespace, name string) map[string]string {
	strip, auth := stripPlace, authPlace
	if name != namePlace {
		strip, auth = middlewareRef(namespace, middlewareName("strip", name)), middlewareRef(namespace, middlewareName("auth", name))
	}
	return map[string]string{routes.TraefikMiddlewares.Key(): strip + "," + auth}
}

func (traefik) AuthKey() string { return routes.TraefikMiddlewares.Key() }

func (f traefik) AsksItself(ing *networkingv1.Ingress) bool {
	return ing.Annotations[f.AuthKey()] == f.Auth(nil, ing.Namespace, ing.Name)[f.AuthKey()]
}

// traefikQuestion: one Middleware that asks us will do.
func traefikQuestion(x *routes.Index, middlewares []string) routes.Question {
	if slices.ContainsFunc(middlewares, func(m string) bool { return routes.Once(x, askingMiddlewares).named[m] }) {
		return routes.AsksUs
	}
	return routes.AsksNobody
}

// Plan is for Traefik's own Ingress provider: a Middleware asks, and a router of
// ours leads preflights to the preflight listener, as ForwardAuth can let one pass or
// refuse it, and not answer it.
func (traefik) Plan(w *Wants) {
	if !w.Served[MiddlewareKind] {
		// A router whose Middleware is missing serves nothing, which is what a route
		// that names a policy has to do until somebody is asked about it.
		w.Found(routes.MissingKind, "%s cannot ask about requests, as the CRD middlewares.traefik.io is not installed: Traefik serves nothing there until it is. Install Traefik's CRDs, and enable its provider kubernetesCRD.", w.Ref)
	}
	names := w.middlewares()
	w.chain(names)
	w.preflightRoute()
	w.upgradeRoute()
	w.SignIn = carriedOver(w.Ingress)
	w.SignIn[routes.TraefikPrefix+"router.priority"] = strconv.Itoa(accessPriority)
	if priority := routes.TraefikPriority.Number(w.Route.Annotations); priority >= accessPriority {
		w.Found(routes.PriorityTooHigh, "%s has %srouter.priority: %d, so that its routers come before those of Ostiary: users cannot sign in there, and preflights are refused. Make it less than %d.", w.Ref, routes.TraefikPrefix, priority, accessPriority)
	}
}

// chain names the Middlewares in the one annotation that there is. Who has others in it
// has to add ours: a list in an annotation has one owner.
func (w *Wants) chain(names []string) {
	const key = routes.TraefikPrefix + "router.middlewares"
	var ours []string
	for _, name := range names {
		ours = append(ours, middlewareRef(w.Namespace, name))
	}
	want := strings.Join(ours, ",")
	spelled := routes.TraefikMiddlewares.Spelled(w.Route.Annotations)
	if !w.foreign(key, want) && !slices.ContainsFunc(spelled, func(s string) bool { return s != key }) {
		w.Annotations[key] = want
		w.Asks = w.Served[MiddlewareKind]
		return
	}
	is := routes.TraefikMiddlewares.List(w.Route.Annotations)
	w.Asks = slices.Contains(is, ours[1]) || traefikQuestion(w.Index, is) == routes.AsksUs
	switch {
	case len(is) > 1 && is[0] == ours[0] && is[1] == ours[1]:
	case w.Asks:
		w.Found(routes.ForeignAnnotation, "%s has %s: %q, where Ostiary is asked, but not first: what comes before it may change what is asked about. Let it begin with %s.", w.Ref, key, strings.Join(is, ","), want)
	default:
		w.Found(routes.ForeignAuth, "%s has %s: %q, which Ostiary did not set, so Ostiary gets no auth request for it. Let it begin with %s: the Middlewares are there. Or remove it, and Ostiary writes its own.", w.Ref, key, strings.Join(is, ","), want)
	}
}

// middlewares makes the two of a route, and names them. The first takes off what only
// we may say, in whatever spelling; the second asks, pinned to the route.
func (w *Wants) middlewares() []string {
	address := w.Settings.AuthzURL + contract.ForwardRoutePrefix + w.NamespacedName.String()
	strip, auth := routeMiddleware("strip", w.Name), routeMiddleware("auth", w.Name)
	if w.Kind == "Ingress" {
		address = w.Settings.AuthzURL + contract.ForwardPrefix + w.NamespacedName.String()
		strip, auth = middlewareName("strip", w.Name), middlewareName("auth", w.Name)
	}
	if !w.Served[MiddlewareKind] {
		return []string{strip, auth}
	}
	off := map[string]any{}
	for _, header := range stripped(&w.Settings) {
		off[header] = ""
	}
	add := func(name string, fields map[string]any) {
		w.put(Object(traefikVersion, "Middleware", types.NamespacedName{Namespace: w.Namespace, Name: name}, ForRoute(w.Ref), nil, Spec(fields)))
	}
	add(strip, map[string]any{"headers": map[string]any{"customRequestHeaders": off}})
	question := map[string]any{
		"address": address,
		// X-Forwarded-* are Traefik's own, never the client's.
		"trustForwardHeader": false,
		// What a decision depends on, and nothing by which a client could pass for
		// another proxy.
		"authRequestHeaders":  anyList(contract.Asked()),
		"authResponseHeaders": anyList(w.Settings.IdentityHeaders),
	}
	if w.Served[routes.MiddlewareLimit] { // without it Traefik warns of each Middleware
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
func (w *Wants) preflightRoute() {
	if w.Rules.Bypasses() {
		return // the application answers them itself
	}
	if !w.Served[ingressRouteKind] {
		w.Found(routes.MissingKind, "%s: preflights cannot be led to Ostiary, and are refused, as the CRD ingressroutes.traefik.io is not installed. Install Traefik's CRDs, and enable its provider kubernetesCRD.", w.Ref)
		return
	}
	w.routesAt("preflight", preflightPriority, preflights)
}

// routesAt leads what matches, at each host and path of an Ingress and nowhere else, to
// our preflight listener.
func (w *Wants) routesAt(kind string, priority int64, match string) {
	var rules []any
	for _, at := range routes.PlacesOf(w.Ingress) {
		if at.Host == "" {
			continue // it would take those of every host
		}
		rules = append(rules, map[string]any{
			"kind": "Rule", "priority": priority, "match": placeMatch(w, at) + " && " + match,
			"services": []any{map[string]any{"name": w.Settings.Service("preflight").Name, "port": int64(w.Settings.PreflightPort)}},
		})
	}
	if len(rules) == 0 {
		return
	}
	fields := map[string]any{"routes": rules}
	carried := carriedOver(w.Ingress)
	if points := routes.SplitList(carried[routes.TraefikPrefix+"router.entrypoints"]); len(points) > 0 {
		fields["entryPoints"] = anyList(points)
	}
	if tls, some := routeTLS(carried); some {
		fields["tls"] = tls
	}
	var notes map[string]string
	if w.Class.Legacy {
		notes = map[string]string{routes.IngressClass: w.Class.Name}
	}
	name := types.NamespacedName{Namespace: w.Settings.Namespace, Name: CentralName(kind, w.Namespace, w.Name)}
	w.put(Object(traefikVersion, "IngressRoute", name, ForRoute(w.Ref), notes, Spec(fields)))
}

// preflights is the rule of Traefik for them.
const preflights = "Method(`OPTIONS`) && HeaderRegexp(`Origin`, `.+`) && HeaderRegexp(`Access-Control-Request-Method`, `.+`)"

// placeMatch is the rule of Traefik for a place. Texts are quoted as
// Traefik quotes those of Ingresses: its rules have Go's strings, in which nothing can
// end one early. A prefix is whole segments, whichever way Traefik is set to read it.
func placeMatch(w *Wants, at routes.Placed) string {
	q := strconv.Quote
	path := "PathPrefix(`/`)"
	matcher, own := routes.TraefikMatcher.Text(w.Route.Annotations), w.Class.Proxy == routes.Traefik // its other provider reads none
	regex, rewritten := routes.ReadsExpressions(w.Route.Annotations, w.Class.Proxy)
	switch whole := strings.TrimSuffix(at.Path, "/"); {
	case w.Class.Proxy == routes.TraefikNGINX && (regex || rewritten):
		path = "PathRegexp(" + q("(?i)^"+at.Path) + ")"
	case at.PathType == string(networkingv1.PathTypeExact):
		path = "Path(" + q(at.Path) + ")"
	case own && at.PathType == string(networkingv1.PathTypeImplementationSpecific) && (matcher == "Path" || matcher == "PathRegexp"):
		path = matcher + "(" + q(at.Path) + ")"
	case whole != "":
		path = "(Path(" + q(whole) + ") || PathPrefix(" + q(whole+"/") + "))"
	}
	return "Host(" + q(at.Host) + ") && " + path
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

// forwardTarget reads the X-Forwarded-* headers.
var forwardTarget = regexp.MustCompile("^(" + contract.ForwardPath + "|(" + contract.ForwardPrefix + "|" + contract.ForwardRoutePrefix + ")[a-z0-9.-]+/[a-z0-9.-]+)$")

// An asking is which Middlewares ask us.
type asking struct {
	by    map[types.NamespacedName]bool
	named map[string]bool // the same, as Traefik names them in annotations
}

// askingMiddlewares finds the Middlewares that ask us about the request that is
// made, and the chains that hold one of them.
func askingMiddlewares(x *routes.Index) asking {
	out := asking{map[types.NamespacedName]bool{}, map[string]bool{}}
	for _, m := range x.Middlewares {
		address, _, _ := unstructured.NestedString(m.Object, "spec", "forwardAuth", "address")
		trusts, _, _ := unstructured.NestedBool(m.Object, "spec", "forwardAuth", "trustForwardHeader")
		if address != "" && !trusts && x.AuthURL(address, forwardTarget) == routes.AsksUs {
			out.by[routes.NameOf(m)] = true
		}
	}
	for range x.Middlewares { // a chain may hold a chain
		before := len(out.by)
		for _, m := range x.Middlewares {
			for _, link := range routes.Objects(m.Object, "spec", "chain", "middlewares") {
				if out.by[routes.RefOf(link, m.GetNamespace())] {
					out.by[routes.NameOf(m)] = true
				}
			}
		}
		if len(out.by) == before {
			break
		}
	}
	for m := range out.by {
		out.named[m.Namespace+"-"+m.Name+"@kubernetescrd"] = true
	}
	return out
}

// MiddlewareAsks reports whether a Middleware asks us.
func MiddlewareAsks(x *routes.Index, name types.NamespacedName) bool {
	return routes.Once(x, askingMiddlewares).by[name]
}

// middlewareName names a Middleware of an Ingress. In a reference Traefik makes one
// hyphen of whatever is neither a letter nor a digit, so that a.b, a-b and a--b would
// be one: a name that has more than plain hyphens is written with z for an escape. The
// API server can do that, too; it knows no digests, and refuses names that are too long.
func middlewareName(kind, ingress string) string {
	if odd(ingress) {
		kind, ingress = "x"+kind, escaped(ingress)
	}
	return shortened(ownPrefix+kind+"-"+ingress, subdomainMax)
}

// routeMiddleware names one of an HTTPRoute, for people to paste.
func routeMiddleware(kind, route string) string {
	if strings.Contains(route, "--") { // to Traefik it is the same as one hyphen
		return shortened(ownPrefix+kind+"-route-"+strings.ReplaceAll(route, ".", "-"), LabelMax-11) + "-" + digest(route)
	}
	return serviceName(kind, "route-"+route)
}

// odd: "route-" begins what belongs to HTTPRoutes.
func odd(ingress string) bool {
	return strings.Contains(ingress, ".") || strings.Contains(ingress, "--") || strings.HasPrefix(ingress, "route-")
}

// escaped can be read back: z2 is nothing, z1 a dot, z0 a z.
func escaped(name string) string {
	name = strings.ReplaceAll(strings.ReplaceAll(name, "z", "z0"), ".", "z1")
	for range 2 {
		name = strings.ReplaceAll(name, "--", "-z2-")
	}
	return name
}

// middlewareRef is a Middleware as annotations name it. Traefik makes one hyphen of
// whatever is neither a letter nor a digit.
func middlewareRef(namespace, name string) string {
	parts := strings.FieldsFunc(namespace+"-"+name, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsNumber(c) })
	return strings.Join(parts, "-") + "@kubernetescrd"
}
