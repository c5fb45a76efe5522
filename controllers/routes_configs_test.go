// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestConfigMapsOfNamespaces: ConfigMaps are read in the namespaces that are named, each
// by itself, and in no other.
func TestConfigMapsOfNamespaces(t *testing.T) {
	b := newBench(t)
	ns := roles(t, b.c, func(rbacv1.PolicyRule) bool { return false })
	b.ours, b.s = ns, settingsOf(ns)
	role := func(name string, space string) []client.Object {
		return []client.Object{
			&rbacv1.Role{ObjectMeta: fixture.Named(space, name), Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "watch"}}}},
			&rbacv1.RoleBinding{ObjectMeta: fixture.Named(space, name), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
				Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "ostiary", Namespace: ns}}},
		}
	}
	config := func(space, level string) *corev1.ConfigMap {
		m := &corev1.ConfigMap{ObjectMeta: fixture.Named(space, "controller"), Data: map[string]string{"annotations-risk-level": level}}
		m.Labels = map[string]string{"app.kubernetes.io/name": "ingress-nginx"}
		return m
	}
	first, second, third := namespace(t, b.c), namespace(t, b.c), namespace(t, b.c)
	b.s.ConfigNamespaces = []string{first, second}
	app := fixture.Open(b.app, "app", "shop.example.com")
	fixture.Create(t, b.c, app, b.optedIn("shop", "shop.example.com"), config(first, "High"), config(second, "Medium"), config(third, "Low"))
	t.Cleanup(func() { // other tests read the ConfigMaps of all namespaces
		for _, space := range []string{first, second, third} {
			_ = b.c.Delete(context.Background(), config(space, ""))
		}
	})
	fixture.Create(t, b.c, role("proxies", first)...)
	r := run(t, ns, b.opting, as(t, "system:serviceaccount:"+ns+":ostiary"))
	b.guarded("shop")
	fixture.Has(t, b.c, app, v1alpha1.ConditionRouted, metav1.ConditionUnknown, routes.ProxyConfigUnread, "in namespace "+second)
	fixture.Create(t, b.c, role("proxies", second)...)
	fixture.Has(t, b.c, app, v1alpha1.ConditionRouted, metav1.ConditionFalse, routes.AnnotationsRefused, "ConfigMap "+second+"/controller")
	fixture.Has(t, b.c, app, v1alpha1.ConditionCovered, metav1.ConditionFalse, reasonNotRouted)
	mend := config(second, "High")
	if err := b.c.Update(t.Context(), mend); err != nil {
		t.Fatal(err)
	}
	fixture.Has(t, b.c, app, v1alpha1.ConditionRouted, metav1.ConditionTrue, "Routed")
	r.running()
}

// TestConfigMapsByChoice: who chose to have none read is told so where it matters, and
// nowhere else.
func TestConfigMapsByChoice(t *testing.T) {
	b := newBench(t)
	b.s.ConfigNamespaces = nil
	app := fixture.Open(b.app, "app", "shop.example.com")
	fixture.Create(t, b.c, app, b.optedIn("shop", "shop.example.com"))
	r := run(t, b.ours, b.opting)
	b.guarded("shop")
	fixture.Has(t, b.c, app, v1alpha1.ConditionRouted, metav1.ConditionUnknown, routes.ProxyConfigUnread, "proxyConfigMaps")
	if said := r.log.String(); strings.Contains(said, "may not be read") || strings.Contains(said, "forbidden") {
		t.Errorf("it says:\n%s", said)
	}
	r.running()
}
