// SPDX-License-Identifier: Apache-2.0

package routes

import (
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Groups whose kinds lead traffic to applications.
const (
	GatewayGroup = "gateway.networking.k8s.io"
	TraefikGroup = "traefik.io"
	EnvoyGroup   = "gateway.envoyproxy.io"
)

// MiddlewareLimit is in Snapshot.Served where the CRD of Middlewares has the field by which
// Traefik (3.6.9 and newer) bounds what it reads of an answer.
const MiddlewareLimit = "Middleware." + TraefikGroup + "/spec.forwardAuth.maxResponseBodySize"

// A Kind is a kind that a cluster need not have.
type Kind struct {
	schema.GroupVersionKind
	// Into is where its objects go; nil: only whether it is served matters.
	Into func(*Snapshot) *[]*unstructured.Unstructured
}

// Name is as in Snapshot.Served: "Middleware.traefik.io".
func (k Kind) Name() string { return k.Kind + "." + k.Group }

// Kinds are those that a plan, or what goes around a policy, is read from. Of
// a kind in several versions the first that is served is read.
var Kinds = []Kind{
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "HTTPRoute"}, func(w *Snapshot) *[]*unstructured.Unstructured { return &w.HTTPRoutes }},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "Gateway"}, func(w *Snapshot) *[]*unstructured.Unstructured { return &w.Gateways }},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "GatewayClass"}, func(w *Snapshot) *[]*unstructured.Unstructured { return &w.GatewayClasses }},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "GRPCRoute"}, func(w *Snapshot) *[]*unstructured.Unstructured { return &w.GRPCRoutes }},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "TLSRoute"}, tlsRoutes},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1alpha3", Kind: "TLSRoute"}, tlsRoutes},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1alpha2", Kind: "TLSRoute"}, tlsRoutes},
	{schema.GroupVersionKind{Group: TraefikGroup, Version: "v1alpha1", Kind: "IngressRoute"}, ingressRoutes},
	{schema.GroupVersionKind{Group: TraefikGroup, Version: "v1alpha1", Kind: "IngressRouteTCP"}, ingressRoutes},
	{schema.GroupVersionKind{Group: TraefikGroup, Version: "v1alpha1", Kind: "Middleware"}, func(w *Snapshot) *[]*unstructured.Unstructured { return &w.Middlewares }},
	{schema.GroupVersionKind{Group: EnvoyGroup, Version: "v1alpha1", Kind: "SecurityPolicy"}, func(w *Snapshot) *[]*unstructured.Unstructured { return &w.SecurityPolicies }},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "ReferenceGrant"}, nil},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1beta1", Kind: "ReferenceGrant"}, nil},
}

func tlsRoutes(w *Snapshot) *[]*unstructured.Unstructured { return &w.TLSRoutes }

func ingressRoutes(w *Snapshot) *[]*unstructured.Unstructured { return &w.IngressRoutes }

// Made are those of the objects that a plan makes, in the order in which they
// can be taken away: what leads traffic somewhere goes before what it leads to. Of
// a kind in several versions the first that is served is used.
var Made = []schema.GroupVersionKind{
	{Group: networkingv1.GroupName, Version: "v1", Kind: "Ingress"},
	{Group: TraefikGroup, Version: "v1alpha1", Kind: "IngressRoute"},
	{Group: EnvoyGroup, Version: "v1alpha1", Kind: "SecurityPolicy"},
	{Group: GatewayGroup, Version: "v1", Kind: "HTTPRoute"},
	{Group: TraefikGroup, Version: "v1alpha1", Kind: "Middleware"},
	{Group: GatewayGroup, Version: "v1beta1", Kind: "ReferenceGrant"},
	{Group: GatewayGroup, Version: "v1", Kind: "ReferenceGrant"},
	{Version: "v1", Kind: "Service"},
	{Group: discoveryv1.GroupName, Version: "v1", Kind: "EndpointSlice"},
}
