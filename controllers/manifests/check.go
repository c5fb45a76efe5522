// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"io"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A Checker is `ostiary check`.
type Checker struct {
	Terms policy.Terms
	// Stdin is what the path "-" stands for.
	Stdin io.Reader
}

// Check reads files and folders once and writes what is wrong with them in one
// of the Formats. It returns whether all that they hold is in force; the error
// is for a path that is not there.
func (c Checker) Check(w io.Writer, format string, paths []string) (valid bool, err error) {
	loader, err := NewLoader(paths)
	if err != nil {
		return false, err
	}
	loader.Terms, loader.forCluster = c.Terms, true
	if err := loader.readStdin(c.Stdin); err != nil {
		return false, err
	}
	set := loader.Load()
	table, problems := set.Build()
	return Report(w, format, table.Len(), len(set.entries), append([]Problem{}, problems...))
}
