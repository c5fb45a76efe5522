// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
)

// A Route is an Ingress that names a policy, and what it leads there; or an HTTPRoute
// that does, which gives a policy no hosts.
type Route struct {
	Kind            string // HTTPRouteKind; empty: an Ingress
	Namespace, Name string
	Policy          string // of the same namespace; it need not exist
	// Hosts and Paths are what it serves: every path on every host, which is more
	// where its rules differ. Paths is empty only where Hosts is.
	Hosts []string
	Paths []policy.Path
	// Issues are about the Ingress: what of it a policy cannot claim as it stands.
	Issues []policy.Issue
}

// Ingress returns the route of an Ingress that opted in. An Ingress can name a
// policy of its own namespace alone: whoever writes it may not borrow another
// team's rules, nor have its hosts guarded by them.
//
// A path is never narrower than what proxies serve for it by Kubernetes' meaning
// of its type: what a policy cannot say becomes the whole host. ingress-nginx and
// Traefik read some types as mere beginnings of text (/app is /apple, too). What
// they serve beyond is denied where the request is pinned to its Ingress.
func Ingress(o *networkingv1.Ingress) (Route, bool) {
	name, ok := o.Annotations[routes.PolicyAnnotation]
	if !ok {
		return Route{}, false
	}
	t := router{Route: Route{Namespace: o.Namespace, Name: o.Name, Policy: name}}
	t.regex, t.rewritten = routes.ReadsExpressions(o.Annotations, "")
	for i := range o.Spec.Rules {
		t.rule(fmt.Sprintf("spec.rules[%d]", i), &o.Spec.Rules[i])
	}
	if o.Spec.DefaultBackend != nil {
		if len(o.Spec.Rules) == 0 {
			t.note("spec.defaultBackend", "serves every host, and a policy names its hosts: list them in the policy's spec.hosts, or in spec.rules here")
		}
		t.path(policy.Path{Value: "/"}) // of these hosts, too
	}
	slices.Sort(t.Hosts)
	slices.SortFunc(t.Paths, comparePaths)
	if len(t.Hosts) == 0 {
		t.Paths = nil
	}
	return t.Route, true
}

// Routes returns those of Ingresses that opted in.
func Routes(ingresses []networkingv1.Ingress) []Route {
	var out []Route
	for i := range ingresses {
		if r, ok := Ingress(&ingresses[i]); ok {
			out = append(out, r)
		}
	}
	return out
}

// HTTPRouteKind is the Kind of a Route that is one of the Gateway API.
const HTTPRouteKind = "HTTPRoute"

// HTTPRoute returns the route of an HTTPRoute that opted in. As with an Ingress, the
// policy is one of its own namespace.
func HTTPRoute(o metav1.Object) (Route, bool) {
	name, ok := o.GetAnnotations()[routes.PolicyAnnotation]
	return Route{Kind: HTTPRouteKind, Namespace: o.GetNamespace(), Name: o.GetName(), Policy: name}, ok
}

// Bindings say which policy may decide about what each of them routes.
func Bindings(named []Route) []policy.Binding {
	out := make([]policy.Binding, len(named))
	for i := range named {
		r := &named[i]
		out[i] = policy.Binding{Ingress: r.Namespace + "/" + r.Name, Policy: r.Namespace + "/" + r.Policy}
		if r.Kind == HTTPRouteKind {
			out[i].Ingress = policy.RouteKind + out[i].Ingress
		}
	}
	return out
}

type router struct {
	Route
	regex     bool // every path is a regular expression
	rewritten bool // ingress-nginx matches every path as one, from its beginning
}

func (t *router) note(field, format string, args ...any) {
	t.Issues = append(t.Issues, policy.Issue{
		Source: policy.Source{Namespace: t.Namespace, Name: t.Name, Field: field}, Reason: policy.Unwise, Message: fmt.Sprintf(format, args...)})
}

