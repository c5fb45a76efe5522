// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

func pagesOf(t *testing.T) []page {
	t.Helper()
	pages, err := readPages(root)
	if err != nil || len(pages) < 10 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	return pages
}

// TestLinks follows every relative link to its file, and to its heading there.
func TestLinks(t *testing.T) {
	pages, anchors := pagesOf(t), map[string]map[string]bool{}
	for _, p := range pages {
		anchors[p.path] = p.anchors()
	}
	for _, p := range pages {
		for line, targets := range p.links() {
			for _, target := range targets {
				if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
					continue
				}
				name, fragment, _ := strings.Cut(target, "#")
				file := p.path
				if name != "" {
					file = path.Join(path.Dir(p.path), name)
				}
				if _, err := os.Stat(filepath.Join(root, file)); err != nil {
					t.Errorf("%s:%d: the link to %s leads nowhere", p.path, line, target)
				} else if fragment != "" && anchors[file] != nil && !anchors[file][fragment] {
					t.Errorf("%s:%d: %s has no heading #%s", p.path, line, file, fragment)
				}
			}
		}
	}
}

// TestAnchors holds our reading of headings against what GitHub makes of them.
func TestAnchors(t *testing.T) {
	p := readPage("x.md", "# `ostiary explain METHOD URL`\n## What's new, 2.0?\n## What's new, 2.0?\n```sh\n# no "+
		"heading\n```\n<a id=\"s29\"></a>\n#no\n")
	got := p.anchors()
	for _, want := range []string{"ostiary-explain-method-url", "whats-new-20", "whats-new-20-1", "s29"} {
		if !got[want] {
			t.Errorf("%s is missing in %v", want, got)
		}
	}
	if len(got) != 4 {
		t.Errorf("%v", got)
	}
}
