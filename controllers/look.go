// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"io"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/source"
	"github.com/ostiary/ostiary/controllers/translate"
)

// Look builds the table that would be in force: of the files and folders of
// paths or, if there are none, of a cluster. What is wrong with files goes to
// stderr.
func Look(ctx context.Context, paths []string, kubeconfig string, grants []policy.Grant, stderr io.Writer) (*policy.Table, error) {
	if len(paths) > 0 {
		table, problems, err := source.Read(paths, grants...)
		for _, p := range problems {
			fmt.Fprintln(stderr, p)
		}
		return table, err
	}
	policies, routes, err := Fetch(ctx, kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("%w (for files instead of a cluster: --policies PATH)", err)
	}
	table, _ := policy.Build(policies, grants...)
	return table.Bound(translate.Bindings(routes)), nil
}
