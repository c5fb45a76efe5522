// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/ostiary/ostiary/controllers/cluster"
)

// KeyRingField is the field of the Secret that holds the key ring.
const KeyRingField = "keyring.json"

// checkKeys is how often the leader looks whether the keys are due: far more
// often than a new key takes to become the one that signs.
const checkKeys = 10 * time.Minute

// Keys keeps the key ring of all replicas in one Secret: the leader makes it
// and rotates it, every replica follows it.
type Keys struct {
	Secret types.NamespacedName
	// Rotate returns the ring to store, and whether it differs from old. An
	// empty old asks for a first ring.
	Rotate func(old []byte, now time.Time) ([]byte, bool, error)
	// Publish puts a ring in force.
	Publish func([]byte) error

	// Every is how often the leader looks whether the keys are due. Default: 10 min.
	Every time.Duration
	// Leads reports whether this replica may write.
	Leads func() bool

	client      client.Client
	toldMissing bool // what the replica waits for
	published   []byte
	queue       cluster.Requeue
}

// SetupWithManager makes the keys follow the Secret.
func (k *Keys) SetupWithManager(mgr ctrl.Manager) error {
	if k.Every == 0 {
		k.Every = checkKeys
	}
	k.client = mgr.GetClient()
	everyReplica := false
	return ctrl.NewControllerManagedBy(mgr).
		Named("keys").
		Watches(&corev1.Secret{}, &handler.EnqueueRequestForObject{}, builder.WithPredicates(predicate.NewPredicateFuncs(
												func(o client.Object) bool { return client.ObjectKeyFromObject(o) == k.Secret }))).
		WatchesRawSource(k.queue.Source(reconcile.Request{NamespacedName: k.Secret})). // there may be none, and then there is no event
		WithOptions(controller.Options{MaxConcurrentReconciles: 1, NeedLeaderElection: &everyReplica}).
		Complete(k)
}

// Reconcile publishes the ring that is stored, and on the leader sees to it
// that there is one and that it is not too old.
func (k *Keys) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	var s corev1.Secret
	switch err := k.client.Get(ctx, k.Secret, &s); {
	case apierrors.IsNotFound(err):
		return k.create(ctx)
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("reading the key Secret: %w", err)
	}
	ring := s.Data[KeyRingField]
	if len(ring) > 0 && !bytes.Equal(ring, k.published) {
		if err := k.Publish(ring); err != nil {
			// Trying again would not mend it; a change of the Secret brings us back.
			logr.FromContextOrDiscard(ctx).Error(err, k.unusable(), "secret", k.Secret.String(), "field", KeyRingField)
			return reconcile.Result{RequeueAfter: k.Every}, nil
		}
		k.published = ring
	}
	if len(ring) == 0 {
		k.tellMissing(ctx, "has no key ring in it")
	}
	return k.rotate(ctx, &s)
}

// unusable says what a ring that cannot be read means, and what to do about it.
func (k *Keys) unusable() string {
	if k.published != nil {
		return "the key ring cannot be used; the last one stays active until a restart. Restore the Secret, or delete it: then a new ring is made, and all users sign in again"
	}
	return "the key ring cannot be used, so nothing is decided: every request is answered with 503. Restore the Secret from a backup, or delete it: then a new ring is made, and all users sign in again"
}

// tellMissing says, once, what the replica waits for before it is ready.
func (k *Keys) tellMissing(ctx context.Context, why string) {
	if k.published == nil && !k.toldMissing {
		k.toldMissing = true
		logr.FromContextOrDiscard(ctx).Error(nil, "this replica is not ready, because the Secret of the keys "+why, "secret", k.Secret.String(), "field", KeyRingField)
	}
}

// Check looks at the Secret again: a duty of whoever begins to lead.
func (k *Keys) Check(context.Context) { k.queue.Add() }

func (k *Keys) create(ctx context.Context) (reconcile.Result, error) {
	if !k.Leads() {
		return reconcile.Result{}, nil // the leader's creation is an event
	}
	ring, _, err := k.Rotate(nil, time.Now())
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("making a key ring: %w", err)
	}
	err = k.client.Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: k.Secret.Namespace, Name: k.Secret.Name},
		Data:       map[string][]byte{KeyRingField: ring},
	})
	switch {
	case apierrors.IsAlreadyExists(err): // and here comes the event
	case apierrors.IsForbidden(err): // it is somebody else's to make; that is an event, too
		k.tellMissing(ctx, "is not there, and not ours to make: make it, with the key ring in it")
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("creating the key Secret: %w", err)
	default:
		k.tellMade(ctx)
	}
	return reconcile.Result{}, nil // its creation is an event
}

func (k *Keys) rotate(ctx context.Context, s *corev1.Secret) (reconcile.Result, error) {
	again := reconcile.Result{RequeueAfter: k.Every}
	if !k.Leads() {
		return again, nil
	}
	ring, due, err := k.Rotate(s.Data[KeyRingField], time.Now())
	if err != nil || !due {
		return again, err
	}
	next := s.DeepCopy()
	if next.Data == nil { // a Secret that was made empty, to be filled in
		next.Data = map[string][]byte{}
	}
	next.Data[KeyRingField] = ring
	switch err := k.client.Update(ctx, next); { // refused if someone else wrote meanwhile
	case apierrors.IsForbidden(err):
		logr.FromContextOrDiscard(ctx).Info("the keys are due for rotation, but the Secret is not ours to write", "secret", k.Secret.String())
	case err != nil:
		return reconcile.Result{}, fmt.Errorf("rotating the keys: %w", err)
	case len(s.Data[KeyRingField]) == 0:
		k.tellMade(ctx)
	default:
		logr.FromContextOrDiscard(ctx).Info("keys rotated", "secret", k.Secret.String())
	}
	return again, nil
}

// tellMade says that the ring is a new one. Whoever deleted the old one may not
// know what that does.
func (k *Keys) tellMade(ctx context.Context) {
	log := logr.FromContextOrDiscard(ctx).WithValues("secret", k.Secret.String())
	if k.published == nil {
		log.Info("made a key ring")
		return
	}
	log.Info("the key ring was deleted, so a new one was made: every session is void, and users sign in again")
}
