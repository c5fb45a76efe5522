// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
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
func Make(w routes.Snapshot, s routes.Settings) Plan {
	p := newPlanner(routes.Read(w, s))
	for _, ing := range p.Ingresses {
		if _, opted := ing.Annotations[routes.PolicyAnnotation]; opted && !routes.IsOurs(ing) {
			p.opt(ing)
		}
	}
	for _, g := range p.guards {
		p.guard(g)
	}
	for _, r := range p.HTTPRoutes {
		if _, opted := r.GetAnnotations()[routes.PolicyAnnotation]; opted && !routes.IsOurs(r) {
			p.httpRoute(r)
		}
	}
	p.referenceGrants()
	for _, g := range p.guards {
		p.finish(g)
	}
	p.limits()
	p.plan.Objects = p.sorted()
	slices.SortFunc(p.plan.Bindings, func(a, b routes.Binding) int { return cmp.Compare(a.Route.String(), b.Route.String()) })
	slices.SortFunc(p.plan.Findings, func(a, b routes.Finding) int {
		return cmp.Or(cmp.Compare(a.Object.String(), b.Object.String()), cmp.Compare(a.Reason, b.Reason), routes.CompareFindings(a, b))
	})
	p.plan.Findings = slices.Compact(p.plan.Findings)
	return p.plan
}

// A planner is one run of Make.
type planner struct {
	*routes.Index
	policies map[types.NamespacedName]*routes.Policy
	guards   []*guard
	guardOf  map[*networkingv1.Ingress]*guard
	shared   sharing
	login    map[string]*loginPath // by host
	mirrors  []mirrorSlice
	objects  map[routes.Ref]*unstructured.Unstructured
	grants   map[grant][]string // names of our Services
	plan     Plan
}

// A guard is an Ingress that opted in.
type guard struct {
	*networkingv1.Ingress
	ref         routes.Ref
	policy      types.NamespacedName
	rules       *routes.Policy // nil: there is none by that name
	class       class
	proxy       routes.Proxy
	mode        routes.Mode
	hosts       []string // without the empty one
	paths       []policy.Path
	annotations map[string]string
	without     map[string]string // what annotations are while an object of needs is missing; "": none
	needs       []routes.Ref
	owned       map[string]bool // annotations that are ours already
	asked       bool            // its proxy will ask about every request
}

func newPlanner(x *routes.Index) *planner {
	p := &planner{
		Index: x, policies: map[types.NamespacedName]*routes.Policy{}, guardOf: map[*networkingv1.Ingress]*guard{},
		login: map[string]*loginPath{}, mirrors: mirrored(x.Render),
		objects: map[routes.Ref]*unstructured.Unstructured{}, grants: map[grant][]string{},
		plan: Plan{Annotations: map[routes.Ref]map[string]string{}, Guards: map[routes.Ref]map[string]string{}, Needs: map[routes.Ref][]routes.Ref{}, Fallbacks: map[routes.Ref]Fallback{}},
	}
	for i := range x.Policies {
		p.policies[x.Policies[i].NamespacedName] = &p.Policies[i]
	}
	p.shared = p.share()
	return p
}

// opt notes that an Ingress names a policy.
func (p *planner) opt(ing *networkingv1.Ingress) {
	serving, proxy := p.ClassOf(ing)
	g := &guard{
		Ingress: ing, ref: routes.IngressRef(ing),
		policy: types.NamespacedName{Namespace: ing.Namespace, Name: ing.Annotations[routes.PolicyAnnotation]},
		class:  classFor(ing, serving), proxy: proxy, mode: p.Settings.Mode,
		annotations: map[string]string{}, without: map[string]string{}, owned: routes.OwnedAnnotations(ing),
	}
	for _, key := range Leftovers(ing, true) {
		g.owned[key] = true // the API server's, by what we told it some time
	}
	g.rules = p.policies[g.policy]
	if mode := ing.Annotations[routes.ModeAnnotation]; mode != "" {
		g.mode = routes.Mode(mode)
	}
	for _, at := range placesOf(ing) {
		if at.host != "" && !slices.Contains(g.hosts, at.host) {
			g.hosts = append(g.hosts, at.host)
		}
		if path := (policy.Path{Value: at.path, Exact: at.pathType == string(networkingv1.PathTypeExact)}); !slices.Contains(g.paths, path) {
			g.paths = append(g.paths, path)
		}
	}
	p.guards = append(p.guards, g)
	p.guardOf[ing] = g
}

// guard plans one Ingress.
func (p *planner) guard(g *guard) {
	if routes.IsCanary(g.Ingress, g.proxy) {
		p.optedCanary(g)
	} else {
		p.claims(g)
		p.byProxy(g)
	}
	if problems, refused := routes.UnreadBy(g.Ingress, g.proxy); len(problems) > 0 {
		g.asked = g.asked && !refused
		p.found(g, routes.AnnotationUnread, "%s", routes.UnreadMessage(g.ref, problems, refused))
	}
}

