// SPDX-License-Identifier: Apache-2.0

package factors

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/hack/lab/apiserver"
	"github.com/ostiary/ostiary/hack/lab/fixture"
)

// server is the API server that the tests of this package share.
var server apiserver.Server

func TestMain(m *testing.M) { server.Main(m) }

// made makes a Secret of a type, and returns it as two replicas have it.
func made(t *testing.T, kind corev1.SecretType) (client.Client, *Secret, *Secret) {
	t.Helper()
	c := server.Client(t, fixture.AllKinds())
	name := types.NamespacedName{Namespace: server.Namespace(t, c), Name: "people-factors"}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}, Type: kind}
	if err := c.Create(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	other := server.Client(t, fixture.AllKinds())
	return c, &Secret{Reader: c, Writer: c, Name: name}, &Secret{Reader: other, Writer: other, Name: name}
}

// TestNoChangeIsLost: replicas that write at the same time see each other's.
func TestNoChangeIsLost(t *testing.T) {
	_, one, other := made(t, v1alpha1.SecretTypeSecondFactors)
	if all, err := one.Read(t.Context()); err != nil || len(all) != 0 {
		t.Fatalf("%v, %v", all, err)
	}
	const each = 6
	var all sync.WaitGroup
	for _, replica := range []*Secret{one, other} {
		all.Go(func() {
			for range each {
				err := replica.Change(context.Background(), func(all map[string][]byte) error {
					all["n"] = append(all["n"], 'x')
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got, err := other.Read(t.Context()); err != nil || string(got["n"]) != strings.Repeat("x", 2*each) {
		t.Errorf("%q, %v", got["n"], err)
	}
	refused := errors.New("refused")
	if err := one.Change(t.Context(), func(all map[string][]byte) error { delete(all, "n"); return refused }); !errors.Is(err, refused) {
		t.Errorf("%v; want what change says", err)
	}
	if got, err := other.Read(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
	large := func(all map[string][]byte) error { all["large"] = make([]byte, maxSecret); return nil }
	if err := one.Change(t.Context(), large); err == nil || !strings.Contains(err.Error(), "do not fit") {
		t.Errorf("%v", err)
	}
}

// TestNoSecretIsNoRecords: what cannot be read is not taken for nothing, and nothing is put
// into a Secret that is for something else.
func TestNoSecretIsNoRecords(t *testing.T) {
	want := func(s *Secret, words string) {
		t.Helper()
		if _, err := s.Read(t.Context()); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("read: %v; want %s", err, words)
		}
		err := s.Change(t.Context(), func(map[string][]byte) error { t.Error("there is something to change"); return nil })
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("changed: %v; want %s", err, words)
		}
	}
	_, of, _ := made(t, corev1.SecretTypeOpaque)
	want(of, "of the type")
	c, s, _ := made(t, v1alpha1.SecretTypeSecondFactors)
	var secret corev1.Secret
	if err := c.Get(t.Context(), s.Name, &secret); err != nil {
		t.Fatal(err)
	}
	secret.Finalizers = []string{"example.com/later"}
	if err := errors.Join(c.Update(t.Context(), &secret), c.Delete(t.Context(), &secret)); err != nil {
		t.Fatal(err)
	}
	want(s, "is being deleted")
	secret.Finalizers = nil
	if err := c.Patch(t.Context(), &secret, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
		t.Fatal(err)
	}
	want(s, "there is no Secret")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Read(gone); err == nil {
		t.Error("the API server is not asked")
	}
}
