// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// A Family is one kind of proxy that serves Ingresses.
type Family interface {
	// Serves reports whether it is what serves a class.
	Serves(class routes.Class) bool
	// Paths are what a route serves for paths as they are written; none: it may be any.
	Paths(r *routes.Route, written []policy.Path) []policy.Path
	// Question tells what it asks before it lets a request of a route pass.
	Question(x *routes.Index, r *routes.Route) routes.Question
	// Expected says what the address has to be at which it asks.
	Expected() string
	// Gaps reports what undoes the question for what a route serves at a host.
	Gaps(x *routes.Index, r *routes.Route, at *routes.Served, report Reporter)
	// Plan notes what a route, and what stands beside it, has to be.
	Plan(w *Wants)
	// Auth returns the annotations that have it ask about an Ingress. Without the one of
	// AuthKey it does not ask.
	Auth(s *routes.Settings, namespace, name string) map[string]string
	AuthKey() string
	// AsksItself reports whether an Ingress has it ask about that very Ingress, at whatever
	// address.
	AsksItself(ing *networkingv1.Ingress) bool
}

// A Reporter adds a finding about some paths of what a route serves; none: all of them.
type Reporter func(reason string, paths []policy.Path, format string, args ...any)

// families are those of which a plan can be made.
var families = []Family{nginx{routes.IngressNGINX}, nginx{routes.TraefikNGINX}, traefik{}, haproxy{}}

// Of returns the family that serves a class.
func Of(class routes.Class) Family {
	i := slices.IndexFunc(families, func(f Family) bool { return f.Serves(class) })
	if i < 0 {
		return unknown{}
	}
	return families[i]
}

// of is the same for who knows the proxy.
func of(proxy routes.Proxy) Family { return Of(routes.Class{Proxy: proxy}) }

// written are the paths of a route that are read as they stand; none, if they are regular
// expressions.
func written(r *routes.Route, paths []policy.Path) []policy.Path {
	if regex, rewritten := routes.ReadsExpressions(r.Annotations, r.Class.Proxy); regex || rewritten {
		return nil
	}
	return paths
}

// passthrough reports connections that no proxy looks into.
func passthrough(n *routes.Annotation, r *routes.Route, at *routes.Served, report Reporter) {
	if n.Flag(r.Class.Proxy, r.Annotations) == routes.On {
		report(routes.TLSPassthrough, at.Paths,
			"%s says %s, so TLS connections for %s go to the application as they are, without protection. Remove the annotation.", r.Ref, n.Key(), routes.ShowHost(at.Host))
	}
}

// unknown is a proxy that nobody knows. It asks nobody.
type unknown struct{}

func (unknown) Serves(routes.Class) bool { return true }

func (unknown) Paths(r *routes.Route, paths []policy.Path) []policy.Path { return written(r, paths) }

func (unknown) Question(*routes.Index, *routes.Route) routes.Question { return routes.AsksNobody }

func (unknown) Expected() string { return "" }

func (unknown) AuthKey() string { return "" }

func (unknown) AsksItself(*networkingv1.Ingress) bool { return false }

func (unknown) Auth(*routes.Settings, string, string) map[string]string { return nil }

// Gaps: any annotation may be read.
func (unknown) Gaps(_ *routes.Index, r *routes.Route, at *routes.Served, report Reporter) {
	passthrough(routes.NGINXPassthrough, r, at, report)
	passthrough(routes.HAProxyPassthrough, r, at, report)
}

// Plan says how to make it known.
func (unknown) Plan(w *Wants) {
	w.Found(routes.UnknownProxy, "%s is not protected: %s.", w.Ref, unknownProxy(w.Ingress, w.Class.Name, w.Class.Proxy))
}

// known are the proxies of Ingresses, as ProxyAnnotation names them.
var known = []routes.Proxy{routes.IngressNGINX, routes.TraefikNGINX, routes.Traefik, routes.HAProxyIngress}

// unknownProxy says how to tell which proxy serves an Ingress.
func unknownProxy(ing *networkingv1.Ingress, class string, proxy routes.Proxy) string {
	choices := fmt.Sprintf("one of %v", known)
	switch _, onIngress := ing.Annotations[routes.ProxyAnnotation]; {
	case proxy != "" && onIngress:
		return fmt.Sprintf("the annotation %s: %s names no proxy that Ingresses are planned for; it has to be %s", routes.ProxyAnnotation, proxy, choices)
	case proxy != "":
		return fmt.Sprintf("the annotation %s: %s on IngressClass %s names no proxy that Ingresses are planned for; it has to be %s", routes.ProxyAnnotation, proxy, class, choices)
	case class == "":
		return fmt.Sprintf("it names no class, and no IngressClass is the default: write spec.ingressClassName, or the annotation %s (%s)", routes.ProxyAnnotation, choices)
	}
	return fmt.Sprintf("which proxy serves the class %s is not known: write the annotation %s on the IngressClass or on the Ingress (%s)", class, routes.ProxyAnnotation, choices)
}
