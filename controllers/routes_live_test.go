// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
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
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// opting lets routes name policies.
func (b *bench) opting(o *Options) {
	o.Routes = &b.s
	o.pace.kinds = 200 * time.Millisecond
}

// guarded waits until an Ingress asks.
func (b *bench) guarded(name string) {
	b.t.Helper()
	fixture.Eventually(b.t, name+" is guarded", func() error {
		if a := b.ingress(name).Annotations; a[authURL] == "" {
			return fmt.Errorf("%v", a)
		}
		return nil
	})
}

// free waits until nothing of ours is anywhere.
func (b *bench) free() {
	b.t.Helper()
	fixture.Eventually(b.t, "nothing of ours is left", func() error {
		if owned := b.owned(); len(owned) > 0 {
			return fmt.Errorf("%s is there", refOf(owned[0]))
		}
		return nil
	})
	b.nothingOfOurs()
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
	b := newBench(t)
	b.make = plan.Make
	app, idle := fixture.Open(b.app, "app"), fixture.Open(b.app, "idle", "idle.example.com")
	fixture.Create(t, b.c, app, idle, b.optedIn("shop", "shop.example.com"))
	r := run(t, b.ours, b.opting)
	b.guarded("shop")
	r.decides("https://shop.example.com/", policy.Bypassed)
	fixture.Has(t, b.c, app, v1alpha1.ConditionRouted, metav1.ConditionTrue, "Routed", "Ingress "+b.app+"/shop")
	fixture.Has(t, b.c, app, v1alpha1.ConditionCovered, metav1.ConditionTrue, "Covered")
	fixture.Has(t, b.c, idle, v1alpha1.ConditionCovered, metav1.ConditionTrue, "Covered")
	lacks(t, b.c, idle, v1alpha1.ConditionRouted)

	// Somebody serves the host around the policy.
	around := fixture.Route(b.app, "around", "", "shop.example.com", "/free")
	around.Spec.IngressClassName = b.optedIn("x", "x").Spec.IngressClassName
	fixture.Create(t, b.c, around)
	fixture.Has(t, b.c, app, v1alpha1.ConditionCovered, metav1.ConditionFalse, routes.NoAuthURL, "around")
	fixture.Eventually(t, "the metric counts it", func() error {
		if n := fixture.Sum(t, r.Registry, "ostiary_unguarded_routes", map[string]string{"kind": "Ingress", "namespace": b.app, "name": "around"}); n != 1 {
			return fmt.Errorf("%v", n)
		}
		return nil
	})
	fixture.Eventually(t, "an event names it", func() error {
		var list corev1.EventList
		if err := b.c.List(t.Context(), &list, client.InNamespace(b.app)); err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.InvolvedObject.Name == "around" && e.InvolvedObject.UID == around.UID && e.Reason == routes.NoAuthURL {
				return nil
			}
		}
		return errors.New("none does")
	})
	fixture.Remove(t, b.c, around)
	fixture.Has(t, b.c, app, v1alpha1.ConditionCovered, metav1.ConditionTrue, "Covered")
	fixture.Eventually(t, "the metric is gone", func() error {
		if n := fixture.Sum(t, r.Registry, "ostiary_unguarded_routes", nil); n != 0 {
			return fmt.Errorf("%v", n)
		}
		return nil
	})

	// A mistake is the policy's to tell.
	change(t, b.c, b.ingress("shop"), func(o *networkingv1.Ingress) { o.Annotations[routes.ModeAnnotation] = "what" })
	fixture.Has(t, b.c, app, v1alpha1.ConditionRouted, metav1.ConditionFalse, routes.UnknownMode)
	if n := fixture.Sum(t, r.Registry, "ostiary_route_findings", map[string]string{"name": "shop", "reason": routes.UnknownMode}); n != 1 {
		t.Errorf("the metric says %v", n)
	}
	if a := b.ingress("shop").Annotations; a[authURL] == "" {
		t.Errorf("it lost its question: %v", a)
	}
	change(t, b.c, b.ingress("shop"), func(o *networkingv1.Ingress) { delete(o.Annotations, routes.ModeAnnotation) })
	fixture.Has(t, b.c, app, v1alpha1.ConditionRouted, metav1.ConditionTrue, "Routed")

	// Without its policy everything is refused, and the question stays.
	fixture.Remove(t, b.c, app)
	r.decides("https://shop.example.com/", policy.NoPolicy)
	fixture.Eventually(t, "the finding is counted", func() error {
		if n := fixture.Sum(t, r.Registry, "ostiary_route_findings", map[string]string{"reason": routes.PolicyNotFound}); n != 1 {
			return fmt.Errorf("%v", n)
		}
		return nil
	})
	b.guarded("shop")
	change(t, b.c, b.ingress("shop"), func(o *networkingv1.Ingress) { delete(o.Annotations, routes.PolicyAnnotation) })
	b.free()
	r.running()
}

