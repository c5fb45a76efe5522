// SPDX-License-Identifier: Apache-2.0

package translate_test

import (
	"reflect"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// TestGroup: each list reaches the group, and what is wrong in one does, too.
func TestGroup(t *testing.T) {
	o := &v1alpha1.AccessGroup{ObjectMeta: metav1.ObjectMeta{Name: "staff"}, Spec: v1alpha1.AccessGroupSpec{
		Include: []v1alpha1.Selector{{EmailDomain: "example.com"}, {Group: "contractors"}},
		Require: []v1alpha1.Selector{{AuthMethod: "mfa"}},
		Exclude: []v1alpha1.Selector{{Email: "mallory@example.com"}},
	}}
	want := policy.Group{
		Source:  policy.Source{Name: "staff"},
		Include: []policy.Selector{{Property: policy.EmailDomain, Value: "example.com"}, {Property: policy.AccessGroup, Value: "contractors"}},
		Require: []policy.Selector{{Property: policy.AuthMethod, Value: "mfa"}},
		Exclude: []policy.Selector{{Property: policy.Email, Value: "mallory@example.com"}},
	}
	if got := translate.Group(o); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	o.Spec.Exclude[0].IP = []v1alpha1.CIDR{"10.0.0.1/8"}
	got := translate.Group(o)
	var at []string
	for _, i := range got.Defects {
		at = append(at, i.Source.String())
	}
	if !reflect.DeepEqual(at, []string{"staff spec.exclude[0].ip[0]", "staff spec.exclude[0]"}) {
		t.Error(at)
	}
}
