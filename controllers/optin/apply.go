// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/plan"
)

// An applier makes the cluster look as a plan says, by server-side apply: first what
// has proxies ask, on people's objects; then our objects; then the annotations that
// need those; then it takes away what no plan holds. Whatever fails in between, every
// state on the way is one in which a route asks about its requests as before, or as
// planned, and nothing of ours that is refused or slow keeps a route from asking.
type applier struct {
	client client.Client
	live   client.Reader // past all caches
	memo   map[routes.Ref]refusal
}

// A refusal is what the API server said about an object of that version. Asking
// again at once would not change it, so that it is not asked again before until.
type refusal struct {
	version, digest string
	until           time.Time // zero: not before the object changes
	times           int       // that it was refused
	findings        []routes.Finding
}

// How soon what was refused is tried again: at first, and at last.
const (
	againFirst = time.Second
	againLast  = 30 * time.Second
)

// objectsTime is how long a run may take to make objects. Whatever hangs there must
// not keep the next route from asking.
const objectsTime = 3 * time.Second

// carriedOut is what one run starts from.
type carriedOut struct {
	world     *routes.Snapshot
	plan      *plan.Plan
	owned     []*unstructured.Unstructured // what earlier plans made
	namespace string                       // ours
	// guardsOnly: nothing is done but that routes ask.
	guardsOnly bool
	release    bool            // everything is taken back, whatever names a policy
	keep       map[string]bool // groups whose kinds are not all known: nothing of them is removed
}

// done is what came of a run.
type done struct {
	findings []routes.Finding
	changed  map[routes.Ref]string // people's objects that were written, and what was done
	again    time.Time             // something is worth trying again then; zero: nothing is
}

// An application is one run of an applier.
type application struct {
	*applier
	carriedOut
	done
	existing map[routes.Ref]*unstructured.Unstructured
	failed   []*unstructured.Unstructured // objects that could not be made, or were not tried
	stuck    []unwritten                  // people's objects that could not be written
	unasked  map[routes.Ref]bool          // those of them that were to be guarded first
	errs     []error
}

// An unwritten object is somebody's, and as it was.
type unwritten struct {
	ref    routes.Ref
	object client.Object
}

// run carries out a plan. The error is one that trying again may mend.
func (a *applier) run(ctx context.Context, in carriedOut) (done, error) {
	r := &application{applier: a, carriedOut: in, done: done{changed: map[routes.Ref]string{}},
		existing: map[routes.Ref]*unstructured.Unstructured{}, unasked: map[routes.Ref]bool{}}
	if a.memo == nil {
		a.memo = map[routes.Ref]refusal{}
	}
	for _, o := range in.owned {
		r.existing[refOf(o)] = o
	}
	steps := []func(context.Context){r.guards, r.objects, r.annotations, r.prune}
	if in.guardsOnly {
		steps = steps[:1]
	}
	for _, step := range steps {
		if ctx.Err() == nil {
			step(ctx)
		}
	}
	return r.done, errors.Join(append(r.errs, ctx.Err())...)
}

func refOf(o client.Object) routes.Ref {
	return routes.Ref{Kind: o.GetObjectKind().GroupVersionKind().Kind, NamespacedName: client.ObjectKeyFromObject(o)}
}

// objects makes what annotations will refer to.
func (r *application) objects(ctx context.Context) {
	end := time.Now().Add(objectsTime)
	for _, want := range r.plan.Objects {
		if ctx.Err() != nil {
			return
		}
		ref := refOf(want)
		m := refusal{digest: digestOf(want.Object)}
		if is := r.existing[ref]; is != nil {
			m.version = string(is.GetUID()) + "/" + is.GetResourceVersion()
		}
		switch {
		case r.refusedBefore(ref, m):
			r.failed = append(r.failed, want)
		case time.Now().After(end): // of the others none was tried
			r.failed = append(r.failed, want)
			r.tryAgain(time.Now())
		default:
			if err := r.objectOr(ctx, want); err != nil {
				r.failed = append(r.failed, want)
				r.fail(ref, "making", err, &m)
			} else {
				delete(r.memo, ref)
			}
		}
	}
}

// tryAgain has the next run be at a time, or before.
func (r *application) tryAgain(at time.Time) {
	if r.again.IsZero() || at.Before(r.again) {
		r.again = at
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
		return r.send(ctx, send, client.FieldOwner(routes.FieldManager))
	}
	if asPrepared(is, send) {
		return nil
	}
	answer := send.DeepCopy()
	answer.SetUID(is.GetUID()) // and no other that took its place meanwhile
	err = r.send(ctx, answer, client.FieldOwner(routes.FieldManager), client.ForceOwnership)
	// What was applied as it is, and cannot be so again, has something of others in it
	// that an apply does not remove: an entry of a list. It is made anew.
	before := is.GetAnnotations()[v1alpha1.AppliedAnnotation] == send.GetAnnotations()[v1alpha1.AppliedAnnotation]
	if before && (apierrors.IsInvalid(err) || err == nil && !asPrepared(answer, send)) {
		if err := r.remove(ctx, is, nil); client.IgnoreNotFound(err) != nil {
			return err
		}
		return r.send(ctx, send, client.FieldOwner(routes.FieldManager))
	}
	return err
}

