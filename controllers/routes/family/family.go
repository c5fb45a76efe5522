// SPDX-License-Identifier: Apache-2.0

package family

import "github.com/ostiary/ostiary/controllers/routes"

// Asked tells what the proxy of an Ingress asks about its requests.
func Asked(x *routes.Index, r *routes.Route) routes.Question {
	switch r.Class.Proxy {
	case routes.IngressNGINX, routes.TraefikNGINX:
		return nginxQuestion(x, r.Annotations, r.Class.Proxy)
	case routes.Traefik:
		return TraefikQuestion(x, routes.TraefikMiddlewares.List(r.Annotations))
	case routes.HAProxyIngress:
		return HAProxyQuestion(x, r.Annotations)
	default:
		return routes.AsksNobody
	}
}
