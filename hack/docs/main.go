// SPDX-License-Identifier: Apache-2.0

// Command docs writes the pages below docs/ that are made from the sources. Its
// tests follow the links of every Markdown file, and run what can be run of them.
//
//	go run ./hack/docs                   from the root of the repository: write the pages
//	go test ./hack/docs [-update]        check them, or write them as well
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if err := write("."); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// generated makes every page, or a part of a page, that comes from the sources: its
// text by its path from the root.
func generated(root string) (map[string]string, error) {
	pages := map[string]string{}
	for _, make := range []func(string, map[string]string) error{rowPages, apiPage, selectorsPage, cliPage, metricsPage, reasonsPage, harPage,
		wirePage, annotationsPage, conditionsPage, mistakesPage, consolePage} {
		if err := make(root, pages); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

func write(root string) error {
	pages, err := generated(root)
	if err != nil {
		return err
	}
	for name, text := range pages {
		file := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil { //nolint:gosec // documents that everybody reads
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil { //nolint:gosec // as above
			return err
		}
	}
	return nil
}

// rowPages are the two whose tables name the tests.
func rowPages(root string, pages map[string]string) error {
	tests, err := testsByRow(root)
	if err != nil {
		return err
	}
	for _, name := range []string{"docs/cors-statements.md", "docs/threats.md"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		pages[name] = fillRows(name, string(text), tests)
	}
	return nil
}
