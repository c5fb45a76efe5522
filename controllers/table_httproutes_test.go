// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// namingRoute is an HTTPRoute that names a policy; "" names none.
func namingRoute(ns, name, policyName string) *unstructured.Unstructured {
	o := cluster.Unstructured(schema.GroupVersionKind{Group: routes.GatewayGroup, Version: "v1", Kind: "HTTPRoute"})
	o.SetNamespace(ns)
	o.SetName(name)
	if policyName != "" {
		o.SetAnnotations(map[string]string{routes.PolicyAnnotation: policyName})
	}
	return o
}

// TestPinnedHTTPRoutes: what an HTTPRoute routes is judged by the policy that it names,
// as it names it now, or not at all: a deleted policy denies, whatever is above it.
func TestPinnedHTTPRoutes(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	narrow := fixture.Open(ns, "narrow", "a.example.com")
	narrow.Spec.Paths = []v1alpha1.PathMatch{{Path: "/app"}}
	fixture.Create(t, c, fixture.Open(ns, "broad", "a.example.com"), narrow, fixture.Route(ns, "web", "broad", "a.example.com", "/"))
	r := runTable(t, nil) // there is no such kind
	r.decides("https://a.example.com/app", policy.Bypassed)
	fixture.ServeHTTPRoutes(t, c)
	web := namingRoute(ns, "web", "narrow")
	fixture.Create(t, c, web, namingRoute(ns, "plain", ""))
	pinned := func(route, path string, want policy.Reason) {
		t.Helper()
		target, err := policy.NewTarget("a.example.com", path)
		if err != nil {
			t.Fatal(err)
		}
		fixture.Eventually(t, fmt.Sprintf("%s by HTTPRoute %s is %s", path, route, want), func() error {
			d := r.Live.Table().Decide(policy.Request{Target: target, Method: "GET", Now: time.Now(), Ingress: route, Pin: policy.RoutePin})
			if d.Reason != want {
				return fmt.Errorf("%s by %q", d.Reason, d.Source)
			}
			return nil
		})
	}
	pinned(ns+"/web", "/app", policy.Bypassed)
	pinned(ns+"/web", "/", policy.NoPolicy) // the Ingress of that name may
	pinned(ns+"/plain", "/app", policy.NoPolicy)
	pinned("default/web", "/app", policy.NoPolicy)
	edit := func(name string) {
		fixture.Eventually(t, "editing the HTTPRoute", func() error {
			now := cluster.Unstructured(schema.GroupVersionKind{Group: routes.GatewayGroup, Version: "v1", Kind: "HTTPRoute"})
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(web), now); err != nil {
				return err
			}
			now.SetAnnotations(map[string]string{routes.PolicyAnnotation: name})
			return c.Update(t.Context(), now)
		})
	}
	edit("broad")
	pinned(ns+"/web", "/", policy.Bypassed)
	pinned(ns+"/web", "/app", policy.NoPolicy)
	edit("narrow")
	pinned(ns+"/web", "/app", policy.Bypassed)
	fixture.Remove(t, c, narrow)
	r.decides("https://a.example.com/app", policy.Bypassed) // by the broader one, where nothing is pinned
	pinned(ns+"/web", "/app", policy.NoPolicy)
	fixture.Remove(t, c, web)
	pinned(ns+"/web", "/", policy.NoPolicy)
}
