// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-logr/logr"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/ingress"
)

// An applier makes the cluster look as a plan says, by server-side apply: objects
// first, then annotations of people's objects, then it takes away what no plan
// holds. Whatever fails in between, every state on the way is one in which a route
// asks about its requests as before, or as planned.
type applier struct {
	client client.Client
	live   client.Reader // past all caches
	memo   map[ingress.Ref]refusal
}

// A refusal is what the API server said about an object of that version. Asking
// again would not change it, so that it is not asked again before until.
type refusal struct {
	version, digest string
	until           time.Time // zero: not before the object changes
	finding         ingress.Finding
}

// carriedOut is what one run starts from.
type carriedOut struct {
	world     *ingress.World
	plan      *ingress.Plan
	owned     []*unstructured.Unstructured // what earlier plans made
	namespace string                       // ours
	keep      map[string]bool              // groups whose kinds are not all known: nothing of them is removed
}

// done is what came of a run.
type done struct {
	findings []ingress.Finding
	changed  map[ingress.Ref]string // people's objects that were written, and what was done
	refused  bool                   // something is worth trying again later
}

// An application is one run of an applier.
type application struct {
	*applier
	carriedOut
	done
	existing map[ingress.Ref]*unstructured.Unstructured
	failed   []*unstructured.Unstructured // objects that could not be made
	stuck    []unwritten                  // people's objects that could not be written
	errs     []error
}

// An unwritten object is somebody's, and as it was.
type unwritten struct {
	ref    ingress.Ref
	object client.Object
}

// run carries out a plan. The error is one that trying again may mend.
func (a *applier) run(ctx context.Context, in carriedOut) (done, error) {
	r := &application{applier: a, carriedOut: in, done: done{changed: map[ingress.Ref]string{}},
		existing: map[ingress.Ref]*unstructured.Unstructured{}}
	if a.memo == nil {
		a.memo = map[ingress.Ref]refusal{}
	}
	for _, o := range in.owned {
		r.existing[refOf(o)] = o
	}
	for _, step := range []func(context.Context){r.objects, r.annotations, r.prune} {
		if ctx.Err() == nil {
			step(ctx)
		}
	}
	return r.done, errors.Join(append(r.errs, ctx.Err())...)
}

func refOf(o client.Object) ingress.Ref {
	return ingress.Ref{Kind: o.GetObjectKind().GroupVersionKind().Kind, NamespacedName: client.ObjectKeyFromObject(o)}
}

// objects makes what annotations will refer to.
func (r *application) objects(ctx context.Context) {
	for _, want := range r.plan.Objects {
		if ctx.Err() != nil {
			return
		}
		if err := r.object(ctx, want); err != nil {
			r.failed = append(r.failed, want)
			r.fail(refOf(want), "making", err)
		}
	}
}

// object makes one object of ours, or mends it.
func (r *application) object(ctx context.Context, want *unstructured.Unstructured) error {
	send, err := prepared(want)
	if err != nil {
		return err
	}
	is, err := r.current(ctx, want)
	if err != nil {
		return err
	}
	if is == nil {
		return r.send(ctx, send, client.FieldOwner(ingress.FieldManager))
	}
	if asPrepared(is, send) {
		return nil
	}
	answer := send.DeepCopy()
	answer.SetUID(is.GetUID()) // and no other that took its place meanwhile
	err = r.send(ctx, answer, client.FieldOwner(ingress.FieldManager), client.ForceOwnership)
	// What was applied as it is, and cannot be so again, has something of others in it
	// that an apply does not remove: an entry of a list. It is made anew.
	before := is.GetAnnotations()[appliedAnnotation] == send.GetAnnotations()[appliedAnnotation]
	if before && (apierrors.IsInvalid(err) || err == nil && !asPrepared(answer, send)) {
		if err := r.remove(ctx, is, nil); client.IgnoreNotFound(err) != nil {
			return err
		}
		return r.send(ctx, send, client.FieldOwner(ingress.FieldManager))
	}
	return err
}

// current returns the object that is there under that name, nil if there is none,
// and an error if it is not ours.
func (r *application) current(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if is := r.existing[refOf(want)]; is != nil {
		return is, nil
	}
	is := unstructuredOf(want.GroupVersionKind()) // it may have been made a moment ago
	switch err := r.live.Get(ctx, client.ObjectKeyFromObject(want), is); {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case !labelled(is):
		return nil, takenError{refOf(want)}
	}
	return is, nil
}

func (r *application) send(ctx context.Context, o *unstructured.Unstructured, options ...client.ApplyOption) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	logr.FromContextOrDiscard(ctx).V(1).Info("applying", "object", refOf(o).String())
	return r.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), options...)
}

func labelled(o client.Object) bool {
	_, ok := o.GetLabels()[ingress.RouteLabel]
	return ok
}

// annotations writes those of the plan, and then releases those of routes that are
// in no plan. An object that could not be made holds back the annotations that
// need it: they stay as they are.
func (r *application) annotations(ctx context.Context) {
	people := peopleOf(r.world)
	refs := slices.SortedFunc(maps.Keys(r.plan.Annotations), compareRefs)
	for _, ref := range refs {
		o := people[ref]
		if o == nil || ctx.Err() != nil {
			continue // it went away since it was listed
		}
		if waits := r.needs(ref, o); waits != nil {
			r.stuck = append(r.stuck, unwritten{ref, o})
			r.finding(ref, reasonHeldBack, fmt.Sprintf("%s is left as it is, because %s, which it needs, could not be made", ref, refOf(waits)))
			continue
		}
		r.annotate(ctx, ref, o, r.plan.Annotations[ref])
	}
	for _, ref := range slices.SortedFunc(maps.Keys(people), compareRefs) {
		if _, planned := r.plan.Annotations[ref]; planned || ctx.Err() != nil {
			continue
		}
		if _, any := ownedAnnotations(people[ref]); any && !labelled(people[ref]) {
			r.annotate(ctx, ref, people[ref], nil)
		}
	}
}

