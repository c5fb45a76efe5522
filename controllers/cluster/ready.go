// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// ReasonAccepted is the reason of Accepted while there is nothing more to say.
const ReasonAccepted = "Accepted"

// reasonPending is the reason of Ready until there is something to sum up.
const reasonPending = "Pending"

// parts are the conditions that Ready sums up, the worst first.
var parts = []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionProgrammed, v1alpha1.ConditionRouted, v1alpha1.ConditionCovered}

// Summarize sets Ready and Stalled of an object of any of our kinds from its other
// conditions, as kstatus, Flux and `kubectl wait` read them. Call it when the others are
// set, and set status.observedGeneration with them. It reports whether anything changed.
//
// Ready is False as soon as one of them is, and has the reason and message of the worst.
// It is Unknown while one is; except Covered, which is Unknown until somebody has used
// the application, and that is after a deployment. Degraded is a warning: Ready is True,
// with its reason. So it is with another reason of Accepted than ReasonAccepted: what the
// object says is in force, and it is not the usual, such as Disabled.
//
// Stalled is there while Accepted is False: kstatus takes Ready=False alone for progress.
// passing are reasons of Accepted that an edit of another object ends, so that waiting
// makes sense.
func Summarize(conditions *[]metav1.Condition, generation int64, passing ...string) (changed bool) {
	ready := ready(*conditions, generation)
	changed = meta.SetStatusCondition(conditions, ready)
	if accepted := meta.FindStatusCondition(*conditions, v1alpha1.ConditionAccepted); accepted == nil || accepted.Status != metav1.ConditionFalse ||
		accepted.ObservedGeneration != generation || slices.Contains(passing, accepted.Reason) {
		return meta.RemoveStatusCondition(conditions, v1alpha1.ConditionStalled) || changed
	}
	ready.Type, ready.Status, ready.LastTransitionTime = v1alpha1.ConditionStalled, metav1.ConditionTrue, metav1.Time{}
	return meta.SetStatusCondition(conditions, ready) || changed
}

func ready(conditions []metav1.Condition, generation int64) metav1.Condition {
	is := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, ObservedGeneration: generation}
	var unknown *metav1.Condition
	for _, kind := range parts {
		c := meta.FindStatusCondition(conditions, kind)
		switch {
		case c == nil && kind == v1alpha1.ConditionAccepted:
			unknown = &metav1.Condition{Reason: reasonPending, Message: "Not judged yet"}
		case c == nil:
		case c.ObservedGeneration != generation:
			unknown = cmp.Or(unknown, &metav1.Condition{Reason: reasonPending, Message: kind + " is not known yet for this generation"})
		case c.Status == metav1.ConditionFalse:
			is.Status, is.Reason, is.Message = metav1.ConditionFalse, c.Reason, c.Message
			return is
		case c.Status == metav1.ConditionUnknown && kind != v1alpha1.ConditionCovered:
			unknown = cmp.Or(unknown, c)
		}
	}
	if unknown != nil {
		is.Status, is.Reason, is.Message = metav1.ConditionUnknown, unknown.Reason, unknown.Message
		return is
	}
	is.Reason, is.Message = remark(conditions)
	return is
}

// remark is what there is to say of an object that is ready.
func remark(conditions []metav1.Condition) (reason, message string) {
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionAccepted); c.Reason != ReasonAccepted {
		return c.Reason, c.Message
	}
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionDegraded); c != nil && c.Status == metav1.ConditionTrue {
		return c.Reason, Truncate("Active, with warnings: "+c.Message, 32<<10)
	}
	return "Ready", "Active"
}
