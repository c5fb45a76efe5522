// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestUserNamesOfProviders: users are told apart from when there is a second provider,
// and what applications know them by is nobody else's when one of the two is taken
// away, also after a restart.
func TestUserNamesOfProviders(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	var in, again published
	run(t, ns, in.use)
	told := func(p *published, name string, want v1alpha1.UserNames) {
		t.Helper()
		fixture.Eventually(t, fmt.Sprintf("users of %s are %s", name, want), func() error {
			one, ok := p.provider(name)
			var o v1alpha1.IdentityProvider
			if err := c.Get(t.Context(), client.ObjectKey{Name: name}, &o); err != nil {
				return err
			}
			if !ok || one.QualifiedUsers != (want == v1alpha1.UserNamesQualified) || o.Status.UserNames != want {
				return fmt.Errorf("%v %+v %s", ok, one.QualifiedUsers, o.Status.UserNames)
			}
			return nil
		})
	}
	guests := corp("guests", "corp-client")
	guests.Spec.OIDC.Issuer = "https://guests.example.com"
	staff := corp("staff", "corp-client")
	fixture.Create(t, c, clientSecret(ns, "corp-client", "s3cret"), staff)
	told(&in, "staff", v1alpha1.UserNamesPlain)
	fixture.Create(t, c, guests)
	told(&in, "staff", v1alpha1.UserNamesQualified)
	told(&in, "guests", v1alpha1.UserNamesQualified)
	judged(t, c, "staff", "True", "Accepted", "staff/ann", "Plain")

	if err := c.Delete(t.Context(), staff); err != nil {
		t.Fatal(err)
	}
	in.lacks(t, "staff")
	told(&in, "guests", v1alpha1.UserNamesQualified)
	run(t, ns, again.use)
	told(&again, "guests", v1alpha1.UserNamesQualified)

	guests.Spec.UserNames = v1alpha1.UserNamesPlain
	fixture.Eventually(t, "guests say Plain", func() error {
		var o v1alpha1.IdentityProvider
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(guests), &o); err != nil {
			return err
		}
		o.Spec.UserNames = v1alpha1.UserNamesPlain
		return errors.Join(c.Update(t.Context(), &o))
	})
	told(&again, "guests", v1alpha1.UserNamesPlain)
}
