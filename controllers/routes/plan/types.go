// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/ostiary/ostiary/controllers/routes"
)

// A Plan is what the cluster has to look like.
type Plan struct {
	// Annotations are those that we own on objects of other people, by object. An
	// Ingress or HTTPRoute that is not here must carry none of ours.
	Annotations map[routes.Ref]map[string]string
	// Guards are what Annotations are where nothing of Objects exists: whoever is asked
	// there decides as planned. They are written before anything else, and stay when an
	// object of Needs cannot be made.
	Guards map[routes.Ref]map[string]string
	// Needs are the objects without which Annotations would be wrong, by object.
	Needs map[routes.Ref][]routes.Ref
	// Objects are those that we own: sorted, complete with RouteLabel and
	// ForAnnotation, and in the order in which they have to be made. Annotations are
	// completed after them; only when Annotations are gone are objects removed.
	Objects []*unstructured.Unstructured
	// Fallbacks are what to make in place of an object that is refused, by object.
	Fallbacks map[routes.Ref]Fallback
	// Bindings tell which policy each Ingress and HTTPRoute names.
	Bindings []routes.Binding
	// Findings are what is wrong, or not guarded, although somebody opted in.
	Findings []routes.Finding
	// Limits are what the proxy of a route cannot do for its policy, guarded or not.
	Limits []routes.Finding
}

// A Fallback stands for an object that a rule of the platform refuses.
type Fallback struct {
	Object *unstructured.Unstructured
	// After: it has to be younger than this; one that is not is made anew.
	After time.Time
}
