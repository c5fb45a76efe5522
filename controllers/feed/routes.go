// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"cmp"
	"context"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/translate"
)

// routesGrace is how long a start waits for the Ingresses before it goes on
// without them: nobody may be allowed to list them.
const routesGrace = 10 * time.Second

// unread is what policies without hosts are told when Ingresses are not known.
const unread = "Ingresses are not read here, because that is switched off, not allowed or not possible now: none can name this policy, so write its hosts"

// A routeIndex is the Ingresses that name policies, and by which policy.
type routeIndex struct {
	known    bool              // that they are, or that there are none
	all      []translate.Route // HTTPRoutes as well
	byPolicy map[types.NamespacedName][]translate.Route
}

// noRoutes are those of which nothing is known.
var noRoutes = &routeIndex{}

func newRoutes(ingresses []networkingv1.Ingress) *routeIndex {
	r := &routeIndex{known: true, all: translate.Routes(ingresses), byPolicy: map[types.NamespacedName][]translate.Route{}}
	slices.SortFunc(r.all, func(a, b translate.Route) int { // a cache lists in any order
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	for _, route := range r.all {
		key := types.NamespacedName{Namespace: route.Namespace, Name: route.Policy}
		r.byPolicy[key] = append(r.byPolicy[key], route)
	}
	return r
}

// add adds the HTTPRoutes that name policies. They bind, and give no hosts.
func (r *routeIndex) add(all []metav1.PartialObjectMetadata) {
	for i := range all {
		if route, ok := translate.HTTPRoute(&all[i]); ok {
			r.all = append(r.all, route)
		}
	}
}

// of returns the routes on which an object's policy depends, and whether they are
// known.
func (r *routeIndex) of(o *v1alpha1.AccessPolicy) (on []translate.Route, known bool) {
	if len(o.Spec.Hosts) > 0 {
		return nil, true
	}
	return r.byPolicy[client.ObjectKeyFromObject(o)], r.known
}

// policy translates an object, with the routes that it depends on.
func (r *routeIndex) policy(o *v1alpha1.AccessPolicy) policy.Policy {
	on, known := r.of(o)
	p := translate.Policy(o, on...)
	if !known {
		p.Defects = append(p.Defects, policy.Issue{
			Source: policy.Source{Namespace: o.Namespace, Name: o.Name, Field: "spec.hosts"}, Reason: policy.Unwise, Message: unread})
	}
	return p
}

// routes lists the Ingresses and HTTPRoutes that name policies. It asks to be called
// again when they are not known and may soon be. Once known they stay so.
func (f *Feed) routes(ctx context.Context) (r *routeIndex, wait time.Duration, err error) {
	if f.Ingresses == nil {
		return noRoutes, 0, nil
	}
	switch changed := f.rerouted.Swap(false); {
	case f.known != nil && !changed:
		return f.known, 0, nil
	case f.known == nil:
		if wait = f.await(ctx); wait > 0 {
			return noRoutes, wait, nil
		}
	}
	ingresses, gateway := f.synced.Load(), f.gateway.synced.Load()
	if !ingresses && !gateway {
		return noRoutes, 0, nil
	}
	r = &routeIndex{}
	if ingresses {
		var list networkingv1.IngressList
		if err := f.Ingresses.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // they are only read
			f.rerouted.Store(true)
			return nil, 0, fmt.Errorf("listing Ingresses: %w", err)
		}
		r = newRoutes(list.Items)
	}
	if gateway {
		all := httpRouteList()
		if err := f.Ingresses.List(ctx, all, client.UnsafeDisableDeepCopy); err != nil {
			f.rerouted.Store(true)
			return nil, 0, fmt.Errorf("listing HTTPRoutes: %w", err)
		}
		r.add(all.Items)
	}
	f.known = r
	return r, 0, nil
}

// await returns how long to wait for the routes, at the start.
func (f *Feed) await(ctx context.Context) time.Duration {
	ingresses, gateway := f.synced.Load(), f.gateway.synced.Load() || f.gateway.absent.Load()
	if ingresses && gateway {
		return 0
	}
	if f.firstTry.IsZero() {
		f.firstTry = time.Now()
	}
	wait := routesGrace - time.Since(f.firstTry)
	if wait <= 0 && !f.gaveUp {
		f.gaveUp = true
		log := logr.FromContextOrDiscard(ctx)
		if !ingresses {
			log.Error(nil, "Ingresses cannot be read, so none can name a policy; policies are served without them until they can")
		}
		if !gateway {
			log.Error(nil, "HTTPRoutes cannot be read, so the policies that they name are not known; requests by one of them are denied until they can")
		}
	}
	return max(0, wait)
}

// followIngresses has the queue follow the Ingresses, as soon as they can be read.
// It never fails: policies that name their hosts need none.
func (f *Feed) followIngresses(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) {
	for {
		err := f.watchIngresses(ctx, q)
		if err == nil || ctx.Err() != nil {
			return
		}
		logr.FromContextOrDiscard(ctx).Error(err, "cannot watch Ingresses; trying again", "after", cluster.RetryStart.String())
		select {
		case <-ctx.Done():
			return
		case <-time.After(cluster.RetryStart):
		}
	}
}

func (f *Feed) watchIngresses(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	informer, err := f.Ingresses.GetInformer(ctx, &networkingv1.Ingress{}, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	tell := func(differs bool) {
		if !differs {
			return
		}
		if f.rerouted.Store(true); f.synced.Load() {
			q.Add(cluster.OneKey)
		}
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(o any) { tell(names(o)) },
		UpdateFunc: func(old, o any) { tell(reroutes(old, o)) },
		DeleteFunc: func(o any) { tell(names(o)) },
	})
	if err != nil {
		return err
	}
	if toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		f.synced.Store(true)
		f.rerouted.Store(true)
		q.Add(cluster.OneKey)
	}
	return nil
}

// names reports whether an Ingress that came or went names a policy.
func names(o any) bool {
	if last, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = last.Obj
	}
	i, ok := o.(*networkingv1.Ingress)
	if !ok {
		return true // nobody knows: look
	}
	_, named := translate.Ingress(i)
	return named
}

// reroutes reports whether an edit of an Ingress changes what it leads to which
// policy. Most do not: proxies write statuses.
func reroutes(old, now any) bool {
	before, ok1 := old.(*networkingv1.Ingress)
	after, ok2 := now.(*networkingv1.Ingress)
	if !ok1 || !ok2 {
		return true
	}
	was, named := translate.Ingress(before)
	is, names := translate.Ingress(after)
	return named != names || !reflect.DeepEqual(was, is)
}
