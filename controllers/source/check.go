// SPDX-License-Identifier: Apache-2.0

package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ostiary/ostiary/authserver/policy"
)

// Check reads files and folders once and writes what is wrong with them, as
// "text" or "json". It returns whether all that they hold is in force; the error
// is for a path that is not there.
func Check(w io.Writer, format string, paths []string) (valid bool, err error) {
	return CheckOn(policy.Terms{}, w, format, paths)
}

// CheckOn is Check on the platform's terms.
func CheckOn(terms policy.Terms, w io.Writer, format string, paths []string) (valid bool, err error) {
	loader, err := NewLoader(paths)
	if err != nil {
		return false, err
	}
	loader.Terms = terms
	set := loader.Load()
	table, problems := set.Build()
	wrong := slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning })
	if len(set.entries) > 0 && table.Len() == 0 && !wrong && format != "json" {
		for _, p := range problems {
			_, werr := fmt.Fprintln(w, p)
			err = errors.Join(err, werr)
		}
		_, werr := fmt.Fprintln(w, "no AccessPolicy, and all else is valid")
		return true, errors.Join(err, werr)
	}
	return Report(w, format, table, append([]Problem{}, problems...))
}

// Report writes what a check found, as "text" or "json". It returns whether all
// that the table was built from is in force.
func Report(w io.Writer, format string, table *policy.Table, problems []Problem) (valid bool, err error) {
	valid = !slices.ContainsFunc(problems, func(p Problem) bool { return !p.Warning })
	if format == "json" {
		return valid, json.NewEncoder(w).Encode(map[string]any{"policies": table.Len(), "problems": problems})
	}
	for _, p := range problems {
		_, werr := fmt.Fprintln(w, p)
		err = errors.Join(err, werr)
	}
	if table.Len() == 0 && valid && err == nil {
		_, err = fmt.Fprintln(w, "no AccessPolicy is there to check")
		return false, err
	}
	if valid && err == nil {
		_, err = fmt.Fprintf(w, "%d policies, all valid\n", table.Len())
	}
	return valid, err
}
