// SPDX-License-Identifier: Apache-2.0

package agents

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/hack/lab"
)

var update = flag.Bool("update", false, "write what the suite found into docs/mcp.md")

// Where the page's table is, between comments.
const (
	page       = "docs/mcp.md"
	tableBegin = "<!-- Written by go test ./hack/agents -run TestAuthorizationSuite -update, from what ran. -->\n"
	tableEnd   = "<!-- End of what ran. -->\n"
)

// A check is what the suite found.
type check struct{ Scenario, ID, Description, Status, Error, Version string }

// TestAuthorizationSuite: the team host, behind nginx, passes all scenarios that MCP's conformance
// suite has for authorization servers, with no warning, and the page says so.
func TestAuthorizationSuite(t *testing.T) {
	s := newSite(t, "nginx", "", strings.Replace(policies, "http://localhost/callback", "http://127.0.0.1/callback", 1))
	_, port, _ := net.SplitHostPort(lab.FreeAddress())
	out := s.run(t, nodeOfSuite(t, s), "suite.mjs", map[string]any{"issuer": s.team, "resource": s.origin, "port": json.Number(port),
		"results": t.TempDir()})
	var table strings.Builder
	seen := map[string]bool{}
	for line := range strings.Lines(out) {
		var c check
		if json.Unmarshal([]byte(line), &c) != nil {
			continue
		}
		if c.Status != "SUCCESS" {
			t.Errorf("%s, %s: %s %s", c.Scenario, c.ID, c.Status, c.Error)
		}
		if len(seen) == 0 {
			fmt.Fprintf(&table, "Version %s.\n\n| scenario | check | result |\n|---|---|---|\n", c.Version)
		}
		seen[c.Scenario] = true
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", c.Scenario, c.Description, c.Status)
	}
	for _, name := range []string{"authorization-server-metadata-endpoint", "authorization-code-grant"} {
		if !seen[name] {
			t.Errorf("%s did not run:\n%s", name, out)
		}
	}
	pageHolds(t, table.String())
}

// nodeOfSuite finds the Node.js that the lock file pins: the suite wants a newer one than Debian has.
// Where none is pinned for the machine, the one of PATH has to do.
func nodeOfSuite(t *testing.T, s *site) string {
	t.Helper()
	pinned, err := filepath.Glob(filepath.Join(s.client, "node_modules", "node-*", "bin", "node"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range pinned {
		if exec.CommandContext(t.Context(), path, "--version").Run() == nil {
			return path
		}
	}
	return "node"
}

// pageHolds compares what ran with the page, or writes it there.
func pageHolds(t *testing.T, table string) {
	t.Helper()
	root, err := lab.Root()
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(root, page)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), tableBegin)
	old, after, ends := strings.Cut(rest, tableEnd)
	switch want := "\n" + table + "\n"; {
	case !begins || !ends:
		t.Errorf("%s has no place for what ran", page)
	case old == want || t.Failed():
	case *update:
		write(t, name, before+tableBegin+want+tableEnd+after)
	default:
		t.Errorf("%s says otherwise: go test ./hack/agents -run TestAuthorizationSuite -update\n%s", page, table)
	}
}
