// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/controllers/routes"
)

// A class is how an Ingress says which controller serves it, so that what stands
// beside it can say the same.
type class struct {
	name   string // of the IngressClass, or the value of the older annotation
	legacy bool   // by the older annotation
}

// classFor is that of an Ingress, whose proxy is found by the class that serves it.
func classFor(ing *networkingv1.Ingress, serving string) class {
	if ing.Spec.IngressClassName == nil && ing.Annotations[routes.IngressClass] != "" {
		return class{ing.Annotations[routes.IngressClass], true}
	}
	return class{serving, false}
}

// ingress makes an Ingress of the class. The older annotation and the field exclude
// each other.
func (c class) ingress(o *unstructured.Unstructured) *unstructured.Unstructured {
	switch {
	case c.legacy:
		notes := o.GetAnnotations()
		notes[routes.IngressClass] = c.name
		o.SetAnnotations(notes)
	case c.name != "":
		o.Object["spec"].(map[string]any)["ingressClassName"] = c.name
	}
	return o
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
