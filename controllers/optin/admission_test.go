// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// admission has the API server guard what opts in in these namespaces, as
// config/admission does.
func (b *bench) admission(namespaces ...string) {
	b.T.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "admission", "policies.yaml"))
	if err != nil {
		b.T.Fatal(err)
	}
	text = bytes.ReplaceAll(text, []byte("ostiary-system"), []byte(b.Ours))
	name := "guard-" + b.Ours
	text = bytes.ReplaceAll(text, []byte(": ostiary-guard"), []byte(": "+name))
	text = bytes.ReplaceAll(text, []byte("    name: "+name+"\n    namespace"), []byte("    name: ostiary-guard\n    namespace"))
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		u := &unstructured.Unstructured{}
		if err := d.Decode(&u.Object); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			b.T.Fatal(err)
		}
		if strings.HasSuffix(u.GetKind(), "Binding") {
			in := []any{}
			for _, ns := range namespaces {
				in = append(in, ns)
			}
			selector := map[string]any{"matchExpressions": []any{map[string]any{"key": "kubernetes.io/metadata.name", "operator": "In", "values": in}}}
			if err := unstructured.SetNestedMap(u.Object, map[string]any{"namespaceSelector": selector}, "spec", "matchResources"); err != nil {
				b.T.Fatal(err)
			}
		}
		if err := b.C.Create(b.T.Context(), u); err != nil {
			b.T.Fatal(err)
		}
		b.T.Cleanup(func() {
			if err := b.C.Delete(context.WithoutCancel(b.T.Context()), u); err != nil {
				b.T.Error(err)
			}
		})
	}
	for _, ns := range namespaces {
		fixture.Eventually(b.T, "the policies are in force", func() error {
			o := fixture.Route(ns, "is-it", "app", "is-it.example.com", "/")
			o.Spec.IngressClassName = pointer("nobody-knows-this-class")
			if err := b.C.Create(b.T.Context(), o, client.DryRunAll); !apierrors.IsForbidden(err) {
				return errors.Join(errors.New("not yet"), err)
			}
			return nil
		})
	}
}

func pointer[T any](v T) *T { return &v }

// guardMap fills the ConfigMap, as the controller does, and waits until the API server
// goes by it.
func (b *bench) guardMap(ns string) {
	b.T.Helper()
	g := &Guard{Settings: b.Settings, Leads: func() bool { return false }, client: b.C, live: b.C, kick: make(chan struct{}, 1)}
	g.See(b.classes())
	if err := g.keep(b.T.Context()); err != nil {
		b.T.Fatal(err)
	}
	fixture.Eventually(b.T, "the API server has read it", func() error {
		o := b.OptedIn("is-it", "is-it.example.com")
		o.Namespace = ns
		return b.C.Create(b.T.Context(), o, client.DryRunAll)
	})
}

func (b *bench) classes() []*networkingv1.IngressClass {
	b.T.Helper()
	var list networkingv1.IngressClassList
	if err := b.C.List(b.T.Context(), &list); err != nil {
		b.T.Fatal(err)
	}
	return cluster.Pointers(list.Items)
}

// addClass makes a class for the time of a test.
func (b *bench) addClass(name, controller string, annotations map[string]string) {
	b.T.Helper()
	class := &networkingv1.IngressClass{ObjectMeta: fixture.Named("", name), Spec: networkingv1.IngressClassSpec{Controller: controller}}
	class.Annotations = annotations
	if err := b.C.Create(b.T.Context(), class); err != nil {
		b.T.Fatal(err)
	}
	b.T.Cleanup(func() {
		if err := b.C.Delete(context.WithoutCancel(b.T.Context()), class); err != nil {
			b.T.Error(err)
		}
	})
}

