// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// runTable runs a table alone, with a cache of Ingresses beside the manager's.
func runTable(t *testing.T, wrap func(http.RoundTripper) http.RoundTripper) *replica {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &replica{t: t, Registry: prometheus.NewRegistry(), log: &fixture.LogBuffer{}, stop: cancel, ended: make(chan error, 1)}
	o := Options{Config: server.Config(t), Log: logr.FromSlogHandler(slog.NewTextHandler(r.log, nil))}
	if wrap != nil {
		o.Config.Wrap(wrap)
	}
	mgr, err := newManager(&o, types.NamespacedName{Namespace: "default", Name: "none"})
	if err != nil {
		t.Fatal(err)
	}
	ingresses, err := cache.New(o.Config, cache.Options{Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	table := &feed.Feed{Live: &r.Live, Ingresses: ingresses, LookEvery: 100 * time.Millisecond}
	if err := errors.Join(mgr.Add(ingresses), table.SetupWithManager(mgr, r.Registry)); err != nil {
		t.Fatal(err)
	}
	go func() {
		r.ended <- mgr.Start(ctx)
		close(r.ended)
	}()
	t.Cleanup(func() {
		r.end()
		if t.Failed() {
			t.Logf("the table said:\n%s", r.log)
		}
	})
	return r
}

// TestHostsOfIngresses: a policy without hosts guards what the Ingresses of its
// namespace serve that name it, as long as they do.
func TestHostsOfIngresses(t *testing.T) {
	c := emptied(t)
	ns, elsewhere := namespace(t, c), namespace(t, c)
	fixture.Create(t, c, fixture.Open(ns, "app"), fixture.Protect(ns, "other", v1alpha1.ActionBlock), fixture.Open(ns, "fixed", "fixed.example.com"))
	r := runTable(t, nil)
	r.decides("https://fixed.example.com/", policy.Bypassed)
	r.decides("https://a.example.com/", policy.NoPolicy)

	a := fixture.Route(ns, "a", "app", "A.example.com", "/x", "/y")
	a.Spec.Rules[0].Host = "a.example.com"
	fixture.Create(t, c, a, fixture.Route(elsewhere, "a", "app", "stolen.example.com", "/"), fixture.Route(ns, "b", "", "b.example.com", "/"))
	r.decidedBy("https://a.example.com/x/1", ns+"/app")
	r.decides("https://a.example.com/y", policy.Bypassed)
	r.decides("https://a.example.com/z", policy.NoPolicy)
	r.decides("https://stolen.example.com/", policy.NoPolicy) // another namespace's word counts for nothing
	r.decides("https://b.example.com/", policy.NoPolicy)

	fixture.Change(t, c, a, func(o *networkingv1.Ingress) { o.Spec.Rules[0].Host = "moved.example.com" })
	r.decides("https://moved.example.com/x", policy.Bypassed)
	r.decides("https://a.example.com/x", policy.NoPolicy)
	fixture.Change(t, c, a, func(o *networkingv1.Ingress) { o.Annotations[routes.PolicyAnnotation] = "other" })
	r.decides("https://moved.example.com/x", policy.Blocked)
	before := r.Live.Table().Revision()
	fixture.Change(t, c, a, func(o *networkingv1.Ingress) { o.Annotations["nginx.ingress.kubernetes.io/use-regex"] = "true" })
	r.decides("https://moved.example.com/z", policy.Blocked)
	if r.Live.Table().Revision() == before {
		t.Error("another table of the same revision")
	}
	fixture.Change(t, c, a, func(o *networkingv1.Ingress) { delete(o.Annotations, routes.PolicyAnnotation) })
	r.decides("https://moved.example.com/x", policy.NoPolicy)
	fixture.Change(t, c, a, func(o *networkingv1.Ingress) { o.Annotations[routes.PolicyAnnotation] = "app" })
	r.decides("https://moved.example.com/x", policy.Bypassed)
	fixture.Remove(t, c, a)
	r.decides("https://moved.example.com/x", policy.NoPolicy)
	r.decides("https://fixed.example.com/", policy.Bypassed)
}

// TestPinned: what an Ingress routes is judged by the policy that it names, or not
// at all.
func TestPinned(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	web := fixture.Route(ns, "web", "app", "a.example.com", "/")
	fixture.Create(t, c, fixture.Open(ns, "app"), fixture.Open(ns, "fixed", "fixed.example.com"), web, fixture.Route(ns, "fixed", "fixed", "fixed.example.com", "/"), fixture.Route(ns, "none", "", "fixed.example.com", "/"))
	r := runTable(t, nil)
	pinned := func(ingress, url string, want policy.Reason) {
		t.Helper()
		target, err := policy.ParseTarget(url)
		if err != nil {
			t.Fatal(err)
		}
		fixture.Eventually(t, fmt.Sprintf("%s by %s is %s", url, ingress, want), func() error {
			d := r.Live.Table().Decide(policy.Request{Target: target, Method: "GET", Now: time.Now(), Ingress: ingress})
			if d.Reason != want {
				return fmt.Errorf("%s by %q", d.Reason, d.Source)
			}
			return nil
		})
	}
	pinned(ns+"/web", "https://a.example.com/", policy.Bypassed)
	pinned(ns+"/fixed", "https://fixed.example.com/", policy.Bypassed)
	pinned(ns+"/web", "https://fixed.example.com/", policy.NoPolicy)
	pinned(ns+"/none", "https://fixed.example.com/", policy.NoPolicy)
	pinned(ns+"/gone", "https://fixed.example.com/", policy.NoPolicy)
	pinned("default/web", "https://a.example.com/", policy.NoPolicy)
	fixture.Change(t, c, web, func(o *networkingv1.Ingress) { o.Annotations[routes.PolicyAnnotation] = "fixed" })
	pinned(ns+"/web", "https://fixed.example.com/", policy.Bypassed)
	fixture.Remove(t, c, web)
	pinned(ns+"/web", "https://fixed.example.com/", policy.NoPolicy)
}

// TestIngressesInTheirTurn: hosts of Ingresses are claimed as those of a spec are.
func TestIngressesInTheirTurn(t *testing.T) {
	c := emptied(t)
	ns, late := namespace(t, c), namespace(t, c)
	fixture.Create(t, c, fixture.Open(ns, "app"), fixture.Route(ns, "a", "app", "a.example.com", "/"))
	fixture.NextSecond()
	fixture.Create(t, c, fixture.Protect(late, "app", v1alpha1.ActionBlock), fixture.Route(late, "a", "app", "a.example.com", "/"), fixture.Route(late, "b", "app", "b.example.com", "/"))
	r := runTable(t, nil)
	r.decides("https://b.example.com/", policy.Blocked)
	r.decides("https://a.example.com/", policy.NoPolicy) // two claim it, and nobody knows whose Ingress it was
	r.decidesBy(ns+"/a", "https://a.example.com/", policy.Bypassed)
	r.decidesBy(late+"/a", "https://a.example.com/", policy.NoPolicy)
}

// gated stands between the process and the Ingresses of the API server.
type gated struct {
	next  http.RoundTripper
	state *atomic.Int32 // one of the below
}

const (
	passing int32 = iota
	waiting
	forbidding
)

func (g gated) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.Contains(r.URL.Path, "/ingresses") {
		return g.next.RoundTrip(r)
	}
	for g.state.Load() == waiting {
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	if g.state.Load() == forbidding {
		body := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"ingresses are none of your business"}`
		return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	return g.next.RoundTrip(r)
}

// TestIngressesBeforeTheFirstTable: what they guard is in the first table already,
// lest a wildcard's policy decides about it for a moment.
func TestIngressesBeforeTheFirstTable(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	fixture.Create(t, c, fixture.Open(ns, "wide", "*.example.com"), fixture.Protect(ns, "app", v1alpha1.ActionBlock), fixture.Route(ns, "a", "app", "a.example.com", "/"))
	var state atomic.Int32
	state.Store(waiting)
	r := runTable(t, func(next http.RoundTripper) http.RoundTripper { return gated{next, &state} })
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if r.Live.Table() != nil {
			t.Fatal("a table without the Ingresses")
		}
	}
	state.Store(passing)
	fixture.Eventually(t, "there is a table", func() error {
		if r.Live.Table() == nil {
			return errors.New("there is none")
		}
		return nil
	})
	if d := r.ask("GET", "https://a.example.com/"); d.Reason != policy.Blocked {
		t.Errorf("the first table says %s", d.Reason)
	}
}

// TestIngressesForbidden: policies that name their hosts are served all the same,
// and the others as soon as the right is there.
func TestIngressesForbidden(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	fixture.Create(t, c, fixture.Open(ns, "fixed", "fixed.example.com"), fixture.Open(ns, "app"), fixture.Route(ns, "a", "app", "a.example.com", "/"))
	var state atomic.Int32
	state.Store(forbidding)
	r := runTable(t, func(next http.RoundTripper) http.RoundTripper { return gated{next, &state} })
	r.decides("https://fixed.example.com/", policy.Bypassed)
	r.says("Ingresses cannot be read")
	if d := r.ask("GET", "https://a.example.com/"); d.Reason != policy.NoPolicy {
		t.Errorf("an Ingress that cannot be read: %s", d.Reason)
	}
	state.Store(passing)
	r.decides("https://a.example.com/", policy.Bypassed)
	r.running()
}

// TestPolicies: who only looks sees what would be in force.
func TestPolicies(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	fixture.Create(t, c, fixture.Open(ns, "app"), fixture.Route(ns, "a", "app", "a.example.com", "/x"))
	policies, routes, err := feed.Policies(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(policies) != 1 || !slices.Equal(policies[0].Hosts, []string{"a.example.com"}) || len(policies[0].Paths) != 1 || len(policies[0].Defects) > 0 {
		t.Errorf("%+v", policies)
	}
	if len(routes) != 1 || routes[0].Name != "a" || routes[0].Policy != "app" {
		t.Errorf("%+v", routes)
	}
	cfg := server.Config(t)
	var state atomic.Int32
	state.Store(forbidding)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return gated{next, &state} })
	barred, err := client.New(cfg, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	policies, _, err = feed.Policies(t.Context(), barred)
	if err != nil || len(policies) != 1 || len(policies[0].Defects) != 1 || !strings.Contains(policies[0].Defects[0].Message, "not read here") {
		t.Errorf("%v, %+v", err, policies)
	}
}
