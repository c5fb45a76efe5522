// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// guards has every route of the plan ask that does not yet, before anything else: what
// it takes stands on the route alone.
func (r *application) guards(ctx context.Context) {
	people := routesOf(r.world)
	for _, ref := range slices.SortedFunc(maps.Keys(r.plan.Guards), compareRefs) {
		o := people[ref]
		if o == nil || ctx.Err() != nil {
			continue // it went away since it was listed
		}
		if want := r.firstOf(ref, o); want != nil && !r.annotate(ctx, ref, o, want) {
			r.unasked[ref] = true
		}
	}
}

// firstOf returns the annotations by which a route asks, if it does not yet; nil: it
// does. What it has of the plan already stays.
func (r *application) firstOf(ref routes.Ref, o client.Object) map[string]string {
	is, whole, guard := o.GetAnnotations(), r.plan.Annotations[ref], r.plan.Guards[ref]
	owned, _ := ownedAnnotations(o)
	want, asks := map[string]string{}, true
	for key, value := range guard {
		switch now, ok := is[key]; {
		case ok && now == whole[key]:
			value = now
		case !ok || now != value:
			asks = false
		}
		want[key] = value
	}
	for key, value := range whole {
		if _, ok := guard[key]; !ok && owned[key] && is[key] == value {
			want[key] = value
		}
	}
	if asks {
		return nil
	}
	return want
}

// annotations completes those of the plan, and then releases those of routes that are
// in no plan. Where an object could not be made, what needs it is left out.
func (r *application) annotations(ctx context.Context) {
	people := routesOf(r.world)
	for _, ref := range slices.SortedFunc(maps.Keys(r.plan.Annotations), compareRefs) {
		o := people[ref]
		if o == nil || r.unasked[ref] || ctx.Err() != nil {
			continue // it went away since it was listed, or may not be written
		}
		want := r.plan.Annotations[ref]
		if waits := r.needs(ref); waits != nil {
			want = r.plan.Guards[ref]
			r.finding(ref, reasonHeldBack, fmt.Sprintf("%s is protected, but denials show the proxy's own page and preflights are not answered, because %s could not be created", ref, *waits))
		}
		r.annotate(ctx, ref, o, want)
	}
	for _, ref := range slices.SortedFunc(maps.Keys(people), compareRefs) {
		o := people[ref]
		if _, planned := r.plan.Annotations[ref]; planned || ctx.Err() != nil || labelled(o) {
			continue
		}
		if _, any := ownedAnnotations(o); any && !r.release {
			r.annotate(ctx, ref, o, nil)
			continue
		}
		r.takeOff(ctx, ref, o)
	}
}

// needs returns an object that could not be made, and without which the annotations
// of a route would be wrong.
func (r *application) needs(ref routes.Ref) *routes.Ref {
	for _, own := range r.failed {
		if at := refOf(own); slices.Contains(r.plan.Needs[ref], at) {
			return &at
		}
	}
	return nil
}

// annotate has us own exactly these annotations of an object of somebody else's. It
// takes none away from anybody: that is a conflict, and reported. It reports whether
// they are there.
func (r *application) annotate(ctx context.Context, ref routes.Ref, o client.Object, want map[string]string) bool {
	owned, any := ownedAnnotations(o)
	if any == (len(want) > 0) && sameAnnotations(o.GetAnnotations(), owned, want) {
		delete(r.memo, ref)
		return true
	}
	m := refusal{version: string(o.GetUID()) + "/" + o.GetResourceVersion(), digest: digestOf(want)}
	if r.refusedBefore(ref, m) {
		r.stuck = append(r.stuck, unwritten{ref, o})
		return false
	}
	send := cluster.Unstructured(annotated[ref.Kind])
	send.SetName(ref.Name)
	send.SetNamespace(ref.Namespace)
	send.SetUID(o.GetUID()) // or an object that is gone would be made anew
	send.SetAnnotations(want)
	err := r.send(ctx, send, client.FieldOwner(routes.FieldManager))
	switch {
	case err == nil && len(want) > 0:
		r.changed[ref] = "applied"
	case err == nil:
		r.changed[ref] = "released"
	case apierrors.IsNotFound(err): // its end is an event
	default:
		r.stuck = append(r.stuck, unwritten{ref, o})
		r.fail(ref, "annotating", err, &m)
		return false
	}
	delete(r.memo, ref)
	return true
}

// takeOff removes annotations without a word to the API server of whose they are: those
// that it put on an Ingress itself, which belong to nobody, and, where everything is
// taken back, ours on what still names a policy. The latter it would put back, and so
// it is told by whom it is done.
func (r *application) takeOff(ctx context.Context, ref routes.Ref, o client.Object) {
	remove := map[string]any{}
	if r.release {
		owned, _ := ownedAnnotations(o)
		for key := range owned {
			remove[key] = nil
		}
	}
	if ing, ok := o.(*networkingv1.Ingress); ok {
		for _, key := range family.Leftovers(ing, r.release) {
			remove[key] = nil
		}
	}
	if len(remove) == 0 {
		return
	}
	patch, _ := json.Marshal(map[string]any{"metadata": map[string]any{ // it has nothing that JSON has no word for
		"uid": o.GetUID(), "resourceVersion": o.GetResourceVersion(), "annotations": remove}})
	manager := routes.FieldManager
	if r.release {
		manager = routes.ReleaseManager
	}
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	named := cluster.Unstructured(annotated[ref.Kind])
	named.SetNamespace(ref.Namespace)
	named.SetName(ref.Name)
	switch err := r.client.Patch(ctx, named, client.RawPatch(types.MergePatchType, patch), client.FieldOwner(manager)); {
	case err == nil:
		r.changed[ref] = "released"
	case apierrors.IsNotFound(err):
	default:
		r.stuck = append(r.stuck, unwritten{ref, o})
		r.fail(ref, "releasing", err, nil)
	}
}

// refusedBefore reports whether the same was refused before, and says so again. It
// counts in now how often.
func (r *application) refusedBefore(ref routes.Ref, now refusal) bool {
	m, ok := r.memo[ref]
	if !ok || m.version != now.version || m.digest != now.digest || !m.until.IsZero() && !time.Now().Before(m.until) {
		return false
	}
	r.done.findings = append(r.done.findings, m.findings...)
	if !m.until.IsZero() {
		r.tryAgain(m.until)
	}
	return true
}

// refuse remembers what was refused, so that it is tried again later and less and less
// often. Never: not before the object changes.
func (r *application) refuse(ref routes.Ref, m refusal, never bool) {
	if before, ok := r.memo[ref]; ok && before.digest == m.digest {
		m.times = before.times + 1
	}
	if !never {
		m.until = time.Now().Add(min(againFirst<<min(m.times, 10), againLast))
		r.tryAgain(m.until)
	}
	r.memo[ref] = m
}

// annotated are the kinds of people's objects that we annotate.
var annotated = map[string]schema.GroupVersionKind{
	"Ingress":   {Group: networkingv1.GroupName, Version: "v1", Kind: "Ingress"},
	"HTTPRoute": {Group: routes.GatewayGroup, Version: "v1", Kind: "HTTPRoute"},
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
