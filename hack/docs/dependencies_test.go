// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// requirement is a direct requirement of go.mod.
var requirement = regexp.MustCompile(`(?m)^\t(\S+) v\S+$`)

// TestDependencies: the table of dependencies has every direct requirement, and no other.
func TestDependencies(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(root, "docs/development.md"))
	if err != nil {
		t.Fatal(err)
	}
	required, explained := map[string]bool{}, map[string]bool{}
	for _, m := range requirement.FindAllStringSubmatch(string(mod), -1) {
		required[m[1]] = true
	}
	_, table, _ := strings.Cut(string(page), "\n## Dependencies\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for line := range strings.Lines(table) {
		row, ok := strings.CutPrefix(line, "| `")
		modules, why, _ := strings.Cut("`"+row, " | ")
		if !ok {
			continue
		}
		if strings.Trim(why, " |\n") == "" {
			t.Errorf("no reason for %s", modules)
		}
		for _, m := range inlineCode.FindAllStringSubmatch(modules, -1) {
			explained[m[1]] = true
		}
	}
	if len(required) < 20 {
		t.Fatalf("%d modules in go.mod", len(required))
	}
	for _, name := range slices.Sorted(maps.Keys(required)) {
		if !explained[name] {
			t.Errorf("docs/development.md does not say why %s is required", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(explained)) {
		if !required[name] {
			t.Errorf("docs/development.md has %s, which go.mod does not require", name)
		}
	}
}
