// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/ostiary/ostiary/authserver"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers"
	"github.com/ostiary/ostiary/controllers/source"
)

type serveOptions struct {
	policies       []string
	addresses      authserver.Addresses
	leaderElect    bool
	teamURL        string
	pathPrefix     string
	keys           string
	keyRotation    time.Duration
	trustedProxies []string
	hostGrants     []string
	identity       string
	decisionLog    string
	cacheEntries   int
	kubeconfig     string
	logLevel       string
}

func (o *serveOptions) add(f *pflag.FlagSet) {
	f.StringSliceVar(&o.policies, "policies", nil, "files and folders of manifests, read again when they change; left out: the cluster")
	f.StringVar(&o.addresses.Authz, "authz-bind-address", ":9001", "where proxies ask; nobody else may reach it")
	f.StringVar(&o.addresses.Public, "public-bind-address", ":9002", "the team host, and our path on every host")
	f.StringVar(&o.addresses.Render, "render-bind-address", ":9003", "the proxy's error location")
	f.StringVar(&o.addresses.Preflight, "preflight-bind-address", ":9004", "for proxies that route OPTIONS")
	f.StringVar(&o.addresses.Metrics, "metrics-bind-address", ":8080", "Prometheus metrics; 0: none")
	f.StringVar(&o.addresses.Probes, "health-probe-bind-address", ":8081", "/healthz and /readyz")
	f.BoolVar(&o.leaderElect, "leader-elect", false, "let one of several replicas write statuses and keys")
	f.StringVar(&o.teamURL, "team-url", "", "where people log in, such as https://auth.example.com; it is the issuer of sessions, and its scheme is that of the applications")
	f.StringVar(&o.pathPrefix, "path-prefix", "/.access", "our own path on every host")
	f.StringVar(&o.keys, "keys", "", "files: a folder for the keys, made on first start (default: ostiary/keys in the user's configuration folder); cluster: the Secret's name (default ostiary-keys)")
	f.DurationVar(&o.keyRotation, "key-rotation", 30*24*time.Hour, "how long a key signs; old keys verify until no session can need them; 0: never rotate")
	f.StringSliceVar(&o.trustedProxies, "trusted-proxies", nil, "networks whose X-Forwarded-For is believed; none: no client address is known, and ip selectors admit nobody")
	f.StringArrayVar(&o.hostGrants, "host-grants", nil, "HOST=NAMESPACE[,NAMESPACE...] that may claim a host of another namespace; repeatable")
	f.StringVar(&o.identity, "identity-headers", "default", "default, or cloudflare for Cf-Access-* as well")
	f.StringVar(&o.decisionLog, "decision-log", "refused", "refused, all or off")
	f.IntVar(&o.cacheEntries, "session-cache", 100_000, "how many verified sessions are remembered")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "the kubeconfig to use; left out: $KUBECONFIG, or in-cluster")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
}

// A service is everything that serve joins.
type service struct {
	options  *serveOptions
	log      *slog.Logger
	grants   []policy.Grant
	issuer   string
	live     policy.Live
	verifier credential.Live
	ring     atomic.Pointer[credential.Ring]
	stopping atomic.Bool
	server   *authserver.Server
}

