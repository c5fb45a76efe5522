// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// Kinds that policies can be served without. A cluster of an older version has no
// CRD of them until it is upgraded, and a watch of a kind that is not there would
// stop all others.
const (
	providerKind   = "IdentityProvider"
	revocationKind = "SessionRevocation"
)

// lookAgain is how often it is looked whether a missing CRD has been installed.
const lookAgain = 20 * time.Second

// missing returns which kinds the API server does not know.
func missing(m meta.RESTMapper, kinds ...string) ([]string, error) {
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

func crdOf(kind string) string { return strings.ToLower(kind) + "s." + v1alpha1.GroupVersion.Group }

// awaitKinds ends the manager when a missing kind is there, so that everything is
// started anew with it. What is in force stays so.
func awaitKinds(mgr ctrl.Manager, every time.Duration, kinds []string) error {
	if len(kinds) == 0 {
		return nil
	}
	for _, kind := range kinds {
		mgr.GetLogger().Error(nil, "a CRD is not installed, so there are no objects of its kind; it is waited for, and policies are served meanwhile", "crd", crdOf(kind))
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
			still, err := missing(mgr.GetRESTMapper(), kinds...)
			if err != nil {
				logr.FromContextOrDiscard(ctx).V(1).Info("cannot look for CRDs", "error", err.Error())
				continue
			}
			for _, kind := range kinds {
				if !slices.Contains(still, kind) {
					return fmt.Errorf("the CRD %s is installed now", crdOf(kind))
				}
			}
		}
	}))
}
