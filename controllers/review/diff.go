// SPDX-License-Identifier: Apache-2.0

package review

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/policy/compare"
	"github.com/ostiary/ostiary/controllers/feed"
	"github.com/ostiary/ostiary/controllers/installation"
)

// Formats are those of `ostiary diff`.
var Formats = []string{"text", "markdown", "json"}

// flags are the command line of diff.
type flags struct {
	terms                installation.TermsFlags
	source               feed.Source
	installation         string
	prefix, team, output string
	sessions             time.Duration
	upstream             []string
}

func (o *flags) add(f *pflag.FlagSet) {
	f.StringVarP(&o.output, "output", "o", "text", "text, markdown (for a review comment) or json")
	f.StringVar(&o.prefix, "path-prefix", contract.DefaultPathPrefix, "Ostiary's own path on every host, which no policy may claim")
	o.terms.Add(f)
	f.StringVar(&o.team, "team-url", "", "the team host, where users sign in: no policy may claim it (default: not known)")
	f.DurationVar(&o.sessions, "session-duration", policy.DefaultSessionDuration, "the lifetime of a session where the policy sets none")
	f.StringSliceVar(&o.upstream, "upstream-headers", nil,
		"`NAME`,... of headers that policies may set for applications, as in serve: for the commands that are printed (default: not known)")
	o.source.Kubeconfig.Add(f, " for the word cluster")
	installation.AddFlag(f, &o.installation)
}

// Diff is `ostiary diff`.
func Diff() *cobra.Command {
	var o flags
	c := command.New(&cobra.Command{
		Use: "diff OLD NEW [flags]", Short: "Show which requests a change of policies opens and closes",
		Long: `Compare what two sets of policies decide, and print a request for each difference.
OLD and NEW are files or folders, git revisions (REV:PATH, or REV for the path of the other side), or
the word cluster. Every difference comes with two commands that show it, before and after.
Opens: what is denied, or unclaimed, passes. Closes: the other way about.`,
		Example: `  ostiary diff main policies/
  ostiary diff origin/main:policies/ policies/ -o markdown
  ostiary diff cluster policies/`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return command.Mistake("name what was and what is to be, as in: ostiary diff main policies/")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(Formats, o.output) {
				return command.Mistake("--output %q: text, markdown or json", o.output)
			}
			r, err := o.report(c, args)
			if err != nil {
				return err
			}
			if err := r.write(c.OutOrStdout(), o.output); err != nil {
				return err
			}
			return r.exit()
		},
	}, "0 nothing opens or closes, 1 mistakes in policies, 2 usage, 3 something opens, 4 something only closes")
	o.add(c.Flags())
	command.OneOf(c, "output", Formats...)
	command.OneOf(c, "host-claims", "first-come", "granted-only")
	return c
}

// report reads both sides, and compares them.
func (o *flags) report(c *cobra.Command, args []string) (*report, error) {
	ctx := c.Context()
	was, err := sourceOf(ctx, args[0], args[1])
	if err != nil {
		return nil, err
	}
	is, err := sourceOf(ctx, args[1], args[0])
	if err != nil {
		return nil, err
	}
	shared := o.shared(c.Flags())
	if was.cluster || is.cluster {
		if err := o.apply(ctx, c.Flags(), c.ErrOrStderr()); err != nil {
			return nil, err
		}
		shared = o.shared(c.Flags())
	}
	terms, err := o.readTerms()
	if err != nil {
		return nil, err
	}
	reader := reader{&o.source, terms, c.InOrStdin(), c.ErrOrStderr()}
	old, err := reader.read(ctx, was, nil)
	if err != nil {
		return nil, err
	}
	now, err := reader.read(ctx, is, old)
	if err != nil {
		return nil, err
	}
	if err := complain(c.OutOrStdout(), old, now); err != nil {
		return nil, err
	}
	settle(old, now)
	at := time.Now()
	result := compare.Compare(old.Side, now.Side, compare.Settings{Now: at, SessionDuration: o.sessions})
	result.Incomplete = append(result.Incomplete, untold(old, now)...)
	return &report{Result: result, old: old, now: now, shared: shared, kubeconfig: o.source.Kubeconfig, program: command.Name(c)}, nil
}

func (o *flags) readTerms() (policy.Terms, error) {
	host := ""
	if o.team != "" {
		u, err := command.ParseTeamURL(o.team)
		if err != nil {
			return policy.Terms{}, fmt.Errorf("--team-url: %w", err)
		}
		host = command.HostOf(u)
	}
	if err := command.CheckPathPrefix(o.prefix); err != nil {
		return policy.Terms{}, fmt.Errorf("--path-prefix: %w", err)
	}
	return o.terms.Terms(host, o.prefix)
}

// apply takes the settings of the cluster's installation for flags that are left out.
func (o *flags) apply(ctx context.Context, f *pflag.FlagSet, stderr io.Writer) error {
	in, note, err := installation.Apply(ctx, f, o.source.Kubeconfig, o.installation)
	if err != nil {
		return err
	}
	if note != "" {
		fmt.Fprintln(stderr, "note: "+note)
	}
	o.source.In(in.Namespace)
	return nil
}

// shared are the flags that `ostiary explain` takes as well, to judge files alike.
func (o *flags) shared(f *pflag.FlagSet) (out []string) {
	for _, name := range []string{"host-grants", "host-reservations", "host-claims", "team-url", "path-prefix", "session-duration",
		"external-evaluation-origins", "upstream-headers"} {
		flag := f.Lookup(name)
		if !flag.Changed {
			continue
		}
		values := []string{flag.Value.String()}
		if list, ok := flag.Value.(interface{ GetSlice() []string }); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			if v = strings.TrimSpace(v); v != flag.DefValue {
				out = append(out, "--"+name, v)
			}
		}
	}
	return out
}
