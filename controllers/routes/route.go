// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A Route is what an object that leads requests to applications says.
type Route struct {
	Ref
	Ingress     *networkingv1.Ingress      // nil: it is none
	Manifest    *unstructured.Unstructured // any other kind; nil: it is an Ingress
	Annotations map[string]string
	Class       Class                // of an Ingress
	Policy      types.NamespacedName // that it names; without a name: none
	Rules       *Policy              // that policy; nil: there is none by that name
	Mode        Mode                 // of an Ingress
	Hosts       []string             // without the empty one
	Paths       []policy.Path
}

// OptedIn reports whether a route names a policy.
func (r *Route) OptedIn() bool {
	_, named := r.Annotations[PolicyAnnotation]
	return named
}

// routeOf reads what an Ingress and any other route have in common.
func (x *Index) routeOf(kind string, o metav1.Object) *Route {
	r := &Route{Ref: Ref{Kind: kind, NamespacedName: NameOf(o)}, Annotations: o.GetAnnotations()}
	r.Policy = types.NamespacedName{Namespace: r.Namespace, Name: r.Annotations[PolicyAnnotation]}
	r.Rules = x.PolicyOf(r.Policy)
	return r
}

// RouteOf reads an Ingress.
func (x *Index) RouteOf(ing *networkingv1.Ingress) *Route {
	if r := x.routes[ing]; r != nil {
		return r
	}
	r := x.routeOf("Ingress", ing)
	r.Ingress, r.Class = ing, x.ClassOf(ing)
	r.Mode = cmp.Or(Mode(r.Annotations[ModeAnnotation]), x.Settings.Mode)
	for _, at := range PlacesOf(ing) {
		if at.Host != "" && !slices.Contains(r.Hosts, at.Host) {
			r.Hosts = append(r.Hosts, at.Host)
		}
		if path := (policy.Path{Value: at.Path, Exact: at.PathType == string(networkingv1.PathTypeExact)}); !slices.Contains(r.Paths, path) {
			r.Paths = append(r.Paths, path)
		}
	}
	x.routes[ing] = r
	return r
}

// HTTPRouteOf reads an HTTPRoute.
func (x *Index) HTTPRouteOf(o *unstructured.Unstructured) *Route {
	r := x.routeOf("HTTPRoute", o)
	r.Manifest, r.Hosts = o, Texts(o.Object, "spec", "hostnames")
	for _, rule := range Objects(o.Object, "spec", "rules") {
		r.Paths = append(r.Paths, RulePaths(rule)...)
	}
	return r
}

// A Place is what an Ingress leads somewhere.
type Place struct{ Host, Path string }

// A Placed is a Place of one Ingress, and where it leads.
type Placed struct {
	Place
	PathType string
	Backend  *networkingv1.IngressServiceBackend // nil: not to a Service
}

// PlacesOf lists them. A default backend serves what no path of its hosts does; with
// no host at all it serves all that nobody else does.
func PlacesOf(ing *networkingv1.Ingress) []Placed {
	var out []Placed
	prefix := string(networkingv1.PathTypePrefix)
	for i := range ing.Spec.Rules {
		r := &ing.Spec.Rules[i]
		host := CanonicalHost(r.Host)
		if r.HTTP == nil || len(r.HTTP.Paths) == 0 {
			out = append(out, Placed{Place: Place{host, "/"}, PathType: prefix, Backend: fallbackOf(ing)})
			continue
		}
		for j := range r.HTTP.Paths {
			at := &r.HTTP.Paths[j]
			one := Placed{Place: Place{host, cmp.Or(at.Path, "/")}, PathType: string(networkingv1.PathTypeImplementationSpecific), Backend: at.Backend.Service}
			if at.PathType != nil {
				one.PathType = string(*at.PathType)
			}
			out = append(out, one)
		}
	}
	if len(out) == 0 {
		out = append(out, Placed{Place: Place{"", "/"}, PathType: prefix, Backend: fallbackOf(ing)})
	}
	return out
}

func fallbackOf(ing *networkingv1.Ingress) *networkingv1.IngressServiceBackend {
	if ing.Spec.DefaultBackend == nil {
		return nil
	}
	return ing.Spec.DefaultBackend.Service
}

// Served is a host that a route leads to applications.
type Served struct {
	Host     string
	Alias    string        // of which host this is an alias
	Paths    []policy.Path // none: all
	Written  []policy.Path // as they stand in its rule
	Backends []networkingv1.IngressServiceBackend
	Fallback bool // by its default backend alone
}

// Where is the host and its paths, for people.
func (s *Served) Where() string {
	host := AnyHost(s.Host)
	switch {
	case len(s.Paths) == 0:
		return host
	case len(s.Paths) == 1:
		return host + s.Paths[0].Value
	default:
		return fmt.Sprintf("%s%s and %d more paths of it", host, s.Paths[0].Value, len(s.Paths)-1)
	}
}
