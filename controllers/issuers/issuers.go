// SPDX-License-Identifier: Apache-2.0

// Package issuers keeps those whose bearer tokens policies can let in equal to the
// TokenIssuers of the cluster, and tells in their statuses what there is of their keys. It
// fetches none itself, and decides nothing.
package issuers

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/statuses"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Controller puts TokenIssuers in force.
type Controller struct {
	// Publish puts all valid issuers in force.
	Publish func([]config.Issuer)
	// State returns what there is of the keys of one that was published.
	State func(name string) (config.State, bool)
	// Published is called after Publish. Optional.
	Published func()

	client    client.Client
	writer    *statuses.Writer[string, report]
	queue     cluster.Requeue
	published []config.Issuer // nil: nothing was, yet
	known     atomic.Pointer[policy.TokenIssuers]
}

// A report is which issuers there are, and what is wrong with each.
type report map[string]seen

type seen struct {
	uid        types.UID
	generation int64
	issues     []policy.Issue
}

// How often the leader looks at what became of keys: soon, while there are none.
const (
	lookEvery = time.Minute
	lookSoon  = 2 * time.Second
)

// forever: a missing right must not end the manager, and with it all the rest.
const forever = 10 * 365 * 24 * time.Hour

// SetupWithManager makes the issuers follow the manager's cache.
func (c *Controller) SetupWithManager(mgr ctrl.Manager) error {
	c.client = mgr.GetClient()
	c.writer = &statuses.Writer[string, report]{Kind: "tokenIssuer", Log: mgr.GetLogger(), Write: c.write, Again: c.again,
		Objects: func(r report) []string { return slices.Sorted(maps.Keys(r)) }}
	all := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{cluster.OneKey}
	})
	everyReplica := false
	return ctrl.NewControllerManagedBy(mgr).
		Named("token-issuers").
		Watches(&v1alpha1.TokenIssuer{}, all, builder.WithPredicates(predicate.Funcs{UpdateFunc: cluster.Changed})).
		WatchesRawSource(c.queue.Source(cluster.OneKey)). // none is a number of issuers, too
		WithOptions(controller.Options{MaxConcurrentReconciles: 1, NeedLeaderElection: &everyReplica, CacheSyncTimeout: forever}).
		Complete(c)
}

// Write writes until ctx is done what became of issuers and of their keys: a duty of the leader.
func (c *Controller) Write(ctx context.Context) { c.writer.Run(ctx) }

// Known returns what a table is to know of the issuers; nil before they were listed.
func (c *Controller) Known() *policy.TokenIssuers { return c.known.Load() }

// Reconcile translates and publishes all issuers.
func (c *Controller) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	var list v1alpha1.TokenIssuerList
	if err := c.client.List(ctx, &list); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing TokenIssuers: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.TokenIssuer) int { return cmp.Compare(a.Name, b.Name) })
	valid := []config.Issuer{}
	told := report{}
	for i := range list.Items {
		o := &list.Items[i]
		one, wrong := translate.TokenIssuer(o)
		if told[o.Name] = (seen{o.UID, o.Generation, wrong}); len(wrong) == 0 {
			valid = append(valid, one)
		}
	}
	if c.published == nil || !reflect.DeepEqual(valid, c.published) {
		c.Publish(valid)
		c.known.Store(config.Known(valid))
		if c.Published != nil {
			c.Published()
		}
		c.published = valid
		logr.FromContextOrDiscard(ctx).Info("token issuers in use", "issuers", len(valid), "refused", len(list.Items)-len(valid))
	}
	c.writer.Report(told)
	return reconcile.Result{}, nil
}

// again is when to look at the keys again.
func (c *Controller) again(r report) time.Duration {
	if len(r) == 0 {
		return 0
	}
	for name, o := range r {
		if state, there := c.State(name); len(o.issues) == 0 && (!there || state.Keys == 0) {
			return lookSoon
		}
	}
	return lookEvery
}

