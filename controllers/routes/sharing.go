// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
)

// An Upstream is a port of a Service, as "namespace/name:port".
type Upstream string

// UpstreamsOf lists those that an Ingress leads to, its default backend's too.
func (x *Index) UpstreamsOf(ing *networkingv1.Ingress) []Upstream {
	var out []Upstream
	for _, b := range Backends(ing) {
		if b.Service != nil {
			out = append(out, x.upstream(ing.Namespace, b.Service))
		}
	}
	return out
}

// upstream: a name and a number of one port are the same. To ingress-nginx they are
// two, but that is its own matter, and may change.
func (x *Index) upstream(namespace string, b *networkingv1.IngressServiceBackend) Upstream {
	port := strconv.Itoa(int(b.Port.Number))
	if b.Port.Name != "" {
		port = b.Port.Name
		if s := x.Service(types.NamespacedName{Namespace: namespace, Name: b.Name}); s != nil {
			for i := range s.Spec.Ports {
				if s.Spec.Ports[i].Name == b.Port.Name {
					port = strconv.Itoa(int(s.Spec.Ports[i].Port))
				}
			}
		}
	}
	return Upstream(namespace + "/" + b.Name + ":" + port)
}

// Service returns a Service of the Snapshot; nil: it is not there.
func (x *Index) Service(name types.NamespacedName) *corev1.Service {
	if x.services == nil {
		x.services = make(map[types.NamespacedName]*corev1.Service, len(x.Services))
		for _, s := range x.Services {
			x.services[NameOf(s)] = s
		}
	}
	return x.services[name]
}

// A Sharing says who leads where: proxies keep one thing for all who lead to the same
// port of a Service.
type Sharing struct {
	At       map[Place][]*networkingv1.Ingress    // which main Ingresses serve it
	To       map[Upstream][]*networkingv1.Ingress // which main Ingresses lead there
	Hosts    map[string][]*networkingv1.Ingress   // all but ours
	Canaries map[Upstream]*networkingv1.Ingress   // which have a canary of the application's
	CanaryAt map[Place]*networkingv1.Ingress      // where such a canary is
}

// Shared reads the Ingresses of ingress-nginx and its like, and those of which the
// proxy is not known. Which controllers serve a class is written nowhere: two classes
// may well be one controller's.
func (x *Index) Shared() *Sharing {
	if x.shared != nil {
		return x.shared
	}
	x.shared = &Sharing{
		At: map[Place][]*networkingv1.Ingress{}, To: map[Upstream][]*networkingv1.Ingress{}, Hosts: map[string][]*networkingv1.Ingress{},
		Canaries: map[Upstream]*networkingv1.Ingress{}, CanaryAt: map[Place]*networkingv1.Ingress{},
	}
	var canaries []*networkingv1.Ingress
	for _, ing := range x.Ingresses {
		proxy := x.RouteOf(ing).Class.Proxy
		canary := Unsaid
		if IsNGINX(proxy) || proxy == "" {
			canary = NGINXCanary.Flag(proxy, ing.Annotations)
		}
		switch {
		case IsOurs(ing):
		case canary == On:
			canaries = append(canaries, ing)
		case canary == Unclear:
			canaries = append(canaries, ing) // it may be either
			x.shareMain(x.shared, ing)
		default:
			x.shareMain(x.shared, ing)
		}
	}
	for _, c := range canaries {
		x.shareCanary(x.shared, c)
	}
	return x.shared
}

func (x *Index) shareMain(s *Sharing, ing *networkingv1.Ingress) {
	for _, at := range PlacesOf(ing) {
		s.At[at.Place] = append(s.At[at.Place], ing)
		if !slices.Contains(s.Hosts[at.Host], ing) {
			s.Hosts[at.Host] = append(s.Hosts[at.Host], ing)
		}
	}
	for _, u := range x.UpstreamsOf(ing) {
		s.To[u] = append(s.To[u], ing)
	}
}

// shareCanary: a canary takes its share from the Service:port of the main Ingress at
// the same host and path, wherever else that Service:port is used. Its own port
// cannot be a main one any more.
func (x *Index) shareCanary(s *Sharing, c *networkingv1.Ingress) {
	mark := func(u Upstream) {
		if s.Canaries[u] == nil {
			s.Canaries[u] = c
		}
	}
	for _, u := range x.UpstreamsOf(c) {
		mark(u)
	}
	for _, at := range PlacesOf(c) {
		if s.CanaryAt[at.Place] == nil {
			s.CanaryAt[at.Place] = c
		}
		for _, main := range s.At[at.Place] {
			for _, u := range x.UpstreamsOf(main) {
				mark(u)
			}
		}
	}
	if c.Spec.DefaultBackend != nil { // it takes from the server that has no name
		for _, main := range s.Hosts[""] {
			for _, u := range x.UpstreamsOf(main) {
				mark(u)
			}
		}
	}
}
