// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Kind is what a value is.
type Kind int

// The kinds of values.
const (
	Null Kind = iota
	Text
	Number
	Bool
	List
	Map
	Unknown // an expression that cannot be evaluated: Why says why
)

var kindNames = [...]string{"nothing", "a text", "a number", "true or false", "a list", "a map", "an expression"}

func (k Kind) String() string { return kindNames[k] }

// A Node is a value, and where it stands. A nil Node is one that is not there. Methods
// that read a value note that it was asked for.
type Node struct {
	File  string
	Line  int
	Kind  Kind
	Value string // of a Text, a Number or a Bool
	Why   string // of an Unknown
	Keys  []string
	Items []*Node // of a List

	fields map[string]*Node
	parent *Node
	step   string // from the parent
	seen   bool
	known  bool   // it is dealt with
	wrong  string // what was wanted and is not there
}

// Set adds a field to a map, and reports whether it was not there yet.
func (n *Node) Set(key string, value *Node) bool {
	if _, has := n.fields[key]; has {
		return false
	}
	if n.fields == nil {
		n.fields = map[string]*Node{}
	}
	n.fields[key] = value
	n.Keys = append(n.Keys, key)
	value.parent, value.step = n, key
	return true
}

// Add adds a member to a list.
func (n *Node) Add(value *Node) {
	value.parent, value.step = n, "["+strconv.Itoa(len(n.Items))+"]"
	n.Items = append(n.Items, value)
}

// Root makes paths begin at a value.
func (n *Node) Root() *Node {
	n.parent = nil
	return n
}

// Path is where a value stands, such as policies[1].include[0].email.
func (n *Node) Path() string {
	var steps []string
	for ; n != nil && n.parent != nil; n = n.parent {
		steps = append(steps, n.step)
	}
	slices.Reverse(steps)
	var b strings.Builder
	for i, step := range steps {
		switch {
		case strings.HasPrefix(step, "["):
		case strings.ContainsAny(step, ".[]/"):
			step = "[" + step + "]"
		case i > 0:
			step = "." + step
		}
		b.WriteString(step)
	}
	return b.String()
}

// Has reports whether a map has a field that is set to something, without asking for it.
func (n *Node) Has(key string) bool { return n != nil && !n.fields[key].Empty() }

// Peek is the field of a map, without asking for it.
func (n *Node) Peek(key string) *Node {
	if n == nil {
		return nil
	}
	return n.fields[key]
}

// Get is the field of a map at the end of a path of keys; nil where there is none, or null.
func (n *Node) Get(keys ...string) *Node {
	for _, key := range keys {
		if n = n.field(key); n == nil {
			return nil
		}
	}
	return n
}

func (n *Node) field(key string) *Node {
	if n == nil {
		return nil
	}
	if n.Kind != Map {
		n.want(Map)
		return nil
	}
	f := n.fields[key]
	if f == nil {
		return nil
	}
	f.seen = true
	if f.Kind == Null {
		return nil
	}
	return f
}

// want notes that a value is not what it should be.
func (n *Node) want(kind Kind) {
	n.seen = true
	if n.Kind != Unknown && n.Kind != Null && n.wrong == "" {
		n.wrong = fmt.Sprintf("%s is wanted here, and this is %s", kind, n.Kind)
	}
}

// Text is that of a text or a number; "" where there is none.
func (n *Node) Text() string {
	switch {
	case n == nil:
		return ""
	case n.Kind != Text && n.Kind != Number:
		n.want(Text)
		return ""
	}
	n.seen = true
	return n.Value
}

// Number is a whole number, and whether there is one.
func (n *Node) Number() (int, bool) {
	if n == nil {
		return 0, false
	}
	n.seen = true
	number, err := strconv.Atoi(n.Value)
	if err != nil || n.Kind != Text && n.Kind != Number {
		n.want(Number)
		if n.wrong == "" && n.Kind != Unknown && n.Kind != Null {
			n.wrong = "a whole number is wanted here"
		}
		return 0, false
	}
	return number, true
}

// Flag is a boolean. One that is not there is otherwise, and one that cannot be read is
// unclear.
func (n *Node) Flag(otherwise, unclear bool) bool {
	if n == nil || n.Kind == Null {
		return otherwise
	}
	n.seen = true
	if n.Kind == Bool || n.Kind == Text {
		if is, err := strconv.ParseBool(n.Value); err == nil {
			return is
		}
	}
	n.want(Bool)
	return unclear
}

// List are the members of a list. Anything else is a list of itself.
func (n *Node) List() []*Node {
	if n == nil || n.Kind == Null {
		return nil
	}
	n.seen = true
	if n.Kind != List {
		return []*Node{n}
	}
	for _, item := range n.Items {
		item.seen = true
	}
	return n.Items
}

// Texts are the texts of a list; what is none is noted.
func (n *Node) Texts() []string {
	var out []string
	for _, item := range n.List() {
		if text := item.Text(); text != "" {
			out = append(out, text)
		}
	}
	return out
}

// See notes that a value was asked for, though not what is in it.
func (n *Node) See() *Node {
	n.seen = true
	return n
}

// Known asks for a value and all that is in it: it is dealt with.
func (n *Node) Known() *Node {
	if n == nil {
		return nil
	}
	n.seen, n.known = true, true
	for _, item := range n.Items {
		item.Known()
	}
	for _, field := range n.fields {
		field.Known()
	}
	return n
}

// Empty reports whether there is nothing: null, "", an empty list or an empty map.
func (n *Node) Empty() bool {
	if n == nil {
		return true
	}
	switch n.Kind {
	case Null:
		return true
	case Text:
		return n.Value == ""
	case List:
		return len(n.Items) == 0
	case Map:
		return len(n.Keys) == 0
	default:
		return false
	}
}

// Unclear returns the first value in a tree that is an expression which cannot be evaluated.
func (n *Node) Unclear() *Node {
	if n == nil || n.Kind == Unknown {
		return n
	}
	for _, item := range n.Items {
		if u := item.Unclear(); u != nil {
			return u
		}
	}
	for _, key := range n.Keys {
		if u := n.fields[key].Unclear(); u != nil {
			return u
		}
	}
	return nil
}

// Rest calls say with each value that nobody has asked for, and with each that was not what
// it should be, with why. What is empty is nothing.
func (n *Node) Rest(say func(n *Node, why string)) {
	switch {
	case n == nil || n.known:
	case n.wrong != "":
		say(n, n.wrong)
	case !n.seen:
		if !n.Empty() {
			say(n, "")
		}
	case n.Kind == Unknown:
		say(n, n.Why)
	default:
		for _, item := range n.Items {
			item.Rest(say)
		}
		for _, key := range n.Keys {
			n.fields[key].Rest(say)
		}
	}
}
