// SPDX-License-Identifier: Apache-2.0

package expression

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
	"weak"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/interpreter"

	"github.com/ostiary/ostiary/authserver/policy"
)

// MaxLength is of how many characters an expression can be.
const MaxLength = 2048

// Compile compiles an expression. It never fails: what is wrong is its Problem, and then
// it holds of nothing. Compiling takes about a millisecond, so one text is compiled once
// for as long as anybody has what came of it.
func Compile(text string) policy.Condition { return memo.get(text) }

// MaxOfPolicy is how many expressions a policy can have: to compile one that is made to be
// slow takes up to 50 ms.
const MaxOfPolicy = 50

// Surplus stands for an expression that is one too many of its policy, uncompiled.
func Surplus(text string) policy.Condition {
	return &condition{text: text, problem: fmt.Sprintf("a policy can have at most %d expressions", MaxOfPolicy)}
}

// memo has what is in use, by text.
var memo = remembered{byText: map[string]weak.Pointer[condition]{}}

type remembered struct {
	mu     sync.Mutex
	byText map[string]weak.Pointer[condition]
}

func (m *remembered) get(text string) *condition {
	if c := m.known(text); c != nil {
		return c
	}
	c := compile(text)
	m.mu.Lock()
	defer m.mu.Unlock()
	if other := m.byText[text].Value(); other != nil { // who was faster
		return other
	}
	m.byText[text] = weak.Make(c)
	runtime.AddCleanup(c, m.forget, text)
	return c
}

func (m *remembered) known(text string) *condition {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.byText[text].Value()
}

func (m *remembered) forget(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.byText[text].Value() == nil {
		delete(m.byText, text)
	}
}

// A condition is an expression compiled.
type condition struct {
	text    string
	problem string
	looks   policy.Looks
	names   []string // of the variables that it looks at
	cost    uint64
	program cel.Program
}

func (c *condition) Text() string        { return c.text }
func (c *condition) Problem() string     { return c.problem }
func (c *condition) Looks() policy.Looks { return c.looks }
func (c *condition) Cost() uint64        { return c.cost }

// Holds evaluates the expression.
func (c *condition) Holds(f *policy.Facts) (bool, error) {
	if c.program == nil {
		return false, errBroken
	}
	value, _, err := c.program.Eval((*facts)(f))
	if err != nil {
		if c.lacks((*facts)(f)) {
			return false, policy.ErrUnknown
		}
		return false, err
	}
	holds, ok := value.Value().(bool)
	if !ok {
		return false, errNotBool
	}
	return holds, nil
}

// lacks reports whether a fact that the expression looks at is not known.
func (c *condition) lacks(f *facts) bool {
	return slices.ContainsFunc(c.names, func(name string) bool {
		_, known := f.ResolveName(name)
		return !known
	})
}

func compile(text string) *condition {
	c := &condition{text: text}
	switch n := utf8.RuneCountInString(text); {
	case n > MaxLength:
		c.problem = fmt.Sprintf("the expression has %d characters, and at most %d are allowed", n, MaxLength)
		return c
	case strings.TrimSpace(text) == "":
		c.problem = "the expression is empty"
		return c
	case !utf8.ValidString(text):
		c.problem = "the expression is not valid UTF-8"
		return c
	}
	env, err := environment()
	if err != nil {
		c.problem = err.Error()
		return c
	}
	ast, issues := env.Compile(text)
	if issues.Err() != nil {
		c.problem = wordsOf(text, issues)
		return c
	}
	w := walk(ast)
	if c.problem = w.problem(); c.problem != "" {
		return c
	}
	c.looks, c.names = w.looks, w.names
	if c.cost, c.problem = costOf(env, ast, w.patterns); c.problem != "" {
		return c
	}
	program, err := env.Program(ast,
		cel.EvalOptions(cel.OptOptimize),
		cel.OptimizeRegex(interpreter.MatchesRegexOptimization),
		cel.CostTracking(&estimator{patterns: w.patterns}),
		cel.CostLimit(policy.MaxConditionCost))
	if err != nil { // a part of it has the same answer always, and that is none
		c.cost, c.problem = 0, policy.Line(cut(err.Error()))
		return c
	}
	c.program = program
	return c
}
