// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ownedAnnotations are the annotations of an object that we applied, and that nobody
// took from us.
func ownedAnnotations(o metav1.Object) map[string]bool {
	out := map[string]bool{}
	for _, e := range o.GetManagedFields() {
		if e.Manager == FieldManager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == "" {
			maps.Copy(out, annotationsIn(e))
		}
	}
	return out
}

// annotationsIn are the annotations among the fields of a manager. Of what cannot be
// read there are none.
func annotationsIn(e metav1.ManagedFieldsEntry) map[string]bool {
	out := map[string]bool{}
	if e.FieldsV1 == nil {
		return out
	}
	var fields struct {
		Metadata struct {
			Annotations map[string]json.RawMessage `json:"f:annotations"`
		} `json:"f:metadata"`
	}
	_ = json.Unmarshal(e.FieldsV1.GetRawBytes(), &fields)
	for name := range fields.Metadata.Annotations {
		if key, ok := strings.CutPrefix(name, "f:"); ok {
			out[key] = true
		}
	}
	return out
}

// foreign reports whether somebody else has an annotation, with another value than
// those that are ours. One that says the same is shared with us.
func (g *guard) foreign(key string, ours ...string) bool {
	value, is := g.Annotations[key]
	return is && !g.owned[key] && !slices.Contains(ours, value)
}

// set plans an annotation, unless somebody else has it: applied with it, the others
// would be refused, too, and the route asked about by nobody. It reports whether
// what is needed will be there.
func (p *planner) set(g *guard, key, value, without string) bool {
	if g.foreign(key, value) {
		p.found(g, ForeignAnnotation, "%s has %s: %q from somebody else, where Ostiary needs %q: %s. Remove it from %s.", g.ref, key, g.Annotations[key], value, without, g.ref)
		return false
	}
	g.annotations[key] = value
	return true
}
