// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/optin"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// opting lets routes name policies.
func opting(b *fixture.Site) func(*Options) {
	return func(o *Options) {
		o.Routes = &b.Settings
		o.pace.kinds = 200 * time.Millisecond
	}
}

// lacks waits until a policy has no such condition.
func lacks(t *testing.T, c client.Client, ap *v1alpha1.AccessPolicy, kind string) {
	t.Helper()
	fixture.Eventually(t, ap.Name+" has no condition "+kind, func() error {
		if found := meta.FindStatusCondition(fixture.Get(t, c, ap).Status.Conditions, kind); found != nil {
			return fmt.Errorf("%s, %s", found.Status, found.Message)
		}
		return nil
	})
}

// TestRouted: an annotation is all it takes, and all that it takes away again is
// gone. Conditions, events and metrics tell of it.
func TestRouted(t *testing.T) {
	b := fixture.NewSite(t, &server)
	app, idle := fixture.Open(b.App, "app"), fixture.Open(b.App, "idle", "idle.example.com")
	fixture.Create(t, b.C, app, idle, b.OptedIn("shop", "shop.example.com"))
	r := run(t, b.Ours, opting(b))
	b.Guarded("shop")
	r.decides("https://shop.example.com/", policy.Bypassed)
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionTrue, "Routed", "Ingress "+b.App+"/shop")
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionTrue, "Covered")
	fixture.Has(t, b.C, idle, v1alpha1.ConditionCovered, metav1.ConditionTrue, "Covered")
	lacks(t, b.C, idle, v1alpha1.ConditionRouted)

	// Somebody serves the host around the policy.
	around := fixture.Route(b.App, "around", "", "shop.example.com", "/free")
	around.Spec.IngressClassName = b.OptedIn("x", "x").Spec.IngressClassName
	fixture.Create(t, b.C, around)
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionFalse, routes.NoAuthURL, "around")
	fixture.Eventually(t, "the metric counts it", func() error {
		if n := fixture.Sum(t, r.Registry, "ostiary_unguarded_routes", map[string]string{"kind": "Ingress", "namespace": b.App, "name": "around"}); n != 1 {
			return fmt.Errorf("%v", n)
		}
		return nil
	})
	fixture.Eventually(t, "an event names it", func() error {
		var list corev1.EventList
		if err := b.C.List(t.Context(), &list, client.InNamespace(b.App)); err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.InvolvedObject.Name == "around" && e.InvolvedObject.UID == around.UID && e.Reason == routes.NoAuthURL {
				return nil
			}
		}
		return errors.New("none does")
	})
	fixture.Remove(t, b.C, around)
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionTrue, "Covered")
	fixture.Eventually(t, "the metric is gone", func() error {
		if n := fixture.Sum(t, r.Registry, "ostiary_unguarded_routes", nil); n != 0 {
			return fmt.Errorf("%v", n)
		}
		return nil
	})

	// A mistake is the policy's to tell.
	fixture.Change(t, b.C, b.Ingress("shop"), func(o *networkingv1.Ingress) { o.Annotations[routes.ModeAnnotation] = "what" })
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionFalse, routes.UnknownMode)
	if n := fixture.Sum(t, r.Registry, "ostiary_route_findings", map[string]string{"name": "shop", "reason": routes.UnknownMode}); n != 1 {
		t.Errorf("the metric says %v", n)
	}
	if a := b.Ingress("shop").Annotations; a[fixture.AuthURL] == "" {
		t.Errorf("it lost its question: %v", a)
	}
	fixture.Change(t, b.C, b.Ingress("shop"), func(o *networkingv1.Ingress) { delete(o.Annotations, routes.ModeAnnotation) })
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionTrue, "Routed")

	// Without its policy everything is refused, and the question stays.
	fixture.Remove(t, b.C, app)
	r.decides("https://shop.example.com/", policy.NoPolicy)
	fixture.Eventually(t, "the finding is counted", func() error {
		if n := fixture.Sum(t, r.Registry, "ostiary_route_findings", map[string]string{"reason": routes.PolicyNotFound}); n != 1 {
			return fmt.Errorf("%v", n)
		}
		return nil
	})
	b.Guarded("shop")
	fixture.Change(t, b.C, b.Ingress("shop"), func(o *networkingv1.Ingress) { delete(o.Annotations, routes.PolicyAnnotation) })
	b.Free()
	r.running()
}

// TestOneWrites: of two replicas one writes, and the other goes on where it ends.
func TestOneWrites(t *testing.T) {
	b := fixture.NewSite(t, &server)
	fixture.Create(t, b.C, fixture.Open(b.App, "app"))
	first := run(t, b.Ours, elected, opting(b))
	first.says("this replica leads")
	second := run(t, b.Ours, elected, opting(b))
	second.decides("https://nobody.example.com/", policy.NoPolicy)
	fixture.Create(t, b.C, b.OptedIn("shop", "shop.example.com"))
	b.Guarded("shop")
	if strings.Contains(second.log.String(), "annotations of a route") {
		t.Error("both write")
	}
	first.end()
	second.says("this replica leads")
	fixture.Change(t, b.C, b.Ingress("shop"), func(o *networkingv1.Ingress) { delete(o.Annotations, routes.PolicyAnnotation) })
	b.Free()
}

