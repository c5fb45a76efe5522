// SPDX-License-Identifier: Apache-2.0

package main

import (
	"go/ast"
	"go/token"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// A told is a reason of a condition or an event, and the messages that come with it.
type told struct {
	value    string
	messages []string
}

// A teller finds them below controllers. Constants and messages are told by name, as
// no two constants of one name have different values there.
type teller struct {
	names map[string]string   // constants by name
	words map[string]ast.Expr // what functions return that put a message together
	found map[string]*told
}

// toldOf are all reasons that controllers tell of: constants that are called so, and what
// fills a field Reason, or stands where conditions and events are made.
func toldOf(root string) (map[string]*told, error) {
	t := teller{map[string]string{}, map[string]ast.Expr{}, map[string]*told{}}
	issues := map[string]bool{"authserver/policy/policy.go": true}
	each := func(visit func(f *ast.File)) error {
		return source(root, func(file string, f *ast.File) {
			if strings.HasPrefix(file, "controllers/") || issues[file] {
				visit(f)
			}
		})
	}
	if err := each(t.constants); err != nil {
		return nil, err
	}
	err := each(func(f *ast.File) { ast.Inspect(f, t.visit) })
	return t.found, err
}

var camel = regexp.MustCompile(`^[A-Z][a-z0-9]+(?:[A-Z0-9][A-Za-z0-9]*)*$|^[A-Z]+[a-z][A-Za-z0-9]*$`)

func (t teller) add(value, message string) {
	if !camel.MatchString(value) {
		return
	}
	if t.found[value] == nil {
		t.found[value] = &told{value: value}
	}
	if all := &t.found[value].messages; strings.ContainsAny(message, " ") && !slices.Contains(*all, message) {
		*all = append(*all, message)
	}
}

// constants remembers every constant, and what functions return; constants that are called
// a reason are one.
func (t teller) constants(f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Body == nil || len(d.Body.List) == 0 {
				continue
			}
			if last, ok := d.Body.List[len(d.Body.List)-1].(*ast.ReturnStmt); ok && len(last.Results) == 1 {
				t.words[d.Name.Name] = last.Results[0]
			}
		case *ast.GenDecl:
			if d.Tok == token.CONST {
				t.declared(d)
			}
		}
	}
}

func (t teller) declared(d *ast.GenDecl) {
	for _, s := range d.Specs {
		v := s.(*ast.ValueSpec)
		if len(v.Values) != 1 {
			continue
		}
		name, value := v.Names[0].Name, text(v.Values[0])
		t.names[name] = value
		typed, _ := v.Type.(*ast.Ident)
		if name == value || strings.HasPrefix(strings.ToLower(name), "reason") || strings.HasPrefix(d.Doc.Text(), "Reasons of") ||
			typed != nil && typed.Name == "IssueReason" {
			t.add(value, "")
		}
	}
}

func (t teller) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CompositeLit:
		t.add(t.field(n, "Reason", t.reason), t.field(n, "Message", t.message))
	case *ast.CallExpr:
		t.called(n)
	case *ast.FuncDecl:
		if n.Body != nil {
			t.block(n.Body.List, map[string]string{})
		}
	}
	return true
}

// field is what a literal has under a key.
func (t teller) field(n *ast.CompositeLit, name string, read func(ast.Expr) string) string {
	for _, e := range n.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && strings.EqualFold(key.Name, name) {
				return read(kv.Value)
			}
		}
	}
	return ""
}

// block reads statements in turn: what is said of a variable after its reason was set is a
// message of that.
func (t teller) block(list []ast.Stmt, reasons map[string]string) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			t.assigned(s, reasons)
		case *ast.ExprStmt:
			if call, ok := s.X.(*ast.CallExpr); ok && len(call.Args) > 1 {
				if of, ok := call.Args[0].(*ast.Ident); ok {
					t.add(reasons[of.Name], t.message(call.Args[1]))
				}
			}
		default:
			for _, body := range inside(s) {
				t.block(body, maps.Clone(reasons))
			}
		}
	}
}

