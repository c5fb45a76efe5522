// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"testing"
)

// Main is a TestMain: it runs the tests after start, and stop after them. They have
// a folder, which is kept where something failed. It does not return.
func Main(m *testing.M, name string, start func(dir string) (stop func(), err error)) {
	code, err := run(m, name, start)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M, name string, start func(dir string) (stop func(), err error)) (code int, err error) {
	dir, err := os.MkdirTemp("", "ostiary-"+name+"-")
	if err != nil {
		return 1, err
	}
	defer func() {
		if code == 0 && err == nil {
			err = os.RemoveAll(dir)
		} else {
			fmt.Fprintf(os.Stderr, "%s: the logs are in %s\n", name, dir)
		}
	}()
	stop, err := start(dir)
	if stop != nil {
		defer stop()
	}
	if err != nil {
		return 1, err
	}
	return m.Run(), nil
}
