// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Reasons of what goes around a policy.
const (
	NoAuthURL          = "NoAuthURL"          // an Ingress whose proxy asks nobody
	ForeignAuthURL     = "ForeignAuthURL"     // it asks somebody else, or us about something else
	OtherNamespace     = "OtherNamespace"     // an Ingress of a namespace that has no policy for the host
	OtherClass         = "OtherClass"         // another proxy serves the host, too, and does not ask
	ServerAlias        = "ServerAlias"        // the host is an alias of a server that does not ask
	DefaultBackend     = "DefaultBackend"     // what has no host serves any host's leftover
	GlobalAuthOff      = "GlobalAuthOff"      // an Ingress turned the controller's own question off
	NoAuthLocations    = "NoAuthLocations"    // paths that a controller never asks about
	CustomErrors401    = "CustomErrors401"    // a controller replaces refusals by another page
	AuthCache          = "AuthCache"          // a proxy remembers an answer, and gives it to others
	SatisfyAny         = "SatisfyAny"         // something else than our answer is enough
	AuthMethodSnippet  = "AuthMethodSnippet"  // configuration by hand may override the question
	HTTPRouteNoAuth    = "HTTPRouteNoAuth"    // a rule of an HTTPRoute or GRPCRoute that asks nobody
	IngressRouteNoAuth = "IngressRouteNoAuth" // the same of a Traefik IngressRoute
	TLSPassthrough     = "TLSPassthrough"     // connections go to the application as they are
	ExposedService     = "ExposedService"     // the application's pods have another door
	RecomputedRoute    = "RecomputedRoute"    // after the question another route may be chosen
	TeamHostTaken      = "TeamHostTaken"      // somebody else serves the host on which people sign in
)

// acmePath is where certificates are proven. ingress-nginx never asks there, and
// solvers of cert-manager serve it for a minute.
const acmePath = "/.well-known/acme-challenge"

// Unguarded says what serves a host that a policy claims around that policy.
//
// It judges by what the objects say now. A route that names a policy is Make's
// matter, as far as the question goes that its proxy asks; what undoes the question
// is reported here all the same. What carries RouteLabel, or leads to nothing but
// our own Services, is no finding.
//
// Claims tells whether a policy claims a host that its argument can stand for: a
// host itself, "*.example.com" for one label below example.com, ".example.com" for
// any number of them (a wildcard of the Gateway API, or of an alias), and "" for
// any host at all. Claims, the function, makes one.
//
// Where it cannot tell, something is reported: an alarm too many can be looked
// into. Only where a proxy is known to choose an exact name before a pattern, and
// to stay with it, does an exact host hide a pattern: on ingress-nginx.
func Unguarded(w World, s Settings, claims func(host string) bool) []Finding {
	return look(&w, &s, claims).findings
}

// look goes through a world once.
func look(w *World, s *Settings, claims func(host string) bool) *coverage {
	c := newCoverage(w, s, claims)
	for _, ing := range w.Ingresses {
		c.ingress(ing)
	}
	for _, r := range slices.Concat(w.HTTPRoutes, w.GRPCRoutes) {
		c.httpRoute(r)
	}
	for _, r := range w.TLSRoutes {
		c.tlsRoute(r)
	}
	for _, r := range w.IngressRoutes {
		c.ingressRoute(r)
	}
	c.securityPolicies()
	c.team()
	c.configs()
	c.services()
	slices.SortFunc(c.findings, compareFindings)
	c.findings = slices.Compact(c.findings)
	return c
}

func compareFindings(a, b Finding) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Object.String(), b.Object.String()), cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Policy.String(), b.Policy.String()), cmp.Compare(a.Message, b.Message))
}

// A coverage is one run of Unguarded.
type coverage struct {
	*World
	settings  *Settings
	claims    func(host string) bool
	owners    map[string][]*Policy // who claims a host, as it is written
	claimed   []string             // the keys of owners that claims confirms, sorted
	servers   map[server]bool      // hosts for which a class has a server of its own
	aliases   map[server][]string
	asking    map[string]map[string]bool // classes by host that ask about it
	nginx     nginxConfig
	asks      map[types.NamespacedName]bool // Middlewares that ask us
	asksAs    map[string]bool               // the same, as Traefik names them in annotations
	targets   map[Ref]map[string]bool       // sections of objects that a SecurityPolicy is for, and whether it asks us
	elsewhere []elsewhere
	routed    map[types.NamespacedName]*application
	findings  []Finding
	teamHosts []string // the team host, which an expression may match as it may a claimed one
}

// A server is what a proxy keeps for a host.
type server struct{ class, host string }

