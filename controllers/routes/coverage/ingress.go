// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// A door is an Ingress, as seen from a host that it serves.
type door struct {
	*networkingv1.Ingress
	ref      routes.Ref
	class    string
	proxy    routes.Proxy
	question routes.Question
	opted    bool
}

func (d *door) guarded() bool { return d.opted || d.question == routes.AsksUs }

// A served host is one that an Ingress leads to applications.
type served struct {
	host     string
	alias    string        // of which host this is an alias
	paths    []policy.Path // none: all
	written  []policy.Path // as they stand in its rule
	backends []networkingv1.IngressServiceBackend
	fallback bool // by its default backend alone
}

// where is the host and its paths, for people.
func (s *served) where() string {
	host := routes.AnyHost(s.host)
	switch {
	case len(s.paths) == 0:
		return host
	case len(s.paths) == 1:
		return host + s.paths[0].Value
	default:
		return fmt.Sprintf("%s%s and %d more paths of it", host, s.paths[0].Value, len(s.paths)-1)
	}
}

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
	class, proxy := c.classOf(ing)
	d := &door{Ingress: ing, class: class, proxy: proxy, question: family.Asked(c.Index, c.RouteOf(ing)), opted: routes.IsOptedIn(ing),
		ref: routes.Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Namespace: ing.Namespace, Name: ing.Name}}}
	if routes.IsOurs(ing) {
		return
	}
	if routes.IsCanary(ing, proxy) {
		c.canary(d)
		return
	}
	c.innerDoors(d)
	for _, s := range c.serves(d) {
		if !c.claims(s.host) && !d.opted {
			c.elsewhere = append(c.elsewhere, elsewhere{d.ref, s})
			continue
		}
		c.lead(ing.Namespace, s)
		if c.hidden(class, proxy, s.host) {
			continue
		}
		c.unread(d, &s)
		switch {
		case d.guarded():
			c.undone(d, &s)
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
// are those that a policy let pass, with all that the browser sent along.
func (c *coverage) canary(d *door) {
	for i := range d.Spec.Rules {
		s, some := c.rule(d, &d.Spec.Rules[i])
		if some && c.claims(s.host) && !c.namespaceOwns(d.Namespace, s.host) {
			c.report(around{object: d.ref, reason: routes.OtherNamespace, host: s.host, paths: s.paths},
				"%s takes requests for %s that Ostiary allowed, cookies included, to a namespace that has no AccessPolicy for the host: it is a canary. Remove it.", d.ref, s.where())
		}
	}
}

// serves lists the hosts of an Ingress that lead to applications.
func (c *coverage) serves(d *door) []served {
	var out []served
	fallback := d.Spec.DefaultBackend
	if fallback != nil && c.LeadsToUs(d.Namespace, []networkingv1.IngressBackend{*fallback}) {
		fallback = nil
	}
	if fallback != nil && len(d.Spec.Rules) == 0 {
		out = append(out, served{fallback: true, backends: routes.ServicesOf(*fallback)})
	}
	for i := range d.Spec.Rules {
		s, some := c.rule(d, &d.Spec.Rules[i])
		if fallback != nil {
			s.fallback = !some
			s.paths, some = nil, true
			s.backends = append(s.backends, routes.ServicesOf(*fallback)...)
		}
		if !some {
			continue
		}
		out = append(out, s)
		for _, alias := range c.aliases[server{d.class, s.host}] {
			for _, host := range c.aliasHosts(d.class, alias) {
				a := s
				a.alias, a.host = s.host, host
				out = append(out, a)
			}
		}
	}
	return out
}

// rule reads what a rule leads to applications, if anything. Paths that are
// regular expressions may match any.
func (c *coverage) rule(d *door, r *networkingv1.IngressRule) (s served, some bool) {
	s.host = r.Host
	if r.HTTP == nil {
		return s, false
	}
	regex, rewritten := routes.ReadsExpressions(d.Annotations, d.proxy)
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
		s.written = append(s.written, policy.Path{Value: path, Exact: p.PathType != nil && *p.PathType == networkingv1.PathTypeExact})
		s.backends = append(s.backends, routes.ServicesOf(p.Backend)...)
	}
	if !regex && !rewritten {
		s.paths = s.written
	}
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
	default:
		return []string{host}
	}
}

func aliasesOf(ing *networkingv1.Ingress, proxy routes.Proxy) []string {
	if !routes.IsNGINX(proxy) {
		return nil
	}
	return routes.NGINXAliases.List(ing.Annotations)
}

// unasked reports a host that an Ingress serves without asking.
func (c *coverage) unasked(d *door, s *served) {
	a := around{object: d.ref, host: s.host, paths: s.paths}
	where := s.where() + c.such(s.host)
	switch {
	case d.question == routes.AsksOthers:
		a.reason = routes.ForeignAuthURL
		c.report(a, "%s asks another server than Ostiary about %s, so no AccessPolicy decides there. Remove its auth-url. %s", d.ref, where, c.remedy(d, s.host))
	case d.question == routes.AsksWrongly:
		a.reason = routes.ForeignAuthURL
		c.report(a, "%s asks Ostiary about something else than the request to %s: %s. %s", d.ref, where, wrongly(d), c.remedy(d, s.host))
	case s.host == "":
		a.reason = routes.DefaultBackend
		c.report(a, "%s has no host, so it serves whatever its class %s finds no better rule for, without asking; such hosts are %s. Give it a host, or opt it in.",
			d.ref, routes.ShowClass(d.class), c.some(d.class))
	case s.alias != "":
		a.reason = routes.ServerAlias
		c.report(a, "%s serves %s without asking: the host is a server-alias of %s. Remove it from nginx.ingress.kubernetes.io/server-alias, or opt in every Ingress of %s.", d.ref, where, s.alias, s.alias)
	case d.question == routes.TurnedOff:
		a.reason = routes.GlobalAuthOff
		c.report(a, "%s serves %s without asking: it says nginx.ingress.kubernetes.io/enable-global-auth: \"false\". Remove that, or opt it in.", d.ref, where)
	case !c.namespaceOwns(d.Namespace, s.host):
		a.reason = routes.OtherNamespace
		c.report(a, "%s serves %s without asking, from a namespace that has no AccessPolicy for the host. Remove it, or let its namespace claim the host (hostGrants) and opt it in.", d.ref, where)
	case c.otherClass(d.class, s.host):
		a.reason = routes.OtherClass
		c.report(a, "%s lets the proxy of class %s serve %s without asking, beside the class %s that asks. %s", d.ref, routes.ShowClass(d.class), where, strings.Join(c.classesAsking(s.host), ", "), c.remedy(d, s.host))
	default:
		a.reason = routes.NoAuthURL
		c.report(a, "%s serves %s without asking. %s", d.ref, where, c.remedy(d, s.host))
	}
}

func wrongly(d *door) string {
	if d.proxy == routes.HAProxyIngress {
		return "its auth-url ends with " + contract.ForwardPath + " only if request-set-headers sets X-Forwarded-Host, -Uri and -Method; otherwise the visitor does"
	}
	return "its auth-url has to end with " + contract.NginxPrefix + contract.NginxTarget
}

// remedy says how an Ingress is guarded.
func (c *coverage) remedy(d *door, host string) string {
	if d.proxy == "" {
		return fmt.Sprintf("Which proxy serves its class %s is not known: say so with the annotation %s on the IngressClass, and opt the Ingress in with %s.", routes.ShowClass(d.class), routes.ProxyAnnotation, routes.PolicyAnnotation)
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
