// SPDX-License-Identifier: Apache-2.0

package routes_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/controllers/routes"
)

// What is not there, or is something else, reads as nothing, and nothing panics.
func TestReadingWhatIsNotThere(t *testing.T) {
	o := map[string]any{
		"text": "a", "number": int64(1), "none": nil, "texts": []any{"a", "b"}, "mixed": []any{"a", int64(1)},
		"object": map[string]any{"text": "b"}, "objects": []any{map[string]any{"text": "c"}, "a", nil, map[string]any{"text": "d"}},
	}
	text := map[string]string{"text": "a"}
	texts := map[string][]string{"texts": {"a", "b"}}
	objects := map[string]int{"objects": 2}
	for key := range maps.Keys(o) {
		if got := routes.Text(o, key); got != text[key] {
			t.Errorf("text %s: %q", key, got)
		}
		if got := routes.Texts(o, key); !slices.Equal(got, texts[key]) {
			t.Errorf("texts %s: %q", key, got)
		}
		if got := routes.Objects(o, key); len(got) != objects[key] {
			t.Errorf("objects %s: %v", key, got)
		}
		below := map[string]string{"object": "b"}
		if got := routes.Text(o, key, "text"); got != below[key] {
			t.Errorf("text %s.text: %q", key, got)
		}
	}
	if routes.Text(nil, "a", "b") != "" || routes.Texts(nil, "a") != nil || routes.Objects(nil, "a") != nil {
		t.Error("something is read of nothing")
	}
	if got := routes.Objects(o, "objects"); routes.Text(got[0], "text") != "c" || routes.Text(got[1], "text") != "d" {
		t.Errorf("the order is lost: %v", got)
	}
}

// A reference without a namespace is to its object's own.
func TestRefOf(t *testing.T) {
	for _, tc := range []struct {
		ref  map[string]any
		want types.NamespacedName
	}{
		{map[string]any{"name": "app"}, types.NamespacedName{Namespace: "shop", Name: "app"}},
		{map[string]any{"name": "app", "namespace": ""}, types.NamespacedName{Namespace: "shop", Name: "app"}},
		{map[string]any{"name": "app", "namespace": "other"}, types.NamespacedName{Namespace: "other", Name: "app"}},
		{map[string]any{"name": int64(1)}, types.NamespacedName{Namespace: "shop"}},
		{nil, types.NamespacedName{Namespace: "shop"}},
	} {
		if got := routes.RefOf(tc.ref, "shop"); got != tc.want {
			t.Errorf("%v: %s", tc.ref, got)
		}
	}
}

// A port is the same by number, however a manifest has it, and a name is a name.
func TestPortOf(t *testing.T) {
	for _, tc := range []struct {
		port any
		want networkingv1.ServiceBackendPort
	}{
		{int64(80), networkingv1.ServiceBackendPort{Number: 80}}, {float64(80), networkingv1.ServiceBackendPort{Number: 80}},
		{"80", networkingv1.ServiceBackendPort{Number: 80}}, {"http", networkingv1.ServiceBackendPort{Name: "http"}},
		{"80a", networkingv1.ServiceBackendPort{Name: "80a"}}, {"99999999999", networkingv1.ServiceBackendPort{Name: "99999999999"}},
		{nil, networkingv1.ServiceBackendPort{}}, {true, networkingv1.ServiceBackendPort{}},
	} {
		if got := routes.PortOf(map[string]any{"port": tc.port}); got != tc.want {
			t.Errorf("%v: %+v", tc.port, got)
		}
	}
	if got := routes.PortOf(nil); got != (networkingv1.ServiceBackendPort{}) {
		t.Errorf("no port: %+v", got)
	}
}

// Labels hold others as a selector of Kubernetes has it: a label that must be "" must be there.
func TestHasLabelsIsASelector(t *testing.T) {
	values := []string{"-", "", "1", "2"} // "-": the label is not there
	var sets []map[string]string
	for _, a := range values {
		for _, b := range values {
			set := map[string]string{}
			for k, v := range map[string]string{"a": a, "b": b} {
				if v != "-" {
					set[k] = v
				}
			}
			sets = append(sets, set)
		}
	}
	for _, all := range append(sets, nil) {
		for _, some := range append(sets, nil) {
			selector, err := metav1.LabelSelectorAsSelector(&metav1.LabelSelector{MatchLabels: some})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := routes.HasLabels(all, some), selector.Matches(labelSet(all)); got != want {
				t.Errorf("%v hold %v: %v, want %v", all, some, got, want)
			}
		}
	}
}

// labelSet is what a selector matches.
type labelSet map[string]string

func (s labelSet) Has(key string) bool   { _, ok := s[key]; return ok }
func (s labelSet) Get(key string) string { return s[key] }
func (s labelSet) Lookup(key string) (string, bool) {
	value, ok := s[key]
	return value, ok
}

// fieldsOf are managed fields: who, by which operation, for which subresource, owns what.
func fieldsOf(manager string, op metav1.ManagedFieldsOperationType, sub, fields string) metav1.ManagedFieldsEntry {
	e := metav1.ManagedFieldsEntry{Manager: manager, Operation: op, Subresource: sub}
	if fields != "" {
		e.FieldsV1 = metav1.NewFieldsV1(fields)
	}
	return e
}

