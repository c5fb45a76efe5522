// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	bearerconfig "github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/groups"
	"github.com/ostiary/ostiary/controllers/installation"
	"github.com/ostiary/ostiary/controllers/issuers"
	"github.com/ostiary/ostiary/controllers/oauthclients"
	"github.com/ostiary/ostiary/controllers/optin"
	"github.com/ostiary/ostiary/controllers/revocation"
	"github.com/ostiary/ostiary/controllers/routes"
	"github.com/ostiary/ostiary/controllers/tokens"
)

// LeaseName is the Lease that replicas compete for.
const LeaseName = "ostiary-leader"

// DefaultKeySecret is the Secret that holds the key ring, if nobody names another.
const DefaultKeySecret = "ostiary-keys" //nolint:gosec // the name of a Secret is none

// Options are what Run joins.
type Options struct {
	Config *rest.Config
	Live   *policy.Live
	// Terms are the platform's word on who may claim what.
	policy.Terms
	// HostHold is how long a host is held for the namespace that let it go. Default:
	// DefaultHostHold. Negative: not at all.
	HostHold time.Duration
	// LeaderElect: there are several replicas, and one of them writes.
	LeaderElect bool
	// Namespace holds the Lease, the Secret of the keys and the ledger of hosts.
	Namespace string
	KeySecret string // default DefaultKeySecret
	// RotateKeys and PublishKeys are the Rotate and Publish of Keys.
	RotateKeys  func(old []byte, now time.Time) ([]byte, bool, error)
	PublishKeys func([]byte) error
	// PublishProviders puts identity providers in use: all valid ones, whenever
	// one of them changes. Optional.
	PublishProviders func([]config.Provider)
	// PublishTokenIssuers puts in force whose bearer tokens policies can let in, whenever
	// that changes, and TokenIssuerState says what there is of their keys. Optional.
	PublishTokenIssuers func([]bearerconfig.Issuer)
	TokenIssuerState    func(name string) (bearerconfig.State, bool)
	// Witnesses have whose questions arrived here; nil: Covered goes without them.
	Witnesses *policy.Witnesses
	// Uses have when service tokens were used here; nil: status.lastUsed goes without them.
	Uses *policy.Uses
	// Settings are published for commands that look at the cluster; nil: none are.
	Settings installation.Settings
	// PublishOwners: the API server goes by who may serve a host (config/host-ownership).
	PublishOwners bool
	// ProvidersInUse returns what the table is to know of those that were published;
	// nil before the first time.
	ProvidersInUse func() *policy.Providers
	// Routes lets Ingresses and HTTPRoutes name policies; nil: none can.
	Routes *routes.Settings
	// Warmth is told since when proxies can lead preflights here; nil: nobody asks.
	Warmth  *optin.Warmth
	Metrics prometheus.Registerer
	// Log is where everything of it logs. Default: controller-runtime's logger.
	Log logr.Logger

	pace      pace
	newClient client.NewClientFunc // what writes; nil: as the manager makes it
}

// A pace says how often things are done. Zero: as often as they should be, which
// tests have no time for.
type pace struct{ lease, keys, contact, sweep, kinds, witness, tokens time.Duration }

// RunAgain is Run that does not give up: an API server that is away, or a CRD
// that is not installed yet, is waited for, as the requests that come meanwhile
// are answered with 503, or by the last table.
func RunAgain(ctx context.Context, o Options) error {
	if o.Log.GetSink() == nil {
		o.Log = ctrl.Log
	}
	for {
		err := Run(ctx, o)
		if ctx.Err() != nil {
			return nil
		}
		o.Log.Error(err, "the controllers stopped; they are started again", "after", cluster.RetryStart.String())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(cluster.RetryStart):
		}
	}
}

// Run keeps the table and the keys in force equal to the cluster's, until ctx
// is done.
func Run(ctx context.Context, o Options) error {
	if o.KeySecret == "" {
		o.KeySecret = DefaultKeySecret
	}
	keys := &feed.Keys{
		Secret: types.NamespacedName{Namespace: o.Namespace, Name: o.KeySecret},
		Rotate: o.RotateKeys, Publish: o.PublishKeys, Every: o.pace.keys,
	}
	mgr, err := newManager(&o, keys.Secret)
	if err != nil {
		return fmt.Errorf("starting the controllers: %w", err)
	}
	absent, err := cluster.Missing(mgr.GetRESTMapper(), cluster.ProviderKind, cluster.RevocationKind, cluster.GroupKind, cluster.TokenKind,
		cluster.TokenIssuerKind, cluster.OAuthClientKind)
	if err != nil {
		return fmt.Errorf("starting the controllers: %w", err)
	}
	status := &feed.Status{}
	ledger := feed.NewLedger(o.Namespace, cmp.Or(o.HostHold, installation.DefaultHostHold))
	host, _ := os.Hostname() // only part of a name
	leader := &Leader{
		Lease:    types.NamespacedName{Namespace: o.Namespace, Name: LeaseName},
		Identity: fmt.Sprintf("%s-%d-%d", host, os.Getpid(), time.Now().UnixNano()),
		Account:  accountOf(o.Config),
		Alone:    !o.LeaderElect,
		Duration: o.pace.lease,
		Duties:   []func(context.Context){status.Write, keys.Check, ledger.Write},
	}
	if leader.Account != "" {
		leader.Identity += accountMark + leader.Account
	}
	keys.Leads = leader.Leads
	table := &feed.Feed{Live: o.Live, Terms: o.Terms, Ledger: ledger, Leads: leader.Leads, Status: status,
		Revocations: !slices.Contains(absent, cluster.RevocationKind), Tokens: !slices.Contains(absent, cluster.TokenKind), Providers: o.ProvidersInUse}
	setupStatuses(mgr, leader, table, absent)
	o.setupPublishers(mgr, leader)
	contact := &Contact{Every: o.pace.contact}
	status.SetupWithManager(mgr)
	if err := o.setupRoutes(mgr, leader, status, table); err != nil {
		return fmt.Errorf("starting the controllers: %w", err)
	}
	err = errors.Join(
		contact.SetupWithManager(mgr, o.Metrics), table.SetupWithManager(mgr, o.Metrics), keys.SetupWithManager(mgr),
		o.setupOptional(mgr, leader, table, absent), leader.SetupWithManager(mgr))
	if err != nil {
		return fmt.Errorf("starting the controllers: %w", err)
	}
	return mgr.Start(ctx)
}