// current returns the object that is there under that name, nil if there is none,
// and an error if it is not ours.
func (r *application) current(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	if is := r.existing[refOf(want)]; is != nil {
		return is, nil
	}
	is := cluster.Unstructured(want.GroupVersionKind()) // it may have been made a moment ago
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
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	logr.FromContextOrDiscard(ctx).V(1).Info("applying", "object", refOf(o).String())
	return r.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(o), options...)
}

func labelled(o client.Object) bool {
	_, ok := o.GetLabels()[routes.RouteLabel]
	return ok
}

func compareRefs(a, b routes.Ref) int { return cmp.Compare(a.String(), b.String()) }

// routesOf returns the objects that a plan may annotate.
func routesOf(w *routes.Snapshot) map[routes.Ref]client.Object {
	out := map[routes.Ref]client.Object{}
	add := func(kind string, o client.Object) {
		out[routes.Ref{Kind: kind, NamespacedName: client.ObjectKeyFromObject(o)}] = o
	}
	for _, o := range w.Ingresses {
		add("Ingress", o)
	}
	for _, o := range w.HTTPRoutes {
		add("HTTPRoute", o)
	}
	return out
}

// prune removes what carries our label and is in no plan: only when nothing of
// people's refers to it any more.
func (r *application) prune(ctx context.Context) {
	planned := map[routes.Ref]bool{}
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
			r.fail(ref, "removing", err, nil)
		}
	}
}

// remove deletes an object, and not what took its place: as it was seen, if a
// version is given.
func (r *application) remove(ctx context.Context, o *unstructured.Unstructured, version *string) error {
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	uid := o.GetUID()
	logr.FromContextOrDiscard(ctx).V(1).Info("removing", "object", refOf(o).String())
	return r.client.Delete(ctx, unstructuredNamed(o), client.Preconditions{UID: &uid, ResourceVersion: version},
		client.PropagationPolicy(metav1.DeletePropagationBackground))
}

// unstructuredNamed has the name of an object, and nothing else: what a cache holds
// is not handed out.
func unstructuredNamed(o *unstructured.Unstructured) *unstructured.Unstructured {
	named := cluster.Unstructured(o.GroupVersionKind())
	named.SetNamespace(o.GetNamespace())
	named.SetName(o.GetName())
	return named
}

// objectOr makes an object of ours, or what stands for it where it is refused.
func (r *application) objectOr(ctx context.Context, want *unstructured.Unstructured) error {
	ref := refOf(want)
	fallback, ok := r.plan.Fallbacks[ref]
	if !ok {
		return r.object(ctx, want)
	}
	send, err := prepared(fallback.Object)
	if err != nil {
		return err
	}
	if is := r.existing[ref]; is != nil && asPrepared(is, send) && young(is, fallback) {
		return nil // what was refused before would be so again
	}
	err = r.object(ctx, want)
	if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		return err
	}
	if refused := r.fallback(ctx, fallback); refused != nil {
		return fmt.Errorf("%w; with spec.tls: %w", err, refused)
	}
	return nil
}

// fallback makes what stands for an object. Of Ingresses of one host the oldest says
// which certificate is served, so that this one must not be that: the API server's
// clock, of whole seconds, decides.
func (r *application) fallback(ctx context.Context, f plan.Fallback) error {
	ref := refOf(f.Object)
	if is := r.existing[ref]; is != nil && !young(is, f) {
		if err := r.remove(ctx, is, nil); client.IgnoreNotFound(err) != nil {
			return err
		}
		delete(r.existing, ref)
	}
	if time.Since(f.After) < 2*time.Second && r.existing[ref] == nil {
		return fmt.Errorf("%s waits until it is younger than the application's", ref)
	}
	if err := r.object(ctx, f.Object); err != nil {
		return err
	}
	is := cluster.Unstructured(f.Object.GroupVersionKind())
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(f.Object), is); err != nil || young(is, f) {
		return err
	}
	if err := r.remove(ctx, is, nil); client.IgnoreNotFound(err) != nil {
		return err
	}
	return fmt.Errorf("%s is older than the application's Ingress, and would decide which certificate is served", ref)
}

func young(o *unstructured.Unstructured, f plan.Fallback) bool {
	return o.GetCreationTimestamp().After(f.After)
}
