// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/ostiary/ostiary/authserver/policy"
)

// Command is Check as a command line: PATH... and its flags, which it adds to f. The
// terms are asked for when the flags are read. The error is for a mistake in using it.
func (c Checker) Command(f *pflag.FlagSet, terms func() (policy.Terms, error), args []string, stdout io.Writer) (valid bool, err error) {
	output := f.StringP("output", "o", "text", "text or json")
	if err := f.Parse(args); err != nil {
		return false, err
	}
	if *output != "text" && *output != "json" {
		return false, fmt.Errorf("--output %q: text or json", *output)
	}
	if c.Terms, err = terms(); err != nil {
		return false, err
	}
	return c.Check(stdout, *output, f.Args())
}
