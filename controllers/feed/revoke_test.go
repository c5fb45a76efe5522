// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/translate"
)

// A sign-out everywhere from a slow clock takes nothing back.
func TestRevocationStays(t *testing.T) {
	c := emptied(t)
	revoke, err := Revoker(server.Config(t))
	if err != nil {
		t.Fatal(err)
	}
	const user = "stays@example.com"
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	o := translate.SignedOut(policy.Revocation{Provider: "corp", User: user, Before: at})
	t.Cleanup(func() { _ = c.Delete(context.Background(), o) })
	for _, step := range []struct{ before, want time.Time }{{at, at}, {at.Add(-time.Minute), at}, {at.Add(time.Second), at.Add(time.Second)}} {
		if err := revoke(t.Context(), policy.Revocation{Provider: "corp", User: user, Before: step.before}); err != nil {
			t.Fatal(err)
		}
		var got v1alpha1.SessionRevocation
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), &got); err != nil {
			t.Fatal(err)
		}
		if string(got.Spec.Before) != step.want.Format(time.RFC3339) || got.Spec.IdentityProvider != "corp" || got.Spec.User != user {
			t.Errorf("before %s: %s, want %s", step.before, got.Spec.Before, step.want)
		}
	}
}
