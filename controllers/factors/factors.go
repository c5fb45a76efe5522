// SPDX-License-Identifier: Apache-2.0

// Package factors keeps the records of second factors in a Secret. It does not know what is in
// them. Each read asks the API server, as a cache may be behind what another replica wrote, and
// a code that was used there must not be good here.
package factors

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/cluster"
)

const (
	// maxSecret is what the API server takes of a Secret's values, in bytes.
	maxSecret = corev1.MaxSecretSize
	// tries at one change: all replicas together write once a sign-in.
	tries = 20
)

// A Secret holds records as its values. It is there before, and of the type
// v1alpha1.SecretTypeSecondFactors: a provider can name no other Secret for this. One that was
// deleted is not made anew, as all of its users would have no second factor then.
type Secret struct {
	// Reader reads without a cache.
	Reader client.Reader
	Writer client.Writer
	Name   types.NamespacedName
}

// In returns how the Secrets of a namespace are found, without a cache.
func In(c *rest.Config, namespace string) (func(name string) *Secret, error) {
	direct, err := client.New(c, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		return nil, err
	}
	return func(name string) *Secret {
		return &Secret{Reader: direct, Writer: direct, Name: types.NamespacedName{Namespace: namespace, Name: name}}
	}, nil
}

// Read returns the values of the Secret.
func (s *Secret) Read(ctx context.Context) (map[string][]byte, error) {
	secret, err := s.get(ctx)
	if err != nil {
		return nil, err
	}
	return secret.Data, nil
}

func (s *Secret) get(ctx context.Context) (*corev1.Secret, error) {
	var secret corev1.Secret
	switch err := s.Reader.Get(ctx, s.Name, &secret); {
	case apierrors.IsNotFound(err):
		return nil, fmt.Errorf("there is no Secret %s: create it, of the type %s, or restore it from a backup", s.Name,
			v1alpha1.SecretTypeSecondFactors)
	case err != nil:
		return nil, fmt.Errorf("reading the Secret %s: %w", s.Name, err)
	case string(secret.Type) != v1alpha1.SecretTypeSecondFactors:
		return nil, fmt.Errorf("the Secret %s is of the type %q, and not %s", s.Name, secret.Type, v1alpha1.SecretTypeSecondFactors)
	case secret.DeletionTimestamp != nil:
		return nil, fmt.Errorf("the Secret %s is being deleted", s.Name)
	}
	return &secret, nil
}

// Change writes what change makes of the values, if the Secret is as it was read.
func (s *Secret) Change(ctx context.Context, change func(map[string][]byte) error) error {
	for try := range tries {
		secret, err := s.get(ctx)
		if err != nil {
			return err
		}
		data := maps.Clone(secret.Data)
		if data == nil {
			data = map[string][]byte{}
		}
		if err := change(data); err != nil {
			return err
		}
		size := 0
		for key, value := range data {
			size += len(key) + len(value)
		}
		if size > maxSecret {
			return fmt.Errorf("the second factors do not fit into the Secret %s: give users another provider, with another Secret", s.Name)
		}
		secret.Data = data
		err = s.Writer.Update(ctx, secret) // its resourceVersion goes along
		if err == nil || !apierrors.IsConflict(err) {
			return wrap(err, s.Name)
		}
		if err := wait(ctx, try); err != nil {
			return err
		}
	}
	return fmt.Errorf("the Secret %s was changed by others %d times in a row", s.Name, tries)
}

func wrap(err error, name types.NamespacedName) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing the Secret %s: %w", name, err)
}

// wait has those that collide try again at different times.
func wait(ctx context.Context, try int) error {
	most := min(10*time.Millisecond<<min(try, 6), 300*time.Millisecond)
	timer := time.NewTimer(rand.N(most)) //nolint:gosec // not a secret
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return errors.Join(errors.New("others change the Secret at the same time"), ctx.Err())
	}
}
