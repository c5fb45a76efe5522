// SPDX-License-Identifier: Apache-2.0

// Package check is `ostiary check`: it reads manifests without a cluster, and reports
// everything that is wrong with them, for people and for programs. What is right and what
// is wrong is the business of package manifests.
package check

import (
	"cmp"
	"io"
	"slices"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/manifests"
	"github.com/ostiary/ostiary/controllers/manifests/secrets"
)

// Run reads files and folders once, and writes what is wrong with them in one of the
// Formats. The path "-" stands for stdin. It returns whether everything that they hold is
// active; the error is for a path that is not there.
func Run(w io.Writer, format string, terms policy.Terms, stdin io.Reader, paths []string) (valid bool, err error) {
	return RunIn(secrets.SystemNamespace, w, format, terms, stdin, paths)
}

// RunIn is Run for a cluster in which Ostiary runs in the namespace system.
func RunIn(system string, w io.Writer, format string, terms policy.Terms, stdin io.Reader, paths []string) (valid bool, err error) {
	set, err := manifests.ReadForCluster(nil, paths, terms, stdin, system)
	if err != nil {
		return false, err
	}
	table, problems := set.Build()
	problems = append(append([]manifests.Problem{}, problems...), set.Lint()...) // [] in JSON, and not null
	slices.SortStableFunc(problems, func(a, b manifests.Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
	})
	read := Read{Policies: table.Len(), Others: set.Others(), Skipped: set.Skipped()}
	if terms.UpstreamHeaders == nil {
		read.Headers = headersOf(set.Policies)
	}
	return Report(w, format, read, problems)
}

// headersOf are the names of the headers that policies set for applications, sorted.
func headersOf(policies []policy.Policy) (out []string) {
	for i := range policies {
		for _, h := range policies[i].UpstreamHeaders {
			out = append(out, h.Name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
