// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// counting is a client that counts what it writes.
func counting(t *testing.T) (client.Client, *atomic.Int32) {
	t.Helper()
	var n atomic.Int32
	return intercepted(t, interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			n.Add(1)
			return c.Apply(ctx, o, opts...)
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			n.Add(1)
			return c.Delete(ctx, o, opts...)
		},
		Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
			t.Error("a patch")
			return nil
		},
		Create: func(context.Context, client.WithWatch, client.Object, ...client.CreateOption) error {
			t.Error("a creation")
			return nil
		},
		Update: func(context.Context, client.WithWatch, client.Object, ...client.UpdateOption) error {
			t.Error("an update")
			return nil
		},
	}), &n
}

func intercepted(t *testing.T, funcs interceptor.Funcs) client.Client {
	t.Helper()
	c, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	return interceptor.NewClient(c, funcs)
}

// plain is what all that are intercepted share: what the API server has is asked for once.
var plain = sync.OnceValues(func() (client.WithWatch, error) {
	cfg, err := server.Start()
	if err != nil {
		return nil, err
	}
	return client.NewWithWatch(cfg, client.Options{Scheme: cluster.Scheme()})
})

// TestOptInAndOut: each way in gives a route what it needs, each way out leaves
// nothing behind, and what is as it should be is not written.
func TestOptInAndOut(t *testing.T) {
	b := newBench(t)
	c, written := counting(t)
	unchanged := func(what string) {
		t.Helper()
		before := written.Load()
		b.converge(b.optIns(c))
		if n := written.Load() - before; n > 0 {
			t.Errorf("%s: %d writes, and nothing had changed", what, n)
		}
	}
	unchanged("an empty cluster")
	for _, out := range []struct {
		name string
		do   func(*networkingv1.Ingress)
		gone bool // only objects are ours to see
	}{
		{"without the annotation", func(o *networkingv1.Ingress) {
			fixture.Change(t, b.C, o, func(o *networkingv1.Ingress) { delete(o.Annotations, routes.PolicyAnnotation) })
		}, false},
		{"without the Ingress", func(o *networkingv1.Ingress) { fixture.Remove(t, b.C, o) }, true},
	} {
		o := b.OptedIn("shop", "shop.example.com")
		o.Annotations["mine"] = "stays"
		fixture.Create(t, b.C, o)
		b.converge(b.optIns(c))
		now := b.Ingress("shop")
		if now.Annotations[authURL] == "" || now.Annotations["mine"] != "stays" {
			t.Fatalf("%v", now.Annotations)
		}
		if got := len(b.Owned()); got != 3 {
			t.Errorf("%d objects of ours", got)
		}
		unchanged("after the opt-in")
		out.do(o)
		b.converge(b.optIns(c))
		b.NothingOfOurs()
		unchanged(out.name)
		if !out.gone {
			if now := b.Ingress("shop"); now.Annotations["mine"] != "stays" || len(now.Annotations) != 1 {
				t.Errorf("%v", now.Annotations)
			}
			fixture.Remove(t, b.C, o)
		}
	}
}

// TestChanges: what a change makes superfluous goes, and the rest stays as it is.
func TestChanges(t *testing.T) {
	b := newBench(t)
	c, _ := counting(t)
	o := b.OptedIn("shop", "shop.example.com")
	fixture.Create(t, b.C, o)
	b.converge(b.optIns(c))
	has := func(what string, names ...string) {
		t.Helper()
		b.converge(b.optIns(c))
		var got []string
		for _, o := range b.Owned() {
			got = append(got, o.GetKind()+" "+o.GetName())
		}
		slices.Sort(got)
		if !slices.Equal(got, names) {
			t.Errorf("%s: %q, want %q", what, got, names)
		}
	}
	has("opted in", "EndpointSlice ostiary-render-shop", "Ingress ostiary-host-shop.example.com", "Service ostiary-render-shop")
	fixture.Change(t, b.C, o, func(o *networkingv1.Ingress) { o.Spec.Rules[0].Host = "new.example.com" })
	has("another host", "EndpointSlice ostiary-render-shop", "Ingress ostiary-host-new.example.com", "Service ostiary-render-shop")
	fixture.Change(t, b.C, o, func(o *networkingv1.Ingress) { o.Annotations[routes.ModeAnnotation] = "canary" })
	has("another mode", "Ingress ostiary-canary-shop", "Ingress ostiary-host-new.example.com")
	if now := b.Ingress("shop").Annotations; now[authURL] == "" || now[backend] != "" || now[errors4] != "" {
		t.Errorf("%v", now)
	}
	fixture.Change(t, b.C, o, func(o *networkingv1.Ingress) {
		o.Spec.IngressClassName = new(string)
		*o.Spec.IngressClassName = "other"
	})
	has("another class", "Ingress ostiary-host-new.example.com")
	if now := b.Ingress("shop").Annotations; now[authURL] != "" || now["other.example/ask"] == "" {
		t.Errorf("%v", now)
	}
}

