// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/groups"
	"github.com/ostiary/ostiary/controllers/oauthclients"
	"github.com/ostiary/ostiary/controllers/revocation"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Feed keeps the table in force equal to the AccessPolicies of the cluster.
type Feed struct {
	// Live is where tables are published.
	Live *policy.Live
	// Terms are the platform's word on who may claim what.
	Terms policy.Terms
	// Ledger says whose hosts are. nil: the age of the policies does.
	Ledger *Ledger
	// Leads reports whether this replica is the one that writes.
	Leads func() bool
	// Status writes conditions, on the replica that leads.
	Status *Status
	// Revocations: there are SessionRevocations to heed. RevocationStatus is told of those
	// that are in force.
	Revocations      bool
	RevocationStatus *revocation.Status
	// Groups are the AccessGroups that policies can name; nil: none.
	Groups *groups.List
	// GroupStatus is told what became of them.
	GroupStatus *groups.Status
	// Tokens: there are ServiceTokens that machines can be admitted by.
	Tokens bool
	// Clients: there are OAuthClients that people can be asked about. ClientStatus is told what
	// became of them.
	Clients      bool
	ClientStatus *oauthclients.Status
	// Providers returns the identity providers that are in use; nil: not known yet.
	// Optional.
	Providers func() *policy.Providers
	// TokenIssuers returns whose bearer tokens policies can let in; nil: not known yet.
	// Optional: there are none.
	TokenIssuers func() *policy.TokenIssuers
	// Ingresses is a cache of them, for those that name policies. It may be one that
	// never holds any, for want of the right. nil: no Ingress can name a policy.
	Ingresses cache.Cache

	// LookEvery is how often to look for HTTPRoutes where the API server has no such
	// kind. Default: cluster.LookAgain.
	LookEvery time.Duration

	providersChanged cluster.Requeue

	synced   atomic.Bool // Ingresses holds them
	gateway  gatewayState
	rerouted atomic.Bool // since known was listed
	known    *routeIndex // nil: none was
	firstTry time.Time   // to read them
	gaveUp   bool        // waiting for them

	reader     client.Reader
	memo       map[types.UID]compiled
	table      policy.Assembler       // of what is in memo
	seenGroups map[string]groups.Seen // that the statuses of groups were told of last
	policies   *policy.Table          // what it was assembled to; nil: nothing yet
	issues     []policy.Issue
	bound      *routeIndex // that table knows
	revision   string
	compiled   []*policy.Compiled
	ledger     *policy.Ledger // that table was built with
	settles    bool           // it was not what the ledger ought to hold by then
	led        bool           // this replica, the last time
	due        time.Time      // when a hold ends
	queue      cluster.Requeue
	metrics    *cluster.TableMetrics
}

// compiled remembers what became of an object: it holds as long as the
// generation does, and the routes that it depends on.
type compiled struct {
	generation int64
	routes     []translate.Route
	known      bool // what they are
	policy     *policy.Compiled
}

// SetupWithManager makes the table follow the manager's cache. Metrics go to m.
func (f *Feed) SetupWithManager(mgr ctrl.Manager, m prometheus.Registerer) error {
	f.reader = mgr.GetCache()
	f.metrics = cluster.NewTableMetrics(m)
	everyReplica := false
	one := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		f.metrics.Heard()
		return []reconcile.Request{cluster.OneKey}
	})
	b := ctrl.NewControllerManagedBy(mgr).
		Named("table").
		Watches(&v1alpha1.AccessPolicy{}, one, builder.WithPredicates(predicate.Funcs{UpdateFunc: cluster.Changed}))
	if f.Ledger != nil {
		f.Ledger.setup(mgr, f.queue.Add)
		b = b.Watches(&corev1.ConfigMap{}, one, builder.WithPredicates(predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
			return ledgerChanged(e.ObjectOld, e.ObjectNew)
		}})).WatchesRawSource(f.queue.Source(cluster.OneKey))
	}
	if f.Groups != nil {
		b = b.Watches(&v1alpha1.AccessGroup{}, one, builder.WithPredicates(predicate.Funcs{UpdateFunc: cluster.Changed}))
	}
	if f.Revocations {
		b = b.Watches(&v1alpha1.SessionRevocation{}, one, builder.WithPredicates(predicate.Funcs{UpdateFunc: cluster.Changed}))
	}
	if f.Tokens {
		b = b.Watches(&v1alpha1.ServiceToken{}, one)
	}
	if f.Clients {
		b = b.Watches(&v1alpha1.OAuthClient{}, one, builder.WithPredicates(predicate.Funcs{UpdateFunc: cluster.Changed}))
	}
	return b.WatchesRawSource(f.providersChanged.Source(cluster.OneKey)).WatchesRawSource(source.Func(func(ctx context.Context, q workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		if f.Ingresses != nil {
			go f.followIngresses(ctx, q)
			go f.followHTTPRoutes(ctx, q)
		}
		q.Add(cluster.OneKey) // an empty cluster has a table, too: it denies, and is ready
		return nil
	})).
		WithOptions(controller.Options{MaxConcurrentReconciles: 1, NeedLeaderElection: &everyReplica}).
		Complete(f)
}

