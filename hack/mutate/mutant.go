// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"

	"golang.org/x/tools/go/ast/astutil"
)

// A mutant is one change.
type mutant struct {
	number         int    // from 1
	file, function string // the file's path in the module; Type.Method, or the variable that is declared
	line           int
	what           string
	code           string // a sum over the text of the declaration
}

// id names a mutant. It stands when lines move.
func (m *mutant) id() string { return m.file + " " + m.function + " " + m.what }

// swaps are what stands in place of an operator.
var swaps = map[token.Token][]token.Token{
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL}, token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR}, token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
}

// mutated returns a file with all its mutants in it; first is how many there are before.
func mutated(at, name string, first int) (text []byte, pkg string, found []*mutant, err error) {
	fset := token.NewFileSet()
	source, err := os.ReadFile(at)
	if err != nil {
		return nil, "", nil, err
	}
	file, err := parser.ParseFile(fset, at, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, "", nil, err
	}
	m := mutator{fset: fset, source: source, name: name, first: first, texts: map[ast.Node]original{}, seen: map[string]int{}}
	astutil.Apply(file, m.enter, m.leave)
	var b bytes.Buffer
	err = format.Node(&b, fset, file)
	return b.Bytes(), file.Name.Name, m.found, err
}

type mutator struct {
	fset           *token.FileSet
	source         []byte
	name           string
	first          int
	function, code string // of the declaration that is walked
	texts          map[ast.Node]original
	seen           map[string]int
	found          []*mutant
}

// An original is what stood in the file. It is noted before anything below is replaced.
type original struct {
	line int
	text string
}

// longest is how much of a text names a mutant.
const longest = 80

func (m *mutator) original(n ast.Node) original {
	text := strings.Join(strings.Fields(m.between(n)), " ")
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return original{m.fset.Position(n.Pos()).Line, text}
}

func (m *mutator) between(n ast.Node) string {
	return string(m.source[m.fset.Position(n.Pos()).Offset:m.fset.Position(n.End()).Offset])
}

// number notes a mutant of a node, and returns the expression that is true for it.
func (m *mutator) number(n ast.Node, format string, args ...any) ast.Expr {
	was := m.texts[n]
	what := fmt.Sprintf("`%s`: ", was.text) + fmt.Sprintf(format, args...)
	key := m.function + " " + what
	if m.seen[key]++; m.seen[key] > 1 {
		what += fmt.Sprintf(" (%d)", m.seen[key])
	}
	number := m.first + len(m.found) + 1
	m.found = append(m.found, &mutant{number, m.name, m.function, was.line, what, m.code})
	return &ast.CallExpr{Fun: ast.NewIdent("mutateIs"), Args: []ast.Expr{&ast.BasicLit{Kind: token.INT, Value: strconv.Itoa(number)}}}
}

// enter leaves constants alone: they take no calls.
func (m *mutator) enter(c *astutil.Cursor) bool {
	switch n := c.Node().(type) {
	case *ast.GenDecl:
		if _, top := c.Parent().(*ast.File); top {
			m.declares(n, declared(n))
		}
		return n.Tok != token.CONST && n.Tok != token.TYPE && n.Tok != token.IMPORT
	case *ast.FuncDecl:
		m.declares(n, called(n))
	case *ast.IfStmt:
		m.texts[n] = m.original(n.Cond)
	case *ast.BinaryExpr, *ast.UnaryExpr, *ast.ReturnStmt, *ast.ExprStmt, *ast.AssignStmt:
		m.texts[n] = m.original(n)
	}
	return true
}

func (m *mutator) declares(n ast.Node, name string) {
	sum := sha256.Sum256([]byte(m.between(n)))
	m.function, m.code = name, hex.EncodeToString(sum[:8])
}

// declared is the name of the first variable of a declaration.
func declared(d *ast.GenDecl) string {
	for _, s := range d.Specs {
		if v, ok := s.(*ast.ValueSpec); ok {
			return v.Names[0].Name
		}
	}
	return "_"
}

// called is the name of a function, or Type.Method.
func called(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return f.Name.Name
	}
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name + "." + f.Name.Name
		default:
			return f.Name.Name
		}
	}
}

