// SPDX-License-Identifier: Apache-2.0

package family

import (
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/routes"
)

// What has a proxy ask stands on the Ingress itself and needs no object of ours. Two
// write it: the planner, and the API server, which puts it on an Ingress in the write
// that opts in (config/admission). So that both write the same, the values are made
// here, and what the API server has to know of them is Published.

// Places in a published value for what differs from Ingress to Ingress.
const (
	namespacePlace = "{namespace}"
	namePlace      = "{name}"
	stripPlace     = "{strip}"
	authPlace      = "{auth}"
)

// Keys of what is published.
const (
	// classKey + NAME says which Proxy serves a class; without a name: the class that is
	// the default. What is not there is not known.
	classKey = "class_"
	// askKey + PROXY_PREFIX_NAME is what stands in the annotation PREFIX/NAME.
	askKey = "ask_"
)

// Published is what the API server has to know to guard an Ingress as the planner does,
// as the data of a ConfigMap: which proxy serves which class, and what it is told. It
// depends on the classes and the settings alone.
func Published(classes []*networkingv1.IngressClass, s routes.Settings) map[string]string {
	p := routes.Read(routes.Snapshot{Classes: classes}, s)
	out := map[string]string{}
	put := func(name string, proxy routes.Proxy) {
		if key := classKey + name; len(key) <= subdomainMax && slices.Contains(known, proxy) {
			out[key] = string(proxy)
		}
	}
	named := []string{""}
	for name := range routes.LegacyClasses {
		named = append(named, name)
	}
	for _, class := range p.Classes {
		named = append(named, class.Name)
	}
	for _, name := range named {
		ing := &networkingv1.Ingress{}
		if name != "" {
			ing.Spec.IngressClassName = &name
		}
		put(name, p.ClassOf(ing).Proxy)
	}
	for _, proxy := range known {
		for key, value := range of(proxy).Auth(&p.Settings, namespacePlace, namePlace) {
			prefix, name, _ := strings.Cut(key, "/")
			out[askKey+string(proxy)+"_"+prefix+"_"+name] = value
		}
	}
	return out
}

// Leftovers returns the annotations of an Ingress that have a proxy ask us about that
// very Ingress, and that belong to nobody: the API server put them there. Of an Ingress
// that names a policy there are none, unless all are asked for: there we take them over.
func Leftovers(ing *networkingv1.Ingress, all bool) []string {
	if _, opted := ing.Annotations[routes.PolicyAnnotation]; opted && !all || len(ing.ManagedFields) == 0 {
		return nil // in a manifest everything is somebody's
	}
	belongs := routes.ManagedAnnotations(ing)
	var out []string
	for _, proxy := range known {
		if first := of(proxy).AuthKey(); belongs[first] || !of(proxy).AsksItself(ing) {
			continue
		}
		for key := range of(proxy).Auth(&routes.Settings{}, ing.Namespace, ing.Name) {
			if _, is := ing.Annotations[key]; is && !belongs[key] && !slices.Contains(out, key) {
				out = append(out, key)
			}
		}
	}
	slices.Sort(out)
	return out
}

// AsksAboutItself reports whether an Ingress has some proxy ask us about that very
// Ingress, whoever wrote that.
func AsksAboutItself(ing *networkingv1.Ingress) bool {
	return slices.ContainsFunc(known, func(proxy routes.Proxy) bool { return of(proxy).AsksItself(ing) })
}

// Reads reports whether a proxy that we know, or we, take an annotation for something
// that is said to us.
func Reads(key string) bool {
	prefix, _, _ := strings.Cut(strings.ToLower(key), "/")
	return slices.ContainsFunc(append([]string{routes.NGINXPrefix, routes.TraefikPrefix, v1alpha1.Prefix}, routes.HAProxyPrefixes...), func(p string) bool {
		return p == prefix+"/"
	}) || key == routes.IngressClass
}
