// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/feed"
)

// newManager returns a manager whose cache holds our kinds, the ledger of hosts
// and one Secret.
// It serves nothing: the listeners are the authserver's.
func newManager(o *Options, keys types.NamespacedName) (ctrl.Manager, error) {
	unchecked := true // names of controllers must differ for their metrics only
	return ctrl.NewManager(o.Config, ctrl.Options{
		Scheme:     cluster.Scheme(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Logger:     o.Log,
		NewClient:  o.newClient,
		Controller: config.Controller{SkipNameValidation: &unchecked},
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(), // never read
			ByObject: map[client.Object]cache.ByObject{
				&v1alpha1.AccessPolicy{}: {Transform: feed.Slim()},
				&corev1.ConfigMap{}: {
					Namespaces: map[string]cache.Config{keys.Namespace: {}},
					Label:      feed.LedgerSelector(),
				},
				&corev1.Secret{}: {
					Namespaces: map[string]cache.Config{keys.Namespace: {}},
					Field:      fields.OneTermEqualSelector("metadata.name", keys.Name),
				},
			},
		},
	})
}
