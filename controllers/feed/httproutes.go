// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"cmp"
	"context"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/translate"
)

// gatewayState tells whether HTTPRoutes are known.
type gatewayState struct {
	synced atomic.Bool // the cache holds them
	absent atomic.Bool // the API server has no such kind, so there are none
}

var httpRouteGVK = schema.GroupVersionKind{Group: routes.GatewayGroup, Version: "v1", Kind: "HTTPRoute"}

// httpRouteList lists names and annotations: of an HTTPRoute, a table needs no more.
func httpRouteList() *metav1.PartialObjectMetadataList {
	l := &metav1.PartialObjectMetadataList{}
	l.SetGroupVersionKind(httpRouteGVK.GroupVersion().WithKind(httpRouteGVK.Kind + "List"))
	return l
}

// followHTTPRoutes has the queue follow the HTTPRoutes, as soon as there are any and
// they can be read. It never fails: only what is pinned to one needs them.
func (f *Feed) followHTTPRoutes(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	for {
		err := f.watchHTTPRoutes(ctx, q)
		if err == nil || ctx.Err() != nil {
			return
		}
		pause := cluster.RetryStart
		if meta.IsNoMatchError(err) {
			pause = cmp.Or(f.LookEvery, cluster.LookAgain)
			if !f.gateway.absent.Swap(true) {
				q.Add(cluster.OneKey) // it may have waited for them
			}
		} else {
			logr.FromContextOrDiscard(ctx).Error(err, "cannot watch HTTPRoutes; trying again", "after", cluster.RetryStart.String())
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

func (f *Feed) watchHTTPRoutes(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	o := &metav1.PartialObjectMetadata{}
	o.SetGroupVersionKind(httpRouteGVK)
	informer, err := f.Ingresses.GetInformer(ctx, o, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	tell := func(differs bool) {
		if !differs {
			return
		}
		if f.rerouted.Store(true); f.gateway.synced.Load() {
			q.Add(cluster.OneKey)
		}
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { tell(policyOf(o) != none) },
		UpdateFunc: func(old, o any) { tell(policyOf(old) != policyOf(o)) },
		DeleteFunc: func(o any) { tell(policyOf(o) != none) },
	})
	if err != nil {
		return err
	}
	if toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		f.gateway.synced.Store(true)
		f.rerouted.Store(true)
		q.Add(cluster.OneKey)
	}
	return nil
}

// naming is which policy an object names.
type naming struct {
	policy string
	named  bool
}

// none names nothing.
var none = naming{}

// policyOf returns which policy an HTTPRoute that came, went or was edited names. What
// cannot be told, may name any.
func policyOf(o any) naming {
	if last, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = last.Obj
	}
	m, ok := o.(metav1.Object)
	if !ok {
		return naming{named: true}
	}
	r, named := translate.HTTPRoute(m)
	return naming{r.Policy, named}
}
