// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Ingresses that name a policy say what a policy without hosts guards. All others
// are foreign, mistakes and all.

var (
	ingressText = regexp.MustCompile(`(?m)^[ \t{,]*["']?kind["']?[ \t]*:[ \t]*["']?Ingress["']?[ \t]*(?:,|\}|$)`)
	ingressHost = regexp.MustCompile(`["']?\bhost["']?[ \t]*:[ \t]*["']?((?:\*\.)?[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)`)
)

// optsIn reports whether text that cannot be read may be an Ingress that names a
// policy.
func optsIn(text string) bool {
	return strings.Contains(text, v1alpha1.Prefix) && ingressText.MatchString(text)
}

// mistyped finds an annotation that may have been meant as the opt-in.
func mistyped(annotations map[string]string) (key string, found bool) {
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		switch key {
		case routes.PolicyAnnotation, routes.ModeAnnotation, routes.ProxyAnnotation, routes.ForAnnotation:
		default:
			if strings.HasPrefix(key, v1alpha1.Prefix) {
				return key, true
			}
		}
	}
	return "", false
}

// salvageIngress makes out which hosts a broken Ingress leads somewhere, so that
// they do not fall to a wildcard's policy. It claims them whole, and so nothing
// that another policy claims.
func salvageIngress(p *policy.Policy, text string) {
	for _, m := range ingressHost.FindAllStringSubmatch(text, -1) {
		p.Hosts = addTo(p.Hosts, strings.ToLower(m[1]))
	}
	p.Paths = nil
}

// readIngress reads a document that holds an Ingress, if it names a policy.
func (d *document) readIngress(root *yamlv3.Node) (o *object, e *entry, ok bool) {
	var api networkingv1.Ingress
	line, field, message, unknown := d.strictly(&api)
	if message != "" && !optsIn(string(d.text)) {
		return nil, nil, true
	}
	if message != "" {
		return d.salvage(max(line, d.start+lineOf(root, field)), strings.TrimSpace(field+" "+message)), nil, false
	}
	route, named := translate.Ingress(&api)
	if key, found := mistyped(api.Annotations); !named && found {
		return d.salvage(d.start+lineOf(root, "metadata.annotations"), fmt.Sprintf("annotation %q is unknown; to name the policy write %s", key, routes.PolicyAnnotation)), nil, false
	}
	if !named {
		return nil, nil, true
	}
	if api.APIVersion != networkingv1.SchemeGroupVersion.String() {
		return d.salvage(d.start, fmt.Sprintf("apiVersion is %q; write %s for an Ingress that names a policy", api.APIVersion, networkingv1.SchemeGroupVersion)), nil, false
	}
	e = &entry{kind: ingressKind, object: object{file: d.file, start: d.start, root: root, namespace: api.Namespace, name: api.Name}}
	if e.namespace == "" {
		e.namespace = "default"
	}
	if e.name == "" {
		e.name = d.madeUpName()
		e.defect("metadata.name", "an object needs a name")
	}
	e.checkName()
	for _, u := range unknown {
		e.defect(u.field, "%s", u.message)
	}
	e.checkIngress(&api)
	route.Namespace, route.Name = e.namespace, e.name
	e.route = &route
	return nil, e, len(e.defects) == 0
}

// readRoute reads a document that holds an HTTPRoute, if it names a policy. Of what it
// routes, nothing matters here: it gives a policy no hosts.
func (d *document) readRoute(root *yamlv3.Node) *entry {
	if !has(root, "metadata", "annotations", routes.PolicyAnnotation) {
		return nil
	}
	e := &entry{kind: routeKind, object: object{file: d.file, start: d.start, root: root, namespace: scalar(find(root, "metadata.namespace")), name: scalar(find(root, "metadata.name"))}}
	if e.namespace == "" {
		e.namespace = "default"
	}
	if e.name == "" {
		e.name = d.madeUpName()
		e.defect("metadata.name", "an object needs a name")
	}
	e.checkName()
	e.route = &translate.Route{Kind: routeKind, Namespace: e.namespace, Name: e.name, Policy: scalar(child(find(root, "metadata.annotations"), routes.PolicyAnnotation))}
	if problems := validation.IsDNS1123Subdomain(e.route.Policy); len(problems) > 0 {
		e.defect("metadata.annotations", "%s: %q is not the name of an AccessPolicy of this namespace", routes.PolicyAnnotation, e.route.Policy)
	}
	return e
}

