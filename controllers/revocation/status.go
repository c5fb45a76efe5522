// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"context"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/statuses"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Seen says which object a table was made with.
type Seen struct {
	UID        types.UID
	Generation int64
}

// Status writes since when revocations are in force. It runs beside the table.
type Status struct {
	writer *statuses.Writer[string, report]
}

// A report is which revocations a table was made with.
type report struct {
	revision string
	seen     map[string]Seen
}

// SetupWithManager takes what it needs from the manager. Write does the work.
func (s *Status) SetupWithManager(mgr ctrl.Manager) {
	c := mgr.GetClient()
	s.writer = &statuses.Writer[string, report]{Kind: "sessionRevocation", Log: mgr.GetLogger(),
		Objects: func(r report) []string { return slices.Sorted(maps.Keys(r.seen)) },
		Write:   func(ctx context.Context, r report, name string) error { return r.write(ctx, c, name) }}
}

// Report hands over which revocations are in force with a table, once it decides. It does
// not wait, and does nothing on nil, nor if they are those of the last time.
func (s *Status) Report(revision string, seen map[string]Seen) {
	if s == nil || s.writer == nil {
		return
	}
	s.writer.Update(func(latest report) (report, bool) {
		return report{revision, seen}, latest.revision == "" || !maps.Equal(latest.seen, seen)
	})
}

// Write writes until ctx is done: a duty of the leader.
func (s *Status) Write(ctx context.Context) { s.writer.Run(ctx) }

func (r report) write(ctx context.Context, c client.Client, name string) error {
	var before v1alpha1.SessionRevocation
	if err := c.Get(ctx, types.NamespacedName{Name: name}, &before, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	if seen := r.seen[name]; before.UID != seen.UID || before.Generation != seen.Generation {
		return nil // a newer report is under way
	}
	if IsEnforced(&before) {
		return nil
	}
	after := before.DeepCopy()
	set(after, r.revision)
	return statuses.Patch(ctx, c, &before, after)
}

// IsEnforced reports whether the leader said that the revocation, as it is, is in force.
func IsEnforced(o *v1alpha1.SessionRevocation) bool {
	c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionProgrammed)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == o.Generation
}

// set puts into the status that a table heeds the revocation. It does so in spite of
// mistakes.
func set(o *v1alpha1.SessionRevocation, revision string) {
	accepted := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: cluster.ReasonAccepted,
		Message: "Valid", ObservedGeneration: o.Generation}
	if _, issues := translate.Revocation(o); len(issues) > 0 {
		var problems []string
		for _, i := range issues {
			problems = append(problems, i.Source.Field+": "+i.Message)
		}
		accepted.Status, accepted.Reason = metav1.ConditionFalse, string(policy.Invalid)
		accepted.Message = cluster.Listed(problems) + "; it voids more rather than less"
	}
	meta.SetStatusCondition(&o.Status.Conditions, accepted)
	meta.SetStatusCondition(&o.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionProgrammed, Status: metav1.ConditionTrue,
		Reason: "Programmed", Message: "Active since table " + revision, ObservedGeneration: o.Generation})
	cluster.Summarize(&o.Status.Conditions, o.Generation)
	o.Status.ObservedGeneration = o.Generation
}
