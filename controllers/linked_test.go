// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestLinkedApps: with a real API server, who may call by a link follows the policy that is
// linked, on every replica, as does what the policy that links says of it.
func TestLinkedApps(t *testing.T) {
	c := emptied(t)
	shop, desk := namespace(t, c), namespace(t, c)
	of := func(ns, name string, rules ...v1alpha1.Rule) *v1alpha1.AccessPolicy {
		return &v1alpha1.AccessPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}, Spec: v1alpha1.AccessPolicySpec{
			Hosts: []v1alpha1.Host{v1alpha1.Host(name + ".example.com")}, Rules: rules}}
	}
	reports := of(desk, "reports", v1alpha1.Rule{Action: v1alpha1.ActionAllow, Include: []v1alpha1.Selector{{EmailDomain: "example.com"}}})
	stock := of(shop, "stock", v1alpha1.Rule{Action: v1alpha1.ActionServiceAuth, Include: []v1alpha1.Selector{{
		LinkedApp: &v1alpha1.LinkedApp{Name: "reports", Namespace: v1alpha1.NamespaceName(desk)}}}})
	rs := []*replica{run(t, shop, elected), run(t, shop, elected)}
	calls := func(want policy.Verdict, why string) {
		t.Helper()
		now := time.Now()
		l := policy.NewLinked(&policy.Subject{ID: "ann", Email: "ann@example.com", Audience: []string{desk + "/reports"},
			Host:       "reports.example.com",
			SignedInAt: now.Add(-time.Minute), IssuedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour)})
		target, err := policy.ParseTarget("https://stock.example.com/")
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rs {
			fixture.Eventually(t, why, func() error {
				if d := r.Live.Table().Decide(policy.Request{Target: target, Method: "GET", Linked: l, Now: now}); d.Verdict != want {
					return fmt.Errorf("%s %s", d.Verdict, d.Reason)
				}
				return nil
			})
		}
	}
	edit := func(change func(s *v1alpha1.AccessPolicySpec)) {
		t.Helper()
		fixture.Eventually(t, "edited", func() error {
			if err := c.Get(t.Context(), client.ObjectKeyFromObject(reports), reports); err != nil {
				return err
			}
			change(&reports.Spec)
			return c.Update(t.Context(), reports)
		})
	}
	fixture.Create(t, c, stock)
	degraded(t, c, stock, string(policy.Unwise), `there is no AccessPolicy "`+desk+`/reports"`)
	fixture.Create(t, c, reports)
	degraded(t, c, stock, string(policy.Unwise), "takes no part in policies of namespace")
	calls(policy.Deny, "reports takes no part")
	edit(func(s *v1alpha1.AccessPolicySpec) {
		s.Session = &v1alpha1.Session{PolicyNamespaces: []v1alpha1.NamespaceName{v1alpha1.NamespaceName(shop)}}
	})
	degraded(t, c, stock, "", "")
	calls(policy.Admit, "reports takes part")
	edit(func(s *v1alpha1.AccessPolicySpec) { s.Rules[0].Include[0].EmailDomain = "other.example" })
	calls(policy.Deny, "reports admits others")
	edit(func(s *v1alpha1.AccessPolicySpec) { s.Rules[0].Include[0].EmailDomain = "example.com" })
	calls(policy.Admit, "reports admits ann again")
	fixture.Remove(t, c, reports)
	calls(policy.Deny, "reports is gone")
	degraded(t, c, stock, string(policy.Unwise), `there is no AccessPolicy "`+desk+`/reports"`)
}
