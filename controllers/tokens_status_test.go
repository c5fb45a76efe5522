// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestServiceTokenUses: two replicas that see the same token in use write the hour of it
// once between them, and one that falls behind takes nothing back. Unused says when there
// was no use for long.
func TestServiceTokenUses(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	idle := serviceToken(ns, "idle")
	idle.Spec.UnusedFor = "1h"
	fixture.Create(t, c, serviceToken(ns, "ci"), idle, machines(ns, "app", "app.example.com", anyToken))
	var uses [2]policy.Uses
	var rs []*replica
	for i := range uses {
		rs = append(rs, run(t, ns, elected, quickTokens, func(o *Options) { o.Uses = &uses[i] }))
	}
	id, secret := issued(t, c, ns, "ci", "")
	comes(t, rs, "https://app.example.com/", id, secret, policy.ServiceAdmitted)
	conditionOf(t, c, ns, "ci", "Ready", "Ready")
	machine := rs[0].presents("https://app.example.com/", id, secret).Machine
	writes := countWrites(t, ns, "ci")
	lastUsed := func(want time.Time) {
		t.Helper()
		fixture.Eventually(t, "lastUsed", func() error {
			var o v1alpha1.ServiceToken
			if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "ci"}, &o); err != nil {
				return err
			}
			if o.Status.LastUsed == nil || !o.Status.LastUsed.Equal(&metav1.Time{Time: want}) {
				return fmt.Errorf("%s", o.Status.LastUsed)
			}
			return nil
		})
		time.Sleep(time.Second) // several rounds of both
	}
	hour := time.Now().Truncate(time.Hour)
	for i, at := range []time.Duration{0, time.Hour, 2 * time.Hour} {
		for minute := range 60 {
			uses[minute%2].Saw(machine, hour.Add(at+time.Duration(minute)*time.Minute))
		}
		lastUsed(hour.Add(at))
		if n := writes(); n != i+1 {
			t.Errorf("%d writes after %d hours of use at both replicas, want one an hour", n, i+1)
		}
	}
	uses[1].Saw(machine, hour)
	uses[0].Saw(machine, hour.Add(3*time.Hour)) // one replica alone
	lastUsed(hour.Add(3 * time.Hour))
	if n := writes(); n != 4 {
		t.Errorf("%d writes for four hours", n)
	}
	conditionOf(t, c, ns, "idle", "Unused", "Used")
	conditionOf(t, c, ns, "ci", "Unused", "NotWatched")
}

// countWrites returns how often the API server has stored another state of a token since
// it was called.
func countWrites(t *testing.T, ns, name string) func() int {
	t.Helper()
	c, err := client.NewWithWatch(server.Config(t), client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	var list v1alpha1.ServiceTokenList
	if err := c.List(t.Context(), &list, client.InNamespace(ns)); err != nil {
		t.Fatal(err)
	}
	w, err := c.Watch(t.Context(), &list, client.InNamespace(ns), &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.ResourceVersion}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	var n atomic.Int64
	go func() {
		for e := range w.ResultChan() {
			if o, ok := e.Object.(*v1alpha1.ServiceToken); ok && o.Name == name {
				n.Add(1)
			}
		}
	}()
	return func() int { return int(n.Load()) }
}

// TestServiceTokenReady: Ready comes with the Secret and not before, says what is the
// matter where it cannot be written, and is tried again at a pace of its own.
func TestServiceTokenReady(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	ci := serviceToken(ns, "ci")
	fixture.Create(t, c, ci)
	if ci.Status.ObservedGeneration != -1 {
		t.Errorf("nobody has seen it yet, and its status says %d", ci.Status.ObservedGeneration)
	}
	var refused atomic.Int64
	var forbid atomic.Bool
	forbid.Store(true)
	r := run(t, ns, quickTokens, func(o *Options) {
		o.newClient = func(cfg *rest.Config, options client.Options) (client.Client, error) {
			inner, err := client.NewWithWatch(cfg, options)
			return interceptor.NewClient(inner, interceptor.Funcs{Create: func(ctx context.Context, w client.WithWatch, o client.Object, opts ...client.CreateOption) error {
				if _, ok := o.(*corev1.Secret); ok && forbid.Load() && o.GetName() == "ci" {
					refused.Add(1)
					return apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, o.GetName(), errors.New("no such right"))
				}
				return w.Create(ctx, o, opts...)
			}}), err
		}
	})
	if message := conditionOf(t, c, ns, "ci", "Ready", "SecretNotWritten"); !strings.Contains(message, "no such right") {
		t.Error(message)
	}
	time.Sleep(2 * time.Second)
	if n := refused.Load(); n < 1 || n > 8 {
		t.Errorf("it was tried %d times in two seconds", n)
	}
	forbid.Store(false)
	id, secret := issued(t, c, ns, "ci", "")
	conditionOf(t, c, ns, "ci", "Ready", "Ready")
	fixture.Create(t, c, machines(ns, "app", "app.example.com", anyToken))
	comes(t, []*replica{r}, "https://app.example.com/", id, secret, policy.ServiceAdmitted)
	eventOf(t, c, ns, "ci", "Issued")
	var o v1alpha1.ServiceToken
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: "ci"}, &o); err != nil || o.Status.ObservedGeneration != o.Generation ||
		meta.FindStatusCondition(o.Status.Conditions, "Stalled") != nil {
		t.Errorf("%v %+v", err, o.Status)
	}
	// What is switched off on purpose is no failure; what is over is one.
	change(t, c, ns, "ci", `{"disabled":true}`)
	conditionOf(t, c, ns, "ci", "Ready", "Disabled")
	conditionOf(t, c, ns, "ci", "Accepted", "Disabled")
	change(t, c, ns, "ci", `{"disabled":false,"duration":"240h"}`)
	conditionOf(t, c, ns, "ci", "Ready", "ExpiresIn14Days")
	conditionOf(t, c, ns, "ci", "Degraded", "ExpiresIn14Days")
}
