// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	bearerconfig "github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/factors"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/installation"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/manifests/revoke"
	"github.com/ostiary/ostiary/controllers/optin"
	"github.com/ostiary/ostiary/controllers/routes"
)

// Flags are the options of `ostiary serve` that say where policies come from, who may
// claim what, and what is done about routes.
type Flags struct {
	policies    []string
	routes      installation.RouteFlags
	terms       installation.TermsFlags
	leaderElect bool
	owners      bool
	kubeconfig  string
}

// AddSource defines the flag that comes first: files, or a cluster.
func (o *Flags) AddSource(f *pflag.FlagSet) {
	f.StringSliceVar(&o.policies, "policies", nil, "files and folders of manifests, read again when they change (default: the cluster)")
}

// Add defines the others, with their defaults.
func (o *Flags) Add(f *pflag.FlagSet) {
	o.routes.Add(f)
	f.BoolVar(&o.leaderElect, "leader-elect", false, "let one of several replicas write statuses and keys")
	f.BoolVar(&o.owners, "admission-host-owners", false, "the policy of config/host-ownership is installed, with which the API server "+
		"refuses routes to hosts of other namespaces: publish whose hosts are")
	o.terms.Add(f)
	o.terms.AddHold(f)
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "the kubeconfig to use (default: $KUBECONFIG, or in-cluster)")
}

// Feeder checks every flag, and returns what they say. The setup is what the rest of the
// installation says of itself, but for its namespace; settings are what is published.
func (o *Flags) Feeder(args []string, setup installation.RouteSetup, settings installation.Settings) (*Feeder, error) {
	if len(args) > 0 && len(o.policies) == 0 {
		return nil, command.Mistake("%q is no flag; for files, write --policies %s", args[0], args[0])
	}
	f := &Feeder{Flags: o, settings: settings}
	o.policies = append(o.policies, args...)
	var errs [3]error
	f.on, errs[0] = o.terms.Terms(command.HostOf(setup.TeamURL), setup.PathPrefix)
	f.on.NoCountries, f.on.UpstreamHeaders = !setup.Countries, append([]string{}, setup.Upstream...)
	f.on.AllEvaluations = false // people are asked about here
	f.hold, errs[1] = o.terms.Hold()
	if len(o.policies) == 0 {
		setup.Namespace = cluster.Namespace()
		f.on.AnyConsole, f.on.Console = false, []string{setup.Namespace}
		f.opting, errs[2] = o.routes.Settings(setup)
	}
	return f, errors.Join(errs[:]...)
}

// A Feeder is where policies, providers and revocations come from: files, or a cluster.
type Feeder struct {
	*Flags
	settings installation.Settings
	on       policy.Terms
	hold     time.Duration
	opting   *routes.Settings
	warmth   optin.Warmth
	found    problems // in files
}

// Cold and Waits are those of a Warmth; nil where whoever leads preflights here has to
// see to it.
func (f *Feeder) Cold() func() bool {
	if f.opting == nil {
		return nil
	}
	return f.warmth.Cold
}

// Waits is nil where Cold is.
func (f *Feeder) Waits() func() bool {
	if f.opting == nil {
		return nil
	}
	return f.warmth.Waits
}

// A Sink is where a Feeder puts what it finds in force.
type Sink struct {
	Live      *policy.Live
	Witnesses *policy.Witnesses
	// Uses have when service tokens were used.
	Uses *policy.Uses
	Log  *slog.Logger
	// KeySecret names the Secret of the keys.
	KeySecret string
	// RotateKeys and PublishKeys are those of Options; OpenKeys does both for a folder,
	// until ctx is done, and returns it.
	RotateKeys  func(old []byte, now time.Time) ([]byte, bool, error)
	PublishKeys func([]byte) error
	OpenKeys    func(ctx context.Context) (dir string, err error)
	// PublishProviders and ProvidersInUse are those of Options.
	PublishProviders func([]config.Provider)
	ProvidersInUse   func() *policy.Providers
	// PublishTokenIssuers and TokenIssuerState are those of Options.
	PublishTokenIssuers func([]bearerconfig.Issuer)
	TokenIssuerState    func(name string) (bearerconfig.State, bool)
	// SetFactors is told how the records of second factors are found, by the names of their
	// Secrets. Without a cluster, OpenKeys sees to it.
	SetFactors func(func(name string) *factors.Secret)
	// SetRevoke is told how sessions are voided, once that is known.
	SetRevoke func(func(ctx context.Context, what policy.Revocation) error)
}

