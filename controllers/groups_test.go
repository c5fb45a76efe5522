// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

func accessGroup(name string, include ...v1alpha1.Selector) *v1alpha1.AccessGroup {
	return &v1alpha1.AccessGroup{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.AccessGroupSpec{Include: include}}
}

// staffOnly is a policy that admits a group.
func staffOnly(ns, name string, hosts ...string) *v1alpha1.AccessPolicy {
	ap := fixture.Protect(ns, name, v1alpha1.ActionAllow, hosts...)
	ap.Spec.Rules[0].Include = []v1alpha1.Selector{{Group: "staff"}}
	return ap
}

// grouped waits until the status of a group says so: Accepted and its message, how many use it, and who.
func grouped(t *testing.T, c client.Client, name string, accepted metav1.ConditionStatus, says string, policies int32, usedBy ...string) {
	t.Helper()
	fixture.Eventually(t, "the status of group "+name, func() error {
		var o v1alpha1.AccessGroup
		if err := c.Get(t.Context(), client.ObjectKey{Name: name}, &o); err != nil {
			return err
		}
		is := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionAccepted)
		ready := meta.IsStatusConditionTrue(o.Status.Conditions, v1alpha1.ConditionReady)
		if is == nil || is.Status != accepted || ready != (accepted == metav1.ConditionTrue) || !strings.Contains(is.Message, says) ||
			is.ObservedGeneration != o.Generation || o.Status.ObservedGeneration != o.Generation ||
			o.Status.Policies != policies || !slices.Equal(o.Status.UsedBy, usedBy) {
			return fmt.Errorf("%+v", o.Status)
		}
		return nil
	})
}

// degraded waits until a warning of a policy says something; empty: there is none.
func degraded(t *testing.T, c client.Client, ap *v1alpha1.AccessPolicy, reason, says string) {
	t.Helper()
	fixture.Eventually(t, "Degraded of "+ap.Name, func() error {
		var o v1alpha1.AccessPolicy
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(ap), &o); err != nil {
			return err
		}
		is := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionDegraded)
		if (is == nil) != (says == "") || is != nil && (is.Reason != reason || !strings.Contains(is.Message, says)) {
			return fmt.Errorf("%+v", o.Status.Conditions)
		}
		return nil
	})
}

// TestAccessGroups: a group counts at once when it appears, changes or goes, on every
// replica; its status says whether it can be used and who uses it; policies that name one
// that is not there say so.
func TestAccessGroups(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	rs := []*replica{run(t, ns, elected), run(t, ns, elected)}
	app := staffOnly(ns, "app", "app.example.com")
	fixture.Create(t, c, app)
	signedIn := time.Now().Add(-time.Minute)
	ann := func(want policy.Verdict, why string) {
		t.Helper()
		for _, r := range rs {
			fixture.Eventually(t, why, func() error {
				if d := r.as("ann@example.com", "https://app.example.com/", signedIn); d.Verdict != want {
					return fmt.Errorf("%s %s", d.Verdict, d.Reason)
				}
				return nil
			})
		}
	}
	degraded(t, c, app, string(policy.GroupUnusable), `there is no AccessGroup "staff".`)
	ann(policy.Deny, "there is no group")

	staff := accessGroup("staff", v1alpha1.Selector{EmailDomain: "example.com"})
	fixture.Create(t, c, staff)
	ann(policy.Admit, "there is a group")
	degraded(t, c, app, "", "")
	grouped(t, c, "staff", metav1.ConditionTrue, "Valid", 1, ns+"/app")

	// Policies that come and go, and one by way of another group.
	other := staffOnly(ns, "other", "other.example.com")
	other.Spec.Rules[0].Include[0].Group = "all"
	fixture.Create(t, c, accessGroup("all", v1alpha1.Selector{Group: "staff"}), other)
	grouped(t, c, "staff", metav1.ConditionTrue, "Valid", 2, ns+"/app", ns+"/other")
	grouped(t, c, "all", metav1.ConditionTrue, "Valid", 1, ns+"/other")
	for i := range 20 {
		fixture.Create(t, c, staffOnly(ns, fmt.Sprintf("q%02d", i), fmt.Sprintf("q%d.example.com", i)))
	}
	var first []string
	for i := range 18 {
		first = append(first, fmt.Sprintf("%s/q%02d", ns, i))
	}
	grouped(t, c, "staff", metav1.ConditionTrue, "Valid", 22, append([]string{ns + "/app", ns + "/other"}, first...)...)

	edit := func(g *v1alpha1.AccessGroup, include ...v1alpha1.Selector) {
		t.Helper()
		fixture.Eventually(t, "edited "+g.Name, func() error {
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(g), g); err != nil {
				return err
			}
			g.Spec.Include = include
			return c.Update(t.Context(), g)
		})
	}
	edit(staff, v1alpha1.Selector{EmailDomain: "other.example"})
	ann(policy.Deny, "ann is in no group")
	edit(staff, v1alpha1.Selector{EmailDomain: "example.com"}, v1alpha1.Selector{Group: "all"})
	grouped(t, c, "staff", metav1.ConditionFalse, "staff → all → staff", 22, append([]string{ns + "/app", ns + "/other"}, first...)...)
	degraded(t, c, app, string(policy.GroupUnusable), `the AccessGroup "staff" has a mistake.`)
	ann(policy.Deny, "the group names itself")
	edit(staff, v1alpha1.Selector{EmailDomain: "example.com"}, v1alpha1.Selector{Group: "nobody"})
	grouped(t, c, "staff", metav1.ConditionTrue, `there is no AccessGroup "nobody"`, 22,
		append([]string{ns + "/app", ns + "/other"}, first...)...)
	ann(policy.Admit, "the group is whole again")
	fixture.Remove(t, c, staff)
	ann(policy.Deny, "the group is gone")
	degraded(t, c, app, string(policy.GroupUnusable), `there is no AccessGroup "staff".`)
}
