// SPDX-License-Identifier: Apache-2.0

package revocation

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
	"github.com/ostiary/ostiary/controllers/translate"
)

// Seen says which object a table was made with.
type Seen struct {
	UID        types.UID
	Generation int64
}

// Status writes since when revocations are in force. It runs beside the table.
type Status struct {
	client client.Client
	log    logr.Logger

	mu      sync.Mutex
	latest  *report
	changed chan struct{}
}

// A report is which revocations a table was made with.
type report struct {
	revision string
	seen     map[string]Seen
}

// SetupWithManager takes what it needs from the manager. Write does the work.
func (s *Status) SetupWithManager(mgr ctrl.Manager) {
	s.client, s.log = mgr.GetClient(), mgr.GetLogger()
	s.changed = make(chan struct{}, 1)
}

// Report hands over which revocations are in force with a table, once it decides. It does
// not wait, and does nothing on nil, nor if they are those of the last time.
func (s *Status) Report(revision string, seen map[string]Seen) {
	if s == nil || s.changed == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.latest == nil || !maps.Equal(s.latest.seen, seen) {
		s.latest = &report{revision, seen}
		s.wake()
	}
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
	wait := cluster.FirstRetry
	for {
		select {
		case <-ctx.Done():
			s.wake() // it may be meant for who leads next
			return
		case <-s.changed:
		}
		s.mu.Lock()
		r := s.latest
		s.mu.Unlock()
		if r == nil || s.write(ctx, r) {
			wait = cluster.FirstRetry
			continue
		}
		time.AfterFunc(wait, s.wake)
		wait = min(2*wait, cluster.LastRetry)
	}
}

// write brings all statuses up to date, and reports whether they are.
func (s *Status) write(ctx context.Context, r *report) bool {
	all := true
	for _, name := range slices.Sorted(maps.Keys(r.seen)) {
		if ctx.Err() != nil {
			return true // whoever leads next does it
		}
		err := s.writeOne(ctx, name, r)
		switch {
		case err == nil, apierrors.IsNotFound(err), ctx.Err() != nil: // gone; or the CRD is of a version without a status
		case apierrors.IsConflict(err): // our cache is behind, and will not be for long
			all = false
		default:
			s.log.Error(err, "cannot write the status; trying again later", "sessionRevocation", name)
			return false // the next one would fare no better
		}
	}
	return all
}

func (s *Status) writeOne(ctx context.Context, name string, r *report) error {
	var before v1alpha1.SessionRevocation
	if err := s.client.Get(ctx, types.NamespacedName{Name: name}, &before, client.UnsafeDisableDeepCopy); err != nil {
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
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	err := s.client.Status().Patch(ctx, after, client.MergeFromWithOptions(&before, client.MergeFromWithOptimisticLock{}))
	if err != nil {
		return fmt.Errorf("writing the status of SessionRevocation %s: %w", name, err)
	}
	return nil
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
