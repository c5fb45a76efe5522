// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Providers keeps the identity providers in use equal to the IdentityProviders
// of the cluster and to the Secrets that they name.
type Providers struct {
	// Namespace holds the Secrets.
	Namespace string
	// Keys is the Secret of the key ring, which no provider may name: whoever may
	// make an IdentityProvider could have the keys sent to an address of theirs.
	Keys string
	// Publish puts all valid providers in use.
	Publish func([]config.Provider)
	// Published is called after Publish. Optional.
	Published func()
	// Leads reports whether this replica may write.
	Leads func() bool

	client    client.Client
	secrets   client.Reader
	queue     cluster.Requeue
	published []config.Provider // nil: nothing was, yet
	qualified map[string]bool   // whose users were, so far: the leader may not have said so yet
}

// forever: a missing right must not end the manager, and with it all the rest.
const forever = 10 * 365 * 24 * time.Hour

// SetupWithManager makes the providers follow the manager's cache.
func (p *Providers) SetupWithManager(mgr ctrl.Manager) error {
	secrets, err := newSecrets(mgr, p.Namespace)
	if err != nil {
		return err
	}
	p.client, p.secrets = mgr.GetClient(), secrets
	all := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request { return []reconcile.Request{cluster.OneKey} })
	notKeys := predicate.NewTypedPredicateFuncs(func(s *corev1.Secret) bool { return s.Name != p.Keys })
	one := handler.TypedEnqueueRequestsFromMapFunc(func(context.Context, *corev1.Secret) []reconcile.Request { return []reconcile.Request{cluster.OneKey} })
	everyReplica := false
	return ctrl.NewControllerManagedBy(mgr).
		Named("identity-providers").
		Watches(&v1alpha1.IdentityProvider{}, all, builder.WithPredicates(predicate.Funcs{UpdateFunc: cluster.Changed})).
		WatchesRawSource(source.Kind(secrets, &corev1.Secret{}, one, notKeys)).
		WatchesRawSource(p.queue.Source(cluster.OneKey)). // none is a number of providers, too
		WithOptions(controller.Options{MaxConcurrentReconciles: 1, NeedLeaderElection: &everyReplica, CacheSyncTimeout: forever}).
		Complete(p)
}

// Recheck writes what another leader may have left: a duty of whoever begins to lead.
func (p *Providers) Recheck(context.Context) { p.queue.Add() }

// Reconcile translates and publishes all providers, and on the leader writes
// what became of them.
func (p *Providers) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	var list v1alpha1.IdentityProviderList
	if err := p.client.List(ctx, &list); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing IdentityProviders: %w", err)
	}
	slices.SortFunc(list.Items, func(a, b v1alpha1.IdentityProvider) int { return cmp.Compare(a.Name, b.Name) })
	names := p.userNames(&list)
	valid := []config.Provider{}
	kinds, issues := make([]string, len(list.Items)), make([][]policy.Issue, len(list.Items))
	for i := range list.Items {
		one, wrong, err := p.translate(ctx, &list.Items[i])
		if err != nil {
			return reconcile.Result{}, err
		}
		name := names[list.Items[i].Name]
		one.QualifiedUsers = name.Qualified
		wrong = append(wrong, name.Issues(list.Items[i].Name)...)
		if kinds[i], issues[i] = one.Type, wrong; !slices.ContainsFunc(wrong, func(i policy.Issue) bool { return !i.Warning() }) {
			valid = append(valid, one)
		}
	}
	if p.published == nil || !reflect.DeepEqual(valid, p.published) {
		p.Publish(valid)
		if p.Published != nil {
			p.Published()
		}
		p.published = valid
		logr.FromContextOrDiscard(ctx).Info("identity providers in use", "providers", len(valid), "refused", len(list.Items)-len(valid))
	}
	if !p.Leads() {
		return reconcile.Result{}, nil
	}
	var errs []error
	for i := range list.Items {
		errs = append(errs, p.write(ctx, &list.Items[i], kinds[i], names[list.Items[i].Name], issues[i]))
	}
	return reconcile.Result{}, errors.Join(errs...)
}

// userNames settles what applications are told of whose users.
func (p *Providers) userNames(list *v1alpha1.IdentityProviderList) map[string]translate.UserName {
	all := make([]*v1alpha1.IdentityProvider, len(list.Items))
	for i := range list.Items {
		all[i] = &list.Items[i]
	}
	names := translate.UserNames(all, p.qualified)
	p.qualified = map[string]bool{}
	for _, o := range all {
		p.qualified[o.Name] = o.Spec.UserNames == "" && names[o.Name].Qualified
	}
	return names
}

