// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"maps"
	"reflect"
	"slices"
	"sync"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// rules are the CEL rules of a kind. To compile them takes most of the time of a check
// of one file (70 ms for all of an AccessPolicy's), so those of a field of the spec are
// compiled when an object first has the field.
type rules struct {
	schema *structuralschema.Structural
	top    func() *cel.Validator            // those of the object, and of the spec as a whole
	fields map[string]func() *cel.Validator // those below each field of the spec
}

func newRules(s *structuralschema.Structural) *rules {
	r := &rules{schema: s, fields: map[string]func() *cel.Validator{}}
	r.top = sync.OnceValue(func() *cel.Validator {
		top := s.DeepCopy()
		spec := top.Properties["spec"]
		for name, below := range spec.Properties {
			spec.Properties[name] = *withoutRules(&below)
		}
		return compile(top, true)
	})
	for name, below := range s.Properties["spec"].Properties {
		r.fields[name] = sync.OnceValue(func() *cel.Validator { return compile(&below, false) })
	}
	return r
}

// of returns the validator of the rules that an object can break.
func (r *rules) of(object map[string]any) *cel.Validator {
	top := *r.top()
	spec, ok := top.Properties["spec"]
	if !ok {
		schema := r.schema.Properties["spec"]
		spec.Schema = &schema
	}
	spec.Properties = map[string]cel.Validator{}
	fields, _ := object["spec"].(map[string]any)
	for name := range fields {
		if f := r.fields[name]; f != nil {
			spec.Properties[name] = *f()
		}
	}
	top.Properties = maps.Clone(top.Properties)
	if top.Properties == nil {
		top.Properties = map[string]cel.Validator{}
	}
	top.Properties["spec"] = spec
	return &top
}

// compile compiles the rules of a schema. Lists whose entries have the same rules, as
// include, require and exclude do, share them.
func compile(s *structuralschema.Structural, isObject bool) *cel.Validator {
	same := map[string]string{}
	if s.Items != nil && len(s.Items.Properties) > 0 {
		s = s.DeepCopy()
		same = twins(s.Items.Properties)
		for name := range same {
			twin := s.Items.Properties[name]
			s.Items.Properties[name] = *withoutRules(&twin)
		}
	}
	v := cel.NewValidator(s, isObject, celconfig.PerCallLimit)
	if v == nil {
		return &cel.Validator{Schema: s}
	}
	for name, first := range same {
		v.Items.Properties[name] = v.Items.Properties[first]
	}
	return v
}

// twins maps each list whose entries are as those of one before it to that one, names
// being in their order.
func twins(properties map[string]structuralschema.Structural) map[string]string {
	same := map[string]string{}
	names := slices.Sorted(maps.Keys(properties))
	for i, name := range names {
		for _, first := range names[:i] {
			a, b := properties[first], properties[name]
			if same[first] == "" && same[name] == "" && a.Items != nil && len(a.XValidations)+len(b.XValidations) == 0 && reflect.DeepEqual(a.Items, b.Items) {
				same[name] = first
			}
		}
	}
	return same
}

func withoutRules(s *structuralschema.Structural) *structuralschema.Structural {
	s = s.DeepCopy()
	strip := structuralschema.Visitor{Structural: func(s *structuralschema.Structural) bool {
		s.XValidations = nil
		return true
	}}
	strip.Visit(s)
	return s
}
