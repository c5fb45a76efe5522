// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/controllers/installation"
	"github.com/ostiary/ostiary/controllers/manifests/secrets"
)

// Command is `ostiary check`.
func Command() *cobra.Command {
	var who installation.TermsFlags
	var prefix, team, system, output string
	var upstream []string
	c := command.New(&cobra.Command{
		Use: "check PATH... [flags]", Short: "Check manifests without a cluster",
		Long: "Read files and folders of manifests, and print every mistake in them. No cluster is needed.\nThe path \"-\" is standard input.",
		Example: `  ostiary check policies/
  helm template my-app | ostiary check -
  ostiary check -o json policies/ other.yaml
  ostiary check -o sarif policies/ > check.sarif`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return command.Mistake("name at least one file or folder, as in: ostiary check policies/")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(Formats, output) {
				return command.Mistake("--output %q: text, json, sarif or github", output)
			}
			host := ""
			if team != "" {
				u, err := command.ParseTeamURL(team)
				if err != nil {
					return fmt.Errorf("--team-url: %w", err)
				}
				host = command.HostOf(u)
			}
			terms, err := who.Terms(host, prefix)
			if err != nil {
				return err
			}
			if c.Flags().Changed("upstream-headers") {
				listed, err := contract.ParseUpstream(upstream)
				if err != nil {
					return fmt.Errorf("--upstream-headers: %w", err)
				}
				terms.UpstreamHeaders = append([]string{}, listed...) // none is not the same as not known
			}
			valid, err := RunIn(system, c.OutOrStdout(), output, terms, c.InOrStdin(), args)
			if err != nil {
				return err
			}
			return command.Answer(valid)
		},
	}, "0 valid, 1 not, 2 usage")
	f := c.Flags()
	f.StringVar(&prefix, "path-prefix", contract.DefaultPathPrefix, "Ostiary's own path on every host, which no policy may claim")
	who.Add(f)
	f.StringVar(&team, "team-url", "", "the team host, where users sign in: no policy may claim it (default: not known)")
	f.StringVar(&system, "system-namespace", secrets.SystemNamespace,
		"the namespace that Ostiary runs in, where the Secrets of IdentityProviders have to be")
	f.StringSliceVar(&upstream, "upstream-headers", nil,
		"`NAME`,... of headers that policies may set for applications, as in serve; others are warned of (default: not known)")
	f.StringVarP(&output, "output", "o", "text", "text, json, sarif or github (annotations of a workflow)")
	command.OneOf(c, "output", Formats...)
	return c
}