func (t *router) rule(field string, r *networkingv1.IngressRule) {
	host := strings.ToLower(r.Host)
	switch problem := refused(policy.Policy{Hosts: []string{host}}); {
	case host == "":
		t.note(field, "has no host, so it serves every one, and a policy names its hosts: list them in the policy's spec.hosts, or write a host here")
		return
	case problem != "":
		t.note(field+".host", "%s; no policy can claim it, and it is denied", problem)
		return
	case !slices.Contains(t.Hosts, host):
		t.Hosts = append(t.Hosts, host)
	}
	if r.HTTP == nil || len(r.HTTP.Paths) == 0 { // the default backend's, or another Ingress's
		t.path(policy.Path{Value: "/"})
		return
	}
	for i := range r.HTTP.Paths {
		p, problem := t.pathOf(&r.HTTP.Paths[i])
		if problem != "" {
			t.note(fmt.Sprintf("%s.http.paths[%d].path", field, i), "%s, so the policy protects all of %s; to protect less, write spec.hosts and spec.paths in the policy", problem, host)
		}
		t.path(p)
	}
}

func (t *router) path(p policy.Path) {
	if !slices.Contains(t.Paths, p) {
		t.Paths = append(t.Paths, p)
	}
}

// pathOf returns what a path serves, and why it is the whole host if it is no
// policy's path.
func (t *router) pathOf(in *networkingv1.HTTPIngressPath) (out policy.Path, problem string) {
	whole := policy.Path{Value: "/"}
	out = policy.Path{Value: in.Path, Exact: in.PathType != nil && *in.PathType == networkingv1.PathTypeExact && !t.rewritten}
	switch {
	case in.Path == "":
		return whole, ""
	case t.regex, strings.ContainsAny(in.Path, `^$|()[]{}+*?\`):
		if in.Path == "/" {
			return whole, ""
		}
		return whole, fmt.Sprintf("%q is a regular expression to its proxy, or may be one", in.Path)
	}
	if problem := refused(policy.Policy{Hosts: []string{"a.example"}, Paths: []policy.Path{out}}); problem != "" {
		return whole, problem
	}
	return out, ""
}

// refused returns why package policy refuses a policy; empty: it does not.
func refused(p policy.Policy) string {
	for _, i := range policy.Validate(&p) {
		if !i.Warning() {
			return i.Message
		}
	}
	return ""
}

// routed has a policy claim what those of the routes serve that name it. What
// differs between two of its hosts is claimed on both: both are this policy's.
func (t *translator) routed(p *policy.Policy, o *v1alpha1.AccessPolicy, named []Route) {
	for i := range named {
		r := &named[i]
		if r.Namespace != o.Namespace || r.Policy != o.Name {
			continue
		}
		p.Hosts = append(p.Hosts, r.Hosts...)
		if len(o.Spec.Paths) == 0 {
			p.Paths = append(p.Paths, r.Paths...)
		}
		for _, issue := range r.Issues {
			field := "spec.hosts"
			if strings.HasSuffix(issue.Source.Field, ".path") {
				field = "spec.paths"
				if len(o.Spec.Paths) > 0 {
					continue // what the Ingress says does not matter
				}
			}
			source := t.source
			source.Field = field
			t.defects = append(t.defects, policy.Issue{Source: source, Reason: policy.Unwise,
				Message: fmt.Sprintf("Ingress %s %s: %s", r.Name, issue.Source.Field, issue.Message)})
		}
	}
	slices.Sort(p.Hosts)
	p.Hosts = slices.Compact(p.Hosts)
	if len(o.Spec.Paths) == 0 {
		slices.SortFunc(p.Paths, comparePaths)
		p.Paths = slices.Compact(p.Paths)
	}
}

func comparePaths(a, b policy.Path) int {
	exact := func(p policy.Path) int {
		if p.Exact {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.Value, b.Value), cmp.Compare(exact(a), exact(b)))
}
