// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A Source is where the table comes from: files, or a cluster.
type Source interface {
	// Add defines the flags by which a command line names it.
	Add(f *pflag.FlagSet)
	// Open looks for it. Paths are arguments that no flag names. Of a cluster it sets the
	// flags that the command line does not, as the installation there has them.
	Open(ctx context.Context, f *pflag.FlagSet, paths []string, stderr io.Writer) error
	// Table builds the table that would be in force, where people sign in at a host and a
	// path on every host is ours. What is wrong with it goes to stderr.
	Table(ctx context.Context, teamHost, pathPrefix string, stderr io.Writer) (*policy.Table, error)
}

// Command is `ostiary explain`: it asks the table that would be in force, and the history
// what was decided.
func Command(source Source, history History) *cobra.Command {
	var o Flags
	c := command.New(&cobra.Command{
		Use: "explain METHOD URL [flags]", Short: "Explain the decision about a request",
		Long: "Print the decision about a request: the rule of the policy that makes it, and why.\n" +
			"Reads the policies of the cluster with the settings of its installation, or files (--policies).",
		Example: `  ostiary explain GET https://app.example.com/ --as ann@example.com,staff
  ostiary explain OPTIONS https://api.example.com/ -H 'origin: https://app.example.com' -H 'access-control-request-method: PUT'
  ostiary explain GET https://app.example.com/ --policies policies/ -o json
  ostiary explain --request-id 0b3cb7f4a0c9`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return Methods, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if o.requestID != "" {
				return o.again(c, source, history)
			}
			question, err := o.Question(args, time.Now())
			if err != nil {
				return err
			}
			if err := source.Open(c.Context(), c.Flags(), args[2:], c.ErrOrStderr()); err != nil {
				return err
			}
			table, err := o.table(c, source, &question)
			if err != nil {
				return err
			}
			report, err := Ask(table, o.PathPrefix, question)
			if err != nil {
				return err
			}
			if err := report.Write(c.OutOrStdout(), o.Output); err != nil {
				return err
			}
			return report.exit()
		},
	}, "0 allowed, 1 denied, 2 usage, 3 sign in first")
	o.Add(c.Flags())
	c.Flags().StringVar(&o.requestID, "request-id", "",
		"in place of METHOD and URL, the ID of a request: what the server decided, by its log, and what it would decide now")
	history.Add(c.Flags())
	source.Add(c.Flags())
	command.OneOf(c, "output", "text", "json")
	return c
}

// exit is how the command ends.
func (r *Report) exit() error {
	if r.SignInFirst() {
		return command.SignInFirst()
	}
	return command.Answer(r.Allowed())
}

// table checks the flags once they are complete: what a question depends on beside the
// policies is the scheme of applications, and what is ours.
func (o *Flags) table(c *cobra.Command, source Source, q *Question) (t *policy.Table, err error) {
	t, q.Scheme, err = Table(c, source, o.TeamURL, o.PathPrefix)
	return t, err
}

// Table builds the table of a source for a command with these values of --team-url, which may be
// empty, and --path-prefix. The scheme is that of the team URL.
func Table(c *cobra.Command, source Source, teamURL, pathPrefix string) (t *policy.Table, scheme string, err error) {
	host := ""
	if teamURL != "" {
		team, err := command.ParseTeamURL(teamURL)
		if err != nil {
			return nil, "", fmt.Errorf("--team-url: %w", err)
		}
		scheme, host = team.Scheme, command.HostOf(team)
	}
	if err := command.CheckPathPrefix(pathPrefix); err != nil {
		return nil, "", fmt.Errorf("--path-prefix: %w", err)
	}
	t, err = source.Table(c.Context(), host, pathPrefix, c.ErrOrStderr())
	return t, scheme, err
}
