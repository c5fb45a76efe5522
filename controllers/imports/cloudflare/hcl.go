// SPDX-License-Identifier: Apache-2.0

package cloudflare

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/ostiary/ostiary/controllers/imports/tree"
)

const (
	maxHCL   = 8 << 20
	maxNest  = 200      // of brackets, templates and signs
	maxForks = 2000     // conditions in a file
	maxNames = 1000     // references in an expression
	maxValue = 64 << 10 // bytes of what a variable stands for
)

// module is what Terraform files say together.
type module struct {
	blocks    []*hclsyntax.Block
	variables map[string]cty.Value
	locals    map[string]*hclsyntax.Attribute
	context   *hcl.EvalContext
	source    map[string][]byte // of each file
	values    []*hclsyntax.Body // of .tfvars files
}

func newModule() *module {
	return &module{variables: map[string]cty.Value{}, locals: map[string]*hclsyntax.Attribute{}, source: map[string][]byte{}}
}

// read adds a file.
func (m *module) read(file string, text []byte) error {
	if len(text) > maxHCL {
		return fmt.Errorf("it has more than %d bytes", maxHCL)
	}
	if err := shallow(file, text); err != nil {
		return err
	}
	parsed, diags := hclsyntax.ParseConfig(text, file, hcl.InitialPos)
	if diags.HasErrors() {
		return errors.New(diags[0].Error())
	}
	body := parsed.Body.(*hclsyntax.Body) // that is what hclsyntax makes
	m.source[file] = text
	if strings.HasSuffix(file, ".tfvars") {
		m.values = append(m.values, body)
		return nil
	}
	m.blocks = append(m.blocks, body.Blocks...)
	if len(body.Attributes) > 0 {
		return errors.New("there are values outside of blocks: name a file of variables *.tfvars")
	}
	return nil
}

// shallow refuses what would take the parser too deep: it calls itself for each level.
func shallow(file string, text []byte) error {
	tokens, _ := hclsyntax.LexConfig(text, file, hcl.InitialPos) // the parser tells of mistakes
	depth, signs, forks := 0, 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp:
			depth++
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			depth--
		case hclsyntax.TokenQuestion, hclsyntax.TokenTemplateControl:
			forks++
		default:
		}
		signs++
		if t.Type != hclsyntax.TokenBang && t.Type != hclsyntax.TokenMinus {
			signs = 0
		}
		if depth > maxNest || signs > maxNest || forks > maxForks {
			return fmt.Errorf("line %d: it is nested too deep", t.Range.Start.Line)
		}
	}
	return nil
}

// resolve evaluates variables and locals, and has resources known by their addresses.
func (m *module) resolve() {
	m.context = &hcl.EvalContext{Variables: map[string]cty.Value{}}
	for _, b := range m.blocks {
		switch b.Type {
		case "variable":
			if a := b.Body.Attributes["default"]; a != nil && len(b.Labels) == 1 {
				if v, why := m.value(a.Expr); why == "" && !v.IsNull() {
					m.variables[b.Labels[0]] = v
				}
			}
		case "locals":
			for name, a := range b.Body.Attributes {
				m.locals[name] = a
			}
		}
	}
	for _, body := range m.values {
		for name, a := range body.Attributes {
			if v, why := m.value(a.Expr); why == "" {
				m.variables[name] = v
			}
		}
	}
	m.context.Variables["var"] = cty.ObjectVal(m.variables)
	m.addresses()
	m.resolveLocals()
}

// resolveLocals: a local may name others.
func (m *module) resolveLocals() {
	known := map[string]cty.Value{}
	for range 10 {
		before := len(known)
		m.context.Variables["local"] = cty.ObjectVal(known)
		for name, a := range m.locals {
			if _, done := known[name]; done {
				continue
			}
			if v, why := m.value(a.Expr); why == "" {
				known[name] = v
			}
		}
		if len(known) == before {
			return
		}
	}
}

// addresses makes TYPE.NAME.id stand for TYPE.NAME, by which a resource is looked up.
func (m *module) addresses() {
	types := map[string]map[string]cty.Value{}
	for _, b := range m.blocks {
		if b.Type != "resource" || len(b.Labels) != 2 || multiplied(b.Body) {
			continue
		}
		if types[b.Labels[0]] == nil {
			types[b.Labels[0]] = map[string]cty.Value{}
		}
		types[b.Labels[0]][b.Labels[1]] = cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal(b.Labels[0] + "." + b.Labels[1])})
	}
	for name, of := range types {
		m.context.Variables[name] = cty.ObjectVal(of)
	}
}

func multiplied(body *hclsyntax.Body) bool {
	return body.Attributes["count"] != nil || body.Attributes["for_each"] != nil
}

// value evaluates an expression, or says why it cannot be.
func (m *module) value(e hclsyntax.Expression) (cty.Value, string) {
	names, loops := 0, false
	_ = hclsyntax.VisitAll(e, func(n hclsyntax.Node) hcl.Diagnostics {
		switch n.(type) {
		case *hclsyntax.ScopeTraversalExpr:
			names++
		case *hclsyntax.ForExpr, *hclsyntax.SplatExpr:
			loops = true
		}
		return nil
	})
	if loops || names > maxNames {
		return cty.NilVal, m.why(e, "loops are not run")
	}
	v, diags := e.Value(m.context)
	if diags.HasErrors() {
		return cty.NilVal, m.why(e, diags[0].Summary)
	}
	if !v.IsWhollyKnown() || size(v) > maxValue && names > 0 {
		return cty.NilVal, m.why(e, "it is too long, or not known")
	}
	return v, ""
}