// TestOneWrites: of two replicas one writes, and the other goes on where it ends.
func TestOneWrites(t *testing.T) {
	b := newBench(t)
	fixture.Create(t, b.c, fixture.Open(b.app, "app"))
	first := run(t, b.ours, elected, b.opting)
	first.says("this replica leads")
	second := run(t, b.ours, elected, b.opting)
	second.decides("https://nobody.example.com/", policy.NoPolicy)
	fixture.Create(t, b.c, b.optedIn("shop", "shop.example.com"))
	b.guarded("shop")
	if strings.Contains(second.log.String(), "annotations of a route") {
		t.Error("both write")
	}
	first.end()
	second.says("this replica leads")
	change(t, b.c, b.ingress("shop"), func(o *networkingv1.Ingress) { delete(o.Annotations, routes.PolicyAnnotation) })
	b.free()
}

// TestSwitchedOff: without opt-ins nothing is written and nothing taken away, and
// conditions say nothing of routes.
func TestSwitchedOff(t *testing.T) {
	b := newBench(t)
	app := fixture.Open(b.app, "app", "shop.example.com")
	fixture.Create(t, b.c, app, b.optedIn("shop", "shop.example.com"))
	r := run(t, b.ours, b.opting)
	b.guarded("shop")
	fixture.Has(t, b.c, app, v1alpha1.ConditionRouted, metav1.ConditionTrue, "Routed")
	r.end()
	was := b.state()
	r = run(t, b.ours)
	r.decides("https://shop.example.com/", policy.Bypassed)
	lacks(t, b.c, app, v1alpha1.ConditionRouted)
	lacks(t, b.c, app, v1alpha1.ConditionCovered)
	if now := b.state(); now != was {
		t.Errorf("it became\n%s\nof\n%s", now, was)
	}
	// Whoever uninstalls takes it back by a command.
	if err := ReleaseRoutes(t.Context(), server.Config(t)); err != nil {
		t.Fatal(err)
	}
	b.nothingOfOurs()
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
	b := newBench(t)
	var whole []rbacv1.PolicyRule
	ns := roles(t, b.c, func(r rbacv1.PolicyRule) bool {
		whole = append(whole, r)
		return r.APIGroups[0] != v1alpha1.GroupVersion.Group && r.Resources[0] != "events"
	})
	b.ours, b.s = ns, settingsOf(ns)
	app := fixture.Open(b.app, "app", "shop.example.com")
	fixture.Create(t, b.c, app, b.optedIn("shop", "shop.example.com"))
	r := run(t, ns, b.opting, as(t, "system:serviceaccount:"+ns+":ostiary"))
	r.decides("https://shop.example.com/", policy.Bypassed)
	fixture.Accepted(t, b.c, app)
	r.says("routes cannot opt in")
	lacks(t, b.c, app, v1alpha1.ConditionCovered)
	if a := b.ingress("shop").Annotations; len(a) != 1 {
		t.Errorf("%v", a)
	}
	restore(t, b.c, whole)
	b.guarded("shop")
	// The ConfigMaps of ingress-nginx are in none of those rights.
	fixture.Has(t, b.c, app, v1alpha1.ConditionRouted, metav1.ConditionUnknown, routes.ProxyConfigUnread, "Ingress "+b.app+"/shop", "forbidden")
	fixture.Has(t, b.c, app, v1alpha1.ConditionCovered, metav1.ConditionUnknown, routes.ProxyConfigUnread)
	restore(t, b.c, append(slices.Clone(whole), rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "watch"}}))
	fixture.Has(t, b.c, app, v1alpha1.ConditionRouted, metav1.ConditionTrue, "Routed")
	fixture.Has(t, b.c, app, v1alpha1.ConditionCovered, metav1.ConditionTrue, "Covered")
	r.running()
}

