// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"encoding/json"
	"hash/maphash"
	"testing"
	"unsafe"

	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/ostiary/ostiary/api/v1alpha1"
)

const stored = `{"apiVersion": "access.ostiary.dev/v1alpha1", "kind": "AccessPolicy",

	"metadata": {"namespace": "shop", "name": "app", "uid": "1", "generation": 3, "resourceVersion": "7", "creationTimestamp": "2026-01-31T12:00:00Z",
		"labels": {"a": "b"}, "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
		"managedFields": [{"manager": "kubectl", "fieldsV1": {"f:spec": {}}}]},
	"spec": {"hosts": ["app.example.com"], "paths": [{"path": "/api", "type": "Prefix"}], "unauthenticated": "Auto",
		"cors": {"allowedOrigins": ["https://www.example.com"], "allowedMethods": ["GET", "PATCH"], "maxAge": 600},
		"rules": [{"action": "Bypass", "include": [{"everyone": {}}, {"ip": ["10.0.0.0/8"]}]}], "session": {"duration": "12h"}},
	"status": {"conditions": [{"type": "Accepted", "status": "True", "reason": "Accepted", "message": "valid", "lastTransitionTime": "2026-01-31T12:00:01Z"}]}}`

func decoded(t *testing.T) *v1alpha1.AccessPolicy {
	t.Helper()
	var ap v1alpha1.AccessPolicy
	if err := json.Unmarshal([]byte(stored), &ap); err != nil {
		t.Fatal(err)
	}
	return &ap
}

func TestSlim(t *testing.T) {
	s := &slimmer{seed: maphash.MakeSeed()}
	slim := func() *v1alpha1.AccessPolicy {
		out, err := s.transform(decoded(t))
		if err != nil {
			t.Fatal(err)
		}
		return out.(*v1alpha1.AccessPolicy)
	}
	a, b, want := slim(), slim(), decoded(t)
	want.Labels, want.Annotations, want.ManagedFields = nil, nil, nil
	if !equality.Semantic.DeepEqual(a, want) {
		t.Errorf("more was changed than may be:\n%+v\n%+v", a, want)
	}
	for name, pair := range map[string][2]string{
		"a method":  {string(a.Spec.CORS.AllowedMethods[1]), string(b.Spec.CORS.AllowedMethods[1])},
		"a message": {a.Status.Conditions[0].Message, b.Status.Conditions[0].Message},
		"the kind":  {a.Kind, b.Kind},
	} {
		if unsafe.StringData(pair[0]) != unsafe.StringData(pair[1]) {
			t.Errorf("two policies hold their own copies of %s", name)
		}
	}
	if n := cap(a.Spec.CORS.AllowedMethods); n != 2 {
		t.Errorf("a list of 2 has room for %d", n)
	}
	other := "not a policy"
	if out, err := s.transform(other); err != nil || out != other {
		t.Errorf("%v, %v", out, err)
	}
}
