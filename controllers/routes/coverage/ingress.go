// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// A route is an Ingress, and what its proxy asks.
type route struct {
	*routes.Route
	question routes.Question
	opted    bool
}

func (r *route) guarded() bool { return r.opted || r.question == routes.AsksUs }

// such names a claimed host that a pattern stands for.
func (c *coverage) such(host string) string {
	for _, claimed := range c.claimedBy(host) {
		if routes.IsPattern(host) && claimed != host {
			return " (such as " + claimed + ")"
		}
	}
	return ""
}

func (c *coverage) ingress(ing *networkingv1.Ingress) {
	read := c.RouteOf(ing)
	class, proxy := read.Class.Name, read.Class.Proxy
	d := &route{read, family.Of(read.Class).Question(c.Index, read), routes.IsOptedIn(ing)}
	if routes.IsOurs(ing) {
		return
	}
	if routes.IsCanary(ing, proxy) {
		c.canary(d)
		return
	}
	c.innerDoors(d)
	for _, s := range c.serves(d) {
		if !c.claims(s.Host) && !d.opted {
			c.elsewhere = append(c.elsewhere, elsewhere{d.Ref, s})
			continue
		}
		c.lead(ing.Namespace, s)
		if c.hidden(class, proxy, s.Host) {
			continue
		}
		c.unread(d, &s)
		switch {
		case d.guarded():
			c.gaps(d, &s)
		default:
			c.passthrough(d, &s)
			c.unasked(d, &s)
		}
	}
	if d.guarded() {
		c.strayAliases(d)
	}
}

// canary reports one of a namespace that has no policy for the host. Its requests
// are those that a policy let pass, with all that the browser sent along; its pods are
// the application's.
func (c *coverage) canary(d *route) {
	for i := range d.Ingress.Spec.Rules {
		s, some := c.rule(d, &d.Ingress.Spec.Rules[i])
		if !some || !c.claims(s.Host) {
			continue
		}
		c.lead(d.Namespace, s)
		if !c.namespaceOwns(d.Namespace, s.Host) {
			c.report(gap{object: d.Ref, reason: routes.OtherNamespace, host: s.Host, paths: s.Paths},
				"%s takes requests for %s that Ostiary allowed, cookies included, to a namespace that has no AccessPolicy for the host: it is a canary. Remove it.", d.Ref, s.Where())
		}
	}
}

// serves lists the hosts of an Ingress that lead to applications.
func (c *coverage) serves(d *route) []routes.Served {
	var out []routes.Served
	fallback := d.Ingress.Spec.DefaultBackend
	if fallback != nil && c.LeadsToUs(d.Namespace, []networkingv1.IngressBackend{*fallback}) {
		fallback = nil
	}
	if fallback != nil && len(d.Ingress.Spec.Rules) == 0 {
		out = append(out, routes.Served{Fallback: true, Backends: routes.ServicesOf(*fallback)})
	}
	for i := range d.Ingress.Spec.Rules {
		s, some := c.rule(d, &d.Ingress.Spec.Rules[i])
		if fallback != nil {
			s.Fallback = !some
			s.Paths, some = nil, true
			s.Backends = append(s.Backends, routes.ServicesOf(*fallback)...)
		}
		if !some {
			continue
		}
		out = append(out, s)
		for _, alias := range c.aliases[server{d.Class.Name, s.Host}] {
			for _, host := range c.aliasHosts(d.Class.Name, alias) {
				a := s
				a.Alias, a.Host = s.Host, host
				out = append(out, a)
			}
		}
	}
	return out
}

// rule reads what a rule leads to applications, if anything. Paths that are
// regular expressions may match any.
func (c *coverage) rule(d *route, r *networkingv1.IngressRule) (s routes.Served, some bool) {
	s.Host = r.Host
	if r.HTTP == nil {
		return s, false
	}
	for i := range r.HTTP.Paths {
		p := &r.HTTP.Paths[i]
		if c.LeadsToUs(d.Namespace, []networkingv1.IngressBackend{p.Backend}) {
			continue
		}
		path := p.Path
		if path == "" {
			path = "/"
		}
		if strings.HasPrefix(path, family.AcmePath) && (!d.guarded() || isSolver(p)) {
			continue
		}
		some = true
		s.Written = append(s.Written, policy.Path{Value: path, Exact: p.PathType != nil && *p.PathType == networkingv1.PathTypeExact})
		s.Backends = append(s.Backends, routes.ServicesOf(p.Backend)...)
	}
	s.Paths = family.Of(d.Class).Paths(d.Route, s.Written)
	return s, some
}

// isSolver: cert-manager may put its path into the application's own Ingress.
func isSolver(p *networkingv1.HTTPIngressPath) bool {
	return p.Backend.Service != nil && strings.HasPrefix(p.Backend.Service.Name, "cm-acme-http-solver-")
}

// aliasHosts are the hosts that an alias stands for. It stands for none that has a
// server of its own.
func (c *coverage) aliasHosts(class, alias string) []string {
	expression, isExpression := strings.CutPrefix(alias, "~")
	switch host := routes.CanonicalHost(alias); {
	case isExpression:
		return c.matched(expression)
	case c.servers[server{class, host}]:
		return nil
	case strings.HasPrefix(host, "*."): // nginx's own star is any number of labels
		return []string{host[1:]}
	case strings.HasPrefix(host, "."):
		return []string{host, host[1:]}
	case strings.HasSuffix(host, ".*"):
		return c.matched(trailing(host))
	default:
		return []string{host}
	}
}

