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
	b := fixture.NewSite(t, &server)
	ns := roles(t, b.C, func(rbacv1.PolicyRule) bool { return false })
	b.Ours, b.Settings = ns, fixture.SettingsOf(ns)
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
	first, second, third := namespace(t, b.C), namespace(t, b.C), namespace(t, b.C)
	b.Settings.ConfigNamespaces = []string{first, second}
	app := fixture.Open(b.App, "app", "shop.example.com")
	fixture.Create(t, b.C, app, b.OptedIn("shop", "shop.example.com"), config(first, "High"), config(second, "Medium"), config(third, "Low"))
	t.Cleanup(func() { // other tests read the ConfigMaps of all namespaces
		for _, space := range []string{first, second, third} {
			_ = b.C.Delete(context.Background(), config(space, ""))
		}
	})
	fixture.Create(t, b.C, role("proxies", first)...)
	r := run(t, ns, opting(b), as(t, "system:serviceaccount:"+ns+":ostiary"))
	b.Guarded("shop")
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionUnknown, routes.ProxyConfigUnread, "in namespace "+second)
	fixture.Create(t, b.C, role("proxies", second)...)
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionFalse, routes.AnnotationsRefused, "ConfigMap "+second+"/controller")
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionFalse, "NotRouted")
	mend := config(second, "High")
	if err := b.C.Update(t.Context(), mend); err != nil {
		t.Fatal(err)
	}
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionTrue, "Routed")
	r.running()
}

// TestConfigMapsByChoice: who chose to have none read is told so where it matters, and
// nowhere else.
func TestConfigMapsByChoice(t *testing.T) {
	b := fixture.NewSite(t, &server)
	b.Settings.ConfigNamespaces = nil
	app := fixture.Open(b.App, "app", "shop.example.com")
	fixture.Create(t, b.C, app, b.OptedIn("shop", "shop.example.com"))
	r := run(t, b.Ours, opting(b))
	b.Guarded("shop")
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionUnknown, routes.ProxyConfigUnread, "proxyConfigMaps")
	if said := r.log.String(); strings.Contains(said, "may not be read") || strings.Contains(said, "forbidden") {
		t.Errorf("it says:\n%s", said)
	}
	r.running()
}
