// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"slices"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/statuses"
)

// Status writes what became of policies into their conditions. It runs beside
// the table and never in front of it: a slow API server delays no decision.
type Status struct {
	client client.Client
	events events.EventRecorder
	writer *statuses.Writer[types.NamespacedName, report]
	now    comparison // one for all: nearly every object is as it should be
}

// A report is the outcome of one build, beside what others said last. The zero report is
// of no object.
type report struct {
	revision string
	objects  []types.NamespacedName
	seen     map[types.NamespacedName]seen
	issues   map[types.NamespacedName][]policy.Issue
	others   *Conditions // nil: nothing is known of them yet
}

// seen is which object a build was made with.
type seen struct {
	uid        types.UID
	generation int64
}

// SetupWithManager takes what it needs from the manager. Write does the work.
func (s *Status) SetupWithManager(mgr ctrl.Manager) {
	s.start(mgr.GetClient(), mgr.GetEventRecorder("ostiary"), mgr.GetLogger())
}

func (s *Status) start(c client.Client, recorder events.EventRecorder, log logr.Logger) {
	s.client, s.events = c, recorder
	s.writer = &statuses.Writer[types.NamespacedName, report]{Kind: "policy", Log: log, Write: s.write,
		Objects: func(r report) []types.NamespacedName { return r.objects }}
}

// report hands over the outcome of a build. It does not wait.
func (s *Status) report(revision string, items []v1alpha1.AccessPolicy, issues []policy.Issue) {
	if s == nil || s.writer == nil {
		return
	}
	r := report{revision: revision, objects: make([]types.NamespacedName, len(items)),
		seen: make(map[types.NamespacedName]seen, len(items)), issues: map[types.NamespacedName][]policy.Issue{}}
	for i := range items {
		key := client.ObjectKeyFromObject(&items[i])
		r.objects[i], r.seen[key] = key, seen{items[i].UID, items[i].Generation}
	}
	for _, i := range issues {
		key := types.NamespacedName{Namespace: i.Source.Namespace, Name: i.Source.Name}
		r.issues[key] = append(r.issues[key], i)
	}
	s.writer.Update(func(latest report) (report, bool) {
		r.others = latest.others
		return r, true
	})
}

// Write writes until ctx is done: a duty of the leader.
func (s *Status) Write(ctx context.Context) { s.writer.Run(ctx) }

// A comparison holds an object as it is, which is the cache's own and only read,
// and the object as it should be.
type comparison struct{ before, after v1alpha1.AccessPolicy }

func (s *Status) write(ctx context.Context, r report, key types.NamespacedName) error {
	before, after := &s.now.before, &s.now.after
	if err := s.client.Get(ctx, key, before, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	if o := r.seen[key]; before.UID != o.uid || before.Generation != o.generation {
		return nil // a newer report is under way
	}
	conditions := append(after.Status.Conditions[:0], before.Status.Conditions...)
	*after = *before
	after.Status.Conditions = conditions
	issues := slices.Concat(r.issues[key], r.others.issues(key))
	if !r.set(after, issues) {
		return nil
	}
	patched := after.DeepCopy()
	if err := statuses.Patch(ctx, s.client, before, patched); err != nil {
		return err
	}
	s.tell(before, patched)
	return nil
}

// set brings the status of a policy up to date, and reports whether anything changed.
func (r report) set(ap *v1alpha1.AccessPolicy, issues []policy.Issue) bool {
	changed := ap.Status.ObservedGeneration != ap.Generation
	ap.Status.ObservedGeneration = ap.Generation
	changed = setConditions(ap, r.revision, issues) || changed
	changed = r.others.set(ap, issues) || changed
	return cluster.Summarize(&ap.Status.Conditions, ap.Generation) || changed
}

// tell records an event when a policy's acceptance changed, or others begin or cease
// to contend for its hosts.
func (s *Status) tell(before, after *v1alpha1.AccessPolicy) {
	s.tellContended(before, after)
	was := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionAccepted)
	is := meta.FindStatusCondition(after.Status.Conditions, v1alpha1.ConditionAccepted)
	if was != nil && was.Status == is.Status && was.Message == is.Message {
		return
	}
	kind := corev1.EventTypeNormal
	if is.Status != metav1.ConditionTrue {
		kind = corev1.EventTypeWarning
	}
	s.events.Eventf(after, nil, kind, is.Reason, "Reconcile", "%s", cluster.Truncate(is.Message, 1024))
}

