// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// versions maps policies to their resourceVersions: every write changes one.
func versions(t *testing.T, c client.Client) map[string]string {
	t.Helper()
	var list v1alpha1.AccessPolicyList
	if err := c.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for i := range list.Items {
		out[list.Items[i].Name] = list.Items[i].ResourceVersion
	}
	return out
}

// TestOneEditOneStatus: of fifty policies only the one that was edited is written.
func TestOneEditOneStatus(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	var all []*v1alpha1.AccessPolicy
	for i := range 50 {
		all = append(all, fixture.Open(ns, fmt.Sprintf("app%d", i), fmt.Sprintf("app%d.example.com", i)))
		fixture.Create(t, c, all[i])
	}
	var w writes
	r := run(t, ns, w.count)
	for _, ap := range all {
		fixture.Accepted(t, c, ap)
	}
	first := r.Live.Table().Revision()
	if n := w.statuses.Load(); n != 50 {
		t.Errorf("50 policies are %d writes", n)
	}
	before := versions(t, c)

	fixture.Edit(t, c, all[7], fixture.Action(v1alpha1.ActionBlock))
	r.decides("https://app7.example.com/", policy.Blocked)
	is := fixture.Has(t, c, all[7], v1alpha1.ConditionProgrammed, metav1.ConditionTrue, "Programmed")
	second := r.Live.Table().Revision()
	if first == second || !strings.HasSuffix(is.Message, second) {
		t.Errorf("%q does not name table %s, the first with this generation", is.Message, second)
	}
	if is := fixture.Has(t, c, all[8], v1alpha1.ConditionProgrammed, metav1.ConditionTrue, "Programmed"); !strings.HasSuffix(is.Message, first) {
		t.Errorf("%q does not name table %s, the first with this generation", is.Message, first)
	}
	// One more edit: what holds since the second table says so still.
	fixture.Edit(t, c, all[9], fixture.Action(v1alpha1.ActionBlock))
	r.decides("https://app9.example.com/", policy.Blocked)
	fixture.Has(t, c, all[9], v1alpha1.ConditionProgrammed, metav1.ConditionTrue, "Programmed", r.Live.Table().Revision())
	fixture.Has(t, c, all[7], v1alpha1.ConditionProgrammed, metav1.ConditionTrue, "Programmed", second)
	time.Sleep(500 * time.Millisecond)
	if n := w.statuses.Load(); n != 52 {
		t.Errorf("two edits are %d writes", n-50)
	}
	var changed []string
	for name, v := range versions(t, c) {
		if v != before[name] {
			changed = append(changed, name)
		}
	}
	if slices.Sort(changed); !slices.Equal(changed, []string{"app7", "app9"}) {
		t.Errorf("app7 and app9 were edited, and written were %v", changed)
	}
	r.end()

	// Another process finds everything as it should be, and writes nothing.
	before = versions(t, c)
	var again writes
	run(t, ns, again.count).says("this replica leads", "table in force")
	time.Sleep(time.Second)
	if n := again.all(); n != 0 {
		t.Errorf("a new process wrote %d objects that are as they should be", n)
	}
	for name, v := range versions(t, c) {
		if v != before[name] {
			t.Errorf("a new process wrote %s", name)
		}
	}
}

func TestWarnings(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	ap := fixture.Open(ns, "app", "app.example.com")
	ap.Spec.CORS = &v1alpha1.CORS{AllowedOrigins: []v1alpha1.Origin{"null"}, AllowedMethods: []v1alpha1.Method{"GET"}, AllowCredentials: true}
	fixture.Create(t, c, ap)
	r := run(t, ns)
	r.decides("https://app.example.com/", policy.Bypassed) // unwise, and in force
	fixture.Accepted(t, c, ap)
	fixture.Has(t, c, ap, v1alpha1.ConditionDegraded, metav1.ConditionTrue, "Unwise", "spec.cors.allowedOrigins", "null")
	fixture.Edit(t, c, ap, func(ap *v1alpha1.AccessPolicy) { ap.Spec.CORS.AllowCredentials = false })
	fixture.Accepted(t, c, ap)
	if is := meta.FindStatusCondition(fixture.Get(t, c, ap).Status.Conditions, v1alpha1.ConditionDegraded); is != nil {
		t.Errorf("there is nothing to warn of any more, and still: %s", is.Message)
	}
}

// TestForeignCondition: what others write into a status stays.
func TestForeignCondition(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	ap := fixture.Open(ns, "app", "app.example.com")
	fixture.Create(t, c, ap)
	ap.Status.Conditions = []metav1.Condition{{Type: "Audited", Status: metav1.ConditionTrue, Reason: "ByHand", LastTransitionTime: metav1.Now()}}
	if err := c.Status().Update(t.Context(), ap); err != nil {
		t.Fatal(err)
	}
	run(t, ns)
	fixture.Accepted(t, c, ap)
	if meta.FindStatusCondition(fixture.Get(t, c, ap).Status.Conditions, "Audited") == nil {
		t.Error("somebody else's condition was removed")
	}
	// What others write over ours is mended with the next table.
	fixture.Eventually(t, "overwriting the conditions", func() error {
		now := fixture.Get(t, c, ap)
		meta.SetStatusCondition(&now.Status.Conditions, metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse, Reason: "ByHand"})
		return c.Status().Update(t.Context(), now)
	})
	fixture.Create(t, c, fixture.Open(ns, "other", "other.example.com"))
	fixture.Accepted(t, c, ap)
}

