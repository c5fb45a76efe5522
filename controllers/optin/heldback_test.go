// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// A hindrance is what happens to every write of one object.
type hindrance int

const (
	forbidden hindrance = iota // by a rule of the platform
	hangs                      // it gets no answer
	vanishes                   // it is made, and somebody takes it away
	failing                    // a webhook is down
	hindrances
)

func (h hindrance) String() string {
	return [...]string{"refused", "hangs", "vanishes", "fails"}[h]
}

// hindered is a client that one object cannot be written with.
func hindered(t *testing.T, ref routes.Ref, h hindrance) client.Client {
	t.Helper()
	return intercepted(t, interceptor.Funcs{Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
		u, ok := o.(client.Object)
		if !ok {
			t.Errorf("%T", o)
			return c.Apply(ctx, o, opts...)
		}
		if refOf(u) != ref {
			return c.Apply(ctx, o, opts...)
		}
		switch h {
		case forbidden:
			return apierrors.NewForbidden(schema.GroupResource{Resource: ref.Kind}, ref.Name, errors.New("a rule of the platform"))
		case hangs:
			return fmt.Errorf("applying: %w", context.DeadlineExceeded)
		case failing:
			return apierrors.NewInternalError(errors.New("failed calling webhook: no route to host"))
		case vanishes, hindrances:
		}
		err := c.Apply(ctx, o, opts...)
		gone := &unstructured.Unstructured{}
		gone.SetGroupVersionKind(kindOf(ref.Kind))
		gone.SetNamespace(ref.Namespace)
		gone.SetName(ref.Name)
		return errors.Join(err, client.IgnoreNotFound(c.Delete(ctx, gone)))
	}})
}

// TestNothingHoldsBackAGuard: whichever object of ours is refused, gets no answer, or is
// taken away, every Ingress that names a policy has its proxy ask; preflights are let
// pass only where something takes them; and what is missing is told.
func TestNothingHoldsBackAGuard(t *testing.T) {
	b := newBench(t)
	b.make = plan.Make
	fixture.OtherKinds(t, b.C)
	b.addClass("held-traefik", "traefik.io/ingress-controller", nil)
	b.addClass("held-tn", "k8s.io/ingress-nginx", map[string]string{routes.ProxyAnnotation: string(routes.TraefikNGINX)})
	b.addClass("held-haproxy", "haproxy-ingress.github.io/controller", nil)
	fixture.Create(t, b.C, fixture.Open(b.App, "app"))
	cases := 0
	for _, family := range []struct{ name, class, mode string }{
		{"render", "nginx", ""}, {"canary", "nginx", "canary"}, {"global", "nginx", "global"}, {"static", "nginx", "static"},
		{"traefik", "held-traefik", ""}, {"traefik-nginx", "held-tn", ""}, {"haproxy", "held-haproxy", ""},
	} {
		t.Run(family.name, func(t *testing.T) {
			b := b.of(t)
			opt := func() *networkingv1.Ingress {
				o := b.OptedIn("shop", "shop.example.com")
				o.Spec.IngressClassName = &family.class
				if family.mode != "" {
					o.Annotations[routes.ModeAnnotation] = family.mode
				}
				fixture.Create(t, b.C, o)
				return o
			}
			out := func() {
				t.Helper()
				fixture.Remove(t, b.C, b.Ingress("shop"))
				b.converge(b.optIns(b.C))
				b.NothingOfOurs()
			}
			opt()
			b.converge(b.optIns(b.C))
			refs := []routes.Ref{}
			for _, o := range b.Owned() {
				refs = append(refs, refOf(o))
			}
			out()
			if len(refs) == 0 {
				t.Fatal("nothing is made")
			}
			for _, ref := range refs {
				for h := range hindrances {
					opt()
					o := b.optIns(hindered(t, ref, h))
					var told *feed.Conditions
					o.Report = func(c *feed.Conditions) { told = c }
					for range 3 { // the second and third find the world as it is then
						result, err := o.Reconcile(t.Context(), reconcile.Request{})
						b.heldBack(fmt.Sprintf("%s %s", ref, h), h, told)
						if h != vanishes && err == nil && (result.RequeueAfter <= 0 || result.RequeueAfter > againLast) {
							t.Errorf("%s %s: it is tried again after %s", ref, h, result.RequeueAfter)
						}
					}
					b.converge(b.optIns(b.C)) // it is not hindered any more
					out()
					cases++
				}
			}
		})
	}
	t.Logf("%d hindrances of one object each", cases)
}

