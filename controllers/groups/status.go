// SPDX-License-Identifier: Apache-2.0

package groups

import (
	"context"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/statuses"
)

// maxUsers is how many policies a status names.
const maxUsers = 20

// pause is how long it is waited after writing: one group may be used by all policies,
// which may change one after the other.
const pause = time.Second

// Status writes what became of groups, and who uses them. It runs beside the table.
type Status struct {
	writer *statuses.Writer[string, report]
}

// A report is what one table says of groups.
type report struct {
	seen map[string]Seen
	uses map[string]policy.GroupUse
}

// SetupWithManager takes what it needs from the manager. Write does the work.
func (s *Status) SetupWithManager(mgr ctrl.Manager) {
	c := mgr.GetClient()
	s.writer = &statuses.Writer[string, report]{Kind: "accessGroup", Log: mgr.GetLogger(), Pause: pause,
		Objects: func(r report) []string { return slices.Sorted(maps.Keys(r.seen)) },
		Write:   func(ctx context.Context, r report, name string) error { return r.write(ctx, c, name) }}
}

// Report hands over what a table says of groups. It does not wait. It does nothing on nil.
func (s *Status) Report(seen map[string]Seen, uses map[string]policy.GroupUse) {
	if s != nil && s.writer != nil {
		s.writer.Report(report{seen, uses})
	}
}

// Write writes until ctx is done: a duty of the leader.
func (s *Status) Write(ctx context.Context) { s.writer.Run(ctx) }

func (r report) write(ctx context.Context, c client.Client, name string) error {
	var before v1alpha1.AccessGroup
	if err := c.Get(ctx, types.NamespacedName{Name: name}, &before); err != nil {
		return err
	}
	if seen := r.seen[name]; before.UID != seen.UID || before.Generation != seen.Generation {
		return nil // a newer report is under way
	}
	after := before.DeepCopy()
	if !set(after, r.uses[name]) {
		return nil
	}
	return statuses.Patch(ctx, c, &before, after)
}

// set puts into the status what a table says, and reports whether anything changed.
func set(o *v1alpha1.AccessGroup, use policy.GroupUse) bool {
	accepted := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: "Accepted",
		Message: "Valid; policies can name this group", ObservedGeneration: o.Generation}
	var problems, warnings []string
	reason := policy.Unwise
	for _, i := range use.Issues {
		if line := i.Source.Field + ": " + i.Message; i.Warning() {
			warnings = append(warnings, line)
			if i.Reason == policy.GroupUnusable {
				reason = i.Reason
			}
		} else {
			problems = append(problems, line)
		}
	}
	switch {
	case len(problems) > 0:
		accepted.Status, accepted.Reason = metav1.ConditionFalse, string(policy.Invalid)
		accepted.Message = cluster.Listed(append(problems, warnings...))
	case len(warnings) > 0:
		accepted.Reason, accepted.Message = string(reason), "Valid, with warnings: "+cluster.Listed(warnings)
	}
	changed := meta.SetStatusCondition(&o.Status.Conditions, accepted)
	changed = cluster.Summarize(&o.Status.Conditions, o.Generation) || changed
	var users []string
	for _, p := range use.Policies[:min(len(use.Policies), maxUsers)] {
		users = append(users, p.String())
	}
	count := int32(min(len(use.Policies), 1<<31-1))
	if o.Status.Policies != count || !slices.Equal(o.Status.UsedBy, users) || o.Status.ObservedGeneration != o.Generation {
		o.Status.Policies, o.Status.UsedBy, o.Status.ObservedGeneration, changed = count, users, o.Generation, true
	}
	return changed
}
