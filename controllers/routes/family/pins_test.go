// SPDX-License-Identifier: Apache-2.0

package family

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

// A question that is pinned to another route than it is for, or to none, is not asked
// about this one.
func TestIsAsked(t *testing.T) {
	web := types.NamespacedName{Namespace: "shop", Name: "web"}
	for path, want := range map[string]bool{
		"/authz/v1/envoy": true, "/authz/v1/envoy/": true,
		"/authz/v1/envoy-route/shop/web": true, "/authz/v1/envoy-route/shop/web/": true, "/authz/v1/external/shop/web": true, "/authz/v1/envoy/shop/web": true,
		"/authz/v1/envoy-route/shop/other": false, "/authz/v1/envoy-route/evil/web": false, "/authz/v1/external/shop/webshop/web": false,
		"/authz/v1/envoy-route": false, "/authz/v1/envoy-route/": false, "/authz/v1/envoy-route//": false, "/authz/v1/external": false, "/authz/v1/external/": false,
		"/authz/v1/envoy-route/shop": false, "/authz/v1/envoy-routeshop/web": false, "/authz/v1/envoyshop/web": false, "/authz/v1/forward-route/shop/web": false,
		"/authz/v1/external/shop/web/x": false, "/authz/v1/envoy/x": false, "/authz/v1/envoy-route/x/shop/web": false, "": false, "shop/web": false, "/": false,
	} {
		if isAsked(path, web) != want {
			t.Errorf("%s: %t", path, !want)
		}
		if isAsked(path, types.NamespacedName{}) && path != "/authz/v1/envoy" && path != "/authz/v1/envoy/" {
			t.Errorf("%s: for several routes", path)
		}
	}
}
