// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// holder returns who holds the lease.
func holder(t *testing.T, c client.Client, ns string) string {
	t.Helper()
	var lease coordinationv1.Lease
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: LeaseName}, &lease); err != nil {
		if apierrors.IsNotFound(err) {
			return ""
		}
		t.Fatal(err)
	}
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

// TestTwoReplicas: both decide, one writes, and the other takes over.
func TestTwoReplicas(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	ap := fixture.Open(ns, "app", "app.example.com")
	fixture.Create(t, c, ap)
	var w1, w2 writes
	r1 := run(t, ns, elected, w1.count)
	r1.says("this replica leads")
	r2 := run(t, ns, elected, w2.count)
	for _, r := range []*replica{r1, r2} {
		r.decides("https://app.example.com/", policy.Bypassed)
	}
	fixture.Accepted(t, c, ap)
	fixture.Edit(t, c, ap, fixture.Action(v1alpha1.ActionBlock))
	for _, r := range []*replica{r1, r2} {
		r.decides("https://app.example.com/", policy.Blocked)
	}
	fixture.Accepted(t, c, ap)
	fixture.Eventually(t, "both have the keys", func() error {
		if r1.ring.Load() == nil || r2.ring.Load() == nil {
			return fmt.Errorf("they do not")
		}
		return nil
	})
	if string(r1.ring.Load().JWKS()) != string(r2.ring.Load().JWKS()) {
		t.Error("the replicas have different keys")
	}
	if w1.all() == 0 || w2.all() != 0 {
		t.Errorf("the leader wrote %d times, the other one %d times", w1.all(), w2.all())
	}
	if r1.Live.Table().Revision() != r2.Live.Table().Revision() {
		t.Error("the replicas have different tables")
	}
	first := holder(t, c, ns)

	r1.end() // gives up the lease
	r2.says("this replica leads")
	fixture.Edit(t, c, ap, fixture.Action(v1alpha1.ActionBypass))
	fixture.Accepted(t, c, ap)
	if w2.statuses.Load() == 0 {
		t.Error("the new leader wrote nothing")
	}
	if second := holder(t, c, ns); second == first {
		t.Errorf("the lease is still held by %s", second)
	}
}

