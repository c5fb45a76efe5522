// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/routes"
)

// Unstructured is an empty object of a kind.
func Unstructured(k schema.GroupVersionKind) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(k)
	return u
}

// Served asks which of the routes.Kinds the API server has. Of a kind in two
// versions, "ReferenceGrant.v1.GROUP" says that there is no v1beta1, which is used
// otherwise: what is written must be what is read back.
func Served(m meta.RESTMapper) (map[string]bool, error) {
	served := map[string]bool{}
	for _, k := range routes.Kinds {
		_, err := m.RESTMapping(k.GroupKind(), k.Version)
		switch {
		case err == nil && k.Kind == "ReferenceGrant" && k.Version == "v1":
			served[k.Name()], served["ReferenceGrant.v1."+routes.GatewayGroup] = true, true
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
	TokenKind       = "ServiceToken"
	ProviderKind    = "IdentityProvider"
	RevocationKind  = "SessionRevocation"
	GroupKind       = "AccessGroup"
	TokenIssuerKind = "TokenIssuer"
	OAuthClientKind = "OAuthClient"
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

// CRDOf names the custom resource of a kind of ours.
func CRDOf(kind string) string { return strings.ToLower(kind) + "s." + v1alpha1.GroupVersion.Group }

// Await ends the manager when a missing kind is there, so that everything is
// started anew with it. What is in force stays so.
func Await(mgr ctrl.Manager, every time.Duration, kinds []string) error {
	if len(kinds) == 0 {
		return nil
	}
	for _, kind := range kinds {
		mgr.GetLogger().Error(nil, "a CRD is not installed, so there are no objects of its kind; it is waited for, and policies are served meanwhile", "crd", CRDOf(kind))
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
					return fmt.Errorf("the CRD %s is installed now", CRDOf(kind))
				}
			}
		}
	}))
}
