// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/controllers/routes"
)

// objectOr makes an object of ours, or what stands for it where it is refused.
func (r *application) objectOr(ctx context.Context, want *unstructured.Unstructured) error {
	ref := refOf(want)
	fallback, ok := r.plan.Fallbacks[ref]
	if !ok {
		return r.object(ctx, want)
	}
	send, err := prepared(fallback.Object)
	if err != nil {
		return err
	}
	if is := r.existing[ref]; is != nil && asPrepared(is, send) && young(is, fallback) {
		return nil // what was refused before would be so again
	}
	err = r.object(ctx, want)
	if !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
		return err
	}
	if refused := r.fallback(ctx, fallback); refused != nil {
		return fmt.Errorf("%w; with spec.tls: %w", err, refused)
	}
	return nil
}

// fallback makes what stands for an object. Of Ingresses of one host the oldest says
// which certificate is served, so that this one must not be that: the API server's
// clock, of whole seconds, decides.
func (r *application) fallback(ctx context.Context, f routes.Fallback) error {
	ref := refOf(f.Object)
	if is := r.existing[ref]; is != nil && !young(is, f) {
		if err := r.remove(ctx, is, nil); client.IgnoreNotFound(err) != nil {
			return err
		}
		delete(r.existing, ref)
	}
	if time.Since(f.After) < 2*time.Second && r.existing[ref] == nil {
		return fmt.Errorf("%s waits until it is younger than the application's", ref)
	}
	if err := r.object(ctx, f.Object); err != nil {
		return err
	}
	is := unstructuredOf(f.Object.GroupVersionKind())
	if err := r.live.Get(ctx, client.ObjectKeyFromObject(f.Object), is); err != nil || young(is, f) {
		return err
	}
	if err := r.remove(ctx, is, nil); client.IgnoreNotFound(err) != nil {
		return err
	}
	return fmt.Errorf("%s is older than the application's Ingress, and would decide which certificate is served", ref)
}

func young(o *unstructured.Unstructured, f routes.Fallback) bool {
	return o.GetCreationTimestamp().After(f.After)
}
