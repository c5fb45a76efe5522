// SPDX-License-Identifier: Apache-2.0

package ingress

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// digestOf stands for a text where there is room for 16 letters.
func digestOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// maxName is what a Service may be called, and a label hold (RFC 1035).
const maxName = 63

// named makes a name that is fit for a Service: where an Ingress's own is too long,
// or has dots, a digest takes its place.
func named(what, name string) string {
	if full := "ostiary-" + what + "-" + name; len(full) <= maxName && !strings.Contains(name, ".") {
		return full
	}
	return "ostiary-" + what + "-" + digestOf(name)
}

// object makes one of ours. For says in words what it is for.
func object(apiVersion, kind, namespace, name string, route, purpose string, spec map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: spec}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	o.SetLabels(map[string]string{RouteLabel: digestOf(route), "app.kubernetes.io/managed-by": "ostiary"})
	o.SetAnnotations(map[string]string{ForAnnotation: purpose})
	return o
}

func annotate(o *unstructured.Unstructured, more map[string]string) {
	all := o.GetAnnotations()
	for k, v := range more {
		all[k] = v
	}
	o.SetAnnotations(all)
}

// ownIngress leads paths of a host to one of our Services.
func (p *planner) ownIngress(name, class, route, purpose string, rules []any) *unstructured.Unstructured {
	spec := map[string]any{"rules": rules}
	if class != "" {
		spec["ingressClassName"] = class
	}
	return object("networking.k8s.io/v1", "Ingress", p.settings.Namespace, name, route, purpose, map[string]any{"spec": spec})
}

// rule is one of an Ingress, as it is written.
func (p *planner) rule(host string, paths []Path, service string, port int32) map[string]any {
	var out []any
	for _, path := range paths {
		kind := networkingv1.PathTypePrefix
		if path.Exact {
			kind = networkingv1.PathTypeExact
		}
		out = append(out, map[string]any{"path": path.Path, "pathType": string(kind), "backend": map[string]any{
			"service": map[string]any{"name": p.settings.ServicePrefix + "-" + service, "port": map[string]any{"number": int64(port)}}}})
	}
	return map[string]any{"host": host, "http": map[string]any{"paths": out}}
}

// entrances lead our own path on every host of an opt-in to the public listener: one
// Ingress for each class and host, whoever comes first.
func (p *planner) entrances(ing *networkingv1.Ingress, o *optIn, class string, proxy Proxy) {
	for _, host := range o.hosts {
		if host == "" {
			p.find(o, NoHost, "", "has a rule without a host, and there is no host to serve %s/ at, so nobody can sign in there. Give it hosts.", p.settings.PathPrefix)
			continue
		}
		if p.doors[class+"\x00"+host] {
			continue
		}
		p.doors[class+"\x00"+host] = true
		at := p.ownIngress("ostiary-access-"+digestOf(class, host), class, "access "+class+" "+host, "signing in at "+host,
			[]any{p.rule(host, []Path{{Path: p.settings.PathPrefix + "/"}}, "public", p.settings.PublicPort)})
		switch proxy { //nolint:exhaustive // the others need nothing more
		case IngressNGINX, TraefikNGINX:
			annotate(at, map[string]string{nginxPrefix + "enable-global-auth": "false"})
		case Traefik:
			annotate(at, traefikListeners(ing))
			annotate(at, map[string]string{traefikPrefix + "router.priority": "9000"})
		}
		p.plan.Objects = append(p.plan.Objects, at)
	}
}
