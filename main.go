// SPDX-License-Identifier: Apache-2.0

// Command ostiary answers an ingress proxy's question about every request:
// allow, sign in first, refuse, or these are the CORS headers of the preflight.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/pflag"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/ostiary/ostiary/authserver"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers"
	"github.com/ostiary/ostiary/controllers/source"
)

// Set when a release is built.
var version, commit = "dev", ""

// Exit codes: every command uses them alike.
const (
	exitOK    = 0
	exitNo    = 1 // denied, or something is wrong with the manifests
	exitUsage = 2
)

const usage = `ostiary protects applications behind an ingress proxy, CORS preflights included.

Usage:
  ostiary serve [--policies PATH...]      decide for proxies, by the cluster's policies or by files
  ostiary explain METHOD URL [-H 'name: value'...] [--as EMAIL[,GROUP...]] [--policies PATH...]
                                          what would be decided about a request, and why
  ostiary check PATH...                   what is wrong with manifests, without a cluster
  ostiary version                         which build this is

Run 'ostiary COMMAND --help' for the flags of a command.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	commands := map[string]func(context.Context, []string, io.Writer, io.Writer) (int, error){
		"serve": serve, "explain": explainCommand, "check": check, "version": versionCommand,
	}
	if len(args) == 0 {
		fmt.Fprint(stdout, usage)
		return exitUsage
	}
	if slices.Contains([]string{"help", "--help", "-h"}, args[0]) {
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	command, ok := commands[args[0]]
	if !ok {
		fmt.Fprintf(stderr, "ostiary: there is no command %q\n\n%s", args[0], usage)
		return exitUsage
	}
	code, err := command(ctx, args[1:], stdout, stderr)
	if errors.Is(err, pflag.ErrHelp) {
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "ostiary %s: %v\n", args[0], err)
	}
	return code
}

func newFlags(command, synopsis string, stdout io.Writer) *pflag.FlagSet {
	f := pflag.NewFlagSet(command, pflag.ContinueOnError)
	f.SetOutput(stdout)
	f.SortFlags = false
	f.Usage = func() {
		fmt.Fprintf(stdout, "Usage:\n  ostiary %s\n\nFlags:\n%s", synopsis, f.FlagUsages())
	}
	return f
}

func grantsFlag(f *pflag.FlagSet) *[]policy.Grant {
	grants := new([]policy.Grant)
	f.Func("host-grants", "`HOST=NAMESPACE[,...]` that may claim a host of another namespace; repeatable", func(s string) error {
		g, err := policy.ParseGrants([]string{s})
		*grants = append(*grants, g...)
		return err
	})
	return grants
}

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	var o serveOptions
	f := newFlags("serve", "serve [--policies PATH...] [flags]", stdout)
	o.add(f)
	if err := f.Parse(args); err != nil {
		return exitUsage, err
	}
	if f.NArg() > 0 && len(o.policies) == 0 {
		return exitUsage, fmt.Errorf("%q is no flag; for files, write --policies %s", f.Arg(0), f.Arg(0))
	}
	o.policies = append(o.policies, f.Args()...)
	out := authserver.NewLogWriter(stderr)
	defer out.Close()
	s, err := o.build(out)
	if err != nil {
		return exitUsage, err
	}
	feed := s.feedFromCluster
	if len(o.policies) > 0 {
		feed = s.feedFromFiles
	}
	if err := s.run(ctx, feed); err != nil {
		return exitNo, err
	}
	return exitOK, nil
}

type serveOptions struct {
	policies       []string
	addresses      authserver.Addresses
	leaderElect    bool
	teamURL        string
	pathPrefix     string
	keys           string
	keyRotation    time.Duration
	trustedProxies []string
	grants         *[]policy.Grant
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
	o.grants = grantsFlag(f)
	f.StringVar(&o.identity, "identity-headers", "default", "default, or cloudflare for Cf-Access-* as well")
	f.StringVar(&o.decisionLog, "decision-log", "refused", "refused, all or off")
	f.IntVar(&o.cacheEntries, "session-cache", 100_000, "how many verified sessions are remembered")
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "the kubeconfig to use; left out: $KUBECONFIG, or in-cluster")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
}

// A service is everything that serve joins.
type service struct {
	*serveOptions
	log      *slog.Logger
	issuer   string
	schedule credential.Schedule
	live     policy.Live
	verifier credential.Live
	ring     atomic.Pointer[credential.Ring]
	server   *authserver.Server
}

// build checks every option before anything starts.
func (o *serveOptions) build(stderr io.Writer) (*service, error) {
	var level slog.Level
	var errs []error
	fail := func(flag string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", flag, err))
		}
	}
	fail("--log-level", level.UnmarshalText([]byte(o.logLevel)))
	s := &service{serveOptions: o, log: slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level}))}
	team, err := authserver.ParseTeamURL(o.teamURL)
	fail("--team-url", err)
	proxies, err := authserver.ParseTrustedProxies(o.trustedProxies)
	fail("--trusted-proxies", err)
	fail("--path-prefix", authserver.CheckPathPrefix(o.pathPrefix))
	identity, err := authserver.ParseIdentityHeaders(o.identity)
	fail("--identity-headers", err)
	decisionLog, err := authserver.ParseDecisionLog(o.decisionLog)
	fail("--decision-log", err)
	switch s.schedule.Every = o.keyRotation; {
	case o.keyRotation == 0:
		s.schedule.Every = -1 // never
	case o.keyRotation < 2*time.Hour:
		fail("--key-rotation", errors.New("at least 2h: a key is published an hour before it signs"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	s.issuer = strings.TrimSuffix(team.String(), "/")
	s.server = authserver.New(authserver.Config{
		Table: s.live.Table,
		Subject: func(audience, cookie, authorization string, now time.Time) (*policy.Subject, policy.Reason) {
			return s.verifier.Verifier().SubjectFor(audience, cookie, authorization, now)
		},
		KeySet:         func() []byte { return s.ring.Load().JWKS() },
		Ready:          func() bool { return s.verifier.Verifier() != nil },
		TeamURL:        team,
		PathPrefix:     o.pathPrefix,
		Identity:       identity,
		TrustedProxies: proxies,
		Log:            s.log,
		DecisionLog:    decisionLog,
		Metrics:        metrics.Registry,
	})
	ctrl.SetLogger(logr.FromSlogHandler(s.log.Handler()))
	klog.SetLogger(logr.FromSlogHandler(s.log.Handler())) // client-go's
	return s, nil
}

func (s *service) publishRing(r *credential.Ring) {
	s.ring.Store(r)
	s.verifier.Publish(credential.NewVerifier(r, s.issuer, s.cacheEntries))
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
	err := s.server.Run(ctx, s.addresses, promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{}))
	cancel()
	return errors.Join(err, <-fed)
}

func (s *service) feedFromFiles(ctx context.Context) error {
	dir, err := authserver.KeyFolder(s.keys)
	if err != nil {
		return err
	}
	folder, err := credential.OpenFolder(dir, time.Now())
	if err != nil {
		return fmt.Errorf("--keys: %w", err)
	}
	loader, err := source.NewLoader(s.policies)
	if err != nil {
		return err
	}
	s.publishRing(folder.Ring())
	if s.keyRotation > 0 {
		go folder.Follow(ctx, s.schedule, time.Now, s.publishRing, func(err error) {
			s.log.Error("the keys could not be rotated; the old ones stay in force", "error", err)
		})
	}
	return loader.Follow(ctx, source.Sink{Live: &s.live}, *s.grants, s.log)
}

func (s *service) feedFromCluster(ctx context.Context) error {
	config, err := controllers.RESTConfig(s.kubeconfig)
	if err != nil {
		return err
	}
	return controllers.RunAgain(ctx, controllers.Options{
		Config: config, Live: &s.live, Grants: *s.grants, LeaderElect: s.leaderElect,
		Namespace: controllers.Namespace(), KeySecret: s.keys, Metrics: metrics.Registry,
		RotateKeys: func(old []byte, now time.Time) ([]byte, bool, error) {
			return credential.RotateBytes(old, now, s.schedule)
		},
		PublishKeys: func(data []byte) error {
			ring, err := credential.ParseRing(data)
			if err == nil {
				s.publishRing(ring)
			}
			return err
		},
	})
}

func explainCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	f := newFlags("explain", "explain METHOD URL [flags]   (exit code: 0 allowed, 1 denied, 2 usage)", stdout)
	headers := f.StringArrayP("header", "H", nil, "a header of the request, 'name: value'; repeatable")
	as := f.StringSlice("as", nil, "who is signed in: EMAIL[,GROUP...]; left out: nobody")
	ip := f.String("ip", "", "the client's address; left out: not known")
	policies := f.StringSlice("policies", nil, "files and folders of manifests; left out: the cluster of the current kubeconfig")
	output := f.StringP("output", "o", "text", "text or json")
	pathPrefix := f.String("path-prefix", "/.access", "our own path on every host")
	grants := grantsFlag(f)
	kubeconfig := f.String("kubeconfig", "", "the kubeconfig to use; left out: $KUBECONFIG, or in-cluster")
	if err := f.Parse(args); err != nil {
		return exitUsage, err
	}
	if f.NArg() < 2 || f.NArg() > 2 && len(*policies) == 0 {
		return exitUsage, errors.New("name a method and a URL, as in: ostiary explain GET https://app.example.com/")
	}
	if err := checkOutput(*output); err != nil {
		return exitUsage, err
	}
	table, err := tableFrom(ctx, append(*policies, f.Args()[2:]...), *kubeconfig, *grants, stderr)
	if err != nil {
		return exitUsage, err
	}
	report, err := explain.Ask(table, *pathPrefix, explain.Question{
		Method: f.Arg(0), URL: f.Arg(1), Headers: *headers, As: *as, Address: *ip, Now: time.Now()})
	if err != nil {
		return exitUsage, err
	}
	return exitCode(report.Allowed()), report.Write(stdout, *output)
}

func exitCode(ok bool) int {
	if ok {
		return exitOK
	}
	return exitNo
}

func checkOutput(format string) error {
	if format != "text" && format != "json" {
		return fmt.Errorf("--output %q: text or json", format)
	}
	return nil
}

// tableFrom builds the table that would be in force.
func tableFrom(ctx context.Context, paths []string, kubeconfig string, grants []policy.Grant, stderr io.Writer) (*policy.Table, error) {
	if len(paths) > 0 {
		table, problems, err := source.Read(paths, grants...)
		for _, p := range problems {
			fmt.Fprintln(stderr, p)
		}
		return table, err
	}
	policies, err := controllers.Fetch(ctx, kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("%w (for files instead of a cluster: --policies PATH)", err)
	}
	table, _ := policy.Build(policies, grants...)
	return table, nil
}

func check(_ context.Context, args []string, stdout, _ io.Writer) (int, error) {
	f := newFlags("check", "check PATH...   (exit code: 0 valid, 1 not, 2 usage)", stdout)
	output := f.StringP("output", "o", "text", "text or json")
	grants := grantsFlag(f)
	if err := f.Parse(args); err != nil {
		return exitUsage, err
	}
	if err := checkOutput(*output); err != nil {
		return exitUsage, err
	}
	table, problems, err := source.Read(f.Args(), *grants...)
	if err != nil {
		return exitUsage, err
	}
	valid, err := source.Report(stdout, *output, table, problems)
	return exitCode(valid), err
}

func versionCommand(_ context.Context, args []string, stdout, _ io.Writer) (int, error) {
	if err := newFlags("version", "version", stdout).Parse(args); err != nil {
		return exitUsage, err
	}
	c := cmp.Or(commit, "unknown")
	if info, ok := debug.ReadBuildInfo(); ok && commit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				c = s.Value
			}
		}
	}
	_, err := fmt.Fprintf(stdout, "ostiary %s\ncommit %s\n%s %s/%s\n", version, c, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK, err
}
