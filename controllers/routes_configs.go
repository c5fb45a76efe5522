// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// newConfigCaches returns a cache of the ConfigMaps of ingress-nginx for each namespace
// ("" is all) in which they are to be read. Each is one of its own: a right that is
// missing in one namespace hides nothing in another.
func newConfigCaches(mgr ctrl.Manager, options cache.Options, namespaces []string) (map[string]*kindCache, error) {
	out := map[string]*kindCache{}
	for _, namespace := range namespaces {
		only := cache.ByObject{Label: labels.SelectorFromSet(labels.Set(nginxLabels))}
		if namespace != "" {
			only.Namespaces = map[string]cache.Config{namespace: {}}
		}
		options.ByObject = map[client.Object]cache.ByObject{&corev1.ConfigMap{}: only}
		k, err := newKindCache(mgr, options)
		if err != nil {
			return nil, err
		}
		k.kinds = []watchedKind{{object: &corev1.ConfigMap{}, in: namespace}}
		out[namespace] = k
	}
	return out, nil
}

// listConfigs lists ConfigMaps of one namespace, as one that may be read.
func (k *kindCache) listConfigs(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	c := k.configs[o.Namespace]
	if c == nil {
		return fmt.Errorf("ConfigMaps of namespace %q are not watched", o.Namespace)
	}
	return c.List(ctx, list, opts...)
}