// write brings the status of an issuer up to date.
func (c *Controller) write(ctx context.Context, r report, name string) error {
	var before v1alpha1.TokenIssuer
	if err := c.client.Get(ctx, types.NamespacedName{Name: name}, &before); err != nil {
		return err
	}
	is := r[name]
	if before.UID != is.uid || before.Generation != is.generation {
		return nil // a newer report is under way
	}
	state, there := config.State{}, false
	if len(is.issues) == 0 {
		state, there = c.State(name)
	}
	after := before.DeepCopy()
	set(after, state, there, is.issues)
	if reflect.DeepEqual(normal(&after.Status), normal(&before.Status)) {
		return nil
	}
	return statuses.Patch(ctx, c.client, &before, after)
}

// set puts into the status what became of an issuer. there: it is one that was published.
func set(o *v1alpha1.TokenIssuer, s config.State, there bool, issues []policy.Issue) {
	o.Status.Keys, o.Status.KeysFetched = nil, nil
	if there {
		keys := int32(s.Keys) //nolint:gosec // there are 64 at most
		o.Status.Keys = &keys
	}
	if !s.Fetched.IsZero() {
		at := metav1.NewTime(s.Fetched.UTC().Truncate(time.Second))
		o.Status.KeysFetched = &at
	}
	list := &o.Status.Conditions
	is := accepted(o, there, issues)
	meta.SetStatusCondition(list, is)
	if is.Status == metav1.ConditionTrue {
		meta.SetStatusCondition(list, programmed(o, s))
	} else {
		meta.RemoveStatusCondition(list, v1alpha1.ConditionProgrammed)
	}
	if s.Keys > 0 && s.Err != nil {
		meta.SetStatusCondition(list, metav1.Condition{Type: v1alpha1.ConditionDegraded, Status: metav1.ConditionTrue, Reason: "KeysStale",
			ObservedGeneration: o.Generation,
			Message:            cluster.Truncate("Tokens are verified with the last good keys; they cannot be fetched again: "+s.Err.Error(), 1024)})
	} else {
		meta.RemoveStatusCondition(list, v1alpha1.ConditionDegraded)
	}
	cluster.Summarize(list, o.Generation)
	o.Status.ObservedGeneration = o.Generation
}

// normal is a status in a form that can be compared: times in one zone.
func normal(s *v1alpha1.TokenIssuerStatus) v1alpha1.TokenIssuerStatus {
	out := *s.DeepCopy()
	if out.KeysFetched != nil {
		at := metav1.NewTime(out.KeysFetched.UTC())
		out.KeysFetched = &at
	}
	return out
}

// accepted says whether an issuer can be used at all.
func accepted(o *v1alpha1.TokenIssuer, there bool, issues []policy.Issue) metav1.Condition {
	out := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: "Accepted",
		Message: "Valid; policies can name this issuer", ObservedGeneration: o.Generation}
	switch {
	case len(issues) > 0:
		var lines []string
		for _, i := range issues {
			lines = append(lines, i.Source.Field+": "+i.Message)
		}
		out.Status, out.Reason, out.Message = metav1.ConditionFalse, string(policy.Invalid), cluster.Listed(lines)
	case !there:
		out.Status, out.Reason = metav1.ConditionFalse, "OwnIssuer"
		out.Message = "spec.issuer: this is the address of the team host: sessions of this installation need no TokenIssuer"
	}
	return out
}

// programmed says whether there are keys that tokens can be verified with.
func programmed(o *v1alpha1.TokenIssuer, s config.State) metav1.Condition {
	out := metav1.Condition{Type: v1alpha1.ConditionProgrammed, Status: metav1.ConditionTrue, Reason: "Programmed",
		Message: "Tokens are verified with the keys that were fetched", ObservedGeneration: o.Generation}
	switch {
	case s.Keys == 0:
		out.Status, out.Reason = metav1.ConditionFalse, "KeysUnavailable"
		if out.Message = "No keys yet, so its tokens are refused: they are being fetched"; s.Err != nil {
			out.Message = cluster.Truncate("No keys, so its tokens are refused: "+s.Err.Error(), 1024)
		}
	case s.Fetched.IsZero():
		out.Message = "Tokens are verified with the keys of spec.jwks"
	}
	return out
}
