// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// What another controller says comes and goes with its cause, hears of what the table
// says, and is not touched before it says anything.
func TestConditionsOfOthers(t *testing.T) {
	ap := fixture.Open("n", "p", "app.example.com")
	lost := []policy.Issue{{Source: policy.Source{Field: "spec.hosts[0]"}, Reason: policy.HostOwnedByOtherNamespace, Message: "it belongs to other"}, {Reason: policy.HostContended, Message: "others claim it"}}
	var heard Standing
	says := &Conditions{Types: []string{"A", "B"}, Of: func(of types.NamespacedName, is Standing) map[string]metav1.Condition {
		heard = is
		return map[string]metav1.Condition{"A": {Status: metav1.ConditionTrue, Reason: "R", Message: of.String()}}
	}}
	meta.SetStatusCondition(&ap.Status.Conditions, metav1.Condition{Type: "B", Status: metav1.ConditionTrue, Reason: "Old"})
	if (*Conditions)(nil).set(ap, lost) || len((*Conditions)(nil).issues(types.NamespacedName{})) > 0 || len(ap.Status.Conditions) != 1 {
		t.Errorf("something changed: %+v", ap.Status.Conditions)
	}
	setConditions(ap, "1", lost)
	if !says.set(ap, lost) || says.set(ap, lost) {
		t.Error("it is not told whether anything changed")
	}
	if a := meta.FindStatusCondition(ap.Status.Conditions, "A"); a == nil || a.Message != "n/p" || meta.FindStatusCondition(ap.Status.Conditions, "B") != nil {
		t.Errorf("%+v", ap.Status.Conditions)
	}
	if heard.Accepted == nil || heard.Accepted.Status != metav1.ConditionFalse || heard.Reason != policy.HostOwnedByOtherNamespace || heard.Problems != "spec.hosts[0]: it belongs to other" || heard.Warning != policy.HostContended {
		t.Errorf("%+v", heard)
	}
	if nothing := (&Conditions{Types: says.Types}); !nothing.set(ap, nil) || meta.FindStatusCondition(ap.Status.Conditions, "A") != nil {
		t.Error("it stays")
	}
}

// A warning of another controller is one of the policy, and goes with its cause.
func TestIssuesOfOthers(t *testing.T) {
	key := types.NamespacedName{Namespace: "n", Name: "p"}
	c := &Conditions{Issues: map[types.NamespacedName][]policy.Issue{key: {{Source: policy.Source{Field: "spec.cors.responses"}, Reason: policy.ResponsesNotManaged, Message: "Managed does nothing for Ingress n/web"}}}}
	ap := fixture.Open("n", "p", "app.example.com")
	if !setConditions(ap, "1", c.issues(key)) {
		t.Error("nothing has changed")
	}
	degraded := meta.FindStatusCondition(ap.Status.Conditions, v1alpha1.ConditionDegraded)
	if degraded == nil || degraded.Status != metav1.ConditionTrue || degraded.Reason != "ResponsesNotManaged" || degraded.Message != "spec.cors.responses: Managed does nothing for Ingress n/web" {
		t.Errorf("%+v", degraded)
	}
	if a := meta.FindStatusCondition(ap.Status.Conditions, v1alpha1.ConditionAccepted); a == nil || a.Status != metav1.ConditionTrue {
		t.Errorf("%+v", a)
	}
	if setConditions(ap, "1", nil); meta.FindStatusCondition(ap.Status.Conditions, v1alpha1.ConditionDegraded) != nil || len(c.issues(types.NamespacedName{Namespace: "n", Name: "q"})) > 0 {
		t.Error("the warning stays, or is of others, too")
	}
}
