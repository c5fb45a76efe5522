// SPDX-License-Identifier: Apache-2.0

package gatewayapi

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
	"github.com/ostiary/ostiary/controllers/routes"
)

// input are the objects that count.
type input struct {
	*draft.Draft
	routes, policies []*tree.Object
	used             map[*tree.Object]bool
}

// Read makes a draft of files of manifests.
func Read(d *draft.Draft, files []tree.File) error {
	objects, err := tree.Objects(files, func(n *tree.Node) { d.Say(draft.Left, n, "", "it is no object of Kubernetes") })
	if err != nil {
		return err
	}
	in := &input{Draft: d, used: map[*tree.Object]bool{}}
	for i := range objects {
		switch o := &objects[i]; o.Kind {
		case "HTTPRoute":
			in.routes = append(in.routes, o)
		case "SecurityPolicy":
			in.policies = append(in.policies, o)
		default:
			d.Say(draft.Noted, o.Known(), o.Of, "only HTTPRoutes and SecurityPolicies are read")
		}
	}
	if len(in.routes)+len(in.policies) == 0 {
		d.Say(draft.Left, &tree.Node{File: files[0].Name}, "", "there is no HTTPRoute and no SecurityPolicy in the input")
	}
	for _, o := range in.routes {
		in.route(o)
	}
	for _, o := range in.policies {
		if !in.used[o] {
			in.alone(o)
		}
		d.Rest(o.Node, o.Of)
	}
	return nil
}

// over are the SecurityPolicies that count for a route: those that name it, or else those
// that name a Gateway of it. Which routes a selector means is not looked at: any.
func (in *input) over(route *tree.Object) (out []*tree.Object) {
	for _, kind := range []string{"HTTPRoute", "Gateway"} {
		for _, p := range in.policies {
			if slices.ContainsFunc(targets(p), func(ref *tree.Node) bool { return means(ref, kind, p, route) }) {
				out = append(out, p)
			}
		}
		if len(out) > 0 {
			break
		}
	}
	return out
}

// means reports whether a target of a policy may be a route, or a Gateway of it.
func means(ref *tree.Node, kind string, p, route *tree.Object) bool {
	name := ref.Peek("name").Text()
	switch {
	case name == "":
		return true
	case cmp.Or(ref.Peek("kind").Text(), kind) != kind:
		return false
	case kind == "HTTPRoute":
		return p.Namespace == route.Namespace && name == route.Name
	default:
		return slices.ContainsFunc(route.Get("spec", "parentRefs").List(), func(n *tree.Node) bool { return n.Peek("name").Text() == name })
	}
}

// targets are what a SecurityPolicy is attached to.
func targets(p *tree.Object) []*tree.Node {
	out := p.Get("spec", "targetRefs").List()
	if one := p.Get("spec", "targetRef"); one != nil {
		out = append(slices.Clone(out), one)
	}
	for _, s := range p.Get("spec", "targetSelectors").List() {
		out = append(slices.Clone(out), s)
	}
	for _, ref := range out {
		ref.Known()
	}
	return out
}

// part is what some rules of a route have in common.
type part struct {
	filtered bool
	cors     *v1alpha1.CORS
	paths    []v1alpha1.PathMatch
}

// route makes the policies of an HTTPRoute.
func (in *input) route(o *tree.Object) {
	in.In = o.Of
	defer func() { in.In = "" }()
	over := in.over(o)
	parts, filtered := in.parts(o)
	for _, key := range []string{"parentRefs", "hostnames"} {
		o.Get("spec", key).Known()
	}
	o.Get("metadata", "annotations").Known()
	defer in.Draft.Rest(o.Node, o.Of)
	if !filtered && len(over) == 0 {
		in.Say(draft.Noted, o.Node, o.Of, "it has no CORS filter and no SecurityPolicy: there is nothing to import")
		return
	}
	access := in.access(o, over)
	hosts := in.hosts(o)
	if len(hosts) == 0 && o.Peek("spec").Has("hostnames") {
		in.Say(draft.Closed, o.Node, o.Of, "it has no host that can be written: there is no AccessPolicy of it")
		return
	}
	if len(hosts) == 0 && len(parts) > 1 {
		in.Say(draft.Closed, o.Node, o.Of, "its hosts are those of its Gateway, and its rules differ in CORS: cors is not written")
		parts = []part{{filtered: true}}
	}
	for _, p := range parts {
		in.add(o, in.spec(access, hosts, p, over))
	}
	if len(parts) > 1 {
		in.Say(draft.Closed, o.Node, o.Of, "its rules differ in CORS, and an HTTPRoute names one policy: split it")
	}
}

// hosts are those of a route that a policy can claim.
func (in *input) hosts(o *tree.Object) (out []v1alpha1.Host) {
	for _, h := range o.Peek("spec").Peek("hostnames").List() {
		host := draft.Host(h.Text())
		if strings.HasPrefix(host, "*.") {
			host = "*" + host // any number of labels, to the Gateway API
		}
		if why := draft.WrongPlace(host, v1alpha1.PathMatch{Path: "/"}); why != "" {
			in.Say(draft.Closed, h, o.Of, "%s: no policy claims it", why)
			continue
		}
		out = append(out, v1alpha1.Host(host))
	}
	return out
}

