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
	Bindings    []Binding
	Providers   *Providers // nil: not known yet
	Revocations []Revocation
}

// Terms are the platform's word on who may claim what.
type Terms struct {
	Grants []Grant
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
	policies, grants := in.Policies, in.Grants
	sorted := slices.Clone(policies)
	names := make(map[[2]string]int, len(policies))
	exact, wild := 0, 0
	for _, p := range policies {
		names[p.app.name()]++
		for _, h := range p.hosts {
			if isWild(h) {
				wild++
			} else {
				exact++
			}
		}
	}
	slices.SortFunc(sorted, older)
	b := builder{
		table:  &Table{exact: make(map[string]*routes, exact), wild: make(map[string]*routes, wild), policies: len(policies)},
		hosts:  exact + wild,
		grants: grants,
	}
	b.table.unbound = revision(sorted, grants)
	b.table.built, b.table.revision = b.table.unbound, b.table.unbound
	for _, p := range sorted {
		b.add(p, names[p.app.name()] > 1)
	}
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
