// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// Status writes what became of policies into their conditions. It runs beside
// the table and never in front of it: a slow API server delays no decision.
type Status struct {
	client client.Client
	events events.EventRecorder

	mu      sync.Mutex
	latest  *report
	changed chan struct{}
}

// A report is the outcome of one build.
type report struct {
	revision string
	objects  []seenObject
	issues   map[types.NamespacedName][]policy.Issue
}

type seenObject struct {
	key        types.NamespacedName
	uid        types.UID
	generation int64
}

// SetupWithManager takes what it needs from the manager. Write does the work.
func (s *Status) SetupWithManager(mgr ctrl.Manager) {
	s.client = mgr.GetClient()
	s.events = mgr.GetEventRecorder("ostiary")
	s.changed = make(chan struct{}, 1)
}

// report hands over the outcome of a build. It does not wait.
func (s *Status) report(revision string, items []v1alpha1.AccessPolicy, issues []policy.Issue) {
	if s == nil || s.changed == nil {
		return
	}
	r := &report{revision: revision, objects: make([]seenObject, len(items)), issues: map[types.NamespacedName][]policy.Issue{}}
	for i := range items {
		r.objects[i] = seenObject{client.ObjectKeyFromObject(&items[i]), items[i].UID, items[i].Generation}
	}
	for _, i := range issues {
		key := types.NamespacedName{Namespace: i.Source.Namespace, Name: i.Source.Name}
		r.issues[key] = append(r.issues[key], i)
	}
	s.mu.Lock()
	s.latest = r
	s.mu.Unlock()
	s.wake()
}

func (s *Status) wake() {
	select {
	case s.changed <- struct{}{}:
	default: // it is awake already
	}
}

// retryStatus is how long to wait after the API server refused a write.
const retryStatus = 2 * time.Second

// Write writes until ctx is done: a duty of the leader. Reports that come faster
// than they can be written are skipped: only the latest counts.
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
		if r != nil && !s.write(ctx, r) {
			time.AfterFunc(retryStatus, s.wake)
		}
	}
}

// write brings all conditions up to date, and reports whether it could.
func (s *Status) write(ctx context.Context, r *report) bool {
	ok := true
	for i := range r.objects {
		if ctx.Err() != nil {
			return true
		}
		if len(s.changed) > 0 {
			return true // there is a newer report; begin with that
		}
		if err := s.writeOne(ctx, r, &r.objects[i]); err != nil && !apierrors.IsNotFound(err) {
			logr.FromContextOrDiscard(ctx).Error(err, "cannot write the status", "policy", r.objects[i].key.String())
			ok = false
		}
	}
	return ok
}

func (s *Status) writeOne(ctx context.Context, r *report, o *seenObject) error {
	var ap v1alpha1.AccessPolicy
	if err := s.client.Get(ctx, o.key, &ap); err != nil {
		return err
	}
	if ap.UID != o.uid || ap.Generation != o.generation {
		return nil // a newer report is under way
	}
	before := ap.DeepCopy()
	setConditions(&ap, r.revision, r.issues[o.key])
	if equality.Semantic.DeepEqual(before.Status, ap.Status) {
		return nil
	}
	if err := s.client.Status().Patch(ctx, &ap, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})); err != nil {
		return err
	}
	s.tell(before, &ap)
	return nil
}

// tell records an event when a policy's acceptance changed.
func (s *Status) tell(before, after *v1alpha1.AccessPolicy) {
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionAccepted)
	is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionAccepted)
	if was != nil && was.Status == is.Status && was.Message == is.Message {
		return
	}
	kind := corev1.EventTypeNormal
	if is.Status != metav1.ConditionTrue {
		kind = corev1.EventTypeWarning
	}
	s.events.Eventf(after, nil, kind, is.Reason, "Reconcile", "%s", truncate(is.Message, 1024))
}

// setConditions words the outcome of a build for one object. What did not
// change is left as it is, so that a table of thousands is not rewritten for
// one edit: Programmed names the revision that first held this generation.
func setConditions(ap *v1alpha1.AccessPolicy, revision string, issues []policy.Issue) {
	var problems, warnings []string
	reason := ""
	for _, i := range issues {
		line := i.Source.Field + ": " + i.Message
		if i.Warning() {
			warnings = append(warnings, line)
			continue
		}
		problems = append(problems, line)
		if reason == "" || i.Reason == policy.Invalid || i.Reason == policy.HostOwnedByOtherNamespace && reason == string(policy.Conflict) {
			reason = string(i.Reason)
		}
	}
	accepted := condition(ap, v1alpha1.ConditionAccepted, metav1.ConditionTrue, "Accepted", "valid, and it owns what it claims")
	programmed := condition(ap, v1alpha1.ConditionProgrammed, metav1.ConditionTrue, "Programmed", "in force since table "+revision)
	if len(problems) > 0 {
		accepted.Status, accepted.Reason, accepted.Message = metav1.ConditionFalse, reason, listed(problems)
		programmed.Status = metav1.ConditionFalse
		programmed.Reason, programmed.Message = "PartlyInForce", "the claims that Accepted names are not in force, since table "+revision
		if reason == string(policy.Invalid) {
			programmed.Reason, programmed.Message = "Denied", "everything that this policy claims is denied, since table "+revision
		}
	}
	was := meta.FindStatusCondition(ap.Status.Conditions, v1alpha1.ConditionProgrammed)
	if was != nil && was.Status == programmed.Status && was.Reason == programmed.Reason && was.ObservedGeneration == programmed.ObservedGeneration {
		programmed.Message = was.Message
	}
	meta.SetStatusCondition(&ap.Status.Conditions, accepted)
	meta.SetStatusCondition(&ap.Status.Conditions, programmed)
	if len(warnings) == 0 {
		meta.RemoveStatusCondition(&ap.Status.Conditions, v1alpha1.ConditionDegraded)
		return
	}
	meta.SetStatusCondition(&ap.Status.Conditions,
		condition(ap, v1alpha1.ConditionDegraded, metav1.ConditionTrue, string(policy.Unwise), listed(warnings)))
}

func condition(ap *v1alpha1.AccessPolicy, kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: ap.Generation}
}

// listed joins problems, as many as a condition has room for.
func listed(problems []string) string {
	problems = slices.Compact(problems)
	if len(problems) == 1 {
		return truncate(problems[0], 32<<10)
	}
	return truncate(fmt.Sprintf("%d problems: %s", len(problems), strings.Join(problems, "; ")), 32<<10)
}

func truncate(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-3], "") + "..."
}
