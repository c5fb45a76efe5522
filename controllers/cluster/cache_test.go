// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestDiffers: a new version of what was slimmed is no news.
func TestDiffers(t *testing.T) {
	was := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "a"}}
	was.ResourceVersion, was.UID = "1", "u"
	for name, tc := range map[string]struct {
		edit func(client.Object)
		want bool
	}{
		"version":    {func(client.Object) {}, false},
		"another":    {func(o client.Object) { o.SetUID("v") }, true},
		"annotation": {func(o client.Object) { o.SetAnnotations(map[string]string{"x": "y"}) }, true},
		"ours":       {func(o client.Object) { o.SetManagedFields([]metav1.ManagedFieldsEntry{{}}) }, true},
	} {
		is := was.DeepCopy()
		is.ResourceVersion = "2"
		tc.edit(is)
		if got := differs(was, is); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if was.ResourceVersion != "1" {
		t.Error("the cache's own object was written")
	}
}
