// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"fmt"
	"io"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/source"
	"github.com/ostiary/ostiary/controllers/translate"
)

// A Looker says what is needed to build the table that would be in force.
type Looker struct {
	// Terms are the platform's word on who may claim what.
	Terms policy.Terms
	// Kubeconfig is the one to use; empty: as RESTConfig finds it.
	Kubeconfig string
	// Namespace is Ostiary's, which holds the ledger of hosts.
	Namespace string
}

// Look builds the table that would be in force: of the files and folders of
// paths or, if there are none, of a cluster. What is wrong with files, or cannot be
// read of a cluster, goes to stderr.
func (l *Looker) Look(ctx context.Context, paths []string, stderr io.Writer) (*policy.Table, error) {
	if len(paths) > 0 {
		table, problems, err := source.ReadOn(l.Terms, paths)
		for _, p := range problems {
			fmt.Fprintln(stderr, p)
		}
		return table, err
	}
	const hint = "%w (for files instead of a cluster: --policies PATH)"
	c, err := RESTConfig(l.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf(hint, err)
	}
	reader, err := client.New(c, client.Options{Scheme: Scheme()})
	if err != nil {
		return nil, fmt.Errorf(hint, fmt.Errorf("no cluster to talk to: %w", err))
	}
	policies, routes, err := Policies(ctx, reader)
	if err != nil {
		return nil, fmt.Errorf(hint, err)
	}
	ledger, err := readLedger(ctx, reader, l.Namespace)
	if err != nil {
		fmt.Fprintf(stderr, "whose the hosts are is told from statuses alone: %v (--namespace says where Ostiary runs)\n", err)
	}
	table, _ := policy.Assemble(policy.Input{
		Policies: policy.CompileAll(policies), Terms: l.Terms, Ledger: ledger, Bindings: translate.Bindings(routes),
	})
	return table, nil
}
