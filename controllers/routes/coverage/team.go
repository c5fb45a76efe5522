// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// team reports what serves the team host, and is not Ostiary's own. The session for
// everything is a cookie there, so that whoever is behind one path of it can take the
// place of anybody. No label makes an exception: it is ours only if it leads to us.
func (c *coverage) team() {
	if c.Settings.TeamHost == "" {
		return
	}
	for _, ing := range c.Ingresses {
		c.teamIngress(ing)
	}
	for _, r := range slices.Concat(c.HTTPRoutes, c.GRPCRoutes) {
		c.teamRoute(r)
	}
	for _, r := range c.TLSRoutes {
		for _, host := range c.RouteHosts(r, routes.Objects(r.Object, "spec", "parentRefs")) {
			if host != "" && routes.HostsOverlap(host, c.Settings.TeamHost) {
				c.taken(routes.Ref{Kind: r.GetKind(), NamespacedName: routes.NameOf(r)}, host, "")
			}
		}
	}
	for _, r := range c.IngressRoutes {
		c.teamIngressRoute(r)
	}
}

// taken adds the finding, once for each object.
func (c *coverage) taken(object routes.Ref, host, what string) {
	by := ""
	if host != c.Settings.TeamHost {
		by = " (by " + routes.AnyHost(host) + ")"
	}
	if slices.ContainsFunc(c.findings, func(f routes.Finding) bool { return f.Object == object && f.Reason == routes.TeamHostTaken }) {
		return
	}
	c.findings = append(c.findings, routes.Finding{Object: object, Reason: routes.TeamHostTaken, Host: c.Settings.TeamHost,
		Message: fmt.Sprintf("%s serves %s%s%s, the host on which people sign in, and does not lead to Ostiary: the application behind it gets the team session cookies of all users, and the codes of sign-ins. Nothing but Service %s/%s-public may serve that host. Take the host off it.",
			object, c.Settings.TeamHost, what, by, c.Settings.Namespace, c.Settings.ServicePrefix)})
}

func (c *coverage) teamIngress(ing *networkingv1.Ingress) {
	d := &route{Route: c.RouteOf(ing), opted: true} // so that nothing but a solver is passed over
	class, proxy := d.Class.Name, d.Class.Proxy
	for i := range ing.Spec.Rules {
		s, some := c.rule(d, &ing.Spec.Rules[i])
		if b := ing.Spec.DefaultBackend; b != nil && !c.LeadsToUs(ing.Namespace, []networkingv1.IngressBackend{*b}) {
			some = true
		}
		if ing.Spec.Rules[i].HTTP == nil && ing.Spec.DefaultBackend == nil || !some {
			continue
		}
		s.Host = routes.CanonicalHost(s.Host)
		if c.servesTeam(class, proxy, s.Host, s.Written) || c.aliasesTeam(ing, proxy) {
			c.taken(d.Ref, s.Host, pathsOf(s.Written))
			return
		}
	}
}

func pathsOf(paths []policy.Path) string {
	switch n := len(paths); n {
	case 0:
		return ""
	case 1:
		return paths[0].Value
	default:
		return fmt.Sprintf("%s and %d more paths", paths[0].Value, n-1)
	}
}

// servesTeam reports whether a host of an Ingress may take requests to the team host. A
// pattern takes none from ingress-nginx where the class has a server for the host. What
// has no host takes what is nobody's: only where it asks for our own path is it meant.
func (c *coverage) servesTeam(class string, proxy routes.Proxy, host string, paths []policy.Path) bool {
	switch {
	case host == "":
		return slices.ContainsFunc(paths, func(p policy.Path) bool { return routes.Below(p.Value, c.Settings.PathPrefix) && p.Value != "/" })
	case routes.IsPattern(host):
		return routes.HostsOverlap(host, c.Settings.TeamHost) && (proxy != routes.IngressNGINX || !c.servers[server{class, c.Settings.TeamHost}])
	default:
		return host == c.Settings.TeamHost
	}
}

// aliasesTeam reports whether the team host is an alias of an Ingress's hosts.
func (c *coverage) aliasesTeam(ing *networkingv1.Ingress, proxy routes.Proxy) bool {
	return slices.ContainsFunc(aliasesOf(ing, proxy), func(alias string) bool {
		if expression, ok := strings.CutPrefix(alias, "~"); ok {
			re, err := regexp.Compile("(?i)" + expression)
			return err != nil || re.MatchString(c.Settings.TeamHost)
		}
		host := routes.CanonicalHost(alias)
		if before, ok := strings.CutSuffix(host, ".*"); ok {
			return strings.HasPrefix(c.Settings.TeamHost, before+".")
		}
		return host == c.Settings.TeamHost || strings.HasPrefix(host, "*.") && strings.HasSuffix(c.Settings.TeamHost, host[1:]) ||
			strings.HasPrefix(host, ".") && strings.HasSuffix("."+c.Settings.TeamHost, host)
	})
}

// teamRoute: of the routes of a Gateway an exact host comes before a pattern.
func (c *coverage) teamRoute(r *unstructured.Unstructured) {
	parents := routes.Objects(r.Object, "spec", "parentRefs")
	if routes.InMesh(parents) || !c.leadsElsewhere(r) {
		return
	}
	for _, host := range c.RouteHosts(r, parents) {
		exact := host == c.Settings.TeamHost
		if exact || host != "" && routes.HostsOverlap(host, c.Settings.TeamHost) && !c.teamRouted() {
			c.taken(routes.Ref{Kind: r.GetKind(), NamespacedName: routes.NameOf(r)}, host, "")
		}
	}
}

// leadsElsewhere reports whether a rule of a route does anything but lead to us, or to
// the same address over https.
func (c *coverage) leadsElsewhere(r *unstructured.Unstructured) bool {
	return slices.ContainsFunc(routes.Objects(r.Object, "spec", "rules"), func(rule map[string]any) bool {
		if len(routes.Objects(rule, "backendRefs")) > 0 {
			return len(c.Applications(r, rule)) > 0
		}
		return slices.ContainsFunc(routes.Objects(rule, "filters"), func(f map[string]any) bool {
			_, path, _ := unstructured.NestedMap(f, "requestRedirect", "path")
			return routes.Text(f, "type") != "RequestRedirect" || path || routes.Text(f, "requestRedirect", "hostname") != ""
		})
	})
}

// teamRouted reports whether an HTTPRoute of ours has the team host by name.
func (c *coverage) teamRouted() bool {
	return slices.ContainsFunc(c.HTTPRoutes, func(r *unstructured.Unstructured) bool {
		return !c.leadsElsewhere(r) && slices.Contains(routes.Texts(r.Object, "spec", "hostnames"), c.Settings.TeamHost)
	})
}

func (c *coverage) teamIngressRoute(r *unstructured.Unstructured) {
	for _, route := range routes.Objects(r.Object, "spec", "routes") {
		match := routes.Text(route, "match")
		elsewhere := slices.ContainsFunc(routes.Objects(route, "services"), func(s map[string]any) bool {
			at := routes.RefOf(s, r.GetNamespace())
			return c.OwnPart(at.Namespace, at.Name) == ""
		})
		hosts := c.matchHosts(match)
		if elsewhere && slices.ContainsFunc(hosts, func(h string) bool {
			return h != "" && routes.HostsOverlap(h, c.Settings.TeamHost) || h == "" && strings.Contains(match, c.Settings.PathPrefix)
		}) {
			c.taken(routes.Ref{Kind: r.GetKind(), NamespacedName: routes.NameOf(r)}, hosts[0], "")
		}
	}
}
