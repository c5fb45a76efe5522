// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
)

// written returns a node with everything in place that its aliases stand for.
func written(n *yamlv3.Node) *yamlv3.Node {
	for n.Kind == yamlv3.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	out := *n
	out.Anchor, out.Content = "", nil
	for _, c := range n.Content {
		out.Content = append(out.Content, written(c))
	}
	return &out
}

// items are the documents that a document stands for: the objects of a List, as
// kubectl writes one, or the document itself.
func (d *document) items() []document {
	root, err := d.parse()
	if err != nil {
		return []document{*d}
	}
	if !isList(root) {
		whole := *d
		whole.root = root
		return []document{whole}
	}
	var out []document
	for _, item := range find(root, "items").Content {
		text, err := yamlv3.Marshal(written(item))
		if err != nil {
			return []document{*d}
		}
		one := document{file: d.file, start: d.start, text: text, root: item, verdicts: d.verdicts}
		out = append(out, one.items()...)
	}
	return out
}

// isList: apiVersion v1, kind List, or a list of one of our kinds.
func isList(root *yamlv3.Node) bool {
	items := find(root, "items")
	if items == nil || items.Kind != yamlv3.SequenceNode {
		return false
	}
	apiVersion, kind := scalar(find(root, "apiVersion")), scalar(find(root, "kind"))
	ours, isList := strings.CutSuffix(kind, "List")
	return apiVersion == "v1" && kind == "List" || isList && slices.Contains(ourKinds, ours)
}

// makesSecret returns the name of the Secret that a controller makes of a document: of
// an ExternalSecret or a SealedSecret. Empty: none.
func (d *document) makesSecret() string {
	if !bytes.Contains(d.text, []byte("ExternalSecret")) && !bytes.Contains(d.text, []byte("SealedSecret")) {
		return ""
	}
	root, err := d.parse()
	if err != nil {
		return ""
	}
	name := scalar(find(root, "metadata.name"))
	group, _, _ := strings.Cut(scalar(find(root, "apiVersion")), "/")
	switch kind := scalar(find(root, "kind")); {
	case kind == "ExternalSecret" && group == "external-secrets.io":
		return cmp.Or(scalar(find(root, "spec.target.name")), name)
	case kind == "SealedSecret" && group == "bitnami.com":
		return cmp.Or(scalar(find(root, "spec.template.metadata.name")), name)
	}
	return ""
}

// line returns the line of a field such as "spec.rules[1].include[0]", or of
// the nearest thing above it that is there.
func (o *object) line(field string) int {
	if field == "" && o.at > 0 {
		return o.at
	}
	if o.root == nil {
		return o.start
	}
	n := nearest(o.root, field)
	if n == nil || n.Line == 0 {
		return o.start
	}
	return o.start + n.Line - 1
}

// find returns the node of a field, or nil.
func find(n *yamlv3.Node, field string) *yamlv3.Node {
	for _, step := range steps(field) {
		if n = child(n, step); n == nil {
			return nil
		}
	}
	return n
}

// nearest returns the node of a field, or the deepest one on the way to it.
func nearest(n *yamlv3.Node, field string) *yamlv3.Node {
	for _, step := range steps(field) {
		next := child(n, step)
		if next == nil {
			break
		}
		n = next
	}
	return n
}

func steps(field string) []string {
	field = strings.ReplaceAll(strings.ReplaceAll(field, "[", "."), "]", "")
	return strings.FieldsFunc(field, func(r rune) bool { return r == '.' })
}

func child(n *yamlv3.Node, step string) *yamlv3.Node {
	if n.Kind == yamlv3.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	for n.Kind == yamlv3.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	switch n.Kind { //nolint:exhaustive // the others have no children
	case yamlv3.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1]
			}
		}
	case yamlv3.SequenceNode:
		if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(n.Content) {
			return n.Content[i]
		}
	}
	return nil
}

// has reports whether there is something below these keys, which may hold dots.
func has(n *yamlv3.Node, keys ...string) bool {
	for _, key := range keys {
		if n = child(n, key); n == nil {
			return false
		}
	}
	return true
}

// anyOf reports whether one of several equal keys has the value.
func anyOf(n *yamlv3.Node, key, value string) bool {
	if n.Kind == yamlv3.DocumentNode && len(n.Content) > 0 {
		n = n.Content[0]
	}
	for i := 0; n.Kind == yamlv3.MappingNode && i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key && n.Content[i+1].Value == value {
			return true
		}
	}
	return false
}

func scalar(n *yamlv3.Node) string {
	if n == nil || n.Kind != yamlv3.ScalarNode {
		return ""
	}
	return n.Value
}
