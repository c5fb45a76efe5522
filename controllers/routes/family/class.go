// SPDX-License-Identifier: Apache-2.0

package family

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/controllers/routes"
)

// onClass has an Ingress of ours name a class. The older annotation and the field exclude
// each other.
func onClass(c routes.Class, o *unstructured.Unstructured) *unstructured.Unstructured {
	switch {
	case c.Legacy:
		notes := o.GetAnnotations()
		notes[routes.IngressClass] = c.Name
		o.SetAnnotations(notes)
	case c.Name != "":
		o.Object["spec"].(map[string]any)["ingressClassName"] = c.Name
	}
	return o
}

// ByProxy plans what the proxy of an Ingress needs.
func (w *Wants) ByProxy() {
	switch w.Class.Proxy {
	case routes.IngressNGINX:
		w.nginx()
	case routes.TraefikNGINX:
		w.traefikNGINX()
	case routes.Traefik:
		w.traefik()
	case routes.HAProxyIngress:
		w.haproxy()
	default:
		w.Found(routes.UnknownProxy, "%s is not guarded: %s.", w.Ref, unknownProxy(w.Ingress, w.Class.Name, w.Class.Proxy))
	}
}

// known are the proxies of Ingresses, as ProxyAnnotation names them.
var known = []routes.Proxy{routes.IngressNGINX, routes.TraefikNGINX, routes.Traefik, routes.HAProxyIngress}

// unknownProxy says how to tell which proxy serves an Ingress.
func unknownProxy(ing *networkingv1.Ingress, class string, proxy routes.Proxy) string {
	choices := fmt.Sprintf("one of %v", known)
	switch _, onIngress := ing.Annotations[routes.ProxyAnnotation]; {
	case proxy != "" && onIngress:
		return fmt.Sprintf("the annotation %s: %s names no proxy that Ingresses are planned for; it has to be %s", routes.ProxyAnnotation, proxy, choices)
	case proxy != "":
		return fmt.Sprintf("the annotation %s: %s on IngressClass %s names no proxy that Ingresses are planned for; it has to be %s", routes.ProxyAnnotation, proxy, class, choices)
	case class == "":
		return fmt.Sprintf("it names no class, and no IngressClass is the default: write spec.ingressClassName, or the annotation %s (%s)", routes.ProxyAnnotation, choices)
	}
	return fmt.Sprintf("which proxy serves the class %s is not known: write the annotation %s on the IngressClass or on the Ingress (%s)", class, routes.ProxyAnnotation, choices)
}