// setupStatuses sets up what tells of objects that policies can be served without.
func setupStatuses(mgr ctrl.Manager, leader *Leader, table *feed.Feed, absent []string) {
	if table.Revocations {
		table.RevocationStatus = new(revocation.Status)
		table.RevocationStatus.SetupWithManager(mgr)
		leader.Duties = append(leader.Duties, table.RevocationStatus.Write)
	}
	if !slices.Contains(absent, cluster.GroupKind) {
		table.Groups, table.GroupStatus = new(groups.List), new(groups.Status)
		table.GroupStatus.SetupWithManager(mgr)
		leader.Duties = append(leader.Duties, table.GroupStatus.Write)
	}
	if table.Clients = !slices.Contains(absent, cluster.OAuthClientKind); table.Clients {
		table.ClientStatus = new(oauthclients.Status)
		table.ClientStatus.SetupWithManager(mgr)
		leader.Duties = append(leader.Duties, table.ClientStatus.Write)
	}
}

// setupPublishers sets up what others read of this installation.
func (o *Options) setupPublishers(mgr ctrl.Manager, leader *Leader) {
	if o.Settings != nil {
		p := &publisher{settings: o.Settings, namespace: o.Namespace, every: publishEvery}
		p.setup(mgr)
		leader.Duties = append(leader.Duties, p.Publish)
	}
	if o.PublishOwners {
		owners := &Owners{Live: o.Live, Terms: o.Terms, Namespace: o.Namespace}
		owners.setup(mgr)
		leader.Duties = append(leader.Duties, owners.Publish)
	}
}

// setupOptional sets up what policies can be served without.
func (o *Options) setupOptional(mgr ctrl.Manager, leader *Leader, table *feed.Feed, absent []string) error {
	errs := []error{cluster.Await(mgr, cmp.Or(o.pace.kinds, cluster.LookAgain), absent)}
	if !slices.Contains(absent, cluster.RevocationKind) {
		sweeper := &feed.Sweeper{Every: o.pace.sweep}
		sweeper.SetupWithManager(mgr)
		leader.Duties = append(leader.Duties, sweeper.Sweep)
	}
	if !slices.Contains(absent, cluster.TokenKind) {
		issuer := &tokens.Issuer{Every: o.pace.tokens, Uses: o.Uses}
		leader.Duties = append(leader.Duties, issuer.Issue)
		errs = append(errs, issuer.SetupWithManager(mgr))
	}
	if !slices.Contains(absent, cluster.ProviderKind) && o.PublishProviders != nil {
		providers := &feed.Providers{Namespace: o.Namespace, Keys: o.KeySecret, Publish: o.PublishProviders, Published: table.ProvidersChanged, Leads: leader.Leads}
		leader.Duties = append(leader.Duties, providers.Recheck)
		errs = append(errs, providers.SetupWithManager(mgr))
	}
	if !slices.Contains(absent, cluster.TokenIssuerKind) && o.PublishTokenIssuers != nil {
		errs = append(errs, o.setupIssuers(mgr, leader, table))
	}
	return errors.Join(errs...)
}

// setupIssuers sets up whose bearer tokens policies can let in.
func (o *Options) setupIssuers(mgr ctrl.Manager, leader *Leader, table *feed.Feed) error {
	trusted := &issuers.Controller{
		Publish: o.PublishTokenIssuers, State: o.TokenIssuerState, Published: table.ProvidersChanged,
	}
	table.TokenIssuers = trusted.Known
	leader.Duties = append(leader.Duties, trusted.Write)
	return trusted.SetupWithManager(mgr)
}

// setupRoutes sets up what lets routes name policies.
func (o *Options) setupRoutes(mgr ctrl.Manager, leader *Leader, status *feed.Status, table *feed.Feed) error {
	if o.Routes == nil {
		status.Report(optin.NoConditions())
		return nil
	}
	optIns := &optin.Controller{Settings: *o.Routes, Report: status.Report, Leads: leader.Leads, Warmth: o.Warmth, Witnesses: o.Witnesses,
		Every: o.pace.kinds, WitnessesEvery: o.pace.witness}
	if err := optIns.SetupWithManager(mgr, o.Metrics); err != nil {
		return err
	}
	table.Ingresses, table.LookEvery = optIns.Ingresses(), o.pace.kinds
	leader.Duties = append(leader.Duties, optIns.Recheck)
	return nil
}
