// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"fmt"
	"sync"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/api/v1alpha1"
	definitions "github.com/ostiary/ostiary/config/crd"
)

// A Kind is one kind of v1alpha1, as its definition has it.
type Kind struct {
	namespaced bool
	schema     *structuralschema.Structural
	validator  validation.SchemaValidator
	rules      *rules
}

var kinds sync.Map // of functions that load one, by its name

// Of returns a kind by its name, and nil where there is none of that name. A definition
// is read when its kind is first asked for. It is part of the program: one that cannot
// be read is a bug, and panics.
func Of(name string) *Kind {
	known, ok := kinds.Load(name)
	if !ok {
		text, err := definitions.Files.ReadFile(file(name))
		if err != nil {
			return nil
		}
		known, _ = kinds.LoadOrStore(name, sync.OnceValue(func() *Kind {
			k, err := load(text)
			if err != nil {
				panic(fmt.Sprintf("the definition of %s: %v", name, err))
			}
			return k
		}))
	}
	return known.(func() *Kind)()
}

// file is the name that controller-gen gives the definition of a kind.
func file(kind string) string {
	plural, _ := meta.UnsafeGuessKindToResource(v1alpha1.GroupVersion.WithKind(kind))
	return plural.Group + "_" + plural.Resource + ".yaml"
}

func load(text []byte) (*Kind, error) {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &crd); err != nil {
		return nil, err
	}
	for _, v := range crd.Spec.Versions {
		if v.Name != v1alpha1.GroupVersion.Version {
			continue
		}
		var in apiextensions.JSONSchemaProps
		if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, &in, nil); err != nil {
			return nil, err
		}
		schema, err := structuralschema.NewStructural(&in)
		if err != nil {
			return nil, err
		}
		validator, _, err := validation.NewSchemaValidator(&in)
		if err != nil {
			return nil, err
		}
		return &Kind{crd.Spec.Scope == apiextensionsv1.NamespaceScoped, schema, validator, newRules(schema)}, nil
	}
	return nil, fmt.Errorf("it has no version %s", v1alpha1.GroupVersion.Version)
}
