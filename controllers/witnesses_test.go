// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/optin"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestCoveredAfterAWitness: Covered is True once a question has arrived, at any replica,
// and stays so after a restart; with the rights of config/rbac. What is asked about one
// route says nothing of another.
func TestCoveredAfterAWitness(t *testing.T) {
	b := fixture.NewSite(t, &server)
	ns := roles(t, b.C, func(rbacv1.PolicyRule) bool { return false })
	b.Ours, b.Settings = ns, fixture.SettingsOf(ns)
	config := &corev1.ConfigMap{ObjectMeta: fixture.Named(b.App, "controller"), Data: map[string]string{"use-http2": "true"}}
	config.Labels = cluster.NginxLabels
	grant := []client.Object{
		&rbacv1.Role{ObjectMeta: fixture.Named(b.App, "proxies"), Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "watch"}}}},
		&rbacv1.RoleBinding{ObjectMeta: fixture.Named(b.App, "proxies"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "proxies"},
			Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "ostiary", Namespace: ns}}},
	}
	b.Settings.ConfigNamespaces = []string{b.App}
	app := fixture.Open(b.App, "app", "shop.example.com", "two.example.com")
	byHand := fixture.Open(b.App, "hand", "hand.example.com")
	fixture.Create(t, b.C, append(grant, app, byHand, config, b.OptedIn("shop", "shop.example.com"), b.OptedIn("two", "two.example.com"))...)
	t.Cleanup(func() {
		_ = b.C.Delete(context.WithoutCancel(t.Context()), &corev1.ConfigMap{ObjectMeta: fixture.Named(ns, optin.WitnessesName)})
	})
	var first, second policy.Witnesses
	witnessing := func(w *policy.Witnesses) func(*Options) {
		return func(o *Options) {
			o.Witnesses, o.pace.witness, o.LeaderElect, o.pace.lease = w, 200*time.Millisecond, true, time.Second
		}
	}
	account := as(t, "system:serviceaccount:"+ns+":ostiary")
	leads := run(t, ns, opting(b), account, witnessing(&first))
	leads.says("this replica leads")
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionTrue, "Routed")
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionUnknown, "NotAskedYet", "Ingress "+b.App+"/shop, Ingress "+b.App+"/two", "proxyNamespaces")
	fixture.Has(t, b.C, byHand, v1alpha1.ConditionCovered, metav1.ConditionUnknown, "NotAskedYet")

	run(t, ns, opting(b), account, witnessing(&second))
	first.Saw(b.App+"/shop", policy.IngressPin, policy.Source{})
	first.Saw("what/ever it is\n", policy.IngressPin, policy.Source{}) // no key of a ConfigMap: it keeps nobody else's out
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionUnknown, "NotAskedYet", "an auth request for Ingress "+b.App+"/two yet")
	second.Saw(b.App+"/two", policy.RoutePin, policy.Source{}) // of another kind
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionUnknown, "NotAskedYet", "an auth request for Ingress "+b.App+"/two yet")
	second.Saw(b.App+"/two", policy.EitherPin, policy.Source{})
	second.Saw("", policy.IngressPin, policy.Source{Namespace: b.App, Name: "hand"})
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionTrue, "Covered")
	fixture.Has(t, b.C, byHand, v1alpha1.ConditionCovered, metav1.ConditionTrue, "Covered")

	leads.end()
	var third policy.Witnesses // a new process, which nobody asked anything
	r := run(t, ns, opting(b), account, witnessing(&third))
	fixture.Create(t, b.C, fixture.Ingress(b.App, "around", "nginx", "shop.example.com", "/x", nil))
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionFalse, routes.NoAuthURL)
	if err := b.C.Delete(t.Context(), fixture.Ingress(b.App, "around", "nginx", "shop.example.com", "/x", nil)); err != nil {
		t.Fatal(err)
	}
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionTrue, "Covered")
	r.running()
}
