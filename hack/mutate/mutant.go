// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"strconv"

	"golang.org/x/tools/go/ast/astutil"
)

// identifier is the variable that says which mutant the package is.
const identifier = "mutateWhich"

// joins is the function that is && or ||.
const joins = "mutateJoins"

// A mutant is one change.
type mutant struct {
	file string
	line int
	what string
}

// swaps are what stands in place of an operator.
var swaps = map[token.Token][]token.Token{
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL}, token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR}, token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
}

// mutated returns a file with all its mutants in it, of which the first has a number.
func mutated(name string, first int) (text []byte, pkg string, found []mutant, err error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, "", nil, err
	}
	m := mutator{fset: fset, name: name, first: first}
	astutil.Apply(file, m.enter, m.leave)
	var b bytes.Buffer
	err = format.Node(&b, fset, file)
	return b.Bytes(), file.Name.Name, m.found, err
}

type mutator struct {
	fset  *token.FileSet
	name  string
	first int
	found []mutant
}

// number notes a mutant, and returns the expression that is true for it.
func (m *mutator) number(at token.Pos, format string, args ...any) ast.Expr {
	m.found = append(m.found, mutant{m.name, m.fset.Position(at).Line, fmt.Sprintf(format, args...)})
	n := strconv.Itoa(m.first + len(m.found))
	return &ast.BinaryExpr{X: ast.NewIdent(identifier), Op: token.EQL, Y: &ast.BasicLit{Kind: token.INT, Value: n}}
}

// enter leaves constants alone: they take no calls.
func (m *mutator) enter(c *astutil.Cursor) bool {
	d, ok := c.Node().(*ast.GenDecl)
	return !ok || d.Tok != token.CONST && d.Tok != token.TYPE && d.Tok != token.IMPORT
}

// leave changes what is below before what is above.
func (m *mutator) leave(c *astutil.Cursor) bool {
	switch n := c.Node().(type) {
	case *ast.BinaryExpr:
		m.operator(c, n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			c.Replace(differs(m.number(n.Pos(), "!x becomes x"), n))
		}
	case *ast.IfStmt:
		n.Cond = differs(m.number(n.Pos(), "the condition of if is turned"), n.Cond)
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
			n.Results[i] = differs(m.number(n.Pos(), "return %s is turned", id.Name), id)
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
			c.Replace(m.unless(m.number(n.Pos(), "a call is left out"), n))
		}
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			c.Replace(m.unless(m.number(n.Pos(), "an assignment is left out"), n))
		}
	}
}

// operator swaps that of an expression. Operands are evaluated as often as before. Those of
// && and || are large, so they stand there once.
func (m *mutator) operator(c *astutil.Cursor, n *ast.BinaryExpr) {
	if id, ok := n.X.(*ast.Ident); ok && id.Name == identifier {
		return
	}
	if n.Op == token.LAND || n.Op == token.LOR {
		is := m.number(n.OpPos, "%s becomes %s", n.Op, swaps[n.Op][0])
		and := differs(is, ast.NewIdent(strconv.FormatBool(n.Op == token.LAND)))
		c.Replace(&ast.CallExpr{Fun: ast.NewIdent(joins), Args: []ast.Expr{and, n.X, function(&ast.ReturnStmt{Results: []ast.Expr{n.Y}})}})
		return
	}
	var now ast.Expr = n
	for _, op := range swaps[n.Op] {
		other := &ast.BinaryExpr{X: n.X, Op: op, Y: n.Y}
		now = m.either(m.number(n.OpPos, "%s becomes %s", n.Op, op), other, now)
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