func (m *module) why(e hclsyntax.Expression, what string) string {
	r := e.Range()
	text := string(r.SliceBytes(m.source[r.Filename]))
	if len(text) > 60 {
		text = text[:60] + "..."
	}
	text = strings.Join(strings.Fields(text), " ")
	return fmt.Sprintf("%s has no value here (%s)", strings.ToValidUTF8(text, "?"), what)
}

func size(v cty.Value) int {
	switch {
	case v.IsNull():
		return 1
	case v.Type() == cty.String:
		return 1 + len(v.AsString())
	case v.CanIterateElements():
		n := 1
		for _, e := range v.Elements() {
			n += size(e)
		}
		return n
	default:
		return 1
	}
}

// resources are those of all files, as values.
func (m *module) resources() []*tree.Node {
	m.resolve()
	var out []*tree.Node
	for _, b := range m.blocks {
		labels := append(slices.Clone(b.Labels), "", "")
		n := m.body(b.Body)
		n.Set("\x00block", text(n, b.Type))
		n.Set("\x00type", text(n, labels[0]))
		n.Set("\x00address", text(n, strings.Join(b.Labels, ".")))
		n.Line = b.TypeRange.Start.Line
		out = append(out, n)
	}
	return out
}

func text(at *tree.Node, value string) *tree.Node {
	return &tree.Node{File: at.File, Line: at.Line, Kind: tree.Text, Value: value}
}

// body is a map: attributes, and lists of nested blocks.
func (m *module) body(b *hclsyntax.Body) *tree.Node {
	n := &tree.Node{File: b.SrcRange.Filename, Line: b.SrcRange.Start.Line, Kind: tree.Map}
	attributes := make([]*hclsyntax.Attribute, 0, len(b.Attributes))
	for _, a := range b.Attributes {
		attributes = append(attributes, a)
	}
	slices.SortFunc(attributes, func(a, b *hclsyntax.Attribute) int { return a.SrcRange.Start.Byte - b.SrcRange.Start.Byte })
	for _, a := range attributes {
		n.Set(a.Name, m.node(a.Expr))
	}
	for _, block := range b.Blocks {
		name, item := block.Type, (*tree.Node)(nil)
		if name == "dynamic" && len(block.Labels) == 1 {
			name = block.Labels[0]
			item = &tree.Node{Kind: tree.Unknown, Why: "a dynamic block has no value here"}
			item.File, item.Line = block.TypeRange.Filename, block.TypeRange.Start.Line
		} else {
			item = m.body(block.Body)
		}
		list := n.Peek(name)
		if list == nil {
			list = &tree.Node{File: item.File, Line: item.Line, Kind: tree.List}
			n.Set(name, list)
		}
		if list.Kind != tree.List { // an attribute of the same name
			list.Kind, list.Why = tree.Unknown, "it is an attribute and a block"
			continue
		}
		list.Add(item)
	}
	return n
}

// node is an expression's value. Of a list or an object each part is evaluated by itself.
func (m *module) node(e hclsyntax.Expression) *tree.Node {
	r := e.Range()
	n := &tree.Node{File: r.Filename, Line: r.Start.Line}
	switch e := e.(type) {
	case *hclsyntax.TupleConsExpr:
		n.Kind = tree.List
		for _, item := range e.Exprs {
			n.Add(m.node(item))
		}
		return n
	case *hclsyntax.ObjectConsExpr:
		n.Kind = tree.Map
		for _, item := range e.Items {
			key, diags := item.KeyExpr.Value(m.context)
			known := !diags.HasErrors() && key.IsWhollyKnown() && !key.IsNull() && key.Type() == cty.String
			if !known || !n.Set(key.AsString(), m.node(item.ValueExpr)) {
				n.Kind, n.Why = tree.Unknown, m.why(item.KeyExpr, "a key that is not known, or stands twice")
				return n
			}
		}
		return n
	}
	v, why := m.value(e)
	if why != "" {
		n.Kind, n.Why = tree.Unknown, why
		return n
	}
	return fill(n, v)
}

// fill makes a node of a value.
func fill(n *tree.Node, v cty.Value) *tree.Node {
	child := func(v cty.Value) *tree.Node { return fill(&tree.Node{File: n.File, Line: n.Line}, v) }
	switch t := v.Type(); {
	case v.IsNull():
	case t == cty.String:
		n.Kind, n.Value = tree.Text, v.AsString()
	case t == cty.Number:
		n.Kind, n.Value = tree.Number, v.AsBigFloat().Text('g', 20)
	case t == cty.Bool:
		n.Kind, n.Value = tree.Bool, fmt.Sprint(v.True())
	case t.IsObjectType() || t.IsMapType():
		n.Kind = tree.Map
		for key, e := range v.Elements() {
			n.Set(key.AsString(), child(e))
		}
	case v.CanIterateElements():
		n.Kind = tree.List
		for _, e := range v.Elements() {
			n.Add(child(e))
		}
	default:
		n.Kind, n.Why = tree.Unknown, "it is no value of a configuration"
	}
	return n
}