// trailing is a regular expression for a name of nginx's that ends with a star, which is
// any number of labels.
func trailing(host string) string {
	return "^" + regexp.QuoteMeta(strings.TrimSuffix(host, "*")) + ".+$"
}

func aliasesOf(ing *networkingv1.Ingress, proxy routes.Proxy) []string {
	if !routes.IsNGINX(proxy) {
		return nil
	}
	return routes.NGINXAliases.List(ing.Annotations)
}

// unasked reports a host that an Ingress serves without asking.
func (c *coverage) unasked(d *route, s *routes.Served) {
	a := gap{object: d.Ref, host: s.Host, paths: s.Paths}
	where := s.Where() + c.such(s.Host)
	switch {
	case d.question == routes.AsksOthers:
		a.reason = routes.ForeignAuthURL
		c.report(a, "%s sends its auth requests for %s to another server than Ostiary, so no AccessPolicy applies. Remove its auth-url. %s", d.Ref, where, c.remedy(d, s.Host))
	case d.question == routes.AsksWrongly:
		a.reason = routes.ForeignAuthURL
		c.report(a, "%s sends auth requests to Ostiary that are not about the request to %s: %s. %s", d.Ref, where, family.Of(d.Class).Expected(), c.remedy(d, s.Host))
	case s.Host == "":
		a.reason = routes.DefaultBackend
		c.report(a, "%s has no host, so it serves whatever its class %s finds no better rule for, without protection; such hosts are %s. Give it a host, or opt it in.",
			d.Ref, routes.ShowClass(d.Class.Name), c.some(d.Class.Name))
	case s.Alias != "":
		a.reason = routes.ServerAlias
		c.report(a, "%s serves %s without protection: the host is a server-alias of %s. Remove it from nginx.ingress.kubernetes.io/server-alias, or opt in every Ingress of %s.", d.Ref, where, s.Alias, s.Alias)
	case d.question == routes.TurnedOff:
		a.reason = routes.GlobalAuthOff
		c.report(a, "%s serves %s without protection: it says nginx.ingress.kubernetes.io/enable-global-auth: \"false\". Remove that, or opt it in.", d.Ref, where)
	case !c.namespaceOwns(d.Namespace, s.Host):
		a.reason = routes.OtherNamespace
		c.report(a, "%s serves %s without protection, from a namespace that has no AccessPolicy for the host. Remove it, or let its namespace claim the host (hostGrants) and opt it in.", d.Ref, where)
	case c.otherClass(d.Class.Name, s.Host):
		a.reason = routes.OtherClass
		c.report(a, "%s lets the proxy of class %s serve %s without protection, beside class %s, which sends auth requests. %s", d.Ref, routes.ShowClass(d.Class.Name), where, strings.Join(c.classesAsking(s.Host), ", "), c.remedy(d, s.Host))
	default:
		a.reason = routes.NoAuthURL
		c.report(a, "%s serves %s without protection: its proxy sends no auth request. %s", d.Ref, where, c.remedy(d, s.Host))
	}
}

// remedy says how an Ingress is guarded.
func (c *coverage) remedy(d *route, host string) string {
	if d.Class.Proxy == "" {
		return fmt.Sprintf("Which proxy serves its class %s is not known: say so with the annotation %s on the IngressClass, and opt the Ingress in with %s.", routes.ShowClass(d.Class.Name), routes.ProxyAnnotation, routes.PolicyAnnotation)
	}
	name := "NAME"
	for _, p := range c.ownersOf(host, nil) {
		if p.Namespace == d.Namespace {
			name = p.Name
		}
	}
	return fmt.Sprintf("Opt it in with the annotation %s: %s (a rule with the action Bypass keeps a path public), or take the host off it.", routes.PolicyAnnotation, name)
}

// namespaceOwns reports whether a namespace has a policy for a host. Where nobody
// knows whose the host is, it has.
func (c *coverage) namespaceOwns(namespace, host string) bool {
	return slices.ContainsFunc(c.ownersOf(host, nil), func(p types.NamespacedName) bool {
		return p.Namespace == namespace || p.Name == ""
	})
}

// classesAsking lists the classes that ask about a host.
func (c *coverage) classesAsking(host string) []string {
	var out []string
	add := func(classes map[string]bool) {
		for class := range classes {
			out = append(out, routes.ShowClass(class))
		}
	}
	if routes.IsPattern(host) {
		for h, classes := range c.asking {
			if routes.HostsOverlap(host, h) || routes.HostsOverlap(h, host) {
				add(classes)
			}
		}
	} else {
		add(c.asking[host])
		add(c.asking["*."+routes.ParentOf(host)])
		add(c.asking[""])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (c *coverage) otherClass(class, host string) bool {
	asking := c.classesAsking(host)
	return len(asking) > 0 && !slices.Contains(asking, routes.ShowClass(class))
}

// some names claimed hosts that a class has no server for.
func (c *coverage) some(class string) string {
	var out []string
	for _, host := range c.claimed {
		if !c.servers[server{class, host}] {
			out = append(out, host)
		}
	}
	switch n := len(out); {
	case n == 0:
		return "the claimed ones, where no path of theirs matches"
	case n > 3:
		return fmt.Sprintf("%s and %d more", strings.Join(out[:3], ", "), n-3)
	default:
		return strings.Join(out, ", ")
	}
}
