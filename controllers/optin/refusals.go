// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/routes/family"
)

// takenError: an object of that name is somebody else's.
type takenError struct{ ref routes.Ref }

func (e takenError) Error() string {
	return fmt.Sprintf("%s was not made by Ostiary (it has no label %s), so it is neither changed nor removed. Rename or delete it.", e.ref, routes.RouteLabel)
}

// fail notes what went wrong, as a finding: what is missing is told, whether or not
// trying again may mend it. What would be refused again is remembered in m, if there
// is one to be remembered by; the rest is an error, too.
func (r *application) fail(ref routes.Ref, doing string, err error, m *refusal) {
	before := len(r.done.findings)
	var taken takenError
	never := false
	switch {
	case errors.As(err, &taken):
		r.finding(ref, reasonNameTaken, err.Error())
	case len(fieldConflicts(err)) > 0:
		r.finding(ref, reasonFieldConflict, conflictMessage(ref, err))
		never = true
	case apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err):
		r.finding(ref, reasonNotAllowed, fmt.Sprintf("%s %s is refused: %v. Give Ostiary's service account the right, have the rule that refuses it let it pass, or take the route out of Ostiary's hands.", doing, ref, err))
	case meta.IsNoMatchError(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsMethodNotSupported(err), apierrors.IsRequestEntityTooLargeError(err):
		r.finding(ref, reasonRejected, fmt.Sprintf("%s %s is refused: %v", doing, ref, err))
	case errors.Is(err, context.DeadlineExceeded):
		r.finding(ref, reasonNotWritten, fmt.Sprintf("%s %s got no answer in time from the API server, or from a webhook of it", doing, ref))
	case apierrors.IsConflict(err), apierrors.IsAlreadyExists(err), errors.Is(err, context.Canceled):
		r.errs = append(r.errs, fmt.Errorf("%s %s: %w", doing, ref, err))
		return
	default:
		r.finding(ref, reasonNotWritten, fmt.Sprintf("%s %s failed: %v", doing, ref, err))
		r.errs = append(r.errs, fmt.Errorf("%s %s: %w", doing, ref, err))
		return
	}
	if m == nil {
		r.tryAgain(time.Now().Add(againLast))
		return
	}
	m.findings = slices.Clone(r.done.findings[before:])
	r.refuse(ref, *m, never)
}

// finding adds one for each policy that is concerned, or one for none.
func (r *application) finding(ref routes.Ref, reason, message string) {
	f := routes.Finding{Object: ref, Reason: reason, Message: message}
	before := len(r.done.findings)
	for _, b := range r.plan.Bindings {
		if b.Route == ref || slices.ContainsFunc(r.failed, func(own *unstructured.Unstructured) bool {
			return refOf(own) == ref && servesRoute(b.Route, b.Hosts, own, r.namespace)
		}) {
			if f.Policy = b.Policy; !slices.Contains(r.done.findings[before:], f) {
				r.done.findings = append(r.done.findings, f)
			}
		}
	}
	if len(r.done.findings) == before {
		r.done.findings = append(r.done.findings, f)
	}
}

// A fieldConflict is a field that another manager owns.
type fieldConflict struct{ manager, field string }

// fieldConflicts returns those of a refused apply; none: it is no such refusal.
func fieldConflicts(err error) []fieldConflict {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var out []fieldConflict
	for _, c := range status.Status().Details.Causes {
		if c.Type != metav1.CauseTypeFieldManagerConflict {
			continue
		}
		manager := c.Message // conflict with "kubectl" using networking.k8s.io/v1
		if parts := strings.Split(manager, `"`); len(parts) > 2 {
			manager = parts[1]
		}
		out = append(out, fieldConflict{manager, strings.TrimPrefix(c.Field, ".")})
	}
	return out
}

