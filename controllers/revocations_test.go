// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

func revokes(name, user string, before time.Time) *v1alpha1.SessionRevocation {
	return &v1alpha1.SessionRevocation{ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.SessionRevocationSpec{User: user, Before: v1alpha1.Timestamp(before.UTC().Format(time.RFC3339Nano))}}
}

// as decides about a request of somebody who signed in then.
func (r *replica) as(email, rawURL string, signedIn time.Time) policy.Decision {
	r.t.Helper()
	target, err := policy.ParseTarget(rawURL)
	if err != nil {
		r.t.Fatal(err)
	}
	audience := []string{}
	if in, ok := r.Live.Table().SignIn(target, ""); ok {
		audience = in.Audience
	}
	now := time.Now()
	return r.Live.Table().Decide(policy.Request{Target: target, Method: "GET", Now: now, Subject: &policy.Subject{
		ID: "1", Email: email, Audience: audience, SignedInAt: signedIn, IssuedAt: signedIn, ExpiresAt: now.Add(time.Hour)}})
}

// TestRevocations: they are in force on every replica at once, and only for those
// whom they name and who signed in before.
func TestRevocations(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	fixture.Create(t, c, fixture.Protect(ns, "app", v1alpha1.ActionAllow, "app.example.com"))
	const app = "https://app.example.com/"
	rs := []*replica{run(t, ns, elected), run(t, ns, elected), run(t, ns, elected)}
	signedIn := time.Now().Add(-time.Minute)
	for _, r := range rs {
		r.decides(app, policy.NoSession)
		if d := r.as("ann@example.com", app, signedIn); d.Verdict != policy.Admit {
			t.Fatalf("before the revocation: %s", d.Reason)
		}
	}
	fixture.Create(t, c, revokes("ann", "Ann@Example.com", time.Now()))
	start := time.Now()
	var took []time.Duration
	for _, r := range rs {
		for r.as("ann@example.com", app, signedIn).Verdict == policy.Admit {
			if time.Since(start) > fixture.Ample {
				t.Fatal("the revocation is not in force")
			}
			time.Sleep(time.Millisecond)
		}
		took = append(took, time.Since(start))
	}
	t.Logf("in force on %d replicas after %v", len(rs), took)
	if took[len(took)-1] > 5*time.Second { // a machine with nothing else to do takes a hundredth
		t.Errorf("in force after %v only", took)
	}
	for _, r := range rs {
		if d := r.as("bob@example.com", app, signedIn); d.Verdict != policy.Admit {
			t.Errorf("bob: %s", d.Reason)
		}
		if d := r.as("ann@example.com", app, time.Now().Add(time.Second)); d.Verdict != policy.Admit {
			t.Errorf("signed in again: %s", d.Reason)
		}
	}
	fixture.Remove(t, c, revokes("ann", "", time.Time{}))
	fixture.Eventually(t, "the revocation is gone", func() error {
		if d := rs[0].as("ann@example.com", app, signedIn); d.Verdict != policy.Admit {
			return fmt.Errorf("%s", d.Reason)
		}
		return nil
	})
}

// TestRevokedFromTheStart: no table is in force before the revocations are known.
func TestRevokedFromTheStart(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	fixture.Create(t, c, fixture.Protect(ns, "app", v1alpha1.ActionAllow, "app.example.com"), revokes("ann", "ann@example.com", time.Now().Add(time.Hour)))
	r := run(t, ns)
	for r.Live.Table() == nil {
		time.Sleep(time.Millisecond)
	}
	if d := r.as("ann@example.com", "https://app.example.com/", time.Now()); d.Verdict == policy.Admit {
		t.Error("the first table knows of no revocation")
	}
}

// TestOldRevocationsAreDeleted, by the leader, and no others.
func TestOldRevocationsAreDeleted(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	day := 24 * time.Hour
	now := time.Now()
	fixture.Create(t, c,
		revokes("old", "ann@example.com", now.Add(-policy.MaxSessionDuration-day-time.Hour)),
		revokes("needed", "ann@example.com", now.Add(-policy.MaxSessionDuration-day+time.Hour)),
		revokes("recent", "ann@example.com", now),
		revokes("future", "ann@example.com", now.Add(1000*day)))
	run(t, ns, func(o *Options) { o.pace.sweep = 200 * time.Millisecond })
	fixture.Eventually(t, "the old one is deleted", func() error {
		err := c.Get(t.Context(), client.ObjectKey{Name: "old"}, &v1alpha1.SessionRevocation{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return cmp.Or(err, errors.New("it is there"))
	})
	time.Sleep(500 * time.Millisecond)
	var list v1alpha1.SessionRevocationList
	if err := c.List(t.Context(), &list); err != nil || len(list.Items) != 3 {
		t.Errorf("%d are left of 3, %v", len(list.Items), err)
	}
}

// TestWithoutTheNewCRDs: in the middle of an upgrade policies are served, and
// what comes later is found.
func TestWithoutTheNewCRDs(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	fixture.Create(t, c, fixture.Open(ns, "app", "app.example.com"))
	kinds := []string{cluster.CRDOf(cluster.ProviderKind), cluster.CRDOf(cluster.RevocationKind), cluster.CRDOf(cluster.GroupKind),
		cluster.CRDOf(cluster.OAuthClientKind)}
	var kept []*apiextensionsv1.CustomResourceDefinition
	for _, name := range kinds {
		var crd apiextensionsv1.CustomResourceDefinition
		if err := c.Get(t.Context(), client.ObjectKey{Name: name}, &crd); err != nil {
			t.Fatal(err)
		}
		fixture.Remove(t, c, &crd)
		kept = append(kept, &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: crd.Spec})
	}
	served := func(want bool) {
		fixture.Eventually(t, "the CRDs are as they should be", func() error {
			for _, kind := range []string{cluster.ProviderKind, cluster.RevocationKind, cluster.GroupKind, cluster.OAuthClientKind} {
				list := &metav1.PartialObjectMetadataList{}
				list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
				if err := c.List(t.Context(), list); (err == nil) != want {
					return fmt.Errorf("%s: %w", kind, err)
				}
			}
			return nil
		})
	}
	install := func() {
		for _, crd := range kept {
			if crd.ResourceVersion == "" {
				fixture.Create(t, c, crd)
			}
		}
		served(true)
	}
	t.Cleanup(func() {
		if slices.ContainsFunc(kept, func(o *apiextensionsv1.CustomResourceDefinition) bool { return o.ResourceVersion == "" }) {
			t.Error("the CRDs are not there for the tests that follow")
		}
	})
	defer install()
	served(false)
	var in published
	r := run(t, ns, in.use, func(o *Options) { o.pace.kinds = 100 * time.Millisecond })
	r.decides("https://app.example.com/", policy.Bypassed)
	r.says("a CRD is not installed", kinds[0], kinds[1])
	install()
	select {
	case err := <-r.ended: // RunAgain starts anew
		if err == nil {
			t.Error("it ended without a reason")
		}
		t.Log(err)
	case <-time.After(fixture.Ample):
		t.Fatal(errors.New("the CRDs are not noticed"))
	}
}