func newCoverage(w *World, s *Settings, claims func(string) bool) *coverage {
	c := &coverage{
		World: w, settings: s, claims: claims, owners: owners(w),
		servers: map[server]bool{}, aliases: map[server][]string{}, asking: map[string]map[string]bool{},
		routed: map[types.NamespacedName]*application{},
	}
	for host := range c.owners {
		if claims(host) {
			c.claimed = append(c.claimed, host)
		}
	}
	slices.Sort(c.claimed)
	if host := s.TeamHost; host != "" && !slices.Contains(c.claimed, host) {
		c.teamHosts = []string{host}
	}
	c.nginx = c.readConfigs()
	c.asks, c.asksAs = c.askingMiddlewares(), map[string]bool{}
	for m := range c.asks {
		c.asksAs[m.Namespace+"-"+m.Name+"@kubernetescrd"] = true
	}
	c.targets = c.targeted()
	for _, ing := range w.Ingresses {
		c.index(ing)
	}
	return c
}

// index notes which hosts the class of an Ingress has a server for.
func (c *coverage) index(ing *networkingv1.Ingress) {
	class, proxy := c.classOf(ing)
	if isCanary(ing, proxy) {
		return
	}
	asks := optedIn(&ing.ObjectMeta) || c.question(ing, proxy) == asksUs
	for i := range ing.Spec.Rules {
		host := ing.Spec.Rules[i].Host
		at := server{class, host}
		c.servers[at] = true
		c.aliases[at] = append(c.aliases[at], aliasesOf(ing, proxy)...)
		if asks && !ours(&ing.ObjectMeta) && !c.leadsToUs(ing.Namespace, backends(ing)) {
			if c.asking[host] == nil {
				c.asking[host] = map[string]bool{}
			}
			c.asking[host][class] = true
		}
	}
}

// owners lists who claims which host. A policy that names none itself claims those
// of the routes that name it.
func owners(w *World) map[string][]*Policy {
	routes := map[types.NamespacedName][]string{}
	opted := func(o metav1.Object, hosts ...string) {
		if name := o.GetAnnotations()[PolicyAnnotation]; name != "" {
			policy := types.NamespacedName{Namespace: o.GetNamespace(), Name: name}
			routes[policy] = append(routes[policy], hosts...)
		}
	}
	for _, ing := range w.Ingresses {
		for i := range ing.Spec.Rules {
			opted(ing, ing.Spec.Rules[i].Host)
		}
	}
	for _, r := range w.HTTPRoutes {
		opted(r, texts(r.Object, "spec", "hostnames")...)
	}
	out := map[string][]*Policy{}
	for i := range w.Policies {
		p := &w.Policies[i]
		hosts := p.Hosts
		if len(hosts) == 0 {
			hosts = routes[p.NamespacedName]
			slices.Sort(hosts)
			hosts = slices.Compact(hosts)
		}
		for _, h := range hosts {
			if h != "" {
				out[h] = append(out[h], p)
			}
		}
	}
	return out
}

// An around is what serves a host around its policies.
type around struct {
	object Ref
	reason string
	host   string // as the object has it: exact, "*.x", ".x" or ""
	owner  string // whose policies are concerned, if not the host's
	paths  []Path // none: all
}

// report adds a finding for each policy that is gone around: those of the paths,
// or, if the paths are nobody's, those of the host, whose cookies go there, too.
func (c *coverage) report(a around, format string, args ...any) {
	f := Finding{Object: a.object, Reason: a.reason, Host: shown(a.host), Message: fmt.Sprintf(format, args...)}
	if a.host == "" { // it is about all policies, and so about none
		c.findings = append(c.findings, f)
		return
	}
	for _, p := range c.ownersOf(cmp.Or(a.owner, a.host), a.paths) {
		f.Policy = p
		c.findings = append(c.findings, f)
	}
}

// ownersOf names the policies that claim what a host stands for. If none is known
// by name, it returns the zero name.
func (c *coverage) ownersOf(host string, paths []Path) []types.NamespacedName {
	var all, nearer []types.NamespacedName
	for _, claimed := range c.claimedBy(host) {
		for _, p := range c.owners[claimed] {
			all = append(all, p.NamespacedName)
			if pathsOverlap(p.Paths, paths) {
				nearer = append(nearer, p.NamespacedName)
			}
		}
	}
	if len(nearer) > 0 {
		all = nearer
	}
	if len(all) == 0 {
		return []types.NamespacedName{{}}
	}
	slices.SortFunc(all, func(a, b types.NamespacedName) int { return cmp.Compare(a.String(), b.String()) })
	return slices.Compact(all)
}

// shown is a host as people write it.
func shown(host string) string {
	if strings.HasPrefix(host, ".") {
		return "*" + host
	}
	return host
}

func ours(o metav1.Object) bool {
	_, ok := o.GetLabels()[RouteLabel]
	return ok
}

func optedIn(o metav1.Object) bool { return o.GetAnnotations()[PolicyAnnotation] != "" }
