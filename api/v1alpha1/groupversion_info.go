// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of every kind in this package.
var GroupVersion = schema.GroupVersion{Group: "access.ostiary.dev", Version: "v1alpha1"}

// AddToScheme makes the kinds of this package known to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &AccessPolicy{}, &AccessPolicyList{},
		&IdentityProvider{}, &IdentityProviderList{}, &SessionRevocation{}, &SessionRevocationList{},
		&AccessGroup{}, &AccessGroupList{}, &ServiceToken{}, &ServiceTokenList{}, &TokenIssuer{}, &TokenIssuerList{},
		&OAuthClient{}, &OAuthClientList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
