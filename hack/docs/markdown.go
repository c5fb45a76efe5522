// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
)

// A block is a fenced part of a page.
type block struct {
	language, text string
	line           int // of its first line
}

// A page is a Markdown file.
type page struct {
	path   string // from the root of the repository
	lines  []string
	prose  []string // lines outside of fences; the others are empty
	blocks []block
}

// readPage parses as much of Markdown as the checks need.
func readPage(path, text string) page {
	p := page{path: path, lines: strings.Split(text, "\n")}
	var in *block
	for n, line := range p.lines {
		rest, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && in != nil:
			p.blocks, in = append(p.blocks, *in), nil
		case fence:
			in = &block{language: rest, line: n + 2}
		case in != nil:
			in.text += line + "\n"
		default:
			p.prose = append(p.prose, line)
			continue
		}
		p.prose = append(p.prose, "")
	}
	return p
}

// readPages reads every Markdown file below root that git would know.
func readPages(root string) ([]page, error) {
	var pages []page
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "node_modules" || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(d.Name(), ".md") && !strings.HasSuffix(d.Name(), ".md.tmpl") {
			return nil
		}
		text, err := os.ReadFile(path) //nolint:gosec // the repository is ours
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		pages = append(pages, readPage(filepath.ToSlash(name), string(text)))
		return nil
	})
	return pages, err
}

// anchors are the fragments that links to the page may have: GitHub's, of its
// headings, and those of HTML anchors.
func (p page) anchors() map[string]bool {
	found := map[string]bool{}
	for _, line := range p.prose {
		for _, m := range htmlAnchor.FindAllStringSubmatch(line, -1) {
			found[m[1]] = true
		}
		title := strings.TrimLeft(line, "#")
		if title == line || !strings.HasPrefix(title, " ") {
			continue
		}
		slug := anchorOf(title)
		for i := 0; found[slug]; i++ {
			slug = anchorOf(title) + "-" + string(rune('1'+i))
		}
		found[slug] = true
	}
	return found
}

// anchorOf is how GitHub names a heading.
func anchorOf(title string) string {
	title = link.ReplaceAllString(strings.TrimSpace(title), "$1")
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

var (
	link       = regexp.MustCompile(`\[([^\]]*)\]\(([^)\s]+)\)`)
	htmlAnchor = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	codeSpan   = regexp.MustCompile("`[^`]*`")
)

// links are the targets of the page's links, by line.
func (p page) links() map[int][]string {
	found := map[int][]string{}
	for n, line := range p.prose {
		for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllStringFunc(line, blank), -1) {
			found[n+1] = append(found[n+1], m[2])
		}
	}
	return found
}

// blank keeps the brackets of a code span from being read as a link.
func blank(s string) string {
	return strings.NewReplacer("[", " ", "]", " ", "(", " ", ")", " ").Replace(s)
}
