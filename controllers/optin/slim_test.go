// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"maps"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/ostiary/ostiary/controllers/routes"
)

func entry(manager string, operation metav1.ManagedFieldsOperationType, sub, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: operation, Subresource: sub, FieldsV1: metav1.NewFieldsV1(fields)}
}

// TestSlimRoutes: what a plan is made from stays, and what is ours of it; the rest
// takes no memory.
func TestSlimRoutes(t *testing.T) {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "app", ResourceVersion: "7", Labels: map[string]string{"a": "b"},
		Annotations: map[string]string{"c": "d"}, ManagedFields: []metav1.ManagedFieldsEntry{entry("kubectl", metav1.ManagedFieldsOperationApply, "", "{}")}}}
	s.Spec = corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}, Selector: map[string]string{"app": "x"},
		ExternalIPs: []string{"192.0.2.1"}, LoadBalancerSourceRanges: []string{"192.0.2.0/24"}}
	s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "192.0.2.2"}}
	if _, err := slimRoutes(s); err != nil {
		t.Fatal(err)
	}
	if s.ManagedFields != nil || s.Labels != nil || s.Annotations != nil || s.Status.LoadBalancer.Ingress != nil || s.Spec.LoadBalancerSourceRanges != nil {
		t.Errorf("%+v", s)
	}
	if s.Spec.Type != corev1.ServiceTypeLoadBalancer || s.Spec.Ports[0].Port != 80 || s.Spec.Selector["app"] != "x" || len(s.Spec.ExternalIPs) != 1 || s.ResourceVersion != "7" {
		t.Errorf("%+v", s)
	}
	own := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{routes.RouteLabel: "x"}}}
	if _, err := slimRoutes(own); err != nil || !labelled(own) {
		t.Errorf("%v, %+v", err, own)
	}

	o := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{lastApplied: "long", "a": "b"}, ManagedFields: []metav1.ManagedFieldsEntry{
		entry("kubectl", metav1.ManagedFieldsOperationUpdate, "", `{"f:metadata":{"f:annotations":{"f:a":{}}}}`),
		entry(routes.FieldManager, metav1.ManagedFieldsOperationUpdate, "", `{"f:metadata":{"f:annotations":{"f:b":{}}}}`),
		entry(routes.FieldManager, metav1.ManagedFieldsOperationApply, "status", `{"f:metadata":{"f:annotations":{"f:c":{}}}}`),
		entry(routes.FieldManager, metav1.ManagedFieldsOperationApply, "", `{"f:metadata":{"f:annotations":{".":{},"f:d":{},"f:e/f":{}}}}`),
	}}}
	o.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.2"}}
	if _, err := slimRoutes(o); err != nil {
		t.Fatal(err)
	}
	if len(o.ManagedFields) != 1 || len(o.Annotations) != 1 || o.Status.LoadBalancer.Ingress != nil {
		t.Errorf("%+v", o)
	}
	owned, any := ownedAnnotations(o)
	if got := slices.Sorted(maps.Keys(owned)); !any || !slices.Equal(got, []string{"d", "e/f"}) {
		t.Errorf("%q, %v", got, any)
	}
}

// TestUnreadGroups: what cannot be read holds back the removal of what may be made
// for it, and of nothing else.
func TestUnreadGroups(t *testing.T) {
	for _, tc := range []struct{ kind, want string }{
		{"ConfigMap.", ""},
		{"EndpointSlice.discovery.k8s.io", ""},
		{"IngressRoute.traefik.io", "traefik.io"},
		{"HTTPRoute.gateway.networking.k8s.io", "gateway.envoyproxy.io gateway.networking.k8s.io"},
		{"SecurityPolicy.gateway.envoyproxy.io", "gateway.envoyproxy.io gateway.networking.k8s.io"},
	} {
		got := slices.Sorted(maps.Keys(unreadGroups([]schema.GroupKind{schema.ParseGroupKind(tc.kind)})))
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s: %q, want %q", tc.kind, got, tc.want)
		}
	}
}
