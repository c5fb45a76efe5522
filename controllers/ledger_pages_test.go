// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestLedgerBroken: a part that cannot be read counts as it did before; who starts
// without having read it does not decide.
func TestLedgerBroken(t *testing.T) {
	c, r, team, _, app, old := attacked(t)
	recorded(t, c, team, "payroll.example.com", team)
	m := ledgerOf(t, c, team)[0]
	good := maps.Clone(m.Data)
	m.Data = map[string]string{"claims.json": "[{"}
	if err := c.Update(t.Context(), &m); err != nil {
		t.Fatal(err)
	}
	r.says("a part of the ledger of hosts cannot be read")
	fixture.Edit(t, c, old, func(ap *v1alpha1.AccessPolicy) { ap.Spec.Hosts = []v1alpha1.Host{"payroll.example.com"} })
	fixture.Refused(t, c, old, "HostOwnedByOtherNamespace")
	r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
	fixture.Accepted(t, c, app)
	r.end()
	for _, other := range ledgerOf(t, c, team) { // what was written elsewhere instead
		if other.Name != m.Name {
			fixture.Remove(t, c, &other)
		}
	}
	r = run(t, team, withRoutes)
	r.says("the ledger of hosts cannot be read, and without it the owner of a host is unknown", m.Name)
	if r.Live.Table() != nil {
		t.Error("there is a table without a ledger")
	}
	m = ledgerOf(t, c, team)[0]
	m.Data = good
	if err := c.Update(t.Context(), &m); err != nil {
		t.Fatal(err)
	}
	r.decidesBy(team+"/"+pin, payroll, policy.NoSession)
}

// TestToldWhenWritten: nobody is told that a host is theirs before that is written
// down; decisions do not wait.
func TestToldWhenWritten(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	var refuse atomic.Bool
	refuse.Store(true)
	r := run(t, ns, func(o *Options) {
		o.newClient = func(cfg *rest.Config, co client.Options) (client.Client, error) {
			w, err := client.NewWithWatch(cfg, co)
			if err != nil {
				return nil, err
			}
			return interceptor.NewClient(w, interceptor.Funcs{
				Create: func(ctx context.Context, w client.WithWatch, o client.Object, opts ...client.CreateOption) error {
					if _, ok := o.(*corev1.ConfigMap); ok && refuse.Load() {
						return errors.New("no ConfigMaps today")
					}
					return w.Create(ctx, o, opts...)
				},
			}), nil
		}
	})
	ap := fixture.Open(ns, "app", "app.example.com")
	fixture.Create(t, c, ap)
	r.decides("https://app.example.com/", policy.Bypassed)
	r.says("the ledger of hosts cannot be written", "no ConfigMaps today")
	time.Sleep(time.Second)
	if now := fixture.Get(t, c, ap); len(now.Status.Conditions) > 0 {
		t.Errorf("it is told %v", now.Status.Conditions)
	}
	refuse.Store(false)
	fixture.Accepted(t, c, ap)
	recorded(t, c, ns, "app.example.com", ns)
}
