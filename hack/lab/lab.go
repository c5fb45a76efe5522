// SPDX-License-Identifier: Apache-2.0

// Package lab is what tests of the real thing need, written once: where the
// repository is, programs that run, free addresses. It knows nothing of the
// product. Nothing that ships imports it; every test may.
package lab

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
)

// Root is the repository's folder, seen from any folder in it.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.HasPrefix(data, []byte("module github.com/ostiary/ostiary\n")) {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("this is not a folder of the repository")
		}
		dir = up
	}
}