func (p *Providers) translate(ctx context.Context, o *v1alpha1.IdentityProvider) (config.Provider, []policy.Issue, error) {
	var failed error
	one, issues := translate.ProviderOf(o, func(name string) (map[string][]byte, bool) {
		if name == p.Keys {
			return nil, true // as if it were empty
		}
		var s corev1.Secret
		err := p.secrets.Get(ctx, types.NamespacedName{Namespace: p.Namespace, Name: name}, &s)
		if err != nil && !apierrors.IsNotFound(err) {
			failed = fmt.Errorf("reading the Secret of identity provider %s: %w", o.Name, err)
		}
		return s.Data, err == nil
	})
	return one, issues, failed
}

// write brings the status of a provider up to date.
func (p *Providers) write(ctx context.Context, o *v1alpha1.IdentityProvider, kind string, name translate.UserName, issues []policy.Issue) error {
	after := o.DeepCopy()
	after.Status.Type, after.Status.UserNames = kind, name.Status()
	accepted := metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: "Accepted",
		Message: "Valid; users can sign in with this provider", ObservedGeneration: o.Generation}
	problems, reason, warnings, _ := sorted(issues)
	switch {
	case len(problems) > 0:
		accepted.Status, accepted.Reason, accepted.Message = metav1.ConditionFalse, string(reason), cluster.Listed(problems)
	case len(warnings) > 0:
		accepted.Message = "In use, with warnings: " + cluster.Listed(warnings)
	}
	after.Status.ObservedGeneration = o.Generation
	meta.SetStatusCondition(&after.Status.Conditions, accepted)
	cluster.Summarize(&after.Status.Conditions, o.Generation, string(translate.SecretMissing))
	if reflect.DeepEqual(after.Status, o.Status) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, cluster.WriteTimeout)
	defer cancel()
	err := p.client.Status().Patch(ctx, after, client.MergeFromWithOptions(o, client.MergeFromWithOptimisticLock{}))
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("writing the status of identity provider %s: %w", o.Name, err)
	}
	return nil
}

// sweepEvery is how often the leader looks for revocations that void nothing any more.
const sweepEvery = time.Hour

// A Sweeper deletes SessionRevocations that no session is old enough for.
type Sweeper struct {
	Every time.Duration // default: an hour

	client client.Client
	log    logr.Logger
}

// SetupWithManager takes what it needs from the manager. Sweep does the work.
func (s *Sweeper) SetupWithManager(mgr ctrl.Manager) {
	s.Every = cmp.Or(s.Every, sweepEvery)
	s.client, s.log = mgr.GetClient(), mgr.GetLogger()
}

// Sweep looks now and then until ctx is done: a duty of the leader.
func (s *Sweeper) Sweep(ctx context.Context) {
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	for {
		if err := s.sweep(ctx, time.Now()); err != nil && ctx.Err() == nil {
			s.log.Error(err, "old SessionRevocations cannot be deleted; trying again later")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sweep deletes what has voided nothing for a day.
func (s *Sweeper) sweep(ctx context.Context, now time.Time) error {
	var list v1alpha1.SessionRevocationList
	if err := s.client.List(ctx, &list); err != nil {
		return err
	}
	var errs []error
	for i := range list.Items {
		o := &list.Items[i]
		r, _ := translate.Revocation(o)
		if now.Sub(r.Before) <= policy.MaxSessionDuration+24*time.Hour {
			continue
		}
		// As it was judged, and not one that was changed meanwhile.
		err := s.client.Delete(ctx, o, client.Preconditions{UID: &o.UID, ResourceVersion: &o.ResourceVersion})
		if err == nil {
			s.log.Info("deleted a SessionRevocation that voids nothing any more", "name", o.Name)
		} else if !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// newSecrets returns a cache of the Secrets in the namespace of the manager's that
// providers may name. It is one of its own: without the right to list them there
// are policies and keys all the same.
func newSecrets(mgr ctrl.Manager, namespace string) (cache.Cache, error) {
	secrets, err := cache.New(mgr.GetConfig(), cache.Options{
		Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper(), HTTPClient: mgr.GetHTTPClient(),
		DefaultNamespaces: map[string]cache.Config{namespace: {FieldSelector: fields.AndSelectors(
			fields.OneTermNotEqualSelector("type", "helm.sh/release.v1"),
			fields.OneTermNotEqualSelector("type", v1alpha1.SecretTypeSecondFactors), // they change at every sign-in
			fields.OneTermNotEqualSelector("type", string(corev1.SecretTypeServiceAccountToken)))}},
		DefaultTransform: func(in any) (any, error) {
			if s, ok := in.(*corev1.Secret); ok { // what applied it holds it once more
				s.ManagedFields, s.Annotations, s.Labels = nil, nil, nil
			}
			return in, nil
		},
	})
	if err != nil {
		return nil, err
	}
	return secrets, mgr.Add(secrets)
}
