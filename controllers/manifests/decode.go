// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"slices"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/controllers/crd"
	"github.com/ostiary/ostiary/controllers/manifests/misfit"
	"github.com/ostiary/ostiary/controllers/translate"
)

// decode reads the fields of an AccessPolicy.
func (d *document) decode(o *object) {
	var api v1alpha1.AccessPolicy
	found, ok := d.judge(o, policyKind, &api)
	if !ok {
		o.failed(d.salvage(d.start, ""))
		o.refuse(found, nil)
		return
	}
	o.api = &api
	p := translate.Policy(&api)
	o.refuse(found, append(p.Defects, policy.Validate(&p)...))
}

// judge reads the fields of one of our kinds, and says what an API server would refuse
// of them. Not ok: they cannot be read at all.
func (d *document) judge(o *object, kind string, into any) (found []policy.Issue, ok bool) {
	js, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		line, message := d.yamlError(err)
		o.defect("", "%s", message)
		o.at = line
		return nil, false
	}
	found = d.verdicts.of(js, func() []policy.Issue {
		var fields map[string]any
		if err := utiljson.Unmarshal(js, &fields); err != nil {
			return []policy.Issue{{Reason: policy.Invalid, Message: err.Error()}}
		}
		return crd.Of(kind).Judge(fields)
	})
	if err := kjson.UnmarshalCaseSensitivePreserveInts(js, into); err != nil {
		if len(found) == 0 {
			o.defect(misfit.Field(err), "%s", misfit.Words(err))
		}
		return found, false
	}
	return found, true
}

// refuse adds what an API server would refuse. Where something is known to be wrong
// anyway, that is said in the words of those who know.
func (o *object) refuse(found, known []policy.Issue) {
	for _, i := range crd.Beyond(found, append(slices.Clone(o.defects), known...)) {
		i.Source.Namespace, i.Source.Name = o.namespace, o.name
		o.defects = append(o.defects, i)
	}
}

// A finding is a field that should not be there.
type finding struct{ field, message string }

// strictly reads the fields of a kind of somebody else's as strictly as the API server does. It returns why
// that cannot be done at all, or which fields there are that should not be.
func (d *document) strictly(into any) (line int, field, message string, unknown []finding) {
	js, err := yaml.YAMLToJSONStrict(d.text)
	if err != nil {
		line, message = d.yamlError(err)
		return line, "", message, nil
	}
	strict, err := kjson.UnmarshalStrict(js, into)
	if err != nil {
		return 0, misfit.Field(err), misfit.Words(err), nil
	}
	for _, e := range strict[:min(len(strict), maxUnknown)] {
		unknown = append(unknown, finding{field: misfit.Unknown(e), message: strings.ReplaceAll(e.Error(), `"`, "")})
	}
	return 0, "", "", unknown
}

// maxUnknown is how many unknown fields of one document are reported.
const maxUnknown = 100