// build checks every option before anything starts.
func (o *serveOptions) build(stderr io.Writer) (*service, error) {
	var level slog.Level
	errs := []error{prefix("--log-level", level.UnmarshalText([]byte(o.logLevel)))}
	s := &service{options: o, log: slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level}))}
	fail := func(flag string, err error) { errs = append(errs, prefix(flag, err)) }
	var err error
	s.grants, err = policy.ParseGrants(o.hostGrants)
	fail("--host-grants", err)
	team, err := parseTeamURL(o.teamURL)
	fail("--team-url", err)
	proxies, err := parseProxies(o.trustedProxies)
	fail("--trusted-proxies", err)
	fail("--path-prefix", checkPrefix(o.pathPrefix))
	identity := map[string]dialect.IdentityHeaders{"default": dialect.DefaultIdentityHeaders, "cloudflare": dialect.CloudflareIdentityHeaders}
	if _, ok := identity[o.identity]; !ok {
		fail("--identity-headers", fmt.Errorf("%q: default or cloudflare", o.identity))
	}
	if !slices.Contains([]string{"refused", "all", "off"}, o.decisionLog) {
		fail("--decision-log", fmt.Errorf("%q: refused, all or off", o.decisionLog))
	}
	if o.keyRotation != 0 && o.keyRotation < 2*time.Hour {
		fail("--key-rotation", errors.New("at least 2h: a key is published an hour before it signs"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.issuer = strings.TrimSuffix(team.String(), "/")
	s.server = authserver.New(authserver.Config{
		Table:          s.live.Table,
		Subject:        s.subject,
		KeySet:         s.keySet,
		Ready:          func() bool { return s.verifier.Verifier() != nil },
		TeamURL:        team,
		PathPrefix:     o.pathPrefix,
		Identity:       identity[o.identity],
		TrustedProxies: proxies,
		Log:            s.log,
		DecisionLog:    authserver.DecisionLog(o.decisionLog),
		Metrics:        metrics.Registry,
	})
	ctrl.SetLogger(logr.FromSlogHandler(s.log.Handler()))
	return s, nil
}

func (s *service) subject(cookie, authorization string, now time.Time) (*policy.Subject, policy.Reason) {
	return s.verifier.Verifier().Subject(cookie, authorization, now)
}

func (s *service) keySet() []byte {
	if r := s.ring.Load(); r != nil {
		return r.JWKS()
	}
	return nil
}

func (s *service) publishRing(r *credential.Ring) {
	s.ring.Store(r)
	s.verifier.Publish(credential.NewVerifier(r, s.issuer, s.options.cacheEntries))
}

func (s *service) schedule() credential.Schedule {
	return credential.Schedule{Every: s.options.keyRotation}
}

// run serves and feeds until ctx is done, or one of the two fails.
func (s *service) run(ctx context.Context, feed func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fed := make(chan error, 1)
	go func() {
		fed <- feed(ctx)
		cancel()
	}()
	go func() {
		<-ctx.Done()
		s.stopping.Store(true)
	}()
	err := s.server.Run(ctx, s.options.addresses, promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{}), s.probes())
	cancel()
	return errors.Join(err, <-fed)
}

// probes are alive as long as the process, and ready once there is a table and
// a key to check sessions with.
func (s *service) probes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch {
		case s.stopping.Load():
			http.Error(w, "stopping", http.StatusServiceUnavailable)
		case s.live.Table() == nil:
			http.Error(w, "the policies have not been read yet", http.StatusServiceUnavailable)
		case s.verifier.Verifier() == nil:
			http.Error(w, "there are no keys yet", http.StatusServiceUnavailable)
		default:
			fmt.Fprintln(w, "ok, table", s.live.Table().Revision())
		}
	})
	return mux
}

func (s *service) feedFromFiles(ctx context.Context) error {
	dir := s.options.keys
	if dir == "" {
		base, err := os.UserConfigDir()
		if err != nil {
			return fmt.Errorf("no folder for the keys; name one with --keys: %w", err)
		}
		dir = filepath.Join(base, "ostiary", "keys")
	}
	folder, err := credential.OpenFolder(dir, time.Now())
	if err != nil {
		return fmt.Errorf("--keys: %w", err)
	}
	s.publishRing(folder.Ring())
	loader, err := source.NewLoader(s.options.policies)
	if err != nil {
		return err
	}
	s.load(loader)
	if s.options.keyRotation > 0 {
		go s.rotateFolder(ctx, folder)
	}
	return loader.Watch(ctx, func() { s.load(loader) })
}

