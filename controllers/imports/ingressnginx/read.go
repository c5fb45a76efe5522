// SPDX-License-Identifier: Apache-2.0

package ingressnginx

import (
	"slices"
	"strings"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/imports/tree"
	"github.com/ostiary/ostiary/controllers/routes"
)

// An Ingress is one, with what its annotations say.
type Ingress struct {
	tree.Object
	*draft.Draft
	values map[string]string
	global bool // the proxy has an auth-url for each Ingress that has none
}

// Read makes a draft of files of manifests.
func Read(d *draft.Draft, files []tree.File) error {
	objects, err := tree.Objects(files, func(n *tree.Node) { d.Say(draft.Left, n, "", "it is no object of Kubernetes") })
	if err != nil {
		return err
	}
	found, global := false, false
	for i := range objects {
		global = global || objects[i].Peek("data").Has("global-auth-url")
	}
	for i := range objects {
		o := &objects[i]
		if o.Kind != "Ingress" {
			other(d, o)
			continue
		}
		found = true
		in := &Ingress{Object: *o, Draft: d, values: o.Annotations(), global: global}
		in.write()
		d.Rest(o.Node, o.Of)
	}
	if !found {
		d.Say(draft.Left, &tree.Node{File: files[0].Name}, "", "there is no Ingress in the input")
	}
	return nil
}

// other notes what else there is. Some settings of the proxy count for each Ingress.
func other(d *draft.Draft, o *tree.Object) {
	if o.Kind == "ConfigMap" {
		for _, key := range []string{"global-auth-url", "whitelist-source-range", "denylist-source-range", "location-snippet", "server-snippet"} {
			if n := o.Get("data", key); n != nil {
				d.Say(draft.Left, n, o.Of, "it counts for every Ingress of the proxy, and stands in no policy")
			}
		}
		o.Known()
		return
	}
	d.Say(draft.Noted, o.Known(), o.Of, "only Ingresses are read")
}

// at is an annotation: its text, as the proxy takes it, and where it stands; "" where there is none.
func (in *Ingress) at(names ...string) (string, *tree.Node) {
	for _, name := range names {
		if n := in.Get("metadata", "annotations").Get(routes.NGINXPrefix + name); n != nil {
			return strings.TrimSpace(n.Known().Value), n
		}
	}
	return "", nil
}

// concerns are the annotations that decide who may pass, and how preflights are answered.
var concerns = []string{"auth-url", "auth-type", "auth-tls-secret", "auth-tls-verify-client", "whitelist-source-range",
	"allowlist-source-range", "denylist-source-range", "auth-signin"}

// write makes the AccessPolicy of an Ingress.
func (in *Ingress) write() {
	in.In = in.Of
	defer func() { in.In = "" }()
	asked := slices.ContainsFunc(concerns, func(name string) bool { return in.values[routes.NGINXPrefix+name] != "" })
	if cors := routes.NGINXCORS.Flag(routes.IngressNGINX, in.values); cors == routes.On || cors == routes.Unclear {
		asked = true
	}
	if routes.NGINXCanary.Flag(routes.IngressNGINX, in.values) == routes.On {
		in.Say(draft.Noted, in.Node, in.Of, "a canary is decided by the Ingress that it is one of")
		asked = false
	}
	if in.values[routes.PolicyAnnotation] != "" || strings.Contains(routes.NGINXAuthURL.Text(in.values), contract.Endpoints+"/") {
		in.Say(draft.Noted, in.Node, in.Of, "it names an AccessPolicy, or asks Ostiary, already")
		asked = false
	}
	if !asked {
		in.Say(draft.Noted, in.Known(), in.Of, "it has nothing to import")
		return
	}
	spec := v1alpha1.AccessPolicySpec{CORS: in.cors(), Rules: in.rules()}
	if provider := in.users(); provider != "" {
		spec.IdentityProviders = []v1alpha1.ProviderName{v1alpha1.ProviderName(provider)}
	}
	in.known()
	before := in.Draft.Namespace
	defer func() { in.Draft.Namespace = before }()
	if in.Object.Namespace != "" {
		in.Draft.Namespace = in.Object.Namespace
	}
	for _, p := range in.Places() {
		own := *spec.DeepCopy()
		own.Hosts, own.Paths = p.Hosts, p.Paths
		made := in.Policy(in.Node, in.Of, own, in.Object.Name, "ingress")
		in.Say(draft.Noted, in.Node, in.Of, "the Ingress has to name the policy: %s: %s, in the same write that removes the old annotations",
			routes.PolicyAnnotation, made.Name)
	}
}