// Ours is what we applied to the object itself; managed is what anybody has written.
func TestWhoOwnsAnnotations(t *testing.T) {
	const fields = `{"f:metadata":{"f:annotations":{".":{},"f:example.com/%s":{}},"f:labels":{"f:example.com/label":{}}}}`
	apply, update := metav1.ManagedFieldsOperationApply, metav1.ManagedFieldsOperationUpdate
	o := &corev1.Service{}
	o.SetManagedFields([]metav1.ManagedFieldsEntry{
		fieldsOf(routes.FieldManager, apply, "", fmt.Sprintf(fields, "ours")),
		fieldsOf(routes.FieldManager, update, "", fmt.Sprintf(fields, "updated")),
		fieldsOf(routes.FieldManager, apply, "status", fmt.Sprintf(fields, "status")),
		fieldsOf(routes.ReleaseManager, apply, "", fmt.Sprintf(fields, "release")),
		fieldsOf("kubectl", apply, "", fmt.Sprintf(fields, "theirs")),
		fieldsOf(routes.FieldManager, apply, "", ""), fieldsOf(routes.FieldManager, apply, "", "{broken"),
		fieldsOf(routes.FieldManager, apply, "", `{"f:spec":{"f:annotations":{"f:example.com/spec":{}}}}`),
	})
	if got, want := routes.OwnedAnnotations(o), map[string]bool{"example.com/ours": true}; !reflect.DeepEqual(got, want) {
		t.Errorf("ours: %v", got)
	}
	want := []string{"example.com/ours", "example.com/release", "example.com/status", "example.com/theirs", "example.com/updated"}
	if got := routes.SortedKeys(routes.ManagedAnnotations(o)); !slices.Equal(got, want) {
		t.Errorf("managed: %q", got)
	}
	if got := routes.ManagedAnnotations(&corev1.Service{}); len(got) != 0 {
		t.Errorf("of nobody: %v", got)
	}
}

// Every backend of an Ingress is listed, the default one first, then as they stand.
func TestBackends(t *testing.T) {
	to := func(name string) networkingv1.IngressBackend {
		return networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: name}}
	}
	rule := func(names ...string) networkingv1.IngressRule {
		r := networkingv1.IngressRule{Host: "x"}
		for _, name := range names {
			if r.HTTP == nil {
				r.HTTP = &networkingv1.HTTPIngressRuleValue{}
			}
			r.HTTP.Paths = append(r.HTTP.Paths, networkingv1.HTTPIngressPath{Backend: to(name)})
		}
		return r
	}
	ing := &networkingv1.Ingress{Spec: networkingv1.IngressSpec{Rules: []networkingv1.IngressRule{rule("a", "b"), rule(), rule("c")}}}
	names := func() (out []string) {
		for _, b := range routes.Backends(ing) {
			for _, s := range routes.ServicesOf(b) {
				out = append(out, s.Name)
			}
		}
		return out
	}
	if got := names(); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Errorf("of rules: %q", got)
	}
	fallback := to("d")
	ing.Spec.DefaultBackend = &fallback
	if got := names(); !slices.Equal(got, []string{"d", "a", "b", "c"}) {
		t.Errorf("with a default one: %q", got)
	}
	ing.Spec.DefaultBackend = &networkingv1.IngressBackend{Resource: &corev1.TypedLocalObjectReference{Kind: "Bucket", Name: "x"}}
	if got := names(); !slices.Equal(got, []string{"a", "b", "c"}) || len(routes.Backends(ing)) != 4 {
		t.Errorf("with a bucket: %q, %d backends", got, len(routes.Backends(ing)))
	}
}

// Names are ordered by namespace, then by name, whatever separates them when written.
func TestCompareNames(t *testing.T) {
	var all []types.NamespacedName
	for _, namespace := range []string{"", "a", "a-b", "ab", "b"} {
		for _, name := range []string{"", "a", "a-b", "b"} {
			all = append(all, types.NamespacedName{Namespace: namespace, Name: name})
		}
	}
	for i, a := range all {
		for j, b := range all {
			if got := routes.CompareNames(a, b); (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%s and %s: %d", a, b, got)
			}
		}
	}
}

// An object is ours by a label, and opted in by an annotation that says something.
func TestOursAndOptedIn(t *testing.T) {
	ing := &networkingv1.Ingress{}
	if routes.IsOurs(ing) || routes.IsOptedIn(ing) {
		t.Error("an empty Ingress is ours, or opted in")
	}
	ing.Labels, ing.Annotations = map[string]string{routes.RouteLabel: ""}, map[string]string{routes.PolicyAnnotation: ""}
	if !routes.IsOurs(ing) || routes.IsOptedIn(ing) {
		t.Error("the label counts with any value, and the annotation with none does not")
	}
	ing.Labels, ing.Annotations = map[string]string{"x": routes.RouteLabel}, map[string]string{routes.PolicyAnnotation: "web"}
	if routes.IsOurs(ing) || !routes.IsOptedIn(ing) {
		t.Error("another label makes it ours, or the name of a policy does not opt it in")
	}
}
