// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Rows are the numbers of docs/cors-statements.md (S) and docs/threats.md (A to I).
// A test holds a row if the number stands in its name (TestS29_...), in its comment,
// or in a string of it, such as the name of a case. "S29-S31" is all three.
var (
	rowNumber = regexp.MustCompile(`(?:^|[^A-Za-z0-9%\\./#-])([SA-J][1-9][0-9]?)(?:(?:-| to )([SA-J][1-9][0-9]?))?(?:$|[^A-Za-z0-9])`)
	rowInName = regexp.MustCompile(`^(?:Test|Fuzz)((?:[SA-J][1-9][0-9]?_?)+)(?:[A-Z_]|$)`)
	oneRow    = regexp.MustCompile(`[SA-J][1-9][0-9]?`)
	rowLine   = regexp.MustCompile(`^\| (?:<a id="[a-z0-9]+"></a>)?([SA-J][1-9][0-9]?) \|`)
)

// A held is a test that holds a row, and how surely it was meant.
type held struct {
	name, file string
	rank       int // 0: named so; 1: said in its comment; 2: in a string or a comment inside
}

// rowsIn are the numbers in a text. Those between the ends of a range may be rows.
func rowsIn(text string) (rows, between []string) {
	for text != "" {
		m := rowNumber.FindStringSubmatchIndex(text)
		if m == nil {
			break
		}
		first := text[m[2]:m[3]]
		rows = append(rows, first)
		end := m[3]
		if m[4] >= 0 && text[m[4]] == first[0] {
			from, _ := strconv.Atoi(first[1:])
			to, _ := strconv.Atoi(text[m[4]+1 : m[5]])
			for n := from + 1; n < to; n++ {
				between = append(between, first[:1]+strconv.Itoa(n))
			}
			rows = append(rows, text[m[4]:m[5]])
			end = m[5]
		}
		text = text[end:]
	}
	return rows, between
}

// yieldRows tells yield about the rows of a text.
func yieldRows(text string, h held, yield func(string, held)) {
	rows, between := rowsIn(text)
	for _, row := range rows {
		yield(row, h)
	}
	h.rank += 2
	for _, row := range between {
		yield(row, h)
	}
}

// testsByRow reads every test of the tree.
func testsByRow(root string) (map[string][]held, error) {
	found := map[string]map[held]bool{}
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && file != root || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if !strings.HasSuffix(file, "_test.go") || filepath.Base(filepath.Dir(file)) == "docs" {
			return nil
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		return readTests(file, filepath.ToSlash(name), func(row string, h held) {
			if found[row] == nil {
				found[row] = map[held]bool{}
			}
			found[row][h] = true
		})
	})
	sorted := map[string][]held{}
	for row, tests := range found {
		sorted[row] = best(slices.Collect(maps.Keys(tests)))
	}
	return sorted, err
}

// best has each test once, the surest first.
func best(tests []held) []held {
	slices.SortFunc(tests, func(a, b held) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.file, b.file), cmp.Compare(a.name, b.name))
	})
	var once []held
	for _, h := range tests {
		if !slices.ContainsFunc(once, func(o held) bool { return o.name == h.name && o.file == h.file }) {
			once = append(once, h)
		}
	}
	return once
}

// readTests tells yield about the rows of one file.
func readTests(file, name string, yield func(string, held)) error {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, parser.ParseComments)
	if err != nil {
		return err
	}
	for _, decl := range f.Decls {
		test, doc := nameOfDecl(decl), ""
		if d, ok := decl.(*ast.FuncDecl); ok {
			doc = d.Doc.Text()
			if m := rowInName.FindStringSubmatch(d.Name.Name); m != nil {
				for _, row := range oneRow.FindAllString(m[1], -1) {
					yield(row, held{test, name, 0})
				}
			}
		} else if d, ok := decl.(*ast.GenDecl); ok {
			doc = d.Doc.Text()
		}
		yieldRows(doc, held{test, name, 1}, yield)
		readStrings(decl, name, yield)
		for _, group := range f.Comments {
			if group.Pos() > decl.Pos() && group.End() < decl.End() {
				yieldRows(group.Text(), held{test, name, 2}, yield)
			}
		}
	}
	return nil
}

// readStrings looks into the strings of a declaration. In a table of cases, whose
// first string is a name, that name is the test.
func readStrings(decl ast.Decl, file string, yield func(string, held)) {
	test := nameOfDecl(decl)
	var visit func(n ast.Node, test string)
	visit = func(n ast.Node, test string) {
		ast.Inspect(n, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if first := firstString(n); caseName.MatchString(first) && !strings.HasPrefix(test, "Test") {
					for _, e := range n.Elts {
						visit(e, test+"/"+first)
					}
					return false
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
					yieldRows(text, held{test, file, 2}, yield)
				}
			}
			return true
		})
	}
	visit(decl, test)
}

var caseName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9.]+)*$`)

func firstString(c *ast.CompositeLit) string {
	if len(c.Elts) == 0 {
		return ""
	}
	lit, ok := c.Elts[0].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, _ := strconv.Unquote(lit.Value)
	return text
}

// nameOfDecl is the function's name, or that of the first variable.
func nameOfDecl(decl ast.Decl) string {
	switch d := decl.(type) {
	case *ast.FuncDecl:
		return d.Name.Name
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if v, ok := s.(*ast.ValueSpec); ok {
				return v.Names[0].Name
			}
		}
	}
	return ""
}

// fillRows writes the last cell of every row's line: the tests that hold it.
func fillRows(name, text string, tests map[string][]held) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		m := rowLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(line, "|"), "|")
		cells[len(cells)-1] = " " + testsCell(name, tests[m[1]]) + " "
		lines[i] = strings.Join(cells, "|") + "|"
	}
	return strings.Join(lines, "\n")
}

// mostTests is how many tests a row names.
const mostTests = 4

func testsCell(page string, tests []held) string {
	var links []string
	for i, h := range tests {
		if i == mostTests {
			links = append(links, fmt.Sprintf("%d more", len(tests)-i))
			break
		}
		links = append(links, fmt.Sprintf("[%s](%s%s)", h.shown(), strings.Repeat("../", strings.Count(page, "/")), h.file))
	}
	return strings.Join(links, ", ")
}

// shown is the package and the test: policy.TestSessions, conformance/head.
func (h held) shown() string {
	dir := path.Base(path.Dir(h.file))
	if _, name, ok := strings.Cut(h.name, "/"); ok {
		return dir + "/" + name
	}
	return dir + "." + h.name
}
