// SPDX-License-Identifier: Apache-2.0

package oauth2proxy

import (
	"cmp"
	"strings"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/draft"
)

// provider makes the IdentityProvider, and returns its name. Of one whose issuer is not known
// there is but the name: nobody signs in until there is an IdentityProvider of it.
func (s *settings) provider() string {
	kind := cmp.Or(s.last("provider").Text(), "google")
	name := s.Draft.Name("IdentityProvider", cmp.Or(s.last("provider-display-name").Text(), kind))
	oidc := &v1alpha1.OIDC{Issuer: s.issuer(kind), ClientID: s.last("client-id").Text(), AuthParams: s.parameters()}
	if s.Peek("client-secret") != nil || s.Peek("client-secret-file") != nil {
		oidc.ClientSecretRef = &v1alpha1.SecretKey{Name: name}
	}
	for scope := range strings.FieldsSeq(s.last("scope").Text()) {
		oidc.Scopes = append(oidc.Scopes, v1alpha1.Scope(scope))
	}
	claims := v1alpha1.Claims{
		Email:  v1alpha1.ClaimPath(s.last("oidc-email-claim").Text()),
		Groups: v1alpha1.ClaimPath(s.last("oidc-groups-claim").Text()),
	}
	if claims != (v1alpha1.Claims{}) {
		oidc.Claims = &claims
	}
	oidc.TrustUnverifiedEmail = s.last("insecure-oidc-allow-unverified-email").Flag(false, false)
	s.Get("approval-prompt").Known()
	if oidc.Issuer == "" || oidc.ClientID == "" {
		s.Say(draft.Closed, s.Node, of, "the provider %q has no issuer, or no client ID, in the settings: "+
			"write an IdentityProvider of the name %s; nobody can sign in until then", kind, name)
		return name
	}
	s.Provider(s.Node, of, name, v1alpha1.IdentityProviderSpec{OIDC: oidc})
	s.Say(draft.Noted, s.Node, of, "write the client secret into the Secret %s (key clientSecret) of Ostiary's namespace, "+
		"and register the team host's /.access/idp/%s/callback with the provider", name, name)
	return name
}

// issuer is where the provider is, as its kind has it.
func (s *settings) issuer(kind string) string {
	issuer, tenant := s.last("oidc-issuer-url").Text(), s.last("azure-tenant").Text()
	switch {
	case issuer != "":
		return issuer
	case kind == "google":
		return "https://accounts.google.com"
	case (kind == "azure" || kind == "entra-id") && tenant != "":
		return "https://login.microsoftonline.com/" + tenant + "/v2.0"
	default:
		return ""
	}
}

// parameters are those of the authorization request.
func (s *settings) parameters() map[string]v1alpha1.AuthParam {
	out := map[string]v1alpha1.AuthParam{}
	for key, param := range map[string]string{"prompt": "prompt", "acr-values": "acr_values"} {
		if value := s.last(key).Text(); value != "" {
			out[param] = v1alpha1.AuthParam(value)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