// TestAdmittedAsPlanned: what the API server puts on an Ingress is what the planner
// plans, for any name, class and way of telling the class; nothing more, and nobody's.
// The controller then takes it over, and taking the annotation off leaves nothing.
func TestAdmittedAsPlanned(t *testing.T) {
	b := newBench(t)
	b.make = plan.Make
	odd := &corev1.Namespace{ObjectMeta: fixture.Named("", "n---a--"+b.App[:2])}
	fixture.Create(t, b.C, odd)
	b.addClass("t", "traefik.io/ingress-controller", nil)
	b.addClass("tn", "k8s.io/ingress-nginx", map[string]string{routes.ProxyAnnotation: string(routes.TraefikNGINX)})
	b.addClass("h.dotted", "haproxy-ingress.github.io/controller", nil)
	b.addClass("default", "k8s.io/ingress-nginx", map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"})
	b.admission(b.App, odd.Name)
	b.guardMap(b.App)
	names := []string{"app", "a.b", "a-b", "a--b", "a---b", "a----b", "route-x", "route-x.y", "xroute", "z", "zz.z--z0", "z1", "9", "a.b-c.d",
		strings.Repeat("n", 63), strings.Repeat("m", 64), strings.Repeat("k", 200), strings.Repeat("l", 238), "a." + strings.Repeat("i", 234)}
	class := func(name string) func(*networkingv1.Ingress) {
		return func(o *networkingv1.Ingress) { o.Spec.IngressClassName = &name }
	}
	note := func(key, value string) func(*networkingv1.Ingress) {
		return func(o *networkingv1.Ingress) { o.Annotations[key] = value }
	}
	for way, set := range map[string]func(*networkingv1.Ingress){
		"nginx": class("nginx"), "traefik": class("t"), "traefik-nginx": class("tn"), "haproxy": class("h.dotted"), "default": nothing,
		"legacy": note("kubernetes.io/ingress.class", "traefik"), "legacy nginx": note("kubernetes.io/ingress.class", "nginx"),
		"stated": func(o *networkingv1.Ingress) {
			class("unknown")(o)
			note(routes.ProxyAnnotation, "haproxy-ingress")(o)
		},
	} {
		t.Run(way, func(t *testing.T) {
			b := b.of(t)
			for _, ns := range []string{b.App, odd.Name} {
				for _, name := range names {
					o := fixture.Route(ns, name, "app", "x.example.com", "/")
					set(o)
					b.asPlanned(o)
				}
			}
		})
	}
}

// asPlanned makes an Ingress, and compares it with what is planned for it.
func (b *bench) asPlanned(o *networkingv1.Ingress) {
	b.T.Helper()
	said := maps.Clone(o.Annotations)
	if err := b.C.Create(b.T.Context(), o); err != nil {
		b.T.Errorf("%s: %v", o.Name, err)
		return
	}
	defer fixture.Remove(b.T, b.C, o)
	ref := routes.Ref{Kind: "Ingress", NamespacedName: client.ObjectKeyFromObject(o)}
	planned := func(o *networkingv1.Ingress) plan.Plan {
		return plan.Make(routes.Snapshot{Ingresses: []*networkingv1.Ingress{o}, Classes: b.classes(), Served: map[string]bool{"Middleware.traefik.io": true, "IngressRoute.traefik.io": true}}, b.Settings)
	}
	bare := o.DeepCopy()
	bare.Annotations = said
	want := planned(bare)
	if len(want.Guards[ref]) == 0 || !want.Bindings[0].Guarded {
		b.T.Fatalf("%s: nothing is planned: %v", o.Name, want.Findings)
	}
	got := maps.Clone(o.Annotations)
	maps.DeleteFunc(got, func(k, _ string) bool { _, is := said[k]; return is })
	guard := maps.Clone(want.Guards[ref])
	if !maps.Equal(got, guard) {
		b.T.Errorf("%s: the API server wrote\n%v\nthe planner plans\n%v", o.Name, got, guard)
	}
	for _, f := range planned(o).Findings {
		if strings.HasPrefix(f.Reason, "Foreign") {
			b.T.Errorf("%s: to the planner that is somebody else's: %s", o.Name, f.Message)
		}
	}
	if left := family.Leftovers(o, true); len(left) != len(guard) {
		b.T.Errorf("%s: it belongs to somebody: %v of %v", o.Name, left, guard)
	}
}

// TestNoWindow: whatever is done to an Ingress that names a policy, at every version
// that it has it asks. The controller is away all the time.
func TestNoWindow(t *testing.T) {
	b := newBench(t)
	b.admission(b.App)
	b.guardMap(b.App)
	var seen []string
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watcher, err := client.NewWithWatch(server.Config(t), client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	w, err := watcher.Watch(ctx, &networkingv1.IngressList{}, client.InNamespace(b.App))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range w.ResultChan() {
			o, ok := e.Object.(*networkingv1.Ingress)
			if !ok {
				continue
			}
			_, opted := o.Annotations[routes.PolicyAnnotation]
			if e.Type != "DELETED" && opted && !strings.HasSuffix(o.Annotations[authURL], "/authz/v1/nginx/"+o.Namespace+"/"+o.Name+"/$request_method/$host$request_uri") {
				t.Errorf("%s at %s names a policy, and nobody is asked: %v", o.Name, o.ResourceVersion, o.Annotations)
			}
			seen = append(seen, string(e.Type))
		}
	}()
	manifest := func() *networkingv1.Ingress { return b.OptedIn("shop", "shop.example.com") }
	replace := func() {
		t.Helper()
		o := manifest()
		o.ResourceVersion = b.Ingress("shop").ResourceVersion
		if err := b.C.Update(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	patch := func(body string, opts ...client.PatchOption) {
		t.Helper()
		if err := b.C.Patch(t.Context(), b.Ingress("shop"), client.RawPatch(types.MergePatchType, []byte(body)), opts...); err != nil {
			t.Fatal(err)
		}
	}
	applied := func(manager string, opts ...client.ApplyOption) {
		t.Helper()
		u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"ingressClassName": "nginx",
			"defaultBackend": map[string]any{"service": map[string]any{"name": manager, "port": map[string]any{"number": int64(80)}}}}}}
		u.SetGroupVersionKind(annotated["Ingress"])
		u.SetNamespace(b.App)
		u.SetName("shop")
		u.SetAnnotations(map[string]string{routes.PolicyAnnotation: "app"})
		if err := b.C.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(u), append(opts, client.FieldOwner(manager))...); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		fixture.Create(t, b.C, manifest())
		replace()
		patch(`{"metadata": {"annotations": {"` + authURL + `": null}}}`)
		patch(`{"metadata": {"annotations": null}}`)
		patch(`{"metadata": {"annotations": {"` + routes.PolicyAnnotation + `": "app"}}}`)
		applied("one", client.ForceOwnership)
		applied("two", client.ForceOwnership)
		patch(`{"metadata": {"annotations": {"`+authURL+`": null}}}`, client.FieldOwner("ostiary"))
		replace()
		fixture.Remove(t, b.C, b.Ingress("shop"))
		applied("one")
		fixture.Remove(t, b.C, b.Ingress("shop")) // replace --force
	}
	fixture.Create(t, b.C, manifest())
	// Whoever opted out before the controller came has nothing of ours left.
	patch(`{"metadata": {"annotations": {"` + routes.PolicyAnnotation + `": null}}}`)
	if b.Ingress("shop").Annotations[authURL] == "" {
		t.Error("the API server took it off: then nothing is tested here")
	}
	b.converge(b.optIns(b.C))
	if a := b.Ingress("shop").Annotations; len(a) > 0 {
		t.Errorf("left behind: %v", a)
	}
	time.Sleep(300 * time.Millisecond)
	cancel()
	<-done
	t.Logf("%d versions of an Ingress that names a policy: %v", len(seen), slices.Compact(seen))
	if len(seen) < 30 {
		t.Errorf("only %d versions were seen", len(seen))
	}
}

