// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/routes"
)

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

func Unstructured(k schema.GroupVersionKind) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(k)
	return u
}

// An Kind is a kind that a cluster need not have.
type Kind struct {
	schema.GroupVersionKind
	// Into is where its objects go; nil: only whether it is served matters.
	Into func(*routes.Snapshot) *[]*unstructured.Unstructured
}

// Name is as in World.Served: "Middleware.traefik.io".
func (k Kind) Name() string { return k.Kind + "." + k.Group }

const (
	GatewayGroup = "gateway.networking.k8s.io"
	TraefikGroup = "traefik.io"
	EnvoyGroup   = "gateway.envoyproxy.io"
)

// Kinds are those that a plan, or what goes around a policy, is read from. Of
// a kind in several versions the first that is served is read.
var Kinds = []Kind{
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "HTTPRoute"}, func(w *routes.Snapshot) *[]*unstructured.Unstructured { return &w.HTTPRoutes }},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "Gateway"}, func(w *routes.Snapshot) *[]*unstructured.Unstructured { return &w.Gateways }},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "GatewayClass"}, func(w *routes.Snapshot) *[]*unstructured.Unstructured { return &w.GatewayClasses }},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "GRPCRoute"}, func(w *routes.Snapshot) *[]*unstructured.Unstructured { return &w.GRPCRoutes }},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "TLSRoute"}, tlsRoutes},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1alpha3", Kind: "TLSRoute"}, tlsRoutes},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1alpha2", Kind: "TLSRoute"}, tlsRoutes},
	{schema.GroupVersionKind{Group: TraefikGroup, Version: "v1alpha1", Kind: "IngressRoute"}, ingressRoutes},
	{schema.GroupVersionKind{Group: TraefikGroup, Version: "v1alpha1", Kind: "IngressRouteTCP"}, ingressRoutes},
	{schema.GroupVersionKind{Group: TraefikGroup, Version: "v1alpha1", Kind: "Middleware"}, func(w *routes.Snapshot) *[]*unstructured.Unstructured { return &w.Middlewares }},
	{schema.GroupVersionKind{Group: EnvoyGroup, Version: "v1alpha1", Kind: "SecurityPolicy"}, func(w *routes.Snapshot) *[]*unstructured.Unstructured { return &w.SecurityPolicies }},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1", Kind: "ReferenceGrant"}, nil},
	{schema.GroupVersionKind{Group: GatewayGroup, Version: "v1beta1", Kind: "ReferenceGrant"}, nil},
}

func tlsRoutes(w *routes.Snapshot) *[]*unstructured.Unstructured { return &w.TLSRoutes }

func ingressRoutes(w *routes.Snapshot) *[]*unstructured.Unstructured { return &w.IngressRoutes }

// Served asks which of the extraKinds the API server has. Of a kind in two
// versions, "ReferenceGrant.v1.GROUP" says that there is no v1beta1, which is used
// otherwise: what is written must be what is read back.
func Served(m meta.RESTMapper) (map[string]bool, error) {
	served := map[string]bool{}
	for _, k := range Kinds {
		_, err := m.RESTMapping(k.GroupKind(), k.Version)
		switch {
		case err == nil && k.Kind == "ReferenceGrant" && k.Version == "v1":
			served[k.Name()], served["ReferenceGrant.v1."+GatewayGroup] = true, true
		case err == nil:
			served[k.Name()] = true
			delete(served, k.Kind+".v1."+k.Group)
		case !meta.IsNoMatchError(err):
			return nil, fmt.Errorf("asking for %s: %w", k.Name(), err)
		}
	}
	return served, nil
}

// Kinds that policies can be served without. A cluster of an older version has no
// CRD of them until it is upgraded, and a watch of a kind that is not there would
// stop all others.
const (
	ProviderKind   = "IdentityProvider"
	RevocationKind = "SessionRevocation"
)

// LookAgain is how often it is looked whether a missing CRD has been installed.
const LookAgain = 20 * time.Second

// Missing returns which kinds the API server does not know.
func Missing(m meta.RESTMapper, kinds ...string) ([]string, error) {
	var out []string
	for _, kind := range kinds {
		_, err := m.RESTMapping(schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: kind}, v1alpha1.GroupVersion.Version)
		switch {
		case meta.IsNoMatchError(err):
			out = append(out, kind)
		case err != nil:
			return nil, fmt.Errorf("asking for %s: %w", kind, err)
		}
	}
	return out, nil
}

func CrdOf(kind string) string { return strings.ToLower(kind) + "s." + v1alpha1.GroupVersion.Group }

// Await ends the manager when a missing kind is there, so that everything is
// started anew with it. What is in force stays so.
func Await(mgr ctrl.Manager, every time.Duration, kinds []string) error {
	if len(kinds) == 0 {
		return nil
	}
	for _, kind := range kinds {
		mgr.GetLogger().Error(nil, "a CRD is not installed, so there are no objects of its kind; it is waited for, and policies are served meanwhile", "crd", CrdOf(kind))
	}
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case <-tick.C:
			}
			still, err := Missing(mgr.GetRESTMapper(), kinds...)
			if err != nil {
				logr.FromContextOrDiscard(ctx).V(1).Info("cannot look for CRDs", "error", err.Error())
				continue
			}
			for _, kind := range kinds {
				if !slices.Contains(still, kind) {
					return fmt.Errorf("the CRD %s is installed now", CrdOf(kind))
				}
			}
		}
	}))
}
