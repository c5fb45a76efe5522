// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// NameOf is the name of an object.
func NameOf(o metav1.Object) types.NamespacedName {
	return types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetName()}
}

// RefOf is the name that a reference in an object of a namespace stands for.
func RefOf(ref map[string]any, namespace string) types.NamespacedName {
	return types.NamespacedName{Namespace: cmp.Or(Text(ref, "namespace"), namespace), Name: Text(ref, "name")}
}

// Text reads a text; "" where there is none.
func Text(o map[string]any, path ...string) string {
	s, _, _ := unstructured.NestedString(o, path...)
	return s
}

// Texts reads a list of texts; nil where there is none.
func Texts(o map[string]any, path ...string) []string {
	s, _, _ := unstructured.NestedStringSlice(o, path...)
	return s
}

// Objects reads a list of objects, without what is none.
func Objects(o map[string]any, path ...string) []map[string]any {
	list, _, _ := unstructured.NestedSlice(o, path...)
	var out []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// IngressRef names an Ingress.
func IngressRef(ing *networkingv1.Ingress) Ref {
	return Ref{Kind: "Ingress", NamespacedName: NameOf(ing)}
}

// CompareNames orders by namespace, then by name.
func CompareNames(a, b types.NamespacedName) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}

// sorted returns objects by their names.
func sorted[T metav1.Object](list []T) []T {
	return slices.SortedStableFunc(slices.Values(list), func(a, b T) int { return CompareNames(NameOf(a), NameOf(b)) })
}

// IsOurs reports whether we made an object: it has our label.
func IsOurs(o metav1.Object) bool {
	_, ok := o.GetLabels()[RouteLabel]
	return ok
}

// IsOptedIn reports whether an object names a policy.
func IsOptedIn(o metav1.Object) bool { return o.GetAnnotations()[PolicyAnnotation] != "" }

// Backends returns every backend of an Ingress, the default one first.
func Backends(ing *networkingv1.Ingress) []networkingv1.IngressBackend {
	var out []networkingv1.IngressBackend
	if b := ing.Spec.DefaultBackend; b != nil {
		out = append(out, *b)
	}
	for i := range ing.Spec.Rules {
		if h := ing.Spec.Rules[i].HTTP; h != nil {
			for j := range h.Paths {
				out = append(out, h.Paths[j].Backend)
			}
		}
	}
	return out
}

// ServicesOf returns the Service of a backend, if it has one.
func ServicesOf(b networkingv1.IngressBackend) []networkingv1.IngressServiceBackend {
	if b.Service == nil {
		return nil
	}
	return []networkingv1.IngressServiceBackend{*b.Service}
}

// PortOf is the port of a reference, by number or by name.
func PortOf(ref map[string]any) networkingv1.ServiceBackendPort {
	switch p := ref["port"].(type) {
	case int64:
		return networkingv1.ServiceBackendPort{Number: int32(p)} //nolint:gosec // the API server bounds it
	case float64:
		return networkingv1.ServiceBackendPort{Number: int32(p)}
	case string:
		if n, err := strconv.ParseInt(p, 10, 32); err == nil {
			return networkingv1.ServiceBackendPort{Number: int32(n)}
		}
		return networkingv1.ServiceBackendPort{Name: p}
	default:
		return networkingv1.ServiceBackendPort{}
	}
}

// OwnedAnnotations are the annotations of an object that we applied, and that nobody
// took from us.
func OwnedAnnotations(o metav1.Object) map[string]bool {
	out := map[string]bool{}
	for _, e := range o.GetManagedFields() {
		if e.Manager == FieldManager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" {
			maps.Copy(out, annotationsIn(e))
		}
	}
	return out
}

// annotationsIn are the annotations among the fields of a manager. Of what cannot be
// read there are none.
func annotationsIn(e metav1.ManagedFieldsEntry) map[string]bool {
	out := map[string]bool{}
	if e.FieldsV1 == nil {
		return out
	}
	var fields struct {
		Metadata struct {
			Annotations map[string]json.RawMessage `json:"f:annotations"`
		} `json:"f:metadata"`
	}
	_ = json.Unmarshal(e.FieldsV1.GetRawBytes(), &fields)
	for name := range fields.Metadata.Annotations {
		if key, ok := strings.CutPrefix(name, "f:"); ok {
			out[key] = true
		}
	}
	return out
}

// ManagedAnnotations are those that some manager owns.
func ManagedAnnotations(o metav1.Object) map[string]bool {
	out := map[string]bool{}
	for _, e := range o.GetManagedFields() {
		maps.Copy(out, annotationsIn(e))
	}
	return out
}

// HasLabels reports whether all labels hold some of them, as a selector reads them: a label
// that has to be empty has to be there.
func HasLabels(all, some map[string]string) bool {
	for k, v := range some {
		if has, ok := all[k]; !ok || has != v {
			return false
		}
	}
	return true
}

// SortedKeys returns the keys of a map in order.
func SortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// Annotations and labels of ours, as the API has them.
const (
	PolicyAnnotation = v1alpha1.PolicyAnnotation
	ModeAnnotation   = v1alpha1.ModeAnnotation
	ProxyAnnotation  = v1alpha1.ProxyAnnotation
	RouteLabel       = v1alpha1.RouteLabel
	ForAnnotation    = v1alpha1.ForAnnotation
)

// Whose writes are ours.
const (
	// FieldManager owns what server-side apply writes.
	FieldManager = "ostiary"
	// ReleaseManager takes everything back, whatever names a policy. The policies of
	// config/admission let it, and nobody else, leave an Ingress unguarded that does.
	ReleaseManager = "ostiary-release"
)
