// SPDX-License-Identifier: Apache-2.0

package crd

import (
	"cmp"
	"context"
	"slices"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	"github.com/ostiary/ostiary/authserver/policy"
)

// maxIssues is how many mistakes of one object are reported.
const maxIssues = 100

// Judge says what an API server would refuse if the object were created with strict
// field validation, all at once. It removes from the object what the API server would
// not store, and adds the defaults. Numbers are int64 or float64, as in all unstructured
// objects. A rule about a transition (oldSelf) has nothing to say of a new object.
func (k *Kind) Judge(object map[string]any) []policy.Issue {
	found := &findings{object: object, schema: k.schema}
	meta := k.metadata(found)
	options := structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}
	for _, path := range pruning.PruneWithOptions(object, k.schema, true, options) {
		found.unknown(path)
	}
	defaulting.PruneNonNullableNullsWithoutDefaults(object, k.schema)
	defaulting.Default(object, k.schema)
	delete(object, "status") // a new object has none, whatever is written

	if meta != nil {
		found.refused(apivalidation.ValidateObjectMeta(meta, k.namespaced, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata")))
	}
	bounds := &cutter{found: found}
	bounds.cut(object, k.schema, nil)
	blocking := append(bounds.blocking, found.refused(validation.ValidateCustomResource(nil, object, k.validator))...)
	found.refused(listtype.ValidateListSetsAndMaps(nil, k.schema, object))
	k.runRules(object, blocking, found)
	return found.sorted()
}

// metadata reads the object's, and nil where that cannot be done. One without a
// namespace is taken for one of the namespace "default".
func (k *Kind) metadata(found *findings) *metav1.ObjectMeta {
	meta, _, unknown, err := objectmeta.GetObjectMetaWithOptions(found.object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	for _, path := range unknown {
		found.unknown(path)
	}
	if err != nil {
		found.malformed(err)
		return nil
	}
	if meta == nil {
		meta = &metav1.ObjectMeta{}
	}
	if k.namespaced {
		meta.Namespace = cmp.Or(meta.Namespace, metav1.NamespaceDefault)
	}
	return meta
}

// runRules runs the CEL rules. The API server runs none where the schema has refused a
// value; here those run that have nothing to do with the value, so that one run shows
// all mistakes.
func (k *Kind) runRules(object map[string]any, blocking field.ErrorList, found *findings) {
	broken, _ := k.rules.of(object).Validate(context.Background(), nil, k.schema, object, nil, celconfig.RuntimeCELCostBudget)
	for _, e := range broken {
		if !slices.ContainsFunc(blocking, func(b *field.Error) bool { return hides(b, e.Field) }) {
			found.rule(e)
		}
	}
}

// hides reports whether a rule of a field makes no sense where the schema has refused a
// value. What is empty, or not of the form that is asked for, is there all the same, to the
// rules above it, as it is to the API server.
func hides(refused *field.Error, rule string) bool {
	at, of := dotted.Replace(refused.Field), dotted.Replace(rule)
	return related(at, of) && (refused.Type != field.ErrorTypeInvalid || at == of || isAbove(at, of))
}

// related reports whether one of two fields is, or is above, the other.
func related(a, b string) bool {
	a, b = dotted.Replace(a), dotted.Replace(b)
	return isAbove(a, b) || isAbove(b, a)
}

func isAbove(a, b string) bool {
	rest, ok := strings.CutPrefix(b, a)
	return ok && (rest == "" || a == "" || rest[0] == '.')
}

// dotted: the schema and the CEL rules write a key of a map in two ways.
var dotted = strings.NewReplacer("[", ".", "]", "")
