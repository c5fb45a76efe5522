// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// secret waits for the Secret of the keys.
func secret(t *testing.T, c client.Client, ns string) *corev1.Secret {
	t.Helper()
	var s corev1.Secret
	fixture.Eventually(t, "there is a Secret", func() error { return c.Get(t.Context(), keySecret(ns), &s) })
	return &s
}

func setRing(t *testing.T, c client.Client, ns string, ring []byte) {
	t.Helper()
	fixture.Eventually(t, "writing the Secret", func() error {
		s := secret(t, c, ns)
		s.Data = map[string][]byte{feed.KeyRingField: ring}
		return c.Update(t.Context(), s)
	})
}

// holds waits until a replica has the ring that is stored.
func (r *replica) holds(stored []byte) *credential.Ring {
	r.t.Helper()
	want, err := credential.ParseRing(stored)
	if err != nil {
		r.t.Fatal(err)
	}
	fixture.Eventually(r.t, "the stored ring is in force", func() error {
		if got := r.ring.Load(); got == nil || !bytes.Equal(got.JWKS(), want.JWKS()) {
			return fmt.Errorf("it is not")
		}
		return nil
	})
	return r.ring.Load()
}

func token(t *testing.T, r *credential.Ring, now time.Time) string {
	t.Helper()
	s, err := r.Mint(credential.Claims{Issuer: issuer, Audience: []string{"shop/app"}, ID: "ann", Lifetime: 720 * time.Hour}, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// ring makes one that is nobody's yet.
func ring(t *testing.T) []byte {
	t.Helper()
	data, _, err := credential.RotateBytes(nil, time.Now(), credential.Schedule{})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRotation: the leader makes the keys and rotates them, both replicas follow,
// and what was signed before still verifies until no session can be that old.
func TestRotation(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	var clock atomic.Int64
	clock.Store(time.Now().Unix())
	now := func() time.Time { return time.Unix(clock.Load(), 0) }
	later := func(d time.Duration) { clock.Add(int64(d / time.Second)) }
	daily := func(o *Options) {
		o.pace.keys = 100 * time.Millisecond
		o.RotateKeys = func(old []byte, _ time.Time) ([]byte, bool, error) {
			return credential.RotateBytes(old, now(), credential.Schedule{Every: 24 * time.Hour, Lead: time.Hour, Keep: 48 * time.Hour})
		}
	}
	r1 := run(t, ns, elected, daily)
	r1.says("made a key ring")
	var w2 writes
	r2 := run(t, ns, elected, daily, w2.count)
	first := secret(t, c, ns).Data[feed.KeyRingField]
	r1.holds(first)
	ann := token(t, r1.ring.Load(), now())
	verifies := func(tk string, want policy.Reason) {
		t.Helper()
		for _, r := range []*replica{r1, r2} {
			fixture.Eventually(t, fmt.Sprintf("the token is %q", want), func() error {
				if _, why := r.Keys.Verifier().Verify(tk, now()); why != want {
					return fmt.Errorf("it is %q", why)
				}
				return nil
			})
		}
	}
	r2.holds(first)
	verifies(ann, policy.NoReason)
	time.Sleep(500 * time.Millisecond)
	if again := secret(t, c, ns).Data[feed.KeyRingField]; !bytes.Equal(first, again) {
		t.Error("the keys were rotated before their time")
	}

	rotatedAfter := func(d time.Duration) []byte {
		t.Helper()
		old := secret(t, c, ns).Data[feed.KeyRingField] // before the time comes: the leader may be faster
		later(d)
		fixture.Eventually(t, "the keys are rotated", func() error {
			if bytes.Equal(old, secret(t, c, ns).Data[feed.KeyRingField]) {
				return fmt.Errorf("they are not")
			}
			return nil
		})
		return secret(t, c, ns).Data[feed.KeyRingField]
	}
	second := rotatedAfter(23*time.Hour + time.Minute)
	r1.says("keys rotated")
	r1.holds(second)
	r2.holds(second)
	verifies(ann, policy.NoReason)
	later(2 * time.Hour) // the new key signs
	bob := token(t, r2.ring.Load(), now())
	verifies(bob, policy.NoReason)
	verifies(ann, policy.NoReason)
	rotatedAfter(22 * time.Hour)
	verifies(bob, policy.NoReason)
	rotatedAfter(30 * time.Hour) // beyond Keep of the first
	verifies(ann, policy.BadSignature)
	verifies(bob, policy.NoReason)
	if n := w2.all(); n != 0 {
		t.Errorf("a replica that does not lead tried %d times to write the keys", n)
	}
}

// TestGarbageKeys: a Secret that cannot be read changes nothing but the log (G7).
func TestGarbageKeys(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	r := run(t, ns)
	good := secret(t, c, ns).Data[feed.KeyRingField]
	ann := token(t, r.holds(good), time.Now())
	for i, garbage := range []string{"hunter2", `{"version":1,"keys":[]}`, string(good[:len(good)/2]), `{"version":99}`} {
		setRing(t, c, ns, []byte(garbage))
		fixture.Eventually(t, "the log says so", func() error {
			if n := strings.Count(r.log.String(), "the key ring cannot be used"); n < i+1 {
				return fmt.Errorf("%d times of %d", n, i+1)
			}
			return nil
		})
		if _, why := r.Keys.Verifier().Verify(ann, time.Now()); why != policy.NoReason {
			t.Errorf("%.10s: the last ring is not in force: %s", garbage, why)
		}
	}
	if s := r.log.String(); strings.Contains(s, "hunter2") || strings.Contains(s, "private") {
		t.Error("the log quotes the Secret")
	}
	if got := string(secret(t, c, ns).Data[feed.KeyRingField]); got != `{"version":99}` {
		t.Errorf("somebody's data was written over: %s", got)
	}
	mended := ring(t)
	setRing(t, c, ns, mended)
	r.holds(mended)
	if _, why := r.Keys.Verifier().Verify(ann, time.Now()); why == policy.NoReason {
		t.Error("a key that is not in the ring verifies")
	}
}

// TestGarbageKeysAtStart: nothing is decided without keys, and the log says of which
// Secret, and what to do.
func TestGarbageKeysAtStart(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	s := &corev1.Secret{ObjectMeta: fixture.Named(ns, DefaultKeySecret), Data: map[string][]byte{feed.KeyRingField: []byte("hunter2")}}
	if err := c.Create(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	r := run(t, ns)
	for _, text := range []string{"nothing is decided", "or delete it", ns + "/" + DefaultKeySecret} {
		r.says(text)
	}
	if r.Keys.Verifier() != nil {
		t.Error("there is a verifier")
	}
	if s := r.log.String(); strings.Contains(s, "stays active") || strings.Contains(s, "hunter2") {
		t.Error("the log says what is not so, or quotes the Secret")
	}
	if err := c.Delete(t.Context(), secret(t, c, ns)); err != nil { // as it says
		t.Fatal(err)
	}
	r.says("made a key ring")
}

// TestKeysDeleted: that voids every session, on purpose or not, and the log says so.
func TestKeysDeleted(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	r1 := run(t, ns, elected)
	r1.says("made a key ring")
	var w2 writes
	r2 := run(t, ns, elected, w2.count)
	first := secret(t, c, ns)
	r2.holds(first.Data[feed.KeyRingField])
	ann := token(t, r1.holds(first.Data[feed.KeyRingField]), time.Now())
	if err := c.Delete(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	r1.says("every session is void")
	second := secret(t, c, ns)
	for _, r := range []*replica{r1, r2} {
		r.holds(second.Data[feed.KeyRingField])
		if _, why := r.Keys.Verifier().Verify(ann, time.Now()); why != policy.BadSignature {
			t.Errorf("a session of deleted keys: %q", why)
		}
	}
	// Emptied is as good as deleted.
	setRing(t, c, ns, nil)
	fixture.Eventually(t, "the ring is made again", func() error {
		if n := strings.Count(r1.log.String(), "every session is void"); n != 2 {
			return fmt.Errorf("%d times", n)
		}
		return nil
	})
	r2.holds(secret(t, c, ns).Data[feed.KeyRingField])
	if n := w2.all(); n != 0 {
		t.Errorf("a replica that does not lead tried %d times to write the keys", n)
	}
}

// TestEmptySecret: one that was made empty, to be filled in, is filled in, and
// what else it holds stays.
func TestEmptySecret(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	s := &corev1.Secret{ObjectMeta: fixture.Named(ns, DefaultKeySecret), Data: map[string][]byte{"other": []byte("theirs")}}
	s.Annotations = map[string]string{"example.com/owner": "platform"}
	fixture.Create(t, c, s)
	r := run(t, ns)
	r.says("made a key ring")
	fixture.Eventually(t, "there are keys", func() error {
		if r.ring.Load() == nil {
			return fmt.Errorf("none")
		}
		return nil
	})
	now := secret(t, c, ns)
	if string(now.Data["other"]) != "theirs" || now.Annotations["example.com/owner"] != "platform" {
		t.Errorf("what else the Secret holds was changed: %v %v", now.Annotations, now.Data["other"])
	}
}

// TestExistingSecret: keys that the user provides and lets nobody write are used,
// and left alone when they are due.
func TestExistingSecret(t *testing.T) {
	c := emptied(t)
	ns := namespace(t, c)
	const user, name = "system:serviceaccount:any:reader", "theirs"
	mine := ring(t)
	fixture.Create(t, c,
		&rbacv1.Role{ObjectMeta: fixture.Named(ns, name), Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"secrets"}, ResourceNames: []string{name}, Verbs: []string{"get", "list", "watch"}},
			{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get", "list", "watch"}}}},
		&rbacv1.RoleBinding{ObjectMeta: fixture.Named(ns, name), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}}},
		&rbacv1.ClusterRole{ObjectMeta: fixture.Named("", ns), Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{"access.ostiary.dev"},
				Resources: []string{"accesspolicies", "accessgroups", "oauthclients", "servicetokens", "sessionrevocations"}, Verbs: []string{"get", "list", "watch"}}}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: fixture.Named("", ns), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: ns},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}}},
	)
	due := time.Now().AddDate(1, 0, 0)
	r := run(t, ns, as(t, user), func(o *Options) {
		o.KeySecret = name
		o.pace.keys = 100 * time.Millisecond
		o.RotateKeys = func(old []byte, _ time.Time) ([]byte, bool, error) {
			return credential.RotateBytes(old, due, credential.Schedule{})
		}
	})
	r.says("the Secret of the keys is not there, and not ours to make") // and which one
	r.says("secret=" + ns + "/" + name)
	fixture.Create(t, c, &corev1.Secret{ObjectMeta: fixture.Named(ns, name), Data: map[string][]byte{feed.KeyRingField: mine}})
	r.holds(mine)
	r.says("the Secret is not ours to write")
	var s corev1.Secret
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: ns, Name: name}, &s); err != nil || !bytes.Equal(s.Data[feed.KeyRingField], mine) {
		t.Errorf("the Secret was written: %v", err)
	}
	// Rotated by hand, it is followed.
	next := ring(t)
	s.Data[feed.KeyRingField] = next
	if err := c.Update(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	r.holds(next)
	if err := c.Get(t.Context(), keySecret(ns), &s); !apierrors.IsNotFound(err) {
		t.Errorf("another Secret was made: %v", err)
	}
}

// TestOtherSecrets: a Secret of the same name elsewhere is none of ours.
func TestOtherSecrets(t *testing.T) {
	c := emptied(t)
	ns, other := namespace(t, c), namespace(t, c)
	fixture.Create(t, c, &corev1.Secret{ObjectMeta: fixture.Named(other, DefaultKeySecret), Data: map[string][]byte{feed.KeyRingField: ring(t)}},
		&corev1.Secret{ObjectMeta: fixture.Named(ns, "theirs"), Data: map[string][]byte{feed.KeyRingField: ring(t)}})
	r := run(t, ns)
	r.holds(secret(t, c, ns).Data[feed.KeyRingField])
	if n := r.rings.Load(); n != 1 {
		t.Errorf("%d rings were published", n)
	}
}
