// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
)

// A place is what an Ingress leads somewhere.
type place struct{ host, path string }

// A placed is a place of one Ingress, and where it leads.
type placed struct {
	place
	pathType string
	backend  *networkingv1.IngressServiceBackend // nil: not to a Service
}

// placesOf lists them. A default backend serves what no path of its hosts does; with
// no host at all it serves all that nobody else does.
func placesOf(ing *networkingv1.Ingress) []placed {
	var out []placed
	prefix := string(networkingv1.PathTypePrefix)
	for i := range ing.Spec.Rules {
		r := &ing.Spec.Rules[i]
		host := routes.CanonicalHost(r.Host)
		if r.HTTP == nil || len(r.HTTP.Paths) == 0 {
			out = append(out, placed{place: place{host, "/"}, pathType: prefix, backend: fallbackOf(ing)})
			continue
		}
		for j := range r.HTTP.Paths {
			at := &r.HTTP.Paths[j]
			one := placed{place: place{host, cmp.Or(at.Path, "/")}, pathType: string(networkingv1.PathTypeImplementationSpecific), backend: at.Backend.Service}
			if at.PathType != nil {
				one.pathType = string(*at.PathType)
			}
			out = append(out, one)
		}
	}
	if len(out) == 0 {
		out = append(out, placed{place: place{"", "/"}, pathType: prefix, backend: fallbackOf(ing)})
	}
	return out
}

func fallbackOf(ing *networkingv1.Ingress) *networkingv1.IngressServiceBackend {
	if ing.Spec.DefaultBackend == nil {
		return nil
	}
	return ing.Spec.DefaultBackend.Service
}

// An upstream is a port of a Service, as "namespace/name:port".
type upstream string

// upstreamsOf lists those that an Ingress leads to, its default backend's too.
func (p *planner) upstreamsOf(ing *networkingv1.Ingress) []upstream {
	var out []upstream
	for _, b := range routes.Backends(ing) {
		if b.Service != nil {
			out = append(out, p.upstream(ing.Namespace, b.Service))
		}
	}
	return out
}

// upstream: a name and a number of one port are the same. To ingress-nginx they are
// two, but that is its own matter, and may change.
func (p *planner) upstream(namespace string, b *networkingv1.IngressServiceBackend) upstream {
	port := strconv.Itoa(int(b.Port.Number))
	if b.Port.Name != "" {
		port = b.Port.Name
		if s := p.service(types.NamespacedName{Namespace: namespace, Name: b.Name}); s != nil {
			for i := range s.Spec.Ports {
				if s.Spec.Ports[i].Name == b.Port.Name {
					port = strconv.Itoa(int(s.Spec.Ports[i].Port))
				}
			}
		}
	}
	return upstream(namespace + "/" + b.Name + ":" + port)
}

func (p *planner) service(name types.NamespacedName) *corev1.Service {
	return p.shared.services[name]
}

// sharing says who leads where: proxies keep one thing for all who lead to the same
// port of a Service.
type sharing struct {
	services map[types.NamespacedName]*corev1.Service
	at       map[place][]*networkingv1.Ingress    // which main Ingresses serve it
	to       map[upstream][]*networkingv1.Ingress // which main Ingresses lead there
	hosts    map[string][]*networkingv1.Ingress   // all but ours
	canaries map[upstream]*networkingv1.Ingress   // which have a canary of the application's
	canaryAt map[place]*networkingv1.Ingress      // where such a canary is
	proxies  map[*networkingv1.Ingress]routes.Proxy
}

// share reads the Ingresses of ingress-nginx and its like, and those of which the
// proxy is not known. Which controllers serve a class is written nowhere: two classes
// may well be one controller's.
func (p *planner) share() sharing {
	s := sharing{
		services: map[types.NamespacedName]*corev1.Service{}, at: map[place][]*networkingv1.Ingress{}, to: map[upstream][]*networkingv1.Ingress{},
		hosts: map[string][]*networkingv1.Ingress{}, canaries: map[upstream]*networkingv1.Ingress{}, canaryAt: map[place]*networkingv1.Ingress{},
		proxies: map[*networkingv1.Ingress]routes.Proxy{},
	}
	for _, service := range p.Services {
		s.services[routes.NameOf(service)] = service
	}
	p.shared = s
	var canaries []*networkingv1.Ingress
	for _, ing := range p.Ingresses {
		_, proxy := p.ClassOf(ing)
		s.proxies[ing] = proxy
		switch {
		case routes.IsOurs(ing):
		case (routes.IsNGINX(proxy) || proxy == "") && routes.NGINXCanary.Flag(proxy, ing.Annotations) == routes.On:
			canaries = append(canaries, ing)
		case (routes.IsNGINX(proxy) || proxy == "") && routes.NGINXCanary.Flag(proxy, ing.Annotations) == routes.Unclear:
			canaries = append(canaries, ing) // it may be either
			p.shareMain(&s, ing)
		default:
			p.shareMain(&s, ing)
		}
	}
	for _, c := range canaries {
		p.shareCanary(&s, c)
	}
	return s
}

func (p *planner) shareMain(s *sharing, ing *networkingv1.Ingress) {
	for _, at := range placesOf(ing) {
		s.at[at.place] = append(s.at[at.place], ing)
		if !slices.Contains(s.hosts[at.host], ing) {
			s.hosts[at.host] = append(s.hosts[at.host], ing)
		}
	}
	for _, u := range p.upstreamsOf(ing) {
		s.to[u] = append(s.to[u], ing)
	}
}

// shareCanary: a canary takes its share from the Service:port of the main Ingress at
// the same host and path, wherever else that Service:port is used. Its own port
// cannot be a main one any more.
func (p *planner) shareCanary(s *sharing, c *networkingv1.Ingress) {
	mark := func(u upstream) {
		if s.canaries[u] == nil {
			s.canaries[u] = c
		}
	}
	for _, u := range p.upstreamsOf(c) {
		mark(u)
	}
	for _, at := range placesOf(c) {
		if s.canaryAt[at.place] == nil {
			s.canaryAt[at.place] = c
		}
		for _, main := range s.at[at.place] {
			for _, u := range p.upstreamsOf(main) {
				mark(u)
			}
		}
	}
	if c.Spec.DefaultBackend != nil { // it takes from the server that has no name
		for _, main := range s.hosts[""] {
			for _, u := range p.upstreamsOf(main) {
				mark(u)
			}
		}
	}
}

// plainPath is what of people's paths may stand in our own namespace: what no proxy takes
// for anything but a path. Rules of the platform for namespaces of applications are not
// asked about ours, and with another character a path could be more than one to whatever
// writes a configuration of it.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9/_.~%:@!&,=-]*$`)

// copied returns the places of a guard whose paths may stand in our namespace, and
// reports the others.
func (p *planner) copied(g *guard) (out []placed, all bool) {
	var odd []string
	for _, at := range placesOf(g.Ingress) {
		if plainPath.MatchString(at.path) {
			out = append(out, at)
		} else {
			odd = append(odd, strconv.Quote(at.path))
		}
	}
	if len(odd) > 0 {
		p.found(g, routes.OddPath, "%s has the path %s, which is more than letters, digits and / _ . ~ %% : @ ! & , = -, so that it is not written into Ostiary's own namespace, and preflights there are refused. Write it plainly, or on ingress-nginx %s: %s.",
			g.ref, strings.Join(odd, ", "), routes.ModeAnnotation, routes.Render)
	}
	return out, len(odd) == 0
}
