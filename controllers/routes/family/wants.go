// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
)

// Wants are what a family wants for one route, so that its proxy asks about each request.
type Wants struct {
	*routes.Index
	*routes.Route
	// Annotations are to be on the route itself, and Without is what differs while an
	// object of Needs is missing; "" there: the annotation is not there.
	Annotations, Without map[string]string
	Needs                []routes.Ref
	Objects              []*unstructured.Unstructured
	Grants               []Grant
	Findings             []routes.Finding
	// SignIn are the annotations of an Ingress that serves our own path on a host of the
	// route; nil: none is made.
	SignIn map[string]string
	// Mirror is a Service that has to have the endpoints of our render Service.
	Mirror types.NamespacedName
	// Asks: the proxy will ask about every request.
	Asks bool
	// Unseen is what may undo that, and could not be looked at.
	Unseen string
	owned  map[string]bool // annotations that are ours already
}

// A Grant lets objects of one kind and namespace name a Service of ours. There is one for
// each, so that none gets more than its routes need: who may lead to the authz listener
// can show the world what policies decide.
type Grant struct{ Kind, Namespace, Service string }

// NewWants wants nothing yet.
func NewWants(x *routes.Index, r *routes.Route) *Wants {
	w := &Wants{Index: x, Route: r, Annotations: map[string]string{}, Without: map[string]string{}, owned: map[string]bool{}}
	if r.Ingress != nil {
		w.owned = routes.OwnedAnnotations(r.Ingress)
		for _, key := range Leftovers(r.Ingress, true) {
			w.owned[key] = true // the API server's, by what we told it some time
		}
	}
	if r.Class.Proxy == routes.IngressNGINX {
		w.Unseen = w.unseen()
	}
	return w
}

// Found adds a finding about the route.
func (w *Wants) Found(reason, format string, args ...any) {
	w.About(w.Ref, reason, format, args...)
}

// About adds a finding about something else that keeps the route from being guarded.
func (w *Wants) About(object routes.Ref, reason, format string, args ...any) {
	w.Findings = append(w.Findings, routes.Finding{Object: object, Policy: w.Policy, Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// foreign reports whether somebody else has an annotation, with another value than
// those that are ours. One that says the same is shared with us.
func (w *Wants) foreign(key string, ours ...string) bool {
	value, is := w.Route.Annotations[key]
	return is && !w.owned[key] && !slices.Contains(ours, value)
}

// set plans an annotation, unless somebody else has it: applied with it, the others
// would be refused, too, and the route asked about by nobody. It reports whether
// what is needed will be there.
func (w *Wants) set(key, value, without string) bool {
	if w.foreign(key, value) {
		w.Found(routes.ForeignAnnotation, "%s has %s: %q, which Ostiary did not set, and Ostiary needs %q: %s. Remove it from %s.", w.Ref, key, w.Route.Annotations[key], value, without, w.Ref)
		return false
	}
	w.Annotations[key] = value
	return true
}

// put wants an object.
func (w *Wants) put(o *unstructured.Unstructured) { w.Objects = append(w.Objects, o) }

// putFor wants an object without which the annotations would be wrong.
func (w *Wants) putFor(o *unstructured.Unstructured) {
	w.put(o)
	w.Needs = append(w.Needs, routes.Ref{Kind: o.GetKind(), NamespacedName: routes.NameOf(o)})
}

// grant lets objects of the route's namespace name a Service of ours.
func (w *Wants) grant(kind, part string) {
	if w.Served[ReferenceGrantKind] && w.Namespace != w.Settings.Namespace {
		w.Grants = append(w.Grants, Grant{kind, w.Namespace, w.Settings.Service(part).Name})
	}
}

// OwnIngress makes an Ingress of ours of the class of the route. It has no section tls: with
// one, and older than the application's, ingress-nginx and haproxy-ingress would serve
// the host with their default certificate.
func (w *Wants) OwnIngress(name types.NamespacedName, why Purpose, annotations map[string]string, rules []any) *unstructured.Unstructured {
	return onClass(w.Class, Object(ingressVersion, "Ingress", name, why, annotations, Spec(map[string]any{"rules": rules})))
}

// plainPath is what of people's paths may stand in our own namespace: what no proxy takes
// for anything but a path. Rules of the platform for namespaces of applications are not
// asked about ours, and with another character a path could be more than one to whatever
// writes a configuration of it.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9/_.~%:@!&,=-]*$`)

// copied returns the places of a guard whose paths may stand in our namespace, and
// reports the others.
func (w *Wants) copied() (out []routes.Placed, all bool) {
	var odd []string
	for _, at := range routes.PlacesOf(w.Ingress) {
		if plainPath.MatchString(at.Path) {
			out = append(out, at)
		} else {
			odd = append(odd, strconv.Quote(at.Path))
		}
	}
	if len(odd) > 0 {
		w.Found(routes.OddPath, "%s has the path %s, which is more than letters, digits and / _ . ~ %% : @ ! & , = -, so that it is not written into Ostiary's own namespace, and preflights there are refused. Write it plainly, or on ingress-nginx %s: %s.",
			w.Ref, strings.Join(odd, ", "), routes.ModeAnnotation, routes.Render)
	}
	return out, len(odd) == 0
}
