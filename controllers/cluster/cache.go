// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/routes"
)

// A Reader reads kinds that need not be there, and need not be ours to read.
type Reader interface {
	// List fails with errNotYet before the kind has arrived.
	client.Reader
	// Served tells which optional kinds the API server has, as in routes.Snapshot.
	Served() map[string]bool
	// Refused are kinds that the API server has, and that cannot be read.
	Refused() []schema.GroupKind
	// Reads reports whether a kind is there, and can be read.
	Reads(schema.GroupVersionKind) bool
}

// ErrNotYet says that what is asked for has not arrived. It soon will.
var ErrNotYet = errors.New("not read yet")

// arriveGrace is how long a kind that may be listed has to arrive before the rest
// goes on without it: nobody may be allowed to watch it.
const arriveGrace = 30 * time.Second

// NewCache returns one that runs with the manager, and holds nothing before Look is called.
func NewCache(mgr ctrl.Manager, options cache.Options) (k *Cache, err error) {
	k = &Cache{live: mgr.GetAPIReader(), mapper: mgr.GetRESTMapper(), scheme: mgr.GetScheme(), states: map[schema.GroupVersionKind]*kindState{}}
	if k.Cache, err = cache.New(mgr.GetConfig(), options); err != nil {
		return nil, fmt.Errorf("a cache of routes: %w", err)
	}
	return k, mgr.Add(k.Cache)
}

// Watched is a kind of which a cache is kept.
type Watched struct {
	Object client.Object
	In     string // the only namespace that is read; "": all
}

// A kindState is what is known of a kind that the API server has.
type kindState struct {
	informer cache.Informer // nil: it may not be listed, or that is not known
	since    time.Time      // when the informer was started
	refused  bool
}

// A Cache is a cache in which a kind that is missing, or may not be read,
// is a kind of which nothing is known. The others are served.
type Cache struct {
	Cache    cache.Cache
	Policies client.Reader     // of AccessPolicies, which another cache has
	Configs  map[string]*Cache // of ConfigMaps, each of one namespace
	Fields   *Fields
	live     client.Reader
	mapper   meta.RESTMapper
	scheme   *runtime.Scheme
	Kinds    []Watched

	mu     sync.Mutex
	looked bool // at all kinds, once
	has    map[string]bool
	states map[schema.GroupVersionKind]*kindState
}

var _ Reader = (*Cache)(nil)

// Look starts to watch what can be watched now, and reports whether that changed.
func (k *Cache) Look(ctx context.Context, wake func()) bool {
	has, err := Served(k.mapper)
	if err != nil {
		logr.FromContextOrDiscard(ctx).V(1).Info("cannot ask which kinds there are", "error", err.Error())
		return false
	}
	if has["Middleware."+routes.TraefikGroup] && k.Fields.has(routes.TraefikGroup, "v1alpha1", "Middleware", "spec", "forwardAuth", "maxResponseBodySize") {
		has[routes.MiddlewareLimit] = true
	}
	differs := !k.looked || !reflect.DeepEqual(has, k.has)
	versions := map[schema.GroupKind]bool{}
	for _, kind := range k.Kinds {
		gvk, err := apiutil.GVKForObject(kind.Object, k.scheme)
		if err != nil || versions[gvk.GroupKind()] {
			continue // a newer version of it is read
		}
		now, changed := k.lookAt(ctx, gvk, kind, wake)
		versions[gvk.GroupKind()] = now != nil
		differs = differs || changed
		k.mu.Lock()
		if now == nil {
			delete(k.states, gvk)
		} else {
			k.states[gvk] = now
		}
		k.mu.Unlock()
	}
	k.mu.Lock()
	k.looked, k.has = true, has
	k.mu.Unlock()
	return differs
}

// lookAt returns the state of one kind, nil if there is no such kind, and whether
// that is news.
func (k *Cache) lookAt(ctx context.Context, gvk schema.GroupVersionKind, kind Watched, wake func()) (*kindState, bool) {
	was := k.states[gvk] // written by look alone
	log := logr.FromContextOrDiscard(ctx).V(1)
	switch _, err := k.mapper.RESTMapping(gvk.GroupKind(), gvk.Version); {
	case meta.IsNoMatchError(err):
		if was != nil && was.informer != nil {
			if err := k.Cache.RemoveInformer(ctx, kind.Object); err != nil {
				log.Info("cannot stop watching", "kind", gvk.String(), "error", err.Error())
			}
		}
		return nil, was != nil
	case was != nil && was.informer != nil:
		return was, false
	case err != nil:
		log.Info("cannot ask for a kind", "kind", gvk.String(), "error", err.Error())
		return &kindState{}, was == nil
	}
	informer, err := k.begin(ctx, gvk, kind, wake)
	switch {
	case err == nil:
		return &kindState{informer: informer, since: time.Now()}, true
	case apierrors.IsForbidden(err):
		return &kindState{refused: true}, was == nil || !was.refused
	}
	log.Info("cannot read a kind", "kind", gvk.String(), "error", err.Error())
	return &kindState{refused: was != nil && was.refused}, was == nil
}

