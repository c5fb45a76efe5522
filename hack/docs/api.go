// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// A schema is what we show of a CRD's.
type schema struct {
	Type        string
	Description string
	Format      string
	Default     any
	Enum        []any
	Items       *schema
	Properties  map[string]*schema
	Required    []string
	// The keys below have names of their own in the CRD.
	Rules    []struct{ Message, Rule string } `json:"x-kubernetes-validations"`
	MaxItems *int64
	MinItems *int64
	Extra    *schemaOrBool `json:"additionalProperties"`
}

// A schemaOrBool is additionalProperties: a schema, or false.
type schemaOrBool struct{ schema }

// UnmarshalJSON ignores false.
func (s *schemaOrBool) UnmarshalJSON(text []byte) error {
	if string(text) == "false" || string(text) == "true" {
		return nil
	}
	return yaml.Unmarshal(text, &s.schema)
}

type definition struct {
	Spec struct {
		Scope string
		Names struct {
			Kind, Plural string
			ShortNames   []string
		}
		Versions []struct {
			Name   string
			Schema struct {
				OpenAPIV3Schema schema
			}
		}
	}
}

// apiPage is docs/reference/api.md: every field of every kind, from the CRDs.
func apiPage(root string, pages map[string]string) error {
	files, err := filepath.Glob(filepath.Join(root, "config", "crd", "access.ostiary.dev_*.yaml"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no CRDs: %w", err)
	}
	var b strings.Builder
	b.WriteString(heading("API reference", "config/crd"))
	b.WriteString("Group `access.ostiary.dev`, version `v1alpha1`. The API server checks every constraint below when an object is written;\n" +
		"`ostiary check` checks them in files.\n")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var d definition
		if err := yaml.Unmarshal(text, &d); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		writeKind(&b, d)
	}
	pages["docs/reference/api.md"] = b.String()
	return nil
}

func writeKind(b *strings.Builder, d definition) {
	names, top := d.Spec.Names, d.Spec.Versions[0].Schema.OpenAPIV3Schema
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n", names.Kind, flow(top.Description))
	fmt.Fprintf(b, "Scope: %s. `kubectl get %s`", strings.ToLower(d.Spec.Scope), names.Plural)
	for _, short := range names.ShortNames {
		fmt.Fprintf(b, ", `kubectl get %s`", short)
	}
	b.WriteString(".\n\n| field | type | meaning |\n|---|---|---|\n")
	for _, part := range []string{"spec", "status"} {
		if s := top.Properties[part]; s != nil {
			writeFields(b, part, s)
		}
	}
}

// writeFields writes a row for each field below one.
func writeFields(b *strings.Builder, path string, s *schema) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		f := s.Properties[name]
		at := path + "." + name
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", at, f.kind(), cell(f.meaning(slices.Contains(s.Required, name))))
		for f.Items != nil {
			f, at = f.Items, at+"[]"
		}
		if name != "conditions" {
			writeFields(b, at, f)
		}
	}
}

func (s *schema) kind() string {
	switch {
	case s.Items != nil:
		return "list of " + s.Items.kind()
	case s.Type == "object" && s.Extra != nil && s.Extra.Type != "":
		return "map of " + s.Extra.kind()
	case s.Format == "date-time":
		return "time"
	case s.Type == "":
		return "any"
	}
	return s.Type
}

// meaning is the description, and what the API server refuses.
func (s *schema) meaning(required bool) string {
	parts := []string{flow(s.Description)}
	if required {
		parts = append(parts, "Required.")
	}
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprintf("`%v`", v))
		}
		parts = append(parts, "One of "+strings.Join(values, ", ")+".")
	}
	if s.Default != nil {
		parts = append(parts, fmt.Sprintf("Default: `%v`.", s.Default))
	}
	if s.MaxItems != nil {
		parts = append(parts, fmt.Sprintf("At most %d.", *s.MaxItems))
	}
	for one := s; one != nil; one = one.Items {
		for _, r := range one.Rules {
			if r.Message != "" {
				parts = append(parts, "*"+strings.TrimSuffix(r.Message, ".")+".*")
			}
		}
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), "<br>")
}

// heading begins a page that is generated.
func heading(title, from string) string {
	return "# " + title + "\n\n<!-- Written by go run ./hack/docs, from " + from + ". Do not edit. -->\n\n"
}

// flow joins lines of a description; paragraphs stay apart.
func flow(text string) string {
	paragraphs := strings.Split(strings.TrimSpace(text), "\n\n")
	for i, p := range paragraphs {
		paragraphs[i] = strings.Join(strings.Fields(p), " ")
	}
	return strings.Join(paragraphs, "<br>")
}

// cell escapes what ends a cell of a table, or begins a tag.
func cell(text string) string {
	text = strings.NewReplacer("|", `\|`, "<br>", "<br>", "<", "&lt;", "\n", " ").Replace(text)
	return text
}