// load publishes what the files say now.
func (s *service) load(loader *source.Loader) {
	table, problems := loader.Load().Build(s.grants...)
	for _, p := range problems {
		level := slog.LevelError
		if p.Warning {
			level = slog.LevelWarn
		}
		s.log.Log(context.Background(), level, "policy problem", "at", p.String())
	}
	if now := s.live.Table(); now == nil || now.Revision() != table.Revision() {
		s.live.Publish(table)
		s.log.Info("table in force", "revision", table.Revision(), "policies", table.Len(), "problems", len(problems))
	}
}

func (s *service) rotateFolder(ctx context.Context, folder *credential.Folder) {
	tick := time.NewTicker(10 * time.Minute)
	defer tick.Stop()
	for {
		ring, changed, err := folder.Rotate(time.Now(), s.schedule())
		if err != nil {
			s.log.Error("the keys could not be rotated; the old ones stay in force", "error", err)
		} else if changed {
			s.publishRing(ring)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *service) feedFromCluster(ctx context.Context) error {
	config, err := controllers.RESTConfig(s.options.kubeconfig)
	if err != nil {
		return err
	}
	namespace := controllers.Namespace()
	keys := &controllers.Keys{
		Secret:  types.NamespacedName{Namespace: namespace, Name: s.options.keys},
		Rotate:  s.rotateRing,
		Publish: s.publishKeys,
	}
	if keys.Secret.Name == "" {
		keys.Secret.Name = "ostiary-keys"
	}
	mgr, err := controllers.NewManager(config, keys.Secret)
	if err != nil {
		return fmt.Errorf("starting the controllers: %w", err)
	}
	host, _ := os.Hostname() // only part of a name
	status := &controllers.Status{}
	leader := &controllers.Leader{
		Lease:    types.NamespacedName{Namespace: namespace, Name: "ostiary-leader"},
		Identity: fmt.Sprintf("%s-%d-%d", host, os.Getpid(), time.Now().UnixNano()),
		Alone:    !s.options.leaderElect,
		Duties:   []func(context.Context){status.Write, keys.Check},
	}
	keys.Leads = leader.Leads
	table := &controllers.Table{Live: &s.live, Grants: s.grants, Status: status}
	status.SetupWithManager(mgr)
	if err := errors.Join(table.SetupWithManager(mgr, metrics.Registry), keys.SetupWithManager(mgr), leader.SetupWithManager(mgr)); err != nil {
		return fmt.Errorf("starting the controllers: %w", err)
	}
	return mgr.Start(ctx)
}

// rotateRing is what the controllers know of keys: bytes in, bytes out.
func (s *service) rotateRing(old []byte, now time.Time) ([]byte, bool, error) {
	if len(old) == 0 {
		ring, err := credential.NewRing(now)
		if err != nil {
			return nil, false, err
		}
		data, err := ring.Marshal()
		return data, true, err
	}
	if s.options.keyRotation == 0 {
		return old, false, nil
	}
	ring, err := credential.ParseRing(old)
	if err != nil {
		return nil, false, err
	}
	next, changed, err := ring.Rotate(now, s.schedule())
	if err != nil || !changed {
		return old, false, err
	}
	data, err := next.Marshal()
	return data, true, err
}

func (s *service) publishKeys(data []byte) error {
	ring, err := credential.ParseRing(data)
	if err != nil {
		return err
	}
	s.publishRing(ring)
	return nil
}

func prefix(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", flag, err)
}

func parseTeamURL(s string) (*url.URL, error) {
	if s == "" {
		return &url.URL{Scheme: "https", Host: "ostiary.invalid"}, nil // RFC 2606: no session names a host that could exist
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%q is not of the form https://auth.example.com", s)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func parseProxies(networks []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, n := range networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			a, aerr := netip.ParseAddr(n)
			if aerr != nil {
				return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/8", n)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		if p.Bits() == 0 {
			return nil, fmt.Errorf("%s trusts everybody: any client could then choose its own address", n)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func checkPrefix(p string) error {
	t, err := policy.NewTarget("localhost", p)
	if err != nil || !t.Canonical() || t.Path() != p || p == "/" || strings.HasSuffix(p, "/") {
		return fmt.Errorf("%q: a canonical path such as /.access", p)
	}
	return nil
}
