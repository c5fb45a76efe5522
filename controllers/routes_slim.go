// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"encoding/json"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/routes"
)

// lastApplied holds an object once more.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// slimRoutes keeps of people's objects what a plan is made from, and what of
// their fields is ours: a cluster has far more Services than policies.
func slimRoutes(in any) (any, error) {
	o, ok := in.(client.Object)
	if !ok {
		return in, nil
	}
	if ing, ok := o.(*networkingv1.Ingress); !ok || !routes.AsksAboutItself(ing) { // there it matters whose an annotation is
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

// differs reports whether an update changed more than the version of an object.
func differs(old, now any) bool {
	a, ok1 := old.(client.Object)
	b, ok2 := now.(client.Object)
	if !ok1 || !ok2 || a.GetUID() != b.GetUID() {
		return true
	}
	if a.GetResourceVersion() == b.GetResourceVersion() {
		return false
	}
	a = a.DeepCopyObject().(client.Object)
	a.SetResourceVersion(b.GetResourceVersion())
	return !reflect.DeepEqual(a, b)
}
