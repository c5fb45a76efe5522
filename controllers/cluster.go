// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"hash/maphash"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// Scheme knows the kinds that this package reads and writes.
func Scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(s); err != nil {
			panic(err) // two kinds of one name: a defect of the program
		}
	}
	return s
}

// RESTConfig finds the cluster: the kubeconfig that is named, or $KUBECONFIG,
// or the one in the home folder, or the cluster that this runs in.
func RESTConfig(kubeconfig string) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	c, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("no cluster to talk to: %w", err)
	}
	// Statuses of thousands of policies are written at once after a start; the
	// server's own priority and fairness is the limit, not ours.
	c.QPS, c.Burst = 100, 200
	return c, nil
}

// Namespace returns the namespace that this process runs in, or "default".
func Namespace() string {
	if ns := os.Getenv("POD_NAMESPACE"); ns != "" {
		return ns
	}
	if b, err := os.ReadFile("/var/run/secrets/kubernetes.io/serviceaccount/namespace"); err == nil {
		return strings.TrimSpace(string(b))
	}
	return "default"
}

// newManager returns a manager whose cache holds our kinds and one Secret.
// It serves nothing: the listeners are the authserver's.
func newManager(o *Options, keys types.NamespacedName) (ctrl.Manager, error) {
	unchecked := true // names of controllers must differ for their metrics only
	return ctrl.NewManager(o.Config, ctrl.Options{
		Scheme:     Scheme(),
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Logger:     o.Log,
		NewClient:  o.newClient,
		Controller: config.Controller{SkipNameValidation: &unchecked},
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(), // never read
			ByObject: map[client.Object]cache.ByObject{
				&v1alpha1.AccessPolicy{}: {Transform: (&slimmer{seed: maphash.MakeSeed()}).transform},
				&corev1.Secret{}: {
					Namespaces: map[string]cache.Config{keys.Namespace: {}},
					Field:      fields.OneTermEqualSelector("metadata.name", keys.Name),
				},
			},
		},
	})
}

// newSecrets returns a cache of the Secrets in the namespace of the manager's that
// providers may name. It is one of its own: without the right to list them there
// are policies and keys all the same.
func newSecrets(mgr ctrl.Manager, namespace string) (cache.Cache, error) {
	secrets, err := cache.New(mgr.GetConfig(), cache.Options{
		Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(),
		DefaultNamespaces: map[string]cache.Config{namespace: {FieldSelector: fields.AndSelectors(
			fields.OneTermNotEqualSelector("type", "helm.sh/release.v1"),
			fields.OneTermNotEqualSelector("type", string(corev1.SecretTypeServiceAccountToken)))}},
		DefaultTransform: func(in any) (any, error) {
			if s, ok := in.(*corev1.Secret); ok { // what applied it holds it once more
				s.ManagedFields, s.Annotations, s.Labels = nil, nil, nil
			}
			return in, nil
		},
	})
	if err != nil {
		return nil, err
	}
	return secrets, mgr.Add(secrets)
}
