// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A Checker is `ostiary check`.
type Checker struct {
	Terms policy.Terms
	// Stdin is what the path "-" stands for.
	Stdin io.Reader
}

// Check reads files and folders once and writes what is wrong with them, as
// "text" or "json". It returns whether all that they hold is in force; the error
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

// Report writes what a check found, and returns whether all is in force. To have
// looked at nothing is no success.
func Report(w io.Writer, format string, policies, others int, problems []Problem) (valid bool, err error) {
	valid = !slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning })
	if format == "json" {
		js, err := json.Marshal(map[string]any{"policies": policies, "problems": problems})
		if err != nil {
			return false, err
		}
		_, err = w.Write(append(policy.EscapeJSON(js), '\n'))
		return valid, err
	}
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintln(&b, p)
	}
	switch {
	case !valid:
	case policies == 1:
		b.WriteString("1 policy, all valid\n")
	case policies > 0:
		fmt.Fprintf(&b, "%d policies, all valid\n", policies)
	case others > 0:
		b.WriteString("no AccessPolicy, and all else is valid\n")
	default:
		b.WriteString("no AccessPolicy is there to check\n")
		valid = false
	}
	_, err = io.WriteString(w, b.String())
	return valid, err
}
