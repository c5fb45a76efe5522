// SPDX-License-Identifier: Apache-2.0

// Package issuers keeps those whose bearer tokens policies can let in equal to the
// TokenIssuers of the cluster, and tells in their statuses what there is of their keys. It
// fetches none itself, and decides nothing.
package issuers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	// Leads reports whether this replica may write.
	Leads func() bool

	client    client.Client
	queue     cluster.Requeue
	published []config.Issuer // nil: nothing was, yet
	known     atomic.Pointer[policy.TokenIssuers]
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

// Recheck writes what another leader may have left: a duty of whoever begins to lead.
func (c *Controller) Recheck(context.Context) { c.queue.Add() }

// Known returns what a table is to know of the issuers; nil before they were listed.
func (c *Controller) Known() *policy.TokenIssuers { return c.known.Load() }

// Reconcile translates and publishes all issuers, and on the leader writes what became of
// them and of their keys.
func (c *Controller) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	var list v1alpha1.TokenIssuerList
	if err := c.client.List(ctx, &list); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing TokenIssuers: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.TokenIssuer) int { return cmp.Compare(a.Name, b.Name) })
	valid := []config.Issuer{}
	issues := make([][]policy.Issue, len(list.Items))
	for i := range list.Items {
		one, wrong := translate.TokenIssuer(&list.Items[i])
		if issues[i] = wrong; len(wrong) == 0 {
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
	if len(list.Items) == 0 || !c.Leads() {
		return reconcile.Result{}, nil
	}
	var errs []error
	again := lookEvery
	for i := range list.Items {
		ready, err := c.write(ctx, &list.Items[i], issues[i])
		if errs = append(errs, err); !ready && len(issues[i]) == 0 {
			again = lookSoon
		}
	}
	return reconcile.Result{RequeueAfter: again}, errors.Join(errs...)
}

// write brings the status of an issuer up to date, and reports whether it is ready.
func (c *Controller) write(ctx context.Context, o *v1alpha1.TokenIssuer, issues []policy.Issue) (bool, error) {
	after := o.DeepCopy()
	state, there := config.State{}, false
	if len(issues) == 0 {
		state, there = c.State(o.Name)
	}
	set(after, state, there, issues)
	isReady := meta.IsStatusConditionTrue(after.Status.Conditions, v1alpha1.ConditionReady)
	if reflect.DeepEqual(normal(&after.Status), normal(&o.Status)) {
		return isReady, nil
	}
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	err := c.client.Status().Patch(ctx, after, client.MergeFromWithOptions(o, client.MergeFromWithOptimisticLock{}))
	if err != nil && !apierrors.IsNotFound(err) {
		return isReady, fmt.Errorf("writing the status of token issuer %s: %w", o.Name, err)
	}
	return isReady, nil
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
