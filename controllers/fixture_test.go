// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

// open is a policy that lets everybody pass.
func open(ns, name string, hosts ...string) *v1alpha1.AccessPolicy {
	return protect(ns, name, v1alpha1.ActionBypass, hosts...)
}

// protect is a policy with one rule that matches everyone.
func protect(ns, name string, action v1alpha1.RuleAction, hosts ...string) *v1alpha1.AccessPolicy {
	ap := &v1alpha1.AccessPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	for _, h := range hosts {
		ap.Spec.Hosts = append(ap.Spec.Hosts, v1alpha1.Host(h))
	}
	ap.Spec.Rules = []v1alpha1.Rule{{Action: action, Include: []v1alpha1.Selector{{Everyone: &apiextensionsv1.JSON{Raw: []byte("{}")}}}}}
	return ap
}

func create(t *testing.T, c client.Client, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatalf("creating %s: %v", o.GetName(), err)
		}
	}
}

func remove(t *testing.T, c client.Client, o client.Object) {
	t.Helper()
	if err := c.Delete(t.Context(), o); err != nil {
		t.Fatalf("deleting %s: %v", o.GetName(), err)
	}
}

// edit changes a policy as `kubectl edit` would.
func edit(t *testing.T, c client.Client, ap *v1alpha1.AccessPolicy, f func(*v1alpha1.AccessPolicy)) {
	t.Helper()
	eventually(t, "editing "+ap.Name, func() error {
		var now v1alpha1.AccessPolicy
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(ap), &now); err != nil {
			return err
		}
		f(&now)
		return c.Update(t.Context(), &now)
	})
}

func action(a v1alpha1.RuleAction) func(*v1alpha1.AccessPolicy) {
	return func(ap *v1alpha1.AccessPolicy) { ap.Spec.Rules[0].Action = a }
}

// nextSecond waits until what is created next is younger: times of creation are
// whole seconds.
func nextSecond() {
	time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(1020 * time.Millisecond)))
}

// get reads a policy.
func get(t *testing.T, c client.Client, ap *v1alpha1.AccessPolicy) *v1alpha1.AccessPolicy {
	t.Helper()
	var now v1alpha1.AccessPolicy
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(ap), &now); err != nil {
		t.Fatal(err)
	}
	return &now
}

// has waits until a condition of the present generation is so, and returns it.
func has(t *testing.T, c client.Client, ap *v1alpha1.AccessPolicy, kind string, status metav1.ConditionStatus, reason string, words ...string) metav1.Condition {
	t.Helper()
	var is metav1.Condition
	eventually(t, fmt.Sprintf("%s has %s=%s, %s", ap.Name, kind, status, reason), func() error {
		now := get(t, c, ap)
		found := meta.FindStatusCondition(now.Status.Conditions, kind)
		if found == nil {
			return errors.New("there is no such condition")
		}
		is = *found
		if is.Status != status || is.Reason != reason || is.ObservedGeneration != now.Generation {
			return fmt.Errorf("%s, %s, generation %d of %d: %s", is.Status, is.Reason, is.ObservedGeneration, now.Generation, is.Message)
		}
		for _, w := range words {
			if !strings.Contains(is.Message, w) {
				return fmt.Errorf("%q does not say %q", is.Message, w)
			}
		}
		return nil
	})
	return is
}

func accepted(t *testing.T, c client.Client, ap *v1alpha1.AccessPolicy) {
	t.Helper()
	has(t, c, ap, v1alpha1.ConditionAccepted, metav1.ConditionTrue, "Accepted")
	has(t, c, ap, v1alpha1.ConditionProgrammed, metav1.ConditionTrue, "Programmed")
}

func refused(t *testing.T, c client.Client, ap *v1alpha1.AccessPolicy, reason string, words ...string) {
	t.Helper()
	has(t, c, ap, v1alpha1.ConditionAccepted, metav1.ConditionFalse, reason, words...)
}

func keySecret(ns string) types.NamespacedName {
	return types.NamespacedName{Namespace: ns, Name: DefaultKeySecret}
}