// TestGuardMap: any replica fills the ConfigMap while it is empty, and only the leader
// changes it; it follows the classes.
func TestGuardMap(t *testing.T) {
	b := newBench(t)
	key := client.ObjectKey{Namespace: b.Ours, Name: "ostiary-guard"}
	data := func() map[string]string {
		t.Helper()
		var m corev1.ConfigMap
		if err := b.C.Get(t.Context(), key, &m); client.IgnoreNotFound(err) != nil {
			t.Fatal(err)
		}
		return m.Data
	}
	leads := false
	g := &Guard{Settings: b.Settings, Leads: func() bool { return leads }, client: b.C, live: b.C, kick: make(chan struct{}, 1)}
	keep := func() {
		t.Helper()
		if err := g.keep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	keep()
	if data() != nil {
		t.Error("it is written before the classes are known")
	}
	class := func(name, controller string) *networkingv1.IngressClass {
		return &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.IngressClassSpec{Controller: controller}}
	}
	g.See([]*networkingv1.IngressClass{class("public", "k8s.io/ingress-nginx"), class("nginx", "nginx.org/ingress-controller")})
	keep()
	if d := data(); d["class_public"] != "ingress-nginx" || d["class_nginx"] != "" || d["class_traefik"] != "traefik" {
		t.Errorf("%v", d)
	}
	g.See([]*networkingv1.IngressClass{class("public", "traefik.io/ingress-controller")})
	keep()
	if d := data(); d["class_public"] != "ingress-nginx" {
		t.Errorf("one that does not lead changed it: %v", d)
	}
	leads = true
	keep()
	if d := data(); d["class_public"] != "traefik" || d["class_nginx"] != "ingress-nginx" {
		t.Errorf("%v", d)
	}
	g.See([]*networkingv1.IngressClass{})
	keep()
	if d := data(); d["class_public"] != "" || d["class_"] != "" {
		t.Errorf("what is gone is still known: %v", d)
	}
}

// TestWindowIsTold: where a new route is open for a while, the condition says so.
func TestWindowIsTold(t *testing.T) {
	of := func(kind string) routes.Binding {
		return routes.Binding{Route: routes.Ref{Kind: kind, NamespacedName: types.NamespacedName{Namespace: "shop", Name: "web"}},
			Policy: types.NamespacedName{Namespace: "shop", Name: kind}, Guarded: true}
	}
	bindings := []routes.Binding{of("Ingress"), of("HTTPRoute")}
	for _, c := range []struct {
		admission bool
		kind      string
		open      bool
	}{{true, "Ingress", false}, {true, "HTTPRoute", true}, {false, "Ingress", true}, {false, "HTTPRoute", true}} {
		said := newReport(&plan.Plan{Bindings: bindings}, nil, nil, func(routes.Ref, types.NamespacedName) bool { return true }).withWindow(bindings, c.admission).routed[types.NamespacedName{Namespace: "shop", Name: c.kind}]
		if said.Status != metav1.ConditionTrue || strings.Contains(said.Message, "is unprotected until") != c.open {
			t.Errorf("admission %v: %s", c.admission, said.Message)
		}
	}
}
