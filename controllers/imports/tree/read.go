// SPDX-License-Identifier: Apache-2.0

package tree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	// MaxSize is how many bytes a file may have.
	MaxSize   = 32 << 20
	maxDepth  = 100
	maxValues = 2_000_000 // of a file, aliases included
	maxAlias  = 20_000    // values that the aliases of a file stand for
)

var errDeep = fmt.Errorf("values are nested more than %d deep", maxDepth)

// A File is a text, and what it is called.
type File struct {
	Name string
	Text []byte
}

// lines tells the line of an offset.
type lines []int

func newLines(text []byte) lines {
	var out lines
	for i, c := range text {
		if c == '\n' {
			out = append(out, i)
		}
	}
	return out
}

func (l lines) at(offset int64) int { return 1 + sort.SearchInts(l, int(offset)) }

type jsonReader struct {
	file  string
	lines lines
	*json.Decoder
}

// JSON reads one JSON text. A key that stands twice in an object is refused: programs
// differ in which of the two they take.
func JSON(file string, text []byte) (*Node, error) {
	r := &jsonReader{file, newLines(text), json.NewDecoder(bytes.NewReader(text))}
	r.UseNumber()
	n, err := r.value(0)
	if err == nil {
		if _, more := r.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("there is something behind the end of the JSON text")
		}
	}
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", r.lines.at(r.InputOffset()), err)
	}
	return n.Root(), nil
}

func (r *jsonReader) value(depth int) (*Node, error) {
	t, err := r.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	n := &Node{File: r.file, Line: r.lines.at(r.InputOffset() - 1)}
	switch t := t.(type) {
	case json.Delim:
		if depth >= maxDepth {
			return nil, errDeep
		}
		if t == '{' {
			n.Kind = Map
			return n, r.object(n, depth)
		}
		n.Kind = List
		return n, r.array(n, depth)
	case string:
		n.Kind, n.Value = Text, t
	case json.Number:
		n.Kind, n.Value = Number, t.String()
	case bool:
		n.Kind, n.Value = Bool, fmt.Sprint(t)
	}
	return n, nil
}

func (r *jsonReader) object(n *Node, depth int) error {
	for r.More() {
		key, err := r.Token()
		if err != nil {
			return err
		}
		field, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		if !n.Set(key.(string), field) { // a key is a string: the decoder sees to that
			return fmt.Errorf("%q stands twice in an object", key)
		}
	}
	_, err := r.Token()
	return err
}

func (r *jsonReader) array(n *Node, depth int) error {
	for r.More() {
		item, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		n.Add(item)
	}
	_, err := r.Token()
	return err
}

type yamlReader struct {
	file            string
	values, aliases int
}

// YAML reads the documents of a YAML text, and those in Lists of Kubernetes.
func YAML(file string, text []byte) ([]*Node, error) {
	var out []*Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	r := &yamlReader{file: file}
	for {
		var doc yaml.Node
		if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
			return out, nil
		} else if err != nil {
			return nil, err
		}
		if len(doc.Content) == 0 {
			continue
		}
		n, err := r.value(doc.Content[0], 0, false)
		if err != nil {
			return nil, err
		}
		out = append(out, objects(n.Root())...)
	}
}

// objects are those of a List, or the one.
func objects(n *Node) []*Node {
	items, kind := n.Peek("items"), n.Peek("kind")
	if kind == nil || items == nil || items.Kind != List || !strings.HasSuffix(kind.Value, "List") {
		if n.Kind == Null {
			return nil
		}
		return []*Node{n}
	}
	var out []*Node
	for _, item := range items.Items {
		out = append(out, objects(item.Root())...)
	}
	return out
}

func (r *yamlReader) value(y *yaml.Node, depth int, aliased bool) (*Node, error) {
	r.values++
	if aliased {
		r.aliases++
	}
	switch {
	case depth > maxDepth:
		return nil, errDeep
	case r.values > maxValues || r.aliases > maxAlias:
		return nil, errors.New("there are too many values, or aliases stand for too many")
	}
	n := &Node{File: r.file, Line: y.Line}
	switch y.Kind {
	case yaml.AliasNode:
		return r.value(y.Alias, depth+1, true)
	case yaml.MappingNode:
		n.Kind = Map
		return n, r.mapping(n, y, depth, aliased)
	case yaml.SequenceNode:
		n.Kind = List
		for _, c := range y.Content {
			item, err := r.value(c, depth+1, aliased)
			if err != nil {
				return nil, err
			}
			n.Add(item)
		}
	default:
		n.Kind, n.Value = scalar(y)
	}
	return n, nil
}

func (r *yamlReader) mapping(n *Node, y *yaml.Node, depth int, aliased bool) error {
	for i := 0; i+1 < len(y.Content); i += 2 {
		key := y.Content[i]
		if key.Tag == "!!merge" {
			return fmt.Errorf("line %d: merge keys (<<) are not read: write the fields out", key.Line)
		}
		if key.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: a key that is no text", key.Line)
		}
		field, err := r.value(y.Content[i+1], depth+1, aliased)
		if err != nil {
			return err
		}
		if !n.Set(key.Value, field) {
			return fmt.Errorf("line %d: %q stands twice", key.Line, key.Value)
		}
	}
	return nil
}

func scalar(y *yaml.Node) (Kind, string) {
	switch y.ShortTag() {
	case "!!null":
		return Null, ""
	case "!!bool":
		var is bool
		if y.Decode(&is) == nil {
			return Bool, fmt.Sprint(is)
		}
	case "!!int", "!!float":
		return Number, y.Value
	}
	return Text, y.Value
}
