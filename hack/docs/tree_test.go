// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var inBackquotes = regexp.MustCompile("`([a-z0-9./]+)`")

// TestArchitecture: the packages of ARCHITECTURE.md are those of the tree.
func TestArchitecture(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		first, _, ok := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		if !ok || !strings.HasPrefix(line, "| `") {
			continue
		}
		parent := ""
		for _, m := range inBackquotes.FindAllStringSubmatch(first, -1) {
			name := m[1] // "authserver/idp", and beside it "idp/config"
			if parent != "" && !strings.HasPrefix(name, "authserver") && !strings.HasPrefix(name, "controllers") {
				name = parent + "/" + name
			} else {
				parent, _, _ = strings.Cut(name, "/")
			}
			named[name] = true
			if info, err := os.Stat(filepath.Join(root, name)); err != nil || !info.IsDir() {
				t.Errorf("ARCHITECTURE.md: there is no package %s", name)
			}
		}
	}
	for _, dir := range []string{"authserver", "controllers"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(file string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			name, err := filepath.Rel(root, filepath.Dir(file))
			if name = filepath.ToSlash(name); !named[name] && !strings.HasSuffix(name, "test") {
				t.Errorf("ARCHITECTURE.md does not name the package %s", name)
				named[name] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestLengths: the top level stays short.
func TestLengths(t *testing.T) {
	for _, name := range []string{"README.md", "ARCHITECTURE.md"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if n := strings.Count(string(text), "\n"); err != nil || n > 120 {
			t.Errorf("%s has %d lines, more than 120 (%v)", name, n, err)
		}
	}
}
