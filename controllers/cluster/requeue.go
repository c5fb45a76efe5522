// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// A Requeue puts one request into the queue of a controller: when it starts, and
// whenever it is asked to.
type Requeue struct {
	mu      sync.Mutex
	enqueue func() // nil until the controller runs
}

// Source is what the controller watches.
func (r *Requeue) Source(request reconcile.Request) source.Source {
	return source.Func(func(_ context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.enqueue = func() { q.Add(request) }
		r.enqueue()
		return nil
	})
}

// Add asks for another run, if the controller runs.
func (r *Requeue) Add() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.enqueue != nil {
		r.enqueue()
	}
}

// OneKey is the only key in the queue: every event asks for the whole table,
// and a burst of them folds into one run.
var OneKey = reconcile.Request{NamespacedName: types.NamespacedName{Name: "table"}}

// Changed drops the echo of our own status. A generation alone does not tell: an
// object that was deleted and made again while the watch was down arrives as an
// update from one object to another of the same generation.
func Changed(e event.UpdateEvent) bool {
	return e.ObjectOld.GetUID() != e.ObjectNew.GetUID() || e.ObjectOld.GetGeneration() != e.ObjectNew.GetGeneration()
}