// ProvidersChanged has it hear that other identity providers are in use.
func (f *Feed) ProvidersChanged() { f.providersChanged.Add() }

// Reconcile builds the table from everything there is. Its result depends on
// no event, and so on no order of events. Only errors of the API are returned:
// a user's mistake is a condition, and trying again would not mend it.
func (f *Feed) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	heard, was := f.metrics.Looked(), f.revision
	result, err := f.reconcile(ctx)
	switch {
	case err != nil:
		f.metrics.Again(heard)
	case f.revision != was:
		f.metrics.Enforced(heard)
	}
	return result, err
}

func (f *Feed) reconcile(ctx context.Context) (reconcile.Result, error) {
	var list v1alpha1.AccessPolicyList
	if err := f.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil { // they are only read
		return reconcile.Result{}, fmt.Errorf("listing AccessPolicies: %w", err)
	}
	revocations, revoked, err := f.revocations(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	tokens, clients, registered, err := f.programs(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	grouped, seen, err := f.Groups.Read(ctx, f.reader)
	if err != nil {
		return reconcile.Result{}, err
	}
	named, wait, err := f.routes(ctx)
	if err != nil || wait > 0 {
		return reconcile.Result{RequeueAfter: wait}, err
	}
	start := time.Now()
	f.table.SetProviders(f.inUse())
	f.table.SetRevocations(revocations)
	f.table.SetGroups(grouped)
	f.table.SetServiceTokens(tokens)
	f.table.SetTokenIssuers(f.trusted())
	f.table.SetOAuthClients(clients)
	wait, err = f.assemble(ctx, list.Items, named)
	if err != nil {
		return reconcile.Result{}, err
	}
	table := f.policies
	if f.Live.Table() != table { // by a revision, nothing is decided
		f.Live.Publish(table)
		f.seenGroups = nil
	}
	if f.seenGroups == nil || !maps.Equal(seen, f.seenGroups) {
		f.seenGroups = seen
		f.GroupStatus.Report(seen, f.table.GroupUses())
	}
	f.ClientStatus.Report(registered, clients)
	f.RevocationStatus.Report(table.Revision(), revoked)
	if table.Revision() != f.revision {
		f.revision = table.Revision()
		f.metrics.InForce(table, time.Since(start))
		logr.FromContextOrDiscard(ctx).Info("table in force", "revision", f.revision, "policies", table.Len(),
			"revocations", len(revocations), "issues", len(f.issues), "took", time.Since(start).Round(time.Microsecond).String())
	}
	f.metrics.NotInForce(cluster.Broken(f.issues))
	f.Status.report(table.Revision(), f.settled(list.Items), f.issues)
	return reconcile.Result{RequeueAfter: wait}, nil
}

// assemble builds the table of the policies, if they, their routes or whose their
// hosts are may have changed. A revocation waits for no such work. It asks to be
// called again when a hold ends.
func (f *Feed) assemble(ctx context.Context, items []v1alpha1.AccessPolicy, named *routeIndex) (time.Duration, error) {
	turned, err := f.Ledger.look(ctx)
	if err != nil {
		return 0, err
	}
	leads := f.Leads != nil && f.Leads()
	compiled, same, sameHosts := f.compile(items, named)
	f.compiled = compiled // in the order of the items, which may be another one each time
	now := time.Now()
	sameOwners := sameHosts && !turned && leads == f.led && f.steady(now)
	if same && named == f.bound && sameOwners {
		before := f.policies
		if f.policies = f.table.Table(); f.policies != before { // a group may be there now that policies name
			f.issues = f.table.Issues()
		}
	} else {
		f.rebuild(items, named, leads, sameOwners)
	}
	return f.untilDue(now), nil
}

// rebuild has the table know of what may have changed.
func (f *Feed) rebuild(items []v1alpha1.AccessPolicy, named *routeIndex, leads, sameOwners bool) {
	f.table.SetTerms(f.Terms)
	if named != f.bound {
		f.table.SetBindings(translate.Bindings(named.all))
	}
	if !sameOwners {
		f.ledger = f.Ledger.ledger(items)
		f.table.SetLedger(f.ledger)
		f.due = f.Ledger.record(f.ledger, f.table.Table(), f.compiled, leads)
		f.settles = !f.Ledger.has(f.ledger)
	}
	f.policies, f.issues = f.table.Table(), f.table.Issues()
	f.bound, f.led = named, leads
}

// steady reports whether the ledger would say again what it said for the table that there
// is: it holds all who own a host, whoever's statuses say more, and no hold has ended since.
func (f *Feed) steady(now time.Time) bool {
	return f.policies != nil && !f.settles && len(f.policies.Unrecorded()) == 0 && (f.due.IsZero() || now.Before(f.due)) &&
		!slices.ContainsFunc(f.issues, isContest)
}

// isContest: of a host that several claim, statuses may tell more.
func isContest(i policy.Issue) bool { return i.Reason == policy.HostOwnedByOtherNamespace }

func (f *Feed) untilDue(now time.Time) time.Duration {
	if f.due.IsZero() {
		return 0
	}
	return max(time.Second, f.due.Sub(now))
}

// settled leaves out policies some of whose hosts are not written down as theirs.
func (f *Feed) settled(items []v1alpha1.AccessPolicy) []v1alpha1.AccessPolicy {
	unwritten := f.Ledger.unwritten(f.policies)
	if len(unwritten) == 0 {
		return items
	}
	out := make([]v1alpha1.AccessPolicy, 0, len(items))
	for i := range items {
		if !slices.ContainsFunc(f.compiled[i].Hosts(), func(h string) bool { return unwritten[claimKey{h, items[i].Namespace}] }) {
			out = append(out, items[i])
		}
	}
	return out
}

func (f *Feed) inUse() *policy.Providers {
	if f.Providers == nil {
		return nil
	}
	return f.Providers()
}

func (f *Feed) trusted() *policy.TokenIssuers {
	if f.TokenIssuers == nil {
		return policy.NewTokenIssuers()
	}
	return f.TokenIssuers()
}

// compile translates, compiles and enters what has changed since the last time. It
// reports whether nothing has, and whether no policy claims other hosts than before.
func (f *Feed) compile(items []v1alpha1.AccessPolicy, named *routeIndex) (policies []*policy.Compiled, same, sameHosts bool) {
	memo := make(map[types.UID]compiled, len(items))
	policies = make([]*policy.Compiled, len(items))
	same, sameHosts = f.policies != nil, true
	for i := range items {
		o := &items[i]
		m, ok := f.memo[o.UID]
		routes, known := named.of(o)
		if !ok || m.generation != o.Generation || m.known != known || !reflect.DeepEqual(m.routes, routes) {
			p := named.policy(o)
			now := compiled{o.Generation, routes, known, policy.Compile(&p)}
			sameHosts = sameHosts && ok && slices.Equal(now.policy.Hosts(), m.policy.Hosts())
			f.table.Set(string(o.UID), now.policy)
			m, same = now, false
		}
		memo[o.UID] = m
		policies[i] = m.policy
	}
	for uid := range f.memo {
		if _, there := memo[uid]; !there {
			f.table.Delete(string(uid))
			same, sameHosts = false, false
		}
	}
	f.memo = memo
	return policies, same, sameHosts
}

// revocations lists and translates the SessionRevocations. What is wrong with one
// is in the log: it is in force all the same.
func (f *Feed) revocations(ctx context.Context) ([]policy.Revocation, map[string]revocation.Seen, error) {
	seen := map[string]revocation.Seen{}
	if !f.Revocations {
		return nil, seen, nil
	}
	var list v1alpha1.SessionRevocationList
	if err := f.reader.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, nil, fmt.Errorf("listing SessionRevocations: %w", err)
	}
	out := make([]policy.Revocation, len(list.Items))
	for i := range list.Items {
		seen[list.Items[i].Name] = revocation.Seen{UID: list.Items[i].UID, Generation: list.Items[i].Generation}
		var issues []policy.Issue
		out[i], issues = translate.Revocation(&list.Items[i])
		for _, issue := range issues {
			logr.FromContextOrDiscard(ctx).Info("a SessionRevocation is active, but has a mistake", "at", issue.Source.String(), "problem", issue.Message)
		}
	}
	return out, seen, nil
}

// programs lists and translates the ServiceTokens and the OAuthClients. What is wrong with one, its
// condition says.
func (f *Feed) programs(ctx context.Context) (tokens []policy.ServiceToken, clients *policy.OAuthClients,
	seen map[string]oauthclients.Seen, err error,
) {
	if f.Tokens {
		if tokens, err = tokensOf(ctx, f.reader); err != nil {
			return nil, nil, nil, err
		}
	}
	if f.Clients {
		clients, seen, err = oauthclients.Read(ctx, f.reader)
	}
	return tokens, clients, seen, err
}