// TestSwitchedOff: without opt-ins nothing is written and nothing taken away, and
// conditions say nothing of routes.
func TestSwitchedOff(t *testing.T) {
	b := fixture.NewSite(t, &server)
	app := fixture.Open(b.App, "app", "shop.example.com")
	fixture.Create(t, b.C, app, b.OptedIn("shop", "shop.example.com"))
	r := run(t, b.Ours, opting(b))
	b.Guarded("shop")
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionTrue, "Routed")
	r.end()
	was := b.State()
	r = run(t, b.Ours)
	r.decides("https://shop.example.com/", policy.Bypassed)
	lacks(t, b.C, app, v1alpha1.ConditionRouted)
	lacks(t, b.C, app, v1alpha1.ConditionCovered)
	if now := b.State(); now != was {
		t.Errorf("it became\n%s\nof\n%s", now, was)
	}
	// Whoever uninstalls takes it back by a command.
	if err := optin.Release(t.Context(), server.Config(t)); err != nil {
		t.Fatal(err)
	}
	b.NothingOfOurs()
}

// roles makes what config/rbac has, but for the rules that drop says.
func roles(t *testing.T, c client.Client, drop func(rbacv1.PolicyRule) bool) (ns string) {
	t.Helper()
	ns = "ostiary-system"
	if err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: fixture.Named("", ns)}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	forget(t, c, ns)
	t.Cleanup(func() { forget(t, c, ns) })
	for _, f := range []string{"service_account", "role", "role_binding", "namespace_role", "namespace_role_binding"} {
		for _, o := range objectsIn(t, filepath.Join("..", "config", "rbac", f+".yaml")) {
			if err := c.Create(t.Context(), o); err != nil && !apierrors.IsAlreadyExists(err) {
				t.Fatal(err)
			}
		}
	}
	var all rbacv1.ClusterRole
	if err := c.Get(t.Context(), client.ObjectKey{Name: "ostiary"}, &all); err != nil {
		t.Fatal(err)
	}
	whole := all.DeepCopy().Rules
	var rules []rbacv1.PolicyRule
	for _, r := range all.Rules {
		if !drop(r) {
			rules = append(rules, r)
		}
	}
	all.Rules = rules
	if err := c.Update(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		restore(t, c, whole)
		keys := &corev1.Secret{ObjectMeta: fixture.Named(ns, DefaultKeySecret)} // others want to see one made
		if err := c.Delete(context.WithoutCancel(t.Context()), keys); client.IgnoreNotFound(err) != nil {
			t.Error(err)
		}
	})
	return ns
}

func restore(t *testing.T, c client.Client, rules []rbacv1.PolicyRule) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // it may be a cleanup
	fixture.Eventually(t, "the rights are as they were", func() error {
		var all rbacv1.ClusterRole
		if err := c.Get(ctx, client.ObjectKey{Name: "ostiary"}, &all); err != nil {
			return client.IgnoreNotFound(err)
		}
		all.Rules = rules
		return c.Update(ctx, &all)
	})
}

// forget removes what replicas of earlier tests wrote down in the one namespace that these
// rights are for: hosts that were theirs would be held for them.
func forget(t *testing.T, c client.Client, ns string) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context()) // it may be a cleanup
	var list corev1.ConfigMapList
	if err := c.List(ctx, &list, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		if m := &list.Items[i]; strings.HasPrefix(m.Name, "ostiary-") {
			if err := c.Delete(ctx, m); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		}
	}
}

// TestWithoutRights: an installation that may not read routes decides as before,
// says what it lacks, and goes on when it may.
func TestWithoutRights(t *testing.T) {
	b := fixture.NewSite(t, &server)
	var whole []rbacv1.PolicyRule
	ns := roles(t, b.C, func(r rbacv1.PolicyRule) bool {
		whole = append(whole, r)
		return r.APIGroups[0] != v1alpha1.GroupVersion.Group && r.Resources[0] != "events"
	})
	b.Ours, b.Settings = ns, fixture.SettingsOf(ns)
	app := fixture.Open(b.App, "app", "shop.example.com")
	fixture.Create(t, b.C, app, b.OptedIn("shop", "shop.example.com"))
	r := run(t, ns, opting(b), as(t, "system:serviceaccount:"+ns+":ostiary"))
	r.decides("https://shop.example.com/", policy.Bypassed)
	fixture.Accepted(t, b.C, app)
	r.says("routes cannot opt in")
	lacks(t, b.C, app, v1alpha1.ConditionCovered)
	if a := b.Ingress("shop").Annotations; len(a) != 1 {
		t.Errorf("%v", a)
	}
	restore(t, b.C, whole)
	b.Guarded("shop")
	// The ConfigMaps of ingress-nginx are in none of those rights.
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionUnknown, routes.ProxyConfigUnread, "Ingress "+b.App+"/shop", "forbidden")
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionUnknown, routes.ProxyConfigUnread)
	restore(t, b.C, append(slices.Clone(whole), rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "watch"}}))
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionTrue, "Routed")
	fixture.Has(t, b.C, app, v1alpha1.ConditionCovered, metav1.ConditionTrue, "Covered")
	r.running()
}