// spec is that of the policy of a part of a route.
func (in *input) spec(access v1alpha1.AccessPolicySpec, hosts []v1alpha1.Host, p part, over []*tree.Object) v1alpha1.AccessPolicySpec {
	spec := *access.DeepCopy()
	whole := len(p.paths) == 1 && p.paths[0] == (v1alpha1.PathMatch{Path: "/", Type: v1alpha1.PathPrefix})
	if spec.Hosts = hosts; len(hosts) > 0 && !whole {
		spec.Paths = p.paths
	}
	overruled := slices.ContainsFunc(over, func(p *tree.Object) bool { return p.Peek("spec").Has("cors") })
	switch {
	case overruled:
	case p.filtered:
		spec.CORS = p.cors
	case len(over) == 0: // preflights went to the application, as all else did
		spec.CORS = &v1alpha1.CORS{Preflight: v1alpha1.PreflightBypass}
	}
	return spec
}

// add adds a policy in the namespace of an object.
func (in *input) add(o *tree.Object, spec v1alpha1.AccessPolicySpec) {
	before := in.Namespace
	in.Namespace = cmp.Or(o.Namespace, before)
	p := in.Policy(o.Node, o.Of, spec, o.Name, "route")
	in.Namespace = before
	in.Say(draft.Noted, o.Node, o.Of, "the HTTPRoute has to name the policy: %s: %s, in the same write that removes the filter or the "+
		"SecurityPolicy", routes.PolicyAnnotation, p.Name)
}

// parts are the rules of a route by their CORS filters, and whether there is any.
func (in *input) parts(o *tree.Object) (out []part, filtered bool) {
	var keys []string
	for _, rule := range o.Get("spec", "rules").List() {
		for _, key := range []string{"backendRefs", "timeouts", "name", "retry", "sessionPersistence"} {
			rule.Get(key).Known()
		}
		key, cors := filter(rule)
		filtered = filtered || cors != nil
		paths, conditional := in.matches(rule, o)
		if len(paths) == 0 {
			continue
		}
		if conditional != nil && cors != nil {
			in.Say(draft.Closed, conditional, o.Of, "a match by more than the path has no equivalent: cors is not written for it")
			cors.Known()
			cors, key = nil, "conditional"
		}
		i := slices.Index(keys, key)
		if i < 0 {
			i = len(keys)
			p := part{filtered: key != ""}
			if cors != nil {
				p.cors = in.cors(cors, o.Of)
			}
			keys, out = append(keys, key), append(out, p)
		}
		for _, p := range paths {
			if !slices.ContainsFunc(out, func(q part) bool { return slices.Contains(q.paths, p) }) {
				out[i].paths = append(out[i].paths, p)
			}
		}
	}
	return slices.DeleteFunc(out, func(p part) bool { return len(p.paths) == 0 }), filtered
}

// filter is the CORS filter of a rule, and what tells it from others.
func filter(rule *tree.Node) (key string, cors *tree.Node) {
	for _, f := range rule.Get("filters").List() {
		if f.Get("type").Text() != "CORS" {
			f.Known()
			continue
		}
		if n := f.Get("cors"); n != nil {
			key, cors = f.Path(), n
		}
	}
	return key, cors
}

// matches are the paths of a rule, and what else it asks for.
func (in *input) matches(rule *tree.Node, o *tree.Object) (paths []v1alpha1.PathMatch, conditional *tree.Node) {
	list := rule.Get("matches").List()
	if len(list) == 0 {
		return []v1alpha1.PathMatch{{Path: "/", Type: v1alpha1.PathPrefix}}, nil
	}
	for _, m := range list {
		for _, key := range []string{"headers", "queryParams", "method"} {
			if n := m.Get(key); n != nil {
				conditional = n.Known()
			}
		}
		value, of := m.Get("path", "value").Text(), cmp.Or(m.Get("path", "type").Text(), "PathPrefix")
		path := v1alpha1.PathMatch{Path: v1alpha1.Path(cmp.Or(value, "/")), Type: v1alpha1.PathPrefix}
		if of == "Exact" {
			path.Type = v1alpha1.PathExact
		} else if short := strings.TrimRight(value, "/"); short != "" {
			path.Path = v1alpha1.Path(short)
		}
		why := draft.WrongPlace("fit.example.com", path)
		if of != "Exact" && of != "PathPrefix" {
			why, path.Path = "a pattern of paths has no equivalent", ""
		}
		if why != "" {
			in.Say(draft.Closed, m, o.Of, "%s: no policy claims it, and nobody is admitted there by policies for more of the host", why)
			for _, h := range o.Get("spec", "hostnames").Texts() {
				in.Shut(h, string(path.Path), nil)
			}
			continue
		}
		paths = append(paths, path)
	}
	return paths, conditional
}
