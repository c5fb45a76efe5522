// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// A house is what was measured.
type house struct {
	root     string
	packages []*pkg // by path
	files    []*file
}

// A pkg is a folder of Go files, without what is generated.
type pkg struct {
	path                    string
	files, lines, testLines int
	up                      []string // packages above it that it imports
	bothWays                []string // pairs of its files
}

// ratio is how many lines of tests there are for one of code.
func (p *pkg) ratio() float64 { return float64(p.testLines) / float64(max(p.lines, 1)) }

type file struct {
	path      string
	test      bool
	lines     int
	long      []int // the numbers of its lines that are too long
	functions []function

	imports []string
	defines []string
	uses    map[string]bool
}

type function struct {
	at, name          string // where, and "FILE NAME"
	lines, complexity int
}

func lines(f function) int      { return f.lines }
func complexity(f function) int { return f.complexity }

// functions are those of code, or of all.
func (h *house) functions(tests bool) []function {
	var out []function
	for _, f := range h.files {
		if tests || !f.test {
			out = append(out, f.functions...)
		}
	}
	return out
}

func (h *house) percentile(p int, of func(function) int) int {
	var all []int
	for _, f := range h.functions(false) {
		all = append(all, of(f))
	}
	slices.Sort(all)
	if len(all) == 0 {
		return 0
	}
	return all[(len(all)-1)*p/100]
}

// longLines counts those of code and of tests.
func (h *house) longLines() (code, tests int) {
	for _, f := range h.files {
		if f.test {
			tests += len(f.long)
		} else {
			code += len(f.long)
		}
	}
	return code, tests
}

// measure reads every Go file below a folder, but for what is generated.
func measure(root string) (*house, error) {
	h := &house{root: root}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		relative, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f, err := read(name, filepath.ToSlash(relative))
		if f != nil {
			h.files = append(h.files, f)
		}
		return err
	})
	h.group()
	return h, err
}

// read measures a file; nil is one that is generated.
func read(name, path string) (*file, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, name, text, parser.ParseComments)
	if err != nil || ast.IsGenerated(parsed) {
		return nil, err
	}
	f := &file{path: path, test: strings.HasSuffix(path, "_test.go"), lines: strings.Count(string(text), "\n"), uses: map[string]bool{}}
	for i, line := range strings.Split(string(text), "\n") {
		// A marker cannot be broken.
		if utf8.RuneCountInString(line) > maxLine && !strings.HasPrefix(strings.TrimSpace(line), "// +kubebuilder:") {
			f.long = append(f.long, i+1)
		}
	}
	for _, i := range parsed.Imports {
		f.imports = append(f.imports, strings.Trim(i.Path.Value, `"`))
	}
	for _, d := range parsed.Decls {
		f.declare(set, d)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			f.uses[id.Name] = true
		}
		return true
	})
	return f, nil
}

// declare notes what a file defines.
func (f *file) declare(set *token.FileSet, d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		f.defines = append(f.defines, d.Name.Name)
		if d.Body == nil {
			return
		}
		from, to := set.Position(d.Pos()), set.Position(d.End())
		f.functions = append(f.functions, function{at: fmt.Sprintf("%s:%d %s", f.path, from.Line, d.Name.Name), name: path.Base(f.path) + " " +
			d.Name.Name,
			lines: to.Line - from.Line + 1, complexity: ways(d)})
	case *ast.GenDecl:
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				f.defines = append(f.defines, s.Name.Name)
			case *ast.ValueSpec:
				for _, n := range s.Names {
					f.defines = append(f.defines, n.Name)
				}
			}
		}
	}
}

// ways counts as gocyclo does.
func ways(d *ast.FuncDecl) int {
	n := 1
	ast.Inspect(d, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.RangeStmt:
			n++
		case *ast.CaseClause:
			if node.List != nil {
				n++
			}
		case *ast.CommClause:
			if node.Comm != nil {
				n++
			}
		case *ast.BinaryExpr:
			if node.Op == token.LAND || node.Op == token.LOR {
				n++
			}
		}
		return true
	})
	return n
}

// group makes the packages of the files.
func (h *house) group() {
	files := map[string][]*file{}
	for _, f := range h.files {
		files[path.Dir(f.path)] = append(files[path.Dir(f.path)], f)
	}
	for at, all := range files {
		p := &pkg{path: at}
		for _, f := range all {
			if f.test {
				p.testLines += f.lines
				continue
			}
			p.files++
			p.lines += f.lines
			for _, i := range f.imports {
				above, ours := strings.CutPrefix(i, module+"/")
				if ours && strings.HasPrefix(at, above+"/") && !slices.Contains(p.up, above) {
					p.up = append(p.up, above)
				}
			}
		}
		p.bothWays = bothWays(all)
		h.packages = append(h.packages, p)
	}
	slices.SortFunc(h.packages, func(a, b *pkg) int { return cmp.Compare(a.path, b.path) })
}

// bothWays are the pairs of files of a package each of which uses a name that the
// other one defines. (By name alone: two methods of one name are one here, and left
// aside.)
func bothWays(all []*file) []string {
	at := definedIn(all)
	needs := map[[2]*file]bool{}
	for _, f := range all {
		for name := range f.uses {
			if of := at[name]; of != nil && of != f && !f.test {
				needs[[2]*file{f, of}] = true
			}
		}
	}
	var out []string
	for pair := range needs {
		if pair[0].path < pair[1].path && needs[[2]*file{pair[1], pair[0]}] {
			out = append(out, path.Base(pair[0].path)+" ⇄ "+path.Base(pair[1].path))
		}
	}
	slices.Sort(out)
	return out
}

// definedIn is the one file that defines a name; names of several have none.
func definedIn(all []*file) map[string]*file {
	times, at := map[string]int{}, map[string]*file{}
	for _, f := range all {
		for _, name := range f.defines {
			times[name]++
			at[name] = f
		}
	}
	for name, n := range times {
		if n > 1 || at[name].test {
			delete(at, name)
		}
	}
	return at
}