// conflictMessage says who has what, and how to end it: we never take a field.
func conflictMessage(ref routes.Ref, err error) string {
	conflicts := fieldConflicts(err)
	var what, pointers []string
	for _, c := range conflicts {
		what = append(what, fmt.Sprintf("%s (of %s)", c.field, c.manager))
		if name, ok := strings.CutPrefix(c.field, "metadata.annotations."); ok {
			pointers = append(pointers, "/metadata/annotations/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
		}
	}
	slices.Sort(what)
	slices.Sort(pointers)
	return fmt.Sprintf("%s is left as it is, because another manager owns %s. Take it out of the manifest, and Ostiary writes it at once. "+
		"Where a tool writes it all the same, let it ignore the field: in Argo CD by spec.ignoreDifferences with jsonPointers [%s] and the sync option RespectIgnoreDifferences=true; "+
		"Flux leaves fields alone that are not in its manifest.",
		ref, strings.Join(slices.Compact(what), ", "), strings.Join(slices.Compact(pointers), ", "))
}

// servesRoute reports whether an object of ours is there for a route: for itself, or
// in our namespace for one of its hosts or for its namespace. It may say so of too
// many.
func servesRoute(route routes.Ref, hosts []string, own *unstructured.Unstructured, ours string) bool {
	if own.GetLabels()[routes.RouteLabel] == family.LabelOf(route) {
		return true
	}
	if own.GetNamespace() != ours {
		return false
	}
	text, err := own.MarshalJSON()
	return err != nil || strings.Contains(string(text), `"`+route.Namespace+`"`) ||
		slices.ContainsFunc(hosts, func(h string) bool { return strings.Contains(string(text), h) })
}

// refersTo reports whether an object that could not be written may refer to one of
// ours, as it is now.
func refersTo(o client.Object, ref routes.Ref, own *unstructured.Unstructured, ours string) bool {
	for _, value := range o.GetAnnotations() {
		if strings.Contains(value, own.GetName()) {
			return true
		}
	}
	return servesRoute(ref, hostsOf(o), own, ours)
}

// hostsOf are those that a route serves.
func hostsOf(o client.Object) []string {
	var hosts []string
	switch o := o.(type) {
	case *networkingv1.Ingress:
		for i := range o.Spec.Rules {
			hosts = append(hosts, o.Spec.Rules[i].Host)
		}
	case *unstructured.Unstructured:
		hosts, _, _ = unstructured.NestedStringSlice(o.Object, "spec", "hostnames")
	}
	return hosts
}

// unreadGroups are those of which a kind could not be read. What is made of one
// kind of the Gateway API may be for another kind of it. Kinds of Kubernetes itself
// are essential, or (ConfigMaps) nothing is made for them.
func unreadGroups(refused []schema.GroupKind) map[string]bool {
	out := map[string]bool{}
	for _, k := range refused {
		if k.Group == "" || k.Group == networkingv1.GroupName || k.Group == discoveryv1.GroupName {
			continue
		}
		out[k.Group] = true
		if k.Group == routes.GatewayGroup || k.Group == routes.EnvoyGroup {
			out[routes.GatewayGroup], out[routes.EnvoyGroup] = true, true
		}
	}
	return out
}

func digestOf(v any) string {
	text, _ := json.Marshal(v) // maps are sorted; what has no JSON is no object
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// prepared is an object as it is sent: with plain JSON in it, and its digest.
func prepared(want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	text, err := json.Marshal(want.Object)
	if err != nil {
		return nil, fmt.Errorf("%s is no JSON: %w", refOf(want), err)
	}
	out := &unstructured.Unstructured{}
	if err := out.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("%s: %w", refOf(want), err)
	}
	all := out.GetAnnotations()
	if all == nil {
		all = map[string]string{}
	}
	all[v1alpha1.AppliedAnnotation] = digestOf(out.Object)
	out.SetAnnotations(all)
	return out, nil
}

// asPrepared reports whether an object is what would be sent: it was sent before,
// and nobody changed any of it since.
func asPrepared(is, send *unstructured.Unstructured) bool {
	if is.GetDeletionTimestamp() != nil {
		return false
	}
	for field, value := range send.Object {
		if field != "apiVersion" && !holdsAll(is.Object[field], value) { // it may have been read in another
			return false
		}
	}
	return true
}

// holdsAll reports whether all of some is in is, which may have more: the API
// server's defaults, and fields of others. Lists are compared as they stand.
func holdsAll(is, some any) bool {
	switch some := some.(type) {
	case map[string]any:
		m, ok := is.(map[string]any)
		if !ok {
			return len(some) == 0 && is == nil
		}
		for k, v := range some {
			if !holdsAll(m[k], v) {
				return false
			}
		}
		return true
	case []any:
		l, _ := is.([]any)
		if len(l) != len(some) {
			return false
		}
		for i := range some {
			if !holdsAll(l[i], some[i]) {
				return false
			}
		}
		return true
	default:
		return reflect.DeepEqual(is, some)
	}
}
