// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../../.."

// TestUpToDate: what is committed is what would be generated.
func TestUpToDate(t *testing.T) {
	made := filepath.Join(t.TempDir(), "README.md")
	if err := run(filepath.Join(root, source), made); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(root + "/charts/ostiary/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("charts/ostiary/README.md is not what values.yaml and about.md say: run hack/generate.sh")
	}
}

func TestReadme(t *testing.T) {
	got, err := readme("before\n"+place+"after\n", []byte(`# Of the file, not of a key.

# What it is.
name: ""
# Who may:
#   app.example.com: [shop]
#   other: [a]
# And so on.
grants: {}
labels: {grafana: "1"}
ports:
- 80
- 443
# A group.
group:
  # Of it.
  enabled: true # beside it
  deeper:
    level: 24h
`))
	if err != nil {
		t.Fatal(err)
	}
	want := "before\n" + `- ` + "`name: \"\"`" + `
  What it is.
- ` + "`grants: {}`" + `
  Who may:
  ` + "```yaml" + `
  app.example.com: [shop]
  other: [a]
  ` + "```" + `
  And so on.
- ` + "`labels: {grafana: \"1\"}`" + `
- ` + "`ports: [80, 443]`" + `
- ` + "`group`" + `
  A group.
  - ` + "`enabled: true`" + `
    Of it.
  - ` + "`deeper`" + `
    - ` + "`level: 24h`" + `
after
`
	if _, body, _ := strings.Cut(got, "\n"); body != want {
		t.Errorf("got\n%s\nwant\n%s", body, want)
	}
}

func TestReadmeRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, values, want string }{
		"no place":          {"x\n", "a: 1\n", "does not mark"},
		"no keys":           {place, "# nothing\n", "no keys"},
		"a list":            {place, "- a\n", "no keys"},
		"not YAML":          {place, "a: [\n", "yaml"},
		"a default of many": {place, "a: 1\nb: |\n  x\n  y\n", "line 2: b: the default does not fit"},
	} {
		if _, err := readme(c.text, []byte(c.values)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := run("none.yaml", "none.md"); err == nil || !strings.Contains(err.Error(), "root of the repository") {
		t.Errorf("a missing file: %v", err)
	}
}
