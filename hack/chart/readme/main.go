// SPDX-License-Identifier: Apache-2.0

// Command readme writes the README of a chart: README.md.tmpl, with a table of all
// values, their defaults and the comments above them in values.yaml.
//
//	go run ./hack/chart/readme charts/ostiary
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

const mark = "<!-- values -->\n"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "readme: name the folder of a chart")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "readme:", err)
		os.Exit(1)
	}
}

func write(chart string) error {
	head, err := os.ReadFile(filepath.Join(chart, "README.md.tmpl"))
	if err != nil {
		return err
	}
	values, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(values, &doc); err != nil {
		return err
	}
	if !bytes.Contains(head, []byte(mark)) || len(doc.Content) == 0 {
		return fmt.Errorf("README.md.tmpl has no line %q, or values.yaml is empty", strings.TrimSpace(mark))
	}
	var table strings.Builder
	table.WriteString("| value | default | meaning |\n|---|---|---|\n")
	if err := rows(&table, "", "", doc.Content[0]); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(chart, "README.md"), bytes.Replace(head, []byte(mark), []byte(table.String()), 1), 0o600)
}

// rows writes one for each value. What is said of a group stands at its first value.
func rows(out *strings.Builder, prefix, above string, m *yaml.Node) error {
	for i := 0; i+1 < len(m.Content); i += 2 {
		key, value := m.Content[i], m.Content[i+1]
		meaning := strings.TrimSpace(above + " " + comment(key))
		above = ""
		if value.Kind == yaml.MappingNode && len(value.Content) > 0 && value.Style&yaml.FlowStyle == 0 {
			if err := rows(out, prefix+key.Value+".", meaning, value); err != nil {
				return err
			}
			continue
		}
		var v any
		if err := value.Decode(&v); err != nil {
			return err
		}
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "| `%s` | `%s` | %s |\n", prefix+key.Value, text, strings.ReplaceAll(meaning, "|", `\|`))
	}
	return nil
}

// comment is what stands directly above a key: what a blank line parts from it is
// about the file.
func comment(key *yaml.Node) string {
	paragraphs := strings.Split(key.HeadComment, "\n\n")
	var words []string
	for line := range strings.Lines(paragraphs[len(paragraphs)-1]) {
		words = append(words, strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "#")))
	}
	return strings.Join(words, " ")
}
