// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestRefusedAtAdmission: what would be open is refused, and told what to do. What
// concerns no policy is not touched, and neither is what was so before.
func TestRefusedAtAdmission(t *testing.T) {
	b := newBench(t)
	before := b.OptedIn("before", "before.example.com")
	before.Annotations[authURL] = "http://other.example.com/ask"
	fixture.Create(t, b.C, before)
	b.admission(b.App)
	opted := b.OptedIn("shop", "shop.example.com")
	refuses := func(what, why string, f func(*networkingv1.Ingress)) {
		t.Helper()
		o := opted.DeepCopy()
		f(o)
		err := b.C.Create(t.Context(), o, client.DryRunAll)
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "admission.guard=false") {
			t.Errorf("%s: %v", what, err)
		}
	}
	passes := func(what string, f func(*networkingv1.Ingress)) *networkingv1.Ingress {
		t.Helper()
		o := opted.DeepCopy()
		f(o)
		if err := b.C.Create(t.Context(), o, client.DryRunAll); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		return o
	}
	pinned := "http://ostiary-authz." + b.Ours + ".svc.cluster.local:9001/authz/v1/%s/" + b.App + "/shop/$request_method/$host$request_uri"
	by := func(key, value string) func(*networkingv1.Ingress) {
		return func(o *networkingv1.Ingress) { o.Annotations[key] = value }
	}
	plain := func(o *networkingv1.Ingress) { delete(o.Annotations, routes.PolicyAnnotation) }
	// Without the ConfigMap, and while it is empty.
	for range 2 {
		refuses("nothing is known", "no annotation on it makes its proxy", nothing)
		passes("by hand", by(authURL, fmt.Sprintf(pinned, "nginx")))
		passes("no policy", plain)
		fixture.Create(t, b.C, &corev1.ConfigMap{ObjectMeta: fixture.Named(b.Ours, "ostiary-guard")})
		fixture.Remove(t, b.C, &corev1.ConfigMap{ObjectMeta: fixture.Named(b.Ours, "ostiary-guard")})
	}
	b.guardMap(b.App)
	if o := passes("no policy", plain); len(o.Annotations) != 0 {
		t.Errorf("%v", o.Annotations)
	}
	refuses("a class that nobody knows", "class what", func(o *networkingv1.Ingress) { o.Spec.IngressClassName = pointer("what") })
	refuses("no class", "names no class", func(o *networkingv1.Ingress) { o.Spec.IngressClassName = nil })
	refuses("a proxy that is none", "what-proxy", by(routes.ProxyAnnotation, "what-proxy"))
	refuses("a key that is no proxy", "class_nginx", by(routes.ProxyAnnotation, "class_nginx"))
	refuses("an unknown class, and a question", "class what", func(o *networkingv1.Ingress) {
		o.Spec.IngressClassName = pointer("what")
		o.Annotations[authURL] = fmt.Sprintf(pinned, "nginx")
	})
	refuses("somebody else's", "auth-url", by(authURL, "http://other.example.com/ask"))
	refuses("another Ingress's", "auth-url", by(authURL, strings.ReplaceAll(fmt.Sprintf(pinned, "nginx"), "/shop/", "/other/")))
	refuses("no pin", "auth-url", by(authURL, "http://ostiary-authz."+b.Ours+".svc.cluster.local:9001/authz/v1/nginx"))
	refuses("no variables", "auth-url", by(authURL, "http://ostiary-authz."+b.Ours+".svc.cluster.local:9001/authz/v1/nginx/"+b.App+"/shop/GET/shop.example.com/"))
	refuses("another address", "not send auth requests to this Ostiary", by(authURL, strings.ReplaceAll(fmt.Sprintf(pinned, "nginx"), b.Ours, "elsewhere")))
	refuses("the question of another proxy", "not send auth requests to this Ostiary", func(o *networkingv1.Ingress) {
		o.Spec.IngressClassName = pointer("traefik")
		o.Annotations[authURL] = fmt.Sprintf(pinned, "nginx")
		o.Annotations["traefik.ingress.kubernetes.io/router.middlewares"] = b.App + "-other@kubernetescrd"
	})
	refuses("a name that no Middleware can have", "too long", func(o *networkingv1.Ingress) {
		o.Spec.IngressClassName = pointer("traefik")
		o.Name = strings.Repeat("x", 239)
	})
	refuses("no name yet", "auth-url", func(o *networkingv1.Ingress) { o.Name, o.GenerateName = "", "shop-" })
	// Tools that make canaries copy annotations.
	copied := strings.ReplaceAll(fmt.Sprintf(pinned, "nginx"), "/shop/", "/main/")
	canary := passes("a canary, with the question of what it stands in for", func(o *networkingv1.Ingress) {
		o.Annotations[authURL], o.Annotations["nginx.ingress.kubernetes.io/canary"] = copied, "true"
	})
	refuses("no canary", "auth-url", func(o *networkingv1.Ingress) {
		o.Annotations[authURL], o.Annotations["nginx.ingress.kubernetes.io/canary"] = copied, "yes"
	})
	refuses("a canary that asks another namespace's", "auth-url", func(o *networkingv1.Ingress) {
		o.Annotations[authURL], o.Annotations["nginx.ingress.kubernetes.io/canary"] = strings.ReplaceAll(copied, b.App, "elsewhere"), "true"
	})
	canary.Annotations = map[string]string{routes.PolicyAnnotation: "app", authURL: copied, "nginx.ingress.kubernetes.io/canary": "true"}
	fixture.Create(t, b.C, canary)
	delete(canary.Annotations, "nginx.ingress.kubernetes.io/canary")
	if err := b.C.Update(t.Context(), canary); !apierrors.IsForbidden(err) {
		t.Errorf("a canary that is none any more: %v", err)
	}
	fixture.Remove(t, b.C, canary)
	passes("the endpoint of canary mode", by(authURL, fmt.Sprintf(pinned, "nginx-pass")))
	passes("Middlewares behind ours", func(o *networkingv1.Ingress) {
		o.Spec.IngressClassName = pointer("traefik")
		o.Annotations["traefik.ingress.kubernetes.io/router.middlewares"] = fmt.Sprintf("%[1]s-ostiary-strip-shop@kubernetescrd, %[1]s-ostiary-auth-shop@kubernetescrd,x-y@file", b.App)
	})
	// What was open before may be changed, and not made worse.
	fixture.Change(t, b.C, b.Ingress("before"), func(o *networkingv1.Ingress) { o.Labels = map[string]string{"a": "b"} })
	worse := b.Ingress("before")
	worse.Annotations[authURL] = "http://third.example.com/ask"
	if err := b.C.Update(t.Context(), worse); !apierrors.IsForbidden(err) {
		t.Errorf("%v", err)
	}
	fixture.Change(t, b.C, b.Ingress("before"), func(o *networkingv1.Ingress) { delete(o.Annotations, authURL) })
	if a := b.Ingress("before").Annotations; !strings.Contains(a[authURL], "/before/") {
		t.Errorf("%v", a)
	}
	// A class of another proxy takes its question along.
	fixture.Change(t, b.C, b.Ingress("before"), func(o *networkingv1.Ingress) { o.Spec.IngressClassName = pointer("traefik") })
	if a := b.Ingress("before").Annotations; !strings.Contains(a["traefik.ingress.kubernetes.io/router.middlewares"], "-ostiary-auth-before@") {
		t.Errorf("%v", a)
	}
}

// TestReleasedAtAdmission: `ostiary detach` takes back what the API server would put
// there again, and leaves what people wrote.
func TestReleasedAtAdmission(t *testing.T) {
	b := newBench(t)
	b.make = plan.Make
	b.admission(b.App)
	b.guardMap(b.App)
	fixture.Create(t, b.C, b.OptedIn("taken", "taken.example.com"))
	b.converge(b.optIns(b.C))
	fixture.Create(t, b.C, b.OptedIn("shop", "shop.example.com"))
	if err := Release(t.Context(), server.Config(t)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"taken", "shop"} {
		if a := b.Ingress(name).Annotations; len(a) != 1 || a[routes.PolicyAnnotation] != "app" {
			t.Errorf("%s: %v", name, a)
		}
	}
	b.Free()
}
