// SPDX-License-Identifier: Apache-2.0

package har

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/explain"
)

// options are the flags of the command.
type options struct {
	output, teamURL, pathPrefix string
	as                          []string
}

// Command is `ostiary har`: it tells why the requests in a browser's export failed. The source
// is asked only where a flag of it is given.
func Command(source explain.Source) *cobra.Command {
	var o options
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	c := command.New(&cobra.Command{
		Use: "har FILE [--policies PATH...] [flags]", Short: "Tell from a browser's export why requests between origins failed",
		Long: "Read a HAR file (Chrome, Firefox, Safari: Network, Save all as HAR), and tell of each request between origins that failed " +
			"why it did, and which field changes it.\n" +
			"No value of a cookie, a query, a body or a credential is shown. With --policies, each is asked about at these policies.",
		Example: `  ostiary har app.example.com.har
  ostiary har app.example.com.har --policies policies/ --as ann@example.com,staff
  ostiary har - -o json < app.example.com.har`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return command.Mistake("name a file, as in: ostiary har app.example.com.har")
			}
			report, err := o.read(args[0], c.InOrStdin())
			if err != nil {
				return err
			}
			asked := false
			own.VisitAll(func(f *pflag.Flag) { asked = asked || c.Flags().Changed(f.Name) })
			if asked || len(args) > 1 {
				if err := o.ask(c, source, args[1:], report); err != nil {
					return err
				}
			}
			if err := report.Write(c.OutOrStdout(), o.output); err != nil {
				return err
			}
			return command.Answer(!report.Failed())
		},
	}, "0 nothing failed, 1 something did, 2 usage")
	f := c.Flags()
	f.StringSliceVar(&o.as, "as", nil, "who was signed in, for --policies: EMAIL[,GROUP...] (default: not known)")
	f.StringVarP(&o.output, "output", "o", "text", "text or json")
	f.StringVar(&o.teamURL, "team-url", "", "the team host, where users sign in")
	f.StringVar(&o.pathPrefix, "path-prefix", contract.DefaultPathPrefix, "Ostiary's own path on every host")
	source.Add(own)
	if policies := own.Lookup("policies"); policies != nil {
		policies.Usage = "ask these files and folders of manifests, or REV:PATH as of a git revision " +
			"(default: nothing is asked, unless another flag names a cluster)"
	}
	f.AddFlagSet(own)
	command.OneOf(c, "output", "text", "json")
	return c
}

// read diagnoses a file; "-" is standard input.
func (o *options) read(name string, stdin io.Reader) (*Report, error) {
	if o.output != "text" && o.output != "json" {
		return nil, command.Mistake("--output %q: text or json", o.output)
	}
	in := stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = file.Close() }() // it was only read
		in = file
	}
	log, err := Read(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return NewReport(name, log), nil
}

// ask asks the policies about what failed.
func (o *options) ask(c *cobra.Command, source explain.Source, paths []string, r *Report) error {
	if err := source.Open(c.Context(), c.Flags(), paths, c.ErrOrStderr()); err != nil {
		return err
	}
	table, _, err := explain.Table(c, source, o.teamURL, o.pathPrefix)
	if err != nil {
		return err
	}
	a := asker{table: table, pathPrefix: o.pathPrefix, as: o.as, now: time.Now()}
	a.ask(r.Findings)
	return nil
}