// TestRouteRoles: the rights of config/rbac suffice for every kind that a plan
// makes, where CRDs come later than the process, and go again.
func TestRouteRoles(t *testing.T) {
	b := fixture.NewSite(t, &server)
	ns := roles(t, b.C, func(rbacv1.PolicyRule) bool { return false })
	b.Ours, b.Settings = ns, fixture.SettingsOf(ns)
	render := fixture.RenderSlice(ns, "192.0.2.7")
	t.Cleanup(func() { _ = b.C.Delete(context.WithoutCancel(t.Context()), render) })
	fixture.Create(t, b.C, render)
	app := fixture.Open(b.App, "app", "shop.example.com", "traefik.example.com", "gateway.example.com")
	class := &networkingv1.IngressClass{ObjectMeta: fixture.Named("", "traefik-"+b.App), Spec: networkingv1.IngressClassSpec{Controller: "traefik.io/ingress-controller"}}
	other := b.OptedIn("other", "traefik.example.com")
	other.Spec.IngressClassName = &class.Name
	fixture.Create(t, b.C, class, app, b.OptedIn("shop", "shop.example.com"), other)
	t.Cleanup(func() { _ = b.C.Delete(context.WithoutCancel(t.Context()), class) })
	r := run(t, ns, opting(b), as(t, "system:serviceaccount:"+ns+":ostiary"))
	b.Guarded("shop")
	fixture.Has(t, b.C, app, v1alpha1.ConditionRouted, metav1.ConditionFalse, routes.MissingKind)

	fixture.OtherKinds(t, b.C)
	gatewayOf(t, b.C, b.App)
	fixture.Eventually(t, "each kind is made", func() error {
		made := map[string]bool{}
		for _, o := range b.Owned() {
			made[o.GetKind()] = true
		}
		for _, k := range routes.Made {
			if !made[k.Kind] {
				return fmt.Errorf("no %s among %v", k.Kind, made)
			}
		}
		return nil
	})
	if a := b.Ingress("other").Annotations["traefik.ingress.kubernetes.io/router.middlewares"]; a == "" {
		t.Error("Traefik is not told to ask")
	}
	if strings.Contains(r.log.String(), "is forbidden: User") {
		t.Error("the roles do not suffice")
	}
	for _, o := range []client.Object{b.Ingress("shop"), b.Ingress("other"), httpRoute(b.App)} {
		fixture.Remove(t, b.C, o)
	}
	b.Free()
	if strings.Contains(r.log.String(), "is forbidden: User") {
		t.Error("the roles do not suffice to take it away")
	}
	r.running()
}

func httpRoute(ns string) *unstructured.Unstructured {
	u := cluster.Unstructured(schema.GroupVersionKind{Group: routes.GatewayGroup, Version: "v1", Kind: "HTTPRoute"})
	u.SetNamespace(ns)
	u.SetName("route")
	return u
}

// gatewayOf makes a route of Envoy Gateway that names a policy.
func gatewayOf(t *testing.T, c client.Client, ns string) {
	t.Helper()
	class := cluster.Unstructured(schema.GroupVersionKind{Group: routes.GatewayGroup, Version: "v1", Kind: "GatewayClass"})
	class.SetName("envoy-" + ns)
	class.Object["spec"] = map[string]any{"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"}
	gateway := cluster.Unstructured(schema.GroupVersionKind{Group: routes.GatewayGroup, Version: "v1", Kind: "Gateway"})
	gateway.SetNamespace(ns)
	gateway.SetName("door")
	gateway.Object["spec"] = map[string]any{"gatewayClassName": "envoy-" + ns}
	route := httpRoute(ns)
	route.SetAnnotations(map[string]string{routes.PolicyAnnotation: "app"})
	route.Object["spec"] = map[string]any{"hostnames": []any{"gateway.example.com"}, "parentRefs": []any{map[string]any{"name": "door"}},
		"rules": []any{map[string]any{"backendRefs": []any{map[string]any{"name": "app", "port": int64(80)}}}}}
	for _, o := range []*unstructured.Unstructured{class, gateway, route} {
		fixture.Eventually(t, "making "+o.GetKind(), func() error { return c.Create(t.Context(), o.DeepCopy()) })
	}
}
