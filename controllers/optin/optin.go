// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
)

// A Controller gives the routes that name a policy what they need to ask Ostiary, and
// takes it back from those that no longer do. One replica does, beside the
// decisions and never in front of them: what it may not read or write is told, and
// changes nothing for the rest. If it is away, the others do what cannot wait.
type Controller struct {
	Settings routes.Settings
	// Report hands over the conditions Routed and Covered, for Status to write. Optional.
	Report func(*feed.Conditions)
	// Leads reports whether this replica may write.
	Leads func() bool
	// Warmth is told since when proxies can lead preflights here; nil: nobody asks.
	Warmth *Warmth
	// Witnesses have whose questions arrived here; nil: Covered goes without them.
	Witnesses *policy.Witnesses
	// Every is how often to look for kinds and rights that are missing, WitnessesEvery
	// how often replicas tell each other whose questions arrived. Both have defaults.
	Every, WitnessesEvery time.Duration

	make      func(routes.Snapshot, routes.Settings) plan.Plan // plan.Make
	theirs    cluster.Reader                                   // what a plan is made from
	ours      cluster.Reader                                   // what earlier plans made
	apply     applier
	ingresses cache.Cache
	guard     *Guard // nil: the API server guards nothing
	events    events.EventRecorder
	found     *findingMetrics
	queue     cluster.Requeue
	// witnesses tell whose questions have arrived; nil: that is not asked for.
	witnesses *witnessing
	reported  map[routes.Finding]bool
	absent    map[routes.Ref]time.Time // since when a route does not ask, seen by one that does not lead
	unread    string                   // what could not be read the last time
}

// Reasons of findings that writing leads to.
const (
	reasonFieldConflict = "FieldConflict" // somebody else owns a field that is needed
	reasonNameTaken     = "NameTaken"     // an object of that name is not ours
	reasonNotAllowed    = "NotAllowed"    // the installation lacks a right
	reasonRejected      = "Rejected"      // the API server or a webhook of it refuses
	reasonHeldBack      = "HeldBack"      // part of it waits for an object that cannot be made
	reasonNotWritten    = "NotWritten"    // the API server, or a webhook of it, failed
)

// How long changes are awaited to fold into one run, how soon to look again
// whether what is read has arrived, and how long errors may put a run off at most.
const (
	routesSettle = 200 * time.Millisecond
	routesArrive = 100 * time.Millisecond
	routesFailed = 30 * time.Second
)

// SetupWithManager makes the opt-ins follow caches of their own.
func (o *Controller) SetupWithManager(mgr ctrl.Manager, m prometheus.Registerer) error {
	caches, err := newCaches(mgr, o.Settings, cmp.Or(o.Every, cluster.LookAgain))
	if err != nil {
		return err
	}
	if err := o.setupBeside(mgr); err != nil {
		return err
	}
	o.make, o.ingresses = plan.Make, caches.theirs.Cache
	o.theirs, o.ours = caches.theirs, caches.ours
	o.apply.client, o.apply.live = mgr.GetClient(), mgr.GetAPIReader()
	o.events = mgr.GetEventRecorder("ostiary")
	o.found = newFindingMetrics(m)
	everyReplica := false
	return ctrl.NewControllerManagedBy(mgr).
		Named("routes").
		Watches(&v1alpha1.AccessPolicy{}, settled(routesSettle), builder.WithPredicates(predicate.Funcs{UpdateFunc: cluster.Changed})).
		WatchesRawSource(source.Func(func(ctx context.Context, q requests) error {
			go caches.follow(ctx, func() { q.AddAfter(cluster.OneKey, routesSettle) })
			return nil
		})).
		WatchesRawSource(o.queue.Source(cluster.OneKey)).
		WithOptions(controller.Options{MaxConcurrentReconciles: 1, NeedLeaderElection: &everyReplica,
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](5*time.Millisecond, routesFailed)}).
		Complete(o)
}

// setupBeside sets up what runs beside the plan.
func (o *Controller) setupBeside(mgr ctrl.Manager) error {
	if o.Settings.Admission {
		o.guard = &Guard{Settings: o.Settings, Leads: o.Leads}
		if err := o.guard.SetupWithManager(mgr); err != nil {
			return err
		}
	}
	if o.Witnesses != nil {
		o.witnesses = &witnessing{mine: o.Witnesses, namespace: o.Settings.Namespace, every: cmp.Or(o.WitnessesEvery, witnessEvery), changed: o.queue.Add}
		return o.witnesses.setup(mgr)
	}
	return nil
}

// Ingresses is a cache that holds them, and HTTPRoutes, where they may be read.
func (o *Controller) Ingresses() cache.Cache { return o.ingresses }