func compareRefs(a, b ingress.Ref) int { return cmp.Compare(a.String(), b.String()) }

// peopleOf returns the objects that a plan may annotate.
func peopleOf(w *ingress.World) map[ingress.Ref]client.Object {
	out := map[ingress.Ref]client.Object{}
	add := func(kind string, o client.Object) {
		out[ingress.Ref{Kind: kind, NamespacedName: client.ObjectKeyFromObject(o)}] = o
	}
	for _, o := range w.Ingresses {
		add("Ingress", o)
	}
	for _, o := range w.HTTPRoutes {
		add("HTTPRoute", o)
	}
	return out
}

// needs returns an object that could not be made and that a route waits for.
func (r *application) needs(ref ingress.Ref, o client.Object) *unstructured.Unstructured {
	for _, own := range r.failed {
		if servesRoute(ref, hostsOf(o), own, r.namespace) {
			return own
		}
	}
	return nil
}

// annotate has us own exactly these annotations of an object of somebody else's. It
// takes none away from anybody: that is a conflict, and reported.
func (r *application) annotate(ctx context.Context, ref ingress.Ref, o client.Object, want map[string]string) {
	owned, any := ownedAnnotations(o)
	if any == (len(want) > 0) && sameAnnotations(o.GetAnnotations(), owned, want) {
		delete(r.memo, ref)
		return
	}
	m := refusal{version: string(o.GetUID()) + "/" + o.GetResourceVersion(), digest: digestOf(want)}
	if r.refusedBefore(ref, m) {
		r.stuck = append(r.stuck, unwritten{ref, o})
		return
	}
	delete(r.memo, ref)
	send := unstructuredOf(annotated[ref.Kind])
	send.SetName(ref.Name)
	send.SetNamespace(ref.Namespace)
	send.SetUID(o.GetUID()) // or an object that is gone would be made anew
	send.SetAnnotations(want)
	err := r.send(ctx, send, client.FieldOwner(ingress.FieldManager))
	switch {
	case err == nil && len(want) > 0:
		r.changed[ref] = "applied"
	case err == nil:
		r.changed[ref] = "released"
	case apierrors.IsNotFound(err): // its end is an event
	default:
		r.stuck = append(r.stuck, unwritten{ref, o})
		if r.fail(ref, "annotating", err) {
			m.finding = r.done.findings[len(r.done.findings)-1]
			if m.finding.Reason != reasonFieldConflict {
				m.until = time.Now().Add(routesRefused)
			}
			r.memo[ref] = m
		}
	}
}

// refusedBefore reports whether the same was refused before, and says so again.
func (r *application) refusedBefore(ref ingress.Ref, now refusal) bool {
	m, ok := r.memo[ref]
	if !ok || m.version != now.version || m.digest != now.digest || !m.until.IsZero() && !time.Now().Before(m.until) {
		return false
	}
	r.done.findings = append(r.done.findings, m.finding)
	r.refused = r.refused || !m.until.IsZero()
	return true
}

// annotated are the kinds of people's objects that we annotate.
var annotated = map[string]schema.GroupVersionKind{
	"Ingress":   {Group: networkingv1.GroupName, Version: "v1", Kind: "Ingress"},
	"HTTPRoute": {Group: gatewayGroup, Version: "v1", Kind: "HTTPRoute"},
}

func sameAnnotations(is map[string]string, owned map[string]bool, want map[string]string) bool {
	if len(owned) != len(want) {
		return false
	}
	for k, v := range want {
		if now, ok := is[k]; !ok || now != v || !owned[k] {
			return false
		}
	}
	return true
}

// prune removes what carries our label and is in no plan: only when nothing of
// people's refers to it any more.
func (r *application) prune(ctx context.Context) {
	planned := map[ingress.Ref]bool{}
	for _, o := range r.plan.Objects {
		planned[refOf(o)] = true
	}
	for _, o := range r.owned { // in the order of ownKinds
		ref := refOf(o)
		switch {
		case planned[ref], !labelled(o), o.GetDeletionTimestamp() != nil, r.keep[o.GroupVersionKind().Group]:
			continue
		case slices.ContainsFunc(r.stuck, func(w unwritten) bool { return refersTo(w.object, w.ref, o, r.namespace) }):
			continue // something still refers to it
		case ctx.Err() != nil:
			return
		}
		version := o.GetResourceVersion()
		if err := r.remove(ctx, o, &version); client.IgnoreNotFound(err) != nil {
			r.fail(ref, "removing", err)
		}
	}
}

// remove deletes an object, and not what took its place: as it was seen, if a
// version is given.
func (r *application) remove(ctx context.Context, o *unstructured.Unstructured, version *string) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	uid := o.GetUID()
	logr.FromContextOrDiscard(ctx).V(1).Info("removing", "object", refOf(o).String())
	return r.client.Delete(ctx, unstructuredNamed(o), client.Preconditions{UID: &uid, ResourceVersion: version},
		client.PropagationPolicy(metav1.DeletePropagationBackground))
}

// unstructuredNamed has the name of an object, and nothing else: what a cache holds
// is not handed out.
func unstructuredNamed(o *unstructured.Unstructured) *unstructured.Unstructured {
	named := unstructuredOf(o.GroupVersionKind())
	named.SetNamespace(o.GetNamespace())
	named.SetName(o.GetName())
	return named
}
