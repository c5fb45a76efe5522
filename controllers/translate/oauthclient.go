// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"cmp"
	"slices"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// everyNamespace is what spec.namespaces says of all of them.
const everyNamespace = "*"

// OAuthClient translates one OAuthClient. What is wrong with it, policy.ValidateClient says, and
// beside others policy.NewOAuthClients.
func OAuthClient(o *v1alpha1.OAuthClient) policy.RegisteredClient {
	out := policy.RegisteredClient{
		Source: policy.Source{Name: o.Name},
		OAuthClient: policy.OAuthClient{ID: cmp.Or(string(o.Spec.ClientID), o.Name), Name: o.Spec.Name,
			RedirectURIs: stringsOf(o.Spec.RedirectURIs)},
		Namespaces: stringsOf(o.Spec.Namespaces), Everywhere: len(o.Spec.Namespaces) == 0,
	}
	if slices.Contains(out.Namespaces, everyNamespace) {
		out.Everywhere = true
		if len(out.Namespaces) == 1 { // with others beside it, it is a mistake
			out.Namespaces = nil
		}
	}
	return out
}
