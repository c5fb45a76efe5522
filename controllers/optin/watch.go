// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/client-go/discovery"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// caches hold what opt-ins are made from, and what was made for them. They are
// caches of their own: what may not be read there stops nothing else.
type caches struct {
	// theirs has what people write, small; own what carries our label, whole.
	theirs, ours *cluster.Cache
	every        time.Duration // how often to look for kinds and rights that are missing
}

// newCaches returns caches that run with the manager, and hold nothing before
// follow is called.
func newCaches(mgr ctrl.Manager, s routes.Settings, every time.Duration) (*caches, error) {
	labelled, err := labels.NewRequirement(routes.RouteLabel, selection.Exists, nil)
	if err != nil {
		return nil, err
	}
	options := cache.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient()}
	ownOptions := options
	ownOptions.DefaultLabelSelector = labels.NewSelector().Add(*labelled)
	ownOptions.DefaultTransform = slimOwn
	render := labels.SelectorFromSet(labels.Set{discoveryv1.LabelServiceName: s.ServicePrefix + "-render"})
	options.DefaultTransform = slimRoutes
	options.ByObject = map[client.Object]cache.ByObject{
		&discoveryv1.EndpointSlice{}: {Namespaces: map[string]cache.Config{s.Namespace: {}}, Label: render},
	}
	c := &caches{every: every}
	for _, one := range []struct {
		into    **cluster.Cache
		options cache.Options
	}{{&c.theirs, options}, {&c.ours, ownOptions}} {
		if *one.into, err = cluster.NewCache(mgr, one.options); err != nil {
			return nil, err
		}
	}
	fields, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, err
	}
	c.theirs.Fields = &cluster.Fields{Client: fields.OpenAPIV3()}
	if c.theirs.Configs, err = newConfigCaches(mgr, options, s.ConfigNamespaces); err != nil {
		return nil, err
	}
	c.theirs.Policies = mgr.GetCache()
	c.theirs.Kinds = []cluster.Watched{
		{Object: &networkingv1.Ingress{}}, {Object: &networkingv1.IngressClass{}}, {Object: &corev1.Service{}},
		{Object: &discoveryv1.EndpointSlice{}, In: s.Namespace},
	}
	for _, k := range routes.Kinds {
		if k.Into != nil {
			c.theirs.Kinds = append(c.theirs.Kinds, cluster.Watched{Object: cluster.Unstructured(k.GroupVersionKind)})
		}
	}
	for _, k := range routes.Made {
		c.ours.Kinds = append(c.ours.Kinds, cluster.Watched{Object: cluster.Unstructured(k)})
	}
	return c, nil
}

// follow calls wake whenever something changed, and looks now and then whether a
// kind is there now, or may be read now, until ctx is done.
func (c *caches) follow(ctx context.Context, wake func()) {
	tick := time.NewTicker(c.every)
	defer tick.Stop()
	for {
		for _, k := range slices.Concat([]*cluster.Cache{c.theirs, c.ours}, slices.Collect(maps.Values(c.theirs.Configs))) {
			if k.Look(ctx, wake) {
				wake()
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// newConfigCaches returns a cache of the ConfigMaps of ingress-nginx for each namespace
// ("" is all) in which they are to be read. Each is one of its own: a right that is
// missing in one namespace hides nothing in another.
func newConfigCaches(mgr ctrl.Manager, options cache.Options, namespaces []string) (map[string]*cluster.Cache, error) {
	out := map[string]*cluster.Cache{}
	for _, namespace := range namespaces {
		only := cache.ByObject{Label: labels.SelectorFromSet(labels.Set(cluster.NginxLabels))}
		if namespace != "" {
			only.Namespaces = map[string]cache.Config{namespace: {}}
		}
		options.ByObject = map[client.Object]cache.ByObject{&corev1.ConfigMap{}: only}
		k, err := cluster.NewCache(mgr, options)
		if err != nil {
			return nil, err
		}
		k.Kinds = []cluster.Watched{{Object: &corev1.ConfigMap{}, In: namespace}}
		out[namespace] = k
	}
	return out, nil
}

// lastApplied holds an object once more.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// slimRoutes keeps of people's objects what a plan is made from, and what of
// their fields is ours: a cluster has far more Services than policies.
func slimRoutes(in any) (any, error) {
	o, ok := in.(client.Object)
	if !ok {
		return in, nil
	}
	if ing, ok := o.(*networkingv1.Ingress); !ok || !family.AsksAboutItself(ing) { // there it matters whose an annotation is
		o.SetManagedFields(ourFields(o.GetManagedFields()))
	}
	o.SetOwnerReferences(nil)
	o.SetFinalizers(nil)
	switch o := o.(type) {
	case *corev1.Service:
		slimService(o)
	case *networkingv1.Ingress:
		o.Status = networkingv1.IngressStatus{}
	case *discoveryv1.EndpointSlice:
		o.Annotations = nil
	case *unstructured.Unstructured:
		delete(o.Object, "status")
	}
	if all := o.GetAnnotations(); all[lastApplied] != "" {
		delete(all, lastApplied)
		o.SetAnnotations(all)
	}
	return o, nil
}

// slimService keeps where a Service leads, and from where.
func slimService(s *corev1.Service) {
	s.Status, s.Annotations = corev1.ServiceStatus{}, nil
	_, ours := s.Labels[routes.RouteLabel]
	if s.Labels = nil; ours {
		s.Labels = map[string]string{routes.RouteLabel: ""}
	}
	s.Spec = corev1.ServiceSpec{
		Type: s.Spec.Type, Ports: s.Spec.Ports, Selector: s.Spec.Selector,
		ExternalName: s.Spec.ExternalName, ExternalIPs: s.Spec.ExternalIPs, ClusterIP: s.Spec.ClusterIP,
	}
}

// slimOwn keeps our own objects whole: they are compared with what they should be.
func slimOwn(in any) (any, error) {
	if o, ok := in.(client.Object); ok {
		o.SetManagedFields(nil)
	}
	return in, nil
}

// ourFields are the entries of what we applied.
func ourFields(all []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	for i := range all {
		if e := &all[i]; e.Manager == routes.FieldManager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" {
			return all[i : i+1 : i+1]
		}
	}
	return nil
}

// ownedAnnotations returns the names of the annotations that we own on an object,
// and whether we own anything of it at all.
func ownedAnnotations(o client.Object) (names map[string]bool, any bool) {
	names = map[string]bool{}
	entries := ourFields(o.GetManagedFields())
	if len(entries) == 0 {
		return names, false
	}
	var fields struct {
		Metadata struct {
			Annotations map[string]json.RawMessage `json:"f:annotations"`
		} `json:"f:metadata"`
	}
	if f := entries[0].FieldsV1; f != nil {
		_ = json.Unmarshal(f.GetRawBytes(), &fields) // what cannot be read is applied once more
	}
	for name := range fields.Metadata.Annotations {
		if key, ok := strings.CutPrefix(name, "f:"); ok {
			names[key] = true
		}
	}
	return names, true
}
