// SPDX-License-Identifier: Apache-2.0

package revocation

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// TestSet: a revocation is in force whatever it says, and a mistake in it is not kept quiet.
func TestSet(t *testing.T) {
	for _, c := range []struct {
		spec v1alpha1.SessionRevocationSpec
		want string // part of what Accepted says; "": it is true
	}{
		{v1alpha1.SessionRevocationSpec{User: "ann", Before: "2026-01-31T12:00:00Z"}, ""},
		{v1alpha1.SessionRevocationSpec{User: "ann", IdentityProvider: "corp", Before: "2026-01-31T12:00:00Z"}, ""},
		{v1alpha1.SessionRevocationSpec{User: "ann"}, "spec.before: "},
		{v1alpha1.SessionRevocationSpec{User: " ", Before: "tomorrow"}, "2 problems: spec.user: "},
	} {
		o := &v1alpha1.SessionRevocation{ObjectMeta: metav1.ObjectMeta{Generation: 3}, Spec: c.spec}
		if IsEnforced(o) {
			t.Errorf("%+v is in force before anybody says so", c.spec)
		}
		set(o, "abc")
		status := o.Status.Conditions
		accepted := meta.FindStatusCondition(status, v1alpha1.ConditionAccepted)
		if !IsEnforced(o) || o.Status.ObservedGeneration != 3 || !strings.Contains(accepted.Message, c.want) ||
			meta.FindStatusCondition(status, v1alpha1.ConditionProgrammed).Message != "Active since table abc" {
			t.Errorf("%+v: %+v", c.spec, o.Status)
		}
		for kind, want := range map[string]bool{v1alpha1.ConditionAccepted: c.want == "", v1alpha1.ConditionReady: c.want == "",
			v1alpha1.ConditionStalled: c.want != ""} {
			if meta.IsStatusConditionTrue(status, kind) != want {
				t.Errorf("%+v: %s is not %v: %+v", c.spec, kind, want, status)
			}
		}
		if o.Generation++; IsEnforced(o) {
			t.Errorf("%+v is in force as it was edited", c.spec)
		}
	}
}
