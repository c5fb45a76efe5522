// SPDX-License-Identifier: Apache-2.0

package optin

import (
	"strings"
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/controllers/routes/plan"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// TestStandIn: a replica that does not lead waits for the one that does, and then has
// routes ask; it makes nothing else, and touches no route that has something there.
func TestStandIn(t *testing.T) {
	b := newBench(t)
	b.make = plan.Make
	other := b.OptedIn("other", "other.example.com")
	other.Annotations[authURL] = "http://earlier.example.com/authz/v1/nginx/" + b.App + "/other/$request_method/$host$request_uri"
	fixture.Create(t, b.C, b.OptedIn("shop", "shop.example.com"), other)
	c, written := counting(t)
	o := b.optIns(c)
	o.Leads = func() bool { return false }
	look := func() time.Duration {
		t.Helper()
		result, err := o.Reconcile(t.Context(), reconcile.Request{})
		if err != nil {
			t.Fatal(err)
		}
		return result.RequeueAfter
	}
	if wait := look(); wait <= 0 || wait > standInAfter || written.Load() != 0 {
		t.Errorf("it looks again after %s, and wrote %d times", wait, written.Load())
	}
	time.Sleep(standInAfter)
	look()
	if a := b.Ingress("shop").Annotations; !strings.Contains(a[authURL], "/authz/v1/nginx/"+b.App+"/shop/") || a[backend] != "" {
		t.Errorf("%v", a)
	}
	if a := b.Ingress("other").Annotations; a[authURL] != other.Annotations[authURL] {
		t.Errorf("%v", a)
	}
	if n := len(b.Owned()); n > 0 || written.Load() != 1 {
		t.Errorf("%d objects, %d writes", n, written.Load())
	}
	if wait := look(); wait != 0 || written.Load() != 1 {
		t.Errorf("it looks again after %s, and wrote %d times", wait, written.Load())
	}
	// The leader finds it, and does the rest.
	b.converge(b.optIns(b.C))
	if a := b.Ingress("shop").Annotations; a[backend] == "" {
		t.Errorf("%v", a)
	}
	// What was asked about and is not any more waits as long as what is new.
	fixture.Change(t, b.C, b.Ingress("shop"), func(o *networkingv1.Ingress) { delete(o.Annotations, authURL) })
	before := written.Load()
	look()
	if written.Load() != before {
		t.Error("it did not wait")
	}
	time.Sleep(standInAfter)
	look()
	if a := b.Ingress("shop").Annotations; a[authURL] == "" || a[backend] == "" {
		t.Errorf("%v", a)
	}
}
