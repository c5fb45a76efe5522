// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"
)

// A Proxy is a family of proxies that read the same objects alike.
type Proxy string

// The proxies that a plan can be made for.
const (
	IngressNGINX   Proxy = "ingress-nginx"         // and its forks
	TraefikNGINX   Proxy = "traefik-ingress-nginx" // Traefik's ingress-nginx provider
	Traefik        Proxy = "traefik"               // its Ingress, CRD and Gateway API providers
	HAProxyIngress Proxy = "haproxy-ingress"       // jcmoraisjr's
	EnvoyGateway   Proxy = "envoy-gateway"
	GatewayAPI     Proxy = "gateway-api" // one that has ExternalAuth as the Gateway API says
	// The following have another ExternalAuth, with which nothing is guarded.
	NGINXGateway Proxy = "nginx-gateway-fabric"
	AgentGateway Proxy = "agentgateway" // kgateway, too
)

// A Class is how an Ingress says which controller serves it, so that what stands
// beside it can say the same.
type Class struct {
	Name   string // of the IngressClass, or the value of the older annotation
	Legacy bool   // by the older annotation
	Proxy  Proxy  // that serves it; "": one that is not known
}

// ClassOf returns that of an Ingress.
func (x *Index) ClassOf(ing *networkingv1.Ingress) Class {
	out := Class{Name: ing.Annotations[IngressClass], Legacy: ing.Annotations[IngressClass] != ""}
	if ing.Spec.IngressClassName != nil {
		out = Class{Name: *ing.Spec.IngressClassName}
	}
	if p := ing.Annotations[ProxyAnnotation]; p != "" {
		out.Proxy = Proxy(p)
		return out
	}
	if class := x.classNamed(out.Name); class != nil {
		out.Name, out.Proxy = class.Name, Controllers[class.Spec.Controller]
		if p := class.Annotations[ProxyAnnotation]; p != "" {
			out.Proxy = Proxy(p)
		}
		return out
	}
	out.Proxy = LegacyClasses[out.Name]
	return out
}

// classNamed returns the IngressClass of a name; nil: there is none. Of "" it is the default
// one: of several the API server takes the newest, and of one age the first by name.
func (x *Index) classNamed(name string) *networkingv1.IngressClass {
	var out *networkingv1.IngressClass
	for _, class := range x.Classes {
		switch {
		case name != "" && class.Name == name:
			return class
		case name == "" && isDefaultClass(class) && (out == nil || isNewer(class, out)):
			out = class
		}
	}
	return out
}

func isNewer(a, b *networkingv1.IngressClass) bool {
	return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name)) < 0
}

// IngressClass is the older annotation that names a class.
const IngressClass = "kubernetes.io/ingress.class"

// Controllers are the names by which classes name their proxies.
var Controllers = map[string]Proxy{
	"k8s.io/ingress-nginx":                 IngressNGINX,
	"traefik.io/ingress-controller":        Traefik,
	"haproxy-ingress.github.io/controller": HAProxyIngress,
}

// LegacyClasses are names that controllers answer to without an IngressClass.
var LegacyClasses = map[string]Proxy{"nginx": IngressNGINX, "traefik": Traefik, "haproxy": HAProxyIngress}

// IsNGINX reports whether a proxy reads the annotations of ingress-nginx.
func IsNGINX(p Proxy) bool { return p == IngressNGINX || p == TraefikNGINX }

// IsCanary reports whether an Ingress adds pods to the location of another, which
// is guarded as that one is.
func IsCanary(ing *networkingv1.Ingress, proxy Proxy) bool {
	return IsNGINX(proxy) && NGINXCanary.Flag(proxy, ing.Annotations) == On
}

// ServesNGINX reports whether ingress-nginx serves an Ingress, or one may be served by it.
func ServesNGINX(w *Snapshot) bool {
	x := &Index{Snapshot: w}
	return slices.ContainsFunc(w.Ingresses, func(ing *networkingv1.Ingress) bool {
		return x.ClassOf(ing).Proxy == IngressNGINX && !IsOurs(ing)
	})
}
