// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Revoker returns a function that puts a revocation in force on every replica: it
// writes a SessionRevocation, which all of them watch. One that reaches further
// already stays: a clock that is slow takes nothing back.
func Revoker(config *rest.Config) (func(ctx context.Context, what policy.Revocation) error, error) {
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		return nil, fmt.Errorf("a client to write SessionRevocations with: %w", err)
	}
	return func(ctx context.Context, what policy.Revocation) error {
		o := translate.SignedOut(what)
		var was v1alpha1.SessionRevocation
		if err := c.Get(ctx, client.ObjectKeyFromObject(o), &was); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("reading SessionRevocation %s: %w", o.Name, err)
		}
		if translate.Reaches(&was, what) {
			return nil
		}
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
		if err != nil {
			return fmt.Errorf("writing a SessionRevocation: %w", err)
		}
		apply := client.ApplyConfigurationFromUnstructured(&unstructured.Unstructured{Object: fields})
		if err := c.Apply(ctx, apply, client.FieldOwner("ostiary-sign-out"), client.ForceOwnership); err != nil {
			return fmt.Errorf("writing SessionRevocation %s: %w", o.Name, err)
		}
		return nil
	}, nil
}
