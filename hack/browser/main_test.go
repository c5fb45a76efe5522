// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// env is everything that runs, for all stories.
var env *environment

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		code = 1
	}
	os.Exit(code)
}

// runAll fails, and never skips, where something is missing.
func runAll(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "ostiary-browser-")
	if err != nil {
		return 1, err
	}
	defer func() {
		if code == 0 && err == nil {
			err = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(os.Stderr, "browser: the logs are in", dir)
		}
	}()
	// What needs a module's folder finds the product's.
	if err := os.Chdir("../.."); err != nil {
		return 1, err
	}
	binary := filepath.Join(dir, "ostiary")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("go build: %w\n%s", err, out)
	}
	if env, err = newEnvironment(context.Background(), dir, binary); err != nil {
		return 1, err
	}
	defer env.close()
	return m.Run(), nil
}

// find finds a program: the one that a variable names, or the first that is there.
func find(variable, debian string, names ...string) (string, error) {
	if name := os.Getenv(variable); name != "" {
		names = []string{name}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("these tests need " + names[0] + " (Debian: apt-get install " + debian + "), in PATH or named by " + variable)
}