// inside are the lists of statements in a statement.
func inside(s ast.Stmt) (out [][]ast.Stmt) {
	ast.Inspect(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			if len(n.List) > 0 {
				if _, cases := n.List[0].(*ast.CaseClause); cases {
					return true
				}
			}
			out = append(out, n.List)
			return false
		case *ast.CaseClause:
			out = append(out, n.Body)
			return false
		}
		return true
	})
	return out
}

// assigned is `c.Reason, c.Message = ...`, or a literal that has a reason.
func (t teller) assigned(n *ast.AssignStmt, reasons map[string]string) {
	if len(n.Lhs) != len(n.Rhs) {
		return
	}
	for i, to := range n.Lhs {
		switch to := to.(type) {
		case *ast.Ident:
			if made, ok := n.Rhs[i].(*ast.CompositeLit); ok {
				reasons[to.Name] = t.field(made, "Reason", t.reason)
			}
		case *ast.SelectorExpr:
			of, _ := to.X.(*ast.Ident)
			switch {
			case of == nil:
			case strings.EqualFold(to.Sel.Name, "Reason"):
				reasons[of.Name] = t.reason(n.Rhs[i])
				t.add(reasons[of.Name], "")
			case to.Sel.Name == "Message":
				t.add(reasons[of.Name], t.message(n.Rhs[i]))
			}
		}
	}
}

// called is a call that is given a reason by its name, or that makes a condition or an
// event, and then a message.
func (t teller) called(n *ast.CallExpr) {
	name := called(n)
	for i, arg := range n.Args {
		reason := t.reason(arg)
		if made, ok := arg.(*ast.CompositeLit); ok {
			reason = t.field(made, "Reason", t.reason)
		}
		_, literal := arg.(*ast.BasicLit)
		if makes := name == "condition" || name == "Eventf"; literal && (!makes || i != 3) || !literal && name != "no" && t.found[reason] == nil {
			continue
		}
		for _, next := range n.Args[i+1:] {
			if message := t.message(next); strings.Contains(message, " ") {
				t.add(reason, message)
				break
			}
		}
	}
}

// reason is the value of a literal, or of a constant.
func (t teller) reason(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return t.names[e.Name]
	case *ast.SelectorExpr:
		return t.names[e.Sel.Name]
	case *ast.CallExpr:
		if f, ok := e.Fun.(*ast.Ident); ok && f.Name == "string" {
			return t.reason(e.Args[0])
		}
	}
	return text(e)
}

var verb = regexp.MustCompile(`%[-+#]?\d*[a-z]|…(?:…)+`)

// message is what a string says, with … where something is filled in.
func (t teller) message(e ast.Expr) string {
	raw := t.raw(e)
	if raw == "…" {
		return ""
	}
	return strings.TrimSpace(verb.ReplaceAllString(strings.ReplaceAll(raw, "%%", "%"), "…"))
}

func (t teller) raw(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return text(e)
	case *ast.BinaryExpr:
		return t.raw(e.X) + t.raw(e.Y)
	case *ast.Ident:
		if value := t.names[e.Name]; value != "" {
			return value
		}
	case *ast.SelectorExpr:
		if value := t.names[e.Sel.Name]; value != "" {
			return value
		}
	case *ast.CallExpr:
		name := called(e)
		if name == "Sprintf" || name == "Truncate" {
			return t.raw(e.Args[0])
		}
		if c, ok := t.words[name].(*ast.CallExpr); ok && called(c) == "Sprintf" {
			return t.raw(c)
		}
	}
	return "…"
}

// called is the name of what a call calls.
func called(e *ast.CallExpr) string {
	switch f := e.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func values(all map[string]*told) []string { return slices.Sorted(maps.Keys(all)) }
