// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// A fault happens to one API call.
type fault int

const (
	failsBefore fault = iota // it never arrives
	failsAfter               // it takes effect, and its answer is lost
	ends                     // the process ends before it
	endsAfter                // the process ends after it took effect
	faults
)

func (f fault) String() string {
	return [...]string{"error before", "error after", "end before", "end after"}[f]
}

// An injector lets the nth call of a client fail.
type injector struct {
	n, calls int
	fault    fault
	end      context.CancelFunc
	written  func() // called after each write
	kinds    []byte // what each call was: l, g or w
}

var errInjected = apierrors.NewInternalError(errors.New("injected"))

func (i *injector) around(ctx context.Context, kind byte, call func(context.Context) error) error {
	i.calls++
	i.kinds = append(i.kinds, kind)
	hit := i.calls == i.n
	if hit && i.fault == ends {
		i.end()
	}
	if hit && i.fault == failsBefore {
		return errInjected
	}
	err := call(ctx)
	if kind == 'w' && i.written != nil {
		i.written()
	}
	if hit && i.fault == endsAfter {
		i.end()
		return ctx.Err()
	}
	if hit && i.fault == failsAfter && err == nil {
		return errInjected
	}
	return err
}

func (i *injector) client(t *testing.T) client.Client {
	return intercepted(t, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return i.around(ctx, 'g', func(ctx context.Context) error { return c.Get(ctx, key, o, opts...) })
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return i.around(ctx, 'l', func(ctx context.Context) error { return c.List(ctx, list, opts...) })
		},
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			return i.around(ctx, 'w', func(ctx context.Context) error { return c.Apply(ctx, o, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return i.around(ctx, 'w', func(ctx context.Context) error { return c.Delete(ctx, o, opts...) })
		},
	})
}

// TestFaults: whatever call fails, and however, a start after it leads to the same
// state; and on the way no route that names its policy is without its auth-url once
// it has one, nor has one whose objects are not there.
func TestFaults(t *testing.T) {
	b := newBench(t)
	b.make = plan.Make
	for _, step := range []struct {
		name    string
		before  func(*networkingv1.Ingress) // nil: it isn't there yet
		after   func(*networkingv1.Ingress) // nil: it goes away
		guarded bool                        // before, and after
		writes  int
	}{
		{"opt in", func(o *networkingv1.Ingress) { delete(o.Annotations, routes.PolicyAnnotation) },
			func(o *networkingv1.Ingress) {
				metav1.SetMetaDataAnnotation(&o.ObjectMeta, routes.PolicyAnnotation, "app")
			}, false, 4},
		{"come", nil, nothing, false, 4},
		{"opt out", nothing, func(o *networkingv1.Ingress) { delete(o.Annotations, routes.PolicyAnnotation) }, false, 4},
		{"go", nothing, nil, false, 3},
		{"another mode", nothing, func(o *networkingv1.Ingress) { o.Annotations[routes.ModeAnnotation] = "canary" }, true, 4},
		{"the mode before", func(o *networkingv1.Ingress) { o.Annotations[routes.ModeAnnotation] = "canary" },
			func(o *networkingv1.Ingress) { delete(o.Annotations, routes.ModeAnnotation) }, true, 4},
		{"another host", nothing, func(o *networkingv1.Ingress) { o.Spec.Rules[0].Host = "new.example.com" }, true, 2},
	} {
		t.Run(step.name, func(t *testing.T) {
			b := b.of(t)
			reach := func(f func(*networkingv1.Ingress)) {
				t.Helper()
				is := &networkingv1.Ingress{}
				is.Namespace, is.Name = b.App, "shop"
				err := b.C.Get(t.Context(), client.ObjectKeyFromObject(is), is)
				switch {
				case f == nil:
					if err := b.C.Delete(t.Context(), is); client.IgnoreNotFound(err) != nil {
						t.Fatal(err)
					}
				case apierrors.IsNotFound(err):
					o := b.OptedIn("shop", "shop.example.com")
					f(o)
					fixture.Create(t, b.C, o)
				case err != nil:
					t.Fatal(err)
				default:
					fixture.Change(t, b.C, is, f)
				}
			}
			begin := func() {
				t.Helper()
				reach(nil)
				b.converge(b.optIns(b.C))
				b.NothingOfOurs()
				if step.before != nil {
					reach(step.before)
				}
				b.converge(b.optIns(b.C))
			}
			begin()
			reach(step.after)
			smooth := &injector{end: func() {}}
			b.disturbed(smooth)
			want := b.State()
			for n, kind := range smooth.kinds {
				n++
				for f := range faults {
					// A call that only reads has no effect that could be lost, and all
					// lists are read before anything is written.
					if kind != 'w' && f > failsBefore || kind == 'l' && step.before != nil {
						continue
					}
					begin()
					reach(step.after)
					i := &injector{n: n, fault: f, written: func() { b.invariant(fmt.Sprintf("%s at call %d", f, n), step.guarded) }}
					b.disturbed(i)
					if i.calls < n {
						t.Errorf("%s at call %d: there were only %d", f, n, i.calls)
					}
					b.converge(b.optIns(b.C))
					if got := b.State(); got != want {
						t.Fatalf("%s at call %d leads to\n%s\nwant\n%s", f, n, got, want)
					}
				}
			}
			if writes := strings.Count(string(smooth.kinds), "w"); writes < step.writes {
				t.Errorf("%d writes: calls are missed", writes)
			}
		})
	}
}

func nothing(*networkingv1.Ingress) {}

// disturbed lets a process run until the fault, and beyond it for a while, if it lives.
func (b *bench) disturbed(i *injector) {
	b.T.Helper()
	ctx, end := context.WithCancel(b.T.Context())
	defer end()
	i.end = end
	o := b.optIns(i.client(b.T))
	for range 3 {
		if _, err := o.Reconcile(ctx, reconcile.Request{}); err == nil || ctx.Err() != nil {
			return
		}
	}
}

// invariant holds at every moment.
func (b *bench) invariant(when string, guarded bool) {
	b.T.Helper()
	var o networkingv1.Ingress
	err := b.C.Get(b.T.Context(), client.ObjectKey{Namespace: b.App, Name: "shop"}, &o)
	if apierrors.IsNotFound(err) {
		return
	}
	if err != nil {
		b.T.Fatal(err)
	}
	if guarded && o.Annotations[routes.PolicyAnnotation] != "" && o.Annotations[authURL] == "" {
		b.T.Errorf("%s: it names its policy, and is not guarded: %v", when, o.Annotations)
	}
	if name := o.Annotations[backend]; name != "" {
		for _, own := range b.Owned() {
			if own.GetKind() == "Service" && own.GetName() == name {
				return
			}
		}
		b.T.Errorf("%s: annotations refer to Service %s, which is not there", when, name)
	}
}
