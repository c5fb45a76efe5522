// SPDX-License-Identifier: Apache-2.0

package routes

// Asked tells what the proxy of an Ingress asks about its requests.
func Asked(x *Index, r *Route) Question {
	switch r.Class.Proxy {
	case IngressNGINX, TraefikNGINX:
		return nginxQuestion(x, r.Annotations, r.Class.Proxy)
	case Traefik:
		return TraefikQuestion(x, TraefikMiddlewares.List(r.Annotations))
	case HAProxyIngress:
		return HAProxyQuestion(x, r.Annotations)
	default:
		return asksNobody
	}
}
