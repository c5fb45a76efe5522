// SPDX-License-Identifier: Apache-2.0

package denials

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/telemetry/decisionlog"
	"github.com/ostiary/ostiary/controllers/installation"
)

// recently is how far back the logs of a cluster are read where nobody says.
const recently = time.Hour

// flags are the command line of denials.
type flags struct {
	Logs
	filter
	output string
	follow bool
	since  time.Duration
}

// Command is `ostiary denials`.
func Command() *cobra.Command {
	var o flags
	c := command.New(&cobra.Command{
		Use: "denials [flags]", Short: "Show who is refused, by the decision logs of all replicas",
		Long: "Print a line for each request that was refused, or had to sign in first, by the decision logs of all replicas,\n" +
			"by time. Reads the logs of the Pods of the installation, or files (--log).",
		Example: `  ostiary denials -f
  ostiary denials --since 10m --host app.example.com --reason origin-not-allowed,no-rule-matched
  ostiary denials --user ann@example.com -o json
  ostiary denials --log /var/log/ostiary/ostiary.log`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c, args); err != nil {
				return err
			}
			return o.run(c.Context(), c.OutOrStdout())
		},
	}, "0 all logs were read, 1 some could not be, 2 usage")
	f := c.Flags()
	f.BoolVarP(&o.follow, "follow", "f", false, "go on with what is refused from now on")
	f.DurationVar(&o.since, "since", 0, "how far to look back (default: 1h in a cluster, all of files)")
	f.StringVar(&o.host, "host", "", "only of this host, or of all below one: *.example.com")
	f.StringVar(&o.user, "user", "", "only of this user: the email address, the provider's ID, or a client ID")
	f.StringSliceVar(&o.reasons, "reason", nil, "only for these reasons, such as no-session")
	f.StringVarP(&o.policies, "namespace", "n", "", "only by policies of this namespace")
	f.StringVarP(&o.output, "output", "o", "text", "text, or json: the lines as they were logged")
	f.StringSliceVar(&o.Files, "log", nil, "files to read in place of a cluster, - for standard input")
	o.Kubeconfig.Add(f, "")
	installation.AddFlag(f, &o.Installation)
	command.OneOf(c, "output", "text", "json")
	command.OneOf(c, "reason", reasons()...)
	return c
}

// reasons are all that a line can have.
func reasons() []string {
	out := make([]string, 0, policy.Reasons)
	for r := range policy.Reasons {
		if name := policy.Reason(r).String(); name != "" {
			out = append(out, name)
		}
	}
	return out
}

func (o *flags) check(c *cobra.Command, args []string) error {
	switch {
	case len(args) > 0:
		return command.Mistake("%q is one argument too many; for files, write --log %s", args[0], args[0])
	case o.output != "text" && o.output != "json":
		return command.Mistake("--output %q: text or json", o.output)
	case o.since < 0:
		return command.Mistake("--since %s: how long ago, such as 10m", o.since)
	}
	known := reasons()
	for _, r := range o.reasons {
		if !slices.Contains(known, r) {
			return command.Mistake("--reason: %w", command.Unknown("reason", r, known))
		}
	}
	if len(o.Files) == 0 && !c.Flags().Changed("since") {
		o.since = recently
	}
	if o.since > 0 {
		o.Since = time.Now().Add(-o.since)
	}
	o.Stdin, o.Notes = c.InOrStdin(), c.ErrOrStderr()
	return nil
}

func (o *flags) run(ctx context.Context, w io.Writer) error {
	out := newTable(w, !o.follow)
	if o.output == "json" {
		out = &lines{w}
	}
	n := 0
	summary, err := o.Read(ctx, o.follow, o.wants, func(e *decisionlog.Entry) error {
		n++
		return out.add(e)
	})
	if err = errors.Join(err, out.end()); err != nil && !(o.follow && ctx.Err() != nil) {
		return err
	}
	if n == 0 {
		fmt.Fprintf(o.Notes, "note: nothing was refused, as far as one can see in %s\n", policy.Line(summary.Where))
	}
	if summary.Skipped > 0 {
		fmt.Fprintf(o.Notes, "note: skipped what is not JSON: %s; %d were read (--log-format=json has Ostiary write JSON)\n",
			command.Count(summary.Skipped, "line"), summary.Lines)
	}
	return command.Answer(!summary.Failed)
}

// A filter says which denials are wanted.
type filter struct {
	host, user, policies string
	reasons              []string
}

func (f *filter) wants(e *decisionlog.Entry) bool {
	if !e.Denied() {
		return false
	}
	namespace, _, _ := strings.Cut(e.Policy, "/")
	return (f.host == "" || hostMatches(f.host, e.Host)) &&
		(f.user == "" || strings.EqualFold(f.user, e.User) || strings.EqualFold(f.user, e.Email) || strings.EqualFold(f.user, e.ClientID)) &&
		(f.policies == "" || f.policies == namespace) &&
		(len(f.reasons) == 0 || slices.Contains(f.reasons, e.Reason))
}

// hostMatches reports whether a host is the wanted one, or below it.
func hostMatches(want, host string) bool {
	want = strings.ToLower(want)
	if suffix, ok := strings.CutPrefix(want, "*"); ok {
		return strings.HasPrefix(suffix, ".") && strings.HasSuffix(host, suffix)
	}
	return want == host
}
