// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/manifests"
)

// TestSurvey: conditions that are not as they should be are problems, or gaps if they are
// about routes.
func TestSurvey(t *testing.T) {
	p := &v1alpha1.AccessPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app"}}
	for kind, status := range map[string]metav1.ConditionStatus{
		v1alpha1.ConditionAccepted: metav1.ConditionFalse, v1alpha1.ConditionProgrammed: metav1.ConditionTrue,
		v1alpha1.ConditionDegraded: metav1.ConditionTrue, v1alpha1.ConditionCovered: metav1.ConditionFalse,
		v1alpha1.ConditionRouted: metav1.ConditionUnknown,
	} {
		p.Status.Conditions = append(p.Status.Conditions, metav1.Condition{Type: kind, Status: status, Reason: "Why", Message: "words"})
	}
	var s Survey
	s.add(p)
	said := func(all []Finding) (out []string) {
		for _, f := range all {
			if f.About != "AccessPolicy shop/app" {
				t.Errorf("about %s", f.About)
			}
			out = append(out, f.Says)
		}
		slices.Sort(out)
		return out
	}
	if got := said(s.Problems); !slices.Equal(got, []string{"Accepted=False, Why: words", "Degraded=True, Why: words"}) {
		t.Errorf("problems %q", got)
	}
	if got := said(s.Gaps); !slices.Equal(got, []string{"Covered=False, Why: words"}) {
		t.Errorf("gaps %q", got)
	}
	f := &Feeder{Flags: &Flags{policies: []string{"x"}}}
	f.found.setPlaces(map[string]string{"shop/app": "a.yaml:1"})
	if got := f.Where("shop/app") + f.Where("shop/other"); got != "a.yaml:1" {
		t.Errorf("it comes from %q", got)
	}
	f.found.set([]manifests.Problem{{File: "a.yaml", Line: 3, Object: "shop/app", Field: "spec.hosts", Message: "no"}})
	if got := f.Survey(t.Context()); len(got.Problems) != 1 || got.Problems[0] != (Finding{"a.yaml:3",
		"shop/app spec.hosts: no"}) || got.Unknown == "" {
		t.Errorf("of files: %+v", got)
	}
}
