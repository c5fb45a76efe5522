// SPDX-License-Identifier: Apache-2.0

// Command readme writes the README of the chart: about.md, with the values and the
// comments of values.yaml in the place that it marks.
package main

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

//go:embed about.md
var about string

// place is the line of about.md that the values take.
const place = "<!-- values -->\n"

const source = "charts/ostiary/values.yaml"

func main() {
	if err := run(source, "charts/ostiary/README.md"); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

func run(from, to string) error {
	values, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("%w: run it at the root of the repository", err)
	}
	text, err := readme(about, values)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return os.WriteFile(to, []byte(text), 0o644) //nolint:gosec // a page for everybody
}

// readme puts the values into the text.
func readme(text string, values []byte) (string, error) {
	before, after, ok := strings.Cut(text, place)
	if !ok {
		return "", errors.New("about.md does not mark the place of the values: " + strings.TrimSpace(place))
	}
	var document yaml.Node
	if err := yaml.Unmarshal(values, &document); err != nil {
		return "", err
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return "", errors.New("it has no keys")
	}
	var b strings.Builder
	if err := list(&b, document.Content[0], ""); err != nil {
		return "", err
	}
	return "<!-- Made from hack/chart/readme/about.md and values.yaml by hack/generate.sh: change those. -->\n" + before + b.String() + after, nil
}

// list writes an item for each key, and those of a block below it beneath its own.
func list(b *strings.Builder, keys *yaml.Node, indent string) error {
	for i := 0; i < len(keys.Content); i += 2 {
		key, value := keys.Content[i], keys.Content[i+1]
		if isBlock(value) {
			fmt.Fprintf(b, "%s- `%s`\n", indent, key.Value)
		} else {
			written, err := flow(value)
			if err != nil {
				return fmt.Errorf("line %d: %s: %w", value.Line, key.Value, err)
			}
			fmt.Fprintf(b, "%s- `%s: %s`\n", indent, key.Value, written)
		}
		comment(b, key.HeadComment, indent+"  ")
		if isBlock(value) {
			if err := list(b, value, indent+"  "); err != nil {
				return err
			}
		}
	}
	return nil
}

// isBlock tells keys that are documented one by one from a value that is one
// whatever is in it, and so written on one line.
func isBlock(value *yaml.Node) bool {
	return value.Kind == yaml.MappingNode && value.Style&yaml.FlowStyle == 0 && len(value.Content) > 0
}

// flow writes a value on one line, as values.yaml does.
func flow(value *yaml.Node) (string, error) {
	one := *value
	one.HeadComment, one.LineComment, one.FootComment = "", "", ""
	if one.Kind == yaml.MappingNode || one.Kind == yaml.SequenceNode {
		one.Style |= yaml.FlowStyle
	}
	out, err := yaml.Marshal(&one)
	written := strings.TrimSpace(string(out))
	if err == nil && strings.ContainsAny(written, "\n`") {
		return "", errors.New("the default does not fit on one line of the README")
	}
	return written, err
}

// comment writes what is said about a key. What is indented there is an example.
func comment(b *strings.Builder, text, indent string) {
	example := false
	for line := range strings.Lines(text) {
		said := strings.TrimPrefix(strings.TrimRight(line, "\n"), "#")
		said = strings.TrimPrefix(said, " ")
		if inside := strings.HasPrefix(said, "  "); inside != example {
			fence(b, indent, inside)
			example = inside
		}
		if said == "" {
			b.WriteByte('\n')
			continue
		}
		b.WriteString(indent + strings.TrimPrefix(said, "  ") + "\n")
	}
	if example {
		fence(b, indent, false)
	}
}

func fence(b *strings.Builder, indent string, begins bool) {
	if begins {
		b.WriteString(indent + "```yaml\n")
		return
	}
	b.WriteString(indent + "```\n")
}
