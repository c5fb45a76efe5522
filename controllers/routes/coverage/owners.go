// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"regexp"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// Claims returns what Unguarded asks: whether one of the policies claims a host.
// A policy that names no host claims those of the routes that name it.
func Claims(w routes.Snapshot) func(host string) bool {
	c := claims{exact: map[string]bool{}, wild: map[string]bool{}, deep: map[string]bool{}, above: map[string]bool{}, far: map[string]bool{}}
	for host := range owners(&w) {
		c.add(host)
	}
	return c.has
}

// claims are claimed hosts, by what can be asked about them.
type claims struct {
	exact map[string]bool // "app.example.com"
	wild  map[string]bool // "example.com" for "*.example.com"
	deep  map[string]bool // "example.com" for "**.example.com"
	above map[string]bool // "example.com" for "app.example.com"
	far   map[string]bool // all that stands behind a dot in either of them
}

func (c *claims) add(host string) {
	switch parent := routes.ParentOf(host); {
	case strings.HasPrefix(host, "**."):
		c.deep[parent] = true
	case strings.HasPrefix(host, "*."):
		c.wild[parent] = true
	default:
		c.exact[host] = true
		c.above[parent] = true
	}
	for rest := routes.ParentOf(host); rest != ""; rest = routes.ParentOf(rest) {
		c.far[rest] = true
	}
}

func (c *claims) has(host string) bool {
	switch {
	case host == "":
		return len(c.exact)+len(c.wild)+len(c.deep) > 0
	case host[0] == '.':
		return c.far[host[1:]] || c.below(host[1:])
	case strings.HasPrefix(host, "*."):
		return c.wild[host[2:]] || c.above[host[2:]] || c.below(host[2:])
	default:
		return c.exact[host] || c.wild[routes.ParentOf(host)] || c.below(routes.ParentOf(host))
	}
}

// below reports whether names directly below a zone are claimed by a "**." host.
func (c *claims) below(zone string) bool {
	for ; zone != ""; zone = routes.ParentOf(zone) {
		if c.deep[zone] {
			return true
		}
	}
	return false
}

// claimedBy returns the claimed hosts that a host stands for, as policies write
// them.
func (c *coverage) claimedBy(host string) []string {
	candidates := c.claimed
	if !routes.IsPattern(host) { // there are thousands of hosts, and few that it can be
		candidates = nil
		for _, h := range append([]string{host}, policy.Patterns(host)...) {
			if _, ok := slices.BinarySearch(c.claimed, h); ok {
				candidates = append(candidates, h)
			}
		}
	}
	var out []string
	for _, h := range candidates {
		if routes.HostsOverlap(host, h) {
			out = append(out, h)
		}
	}
	return out
}

// matched returns the claimed hosts that a regular expression may match. Those
// with a star are names that nobody knows, so any expression may match them; and so
// may one that cannot be read match everything.
func (c *coverage) matched(expression string) []string {
	re, err := regexp.Compile("(?i)" + expression)
	var out []string
	for _, host := range append(c.claimed[:len(c.claimed):len(c.claimed)], c.teamHosts...) {
		if err != nil || policy.IsPattern(host) || re.MatchString(host) {
			out = append(out, host)
		}
	}
	return out
}

// hidden reports whether a class has a server of its own for every claimed host
// that a pattern stands for, so that nothing of it is served by the pattern. A
// class of ingress-nginx alone can be trusted with it: Traefik takes the longest
// rule, whatever its host.
func (c *coverage) hidden(class string, proxy routes.Proxy, pattern string) bool {
	if proxy != routes.IngressNGINX || !strings.HasPrefix(pattern, "*.") && pattern != "" {
		return false
	}
	some := false
	for _, host := range c.claimedBy(pattern) {
		if host == pattern || !c.servers[server{class, host}] {
			return false
		}
		some = true
	}
	return some
}

// owners lists who claims which host. A policy that names none itself claims those
// of the routes that name it.
func owners(w *routes.Snapshot) map[string][]*routes.Policy {
	named := map[types.NamespacedName][]string{}
	opted := func(o metav1.Object, hosts ...string) {
		if name := o.GetAnnotations()[routes.PolicyAnnotation]; name != "" {
			by := types.NamespacedName{Namespace: o.GetNamespace(), Name: name}
			named[by] = append(named[by], hosts...)
		}
	}
	for _, ing := range w.Ingresses {
		for i := range ing.Spec.Rules {
			opted(ing, ing.Spec.Rules[i].Host)
		}
	}
	for _, r := range w.HTTPRoutes {
		opted(r, routes.Texts(r.Object, "spec", "hostnames")...)
	}
	out := map[string][]*routes.Policy{}
	for i := range w.Policies {
		p := &w.Policies[i]
		hosts := p.Hosts
		if len(hosts) == 0 {
			hosts = named[p.NamespacedName]
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