// begin watches a kind, if it may be listed: a watch that is not allowed would be
// tried, and logged, for ever.
func (k *Cache) begin(ctx context.Context, gvk schema.GroupVersionKind, kind Watched, wake func()) (cache.Informer, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err := k.live.List(ctx, list, client.Limit(1), client.InNamespace(kind.In)); err != nil {
		return nil, err
	}
	return k.watch(ctx, kind.Object, wake)
}

func (k *Cache) watch(ctx context.Context, o client.Object, wake func()) (cache.Informer, error) {
	informer, err := k.Cache.GetInformer(ctx, o, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(any) { wake() },
		UpdateFunc: func(old, now any) {
			if differs(old, now) {
				wake()
			}
		},
		DeleteFunc: func(any) { wake() },
	})
	if err != nil {
		return nil, err
	}
	go func() { // an empty list is no event
		if toolscache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
			wake()
		}
	}()
	return informer, nil
}

// Served is as in Reader.
func (k *Cache) Served() map[string]bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.has
}

// Refused is as in Reader.
func (k *Cache) Refused() []schema.GroupKind {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []schema.GroupKind
	for gvk, s := range k.states {
		if s.late() || s.refused {
			out = append(out, gvk.GroupKind())
		}
	}
	return out
}

// Reads is as in Reader.
func (k *Cache) Reads(gvk schema.GroupVersionKind) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.states[gvk]
	return !k.looked || s != nil && !s.refused && !s.late()
}

// late: it may be listed, but does not arrive.
func (s *kindState) late() bool {
	return s.informer != nil && !s.informer.HasSynced() && time.Since(s.since) > arriveGrace
}

// List reads what has arrived.
func (k *Cache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if _, ok := list.(*v1alpha1.AccessPolicyList); ok {
		return k.Policies.List(ctx, list, append(opts, client.UnsafeDisableDeepCopy)...)
	}
	if _, ok := list.(*corev1.ConfigMapList); ok && k.Configs != nil {
		return k.listConfigs(ctx, list, opts...)
	}
	gvk, err := apiutil.GVKForObject(list, k.scheme)
	if err != nil {
		return err
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	k.mu.Lock()
	looked, s := k.looked, k.states[gvk]
	k.mu.Unlock()
	switch {
	case !looked:
		return ErrNotYet
	case s == nil:
		return &meta.NoKindMatchError{GroupKind: gvk.GroupKind(), SearchedVersions: []string{gvk.Version}}
	case s.refused, s.late():
		return apierrors.NewForbidden(schema.GroupResource{Group: gvk.Group, Resource: gvk.Kind}, "", errors.New("it may not be listed and watched"))
	case s.informer == nil, !s.informer.HasSynced():
		return ErrNotYet
	}
	return k.Cache.List(ctx, list, append(opts, client.UnsafeDisableDeepCopy)...) // it is only read
}

// Get is for one object: the lists are enough here.
func (k *Cache) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return k.Cache.Get(ctx, key, o, opts...)
}

// differs reports whether an update changed more than the version of an object.
func differs(old, now any) bool {
	a, ok1 := old.(client.Object)
	b, ok2 := now.(client.Object)
	if !ok1 || !ok2 || a.GetUID() != b.GetUID() {
		return true
	}
	if a.GetResourceVersion() == b.GetResourceVersion() {
		return false
	}
	a = a.DeepCopyObject().(client.Object)
	a.SetResourceVersion(b.GetResourceVersion())
	return !reflect.DeepEqual(a, b)
}

// listConfigs lists ConfigMaps of one namespace, as one that may be read.
func (k *Cache) listConfigs(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	var o client.ListOptions
	o.ApplyOptions(opts)
	c := k.Configs[o.Namespace]
	if c == nil {
		return fmt.Errorf("ConfigMaps of namespace %q are not watched", o.Namespace)
	}
	return c.List(ctx, list, opts...)
}
