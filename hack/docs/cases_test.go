// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)\w+)\(`)
	// A test, perhaps with the folder of its package before it.
	testName = regexp.MustCompile(`(?:(\S+) )?\b((?:Test|Fuzz|Benchmark)[A-Z]\w*[*…]?)`)
	filePath = regexp.MustCompile(`[\w./-]+\.(?:go|yaml|yml|story|tmpl|sh|mod)\b`)
	linkTo   = regexp.MustCompile(`\]\([^)]*\)`)
)

// testsOfTree are the folders of the packages that have a test of a name.
func testsOfTree(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && file != root || d.Name() == "node_modules"):
			return fs.SkipDir
		case !strings.HasSuffix(file, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, filepath.Dir(file))
		for _, m := range testFunction.FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = append(found[m[1]], filepath.ToSlash(name))
		}
		return err
	})
	if err != nil || len(found) < 500 {
		t.Fatalf("%d tests, %v", len(found), err)
	}
	return found
}

// missing are the names in a line of what the tree does not have.
func missing(line string, tests map[string][]string, exists func(string) bool) []string {
	var out []string
	line = linkTo.ReplaceAllString(line, "]")
	for _, m := range testName.FindAllStringSubmatch(line, -1) {
		folder := strings.Trim(m[1], "|`(")
		switch in := tests[m[2]]; {
		case len(in) == 0:
			out = append(out, m[2])
		case len(in) > 1 && !slices.Contains(in, folder):
			out = append(out, m[2]+" without the folder, one of "+strings.Join(in, ", "))
		}
	}
	for _, name := range filePath.FindAllString(line, -1) {
		if !exists(name) {
			out = append(out, name)
		}
	}
	for word := range strings.FieldsFuncSeq(line, func(r rune) bool { return strings.ContainsRune(" |,;:()`", r) }) {
		if ofTree(word) && !exists(word) {
			out = append(out, word)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestSecurityCases: the files and tests that the page of weaknesses names are there, and
// those that the comparison with Cloudflare Access names.
func TestSecurityCases(t *testing.T) {
	tests := testsOfTree(t)
	for name, lines := range map[string]int{"docs/security-cases.md": 80, "docs/guides/cloudflare.md": 70, "docs/field-reports.md": 60} {
		namesTests(t, name, tests, lines)
	}
}

// TestFieldReports: each report has a test that shows what becomes of it here.
func TestFieldReports(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/field-reports.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || cells[0] == "| report" {
			continue
		}
		if rows++; len(cells) != 4 || !testName.MatchString(cells[2]) {
			t.Errorf("no test: %s", line)
		}
	}
	if rows < 40 {
		t.Errorf("%d rows", rows)
	}
}

// namesTests fails for what a page names and the tree does not have, or if the page has
// fewer lines than that.
func namesTests(t *testing.T, name string, tests map[string][]string, lines int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	exists := func(file string) bool {
		_, err := os.Stat(filepath.Join(root, path.Clean(file)))
		return err == nil
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		for _, gone := range missing(line, tests, exists) {
			t.Errorf("%s:%d: there is no %s", name, n, gone)
		}
	}
	if n < lines {
		t.Errorf("%s: %d lines", name, n)
	}
}

// TestPathsInPages: what a page calls a file or folder of the tree is one.
func TestPathsInPages(t *testing.T) {
	n := 0
	for _, p := range pagesOf(t) {
		if p.path == "CHANGELOG.md" || strings.HasPrefix(p.path, "docs/decisions/") {
			continue // what was there then
		}
		for line, text := range p.prose {
			for _, m := range inlineCode.FindAllStringSubmatch(text, -1) {
				for word := range strings.FieldsSeq(m[1]) {
					name := strings.TrimSuffix(strings.TrimPrefix(word, "./"), "/...")
					if !ofTree(name) {
						continue
					}
					n++
					if found, err := filepath.Glob(filepath.Join(root, name)); err != nil || len(found) == 0 {
						t.Errorf("%s:%d: there is no %s", p.path, line+1, word)
					}
				}
			}
		}
	}
	if n < 80 {
		t.Errorf("%d paths", n)
	}
}

// ofTree reports whether a name begins with a folder of the repository.
func ofTree(name string) bool {
	first, _, ok := strings.Cut(name, "/")
	return ok && slices.Contains([]string{"api", "authserver", "charts", "config", "controllers", "docs", "hack"}, first)
}

// TestMissing: what is gone is seen, in every way to write it.
func TestMissing(t *testing.T) {
	tests := map[string][]string{"TestOne": {"a"}, "TestTwo": {"a", "hack/b"}, "FuzzAll": {"a"}}
	there := map[string]bool{"hack/b": true, "hack/b/c.go": true}
	exists := func(name string) bool { return there[name] }
	for line, want := range map[string]string{
		"| TestOne, `TestOne`, hack/b TestTwo, FuzzAll (x) | hack/b/c.go": "",
		"| [page](else.md#x), testing of Tests":                           "",
		"| TestThree |":                                                   "TestThree",
		"| TestOn… |":                                                     "TestOn…",
		"| TestTwo |":                                                     "TestTwo without the folder, one of a, hack/b",
		"| c.go, `hack/d.go` | hack/c":                                    "c.go hack/c hack/d.go",
		"| controllers/x/y.yaml, (hack/gone) |":                           "controllers/x/y.yaml hack/gone",
	} {
		if got := strings.Join(missing(line, tests, exists), " "); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
