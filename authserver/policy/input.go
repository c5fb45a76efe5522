// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
)

// An Input is all that a table is built from. Its zero value is an empty table's.
type Input struct {
	Policies []*Compiled
	Terms
	// Ledger says whose hosts are. nil: the times of the policies do.
	Ledger      *Ledger
	Bindings    []Binding
	Providers   *Providers // nil: not known yet
	Revocations []Revocation
}

// Build is Assemble for policies that were never compiled, on terms of grants alone.
func Build(policies []Policy, grants ...Grant) (*Table, []Issue) {
	return Assemble(Input{Policies: CompileAll(policies), Terms: Terms{Grants: grants}})
}

// CompileAll compiles policies.
func CompileAll(policies []Policy) []*Compiled {
	compiled := make([]*Compiled, len(policies))
	for i := range policies {
		compiled[i] = Compile(&policies[i])
	}
	return compiled
}

// Assemble builds a table. It never fails as a whole: a policy with a mistake
// denies what it claims, and every mistake is reported. Neither result depends
// on the order of the policies.
func Assemble(in Input) (*Table, []Issue) {
	sorted := slices.Clone(in.Policies)
	names := make(map[[2]string]int, len(sorted))
	for _, p := range sorted {
		names[p.app.name()]++
	}
	slices.SortFunc(sorted, older)
	b := newBuilder(&in, sorted)
	for i, p := range sorted {
		b.issues = append(b.issues, p.issues...)
		if names[p.app.name()] > 1 { // a credential is made for a name
			b.issues = append(b.issues, newIssue(p.app.source.at("metadata.name"), codeNameTwice,
				"another policy has the same namespace and name; neither is in force"))
			sorted[i] = p.denied()
		}
		b.stake(sorted[i])
	}
	b.settle(sorted)
	for _, p := range sorted {
		b.enter(p)
	}
	b.finish(sorted)
	slices.SortFunc(b.issues, func(x, y Issue) int {
		return cmp.Or(compareSource(x.Source, y.Source), cmp.Compare(x.Reason, y.Reason), cmp.Compare(x.Message, y.Message))
	})
	return b.table.Bound(in.Bindings).Providing(in.Providers).Revoking(in.Revocations), b.issues
}

// older orders policies by who wins an equal claim.
func older(x, y *Compiled) int {
	if c := x.since.Compare(y.since); c != 0 {
		return c
	}
	if c := compareSource(x.app.source, y.app.source); c != 0 {
		return c
	}
	return bytes.Compare(x.digest[:], y.digest[:])
}

func compareSource(x, y Source) int {
	return cmp.Or(cmp.Compare(x.Namespace, y.Namespace), cmp.Compare(x.Name, y.Name), compareField(x.Field, y.Field))
}

// compareField puts spec.rules[2] before spec.rules[10].
func compareField(x, y string) int {
	for {
		i, j := strings.IndexByte(x, '['), strings.IndexByte(y, '[')
		if i < 0 || i != j || x[:i] != y[:j] {
			return cmp.Compare(x, y)
		}
		x, y = x[i+1:], y[j+1:]
		if c := cmp.Compare(strings.IndexByte(x, ']'), strings.IndexByte(y, ']')); c != 0 {
			return c // the number of more digits is the greater one
		}
	}
}
