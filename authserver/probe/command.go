// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/ostiary/ostiary/authserver/command"
	"github.com/ostiary/ostiary/authserver/contract"
)

// Command is `ostiary probe`.
func Command() *cobra.Command {
	var o Options
	c := command.New(&cobra.Command{
		Use: "probe --authz-url URL [flags]", Short: "Test the listeners of an installation",
		Long: "Send a request to each listener of an installation, and check the answers.",
		Example: `  ostiary probe --authz-url http://ostiary-authz.ostiary-system.svc:9001
  ostiary probe --public-url http://127.0.0.1:9002 --team-url https://auth.example.com`,
		Args: command.NoArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			checks, err := o.checks()
			if err != nil {
				return err
			}
			return command.Answer(o.run(c.Context(), checks, c.OutOrStdout()))
		},
	}, "0 all is well, 1 not, 2 usage")
	f := c.Flags()
	f.StringVar(&o.Authz, "authz-url", "", "the authz listener, http://HOST:PORT")
	f.StringVar(&o.Public, "public-url", "", "the public listener")
	f.StringVar(&o.Preflight, "preflight-url", "", "the preflight listener")
	f.StringVar(&o.PathPrefix, "path-prefix", contract.DefaultPathPrefix, "Ostiary's own path on every host")
	f.Var(command.TeamHost(&o.TeamHost), "team-url", "the team host, where users sign in (default: not checked)")
	f.DurationVar(&o.Timeout, "timeout", 5*time.Second, "how long one answer may take")
	f.DurationVar(&o.Patience, "patience", 30*time.Second, "how long to try again")
	command.RenamedFlag(c, "authz", "authz-url", &o.Authz)
	command.RenamedFlag(c, "public", "public-url", &o.Public)
	command.RenamedFlag(c, "preflight", "preflight-url", &o.Preflight)
	command.RenamedFlag(c, "team-domain", "team-url", &o.TeamHost)
	return c
}

// run asks all of it, and reports whether all is well.
func (o *Options) run(ctx context.Context, checks []check, stdout io.Writer) bool {
	ok := true
	for _, c := range checks {
		what, err := c.until(ctx, o)
		if err != nil {
			ok = false
			fmt.Fprintf(stdout, "FAILED  %s\n        %v\n", c.name, err)
			continue
		}
		fmt.Fprintf(stdout, "ok      %s: %s\n", c.name, what)
	}
	return ok
}
