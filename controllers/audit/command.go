// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/installation"
	"github.com/ostiary/ostiary/controllers/routes"
)

// flags are the command line of audit. What has the name of a flag of `ostiary
// serve` means the same, and is taken from the installation where it is left out.
type flags struct {
	Options
	routes             installation.RouteFlags
	setup              installation.RouteSetup
	teamURL            string
	upstream           []string
	output, namespace  string
	installation       string
	found              installation.Installation
	installationRemark string
}

func (o *flags) add(f *pflag.FlagSet) {
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	o.Kubeconfig.Add(f, "")
	installation.AddFlag(f, &o.installation)
	f.StringVar(&o.Authz, "authz-service", "", "NAMESPACE/NAME of the Service of the authz listener (default: the installation's, or the one with its labels, or "+defaultAuthz+")")
	f.StringVarP(&o.namespace, "namespace", "n", "default", "files: the namespace of manifests that name none")
	f.StringVar(&o.setup.PathPrefix, "path-prefix", contract.DefaultPathPrefix, "Ostiary's own path on every host")
	f.StringVar(&o.teamURL, "team-url", "", "the team host, where users sign in: only Ostiary may serve it")
	f.StringSliceVar(&o.upstream, "upstream-headers", nil, "`NAME`,... of headers that policies may set for applications, as in serve (default: none)")
	o.routes.Add(f)
	for _, l := range []struct {
		name string
		into *string
		port int
	}{
		{"authz", &o.setup.Authz, contract.AuthzPort}, {"public", &o.setup.Public, contract.PublicPort},
		{"render", &o.setup.Render, contract.RenderPort}, {"preflight", &o.setup.Preflight, contract.PreflightPort},
	} {
		flag := l.name + "-bind-address"
		f.StringVar(l.into, flag, contract.Address(l.port), "the port of a Service of ours")
		_ = f.MarkHidden(flag) // it was defined a line before
	}
}

// options checks what the flags say, once they are complete.
func (o *flags) options() (Options, error) {
	team, err := url.Parse(o.teamURL)
	if err != nil || o.teamURL != "" && team.Hostname() == "" {
		return Options{}, fmt.Errorf("--team-url %q: as in https://auth.example.com", o.teamURL)
	}
	if !strings.HasPrefix(o.setup.PathPrefix, "/") || len(o.setup.PathPrefix) < 2 {
		return Options{}, fmt.Errorf("--path-prefix %q: a path such as /.access", o.setup.PathPrefix)
	}
	out := o.Options
	o.setup.TeamURL, o.setup.Namespace = team, o.found.Namespace
	s, err := o.routes.Settings(o.setup)
	if err := errors.Join(err, o.readUpstream(&out)); err != nil {
		return Options{}, err
	}
	if out.Ignored = s == nil; s == nil { // its other flags mean nothing then
		s = &routes.Settings{PathPrefix: o.setup.PathPrefix, TeamHost: strings.ToLower(team.Hostname()), ConfigNamespaces: []string{""}}
	}
	out.PathPrefix, out.Mode, out.TeamHost, out.ConfigNamespaces = s.PathPrefix, s.Mode, s.TeamHost, s.ConfigNamespaces
	out.PublicPort, out.RenderPort, out.PreflightPort = s.PublicPort, s.RenderPort, s.PreflightPort
	out.AuthzURL = o.routes.AuthzURL
	if out.Authz == "" && o.found.Namespace != "" {
		out.Authz = o.found.Namespace + "/" + s.ServicePrefix + "-authz"
		if out.AuthzURL == "" && s.AuthzURL != "" {
			out.AuthzURL = s.AuthzURL
		}
	}
	return out, nil
}

func (o *flags) readUpstream(out *Options) (err error) {
	if out.Upstream, err = contract.ParseUpstream(o.upstream); err != nil {
		return fmt.Errorf("--upstream-headers: %w", err)
	}
	return nil
}

// Command is `ostiary audit`: Audit of PATH..., or of the cluster.
func Command() *cobra.Command {
	var o flags
	c := command.New(&cobra.Command{
		Use: "audit [PATH...] [flags]", Short: "List unprotected routes to protected hosts",
		Long: "List every route to a protected host whose proxy sends no auth request to Ostiary.\nReads the cluster with the settings of its installation, or manifests. The path \"-\" is standard input.",
		Example: `  ostiary audit
  kubectl get ingress,service,httproute -A -o yaml | ostiary audit -
  ostiary audit -o json manifests/`,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.output != "text" && o.output != "json" {
				return command.Mistake("--output %q: text or json", o.output)
			}
			r, err := o.report(c.Context(), c.Flags(), c.InOrStdin())
			if err != nil {
				return err
			}
			if err := r.Write(c.OutOrStdout(), o.output); err != nil {
				return err
			}
			if r.Blind {
				return errBlind
			}
			return command.Answer(len(r.Findings) == 0 && !r.Incomplete)
		},
	}, "0 nothing found, 1 findings, 2 usage error, or could not read")
	o.add(c.Flags())
	command.OneOf(c, "output", "text", "json")
	return c
}

func (o *flags) report(ctx context.Context, f *pflag.FlagSet, stdin io.Reader) (r Report, err error) {
	if f.NArg() > 0 {
		options, err := o.options()
		if err != nil {
			return r, err
		}
		return Files(f.Args(), stdin, o.namespace, options)
	}
	const instead = "%w (for files instead of a cluster: ostiary audit PATH...)"
	if o.found, o.installationRemark, err = installation.Apply(ctx, f, o.Kubeconfig, o.installation); err != nil {
		return r, fmt.Errorf(instead, err)
	}
	options, err := o.options()
	if err != nil {
		return r, err
	}
	if r, err = Cluster(ctx, options); err != nil {
		return r, fmt.Errorf(instead, err)
	}
	if o.installationRemark != "" {
		r.Remarks = append([]string{o.installationRemark}, r.Remarks...)
	}
	return r, nil
}
