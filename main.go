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
	"syscall"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/ostiary/ostiary/authserver"
	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/console"
	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/authserver/har"
	"github.com/ostiary/ostiary/authserver/idp/factor"
	"github.com/ostiary/ostiary/authserver/idp/userlist"
	"github.com/ostiary/ostiary/authserver/probe"
	"github.com/ostiary/ostiary/authserver/proxyconfig"
	"github.com/ostiary/ostiary/authserver/telemetry"
	"github.com/ostiary/ostiary/authserver/web"
	"github.com/ostiary/ostiary/controllers"
	"github.com/ostiary/ostiary/controllers/audit"
	"github.com/ostiary/ostiary/controllers/check"
	"github.com/ostiary/ostiary/controllers/denials"
	"github.com/ostiary/ostiary/controllers/factors"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/imports"
	"github.com/ostiary/ostiary/controllers/installation"
	"github.com/ostiary/ostiary/controllers/optin"
	"github.com/ostiary/ostiary/controllers/review"
	"github.com/ostiary/ostiary/controllers/revocation"
	"github.com/ostiary/ostiary/controllers/tokens"
)

// Set when a release is built.
var version, commit = "dev", ""

func main() {
	name, args := command.Called(os.Args)
	start := run
	if name == command.Plugin {
		start = runPlugin
	}
	os.Exit(start(context.Background(), args, os.Stdout, os.Stderr))
}

// run is the table of contents.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := command.Root(command.Program, "ostiary protects applications behind an ingress proxy, CORS preflights included", versionText(),
		serve(),
		explaining(),
		har.Command(&feed.Source{}),
		check.Command(),
		review.Diff(),
		review.Who(),
		audit.Command(),
		denials.Command(),
		imports.Command(),
		proxyconfig.Command(),
		tokens.Command(),
		userlist.Command(),
		revocation.Command(),
		optin.DetachCommand(),
		probe.Command(),
		versionCommand(),
	)
	return command.Execute(ctx, root, args, stdout, stderr)
}

// explaining asks the policies and, for --request-id, the logs of one and the same cluster.
func explaining() *cobra.Command {
	source := &feed.Source{}
	return explain.Command(source, &denials.History{Source: source})
}

// runPlugin is that of `kubectl access`: what people ask and do who look after a cluster.
func runPlugin(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := command.Root(command.Plugin, "kubectl access shows who can reach the applications that Ostiary protects, and why", versionText(),
		explaining(),
		review.Who(), review.Diff(),
		audit.Command(),
		check.Command(),
		denials.Command(),
		tokens.Command(),
		revocation.Command(),
		versionCommand(),
	)
	return command.Execute(ctx, root, args, stdout, stderr)
}

