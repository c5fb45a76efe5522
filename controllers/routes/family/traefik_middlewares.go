// SPDX-License-Identifier: Apache-2.0

package family

import (
	"regexp"
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
)

// forwardTarget reads the X-Forwarded-* headers.
var forwardTarget = regexp.MustCompile("^(" + contract.ForwardPath + "|(" + contract.ForwardPrefix + "|" + contract.ForwardRoutePrefix + ")[a-z0-9.-]+/[a-z0-9.-]+)$")

// An asking is which Middlewares ask us.
type asking struct {
	by    map[types.NamespacedName]bool
	named map[string]bool // the same, as Traefik names them in annotations
}

// askingMiddlewares finds the Middlewares that ask us about the request that is
// made, and the chains that hold one of them.
func askingMiddlewares(x *routes.Index) asking {
	out := asking{map[types.NamespacedName]bool{}, map[string]bool{}}
	for _, m := range x.Middlewares {
		address, _, _ := unstructured.NestedString(m.Object, "spec", "forwardAuth", "address")
		trusts, _, _ := unstructured.NestedBool(m.Object, "spec", "forwardAuth", "trustForwardHeader")
		if address != "" && !trusts && x.AuthURL(address, forwardTarget) == routes.AsksUs {
			out.by[routes.NameOf(m)] = true
		}
	}
	for range x.Middlewares { // a chain may hold a chain
		before := len(out.by)
		for _, m := range x.Middlewares {
			for _, link := range routes.Objects(m.Object, "spec", "chain", "middlewares") {
				if out.by[routes.RefOf(link, m.GetNamespace())] {
					out.by[routes.NameOf(m)] = true
				}
			}
		}
		if len(out.by) == before {
			break
		}
	}
	for m := range out.by {
		out.named[m.Namespace+"-"+m.Name+"@kubernetescrd"] = true
	}
	return out
}

// MiddlewareAsks reports whether a Middleware asks us.
func MiddlewareAsks(x *routes.Index, name types.NamespacedName) bool {
	return routes.Once(x, askingMiddlewares).by[name]
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