// leave changes what is below before what is above.
func (m *mutator) leave(c *astutil.Cursor) bool {
	if _, ours := m.texts[c.Node()]; !ours {
		return true
	}
	switch n := c.Node().(type) {
	case *ast.BinaryExpr:
		m.operator(c, n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			c.Replace(differs(m.number(n, "! is left out"), n))
		}
	case *ast.IfStmt:
		n.Cond = differs(m.number(n, "the condition of if is turned"), n.Cond)
	case *ast.ReturnStmt:
		m.answer(n)
	case ast.Stmt:
		m.statement(c, n)
	}
	return true
}

// answer turns true and false.
func (m *mutator) answer(n *ast.ReturnStmt) {
	for i, r := range n.Results {
		if id, ok := r.(*ast.Ident); ok && (id.Name == "true" || id.Name == "false") {
			n.Results[i] = differs(m.number(n, "%s is turned", id.Name), id)
		}
	}
}

// statement leaves a statement out that has an effect and declares nothing.
func (m *mutator) statement(c *astutil.Cursor, s ast.Stmt) {
	if c.Index() < 0 { // it is a part of another statement
		return
	}
	switch n := s.(type) {
	case *ast.ExprStmt:
		if call, ok := n.X.(*ast.CallExpr); ok && !panics(call) {
			c.Replace(m.unless(m.number(n, "the call is left out"), n))
		}
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			c.Replace(m.unless(m.number(n, "the assignment is left out"), n))
		}
	}
}

// operator swaps that of an expression. Operands are evaluated as often as before. Those of
// && and || are large, so they stand there once.
func (m *mutator) operator(c *astutil.Cursor, n *ast.BinaryExpr) {
	if n.Op == token.LAND || n.Op == token.LOR {
		is := m.number(n, "%s becomes %s", n.Op, swaps[n.Op][0])
		and := differs(is, ast.NewIdent(strconv.FormatBool(n.Op == token.LAND)))
		right := function(&ast.ReturnStmt{Results: []ast.Expr{n.Y}})
		c.Replace(&ast.CallExpr{Fun: ast.NewIdent("mutateJoins"), Args: []ast.Expr{and, n.X, right}})
		return
	}
	var now ast.Expr = n
	for _, op := range swaps[n.Op] {
		other := &ast.BinaryExpr{X: n.X, Op: op, Y: n.Y}
		now = m.either(m.number(n, "%s becomes %s", n.Op, op), other, now)
	}
	if now != ast.Expr(n) {
		c.Replace(now)
	}
}

// either is x for the mutant, and y else.
func (m *mutator) either(is, x, y ast.Expr) ast.Expr {
	return &ast.CallExpr{Fun: function(
		&ast.IfStmt{Cond: is, Body: &ast.BlockStmt{List: []ast.Stmt{&ast.ReturnStmt{Results: []ast.Expr{x}}}}},
		&ast.ReturnStmt{Results: []ast.Expr{y}},
	)}
}

// function is one that returns a bool.
func function(body ...ast.Stmt) *ast.FuncLit {
	results := &ast.FieldList{List: []*ast.Field{{Type: ast.NewIdent("bool")}}}
	return &ast.FuncLit{Type: &ast.FuncType{Params: &ast.FieldList{}, Results: results}, Body: &ast.BlockStmt{List: body}}
}

// differs turns an expression for the mutant.
func differs(is, x ast.Expr) ast.Expr {
	return &ast.BinaryExpr{X: &ast.ParenExpr{X: x}, Op: token.NEQ, Y: &ast.ParenExpr{X: is}}
}

func (m *mutator) unless(is ast.Expr, s ast.Stmt) ast.Stmt {
	return &ast.IfStmt{Cond: &ast.UnaryExpr{Op: token.NOT, X: &ast.ParenExpr{X: is}}, Body: &ast.BlockStmt{List: []ast.Stmt{s}}}
}

func panics(c *ast.CallExpr) bool {
	id, ok := c.Fun.(*ast.Ident)
	return ok && id.Name == "panic"
}
