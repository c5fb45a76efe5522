// SPDX-License-Identifier: Apache-2.0

package ingress

import (
	"cmp"
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

// Reasons of opt-ins that do not get what they ask for.
const (
	PolicyNotFound    = "PolicyNotFound"    // the policy that is named is not there: everything is refused
	HostNotInPolicy   = "HostNotInPolicy"   // the policy does not claim the host: it is refused
	UnknownProxy      = "UnknownProxy"      // nobody knows which proxy serves the Ingress
	UnknownMode       = "UnknownMode"       // the mode is none
	AppCanary         = "AppCanary"         // error pages would lead to the application's canary
	SharedService     = "SharedService"     // a canary for preflights would take those of others
	BackendProtocol   = "BackendProtocol"   // the proxy would speak it to our listener, too
	NotProjectable    = "NotProjectable"    // the proxy's own CORS annotations cannot say it
	ShadowedLogin     = "ShadowedLogin"     // a regular expression takes the path of the login
	SignInElsewhere   = "SignInElsewhere"   // auth-signin redirects what must not be
	RewrittenTarget   = "RewrittenTarget"   // what is asked about is not what was asked for
	OddTarget         = "OddTarget"         // a host or path that cannot be written into a rule
	MissingKind       = "MissingKind"       // a CRD is not installed
	MissingFilter     = "MissingFilter"     // a rule of an HTTPRoute lacks the filter that asks
	PreflightNotTaken = "PreflightNotTaken" // the proxy cannot lead preflights to us
	NoHost            = "NoHost"            // there is no host to serve the login at
)

// Make plans for a world. It depends on no order in the world, and a world that
// holds what it planned leads to the same plan.
func Make(w World, s Settings) Plan {
	s.ServicePrefix, s.PathPrefix, s.Mode = cmp.Or(s.ServicePrefix, "ostiary"), cmp.Or(s.PathPrefix, "/.access"), cmp.Or(s.Mode, Render)
	p := newPlanner(&w, &s)
	for _, ing := range p.ingresses {
		p.ingress(ing)
	}
	for _, r := range p.httpRoutes() {
		p.httpRoute(r)
	}
	p.grants()
	slices.SortFunc(p.plan.Objects, func(a, b *unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.GetKind(), b.GetKind()), cmp.Compare(nameOf(a).String(), nameOf(b).String()))
	})
	slices.SortFunc(p.plan.Bindings, func(a, b Binding) int { return cmp.Compare(a.Route.String(), b.Route.String()) })
	slices.SortFunc(p.plan.Findings, compareFindings)
	p.plan.Findings = slices.Compact(p.plan.Findings)
	return p.plan
}

// rank orders objects by what needs what.
func rank(o *unstructured.Unstructured) int {
	switch o.GetKind() {
	case "ReferenceGrant", "Service", "Middleware":
		return 0
	case "EndpointSlice":
		return 1
	default:
		return 2
	}
}

// A planner is one run of Make.
type planner struct {
	*coverage // what proxies make of Ingresses
	plan      Plan
	ingresses []*networkingv1.Ingress // people's, sorted
	policies  map[types.NamespacedName]*Policy
	doors     map[string]bool // class and host that have an Ingress for our own path
	granted   map[grant]bool
}

