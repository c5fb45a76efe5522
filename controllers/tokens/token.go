// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/translate"
)

// SumAnnotation is on a Secret of ours: the SHA-256 of the secret in it, in hexadecimal.
// By it we see, without reading the secret, whether it is the one that the status knows.
const SumAnnotation = "access.ostiary.dev/secret-sha256"

// Keys of the Secret.
const (
	ClientIDKey     = "clientID"
	ClientSecretKey = "clientSecret"
)

// A finding is what is to be done about a token's secret.
type finding int

const (
	asItShould  finding = iota
	notIssued           // it has none yet
	rotationDue         // another one was asked for
	lost                // its Secret is gone, and with it the secret
	unwritten           // its Secret has not the secret that the status knows
	taken               // there is a Secret of that name that is not ours
)

// one brings a token up to date.
func (i *Issuer) one(ctx context.Context, o *v1alpha1.ServiceToken, now time.Time) error {
	if o.DeletionTimestamp != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	is, err := i.secretOf(ctx, o)
	if err != nil {
		return err
	}
	what := find(o, is)
	after := o.DeepCopy()
	secret := renew(after, what, now)
	var failed error
	before := o
	if secret != "" {
		// First the hash, so that what is in the Secret is always good. Ready comes with the Secret.
		if err := i.patch(ctx, o, after); err != nil {
			return err
		}
		before = after.DeepCopy()
		failed = i.write(ctx, after, is, secret)
	}
	conditions(after, what, failed, now)
	if err := i.patch(ctx, before, after); err != nil {
		return errors.Join(failed, err)
	}
	if failed == nil {
		i.tell(o, after, what)
	}
	return failed
}

// patch writes what is new in the status of a token.
func (i *Issuer) patch(ctx context.Context, before, after *v1alpha1.ServiceToken) error {
	if equality.Semantic.DeepEqual(before.Status, after.Status) {
		return nil
	}
	return i.client.Status().Patch(ctx, after, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
}

// secretOf returns what is beside the data of the token's Secret; nil: there is none.
func (i *Issuer) secretOf(ctx context.Context, o *v1alpha1.ServiceToken) (*metav1.PartialObjectMetadata, error) {
	var is metav1.PartialObjectMetadata
	is.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("Secret"))
	err := i.live.Get(ctx, client.ObjectKeyFromObject(o), &is)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for its Secret: %w", err)
	}
	return &is, nil
}

func find(o *v1alpha1.ServiceToken, is *metav1.PartialObjectMetadata) finding {
	switch {
	case is != nil && !metav1.IsControlledBy(is, o):
		return taken
	case o.Status.SecretSHA256 == "", is == nil && !handedOut(o):
		return notIssued
	case is == nil:
		return lost
	case o.Status.Rotation != o.Spec.Rotation:
		return rotationDue
	case is.Annotations[SumAnnotation] != o.Status.SecretSHA256:
		return unwritten
	default:
		return asItShould
	}
}

// handedOut reports whether the secret that the status knows was written to a Secret once.
func handedOut(o *v1alpha1.ServiceToken) bool {
	c := meta.FindStatusCondition(o.Status.Conditions, v1alpha1.ConditionAccepted)
	return c != nil && c.Reason != tokenUnwritten
}

// renew gives a token a new secret where it needs one, and returns it. Of the old one it
// keeps the hash if a rotation was asked for, and else nothing.
func renew(o *v1alpha1.ServiceToken, what finding, now time.Time) string {
	s := &o.Status
	if s.Previous != nil && !now.Before(s.Previous.Until.Time) {
		s.Previous = nil
	}
	switch what {
	case asItShould:
		s.ExpiresAt = expiry(o)
		return ""
	case taken:
		s.SecretSHA256, s.Previous, s.IssuedAt, s.ExpiresAt = "", nil, nil, nil
		return ""
	case rotationDue:
		until := now.Add(translate.TokenDuration(string(o.Spec.GracePeriod), translate.DefaultGracePeriod))
		if end := expiry(o); end != nil && end.Time.Before(until) { // a rotation brings nothing back
			until = end.Time
		}
		s.Previous = &v1alpha1.PreviousSecret{SecretSHA256: s.SecretSHA256, Until: metav1.NewTime(until.UTC().Truncate(time.Second))}
	case notIssued, lost:
		s.Previous = nil
	case unwritten: // whoever waits for a rotation still has the one before
	}
	if s.ClientID == "" {
		s.ClientID = newClientID()
	}
	issued := metav1.NewTime(now.UTC().Truncate(time.Second))
	secret, sum := newSecret()
	s.SecretSHA256, s.IssuedAt, s.Rotation = sum, &issued, o.Spec.Rotation
	s.ExpiresAt = expiry(o)
	return secret
}

// expiry is when a token ends.
func expiry(o *v1alpha1.ServiceToken) *metav1.Time {
	if o.Status.IssuedAt == nil {
		return nil
	}
	end := metav1.NewTime(o.Status.IssuedAt.Add(translate.TokenDuration(string(o.Spec.Duration), translate.DefaultTokenDuration)).UTC())
	return &end
}

// write puts a secret into the token's Secret: a new one, or the one that is ours and was
// looked at.
func (i *Issuer) write(ctx context.Context, o *v1alpha1.ServiceToken, is *metav1.PartialObjectMetadata, secret string) error {
	sum := o.Status.SecretSHA256
	if is == nil {
		err := i.client.Create(ctx, newSecretObject(o, secret))
		if err != nil {
			return fmt.Errorf("making its Secret: %w", err)
		}
		return nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata":   map[string]any{"uid": is.UID, "resourceVersion": is.ResourceVersion, "annotations": map[string]string{SumAnnotation: sum}},
		"stringData": map[string]string{ClientIDKey: o.Status.ClientID, ClientSecretKey: secret},
	})
	if err != nil {
		return err
	}
	if err := i.client.Patch(ctx, is, client.RawPatch(types.MergePatchType, patch)); err != nil {
		return fmt.Errorf("writing its Secret: %w", err)
	}
	return nil
}

// newSecretObject is the Secret of a token. It goes when the token goes.
func newSecretObject(o *v1alpha1.ServiceToken, secret string) *corev1.Secret {
	out := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: o.Namespace, Name: o.Name,
			Annotations: map[string]string{SumAnnotation: o.Status.SecretSHA256},
			Labels:      map[string]string{"app.kubernetes.io/managed-by": "ostiary"},
		},
		Type:       corev1.SecretTypeOpaque,
		StringData: map[string]string{ClientIDKey: o.Status.ClientID, ClientSecretKey: secret},
	}
	if o.UID != "" {
		controls := true
		out.OwnerReferences = []metav1.OwnerReference{{
			APIVersion: v1alpha1.GroupVersion.String(), Kind: "ServiceToken", Name: o.Name, UID: o.UID, Controller: &controls,
		}}
	}
	return out
}