func (s *Status) tellContended(before, after *v1alpha1.AccessPolicy) {
	contended := func(ap *v1alpha1.AccessPolicy) string {
		if c := meta.FindStatusCondition(ap.Status.Conditions, v1alpha1.ConditionDegraded); c != nil && c.Reason == string(policy.HostContended) {
			return c.Message
		}
		return ""
	}
	switch was, is := contended(before), contended(after); {
	case is != "" && is != was:
		s.events.Eventf(after, nil, corev1.EventTypeWarning, string(policy.HostContended), "Reconcile", "%s", cluster.Truncate(is, 1024))
	case is == "" && was != "":
		s.events.Eventf(after, nil, corev1.EventTypeNormal, "HostNotContended", "Reconcile", "No other namespace claims these hosts any more")
	}
}

// setConditions words the outcome of a build for one object. What did not
// change is left as it is, so that a table of thousands is not rewritten for
// one edit: Programmed names the revision that first held this generation. It
// reports whether anything changed.
func setConditions(ap *v1alpha1.AccessPolicy, revision string, issues []policy.Issue) bool {
	problems, reason, warnings, warning := sorted(issues)
	accepted := condition(ap, v1alpha1.ConditionAccepted, metav1.ConditionTrue, "Accepted", "Valid; all hosts and paths are active")
	programmed := condition(ap, v1alpha1.ConditionProgrammed, metav1.ConditionTrue, "Programmed", "Active since table "+revision)
	if len(problems) > 0 {
		accepted.Status, accepted.Reason, accepted.Message = metav1.ConditionFalse, string(reason), cluster.Listed(problems)
		programmed.Status = metav1.ConditionFalse
		programmed.Reason, programmed.Message = "PartlyInForce", "The hosts and paths that Accepted names are not active, since table "+revision
		if reason == policy.Invalid {
			programmed.Reason, programmed.Message = "Denied", "All requests to the hosts and paths of this policy are denied, since table "+revision
		}
	}
	was := meta.FindStatusCondition(ap.Status.Conditions, v1alpha1.ConditionProgrammed)
	if was != nil && was.Status == programmed.Status && was.Reason == programmed.Reason && was.ObservedGeneration == programmed.ObservedGeneration {
		programmed.Message = was.Message
	}
	changed := meta.SetStatusCondition(&ap.Status.Conditions, accepted)
	changed = meta.SetStatusCondition(&ap.Status.Conditions, programmed) || changed
	if len(warnings) == 0 {
		return meta.RemoveStatusCondition(&ap.Status.Conditions, v1alpha1.ConditionDegraded) || changed
	}
	return meta.SetStatusCondition(&ap.Status.Conditions,
		condition(ap, v1alpha1.ConditionDegraded, metav1.ConditionTrue, string(warning), cluster.Listed(warnings))) || changed
}

// gravest are the reasons of problems and warnings, the worst first.
var gravest = []policy.IssueReason{
	policy.Invalid, policy.HostReserved, policy.HostNotGranted, policy.HostOwnedByOtherNamespace, policy.Conflict, policy.GroupUnusable,
	policy.HostContended, policy.NotEnforced, policy.ResponsesNotManaged, policy.Unwise,
}

// sorted tells problems from warnings, and the gravest reason of each.
func sorted(issues []policy.Issue) (problems []string, reason policy.IssueReason, warnings []string, warning policy.IssueReason) {
	worse := func(a, b policy.IssueReason) policy.IssueReason {
		if b == "" || slices.Index(gravest, a) < slices.Index(gravest, b) {
			return a
		}
		return b
	}
	for _, i := range issues {
		line := i.Source.Field + ": " + i.Message
		if i.Warning() {
			warnings, warning = append(warnings, line), worse(i.Reason, warning)
			continue
		}
		problems, reason = append(problems, line), worse(i.Reason, reason)
	}
	return problems, reason, warnings, warning
}

func condition(ap *v1alpha1.AccessPolicy, kind string, status metav1.ConditionStatus, reason, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message, ObservedGeneration: ap.Generation}
}
