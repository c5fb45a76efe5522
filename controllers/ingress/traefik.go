// SPDX-License-Identifier: Apache-2.0

package ingress

import (
	"regexp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
)

const traefikVersion = "traefik.io/v1alpha1"

func contains(list []string, s string) bool { return slices.Contains(list, s) }

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// traefik has a Middleware ask, and a router of ours lead preflights to the preflight
// listener: ForwardAuth can let one pass or refuse it, and not answer it.
func (p *planner) traefik(ing *networkingv1.Ingress, o *optIn) {
	if !p.Served["Middleware.traefik.io"] {
		p.find(o, MissingKind, "", "is Traefik's, and the CRD middlewares.traefik.io is not installed, so nothing can ask about its requests. Install Traefik's CRDs.")
		return
	}
	strip, ask := p.middlewares(o)
	o.guarded = true
	o.annotated = map[string]string{traefikPrefix + "router.middlewares": o.ref.Namespace + "-" + strip + "@kubernetescrd," + o.ref.Namespace + "-" + ask + "@kubernetescrd"}
	p.preflightRouter(ing, o)
}

// traefikNGINX is Traefik's provider for ingress-nginx's annotations. It fills in the
// auth-url, and relays what comes back: pages and redirects need no error page.
func (p *planner) traefikNGINX(ing *networkingv1.Ingress, o *optIn) {
	o.guarded, o.annotated = true, p.asking("url", o)
	for _, name := range []string{"rewrite-target", "upstream-vhost"} {
		if ing.Annotations[nginxPrefix+name] != "" {
			p.find(o, RewrittenTarget, "", "has nginx.ingress.kubernetes.io/%s, and Traefik rewrites before it asks, so the policy sees what the application gets. Write the policy's hosts and paths so, or rewrite in the application.", name)
		}
	}
	p.preflightRouter(ing, o)
}

// middlewares makes the two of an opt-in: one takes off what only we may say, in the
// spellings that applications on CGI and WSGI take for the same, and one asks.
func (p *planner) middlewares(o *optIn) (strip, ask string) {
	strip, ask = named("strip", o.ref.Name), named("auth", o.ref.Name)
	address := p.settings.AuthzURL + "/authz/v1/forward"
	if o.ref.Kind == "Ingress" {
		address += "/" + o.ref.Namespace + "/" + o.ref.Name // the policy that it names, and no other
	} else {
		strip, ask = named("strip-route", o.ref.Name), named("auth-route", o.ref.Name)
	}
	off := map[string]any{}
	for _, h := range p.settings.IdentityHeaders {
		for _, other := range spellings(h) {
			off[other] = ""
		}
	}
	var headers []any
	for _, h := range p.settings.IdentityHeaders {
		headers = append(headers, h)
	}
	add := func(name, purpose string, spec map[string]any) {
		p.plan.Objects = append(p.plan.Objects, object(traefikVersion, "Middleware", o.ref.Namespace, name, o.ref.String(), purpose+o.ref.String(), map[string]any{"spec": spec}))
	}
	add(strip, "headers that only Ostiary may set, at ", map[string]any{"headers": map[string]any{"customRequestHeaders": off}})
	add(ask, "the question about every request of ", map[string]any{"forwardAuth": map[string]any{
		"address": address, "trustForwardHeader": false, "authRequestHeaders": asked(), "authResponseHeaders": headers,
	}})
	return strip, ask
}

// asked are the client's headers that a decision depends on. No other is passed on,
// so that none can be taken for a proxy's.
func asked() []any {
	return []any{"Cookie", "Authorization", "Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers", "Access-Control-Request-Private-Network",
		"Accept", "Sec-Fetch-Mode", "Sec-Fetch-Storage-Access", "Sec-WebSocket-Key", "X-Requested-With", "X-Request-Id"}
}

// spellings are a header's name with some of its hyphens underscores.
func spellings(header string) []string {
	out := []string{""}
	for _, c := range header {
		var next []string
		for _, s := range out {
			next = append(next, s+string(c))
			if c == '-' {
				next = append(next, s+"_")
			}
		}
		out = next
	}
	return slices.DeleteFunc(out, func(s string) bool { return s == header })
}

