// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

const (
	authURL = "nginx.ingress.kubernetes.io/auth-url"
	errors4 = "nginx.ingress.kubernetes.io/custom-http-errors"
	backend = "nginx.ingress.kubernetes.io/default-backend"
)

// simplePlan is as a plan is, and no more than that: annotations by mode, a Service
// with a slice beside an Ingress, and an Ingress of ours for each host.
func simplePlan(w routes.Snapshot, s routes.Settings) plan.Plan {
	p := plan.Plan{Annotations: map[routes.Ref]map[string]string{}, Guards: map[routes.Ref]map[string]string{}, Needs: map[routes.Ref][]routes.Ref{}}
	hosts := map[string]string{}
	for _, o := range w.Ingresses {
		name, ok := o.Annotations[routes.PolicyAnnotation]
		if !ok || labelled(o) {
			continue
		}
		ref := routes.Ref{Kind: "Ingress", NamespacedName: client.ObjectKeyFromObject(o)}
		b := routes.Binding{Route: ref, Guarded: true}
		b.Policy.Namespace, b.Policy.Name = o.Namespace, name
		for _, r := range o.Spec.Rules {
			b.Hosts = append(b.Hosts, r.Host)
			hosts[r.Host] = *cmpClass(o)
		}
		p.Bindings = append(p.Bindings, b)
		if *cmpClass(o) != "nginx" {
			p.Annotations[ref] = map[string]string{"other.example/ask": s.AuthzURL}
			p.Guards[ref] = p.Annotations[ref]
			continue
		}
		all := map[string]string{authURL: s.AuthzURL + "/authz/v1/nginx/" + o.Namespace + "/" + o.Name}
		p.Annotations[ref] = all
		p.Guards[ref] = map[string]string{authURL: all[authURL]}
		if o.Annotations[routes.ModeAnnotation] == "canary" {
			p.Objects = append(p.Objects, ownIngress(s, "ostiary-canary-"+o.Name, b.Hosts[0], *cmpClass(o)))
			continue
		}
		all[errors4], all[backend] = "401,403", "ostiary-render-"+o.Name
		p.Objects = append(p.Objects, ownObject("v1", "Service", o.Namespace, "ostiary-render-"+o.Name, map[string]any{
			"spec": map[string]any{"ports": []any{map[string]any{"name": "http", "port": 9003, "protocol": "TCP"}}}}))
		slice := ownObject("discovery.k8s.io/v1", "EndpointSlice", o.Namespace, "ostiary-render-"+o.Name, map[string]any{
			"addressType": "IPv4", "ports": []any{map[string]any{"name": "http", "port": 9003, "protocol": "TCP"}}, "endpoints": endpointsOf(w.Render)})
		slice.SetLabels(map[string]string{routes.RouteLabel: slice.GetLabels()[routes.RouteLabel], discoveryv1.LabelServiceName: "ostiary-render-" + o.Name})
		p.Objects = append(p.Objects, slice)
		for _, own := range p.Objects[len(p.Objects)-2:] {
			p.Needs[ref] = append(p.Needs[ref], refOf(own))
		}
	}
	for host, class := range hosts {
		p.Objects = append(p.Objects, ownIngress(s, "ostiary-host-"+host, host, class))
	}
	sort.SliceStable(p.Objects, func(i, j int) bool { return refOf(p.Objects[i]).String() < refOf(p.Objects[j]).String() })
	return p
}

func endpointsOf(slices []*discoveryv1.EndpointSlice) []any {
	out := []any{}
	for _, s := range slices {
		for _, e := range s.Endpoints {
			out = append(out, map[string]any{"addresses": []any{e.Addresses[0]}})
		}
	}
	return out
}

func cmpClass(o *networkingv1.Ingress) *string {
	class := "nginx"
	if o.Spec.IngressClassName != nil {
		class = *o.Spec.IngressClassName
	}
	return &class
}

