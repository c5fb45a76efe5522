// SPDX-License-Identifier: Apache-2.0

package conformance

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// page is what the runs show, in the repository.
var page = filepath.Join("..", "..", "docs", "conformance.md")

// publish writes the page, if it is asked to: cells that did not run stay as they are.
// Otherwise it compares: each column that ran must be the one that is committed.
func publish(t *testing.T, results map[string]map[string]bool) {
	t.Helper()
	if t.Failed() || len(results) == 0 {
		return // what failed has been said, and what ran in part shows no column
	}
	if *update {
		merge(t, results)
		if err := os.WriteFile(page, []byte(render(results)), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	committed := parse(string(text))
	for name, got := range results {
		for _, k := range cases {
			cell, there := committed[name][k.name]
			if !there {
				t.Logf("docs/conformance.md has a ? for %s, %s: run go test ./hack/conformance -update", name, k.name)
			} else if cell != got[k.name] {
				t.Errorf("docs/conformance.md says otherwise about %s, %s: run go test ./hack/conformance -update", name, k.name)
			}
		}
	}
	// Titles, footnotes and the order are the sources' business alone.
	if want := render(committed); !t.Failed() && string(text) != want {
		t.Error("docs/conformance.md is not what these sources make of its cells: run go test ./hack/conformance -update")
	}
}

// merge adds what the page says of cases that did not run.
func merge(t *testing.T, results map[string]map[string]bool) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for name, cells := range parse(string(text)) {
		if results[name] == nil {
			results[name] = map[string]bool{}
		}
		for k, cell := range cells {
			if _, ran := results[name][k]; !ran {
				results[name][k] = cell
			}
		}
	}
}

// render makes the page of cells.
func render(results map[string]map[string]bool) string {
	var b bytes.Buffer
	all := variants()
	fmt.Fprint(&b, "# Conformance\n\n<!-- Written by go test ./hack/conformance -update, from what ran. -->\n\n",
		"The same policies, applications and requests, byte by byte, behind each proxy. ✓ is a case that ran and did what it\n",
		"should. A number is a limit of the proxy, below; the case has run into it. No limit excuses a request that reaches an\n",
		"application although its policy denies it: one such request in any column fails the whole run. A ? has not run yet.\n",
		"`make e2e PROXY=nginx` repeats the columns whose names begin with nginx.\n\n|")
	for _, v := range all {
		fmt.Fprintf(&b, " | %s", v.title)
	}
	fmt.Fprint(&b, " |\n|---|"+strings.Repeat(":-:|", len(all))+"\n|")
	for _, v := range all {
		fmt.Fprintf(&b, " | `%s`", v.name)
	}
	fmt.Fprint(&b, " |\n")
	notes := map[string]int{}
	var footnotes []string
	for _, k := range cases {
		fmt.Fprintf(&b, "| **%s**: %s", k.name, k.proves)
		for _, v := range all {
			cell := "✓"
			if ok, ran := results[v.name][k.name]; !ran {
				cell = "?"
			} else if !ok {
				why := v.limits[k.name]
				if notes[why] == 0 {
					footnotes = append(footnotes, why)
					notes[why] = len(footnotes)
				}
				cell = fmt.Sprintf("limit: %d", notes[why])
			}
			fmt.Fprintf(&b, " | %s", cell)
		}
		fmt.Fprint(&b, " |\n")
	}
	renderEvidence(&b, all, results)
	fmt.Fprint(&b, "\n## Limits\n\n")
	for i, n := range footnotes {
		fmt.Fprintf(&b, "%d. %s.\n", i+1, n)
	}
	fmt.Fprint(&b, "\n## What a column is\n\n")
	for _, v := range all {
		fmt.Fprintf(&b, "- **%s** (`%s`): %s.\n", v.title, v.name, v.about)
	}
	return b.String()
}

// parse reads the cells of a page.
func parse(text string) map[string]map[string]bool {
	cells := map[string]map[string]bool{}
	var names []string
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		switch {
		case strings.HasPrefix(line, "| | `"):
			for _, f := range fields {
				if name := strings.Trim(f, " `"); name != "" {
					names = append(names, name)
					cells[name] = map[string]bool{}
				}
			}
		case strings.HasPrefix(line, "| **") && len(fields) == len(names)+1:
			name, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(fields[0]), "**"), "**")
			for i, f := range fields[1:] {
				switch f = strings.TrimSpace(f); {
				case f == "✓":
					cells[names[i]][name] = true
				case strings.HasPrefix(f, "limit: "):
					cells[names[i]][name] = false
				}
			}
		}
	}
	return cells
}

// TestPage makes sure that what is read of a page is what was written, and that
// every limit names a case.
func TestPage(t *testing.T) {
	results := map[string]map[string]bool{}
	for _, v := range variants() {
		results[v.name] = map[string]bool{}
		for _, k := range cases {
			_, limited := v.limits[k.name]
			results[v.name][k.name] = !limited
		}
		for name := range v.limits {
			if !slices.ContainsFunc(cases, func(k kase) bool { return k.name == name }) {
				t.Errorf("%s has a limit of a case that does not exist: %s", v.name, name)
			}
		}
	}
	got := parse(render(results))
	for name, want := range results {
		if !maps.Equal(got[name], want) {
			t.Errorf("%s: read %v, wrote %v", name, got[name], want)
		}
	}
}

// TestOracle makes sure that the reference says no where it must: a suite that
// finds nothing proves only as much as it could find.
func TestOracle(t *testing.T) {
	for _, tt := range []struct {
		app, method, target string
		who                 []string
		denied              bool
	}{
		{"app", "GET", "/", nil, true}, {"app", "GET", "/", []string{"app"}, false}, {"app", "GET", "/api", []string{"app"}, true},
		{"app", "GET", "/public/x", nil, false}, {"app-public", "GET", "/public/../admin", nil, true},
		{"app-public", "GET", "/public/%2e%2e/admin", nil, true},
		{"app-public", "GET", "/public/..%2fadmin", nil, true}, {"app-public", "GET", "/public/..%252fadmin", nil, true},
		{"app", "GET", "/%70ublic/x", nil, true},
		{"app", "GET", "/public\\..\\admin", nil, true}, {"app", "GET", "/public/..;/admin", nil, true},
		{"app", "GET", "http://x/public/../admin", nil, true},
		{"app", "GET", "/api%2fx", []string{"app"}, true}, {"app", "GET", "/%61pi/x", []string{"app-api"}, false},
		{"app-api", "GET", "/x", []string{"app"}, true},
		{"write", "GET", "/", nil, false}, {"write", "POST", "/", nil, true}, {"orphan", "GET", "/", []string{"app1"}, true},
		{"handsoff", "OPTIONS", "/", nil, true}, {"office", "GET", "/", nil, true},
	} {
		who := principal{}
		for _, p := range tt.who {
			who[p] = true
		}
		if why := denied(hit{app: tt.app, method: tt.method, target: tt.target}, who); (why != "") != tt.denied {
			t.Errorf("%s %s at %s with %v: %q", tt.method, tt.target, tt.app, tt.who, why)
		}
	}
	if why := deniedByHost(hit{app: "public", method: "GET", target: "/", header: header{"Host: APP1.site.com.:81"}}, nil); why == "" {
		t.Error("a host of another application is not noticed")
	}
}
