// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

func TestSummarize(t *testing.T) {
	const (
		yes, no, unknown = metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown
		accepted, routed = v1alpha1.ConditionAccepted, v1alpha1.ConditionRouted
		covered          = v1alpha1.ConditionCovered
	)
	of := func(kind string, status metav1.ConditionStatus, reason string) metav1.Condition {
		return metav1.Condition{
			Type:               kind,
			Status:             status,
			Reason:             reason,
			Message:            "words of " + reason,
			ObservedGeneration: 2,
			LastTransitionTime: metav1.Now(),
		}
	}
	old := func(c metav1.Condition) metav1.Condition { c.ObservedGeneration = 1; return c }
	for name, tc := range map[string]struct {
		conditions []metav1.Condition
		want       metav1.ConditionStatus
		reason     string
		message    string
		stalled    bool
	}{
		"nothing yet":           {nil, unknown, "Pending", "Not judged yet", false},
		"of another generation": {[]metav1.Condition{old(of(accepted, no, "Invalid"))}, unknown, "Pending", "Accepted is not known yet for this generation", false},
		"accepted":              {[]metav1.Condition{of(accepted, yes, "Accepted")}, yes, "Ready", "Active", false},
		"everything": {[]metav1.Condition{of(accepted, yes, "Accepted"), of("Programmed", yes, "Programmed"), of(routed, yes, "Routed"), of(covered, yes, "Covered")},
			yes, "Ready", "Active", false},
		"nobody asked yet": {[]metav1.Condition{of(accepted, yes, "Accepted"), of(routed, yes, "Routed"), of(covered, unknown, "NotAskedYet")}, yes, "Ready", "Active", false},
		"a mistake":        {[]metav1.Condition{of(accepted, no, "Invalid"), of("Programmed", no, "Denied")}, no, "Invalid", "words of Invalid", true},
		"lost the host": {[]metav1.Condition{of(covered, no, "Unguarded"), of(accepted, no, "HostOwnedByOtherNamespace")}, no, "HostOwnedByOtherNamespace",
			"words of HostOwnedByOtherNamespace", true},
		"a Secret to come":   {[]metav1.Condition{of(accepted, no, "SecretMissing")}, no, "SecretMissing", "words of SecretMissing", false},
		"a route that opens": {[]metav1.Condition{of(covered, no, "Unguarded"), of(routed, no, "NotGuarded"), of(accepted, yes, "Accepted")}, no, "NotGuarded", "words of NotGuarded", false},
		"a way around":       {[]metav1.Condition{of(accepted, yes, "Accepted"), of(routed, yes, "Routed"), of(covered, no, "Unguarded")}, no, "Unguarded", "words of Unguarded", false},
		"not to be known":    {[]metav1.Condition{of(accepted, yes, "Accepted"), of(routed, unknown, "ProxyConfigUnread"), of(covered, unknown, "X")}, unknown, "ProxyConfigUnread", "words of ProxyConfigUnread", false},
		"False beats Unknown": {[]metav1.Condition{of(accepted, yes, "Accepted"), of(routed, unknown, "ProxyConfigUnread"), of(covered, no, "Unguarded")},
			no, "Unguarded", "words of Unguarded", false},
		"routes of another generation":  {[]metav1.Condition{of(accepted, yes, "Accepted"), old(of(routed, no, "NotGuarded"))}, unknown, "Pending", "Routed is not known yet for this generation", false},
		"a warning":                     {[]metav1.Condition{of(accepted, yes, "Accepted"), of("Degraded", yes, "Unwise")}, yes, "Unwise", "Active, with warnings: words of Unwise", false},
		"in force, and not the usual":   {[]metav1.Condition{of(accepted, yes, "Disabled"), of("Degraded", yes, "Unwise")}, yes, "Disabled", "words of Disabled", false},
		"not the usual, and not routed": {[]metav1.Condition{of(accepted, yes, "Disabled"), of(routed, no, "NotGuarded")}, no, "NotGuarded", "words of NotGuarded", false},
		"somebody else's":               {[]metav1.Condition{of(accepted, yes, "Accepted"), of("Audited", no, "ByHand")}, yes, "Ready", "Active", false},
	} {
		// What was said before makes no difference.
		for _, before := range [][]metav1.Condition{nil, {of("Ready", no, "Old"), of("Stalled", yes, "Old")}} {
			conditions := append(append([]metav1.Condition{}, tc.conditions...), before...)
			if !Summarize(&conditions, 2, "SecretMissing") {
				t.Errorf("%s: nothing changed", name)
			}
			is, stalled := meta.FindStatusCondition(conditions, "Ready"), meta.FindStatusCondition(conditions, "Stalled")
			if is == nil || is.Status != tc.want || is.Reason != tc.reason || is.Message != tc.message || is.ObservedGeneration != 2 ||
				is.LastTransitionTime.IsZero() {
				t.Errorf("%s: %+v", name, is)
			}
			if (stalled != nil) != tc.stalled ||
				tc.stalled &&
					(stalled.Status != yes || stalled.Reason != tc.reason || stalled.Message != tc.message || stalled.ObservedGeneration != 2) {
				t.Errorf("%s: stalled %+v", name, stalled)
			}
			if Summarize(&conditions, 2, "SecretMissing") {
				t.Errorf("%s: the second time something changed", name)
			}
		}
	}
}
