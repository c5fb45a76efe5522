// SPDX-License-Identifier: Apache-2.0

package oauthclients

import (
	"reflect"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// TestConditions: each state of a client in the conditions that Ready is made of, from whatever
// was there before; and nothing changes if it stays so.
func TestConditions(t *testing.T) {
	cases := map[string]struct {
		namespaces []v1alpha1.NamespaceOrAll
		issues     []policy.Issue
		reason     string // of Accepted
		says       string
	}{
		"for everybody":      {nil, nil, "Accepted", "of all namespaces"},
		"for two":            {[]v1alpha1.NamespaceOrAll{"shop", "lab"}, nil, "Accepted", `["shop" "lab"]`},
		"for all, by a star": {[]v1alpha1.NamespaceOrAll{"*"}, nil, "Accepted", "of all namespaces"},
		"a mistake": {nil, []policy.Issue{{Source: policy.Source{Field: "spec.name"}, Reason: policy.Invalid, Message: "too long"}},
			"Invalid", "Nobody is asked about it. spec.name: too long"},
		"two of one": {nil, []policy.Issue{{Reason: policy.Conflict, Message: "shop/other"}}, "Conflict", "shop/other"},
	}
	for before, was := range cases {
		for name, c := range cases {
			o := &v1alpha1.OAuthClient{ObjectMeta: metav1.ObjectMeta{Name: "ide", Generation: 3}}
			o.Spec.Namespaces = was.namespaces
			set(o, was.issues)
			o.Generation, o.Spec.Namespaces = 4, c.namespaces
			if !set(o, c.issues) {
				t.Errorf("%s after %s: nothing changed", name, before)
			}
			list := o.Status.Conditions
			accepted, ready := meta.FindStatusCondition(list, v1alpha1.ConditionAccepted), meta.FindStatusCondition(list, v1alpha1.ConditionReady)
			good := len(c.issues) == 0
			if accepted.Reason != c.reason || !strings.Contains(accepted.Message, c.says) || (accepted.Status == metav1.ConditionTrue) != good ||
				(ready.Status == metav1.ConditionTrue) != good || meta.IsStatusConditionTrue(list, v1alpha1.ConditionStalled) == good {
				t.Errorf("%s after %s: %+v", name, before, list)
			}
			if o.Status.ClientID != "ide" || o.Status.ObservedGeneration != 4 || accepted.ObservedGeneration != 4 || ready.ObservedGeneration != 4 {
				t.Errorf("%s after %s: %+v", name, before, o.Status)
			}
			kept := o.DeepCopy()
			if set(o, c.issues) || !reflect.DeepEqual(kept.Status, o.Status) {
				t.Errorf("%s: nothing changed, and the status did: %+v", name, o.Status)
			}
		}
	}
}