// serve joins the two halves: the controllers feed what the server decides by.
func serve() *cobra.Command {
	var answering authserver.Flags
	var feeding controllers.Flags
	c := command.New(&cobra.Command{
		Use: "serve [--policies PATH...] [flags]", Short: "Run the server: answer the auth requests of proxies",
		Long: "Answer the auth requests of proxies by the policies of the cluster. With --policies, read them from files: no cluster is needed.",
		Example: `  ostiary serve --policies policies/ --team-url https://auth.example.com
  ostiary serve --leader-elect --team-url https://auth.example.com --trusted-proxies 10.0.0.0/8`,
		RunE: func(c *cobra.Command, args []string) error {
			config, err := answering.Config()
			feeder, err2 := feeding.Feeder(args, installation.RouteSetup{
				TeamURL: config.TeamURL, PathPrefix: config.PathPrefix, Countries: answering.GeoIPDatabase != "", Upstream: config.Identity.Upstream(), Authz: answering.Addresses.Authz,
				Public: answering.Addresses.Public, Render: answering.Addresses.Render, Preflight: answering.Addresses.Preflight,
			}, installation.SettingsOf(c.Flags()))
			if err := errors.Join(err, err2); err != nil {
				return err
			}
			log, err := answering.OpenLog(c.ErrOrStderr())
			if err != nil {
				return command.Failed(err)
			}
			defer log.Close()
			config.Metrics, config.Cold, config.Waits = metrics.Registry, feeder.Cold(), feeder.Waits()
			config.Diff, config.Survey, config.Where = feeder.Diff(config.SessionDuration), surveyOf(feeder), feeder.Where
			exports, err := answering.OpenExports(&config, version, log)
			if err != nil {
				return command.Failed(err)
			}
			defer exports.Close() //nolint:errcheck // it never fails
			s := answering.Service(config, log)
			introduce(s.Log)
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			err = s.Run(ctx, controllers.Metrics(), func(ctx context.Context) error {
				return feeder.Run(ctx, controllers.Sink{
					Live: &s.Live, Witnesses: s.Witnesses, Uses: s.Uses, Log: s.Log,
					KeySecret: s.Keys, RotateKeys: s.RotateKeys, PublishKeys: s.PublishKeys, OpenKeys: s.OpenKeys,
					PublishProviders: s.PublishProviders, ProvidersInUse: s.ProvidersInUse, SetRevoke: s.Revoker.Set, SetFactors: recordsFor(s),
					PublishTokenIssuers: s.PublishTokenIssuers, TokenIssuerState: s.TokenIssuerState,
				})
			})
			if err != nil {
				return command.Failed(err)
			}
			return nil
		},
	}, "")
	feeding.AddSource(c.Flags())
	answering.Add(c.Flags())
	feeding.Add(c.Flags())
	command.OneOf(c, "ingress-mode", "render", "global", "canary", "static")
	command.OneOf(c, "decision-log", "refused", "all", "off")
	command.OneOf(c, "log-format", "auto", "json", "text")
	command.OneOf(c, "otlp-protocol", "grpc", "http/protobuf")
	command.OneOf(c, "log-identity", "plain", "hash", "none")
	command.OneOf(c, "log-level", "debug", "info", "warn", "error")
	command.OneOf(c, "identity-headers", "default", "cloudflare")
	command.OneOf(c, "host-claims", "first-come", "granted-only")
	return c
}

// recordsFor tells a service where second factors are kept in a cluster.
func recordsFor(s *authserver.Service) func(func(name string) *factors.Secret) {
	return func(find func(string) *factors.Secret) {
		s.SetFactors(func(name string) (factor.Records, error) { return find(name), nil })
	}
}

// surveyOf tells the console what is wrong with what the feeder reads.
func surveyOf(feeder *controllers.Feeder) func(context.Context) console.Survey {
	facts := func(all []controllers.Finding) (out []web.Fact) {
		for _, f := range all {
			out = append(out, web.Fact{Name: f.About, Value: f.Says})
		}
		return out
	}
	return func(ctx context.Context) console.Survey {
		s := feeder.Survey(ctx)
		return console.Survey{Problems: facts(s.Problems), Gaps: facts(s.Gaps), Unknown: s.Unknown}
	}
}

// introduce says which build this is, where its log and its metrics begin.
func introduce(log *slog.Logger) {
	telemetry.Build(metrics.Registry, version, commitOf(), runtime.Version())
	log.Info("starting", "version", version, "commit", commitOf(), "goVersion", runtime.Version())
}

func versionCommand() *cobra.Command {
	var output string
	c := command.New(&cobra.Command{
		Use: "version [flags]", Short: "Print the version of this build", Args: command.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			switch output {
			case "text":
				_, err := io.WriteString(c.OutOrStdout(), versionText())
				return err
			case "json":
				return command.WriteJSON(c.OutOrStdout(), map[string]string{"version": version, "commit": commitOf(),
					"goVersion": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH})
			}
			return command.Mistake("--output %q: text or json", output)
		},
	}, "")
	c.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	command.OneOf(c, "output", "text", "json")
	return c
}

func versionText() string {
	return fmt.Sprintf("ostiary %s\ncommit %s\n%s %s/%s\n", version, commitOf(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// commitOf returns the commit of this build.
func commitOf() string {
	c := cmp.Or(commit, "unknown")
	if info, ok := debug.ReadBuildInfo(); ok && commit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				c = s.Value
			}
		}
	}
	return c
}