type requests = workqueue.TypedRateLimitingInterface[reconcile.Request]

// settled asks for one run a moment after an event, so that a burst of them is one.
func settled(wait time.Duration) handler.EventHandler {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, _ event.CreateEvent, q requests) { q.AddAfter(cluster.OneKey, wait) },
		UpdateFunc: func(_ context.Context, _ event.UpdateEvent, q requests) { q.AddAfter(cluster.OneKey, wait) },
		DeleteFunc: func(_ context.Context, _ event.DeleteEvent, q requests) { q.AddAfter(cluster.OneKey, wait) },
	}
}

// Recheck makes the plan again: a duty of whoever begins to lead.
func (o *Controller) Recheck(context.Context) { o.queue.Add() }

// Reconcile makes the cluster look as the plan says. Its result depends on no
// event: whatever was left halfway, by us or by a leader before us, is found and
// finished.
func (o *Controller) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	leads := o.Leads()
	if !leads {
		o.found.reset()
	}
	world, notLooked, err := cluster.Snapshot(ctx, o.theirs, o.theirs.Served(), o.Settings)
	if errors.Is(err, cluster.ErrNotYet) {
		return reconcile.Result{RequeueAfter: routesArrive}, nil
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	if leads {
		o.tellUnread(ctx, notLooked)
	}
	if blind := essential(o.theirs.Refused()); blind != "" {
		o.Warmth.blind()
		if leads {
			o.found.reset()
			o.say(NoConditions())
		}
		return reconcile.Result{}, nil // it comes back when that can be read
	}
	o.guard.See(world.Classes)
	if !leads {
		return o.standIn(ctx, &world)
	}
	o.absent = nil
	return o.realize(ctx, &world)
}

// realize makes a plan of the world, carries it out, and tells what came of it.
func (o *Controller) realize(ctx context.Context, world *routes.Snapshot) (reconcile.Result, error) {
	plan := o.make(*world, o.Settings)
	o.Warmth.observe(world.Render, &plan)
	owned, err := listOwned(ctx, o.ours)
	if errors.Is(err, cluster.ErrNotYet) {
		return reconcile.Result{RequeueAfter: routesArrive}, nil
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	did, err := o.apply.run(ctx, carriedOut{
		world: world, plan: &plan, owned: owned, namespace: o.Settings.Namespace,
		keep: unreadGroups(append(o.theirs.Refused(), o.ours.Refused()...))})
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err()
	}
	o.report(ctx, world, &plan, did)
	if err != nil {
		return reconcile.Result{}, err
	}
	if !did.again.IsZero() {
		return reconcile.Result{RequeueAfter: max(time.Until(did.again), time.Millisecond)}, nil
	}
	return reconcile.Result{}, nil
}

func (o *Controller) say(c *feed.Conditions) {
	if o.Report != nil {
		o.Report(c)
	}
}

// tellUnread logs what cannot be read, when that changes.
func (o *Controller) tellUnread(ctx context.Context, notLooked []string) {
	now := strings.Join(notLooked, "; ")
	if now == o.unread {
		return
	}
	o.unread = now
	log := logr.FromContextOrDiscard(ctx)
	switch blind := essential(o.theirs.Refused()); {
	case blind != "":
		log.Info("routes cannot opt in, and unprotected routes are not reported, because a kind may not be read; policies are served as before", "kind", blind, "problem", now)
	case now != "":
		log.Info("some kinds may not be read: what they say of routes is not known", "problem", now)
	default:
		log.Info("all that opt-ins need can be read")
	}
}

// essential returns which of the refused kinds a plan cannot do without: made
// from none of them it would take everything back.
func essential(refused []schema.GroupKind) string {
	for _, k := range refused {
		if slices.Contains([]string{"Ingress", "IngressClass", "Service", "EndpointSlice", "AccessPolicy"}, k.Kind) {
			return k.Kind
		}
	}
	return ""
}

// listOwned reads what carries our label.
func listOwned(ctx context.Context, r cluster.Reader) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, k := range routes.Made {
		if !r.Reads(k) {
			continue
		}
		var list unstructured.UnstructuredList
		list.SetGroupVersionKind(k.GroupVersion().WithKind(k.Kind + "List"))
		err := r.List(ctx, &list, client.HasLabels{routes.RouteLabel})
		if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
			continue // the CRD went away, and all objects with it
		}
		if err != nil {
			return nil, fmt.Errorf("listing what we made of kind %s: %w", k.Kind, err)
		}
		out = append(out, cluster.Pointers(list.Items)...)
	}
	return out, nil
}