func ownObject(version, kind, ns, name string, fields map[string]any) *unstructured.Unstructured {
	u := &unstructured.Unstructured{Object: fields}
	u.SetAPIVersion(version)
	u.SetKind(kind)
	u.SetNamespace(ns)
	u.SetName(name)
	u.SetLabels(map[string]string{routes.RouteLabel: plan.LabelOf(routes.Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Namespace: ns, Name: strings.TrimPrefix(name, "ostiary-render-")}})})
	u.SetAnnotations(map[string]string{routes.ForAnnotation: "a test"})
	return u
}

func ownIngress(s routes.Settings, name, host, class string) *unstructured.Unstructured {
	return ownObject("networking.k8s.io/v1", "Ingress", s.Namespace, name, map[string]any{"spec": map[string]any{"ingressClassName": class, "rules": []any{
		map[string]any{"host": host, "http": map[string]any{"paths": []any{map[string]any{"path": s.PathPrefix + "/", "pathType": "Prefix",
			"backend": map[string]any{"service": map[string]any{"name": s.ServicePrefix + "-public", "port": map[string]any{"number": 9002}}}}}}},
	}}})
}

// A bench is where opt-ins are carried out step by step: an application's
// namespace, and ours.
type bench struct {
	t         *testing.T
	c         client.Client
	app, ours string
	s         routes.Settings
	make      func(routes.Snapshot, routes.Settings) plan.Plan
	events    *events.FakeRecorder
}

func newBench(t *testing.T) *bench {
	t.Helper()
	c := emptied(t)
	b := &bench{t: t, c: c, app: namespace(t, c), ours: namespace(t, c), make: simplePlan, events: events.NewFakeRecorder(1000)}
	b.s = settingsOf(b.ours)
	t.Cleanup(func() { b.sweep() })
	fixture.Create(t, c, renderSlice(b.ours, "192.0.2.7"))
	class := &networkingv1.IngressClass{ObjectMeta: fixture.Named("", "nginx"), Spec: networkingv1.IngressClassSpec{Controller: "k8s.io/ingress-nginx"}}
	if err := c.Create(t.Context(), class); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	return b
}

func settingsOf(ours string) routes.Settings {
	return routes.Settings{ConfigNamespaces: []string{""}, Namespace: ours, ServicePrefix: "ostiary", AuthzURL: "http://ostiary-authz." + ours + ".svc.cluster.local:9001",
		PublicPort: 9002, RenderPort: 9003, PreflightPort: 9004, PathPrefix: "/.access", Mode: routes.Render,
		IdentityHeaders: []string{"X-Access-Jwt-Assertion", "X-Access-Email", "X-Access-User", "X-Access-Groups"}}
}

func renderSlice(ns, address string) *discoveryv1.EndpointSlice {
	name, port, ready := "http", int32(9003), true
	return &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Namespace: ns, Name: "ostiary-render-a", Labels: map[string]string{discoveryv1.LabelServiceName: "ostiary-render"}},
		AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &port}},
		Endpoints: []discoveryv1.Endpoint{{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: &ready}}}}
}

// sweep removes what carries our label.
func (b *bench) sweep() {
	b.t.Helper()
	ctx := context.WithoutCancel(b.t.Context())
	for _, o := range b.owned() {
		if err := b.c.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
			b.t.Error(err)
		}
	}
}

func (b *bench) owned() []*unstructured.Unstructured {
	b.t.Helper()
	owned, err := listOwned(context.WithoutCancel(b.t.Context()), liveReader{b.c})
	if err != nil {
		b.t.Fatal(err)
	}
	return owned
}

// optIns is as a process has it that just started to lead.
func (b *bench) optIns(c client.Client) *OptIns {
	return &OptIns{Settings: b.s, Leads: func() bool { return true }, make: b.make, people: liveReader{c}, own: liveReader{c},
		apply: applier{client: c, live: c}, events: b.events, found: newFindingMetrics(prometheus.NewRegistry())}
}

