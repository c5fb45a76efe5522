// SPDX-License-Identifier: Apache-2.0

package main

import (
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
	grants := grantsFlag(f)
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
	if len(*policies) == 0 {
		_, note, err := controllers.ApplyInstallation(ctx, f, *kubeconfig, *installation)
		if err != nil {
			return exitUsage, fmt.Errorf("%w (for files instead of a cluster: --policies PATH)", err)
		}
		if note != "" {
			fmt.Fprintln(stderr, "note: "+note)
		}
	}
	team, err := authserver.ParseTeamURL(o.TeamURL)
	if err == nil {
		err = authserver.CheckPathPrefix(o.PathPrefix)
	}
	if err != nil {
		return exitUsage, err
	}
	table, err := controllers.Look(ctx, append(*policies, f.Args()[2:]...), *kubeconfig, *grants, stderr)
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