// TestRouteRoles: the rights of config/rbac suffice for every kind that a plan
// makes, where CRDs come later than the process, and go again.
func TestRouteRoles(t *testing.T) {
	b := newBench(t)
	b.make = plan.Make
	ns := roles(t, b.c, func(rbacv1.PolicyRule) bool { return false })
	b.ours, b.s = ns, settingsOf(ns)
	render := renderSlice(ns, "192.0.2.7")
	t.Cleanup(func() { _ = b.c.Delete(context.WithoutCancel(t.Context()), render) })
	fixture.Create(t, b.c, render)
	app := fixture.Open(b.app, "app", "shop.example.com", "traefik.example.com", "gateway.example.com")
	class := &networkingv1.IngressClass{ObjectMeta: fixture.Named("", "traefik-"+b.app), Spec: networkingv1.IngressClassSpec{Controller: "traefik.io/ingress-controller"}}
	other := b.optedIn("other", "traefik.example.com")
	other.Spec.IngressClassName = &class.Name
	fixture.Create(t, b.c, class, app, b.optedIn("shop", "shop.example.com"), other)
	t.Cleanup(func() { _ = b.c.Delete(context.WithoutCancel(t.Context()), class) })
	r := run(t, ns, b.opting, as(t, "system:serviceaccount:"+ns+":ostiary"))
	b.guarded("shop")
	fixture.Has(t, b.c, app, v1alpha1.ConditionRouted, metav1.ConditionFalse, routes.MissingKind)

	crds(t, b.c)
	gatewayOf(t, b.c, b.app)
	fixture.Eventually(t, "each kind is made", func() error {
		made := map[string]bool{}
		for _, o := range b.owned() {
			made[o.GetKind()] = true
		}
		for _, k := range cluster.Made {
			if !made[k.Kind] {
				return fmt.Errorf("no %s among %v", k.Kind, made)
			}
		}
		return nil
	})
	if a := b.ingress("other").Annotations["traefik.ingress.kubernetes.io/router.middlewares"]; a == "" {
		t.Error("Traefik is not told to ask")
	}
	if strings.Contains(r.log.String(), "is forbidden: User") {
		t.Error("the roles do not suffice")
	}
	for _, o := range []client.Object{b.ingress("shop"), b.ingress("other"), httpRoute(b.app)} {
		fixture.Remove(t, b.c, o)
	}
	b.free()
	if strings.Contains(r.log.String(), "is forbidden: User") {
		t.Error("the roles do not suffice to take it away")
	}
	r.running()
}

// crds installs kinds of others, with schemas that take anything, until the test
// ends.
func crds(t *testing.T, c client.Client) {
	t.Helper()
	anything := true
	done := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, k := range cluster.Kinds {
		plural := strings.ToLower(k.Kind) + "s"
		plural = cmp.Or(map[string]string{"securitypolicys": "securitypolicies", "gatewayclasss": "gatewayclasses"}[plural], plural)
		version := apiextensionsv1.CustomResourceDefinitionVersion{Name: k.Version, Served: true, Storage: done[plural] == nil,
			Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &anything}}}
		if crd := done[plural]; crd != nil {
			crd.Spec.Versions = append(crd.Spec.Versions, version)
			continue
		}
		scope := apiextensionsv1.NamespaceScoped
		if k.Kind == "GatewayClass" {
			scope = apiextensionsv1.ClusterScoped
		}
		crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: plural + "." + k.Group,
			Annotations: map[string]string{"api-approved.kubernetes.io": "unapproved, a test"}}}
		crd.Spec = apiextensionsv1.CustomResourceDefinitionSpec{Group: k.Group, Scope: scope, Versions: []apiextensionsv1.CustomResourceDefinitionVersion{version},
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: plural, Singular: strings.ToLower(k.Kind), Kind: k.Kind, ListKind: k.Kind + "List"}}
		done[plural] = crd
	}
	for _, crd := range done {
		fixture.Eventually(t, "making "+crd.Name, func() error { return c.Create(t.Context(), crd.DeepCopy()) }) // one of an earlier test may still go
	}
	t.Cleanup(func() {
		for _, crd := range done {
			if err := c.Delete(context.WithoutCancel(t.Context()), crd); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		}
	})
}

func httpRoute(ns string) *unstructured.Unstructured {
	u := cluster.Unstructured(schema.GroupVersionKind{Group: cluster.GatewayGroup, Version: "v1", Kind: "HTTPRoute"})
	u.SetNamespace(ns)
	u.SetName("route")
	return u
}

// gatewayOf makes a route of Envoy Gateway that names a policy.
func gatewayOf(t *testing.T, c client.Client, ns string) {
	t.Helper()
	class := cluster.Unstructured(schema.GroupVersionKind{Group: cluster.GatewayGroup, Version: "v1", Kind: "GatewayClass"})
	class.SetName("envoy-" + ns)
	class.Object["spec"] = map[string]any{"controllerName": "gateway.envoyproxy.io/gatewayclass-controller"}
	gateway := cluster.Unstructured(schema.GroupVersionKind{Group: cluster.GatewayGroup, Version: "v1", Kind: "Gateway"})
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