// preflightPriority is above that of any router that Traefik ranks by its length.
const preflightPriority = 10000

func (p *planner) preflightRouter(ing *networkingv1.Ingress, o *optIn) {
	if o.is != nil && o.is.CORS != nil && o.is.CORS.Bypass {
		return // the application answers them itself
	}
	if !p.Served["IngressRoute.traefik.io"] {
		p.find(o, MissingKind, "", "is Traefik's, and the CRD ingressroutes.traefik.io is not installed, so preflights cannot be led to Ostiary and are refused. Install Traefik's CRDs, and enable its CRD provider.")
		return
	}
	var routes []any
	for _, at := range locationsOf(ing) {
		match, ok := traefikMatch(at.host, at.path)
		if !ok {
			p.find(o, OddTarget, at.host, "serves %q%s, which cannot be written into a rule of Traefik, so preflights there are refused. Choose another path.", at.host, at.path.Path)
			continue
		}
		routes = append(routes, map[string]any{"kind": "Rule", "priority": int64(preflightPriority),
			"match":    match + " && Method(`OPTIONS`) && HeaderRegexp(`Origin`, `.+`) && HeaderRegexp(`Access-Control-Request-Method`, `.+`)",
			"services": []any{map[string]any{"name": p.settings.ServicePrefix + "-preflight", "port": int64(p.settings.PreflightPort)}}})
	}
	if len(routes) == 0 {
		return
	}
	spec := map[string]any{"routes": routes}
	listeners := traefikListeners(ing)
	var points []any
	for _, e := range list(listeners[traefikPrefix+"router.entrypoints"]) {
		points = append(points, e)
	}
	if len(points) > 0 {
		spec["entryPoints"] = points
	}
	if listeners[traefikPrefix+"router.tls"] == "true" {
		spec["tls"] = map[string]any{}
	}
	p.plan.Objects = append(p.plan.Objects, object(traefikVersion, "IngressRoute", p.settings.Namespace, "ostiary-preflight-"+digestOf(o.ref.String()),
		o.ref.String(), "preflights of "+o.ref.String(), map[string]any{"spec": spec}))
}

// traefikListeners are the annotations that say where Traefik listens for an Ingress:
// what we put beside it has to be there as well.
func traefikListeners(ing *networkingv1.Ingress) map[string]string {
	out := map[string]string{}
	for _, name := range []string{"router.entrypoints", "router.tls"} {
		if v := strings.TrimSpace(ing.Annotations[traefikPrefix+name]); v != "" {
			out[traefikPrefix+name] = v
		}
	}
	if len(ing.Spec.TLS) > 0 {
		out[traefikPrefix+"router.tls"] = "true"
	}
	return out
}

// What a rule of Traefik may hold: it quotes by backticks, and has no escape.
var (
	ruleHost = regexp.MustCompile(`^(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*$`)
	rulePath = regexp.MustCompile("^/[^`\\x00-\\x20\\x7f{}]*$")
)

// traefikMatch writes a host and a path as a rule.
func traefikMatch(host string, path Path) (string, bool) {
	if host != "" && !ruleHost.MatchString(host) || !rulePath.MatchString(path.Path) {
		return "", false
	}
	var parts []string
	if rest, wild := strings.CutPrefix(host, "*."); wild {
		parts = append(parts, "HostRegexp(`^[a-zA-Z0-9-]+\\."+regexp.QuoteMeta(rest)+"$`)")
	} else if host != "" {
		parts = append(parts, "Host(`"+host+"`)")
	}
	switch whole := strings.TrimSuffix(path.Path, "/"); {
	case path.Exact:
		parts = append(parts, "Path(`"+path.Path+"`)")
	case whole != "":
		parts = append(parts, "(Path(`"+whole+"`) || PathPrefix(`"+whole+"/`))")
	default:
		parts = append(parts, "PathPrefix(`/`)")
	}
	return strings.Join(parts, " && "), true
}
