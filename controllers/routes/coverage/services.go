// SPDX-License-Identifier: Apache-2.0

package coverage

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/ostiary/ostiary/controllers/routes"
)

// An application is a Service that a route for a claimed host leads to.
type application struct {
	hosts []string
	ports []networkingv1.ServiceBackendPort
}

func (c *coverage) lead(namespace string, s routes.Served) {
	for _, b := range s.Backends {
		c.leadTo(types.NamespacedName{Namespace: namespace, Name: b.Name}, s.Host, b.Port)
	}
}

// leadTo notes that a route for a host leads to a Service.
func (c *coverage) leadTo(service types.NamespacedName, host string, port networkingv1.ServiceBackendPort) {
	if c.OwnPart(service.Namespace, service.Name) != "" {
		return
	}
	a := c.routed[service]
	if a == nil {
		a = &application{}
		c.routed[service] = a
	}
	if host != "" && !slices.Contains(a.hosts, host) {
		a.hosts = append(a.hosts, host)
	}
	if !slices.Contains(a.ports, port) {
		a.ports = append(a.ports, port)
	}
}

// services reports Services that lead from outside to the pods of a guarded
// application, or to listeners of ours that only proxies may reach.
func (c *coverage) services() {
	byName := map[types.NamespacedName]*corev1.Service{}
	for _, s := range c.Services {
		byName[types.NamespacedName{Namespace: s.Namespace, Name: s.Name}] = s
	}
	inside := c.routedByNamespace()
	for _, s := range c.Services {
		how := exposure(s)
		if how == "" || routes.IsOurs(s) {
			continue
		}
		c.innerService(s, how)
		hosts := map[string]string{}
		for _, name := range inside[s.Namespace] {
			if app := byName[name]; app != nil && samePods(s, app) && samePorts(s, app, c.routed[name].ports) {
				for _, h := range c.routed[name].hosts {
					hosts[h] = name.Name
				}
			}
		}
		for host, app := range hosts {
			c.exposed(s, how, host, app)
		}
	}
}

// routedByNamespace returns the Services that routes lead to, in order: a message names
// one of them, and always the same.
func (c *coverage) routedByNamespace() map[string][]types.NamespacedName {
	out := map[string][]types.NamespacedName{}
	for name := range c.routed {
		out[name.Namespace] = append(out[name.Namespace], name)
	}
	for _, names := range out {
		slices.SortFunc(names, routes.CompareNames)
	}
	return out
}

func (c *coverage) exposed(s *corev1.Service, how, host, app string) {
	ref := routes.Ref{Kind: "Service", NamespacedName: types.NamespacedName{Namespace: s.Namespace, Name: s.Name}}
	also := ""
	if app != s.Name {
		also = " (those of Service " + app + ")"
	}
	c.report(gap{object: ref, reason: routes.ExposedService, host: host},
		"%s is %s, so the pods behind %s%s can be reached without any proxy, and without protection. Make it a ClusterIP, or let a NetworkPolicy admit only the proxies.", ref, how, routes.ShowHost(host), also)
}

// innerService reports a listener of ours that is open to more than proxies.
func (c *coverage) innerService(s *corev1.Service, how string) {
	if part := c.OwnPart(s.Namespace, s.Name); part == "authz" || part == "grpc" || part == "render" {
		ref := routes.Ref{Kind: "Service", NamespacedName: types.NamespacedName{Namespace: s.Namespace, Name: s.Name}}
		c.findings = append(c.findings, routes.Finding{Object: ref, Reason: routes.ExposedService,
			Message: fmt.Sprintf("%s is %s, but only proxies may reach it: it tells every client what a policy decides. Make it a ClusterIP.", ref, how)})
	}
}

// exposure says how a Service is reached from outside; "": it is not.
func exposure(s *corev1.Service) string {
	switch {
	case s.Spec.Type == corev1.ServiceTypeLoadBalancer:
		return "of type LoadBalancer"
	case s.Spec.Type == corev1.ServiceTypeNodePort:
		return "of type NodePort"
	case s.Spec.Type != corev1.ServiceTypeExternalName && len(s.Spec.ExternalIPs) > 0:
		return "reached at the external addresses " + strings.Join(s.Spec.ExternalIPs, ", ")
	default:
		return ""
	}
}

// samePods: the selector of one holds all that the other's does, so that the pods
// of one are among those of the other.
func samePods(a, b *corev1.Service) bool {
	if a.Name == b.Name {
		return true
	}
	return len(a.Spec.Selector) > 0 && len(b.Spec.Selector) > 0 &&
		(routes.HasLabels(a.Spec.Selector, b.Spec.Selector) || routes.HasLabels(b.Spec.Selector, a.Spec.Selector))
}

// samePorts reports whether an exposed Service leads to a port of the pods that a
// route leads to. A name and a number may be the same port.
func samePorts(exposed, app *corev1.Service, routed []networkingv1.ServiceBackendPort) bool {
	for _, r := range routed {
		for i := range app.Spec.Ports {
			p := &app.Spec.Ports[i]
			if r != (networkingv1.ServiceBackendPort{}) && (r.Name != "" && r.Name != p.Name || r.Name == "" && r.Number != p.Port) {
				continue
			}
			if slices.ContainsFunc(exposed.Spec.Ports, func(e corev1.ServicePort) bool { return samePort(podPort(&e), podPort(p)) }) {
				return true
			}
		}
	}
	return false
}

func samePort(a, b intstr.IntOrString) bool { return a.Type != b.Type || a == b }

// podPort is the port of the pods: that of the Service, if nothing is said.
func podPort(p *corev1.ServicePort) intstr.IntOrString {
	if p.TargetPort == (intstr.IntOrString{}) {
		return intstr.FromInt32(p.Port)
	}
	return p.TargetPort
}
