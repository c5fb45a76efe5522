// SPDX-License-Identifier: Apache-2.0

package groups

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
)

// maxUsers is how many policies a status names.
const maxUsers = 20

// pause is how long it is waited after writing: one group may be used by all policies,
// which may change one after the other.
const pause = time.Second

// Status writes what became of groups, and who uses them. It runs beside the table.
type Status struct {
	client client.Client
	log    logr.Logger

	mu      sync.Mutex
	latest  *report
	changed chan struct{}
}

// A report is what one table says of groups.
type report struct {
	seen map[string]Seen
	uses map[string]policy.GroupUse
}

// SetupWithManager takes what it needs from the manager. Write does the work.
func (s *Status) SetupWithManager(mgr ctrl.Manager) {
	s.client, s.log = mgr.GetClient(), mgr.GetLogger()
	s.changed = make(chan struct{}, 1)
}

// Report hands over what a table says of groups. It does not wait. It does nothing on nil.
func (s *Status) Report(seen map[string]Seen, uses map[string]policy.GroupUse) {
	if s == nil || s.changed == nil {
		return
	}
	s.mu.Lock()
	s.latest = &report{seen, uses}
	s.mu.Unlock()
	s.wake()
}

func (s *Status) wake() {
	select {
	case s.changed <- struct{}{}:
	default: // it is awake already
	}
}

// Write writes until ctx is done: a duty of the leader.
func (s *Status) Write(ctx context.Context) {
	s.wake() // what was reported while another replica led may still be unwritten
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		}
		s.mu.Lock()
		r := s.latest
		s.mu.Unlock()
		wait := pause
		if r != nil && !s.write(ctx, r) {
			wait = cluster.LastRetry / 10
			s.wake()
		}
		select {
		case <-ctx.Done():
			s.wake() // it may be meant for who leads next
			return
		case <-time.After(wait):
		}
	}
}

// write brings all statuses up to date, and reports whether they are.
func (s *Status) write(ctx context.Context, r *report) bool {
	all := true
	for _, name := range slices.Sorted(maps.Keys(r.seen)) {
		err := s.writeOne(ctx, name, r.seen[name], r.uses[name])
		switch {
		case err == nil, apierrors.IsNotFound(err), ctx.Err() != nil:
		case apierrors.IsConflict(err): // our cache is behind, and will not be for long
			all = false
		default:
			s.log.Error(err, "cannot write the status; trying again later", "accessGroup", name)
			all = false
		}
	}
	return all
}

func (s *Status) writeOne(ctx context.Context, name string, seen Seen, use policy.GroupUse) error {
	var before v1alpha1.AccessGroup
	if err := s.client.Get(ctx, types.NamespacedName{Name: name}, &before); err != nil {
		return err
	}
	if before.UID != seen.UID || before.Generation != seen.Generation {
		return nil // a newer report is under way
	}
	after := before.DeepCopy()
	if !set(after, use) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	err := s.client.Status().Patch(ctx, after, client.MergeFromWithOptions(&before, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return fmt.Errorf("writing the status of AccessGroup %s: %w", name, err)
	}
	return nil
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
