// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

const (
	authURL = fixture.AuthURL
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
	u.SetLabels(map[string]string{routes.RouteLabel: family.LabelOf(routes.Ref{Kind: "Ingress", NamespacedName: types.NamespacedName{Namespace: ns, Name: strings.TrimPrefix(name, "ostiary-render-")}})})
	u.SetAnnotations(map[string]string{routes.ForAnnotation: "a test"})
	return u
}

func ownIngress(s routes.Settings, name, host, class string) *unstructured.Unstructured {
	return ownObject("networking.k8s.io/v1", "Ingress", s.Namespace, name, map[string]any{"spec": map[string]any{"ingressClassName": class, "rules": []any{
		map[string]any{"host": host, "http": map[string]any{"paths": []any{map[string]any{"path": s.PathPrefix + "/", "pathType": "Prefix",
			"backend": map[string]any{"service": map[string]any{"name": s.ServicePrefix + "-public", "port": map[string]any{"number": 9002}}}}}}},
	}}})
}

// A bench is where opt-ins are carried out step by step.
type bench struct {
	*fixture.Site
	make   func(routes.Snapshot, routes.Settings) plan.Plan
	events *events.FakeRecorder
	kinds  *missing
}

// missing are kinds that the API server was found not to have. Each is asked for once, until
// a kind is made: it takes the API server longer than all else that these tests do.
type missing struct {
	meta.RESTMapper
	mu   sync.Mutex
	errs map[schema.GroupVersionKind]error
}

func (m *missing) RESTMapping(kind schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := kind.WithVersion(strings.Join(versions, ","))
	if err := m.errs[key]; err != nil {
		return nil, err
	}
	mapping, err := m.RESTMapper.RESTMapping(kind, versions...)
	if meta.IsNoMatchError(err) {
		m.errs[key] = err
	}
	return mapping, err
}

// knowing is a client that looks up kinds there.
type knowing struct {
	client.Client
	kinds *missing
}

func (k *knowing) RESTMapper() meta.RESTMapper { return k.kinds }

func (k *knowing) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	err := k.Client.Create(ctx, o, opts...)
	if _, is := o.(*apiextensionsv1.CustomResourceDefinition); is {
		k.kinds.mu.Lock()
		defer k.kinds.mu.Unlock()
		clear(k.kinds.errs)
	}
	return err
}

func newBench(t *testing.T) *bench {
	t.Helper()
	site := fixture.NewSite(t, &server)
	kinds := &missing{RESTMapper: site.C.RESTMapper(), errs: map[schema.GroupVersionKind]error{}}
	site.C = &knowing{site.C, kinds}
	return &bench{Site: site, make: simplePlan, events: events.NewFakeRecorder(1000), kinds: kinds}
}

// of is the bench of a part of a test.
func (b *bench) of(t *testing.T) *bench {
	at, out := *b.Site, *b
	at.T, out.Site = t, &at
	return &out
}

// optIns is as a process has it that just started to lead.
func (b *bench) optIns(c client.Client) *Controller {
	reader := liveReader{&knowing{c, b.kinds}}
	return &Controller{Settings: b.Settings, Leads: func() bool { return true }, make: b.make, theirs: reader, ours: reader,
		apply: applier{client: c, live: c}, events: b.events, found: newFindingMetrics(prometheus.NewRegistry())}
}

// converge runs until there is nothing left to do.
func (b *bench) converge(o *Controller) {
	b.T.Helper()
	for range 20 {
		if _, err := o.Reconcile(b.T.Context(), reconcile.Request{}); err == nil {
			return
		} else if b.T.Context().Err() != nil {
			b.T.Fatal(err)
		}
	}
	b.T.Fatal("it does not converge")
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
func sumOf(t *testing.T, o *Controller, name string, labels map[string]string) float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(o.found.routes, o.found.unguarded)
	return fixture.Sum(t, registry, name, labels)
}
