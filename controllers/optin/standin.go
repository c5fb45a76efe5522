// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
)

// standInAfter is how long a replica that does not lead waits for the one that does.
const standInAfter = time.Second

// standIn has routes ask that do not, if the leader has not in time: it may be dead,
// and its lease takes a while to run out. It touches no route that has something where
// the question belongs, so that no two versions of us can differ about one, and nothing
// else: the apply is the leader's own.
func (o *Controller) standIn(ctx context.Context, world *routes.Snapshot) (reconcile.Result, error) {
	plan := o.make(*world, o.Settings)
	o.Warmth.observe(world.Render, &plan)
	late, wait := o.unasked(world, &plan)
	if len(late) == 0 {
		return reconcile.Result{RequeueAfter: wait}, nil
	}
	for ref := range plan.Guards {
		if !slices.Contains(late, ref) {
			delete(plan.Guards, ref)
		}
	}
	did, err := o.apply.run(ctx, carriedOut{world: world, plan: &plan, namespace: o.Settings.Namespace, guardsOnly: true})
	if ctx.Err() != nil {
		return reconcile.Result{}, ctx.Err()
	}
	log := logr.FromContextOrDiscard(ctx)
	for ref := range did.changed {
		log.Info("this replica protected a route, because the leader did not do it in time", "object", ref.String())
	}
	for _, f := range did.findings {
		log.Info("about a route", "object", f.Object.String(), "reason", f.Reason, "problem", f.Message)
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	if wait == 0 || !did.again.IsZero() {
		wait = max(time.Until(did.again), standInAfter)
	}
	return reconcile.Result{RequeueAfter: wait}, nil
}

// unasked returns the routes that have waited long enough, and when to look again; 0:
// no other waits.
func (o *Controller) unasked(world *routes.Snapshot, plan *plan.Plan) (late []routes.Ref, wait time.Duration) {
	now, since := time.Now(), map[routes.Ref]time.Time{}
	people := routesOf(world)
	for _, ref := range slices.SortedFunc(maps.Keys(plan.Guards), compareRefs) {
		object, lacks := people[ref], false
		if object == nil {
			continue
		}
		is := object.GetAnnotations()
		for key := range plan.Guards[ref] {
			_, there := is[key]
			lacks = lacks || !there
		}
		if !lacks {
			continue
		}
		first, known := o.absent[ref]
		if !known {
			first = now
		}
		since[ref] = first
		if left := standInAfter - now.Sub(first); left <= 0 {
			late = append(late, ref)
		} else if wait == 0 || left < wait {
			wait = left
		}
	}
	o.absent = since
	return late, wait
}
