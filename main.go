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
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
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
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/authserver/idp"
	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/login"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/probe"
	"github.com/ostiary/ostiary/authserver/proxyconfig"
	"github.com/ostiary/ostiary/controllers"
	"github.com/ostiary/ostiary/controllers/audit"
	"github.com/ostiary/ostiary/controllers/cluster"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/installation"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/routes"
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
  ostiary audit [PATH...]                 what reaches guarded hosts around their policies
  ostiary render PROXY [flags]            the configuration of a proxy, for copy-paste
  ostiary release                         take back all that opt-ins wrote, before an uninstall
  ostiary probe --authz URL [flags]       whether an installation answers as it should
  ostiary version                         which build this is

Run 'ostiary COMMAND --help' for the flags of a command.
`

func main() {
	ctx, stop := context.Background(), func() {}
	if len(os.Args) > 1 && os.Args[1] == "serve" { // a signal ends other commands at once
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	}
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	commands := map[string]func(context.Context, []string, io.Writer, io.Writer) (int, error){
		"serve": serve, "explain": explainCommand, "check": check, "version": versionCommand,
		"audit": auditCommand, "probe": probe.Command, "release": release, "render": proxyconfig.Command,
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
		complain(stderr, args[0], err)
	}
	return code
}

// complain writes an error, and each of several on a line of its own. Names in it may
// come from manifests and from a cluster.
func complain(w io.Writer, command string, err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok && err.Error() == errors.Join(several.Unwrap()...).Error() {
		for _, one := range several.Unwrap() {
			complain(w, command, one)
		}
		return
	}
	fmt.Fprintf(w, "ostiary %s: %s\n", command, policy.Line(err.Error()))
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

// terms adds the flags that say who may claim what, to a command that only looks.
func terms(f *pflag.FlagSet, pathPrefix func() string) func() (policy.Terms, error) {
	var o installation.TermsFlags
	o.Add(f)
	teamURL := f.String("team-url", "", "where people log in, which no policy may claim; left out: not known")
	return func() (policy.Terms, error) {
		team := ""
		if *teamURL != "" {
			u, err := authserver.ParseTeamURL(*teamURL)
			if err != nil {
				return policy.Terms{}, fmt.Errorf("--team-url: %w", err)
			}
			team = teamHost(u)
		}
		return o.Terms(team, pathPrefix())
	}
}

// teamHost is where people log in, as policies would claim it; nil: nowhere.
func teamHost(u *url.URL) string {
	if u == nil {
		return ""
	}
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
}

func serve(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	var o serveOptions
	f := newFlags("serve", "serve [--policies PATH...] [flags]", stdout)
	o.add(f)
	var err error
	if o.settings, err = installation.ParseSettings(f, args); err != nil {
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
	authserver.Flags
	routes      installation.RouteFlags
	policies    []string
	leaderElect bool
	keys        string
	keyRotation time.Duration
	terms       installation.TermsFlags
	kubeconfig  string
	logLevel    string
	settings    installation.Settings // what the command line says
}

func (o *serveOptions) add(f *pflag.FlagSet) {
	f.StringSliceVar(&o.policies, "policies", nil, "files and folders of manifests, read again when they change; left out: the cluster")
	o.Flags.Add(f)
	o.routes.Add(f)
	f.BoolVar(&o.leaderElect, "leader-elect", false, "let one of several replicas write statuses and keys")
	f.StringVar(&o.keys, "keys", "", "files: a folder for the keys, made on first start (default: ostiary/keys in the user's configuration folder); cluster: the Secret's name (default ostiary-keys)")
	f.DurationVar(&o.keyRotation, "key-rotation", 30*24*time.Hour, "how long a key signs; old keys verify until no session can need them; 0: never rotate")
	o.terms.Add(f)
	o.terms.AddHold(f)
	f.StringVar(&o.kubeconfig, "kubeconfig", "", "the kubeconfig to use; left out: $KUBECONFIG, or in-cluster")
	f.StringVar(&o.logLevel, "log-level", "info", "debug, info, warn or error")
}

// A service is everything that serve joins.
type service struct {
	*serveOptions
	log       *slog.Logger
	issuer    string
	on        policy.Terms
	hold      time.Duration
	schedule  credential.Schedule
	live      policy.Live
	witnesses policy.Witnesses
	verifier  credential.Live
	ring      atomic.Pointer[credential.Ring]
	providers *idp.Set
	revoker   login.Revoker
	server    *authserver.Server
	opting    *routes.Settings
	proxied   bool      // some proxy says what a client's address is
	guesses   sync.Once // the warning about guesses
	warmth    controllers.Warmth
}

// build checks every option before anything starts.
func (o *serveOptions) build(stderr io.Writer) (*service, error) {
	var level slog.Level
	config, err := o.Flags.Config()
	errs := []error{err}
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		errs = append(errs, fmt.Errorf("--log-level: %w", err))
	}
	s := &service{serveOptions: o, log: slog.New(slog.NewJSONHandler(stderr, &slog.HandlerOptions{Level: level}))}
	if s.schedule, err = credential.ParseRotation(o.keyRotation); err != nil {
		errs = append(errs, fmt.Errorf("--key-rotation: %w", err))
	}
	s.on, err = o.terms.Terms(teamHost(config.TeamURL), config.PathPrefix)
	errs = append(errs, err)
	s.hold, err = o.terms.Hold()
	errs = append(errs, err)
	if len(o.policies) == 0 {
		s.opting, err = o.routes.Settings(installation.RouteSetup{
			Namespace: cluster.Namespace(), PathPrefix: config.PathPrefix, TeamURL: config.TeamURL,
			Authz: o.Addresses.Authz, Public: o.Addresses.Public, Render: o.Addresses.Render, Preflight: o.Addresses.Preflight,
		})
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if config.Identity == dialect.CloudflareIdentityHeaders {
		s.schedule.Algorithm = "RS256" // the only one that its client libraries verify
	}
	s.proxied = len(config.TrustedProxies) > 0
	s.issuer = strings.TrimSuffix(config.TeamURL.String(), "/")
	s.providers = idp.New(idp.Options{Log: s.log})
	config.Table, config.Subject = s.live.Table, s.verifier.Subject
	config.KeySet = func() []byte { return s.ring.Load().JWKS() }
	config.Ready = func() bool { return s.verifier.Verifier() != nil }
	if s.opting != nil { // otherwise whoever leads preflights here has to see to it
		config.Cold, config.Waits = s.warmth.Cold, s.warmth.Waits
	}
	config.Log, config.Metrics, config.Witnesses = s.log, metrics.Registry, &s.witnesses
	config.Ring, config.Login = s.ring.Load, &login.Config{Providers: s.providers, Revoke: s.revoker.Revoke}
	s.server = authserver.New(config)
	ctrl.SetLogger(logr.FromSlogHandler(s.log.Handler()))
	klog.SetLogger(logr.FromSlogHandler(s.log.Handler())) // client-go's
	return s, nil
}

func (s *service) publishRing(r *credential.Ring) {
	s.ring.Store(r)
	s.verifier.Publish(credential.NewVerifier(r, s.issuer, s.CacheEntries))
}

func (s *service) publishProviders(all []config.Provider) {
	for _, problem := range s.providers.Update(all) {
		s.log.Error(problem.String())
	}
	s.warnOfGuesses(all)
}

// warnOfGuesses says, once, that built-in users are worse off without --trusted-proxies.
func (s *service) warnOfGuesses(all []config.Provider) {
	if s.proxied || !slices.ContainsFunc(all, func(p config.Provider) bool { return p.Type == config.Users }) {
		return
	}
	s.guesses.Do(func() {
		s.log.Warn("there are built-in users, and no --trusted-proxies: no client's address is known, so guesses at passwords are limited for all clients together. " +
			"Name the networks of your proxies, so that they are limited by address")
	})
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
	err := s.server.Run(ctx, s.Addresses, promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{}))
	cancel()
	return errors.Join(err, <-fed)
}

func (s *service) feedFromFiles(ctx context.Context) error {
	dir, err := authserver.KeyFolder(s.keys)
	if err != nil {
		return err
	}
	folder, err := credential.OpenFolder(dir, time.Now())
	if err == nil {
		_, _, err = folder.Rotate(time.Now(), s.schedule) // it may be of another algorithm
	}
	if err != nil {
		return fmt.Errorf("--keys: %w", err)
	}
	revocations, revoke, err := manifests.Revocations(dir) // whoever shares the keys shares them
	if err != nil {
		return err
	}
	s.revoker.Set(revoke)
	loader, err := manifests.NewLoader(append(s.policies, revocations))
	if err != nil {
		return err
	}
	loader.Terms, loader.InUse = s.on, config.InUse
	s.publishRing(folder.Ring())
	go folder.Follow(ctx, s.schedule, time.Now, s.publishRing, func(err error) {
		s.log.Error("the keys could not be rotated; the old ones stay in force", "error", err)
	})
	return loader.Follow(ctx, manifests.Sink{Live: &s.live, Providers: s.publishProviders}, s.log)
}

func (s *service) feedFromCluster(ctx context.Context) error {
	config, err := cluster.RESTConfig(s.kubeconfig)
	if err != nil {
		return err
	}
	revoke, err := feed.Revoker(config)
	if err != nil {
		return err
	}
	s.revoker.Set(revoke)
	return controllers.RunAgain(ctx, controllers.Options{
		Routes: s.opting, Warmth: &s.warmth, Settings: s.settings, Witnesses: &s.witnesses, Config: config, Live: &s.live, Terms: s.on, HostHold: s.hold, LeaderElect: s.leaderElect,
		Namespace: cluster.Namespace(), KeySecret: s.keys, Metrics: metrics.Registry,
		RotateKeys: func(old []byte, now time.Time) ([]byte, bool, error) {
			return credential.RotateBytes(old, now, s.schedule)
		},
		PublishProviders: s.publishProviders, ProvidersInUse: s.providers.InUse,
		PublishKeys: func(data []byte) error {
			ring, err := credential.ParseRing(data)
			if err == nil {
				s.publishRing(ring)
			}
			return err
		},
	})
}

// explainCommand asks the table that would be in force: of files by its own flags, of a
// cluster by the settings of the installation that is there.
func explainCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	var o explain.Flags
	f := newFlags("explain", "explain METHOD URL [flags]   (exit code: 0 allowed, 1 denied, 2 usage)", stdout)
	o.Add(f)
	policies := f.StringSlice("policies", nil, "files and folders of manifests; left out: the cluster of the current kubeconfig")
	var who installation.TermsFlags
	who.Add(f)
	kubeconfig := f.String("kubeconfig", "", "the kubeconfig to use; left out: $KUBECONFIG, or in-cluster")
	where := installation.AddFlag(f)
	if err := f.Parse(args); err != nil {
		return exitUsage, err
	}
	question, err := o.Question(f.Args(), time.Now())
	if err == nil && f.NArg() > 2 && len(*policies) == 0 {
		err = fmt.Errorf("%q is one argument too many; for files, write --policies %s", f.Arg(2), f.Arg(2))
	}
	if err != nil {
		return exitUsage, err
	}
	look := feed.Looker{Kubeconfig: *kubeconfig, Namespace: cluster.Namespace(), InUse: config.InUse}
	if len(*policies) == 0 {
		if err := judgeAs(ctx, f, &look, *where, stderr); err != nil {
			return exitUsage, fmt.Errorf("%w (for files instead of a cluster: --policies PATH)", err)
		}
	}
	if question.Scheme, look.Terms, err = settingsOf(&o, &who); err != nil {
		return exitUsage, err
	}
	table, err := look.Look(ctx, append(*policies, f.Args()[2:]...), stderr)
	if err != nil {
		return exitUsage, err
	}
	report, err := explain.Ask(table, o.PathPrefix, question)
	if err != nil {
		return exitUsage, err
	}
	return exitCode(report.Allowed()), report.Write(stdout, o.Output)
}

// judgeAs sets the flags that the command line does not, as the installation has them.
func judgeAs(ctx context.Context, f *pflag.FlagSet, look *feed.Looker, where string, stderr io.Writer) error {
	in, note, err := installation.Apply(ctx, f, look.Kubeconfig, where)
	if err != nil {
		return err
	}
	if note != "" {
		fmt.Fprintln(stderr, "note: "+note)
	}
	look.Namespace = cmp.Or(in.Namespace, look.Namespace)
	return nil
}

// settingsOf is what a question depends on beside the policies: the scheme of
// applications, empty where no team URL says, and who may claim what.
func settingsOf(o *explain.Flags, who *installation.TermsFlags) (scheme string, on policy.Terms, err error) {
	team, host := (*url.URL)(nil), ""
	if o.TeamURL != "" {
		if team, err = authserver.ParseTeamURL(o.TeamURL); err != nil {
			return "", on, fmt.Errorf("--team-url: %w", err)
		}
		scheme, host = team.Scheme, teamHost(team)
	}
	if err := authserver.CheckPathPrefix(o.PathPrefix); err != nil {
		return "", on, err
	}
	on, err = who.Terms(host, o.PathPrefix)
	return scheme, on, err
}

func exitCode(ok bool) int {
	if ok {
		return exitOK
	}
	return exitNo
}

func check(_ context.Context, args []string, stdout, _ io.Writer) (int, error) {
	f := newFlags("check", "check PATH...   (\"-\": standard input; exit code: 0 valid, 1 not, 2 usage)", stdout)
	prefix := f.String("path-prefix", contract.DefaultPathPrefix, "our own path on every host, which no policy may claim")
	valid, err := manifests.Checker{Stdin: os.Stdin}.Command(f, terms(f, func() string { return *prefix }), args, stdout)
	if err != nil {
		return exitUsage, err
	}
	return exitCode(valid), nil
}

func auditCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	f := newFlags("audit", "audit [PATH...] [flags]   (exit code: 0 nothing found, 1 findings, 2 usage or cannot look)", stdout)
	clean, err := audit.Command(ctx, f, args, os.Stdin, stdout)
	if err != nil {
		return exitUsage, err
	}
	return exitCode(clean), nil
}

func release(ctx context.Context, args []string, stdout, _ io.Writer) (int, error) {
	f := newFlags("release", "release --yes [flags]   (exit code: 0 all is taken back, 2 not)", stdout)
	if err := controllers.ReleaseCommand(ctx, f, args); err != nil {
		return exitUsage, err
	}
	return exitOK, nil
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
