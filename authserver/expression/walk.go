// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"unicode"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A walker goes through an expression that checks, for what it looks at and for what is
// CEL but nothing for a policy.
type walker struct {
	ast      *ast.AST
	looks    policy.Looks
	names    []string
	patterns map[string]uint64 // of regular expressions, and how many instructions they are
	wrong    []string
}

func walk(checked *cel.Ast) *walker {
	w := &walker{ast: checked.NativeRep(), patterns: map[string]uint64{}}
	for _, e := range ast.MatchDescendants(ast.NavigateAST(w.ast), func(ast.NavigableExpr) bool { return true }) {
		w.visit(e)
	}
	if t := checked.OutputType(); !t.IsExactType(cel.BoolType) {
		w.wrong = append(w.wrong, fmt.Sprintf("the result is a %s, and has to be true or false: write a comparison",
			cut(t.String())))
	}
	slices.Sort(w.names)
	w.names = slices.Compact(w.names)
	slices.Sort(w.looks.Groups)
	w.looks.Groups = slices.Compact(w.looks.Groups)
	return w
}

// problem is all that is wrong.
func (w *walker) problem() string { return joined(w.wrong) }

func (w *walker) refuse(e ast.Expr, format string, args ...any) {
	at := w.ast.SourceInfo().GetStartLocation(e.ID())
	w.wrong = append(w.wrong, place(at.Line(), at.Column())+policy.Line(cut(fmt.Sprintf(format, args...))))
}

func (w *walker) visit(e ast.NavigableExpr) {
	switch e.Kind() { //nolint:exhaustive // nothing to say of the others
	case ast.IdentKind:
		w.name(e)
	case ast.CallKind:
		w.call(e)
	case ast.MapKind, ast.StructKind:
		w.refuse(e, "{}: there are no maps and no messages here; write a list")
	case ast.ComprehensionKind:
		if name := e.AsComprehension().IterVar(); name == "now" {
			w.refuse(e, "now: choose another name, as there is a variable of that one")
		}
	}
}

// name notes a variable.
func (w *walker) name(e ast.NavigableExpr) {
	name := e.AsIdent()
	if _, ok := variables[name]; !ok {
		return // one that all, exists, map or filter declares
	}
	w.names = append(w.names, name)
	about := strings.HasPrefix(name, "identity.")
	w.looks.Identity = w.looks.Identity || about
	w.looks.Request = w.looks.Request || !about
	switch name {
	case "identity.email":
		w.looks.Email = true
	case "identity.amr":
		w.looks.AMR = true
	case groups:
		w.group(e)
	}
}

// group notes which group is asked for. All of them would have to travel in the session
// if it were any other question, and a session has no room for all.
func (w *walker) group(e ast.NavigableExpr) {
	if up, ok := e.Parent(); ok && up.Kind() == ast.CallKind && up.AsCall().FunctionName() == operators.In {
		if args := up.AsCall().Args(); args[1].ID() == e.ID() {
			if name, ok := literal(args[0]); ok && isGroup(name) {
				w.looks.Groups = append(w.looks.Groups, name)
				return
			}
		}
	}
	w.refuse(e, "identity.groups can only be asked for one group by its name, as in 'staff' in identity.groups: a session keeps no "+
		"other groups than those that policies name")
}

// isGroup reports whether a provider can say that: 1 to 256 printable characters.
func isGroup(s string) bool {
	return s != "" && len(s) <= maxGroup && !strings.ContainsFunc(s, unicode.IsControl)
}

func literal(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}

// zone is one that is the same on every machine, and needs no file to be read.
var zone = regexp.MustCompile(`^(UTC|[+-](0\d|1[0-4]):[0-5]\d)$`)

func (w *walker) call(e ast.NavigableExpr) {
	c := e.AsCall()
	args := c.Args()
	switch name := c.FunctionName(); {
	case name == "matches":
		w.pattern(e, args[len(args)-1])
	case c.IsMemberFunction() && strings.HasPrefix(name, "get") && len(args) == 1: // those of timestamps
		if text, ok := literal(args[0]); !ok || !zone.MatchString(text) {
			w.refuse(args[0], "%s: write the time zone as 'UTC' or as an offset such as '+01:00'; names of zones change with "+
				"the machine", name)
		}
	}
}

func (w *walker) pattern(e, arg ast.Expr) {
	text, ok := literal(arg)
	if !ok {
		w.refuse(e, "matches: write the regular expression as one text in quotes")
		return
	}
	parsed, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		w.refuse(arg, "matches: %v", err)
		return
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		w.refuse(arg, "matches: %v", err)
		return
	}
	w.patterns[text] = uint64(len(program.Inst))
}