// TestUnwrittenAtHandover: a status that the leader could not write is written
// by whoever leads next, though nothing changed since.
func TestUnwrittenAtHandover(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	var w1 writes
	w1.refuseWith(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	r1 := run(t, ns, elected, w1.count)
	r1.says("this replica leads")
	r2 := run(t, ns, elected)
	ap := fixture.Open(ns, "app", "app.example.com")
	fixture.Create(t, c, ap)
	r1.decides("https://app.example.com/", policy.Bypassed)
	r2.decides("https://app.example.com/", policy.Bypassed)
	r1.end()
	fixture.Accepted(t, c, ap)
}

// TestLeaderCutOff: a leader that cannot reach the API server loses its lease,
// and nothing else: it decides by its last table, and follows again later (G2).
func TestLeaderCutOff(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	ap := fixture.Open(ns, "app", "app.example.com")
	fixture.Create(t, c, ap)
	wire := newWire(t)
	var w1 writes
	r1 := run(t, ns, elected, wire.through, w1.count, func(o *Options) { o.pace.contact = 500 * time.Millisecond })
	r1.says("this replica leads")
	r1.decides("https://app.example.com/", policy.Bypassed)
	fixture.Accepted(t, c, ap)
	r2 := run(t, ns, elected)
	r2.decides("https://app.example.com/", policy.Bypassed)
	const contact = "ostiary_api_last_contact_timestamp_seconds"
	fixture.Eventually(t, "there is contact", func() error {
		if r1.gauge(contact) == 0 {
			return fmt.Errorf("none")
		}
		return nil
	})

	wire.cut()
	r1.says("AccessPolicies cannot be read; the last table stays active", "this replica does not lead")
	r2.says("this replica leads")
	before, wrote := r1.gauge(contact), w1.all()
	fixture.Edit(t, c, ap, fixture.Action(v1alpha1.ActionBlock))
	r2.decides("https://app.example.com/", policy.Blocked)
	fixture.Accepted(t, c, ap) // by the new leader
	time.Sleep(2 * time.Second)
	if got := r1.ask("GET", "https://app.example.com/"); got.Reason != policy.Bypassed {
		t.Errorf("without an API server, the last table decides; but: %s", got.Reason)
	}
	if after := r1.gauge(contact); after != before {
		t.Errorf("%s went on from %f to %f without contact", contact, before, after)
	}
	if n := strings.Count(r1.log.String(), "AccessPolicies cannot be read;"); n != 1 {
		t.Errorf("the loss of contact is logged %d times", n)
	}
	r1.running()
	if r1.Keys.Verifier() == nil {
		t.Error("the keys are gone")
	}

	wire.mend()
	r1.decides("https://app.example.com/", policy.Blocked)
	r1.says("AccessPolicies can be read again")
	if r1.gauge(contact) <= before {
		t.Errorf("%s does not go on", contact)
	}
	fixture.Edit(t, c, ap, fixture.Action(v1alpha1.ActionBypass))
	r1.decides("https://app.example.com/", policy.Bypassed)
	fixture.Accepted(t, c, ap)
	if w1.all() != wrote {
		t.Errorf("it wrote %d objects though another one leads", w1.all()-wrote)
	}
	// And it can lead again.
	r2.end()
	fixture.Eventually(t, "the first one leads again", func() error {
		if n := strings.Count(r1.log.String(), "this replica leads"); n != 2 {
			return fmt.Errorf("it did %d times", n)
		}
		return nil
	})
	fixture.Edit(t, c, ap, fixture.Action(v1alpha1.ActionBlock))
	fixture.Accepted(t, c, ap)
}

// TestAloneCutOff: one replica that asks for no lease keeps deciding, and writes again
// once it can.
func TestAloneCutOff(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	ap := fixture.Open(ns, "app", "app.example.com")
	fixture.Create(t, c, ap)
	wire := newWire(t)
	r := run(t, ns, wire.through)
	fixture.Accepted(t, c, ap)
	wire.cut()
	fixture.Edit(t, c, ap, fixture.Action(v1alpha1.ActionBlock))
	time.Sleep(2 * time.Second)
	r.running()
	if got := r.ask("GET", "https://app.example.com/"); got.Reason != policy.Bypassed {
		t.Errorf("without an API server, the last table decides; but: %s", got.Reason)
	}
	wire.mend()
	r.decides("https://app.example.com/", policy.Blocked)
	fixture.Accepted(t, c, ap)
	if holder(t, c, ns) != "" {
		t.Error("it took a lease that nobody asked for")
	}
}

// TestRights: everything works with the rights of config/rbac, and no others.
func TestRights(t *testing.T) {
	c := emptied(t)
	const ns = "ostiary-system"
	if err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: fixture.Named("", ns)}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	for _, f := range []string{"service_account", "role", "role_binding", "namespace_role", "namespace_role_binding"} {
		for _, o := range objectsIn(t, filepath.Join("..", "config", "rbac", f+".yaml")) {
			if err := c.Create(t.Context(), o); err != nil && !apierrors.IsAlreadyExists(err) {
				t.Fatal(err)
			}
		}
	}
	apps := namespace(t, c)
	ap := fixture.Open(apps, "app", "app.example.com")
	fixture.Create(t, c, ap)
	var in published
	r := run(t, ns, elected, in.use, as(t, "system:serviceaccount:"+ns+":ostiary"), func(o *Options) { o.pace.sweep = 100 * time.Millisecond })
	r.decides("https://app.example.com/", policy.Bypassed)
	fixture.Accepted(t, c, ap)
	fixture.Create(t, c, clientSecret(ns, "corp-client", "s3cret"), corp("corp", "corp-client"), revokes("old", "ann@example.com", time.Unix(1e9, 0)))
	in.has(t, "corp", "s3cret")
	judged(t, c, "corp", metav1.ConditionTrue, "Accepted")
	fixture.Eventually(t, "the old revocation is deleted", func() error {
		return client.IgnoreNotFound(cmp.Or(c.Get(t.Context(), client.ObjectKey{Name: "old"}, &v1alpha1.SessionRevocation{}), errors.New("it is there")))
	})
	cfg := server.Config(t)
	cfg.Impersonate.UserName = "system:serviceaccount:" + ns + ":ostiary"
	revoke, err := feed.Revoker(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := revoke(t.Context(), policy.Revocation{Provider: "corp", User: "ann@example.com", Before: time.Now()}); err != nil {
			t.Error(err)
		}
	}
	r.says("made a key ring")
	fixture.Eventually(t, "the event is there", func() error {
		var list corev1.EventList
		if err := c.List(t.Context(), &list, client.InNamespace(apps)); err != nil {
			return err
		}
		if len(list.Items) == 0 {
			return fmt.Errorf("it is not")
		}
		return nil
	})
	fixture.Eventually(t, "the keys are in force", func() error {
		if r.ring.Load() == nil {
			return fmt.Errorf("they are not")
		}
		return nil
	})
	if strings.Contains(r.log.String(), "forbidden") {
		t.Error("the roles do not suffice")
	}
}

// as makes a replica run as that user.
func as(t *testing.T, user string) func(*Options) {
	t.Helper()
	cfg := server.As(t, user, "system:serviceaccounts", "system:authenticated")
	cfg.QPS, cfg.Burst = 500, 1000
	return func(o *Options) { o.Config = cfg }
}

func objectsIn(t *testing.T, path string) []client.Object {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	var out []client.Object
	d := yaml.NewYAMLOrJSONDecoder(f, 4096)
	for {
		u := &unstructured.Unstructured{}
		err := d.Decode(&u.Object)
		if err == io.EOF { //nolint:errorlint // Decode does not wrap it
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(u.Object) > 0 {
			out = append(out, u)
		}
	}
}
