// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// ingressRoute reports the routes of an IngressRoute that lead to an application
// without a Middleware that asks us, and those of an IngressRouteTCP for a host.
func (c *coverage) ingressRoute(r *unstructured.Unstructured) {
	if routes.IsOurs(r) {
		return
	}
	ref := routes.Ref{Kind: r.GetKind(), NamespacedName: routes.NameOf(r)}
	for i, route := range routes.Objects(r.Object, "spec", "routes") {
		apps := slices.DeleteFunc(routes.Objects(route, "services"), func(s map[string]any) bool {
			at := routes.RefOf(s, r.GetNamespace())
			return c.OwnPart(at.Namespace, at.Name) != ""
		})
		asks := slices.ContainsFunc(routes.Objects(route, "middlewares"), func(m map[string]any) bool { return family.MiddlewareAsks(c.Index, routes.RefOf(m, r.GetNamespace())) })
		if len(apps) == 0 {
			continue
		}
		for _, host := range c.matchHosts(routes.Text(route, "match")) {
			if !c.claims(host) {
				continue
			}
			for _, s := range apps {
				c.leadTo(routes.RefOf(s, r.GetNamespace()), host, routes.PortOf(s))
			}
			if !asks || r.GetKind() == "IngressRouteTCP" {
				c.unaskedIngressRoute(ref, fmt.Sprintf("route %d", i+1), host)
			}
		}
	}
}

func (c *coverage) unaskedIngressRoute(ref routes.Ref, route, host string) {
	a := gap{object: ref, reason: routes.IngressRouteNoAuth, host: host}
	switch {
	case ref.Kind == "IngressRouteTCP" && host == "":
		// HostSNI(`*`) is how a database gets an entry point of its own.
	case ref.Kind == "IngressRouteTCP":
		a.reason = routes.TLSPassthrough
		c.report(a, "%s passes TLS connections for %s through in its %s, without protection. Remove the host from it, and serve it by an IngressRoute with the Middleware of Ostiary.", ref, routes.AnyHost(host), route)
	case host == "":
		a.reason = routes.DefaultBackend
		c.report(a, "%s has a match without a host in its %s, so it leads any host to an application without protection. Add a Host matcher, or a Middleware whose forwardAuth asks Ostiary.", ref, route)
	case !c.namespaceOwns(ref.Namespace, host):
		a.reason = routes.OtherNamespace
		c.report(a, "%s leads %s to an application without protection, in its %s, from a namespace that has no AccessPolicy for the host. Remove it, or give it a Middleware whose forwardAuth asks Ostiary.", ref, routes.ShowHost(host), route)
	default:
		c.report(a, "%s leads %s to an application without protection, in its %s. Give it a Middleware whose forwardAuth asks Ostiary (`ostiary config traefik` prints one), or serve the host by an Ingress that is opted in.", ref, routes.ShowHost(host), route)
	}
}

// matchHosts returns the hosts that a matcher of Traefik may match; "" where it
// does not say, or cannot be read.
func (c *coverage) matchHosts(match string) []string {
	p := matcher{tokens: tokens.FindAllString(match, -1), coverage: c}
	hosts := p.or()
	if hosts == nil || p.failed || len(p.tokens) > 0 {
		return []string{""}
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

// tokens: quoted text, operators, and names. What is none of them fails later.
var tokens = regexp.MustCompile("`[^`]*`" + `|"(?:[^"\\]|\\.)*"|&&|\|\||[!(),]|\w+|\S`)

// A matcher reads an expression. Each of its functions returns the hosts that its
// part may match: nil is any, an empty list is none.
type matcher struct {
	*coverage
	tokens []string
	failed bool
}

func (m *matcher) next(want string) bool {
	if len(m.tokens) == 0 || m.tokens[0] != want {
		return false
	}
	m.tokens = m.tokens[1:]
	return true
}

func (m *matcher) or() []string {
	hosts := m.and()
	for m.next("||") {
		if more := m.and(); more == nil || hosts == nil {
			hosts = nil
		} else {
			hosts = append(hosts, more...)
		}
	}
	return hosts
}

// and: one part that names its hosts is a bound for the whole.
func (m *matcher) and() []string {
	hosts := m.one()
	for m.next("&&") {
		if more := m.one(); hosts == nil {
			hosts = more
		}
	}
	return hosts
}

func (m *matcher) one() []string {
	if m.next("!") {
		m.one()
		return nil
	}
	if m.next("(") {
		hosts := m.or()
		m.failed = m.failed || !m.next(")")
		return hosts
	}
	if len(m.tokens) == 0 {
		m.failed = true
		return nil
	}
	name := m.tokens[0]
	m.tokens = m.tokens[1:]
	if !m.next("(") {
		m.failed = true
		return nil
	}
	return m.hosts(name, m.arguments())
}

func (m *matcher) arguments() []string {
	var out []string
	for len(m.tokens) > 0 && !m.next(")") {
		if t := m.tokens[0]; t != "," {
			text, err := strconv.Unquote(t) // as Traefik does: its expressions are those of Go
			m.failed = m.failed || err != nil
			out = append(out, text)
		}
		m.tokens = m.tokens[1:]
		if len(m.tokens) == 0 {
			m.failed = true // it is not closed
		}
	}
	return out
}

func (m *matcher) hosts(name string, arguments []string) []string {
	out := []string{}
	switch name {
	case "Host", "HostSNI":
		for _, a := range arguments {
			host := routes.CanonicalHost(a)
			if host == "*" {
				return nil
			}
			out = append(out, strings.TrimPrefix(host, "*"))
		}
	case "HostRegexp", "HostSNIRegexp":
		for _, a := range arguments {
			if strings.Contains(a, "{") { // of version 2, with names; or a repetition
				return nil
			}
			out = append(out, m.matched(a)...)
		}
	default:
		return nil
	}
	return out
}