// heldBack is what holds at every moment.
func (b *bench) heldBack(when string, h hindrance, told *feed.Conditions) {
	b.T.Helper()
	a := b.Ingress("shop").Annotations
	asks := strings.HasPrefix(a[authURL], b.Settings.AuthzURL+"/authz/v1/") ||
		strings.Contains(a["haproxy-ingress.github.io/auth-url"], "/authz/v1/forward/"+b.App+"/shop") && a["haproxy-ingress.github.io/request-set-headers"] != "" ||
		a["traefik.ingress.kubernetes.io/router.middlewares"] == fmt.Sprintf("%[1]s-ostiary-strip-shop@kubernetescrd,%[1]s-ostiary-auth-shop@kubernetescrd", b.App)
	if !asks {
		b.T.Errorf("%s: it names a policy, and nobody is asked: %v", when, a)
	}
	if h == vanishes {
		return // the next run sees that it is gone
	}
	canary := slices.ContainsFunc(b.Owned(), func(o *unstructured.Unstructured) bool { return strings.HasPrefix(o.GetName(), "ostiary-canary.") })
	if strings.Contains(a[authURL], "/nginx-pass/") && !canary {
		b.T.Errorf("%s: preflights are let pass, and nothing takes them", when)
	}
	if name := a[backend]; name != "" && !slices.ContainsFunc(b.Owned(), func(o *unstructured.Unstructured) bool { return o.GetName() == name }) {
		b.T.Errorf("%s: the pages of refusals are those of %s, which is not there", when, name)
	}
	name := strings.Fields(when)[1]
	said := told.Of(types.NamespacedName{Namespace: b.App, Name: "app"}, feed.Standing{})
	c := said[v1alpha1.ConditionRouted]
	if c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, name[strings.Index(name, "/")+1:]) {
		b.T.Errorf("%s: Routed is %s: %s", when, c.Status, c.Message)
	}
	if c, ok := said[v1alpha1.ConditionCovered]; !ok || c.Status == metav1.ConditionTrue {
		b.T.Errorf("%s: Covered is %v", when, c)
	}
}

// TestHangingObjects: objects that get no answer, however many, keep no route from
// asking for long.
func TestHangingObjects(t *testing.T) {
	b := newBench(t)
	b.make = plan.Make
	for i := range 5 {
		fixture.Create(t, b.C, b.OptedIn(fmt.Sprintf("shop%d", i), fmt.Sprintf("shop%d.example.com", i)))
	}
	tried := 0
	o := b.optIns(intercepted(t, interceptor.Funcs{Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
		if u, ok := o.(client.Object); ok && u.GetLabels()[routes.RouteLabel] == "" {
			return c.Apply(ctx, o, opts...)
		}
		tried++
		time.Sleep(time.Second)
		return context.DeadlineExceeded
	}}))
	start := time.Now()
	result, err := o.Reconcile(t.Context(), reconcile.Request{})
	if err != nil || result.RequeueAfter <= 0 || result.RequeueAfter > againLast {
		t.Errorf("%v, %v", result, err)
	}
	if took := time.Since(start); took > objectsTime+3*time.Second {
		t.Errorf("a run takes %s, and the next route waits", took)
	}
	for i := range 5 {
		if b.Ingress(fmt.Sprintf("shop%d", i)).Annotations[authURL] == "" {
			t.Errorf("shop%d asks nobody", i)
		}
	}
	before := tried
	if _, err := o.Reconcile(t.Context(), reconcile.Request{}); err != nil {
		t.Error(err)
	}
	if tried == before {
		t.Error("those that were not tried are not tried now")
	}
}

