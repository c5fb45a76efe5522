// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var mcpRow = regexp.MustCompile(`^\| (.+) \| (met|part|no|yours) \| (.*) \|\n$`)

// TestMCP: every requirement on the page has a state that there is, a test that there is where
// it is met, and a reason where it is not.
func TestMCP(t *testing.T) {
	const page = "docs/mcp.md"
	namesTests(t, page, testsOfTree(t), 60)
	text, err := os.ReadFile(filepath.Join(root, page))
	if err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(string(text), "| requirement | state | by |\n|---|---|---|\n")
	var seen []string
	for line := range strings.Lines(rows) {
		m := mcpRow.FindStringSubmatch(line)
		switch {
		case m == nil:
			t.Errorf("no row: %s", line)
			continue
		case slices.Contains(seen, m[1]):
			t.Errorf("%s: there twice", m[1])
		case m[2] == "met" && !testName.MatchString(m[3]):
			t.Errorf("%s: no test", m[1])
		case strings.TrimSpace(m[3]) == "":
			t.Errorf("%s: no reason", m[1])
		}
		seen = append(seen, m[1])
	}
	if len(seen) < 25 {
		t.Errorf("%d rows", len(seen))
	}
}