func newPlanner(w *World, s *Settings) *planner {
	p := &planner{
		coverage: newCoverage(w, s, func(string) bool { return true }),
		plan:     Plan{Annotations: map[Ref]map[string]string{}},
		policies: map[types.NamespacedName]*Policy{}, doors: map[string]bool{}, granted: map[grant]bool{},
	}
	for _, ing := range w.Ingresses {
		if !ours(ing) {
			p.ingresses = append(p.ingresses, ing)
		}
	}
	slices.SortFunc(p.ingresses, func(a, b *networkingv1.Ingress) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for i := range w.Policies {
		p.policies[w.Policies[i].NamespacedName] = &w.Policies[i]
	}
	return p
}

// An optIn is a route that names a policy.
type optIn struct {
	ref       Ref
	policy    types.NamespacedName
	is        *Policy // nil: there is none
	hosts     []string
	paths     []Path
	guarded   bool
	annotated map[string]string
}

func (p *planner) find(o *optIn, reason, host, format string, args ...any) {
	p.plan.Findings = append(p.plan.Findings, Finding{Object: o.ref, Policy: o.policy, Reason: reason, Host: host,
		Message: fmt.Sprintf("%s "+format, append([]any{o.ref}, args...)...)})
}

// opt reads an opt-in, and reports what is wrong with its policy. Whatever is, the
// proxy is told to ask: the answer will be no.
func (p *planner) opt(ref Ref, name string, hosts []string, paths []Path) *optIn {
	slices.Sort(hosts)
	o := &optIn{ref: ref, policy: types.NamespacedName{Namespace: ref.Namespace, Name: name}, hosts: slices.Compact(hosts), paths: paths}
	o.is = p.policies[o.policy]
	if o.is == nil {
		p.find(o, PolicyNotFound, "", "names AccessPolicy %s, which is not there, so every request is refused. Create it in namespace %s, or mend the annotation %s.", name, ref.Namespace, PolicyAnnotation)
		return o
	}
	if ref.Kind == "HTTPRoute" && len(o.is.Hosts) == 0 {
		p.find(o, HostNotInPolicy, "", "names AccessPolicy %s, which has no spec.hosts. Only Ingresses give a policy its hosts, so every request is refused. Write them there.", name)
	}
	for _, host := range o.hosts {
		if len(o.is.Hosts) > 0 && !slices.ContainsFunc(o.is.Hosts, func(claimed string) bool { return overlap(host, claimed) }) {
			p.find(o, HostNotInPolicy, host, "serves %s, which is none of the hosts of AccessPolicy %s, so every request there is refused. Add it to spec.hosts, or leave spec.hosts out.", cmp.Or(host, "any host"), name)
		}
	}
	return o
}

// done takes what was found out about an opt-in into the plan.
func (p *planner) done(o *optIn) {
	p.plan.Bindings = append(p.plan.Bindings, Binding{Route: o.ref, Policy: o.policy, Hosts: o.hosts, Paths: o.paths, Guarded: o.guarded})
	if len(o.annotated) > 0 {
		p.plan.Annotations[o.ref] = o.annotated
	}
}

func (p *planner) ingress(ing *networkingv1.Ingress) {
	name := ing.Annotations[PolicyAnnotation]
	class, proxy := p.classOf(ing)
	if name == "" || isCanary(ing, proxy) { // a canary is guarded as the Ingress is that it belongs to
		return
	}
	o := p.opt(ingressRef(ing), name, hostsOf(ing), pathsOf(ing))
	switch proxy {
	case IngressNGINX:
		p.nginx(ing, o)
	case TraefikNGINX:
		p.traefikNGINX(ing, o)
	case Traefik:
		p.traefik(ing, o)
	case HAProxyIngress:
		p.haproxy(ing, o)
	default:
		p.find(o, UnknownProxy, "", "is of class %q, and which proxy serves that is not known, so nothing asks about its requests. Annotate the IngressClass or the Ingress with %s: %s, %s, %s or %s.",
			class, ProxyAnnotation, IngressNGINX, TraefikNGINX, Traefik, HAProxyIngress)
	}
	if len(o.annotated) > 0 {
		p.entrances(ing, o, class, proxy)
	}
	p.done(o)
}

func ingressRef(ing *networkingv1.Ingress) Ref {
	return Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Namespace: ing.Namespace, Name: ing.Name}}
}

// hostsOf are the hosts of an Ingress; "" is any.
func hostsOf(ing *networkingv1.Ingress) (hosts []string) {
	for i := range ing.Spec.Rules {
		hosts = append(hosts, canonical(ing.Spec.Rules[i].Host))
	}
	if ing.Spec.DefaultBackend != nil && len(ing.Spec.Rules) == 0 {
		hosts = append(hosts, "")
	}
	return hosts
}

// A location is a host and a path that an Ingress leads to a Service.
type location struct {
	host    string
	path    Path
	backend networkingv1.IngressServiceBackend
}

func locationsOf(ing *networkingv1.Ingress) (out []location) {
	for i := range ing.Spec.Rules {
		r := &ing.Spec.Rules[i]
		if r.HTTP == nil {
			continue
		}
		for j := range r.HTTP.Paths {
			at := location{host: canonical(r.Host), path: Path{Path: cmp.Or(r.HTTP.Paths[j].Path, "/")}}
			at.path.Exact = r.HTTP.Paths[j].PathType != nil && *r.HTTP.Paths[j].PathType == networkingv1.PathTypeExact
			if b := r.HTTP.Paths[j].Backend.Service; b != nil {
				at.backend = *b
			}
			out = append(out, at)
		}
	}
	return out
}

func pathsOf(ing *networkingv1.Ingress) (paths []Path) {
	for _, at := range locationsOf(ing) {
		if !slices.Contains(paths, at.path) {
			paths = append(paths, at.path)
		}
	}
	slices.SortFunc(paths, func(a, b Path) int { return cmp.Compare(a.Path, b.Path) })
	return paths
}