// rule has the API server refuse Ingresses in the namespaces of a bench.
func (b *bench) rule(name, expression string) {
	b.T.Helper()
	for _, text := range []string{
		`{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy", "spec": {"matchConstraints": {"resourceRules": [
			{"apiGroups": ["networking.k8s.io"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["ingresses"]}]},
			"validations": [{"expression": "` + expression + `", "message": "the platform wants ` + name + `"}]}}`,
		`{"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicyBinding", "spec": {"policyName": "` + name + `", "validationActions": ["Deny"],
			"matchResources": {"namespaceSelector": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["` + b.App + `", "` + b.Ours + `"]}]}}}}`,
	} {
		u := &unstructured.Unstructured{}
		if err := u.UnmarshalJSON([]byte(text)); err != nil {
			b.T.Fatal(err)
		}
		u.SetName(name)
		fixture.Create(b.T, b.C, u)
		b.T.Cleanup(func() {
			if err := b.C.Delete(context.WithoutCancel(b.T.Context()), u); err != nil {
				b.T.Error(err)
			}
		})
	}
	fixture.Eventually(b.T, "the rule is in force", func() error {
		if err := b.C.Create(b.T.Context(), fixture.Route(b.App, "is-it", "app", "is-it.example.com", "/"), client.DryRunAll); err == nil {
			return errors.New("it refuses nothing")
		}
		return nil
	})
}

// TestRulesOfThePlatform: an application keeps them, and what we make for it does, too,
// or it is told what is missing. The application is guarded in either case. THREATS H11.
func TestRulesOfThePlatform(t *testing.T) {
	b := newBench(t)
	b.make = plan.Make
	fixture.Create(t, b.C, fixture.Open(b.App, "app"))
	b.rule("tls-"+b.App, "has(object.spec.tls) && size(object.spec.tls) > 0")
	b.rule("team-"+b.App, "'team' in object.metadata.?labels.orValue({})")
	app := b.OptedIn("shop", "shop.example.com")
	app.Labels = map[string]string{"team": "shop"}
	app.Spec.TLS = []networkingv1.IngressTLS{{Hosts: []string{"shop.example.com"}, SecretName: "shop-tls"}}
	fixture.Create(t, b.C, app)
	run := func(o *Controller) metav1.Condition {
		t.Helper()
		var told *feed.Conditions
		o.Report = func(c *feed.Conditions) { told = c }
		if _, err := o.Reconcile(t.Context(), reconcile.Request{}); err != nil {
			t.Fatal(err)
		}
		if b.Ingress("shop").Annotations[authURL] == "" {
			t.Error("nobody is asked")
		}
		return told.Of(types.NamespacedName{Namespace: b.App, Name: "app"}, feed.Standing{})[v1alpha1.ConditionRouted]
	}
	if c := run(b.optIns(b.C)); c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, "the platform wants") {
		t.Errorf("%s: %s", c.Status, c.Message)
	}
	b.Settings.Labels = map[string]string{"team": "platform"}
	o := b.optIns(b.C)
	fixture.Eventually(t, "all of it is made", func() error {
		if c := run(o); c.Status == metav1.ConditionFalse {
			return fmt.Errorf("%s", c.Message)
		}
		return nil
	})
	var access *unstructured.Unstructured
	for _, own := range b.Owned() {
		if own.GetKind() == "Ingress" {
			access = own
		}
	}
	tls, _, _ := unstructured.NestedSlice(access.Object, "spec", "tls")
	if len(tls) != 1 || !access.GetCreationTimestamp().After(app.CreationTimestamp.Time) {
		t.Errorf("tls %v, made at %s, the application's at %s", tls, access.GetCreationTimestamp(), app.CreationTimestamp)
	}
	// The application's is made anew: ours, which is then the older one, is, too.
	fixture.Remove(t, b.C, app)
	app.ResourceVersion, app.UID = "", ""
	fixture.Create(t, b.C, app)
	fixture.Eventually(t, "ours is the younger one again", func() error {
		if c := run(o); c.Status == metav1.ConditionFalse {
			return fmt.Errorf("%s", c.Message)
		}
		for _, own := range b.Owned() {
			if own.GetKind() == "Ingress" && !own.GetCreationTimestamp().After(app.CreationTimestamp.Time) {
				return fmt.Errorf("%s is older", own.GetName())
			}
		}
		return nil
	})
	fixture.Remove(t, b.C, b.Ingress("shop"))
	b.converge(o)
	b.NothingOfOurs()
}
