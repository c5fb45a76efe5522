// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// Make says what the cluster has to look like, so that the proxy of every Ingress
// and HTTPRoute that names a policy asks about each request.
//
// It is pure, and its result depends on no order of the objects in a Snapshot. What a
// plan made before is in the Snapshot, too, and changes nothing.
//
// Where something cannot be had, the rest of it is planned all the same, as long as
// that only refuses more: a route that asks, and shows bare refusals, is better than
// one that nobody asks about. Only where somebody else already decides what the
// proxy asks is nothing planned.
func Make(s routes.Snapshot, settings routes.Settings) Plan {
	p := newPlanner(routes.Read(s, settings))
	for _, ing := range p.Ingresses {
		if r := p.RouteOf(ing); r.OptedIn() && !routes.IsOurs(ing) {
			p.join(ingressWants(p.Index, r))
		}
	}
	for _, o := range p.HTTPRoutes {
		if r := p.HTTPRouteOf(o); r.OptedIn() && !routes.IsOurs(o) {
			p.join(httpRouteWants(p.Index, r))
		}
	}
	p.referenceGrants()
	p.limits()
	p.plan.Objects = p.sorted()
	slices.SortFunc(p.plan.Bindings, func(a, b routes.Binding) int { return cmp.Compare(a.Route.String(), b.Route.String()) })
	slices.SortFunc(p.plan.Findings, func(a, b routes.Finding) int {
		return cmp.Or(cmp.Compare(a.Object.String(), b.Object.String()), cmp.Compare(a.Reason, b.Reason), routes.CompareFindings(a, b))
	})
	p.plan.Findings = slices.Compact(p.plan.Findings)
	return p.plan
}

// A planner is one run of Make: it joins what all families want.
type planner struct {
	*routes.Index
	wants   []*family.Wants
	login   map[string]*loginPath // by host
	mirrors []mirrorSlice
	objects map[routes.Ref]*unstructured.Unstructured
	grants  map[grant][]string // names of our Services
	plan    Plan
}

func newPlanner(x *routes.Index) *planner {
	return &planner{
		Index: x, login: map[string]*loginPath{}, mirrors: mirrored(x.Render),
		objects: map[routes.Ref]*unstructured.Unstructured{}, grants: map[grant][]string{},
		plan: Plan{Annotations: map[routes.Ref]map[string]string{}, Guards: map[routes.Ref]map[string]string{}, Needs: map[routes.Ref][]routes.Ref{}, Fallbacks: map[routes.Ref]Fallback{}},
	}
}

// ingressWants is what an Ingress that names a policy has to have.
func ingressWants(x *routes.Index, r *routes.Route) *family.Wants {
	w := family.NewWants(x, r)
	if routes.IsCanary(r.Ingress, r.Class.Proxy) {
		optedCanary(w)
	} else {
		claims(w)
		family.Of(r.Class).Plan(w)
	}
	if problems, refused := routes.UnreadBy(r.Ingress, r.Class.Proxy); len(problems) > 0 {
		w.Asks = w.Asks && !refused
		w.Found(routes.AnnotationUnread, "%s", routes.UnreadMessage(w.Ref, problems, refused))
	}
	return w
}

// httpRouteWants is the same of an HTTPRoute.
func httpRouteWants(x *routes.Index, r *routes.Route) *family.Wants {
	w := family.NewWants(x, r)
	routeClaims(w)
	family.PlanHTTPRoute(w)
	return w
}

// optedCanary: a canary adds pods to the location of another Ingress, whose
// annotations count. Tools that make canaries copy the opt-in along.
func optedCanary(w *family.Wants) {
	for _, at := range routes.PlacesOf(w.Ingress) {
		main := w.Shared().At[at.Place]
		if len(main) == 0 || slices.ContainsFunc(main, func(o *networkingv1.Ingress) bool { return !w.RouteOf(o).OptedIn() }) {
			w.Found(routes.CanaryAlone, "%s is a canary, which its proxy protects as the Ingress that it stands in for at %s%s, and that one names no policy: opt it in.", w.Ref, at.Host, at.Path)
			return
		}
	}
	w.Asks = true
}

// join puts what a route has to have into the plan.
func (p *planner) join(w *family.Wants) {
	p.wants = append(p.wants, w)
	if w.SignIn != nil {
		for _, host := range w.Hosts {
			p.ownPath(w, host)
		}
	}
	for _, o := range w.Objects {
		p.put(o)
	}
	if w.Mirror.Name != "" {
		p.mirror(w)
	}
	for _, g := range w.Grants {
		p.granted(g)
	}
	if len(w.Annotations) > 0 {
		p.plan.Annotations[w.Ref] = maps.Clone(w.Annotations)
		p.plan.Guards[w.Ref] = withoutObjects(w)
		p.plan.Needs[w.Ref] = w.Needs
	}
	p.plan.Findings = append(p.plan.Findings, w.Findings...)
	p.plan.Bindings = append(p.plan.Bindings, routes.Binding{Route: w.Ref, Policy: w.Policy, Hosts: w.Hosts, Paths: w.Paths, Guarded: w.Asks, Unseen: w.Unseen})
}

// withoutObjects are the annotations that hold where no object of ours exists.
func withoutObjects(w *family.Wants) map[string]string {
	out := maps.Clone(w.Annotations)
	for key, value := range w.Without {
		if value == "" {
			delete(out, key)
		} else {
			out[key] = value
		}
	}
	return out
}