// TestDrift: what somebody does to objects of ours is mended, and the addresses of
// the render pods are followed.
func TestDrift(t *testing.T) {
	b := newBench(t)
	c, written := counting(t)
	fixture.Create(t, b.C, b.OptedIn("shop", "shop.example.com"))
	b.converge(b.optIns(c))
	want := b.State()
	var s corev1.Service
	key := client.ObjectKey{Namespace: b.App, Name: "ostiary-render-shop"}
	if err := b.C.Get(t.Context(), key, &s); err != nil {
		t.Fatal(err)
	}
	s.Spec.Ports[0].Port = 1
	if err := b.C.Update(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	var own networkingv1.Ingress
	own.Namespace, own.Name = b.Ours, "ostiary-host-shop.example.com"
	fixture.Remove(t, b.C, &own)
	b.converge(b.optIns(c))
	if got := b.State(); got != want {
		t.Errorf("not mended:\n%s\nwant\n%s", got, want)
	}
	var slice discoveryv1.EndpointSlice
	if err := b.C.Get(t.Context(), client.ObjectKey{Namespace: b.Ours, Name: "ostiary-render-a"}, &slice); err != nil {
		t.Fatal(err)
	}
	slice.Endpoints[0].Addresses[0] = "192.0.2.8"
	if err := b.C.Update(t.Context(), &slice); err != nil {
		t.Fatal(err)
	}
	before := written.Load()
	b.converge(b.optIns(c))
	if n := written.Load() - before; n != 1 {
		t.Errorf("%d writes for one slice", n)
	}
	if err := b.C.Get(t.Context(), key, &slice); err != nil || slice.Endpoints[0].Addresses[0] != "192.0.2.8" {
		t.Errorf("%v, %v", err, slice.Endpoints)
	}
}

// TestNameTaken: what is not ours is neither changed nor deleted, and annotations
// that would refer to it are not written. The question is.
func TestNameTaken(t *testing.T) {
	b := newBench(t)
	c, written := counting(t)
	theirs := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: b.App, Name: "ostiary-render-shop"},
		Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "theirs", Port: 4}}}}
	fixture.Create(t, b.C, theirs, b.OptedIn("shop", "shop.example.com"))
	optIns := b.optIns(c)
	b.converge(optIns)
	before := written.Load()
	b.converge(optIns)
	if n := written.Load() - before; n > 0 {
		t.Errorf("%d writes, again", n)
	}
	var now corev1.Service
	if err := b.C.Get(t.Context(), client.ObjectKeyFromObject(theirs), &now); err != nil || now.ResourceVersion != theirs.ResourceVersion {
		t.Errorf("%v, %v", err, now)
	}
	if a := b.Ingress("shop").Annotations; a[authURL] == "" || a[backend] != "" {
		t.Errorf("%v", a)
	}
	events := strings.Join(b.heard(), "\n")
	if strings.Count(events, reasonNameTaken) != 1 || strings.Count(events, reasonHeldBack) != 1 {
		t.Errorf("events:\n%s", events)
	}
	fixture.Remove(t, b.C, theirs)
	fixture.Eventually(t, "the rest is written", func() error {
		b.converge(optIns)
		if a := b.Ingress("shop").Annotations; a[backend] == "" {
			return fmt.Errorf("%v", a)
		}
		return nil
	})
}

// TestGoneMeanwhile: an Ingress that goes away after it was listed is not made
// anew, and neither is one that takes its place changed by what was planned for it.
func TestGoneMeanwhile(t *testing.T) {
	b := newBench(t)
	var before func()
	c := intercepted(t, interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			if name := o.(interface{ GetName() string }).GetName(); name == "shop" {
				before()
			}
			return c.Apply(ctx, o, opts...)
		}})
	shop := b.OptedIn("shop", "shop.example.com")
	fixture.Create(t, b.C, shop)
	before = func() { fixture.Remove(t, b.C, shop) }
	_, err := b.optIns(c).Reconcile(t.Context(), reconcile.Request{})
	if err == nil {
		t.Error("nothing to try again")
	}
	var list networkingv1.IngressList
	if err := b.C.List(t.Context(), &list, client.InNamespace(b.App)); err != nil || len(list.Items) > 0 {
		t.Errorf("%v, %v", err, list.Items)
	}
	before = func() {}
	b.converge(b.optIns(c))
	b.NothingOfOurs()
}
