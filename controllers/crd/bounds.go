// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// A cutter cuts what is longer than the schema allows, and says so. What is behind it
// takes time by the square of the mistakes that it finds, and a CEL rule that of any
// length of text; a list that is far too long is one mistake, not one for each entry.
type cutter struct {
	found    *findings
	blocking field.ErrorList
}

// cut returns a value without what is beyond the bounds. It changes lists and maps in
// place.
func (c *cutter) cut(v any, s *structuralschema.Structural, at *field.Path) any {
	if s == nil {
		return v
	}
	bounds := s.ValueValidation
	if bounds == nil {
		bounds = &structuralschema.ValueValidation{}
	}
	switch v := v.(type) {
	case string:
		if most := bounds.MaxLength; most != nil && int64(len(v)) > *most && int64(utf8.RuneCountInString(v)) > *most {
			c.beyond(at, field.ErrorTypeTooLong, fmt.Sprintf("%.20q…: longer than %d characters", v, *most))
			return string([]rune(v)[:*most])
		}
	case []any:
		if most := bounds.MaxItems; most != nil && int64(len(v)) > *most {
			c.beyond(at, field.ErrorTypeTooMany, tooMany(len(v), *most))
			v = v[:*most]
		}
		for i := range v {
			v[i] = c.cut(v[i], s.Items, at.Index(i))
		}
		return v
	case map[string]any:
		c.cutMap(v, s, bounds, at)
	}
	return v
}

func (c *cutter) cutMap(v map[string]any, s *structuralschema.Structural, bounds *structuralschema.ValueValidation, at *field.Path) {
	if most := bounds.MaxProperties; most != nil && int64(len(v)) > *most {
		c.beyond(at, field.ErrorTypeTooMany, tooMany(len(v), *most))
		for _, key := range slices.Sorted(maps.Keys(v))[*most:] {
			delete(v, key)
		}
	}
	for key := range v {
		if below, ok := s.Properties[key]; ok {
			v[key] = c.cut(v[key], &below, child(at, key))
		} else if s.AdditionalProperties != nil {
			v[key] = c.cut(v[key], s.AdditionalProperties.Structural, child(at, key))
		}
	}
}

func child(at *field.Path, key string) *field.Path {
	if at == nil {
		return field.NewPath(key)
	}
	return at.Child(key)
}

func tooMany(n int, most int64) string {
	return fmt.Sprintf("%d entries, and at most %d are allowed: split the object", n, most)
}

func (c *cutter) beyond(at *field.Path, kind field.ErrorType, message string) {
	code := codeTooLong
	if kind == field.ErrorTypeTooMany {
		code = codeTooMany
	}
	c.found.add(at.String(), code, "%s", message)
	c.blocking = append(c.blocking, &field.Error{Type: kind, Field: at.String()})
}