// byProxy plans what the proxy of an Ingress needs.
func (p *planner) byProxy(g *guard) {
	switch g.proxy {
	case routes.IngressNGINX:
		p.nginx(g)
	case routes.TraefikNGINX:
		p.traefikNGINX(g)
	case routes.Traefik:
		p.traefik(g)
	case routes.HAProxyIngress:
		p.haproxy(g)
	default:
		p.found(g, routes.UnknownProxy, "%s is not guarded: %s.", g.ref, unknownProxy(g.Ingress, g.class.name, g.proxy))
	}
}

// optedCanary: a canary adds pods to the location of another Ingress, whose
// annotations count. Tools that make canaries copy the opt-in along.
func (p *planner) optedCanary(g *guard) {
	for _, at := range placesOf(g.Ingress) {
		main := p.shared.at[place{at.host, at.path}]
		if len(main) == 0 || slices.ContainsFunc(main, func(o *networkingv1.Ingress) bool {
			_, opted := o.Annotations[routes.PolicyAnnotation]
			return !opted
		}) {
			p.found(g, routes.CanaryAlone, "%s is a canary, which its proxy guards as the Ingress that it stands in for at %s%s, and that one names no policy: opt it in.", g.ref, at.host, at.path)
			return
		}
	}
	g.asked = true
}

// claims reports what of an Ingress its policy does not claim. It is denied there.
func (p *planner) claims(g *guard) {
	if g.rules == nil {
		p.found(g, routes.PolicyNotFound, "%s names the AccessPolicy %s, which does not exist, so everybody is refused. Make it, in the same namespace, or correct the annotation %s.", g.ref, g.policy, routes.PolicyAnnotation)
	}
	for _, at := range placesOf(g.Ingress) {
		if at.host == "" {
			p.found(g, routes.NoHost, "%s serves every host that its class has no better rule for (by a rule without host, or by its default backend alone). Only hosts that %s lists are let through, and nobody can sign in there, because %s/ is made for hosts that are written. Write the hosts into spec.rules.", g.ref, g.policy.Name, p.Settings.PathPrefix)
			break
		}
	}
	if g.rules == nil || len(g.rules.Hosts) == 0 {
		return // it claims those of the Ingresses that name it
	}
	for _, host := range g.hosts {
		p.claimed(g.ref, g.policy, g.rules, host)
	}
}

// claimed reports a host that a policy does not have.
func (p *planner) claimed(route routes.Ref, policy types.NamespacedName, rules *routes.Policy, host string) {
	own := routes.CanonicalHost(host)
	if !slices.ContainsFunc(rules.Hosts, func(h string) bool { return h == own || !routes.IsPattern(own) && h == "*."+routes.ParentOf(own) }) {
		p.plan.Findings = append(p.plan.Findings, routes.Finding{Object: route, Policy: policy, Reason: routes.HostNotInPolicy, Host: host,
			Message: fmt.Sprintf("%s serves %s, which is no host of the AccessPolicy %s, so everybody is refused there. Add it to the policy's spec.hosts.", route, host, policy)})
	}
}

// found adds a finding about a guard.
func (p *planner) found(g *guard, reason, format string, args ...any) {
	p.plan.Findings = append(p.plan.Findings, routes.Finding{Object: g.ref, Policy: g.policy, Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// finish puts what was planned for an Ingress into the plan.
func (p *planner) finish(g *guard) {
	if len(g.annotations) > 0 {
		p.plan.Annotations[g.ref] = maps.Clone(g.annotations)
		p.plan.Guards[g.ref] = g.withoutObjects()
		p.plan.Needs[g.ref] = g.needs
	}
	p.plan.Bindings = append(p.plan.Bindings, routes.Binding{Route: g.ref, Policy: g.policy, Hosts: g.hosts, Paths: g.paths, Guarded: g.asked, Unseen: p.unseen(g)})
}

// unseen: what ingress-nginx does with an Ingress is up to its ConfigMap, too.
func (p *planner) unseen(g *guard) string {
	if g.proxy != routes.IngressNGINX {
		return ""
	}
	if p.ConfigsUnread != "" && g.mode == routes.Global && p.Settings.Mode != routes.Global {
		return p.ConfigsUnread + "; the mode global needs in it what `ostiary render ingress-nginx --mode global` prints, or Service " + p.Settings.Service("render").String() + " as the controller's --default-backend-service, and shows ingress-nginx's 404 without"
	}
	return p.ConfigsUnread
}

// putFor adds an object without which the annotations of a guard would be wrong.
func (p *planner) putFor(g *guard, o *unstructured.Unstructured) {
	p.put(o)
	g.needs = append(g.needs, routes.Ref{Kind: o.GetKind(), NamespacedName: routes.NameOf(o)})
}

// withoutObjects are the annotations that hold where no object of ours exists.
func (g *guard) withoutObjects() map[string]string {
	out := maps.Clone(g.annotations)
	for key, value := range g.without {
		if value == "" {
			delete(out, key)
		} else {
			out[key] = value
		}
	}
	return out
}
