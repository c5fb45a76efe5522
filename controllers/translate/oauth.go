// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// teamHost is no name of an object, which has no capitals.
const teamHost = "TeamHost"

func (t *translator) oauth(o *v1alpha1.OAuth) *policy.OAuth {
	if o == nil {
		return nil
	}
	out := &policy.OAuth{
		Issuer: o.AuthorizationServer, ResourceName: o.ResourceName, Scopes: stringsOf(o.Scopes),
		AccessTokenDuration:  t.duration("spec.oauth.accessTokenDuration", v1alpha1.Duration(o.AccessTokenDuration)),
		RefreshTokenDuration: t.duration("spec.oauth.refreshTokenDuration", v1alpha1.Duration(o.RefreshTokenDuration)),
	}
	for _, c := range o.Clients {
		out.Clients = append(out.Clients, policy.OAuthClient{ID: string(c.ID), Name: c.Name, RedirectURIs: stringsOf(c.RedirectURIs)})
	}
	if out.Issuer == teamHost {
		out.Issuer = ""
	}
	return out
}
