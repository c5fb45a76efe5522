// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/ostiary/ostiary/authserver"
	"github.com/ostiary/ostiary/authserver/explain"
	"github.com/ostiary/ostiary/controllers"
)

// explainCommand asks the table that would be in force: of files by its own flags, of a
// cluster by the settings of the installation that is there.
func explainCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (int, error) {
	var o explain.Flags
	f := newFlags("explain", "explain METHOD URL [flags]   (exit code: 0 allowed, 1 denied, 2 usage)", stdout)
	o.Add(f)
	policies := f.StringSlice("policies", nil, "files and folders of manifests; left out: the cluster of the current kubeconfig")
	var who controllers.TermsFlags
	who.Add(f)
	kubeconfig := f.String("kubeconfig", "", "the kubeconfig to use; left out: $KUBECONFIG, or in-cluster")
	installation := controllers.AddInstallation(f)
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
	look := controllers.Looker{Kubeconfig: *kubeconfig, Namespace: controllers.Namespace(), InUse: inUse}
	if len(*policies) == 0 {
		in, note, err := controllers.ApplyInstallation(ctx, f, *kubeconfig, *installation)
		if err != nil {
			return exitUsage, fmt.Errorf("%w (for files instead of a cluster: --policies PATH)", err)
		}
		if note != "" {
			fmt.Fprintln(stderr, "note: "+note)
		}
		look.Namespace = cmp.Or(in.Namespace, look.Namespace)
	}
	team, err := authserver.ParseTeamURL(o.TeamURL)
	if err != nil {
		return exitUsage, fmt.Errorf("--team-url: %w", err)
	}
	err = authserver.CheckPathPrefix(o.PathPrefix)
	if err == nil {
		host := ""
		if o.TeamURL != "" {
			host = teamHost(team)
		}
		look.Terms, err = who.Terms(host, o.PathPrefix)
	}
	if err != nil {
		return exitUsage, err
	}
	table, err := look.Look(ctx, append(*policies, f.Args()[2:]...), stderr)
	if err != nil {
		return exitUsage, err
	}
	if o.TeamURL != "" {
		question.Scheme = team.Scheme
	}
	report, err := explain.Ask(table, o.PathPrefix, question)
	if err != nil {
		return exitUsage, err
	}
	return exitCode(report.Allowed()), report.Write(stdout, o.Output)
}
