// SPDX-License-Identifier: Apache-2.0

package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/authserver/har"
)

var update = flag.Bool("update", false, "write the pages that are made from the sources")

// TestGenerated: the pages are what the sources make of them.
func TestGenerated(t *testing.T) {
	if *update {
		if err := write(root); err != nil {
			t.Fatal(err)
		}
	}
	pages, err := generated(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range pages {
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil || string(got) != want {
			t.Errorf("%s is not what the sources make of it (%v): run go run ./hack/docs", name, err)
		}
	}
}

// TestSelectorExamples: each selector has one worked example, which is a story.
func TestSelectorExamples(t *testing.T) {
	selectors, err := selectorsOf(root)
	if err != nil {
		t.Fatal(err)
	}
	stories, err := exampleStories(root)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range selectors {
		example, ok := stories[name]
		switch {
		case s.Description == "":
			t.Errorf("%s: the reference says nothing of it", name)
		case !ok:
			t.Errorf("%s: no story begins with %q: make hack/stories/selector-%s.story", name, storyOf+name, name)
		case !strings.Contains(example.objects, name+":") || !strings.Contains(example.requests, " => allow ") || !strings.Contains(example.requests, " => deny ") &&
			!strings.Contains(example.requests, " => challenge "):
			t.Errorf("%s: %s shows not both that it matches and that it does not", name, example.file)
		}
	}
	for name := range stories {
		if selectors[name] == nil {
			t.Errorf("%s: there is no such selector", stories[name].file)
		}
	}
	if len(selectors) < 14 {
		t.Errorf("%d selectors", len(selectors))
	}
}

// documented are the rows of the two pages, with the page of each.
func documented(t *testing.T) map[string]string {
	t.Helper()
	rows := map[string]string{}
	for _, name := range []string{"docs/cors-statements.md", "docs/threats.md"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if m := rowLine.FindStringSubmatch(line); m != nil {
				if columns := strings.Count(line, "|"); columns != map[bool]int{true: 4, false: 5}[m[1][0] == 'S'] {
					t.Errorf("%s: %s has %d cells", name, m[1], columns-1)
				}
				if rows[m[1]] != "" || !strings.Contains(line, `<a id="`+strings.ToLower(m[1])+`"></a>`) {
					t.Errorf("%s: %s stands twice, or has no anchor", name, m[1])
				}
				rows[m[1]] = name
			}
		}
	}
	if len(rows) < 130 {
		t.Errorf("%d rows", len(rows))
	}
	return rows
}

// TestRows: every row has a test, and what a test calls a row is one.
func TestRows(t *testing.T) {
	rows := documented(t)
	tests, err := testsByRow(root)
	if err != nil {
		t.Fatal(err)
	}
	for row, name := range rows {
		if len(tests[row]) == 0 {
			t.Errorf("%s: no test holds %s: write THREATS or CORS and the number in the comment of one", name, row)
		}
	}
	for row, held := range tests {
		for _, h := range held {
			if rows[row] == "" && h.rank < 2 {
				t.Errorf("%s: %s is about %s, which is no row", h.file, h.name, row)
			}
		}
	}
}

// TestRowsInPages: a number in a page leads to a row.
func TestRowsInPages(t *testing.T) {
	rows := documented(t)
	for _, p := range pagesOf(t) {
		if p.path == "docs/security-cases.md" || p.path == "SECURITY.md" {
			continue // numbers of reports, which that page explains
		}
		for n, line := range p.prose {
			found, _ := rowsIn(codeSpan.ReplaceAllString(line, ""))
			for _, row := range found {
				if rows[row] == "" {
					t.Errorf("%s:%d: there is no row %s", p.path, n+1, row)
				}
			}
		}
	}
}

func TestRowsIn(t *testing.T) {
	for text, want := range map[string]string{
		"S29, S31 (D4-D8)": "S29 S31 D4 D8 +D5 +D6 +D7", "THREATS C1-C3.": "C1 C3 +C2", "%A9 \\xC3 ES256 sha1 A0 B100": "", "B1 " +
			"to B2": "B1 B2", "H10": "H10", "A4-": "A4",
	} {
		rows, between := rowsIn(text)
		for _, b := range between {
			rows = append(rows, "+"+b)
		}
		if got := strings.Join(rows, " "); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestHARFields: each field that `ostiary har` names is one of an AccessPolicy.
func TestHARFields(t *testing.T) {
	definition, err := os.ReadFile(filepath.Join(root, "config", "crd", "access.ostiary.dev_accesspolicies.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct{ OpenAPIV3Schema schemaNode }
			}
		}
	}
	if err := yaml.Unmarshal(definition, &crd); err != nil {
		t.Fatal(err)
	}
	for _, d := range har.Causes() {
		at := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
		for name := range strings.SplitSeq(d.Field, ".") {
			if d.Field == "" {
				break
			}
			next, ok := at.Properties[name]
			if !ok {
				t.Errorf("%s: there is no field %s", d.Cause, d.Field)
				break
			}
			at = next
		}
	}
}

type schemaNode struct{ Properties map[string]schemaNode }