func lineOf(root *yamlv3.Node, field string) int {
	if n := nearest(root, field); n != nil && n.Line > 0 {
		return n.Line - 1
	}
	return 0
}

// checkIngress finds what the API server would refuse, as far as it matters here.
func (e *entry) checkIngress(o *networkingv1.Ingress) {
	if problems := validation.IsDNS1123Subdomain(o.Annotations[routes.PolicyAnnotation]); len(problems) > 0 {
		e.defect("metadata.annotations", "%s: %q is not the name of an AccessPolicy of this namespace", routes.PolicyAnnotation, o.Annotations[routes.PolicyAnnotation])
	}
	for i := range o.Spec.Rules {
		if o.Spec.Rules[i].HTTP == nil {
			continue
		}
		for j, p := range o.Spec.Rules[i].HTTP.Paths {
			at := fmt.Sprintf("spec.rules[%d].http.paths[%d]", i, j)
			if p.PathType == nil {
				e.defect(at, "a path needs its pathType: Exact, Prefix or ImplementationSpecific")
			}
			if p.Path != "" && !strings.HasPrefix(p.Path, "/") {
				e.defect(at+".path", "%q: a path begins with \"/\"", p.Path)
			}
		}
	}
}

// settleRoutes gives each policy the routes that name it, and reports what is odd
// about them. One with mistakes leads where it says, and where it led before.
func (s *Set) settleRoutes() {
	named := map[string][]*entry{}
	for _, e := range s.entries {
		if e.route == nil {
			continue
		}
		s.report(e, nil)
		key := e.namespace + "/" + e.route.Policy
		named[key] = append(named[key], e)
		s.routes = append(s.routes, *e.route)
	}
	known := map[string]bool{}
	for _, o := range s.objects {
		key := o.namespace + "/" + o.name
		known[key] = true
		o.routes = nil
		for _, e := range named[key] {
			if e.kind == routeKind {
				continue
			}
			route := *e.route
			route.Issues = nil // they have a place of their own
			o.routes = append(o.routes, route)
		}
		for _, e := range named[key] {
			s.compare(o, e)
		}
	}
	for key, entries := range named {
		for _, e := range entries {
			if !known[key] {
				s.warn(e, "metadata.annotations", "no file that is read here holds the AccessPolicy "+key+", so what this "+e.kind+" routes is denied")
			}
		}
	}
}

// compare reports what an Ingress leads to a policy that does not claim it.
func (s *Set) compare(o *object, e *entry) {
	if o.api == nil || e.kind == routeKind {
		return
	}
	if len(o.api.Spec.Hosts) == 0 {
		for _, i := range e.route.Issues {
			if len(o.api.Spec.Paths) == 0 || !strings.HasSuffix(i.Source.Field, ".path") {
				s.warn(e, i.Source.Field, i.Message)
			}
		}
		return
	}
	hosts := o.policy().Hosts
	for _, h := range e.route.Hosts {
		if !slices.ContainsFunc(append(policy.Patterns(h), h), func(p string) bool { return slices.Contains(hosts, p) }) {
			s.warn(e, "spec.rules", fmt.Sprintf("the AccessPolicy %s/%s names its hosts, and %s is none of them, so what this Ingress routes there is denied", o.namespace, o.name, h))
		}
	}
}

func (s *Set) warn(e *entry, field, message string) {
	s.problems = append(s.problems, Problem{File: e.file, Line: e.line(field), Object: e.kind + " " + e.title(), Field: field, Message: message, Warning: true})
}

// title names an entry in its namespace, if its kind has one.
func (e *entry) title() string {
	if e.kind == ingressKind || e.kind == routeKind || e.namespaced() {
		return e.namespace + "/" + e.name
	}
	return e.name
}

// lead adds where an Ingress led when nothing was wrong with it.
func (e *entry) lead(before []*entry) {
	i := slices.IndexFunc(before, e.namesake)
	if e.route == nil || len(e.defects) == 0 || i < 0 || before[i].route == nil {
		return
	}
	r := *e.route
	r.Hosts, r.Paths = union(r.Hosts, before[i].route.Hosts), unionPaths(r.Paths, before[i].route.Paths)
	e.route = &r
}
