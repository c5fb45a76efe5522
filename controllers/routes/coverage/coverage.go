// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"cmp"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

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
func Unguarded(w routes.Snapshot, s routes.Settings, claims func(host string) bool) []routes.Finding {
	return look(routes.Read(w, s), claims).findings
}

// look goes through a Snapshot once.
func look(x *routes.Index, claims func(host string) bool) *coverage {
	c := newCoverage(x, claims)
	for _, ing := range x.Ingresses {
		c.ingress(ing)
	}
	for _, r := range slices.Concat(x.HTTPRoutes, x.GRPCRoutes) {
		c.httpRoute(r)
	}
	for _, r := range x.TLSRoutes {
		c.tlsRoute(r)
	}
	for _, r := range x.IngressRoutes {
		c.ingressRoute(r)
	}
	c.securityPolicies()
	c.team()
	c.configs()
	c.services()
	slices.SortFunc(c.findings, routes.CompareFindings)
	c.findings = slices.Compact(c.findings)
	return c
}

// A coverage is one run of Unguarded.
type coverage struct {
	*routes.Index
	claims    func(host string) bool
	owners    map[string][]*routes.Policy // who claims a host, as it is written
	claimed   []string                    // the keys of owners that claims confirms, sorted
	servers   map[server]bool             // hosts for which a class has a server of its own
	aliases   map[server][]string
	asking    map[string]map[string]bool // classes by host that ask about it
	elsewhere []elsewhere
	routed    map[types.NamespacedName]*application
	findings  []routes.Finding
	teamHosts []string // the team host, which an expression may match as it may a claimed one
}

// A server is what a proxy keeps for a host.
type server struct{ class, host string }

func newCoverage(x *routes.Index, claims func(string) bool) *coverage {
	c := &coverage{
		Index: x, claims: claims, owners: owners(x.Snapshot),
		servers: map[server]bool{}, aliases: map[server][]string{}, asking: map[string]map[string]bool{},
		routed: map[types.NamespacedName]*application{},
	}
	for host := range c.owners {
		if claims(host) {
			c.claimed = append(c.claimed, host)
		}
	}
	slices.Sort(c.claimed)
	if host := x.Settings.TeamHost; host != "" && !slices.Contains(c.claimed, host) {
		c.teamHosts = []string{host}
	}
	for _, ing := range x.Ingresses {
		c.index(ing)
	}
	return c
}

func (c *coverage) classOf(ing *networkingv1.Ingress) (string, routes.Proxy) {
	class := c.RouteOf(ing).Class
	return class.Name, class.Proxy
}

// index notes which hosts the class of an Ingress has a server for.
func (c *coverage) index(ing *networkingv1.Ingress) {
	class, proxy := c.classOf(ing)
	if routes.IsCanary(ing, proxy) {
		return
	}
	asks := routes.IsOptedIn(&ing.ObjectMeta) || family.Of(c.RouteOf(ing).Class).Question(c.Index, c.RouteOf(ing)) == routes.AsksUs
	for i := range ing.Spec.Rules {
		host := ing.Spec.Rules[i].Host
		at := server{class, host}
		c.servers[at] = true
		c.aliases[at] = append(c.aliases[at], aliasesOf(ing, proxy)...)
		if asks && !routes.IsOurs(&ing.ObjectMeta) && !c.LeadsToUs(ing.Namespace, routes.Backends(ing)) {
			if c.asking[host] == nil {
				c.asking[host] = map[string]bool{}
			}
			c.asking[host][class] = true
		}
	}
}

// A gap is what serves a host around its policies.
type gap struct {
	object routes.Ref
	reason string
	host   string        // as the object has it: exact, "*.x", ".x" or ""
	owner  string        // whose policies are concerned, if not the host's
	paths  []policy.Path // none: all
}

// report adds a finding for each policy that is gone around: those of the paths,
// or, if the paths are nobody's, those of the host, whose cookies go there, too.
func (c *coverage) report(a gap, format string, args ...any) {
	f := routes.Finding{Object: a.object, Reason: a.reason, Host: routes.ShowHost(a.host), Message: fmt.Sprintf(format, args...)}
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
func (c *coverage) ownersOf(host string, paths []policy.Path) []types.NamespacedName {
	var all, nearer []types.NamespacedName
	for _, claimed := range c.claimedBy(host) {
		for _, p := range c.owners[claimed] {
			all = append(all, p.NamespacedName)
			if routes.PathsOverlap(p.Paths, paths) {
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
