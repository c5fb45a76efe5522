// SPDX-License-Identifier: Apache-2.0

package family

import (
	"slices"
	"strconv"
	"strings"
	"unicode"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/ostiary/ostiary/authserver/contract"
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

// questionOf returns the annotations that have a proxy ask about an Ingress: nil, if it
// is none that we know.
func questionOf(s *routes.Settings, proxy routes.Proxy, namespace, name string) map[string]string {
	switch proxy {
	case routes.IngressNGINX, routes.TraefikNGINX:
		endpoint, headers := contract.NginxPrefix, s.IdentityHeaders
		if proxy == routes.TraefikNGINX { // ingress-nginx drops what has an underscore in it
			endpoint, headers = contract.URLPrefix, append(headers[:len(headers):len(headers)], stripped(s)...)
		}
		return map[string]string{
			routes.NGINXPrefix + "auth-url":              authURL(s, endpoint, namespace, name),
			routes.NGINXPrefix + "auth-response-headers": strings.Join(headers, ","),
		}
	case routes.Traefik:
		strip, auth := stripPlace, authPlace
		if name != namePlace {
			strip, auth = middlewareRef(namespace, middlewareName("strip", name)), middlewareRef(namespace, middlewareName("auth", name))
		}
		return map[string]string{routes.TraefikMiddlewares.Key(): strip + "," + auth}
	case routes.HAProxyIngress:
		return map[string]string{
			routes.HAProxyPrefix + "auth-url":    haproxyURL(s, namespace, name),
			routes.HAProxyPrefix + "auth-method": "GET",
			routes.HAProxyPrefix + "auth-headers-request": strings.Join(append(contract.Asked(), "Upgrade",
				contract.ForwardedMethod, contract.ForwardedProto, contract.ForwardedHost, contract.ForwardedURI, contract.ForwardedFor), ","),
			routes.HAProxyPrefix + "auth-headers-succeed": strings.Join(s.IdentityHeaders, ","),
			routes.HAProxyPrefix + "auth-headers-fail":    "*",
			routes.HAProxyPrefix + "request-set-headers":  haproxyTarget,
		}
	default:
		return nil
	}
}

// authURL is what ingress-nginx asks. It fills in what it routed by; a header would
// say what the visitor wants. The name of the Ingress is in it as text, so that no
// other Ingress's policy can decide about it.
func authURL(s *routes.Settings, endpoint, namespace, name string) string {
	return s.AuthzURL + endpoint + namespace + "/" + name + "/" + contract.NginxTarget
}

func haproxyURL(s *routes.Settings, namespace, name string) string {
	return "svc://" + s.Service("authz").String() + ":" + strconv.Itoa(int(s.AuthzPort())) + contract.ForwardPrefix + namespace + "/" + name
}

// middlewareName names a Middleware of an Ingress. In a reference Traefik makes one
// hyphen of whatever is neither a letter nor a digit, so that a.b, a-b and a--b would
// be one: a name that has more than plain hyphens is written with z for an escape. The
// API server can do that, too; it knows no digests, and refuses names that are too long.
func middlewareName(kind, ingress string) string {
	if odd(ingress) {
		kind, ingress = "x"+kind, escaped(ingress)
	}
	return shortened(ownPrefix+kind+"-"+ingress, subdomainMax)
}

// routeMiddleware names one of an HTTPRoute, for people to paste.
func routeMiddleware(kind, route string) string {
	if strings.Contains(route, "--") { // to Traefik it is the same as one hyphen
		return shortened(ownPrefix+kind+"-route-"+strings.ReplaceAll(route, ".", "-"), LabelMax-11) + "-" + digest(route)
	}
	return serviceName(kind, "route-"+route)
}

// odd: "route-" begins what belongs to HTTPRoutes.
func odd(ingress string) bool {
	return strings.Contains(ingress, ".") || strings.Contains(ingress, "--") || strings.HasPrefix(ingress, "route-")
}

// escaped can be read back: z2 is nothing, z1 a dot, z0 a z.
func escaped(name string) string {
	name = strings.ReplaceAll(strings.ReplaceAll(name, "z", "z0"), ".", "z1")
	for range 2 {
		name = strings.ReplaceAll(name, "--", "-z2-")
	}
	return name
}

// middlewareRef is a Middleware as annotations name it. Traefik makes one hyphen of
// whatever is neither a letter nor a digit.
func middlewareRef(namespace, name string) string {
	parts := strings.FieldsFunc(namespace+"-"+name, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsNumber(c) })
	return strings.Join(parts, "-") + "@kubernetescrd"
}

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
		for key, value := range questionOf(&p.Settings, proxy, namespacePlace, namePlace) {
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
		if first := questionKeyOf(proxy); belongs[first] || !asksAbout(ing, proxy) {
			continue
		}
		for key := range questionOf(&routes.Settings{}, proxy, ing.Namespace, ing.Name) {
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
	return slices.ContainsFunc(known, func(proxy routes.Proxy) bool { return asksAbout(ing, proxy) })
}

// asksAbout reports whether an Ingress has its proxy ask about itself, at whatever
// address.
func asksAbout(ing *networkingv1.Ingress, proxy routes.Proxy) bool {
	pin := ing.Namespace + "/" + ing.Name
	is := ing.Annotations[questionKeyOf(proxy)]
	switch proxy {
	case routes.Traefik:
		return is == middlewareRef(ing.Namespace, middlewareName("strip", ing.Name))+","+middlewareRef(ing.Namespace, middlewareName("auth", ing.Name))
	case routes.HAProxyIngress:
		return strings.HasSuffix(is, contract.ForwardPrefix+pin)
	default:
		return slices.ContainsFunc([]string{contract.NginxPrefix, contract.NginxPassPrefix, contract.URLPrefix}, func(e string) bool {
			return strings.HasSuffix(is, e+pin+"/"+contract.NginxTarget)
		})
	}
}

// questionKeyOf is the annotation without which nobody is asked.
func questionKeyOf(proxy routes.Proxy) string {
	switch proxy {
	case routes.Traefik:
		return routes.TraefikMiddlewares.Key()
	case routes.HAProxyIngress:
		return routes.HAProxyAuthURL.Key()
	default:
		return routes.NGINXAuthURL.Key()
	}
}

// Reads reports whether a proxy that we know, or we, take an annotation for something
// that is said to us.
func Reads(key string) bool {
	prefix, _, _ := strings.Cut(strings.ToLower(key), "/")
	return slices.ContainsFunc(append([]string{routes.NGINXPrefix, routes.TraefikPrefix, "access.ostiary.dev/"}, routes.HAProxyPrefixes...), func(p string) bool {
		return p == prefix+"/"
	}) || key == routes.IngressClass
}
