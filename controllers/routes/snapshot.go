// SPDX-License-Identifier: Apache-2.0

package routes

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A Snapshot is what a plan is made from: all that the cluster holds of it.
type Snapshot struct {
	Ingresses  []*networkingv1.Ingress
	Classes    []*networkingv1.IngressClass
	Services   []*corev1.Service
	Policies   []Policy
	HTTPRoutes []*unstructured.Unstructured // gateway.networking.k8s.io/v1
	Gateways   []*unstructured.Unstructured
	// GatewayClasses tell which implementation serves a Gateway.
	GatewayClasses []*unstructured.Unstructured
	// The following are there for what may go around a policy, or guard a route that
	// nobody opted in: GRPCRoutes and TLSRoutes of the Gateway API, IngressRoutes and
	// IngressRouteTCPs of Traefik, its Middlewares, and SecurityPolicies of Envoy Gateway.
	GRPCRoutes, TLSRoutes, IngressRoutes, Middlewares, SecurityPolicies []*unstructured.Unstructured
	// Render is where the pods of the render listener answer: the EndpointSlices of
	// our own render Service.
	Render []*discoveryv1.EndpointSlice
	// Configs are ConfigMaps of ingress-nginx controllers, as far as they may be read.
	Configs []*corev1.ConfigMap
	// ConfigsUnread says why there may be more of them, which may undo what a plan
	// writes: "the ConfigMaps of ingress-nginx in namespace x may not be read". "": there
	// are none.
	ConfigsUnread string
	// Served tells which optional kinds the API server has: "Middleware.traefik.io".
	Served map[string]bool
}

// A Policy is what a plan has to know of an AccessPolicy.
type Policy struct {
	types.NamespacedName
	Hosts []string      // what it claims; none: those of the Ingresses that name it
	Paths []policy.Path // none: all
	// CORS is what Static copies; nil: the policy has none.
	CORS   *policy.CORS
	DryRun policy.DryRun
}

// Bypasses reports whether the application answers preflights itself. Of no policy it
// does not.
func (p *Policy) Bypasses() bool {
	return p != nil && (p.CORS != nil && p.CORS.BypassPreflight || p.DryRun == policy.DryRunOpen)
}

// A Ref names an object.
type Ref struct {
	Kind string // "Ingress", "HTTPRoute", "Service", ...
	types.NamespacedName
}

func (r Ref) String() string { return r.Kind + " " + r.NamespacedName.String() }
