// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestMiddlewareLimit: a field that Traefik's CRD has is written, one that it has not is
// not, and a CRD that is upgraded is noticed, with no right to read CRDs.
func TestMiddlewareLimit(t *testing.T) {
	b := fixture.NewSite(t, &server)
	ns := roles(t, b.C, func(rbacv1.PolicyRule) bool { return false })
	b.Ours, b.Settings = ns, fixture.SettingsOf(ns)
	fixture.OtherKinds(t, b.C)
	class := &networkingv1.IngressClass{ObjectMeta: fixture.Named("", "traefik-"+b.App), Spec: networkingv1.IngressClassSpec{Controller: "traefik.io/ingress-controller"}}
	app, web := fixture.Open(b.App, "app", "traefik.example.com"), b.OptedIn("web", "traefik.example.com")
	web.Spec.IngressClassName = &class.Name
	fixture.Create(t, b.C, class, app, web)
	t.Cleanup(func() { _ = b.C.Delete(context.WithoutCancel(t.Context()), class) })
	run(t, ns, opting(b), as(t, "system:serviceaccount:"+ns+":ostiary"))
	limit := func(want bool) {
		t.Helper()
		fixture.Eventually(t, "the Middleware", func() error {
			m := cluster.Unstructured(schema.GroupVersionKind{Group: routes.TraefikGroup, Version: "v1alpha1", Kind: "Middleware"})
			if err := b.C.Get(t.Context(), client.ObjectKey{Namespace: b.App, Name: "ostiary-auth-web"}, m); err != nil {
				return err
			}
			n, has, _ := unstructured.NestedInt64(m.Object, "spec", "forwardAuth", "maxResponseBodySize")
			if has != want || has && n != 64<<10 {
				return fmt.Errorf("%d, %v: %v", n, has, m.Object["spec"])
			}
			return nil
		})
	}
	limit(false)
	var crd apiextensionsv1.CustomResourceDefinition
	if err := b.C.Get(t.Context(), client.ObjectKey{Name: "middlewares.traefik.io"}, &crd); err != nil {
		t.Fatal(err)
	}
	object := func(name string, in apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
		yes := true
		return apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: &yes, Properties: map[string]apiextensionsv1.JSONSchemaProps{name: in}}
	}
	whole := object("spec", object("forwardAuth", object("maxResponseBodySize", apiextensionsv1.JSONSchemaProps{Type: "integer", Format: "int64"})))
	crd.Spec.Versions[0].Schema.OpenAPIV3Schema = &whole
	if err := b.C.Update(t.Context(), &crd); err != nil {
		t.Fatal(err)
	}
	limit(true)
}