// converge runs until there is nothing left to do.
func (b *bench) converge(o *OptIns) {
	b.t.Helper()
	for range 20 {
		if _, err := o.Reconcile(b.t.Context(), reconcile.Request{}); err == nil {
			return
		} else if b.t.Context().Err() != nil {
			b.t.Fatal(err)
		}
	}
	b.t.Fatal("it does not converge")
}

// optedIn is an Ingress that names a policy.
func (b *bench) optedIn(name, host string) *networkingv1.Ingress {
	o := fixture.Route(b.app, name, "app", host, "/")
	class := "nginx"
	o.Spec.IngressClassName = &class
	return o
}

func (b *bench) ingress(name string) *networkingv1.Ingress {
	b.t.Helper()
	var o networkingv1.Ingress
	if err := b.c.Get(b.t.Context(), client.ObjectKey{Namespace: b.app, Name: name}, &o); err != nil {
		b.t.Fatal(err)
	}
	return &o
}

// state is all that matters of the two namespaces, in words.
func (b *bench) state() string {
	b.t.Helper()
	var lines []string
	var ingresses networkingv1.IngressList
	if err := b.c.List(b.t.Context(), &ingresses, client.InNamespace(b.app)); err != nil {
		b.t.Fatal(err)
	}
	for i := range ingresses.Items {
		o := &ingresses.Items[i]
		owned, any := ownedAnnotations(o)
		lines = append(lines, fmt.Sprintf("Ingress %s %v, ours %v %v", o.Name, o.Annotations, any, owned))
		for _, e := range o.ManagedFields {
			if strings.Contains(e.Manager, "ostiary") {
				lines = append(lines, fmt.Sprintf("Ingress %s: %s %s", o.Name, e.Manager, e.Operation))
			}
		}
	}
	for _, o := range b.owned() {
		o = o.DeepCopy()
		for _, f := range []string{"uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"} {
			unstructured.RemoveNestedField(o.Object, "metadata", f)
		}
		for _, f := range []string{"clusterIP", "clusterIPs"} {
			unstructured.RemoveNestedField(o.Object, "spec", f)
		}
		text, err := json.Marshal(o.Object)
		if err != nil {
			b.t.Fatal(err)
		}
		lines = append(lines, string(text))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// nothingOfOurs fails unless every trace is gone.
func (b *bench) nothingOfOurs() {
	b.t.Helper()
	for _, o := range b.owned() {
		b.t.Errorf("left behind: %s", refOf(o))
	}
	for _, list := range []client.ObjectList{&networkingv1.IngressList{}, &corev1.ServiceList{}, &discoveryv1.EndpointSliceList{}} {
		if err := b.c.List(b.t.Context(), list, client.InNamespace(b.app)); err != nil {
			b.t.Fatal(err)
		}
		all, err := meta.ExtractList(list)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, o := range all {
			o := o.(client.Object)
			for _, e := range o.GetManagedFields() {
				if e.Manager == routes.FieldManager {
					b.t.Errorf("%s %s still has fields of ours: %s", o.GetNamespace(), o.GetName(), e.FieldsV1)
				}
			}
			for k := range o.GetAnnotations() {
				if strings.HasPrefix(k, "nginx.ingress.kubernetes.io/") || k == appliedAnnotation {
					b.t.Errorf("%s %s still has annotation %s", o.GetNamespace(), o.GetName(), k)
				}
			}
		}
	}
}

// heard returns what events were recorded since it was asked last.
func (b *bench) heard() []string {
	var out []string
	for {
		select {
		case e := <-b.events.Events:
			out = append(out, e)
		default:
			return out
		}
	}
}

// sumOf adds up what a metric of opt-ins says.
func sumOf(t *testing.T, o *OptIns, name string, labels map[string]string) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(o.found.routes, o.found.unguarded)
	return fixture.Sum(t, registry, name, labels)
}