// Run feeds until ctx is done.
func (f *Feeder) Run(ctx context.Context, to Sink) error {
	ctrl.SetLogger(logr.FromSlogHandler(to.Log.Handler()))
	klog.SetLogger(logr.FromSlogHandler(to.Log.Handler())) // client-go's
	if len(f.policies) > 0 {
		return f.fromFiles(ctx, to)
	}
	return f.fromCluster(ctx, to)
}

func (f *Feeder) fromFiles(ctx context.Context, to Sink) error {
	dir, err := to.OpenKeys(ctx)
	if err != nil {
		return err
	}
	revocations, void, err := revoke.Revocations(dir) // whoever shares the keys shares them
	if err != nil {
		return err
	}
	to.SetRevoke(void)
	loader, err := manifests.NewLoader(append(f.policies, revocations))
	if err != nil {
		return err
	}
	loader.Terms, loader.InUse = f.on, config.InUse
	m := cluster.NewTableMetrics(metrics.Registry)
	var heard int64 // of what was loaded last
	return loader.Follow(ctx, manifests.Sink{Live: to.Live, Providers: to.PublishProviders, TokenIssuers: to.PublishTokenIssuers, Heard: m.Heard,
		Problems: func(all []manifests.Problem) {
			heard = m.Looked()
			f.found.set(all)
			m.NotInForce(broken(all))
		},
		Places: f.found.setPlaces,
		InForce: func(t *policy.Table, took time.Duration) {
			m.InForce(t, took)
			if t.Len() == 0 {
				to.Log.Warn("there is no AccessPolicy in the files and folders of --policies: every request is denied")
			}
			m.Enforced(heard)
		},
	}, to.Log)
}

// broken are the objects, or else the files, of problems that keep them out of force.
func broken(problems []manifests.Problem) map[string]bool {
	out := map[string]bool{}
	for _, p := range problems {
		if !p.Warning {
			_, name, _ := strings.Cut(p.Object, " ")
			out[cmp.Or(name, p.Object, p.File)] = true
		}
	}
	return out
}

func (f *Feeder) fromCluster(ctx context.Context, to Sink) error {
	c, err := cluster.Kubeconfig{Path: f.kubeconfig}.RESTConfig()
	if err != nil {
		return err
	}
	void, err := feed.Revoker(c)
	if err != nil {
		return err
	}
	to.SetRevoke(void)
	kept, err := factors.In(c, cluster.Namespace())
	if err != nil {
		return err
	}
	to.SetFactors(kept)
	return RunAgain(ctx, Options{
		Config: c, Live: to.Live, Terms: f.on, HostHold: f.hold, LeaderElect: f.leaderElect,
		Namespace: cluster.Namespace(), KeySecret: to.KeySecret, RotateKeys: to.RotateKeys, PublishKeys: to.PublishKeys,
		PublishProviders: to.PublishProviders, ProvidersInUse: to.ProvidersInUse,
		Routes: f.opting, Warmth: &f.warmth, Settings: f.settings, PublishOwners: f.owners,
		Witnesses: to.Witnesses, Uses: to.Uses, Metrics: metrics.Registry,
		PublishTokenIssuers: to.PublishTokenIssuers, TokenIssuerState: to.TokenIssuerState,
	})
}

// Metrics serves those of the controllers, and what else is registered there.
// They are at /metrics alone, and / says so.
func Metrics() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "Ostiary. The metrics are at /metrics.\n") // the client has gone, if it fails
	})
	return mux
}
