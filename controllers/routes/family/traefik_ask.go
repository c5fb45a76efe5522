// SPDX-License-Identifier: Apache-2.0

package family

import (
	"regexp"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/routes"
)

// forwardTarget reads the X-Forwarded-* headers.
var forwardTarget = regexp.MustCompile("^(" + contract.ForwardPath + "|(" + contract.ForwardPrefix + "|" + contract.ForwardRoutePrefix + ")[a-z0-9.-]+/[a-z0-9.-]+)$")

// TraefikQuestion: one Middleware that asks us will do.
func TraefikQuestion(x *routes.Index, middlewares []string) routes.Question {
	if slices.ContainsFunc(middlewares, func(m string) bool { return routes.Once(x, askingMiddlewares).named[m] }) {
		return routes.AsksUs
	}
	return routes.AsksNobody
}

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