func TestEvents(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	winner := fixture.Open(ns, "winner", "app.example.com")
	fixture.Create(t, c, winner)
	fixture.NextSecond()
	loser := fixture.Open(ns, "loser", "app.example.com")
	fixture.Create(t, c, loser)
	run(t, ns)
	told := func(about *v1alpha1.AccessPolicy, kind, reason, words string) {
		t.Helper()
		fixture.Eventually(t, fmt.Sprintf("there is an event %s for %s", reason, about.Name), func() error {
			var list eventsv1.EventList
			if err := c.List(t.Context(), &list, client.InNamespace(ns)); err != nil {
				return err
			}
			for i := range list.Items {
				e := &list.Items[i]
				if e.Regarding.Name == about.Name && e.Regarding.UID == about.UID && e.Type == kind && e.Reason == reason && strings.Contains(e.Note, words) {
					return nil
				}
			}
			return fmt.Errorf("not among %d", len(list.Items))
		})
	}
	told(winner, "Normal", "Accepted", "Valid")
	told(loser, "Warning", "Conflict", ns+"/winner")
	fixture.Remove(t, c, winner)
	told(loser, "Normal", "Accepted", "Valid")
}

// TestSlowStatusAPI: a write that hangs delays no decision, and what was meant
// to be written is written in the end.
func TestSlowStatusAPI(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	ap := fixture.Open(ns, "app", "app.example.com")
	fixture.Create(t, c, ap)
	release := make(chan struct{})
	var w writes
	w.refuseWith(func(ctx context.Context) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	r := run(t, ns, w.count)
	for range 3 {
		r.decides("https://app.example.com/", policy.Bypassed)
		fixture.Edit(t, c, ap, fixture.Action(v1alpha1.ActionBlock))
		r.decides("https://app.example.com/", policy.Blocked)
		fixture.Edit(t, c, ap, fixture.Action(v1alpha1.ActionBypass))
	}
	r.decides("https://app.example.com/", policy.Bypassed)
	if n := w.statuses.Load(); n != 0 {
		t.Fatalf("%d statuses were written", n)
	}
	close(release)
	fixture.Accepted(t, c, ap)
	if n := w.statuses.Load(); n > 2 {
		t.Errorf("only the latest report counts, and written were %d", n)
	}
}

func TestFailingStatusAPI(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	for i := range 20 {
		fixture.Create(t, c, fixture.Open(ns, fmt.Sprintf("app%d", i), fmt.Sprintf("app%d.example.com", i)))
	}
	var w writes
	w.refuseWith(func(context.Context) error { return apierrors.NewInternalError(errors.New("etcd is full")) })
	errorsBefore := reconciles(t, "error")
	r := run(t, ns, w.count)
	r.decides("https://app7.example.com/", policy.Bypassed)
	r.says("cannot write the status", "etcd is full")
	time.Sleep(time.Second)
	if n := strings.Count(r.log.String(), "cannot write the status"); n > 2 {
		t.Errorf("the API server refuses, and the log says so %d times in a second", n)
	}
	fixture.Edit(t, c, fixture.Open(ns, "app7"), fixture.Action(v1alpha1.ActionBlock))
	r.decides("https://app7.example.com/", policy.Blocked)
	if n := reconciles(t, "error") - errorsBefore; n > 0 {
		t.Errorf("a status that cannot be written was %v errors of the table", n)
	}
	w.refuseWith(nil)
	for i := range 20 {
		fixture.Accepted(t, c, fixture.Open(ns, fmt.Sprintf("app%d", i)))
	}
}

// TestOneUnwritable: an object whose status the API server refuses, as one does
// that breaks a newer rule, keeps no other from having its own.
func TestOneUnwritable(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	var all []*v1alpha1.AccessPolicy
	for i := range 10 {
		all = append(all, fixture.Open(ns, fmt.Sprintf("app%d", i), fmt.Sprintf("app%d.example.com", i)))
		fixture.Create(t, c, all[i])
	}
	var w writes
	refusals := 0
	w.refuseWith(func(context.Context) error {
		if refusals++; refusals == 1 {
			return apierrors.NewInvalid(schema.GroupKind{Kind: "AccessPolicy"}, "one of them", nil)
		}
		if refusals == 2 {
			return apierrors.NewConflict(schema.GroupResource{Resource: "accesspolicies"}, "another", errors.New("it was changed"))
		}
		return nil
	})
	r := run(t, ns, w.count)
	for _, ap := range all {
		fixture.Accepted(t, c, ap)
	}
	r.says("cannot write the status")
	if n := strings.Count(r.log.String(), "level=ERROR"); n != 1 {
		t.Errorf("%d errors in the log", n)
	}
}
