// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// node is for one test at a time: npm would undo what another one installs.
var node sync.Mutex

// NodePackages has npm install the packages of a folder's lock file, below .cache of the
// project under a name, and returns where they are with the folder's programs, *.mjs. Their
// own install scripts do not run. What is there by the same lock file stays.
func NodePackages(t *testing.T, name, from string) string {
	t.Helper()
	node.Lock()
	defer node.Unlock()
	root, err := Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, ".cache", name)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	programs, err := filepath.Glob(filepath.Join(from, "*.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(programs, filepath.Join(from, "package.json"), filepath.Join(from, "package-lock.json")) {
		to := filepath.Join(dir, filepath.Base(file))
		if sameText(file, to) {
			continue // it may run
		}
		text, err := os.ReadFile(file)
		if err == nil {
			err = os.WriteFile(to, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	lock, installed := filepath.Join(dir, "package-lock.json"), filepath.Join(dir, ".installed")
	if sameText(lock, installed) {
		return dir
	}
	_ = os.Remove(installed) // it may never have been there
	npm := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
	npm.Dir = dir
	if out, err := npm.CombinedOutput(); err != nil {
		t.Fatalf("npm ci: %v\n%s", err, out)
	}
	text, err := os.ReadFile(lock)
	if err == nil {
		err = os.WriteFile(installed, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sameText reports whether two files are there, and hold the same.
func sameText(a, b string) bool {
	x, err := os.ReadFile(a)
	y, other := os.ReadFile(b)
	return err == nil && other == nil && bytes.Equal(x, y)
}