// A Place is hosts with the same paths.
type Place struct {
	Hosts []v1alpha1.Host
	Paths []v1alpha1.PathMatch
}

// PlacesOf are the hosts and paths of an Ingress, as far as a policy can claim them.
func PlacesOf(d *draft.Draft, o *tree.Object) []Place {
	in := &Ingress{Object: *o, Draft: d, values: o.Annotations()}
	return in.Places()
}

// Places are the hosts and paths of the rules.
func (in *Ingress) Places() []Place {
	spec := in.Get("spec")
	for _, key := range []string{"ingressClassName", "tls", "defaultBackend"} {
		spec.Get(key).Known()
	}
	paths := map[string][]v1alpha1.PathMatch{}
	var hosts []string
	for _, rule := range spec.Get("rules").List() {
		host := rule.Get("host").Text()
		for _, p := range rule.Get("http", "paths").List() {
			match, why := in.path(draft.Host(host), p)
			if host == "" {
				why = "a rule without a host"
			}
			if why != "" {
				in.Say(draft.Closed, p, in.Of, "%s: no policy claims it, and nobody is admitted there by policies for more of the host", why)
				in.Shut(host, string(match.Path), nil)
				continue
			}
			if !slices.Contains(hosts, draft.Host(host)) {
				hosts = append(hosts, draft.Host(host))
			}
			if !slices.Contains(paths[draft.Host(host)], match) {
				paths[draft.Host(host)] = append(paths[draft.Host(host)], match)
			}
		}
	}
	if len(hosts) == 0 {
		in.Say(draft.Closed, in.Node, in.Of, "it has no host and path that can be written: there is no AccessPolicy of it")
	}
	for _, alias := range routes.NGINXAliases.List(in.values) {
		_, n := in.at("server-alias")
		if why := draft.WrongPlace(draft.Host(alias), v1alpha1.PathMatch{Path: "/"}); why != "" || len(hosts) == 0 {
			in.Say(draft.Closed, n, in.Of, "%q is no host of a policy, and no policy claims it", alias)
			continue
		}
		hosts = append(hosts, draft.Host(alias))
		paths[draft.Host(alias)] = paths[hosts[0]]
	}
	return gather(hosts, paths)
}

// gather has hosts of the same paths be one place.
func gather(hosts []string, paths map[string][]v1alpha1.PathMatch) (out []Place) {
	for _, h := range hosts {
		list := paths[h]
		if len(list) == 1 && list[0] == (v1alpha1.PathMatch{Path: "/", Type: v1alpha1.PathPrefix}) {
			list = nil
		}
		i := slices.IndexFunc(out, func(p Place) bool { return slices.Equal(p.Paths, list) })
		if i < 0 {
			out = append(out, Place{Paths: list})
			i = len(out) - 1
		}
		out[i].Hosts = append(out[i].Hosts, v1alpha1.Host(h))
	}
	return out
}

// path is one of a rule, and why it cannot be written.
func (in *Ingress) path(host string, p *tree.Node) (match v1alpha1.PathMatch, why string) {
	p.Get("backend").Known()
	of := p.Get("pathType").Text()
	match = v1alpha1.PathMatch{Path: v1alpha1.Path(p.Get("path").Text()), Type: v1alpha1.PathPrefix}
	if match.Path == "" {
		match.Path = "/"
	}
	if trimmed := strings.TrimRight(string(match.Path), "/"); of != "Exact" && trimmed != "" {
		match.Path = v1alpha1.Path(trimmed)
	}
	if of == "Exact" {
		match.Type = v1alpha1.PathExact
	}
	regex, rewritten := routes.ReadsExpressions(in.values, routes.IngressNGINX)
	if (regex || rewritten) && strings.ContainsAny(string(match.Path), `()$|[]{}^.*+?\`) {
		return v1alpha1.PathMatch{}, "the path is a regular expression"
	}
	return match, draft.WrongPlace(host, match)
}
