// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"time"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/bearer/config"
	idpconfig "github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/policy"
)

// TokenIssuer translates one TokenIssuer. It must not be used if there are issues. Of none
// there is nothing to say.
func TokenIssuer(o *v1alpha1.TokenIssuer) (config.Issuer, []policy.Issue) {
	if o == nil {
		return config.Issuer{}, nil
	}
	t := translator{source: policy.Source{Name: o.Name}}
	i := config.Issuer{
		Name: o.Name, Issuer: o.Spec.Issuer, JWKSURL: o.Spec.JWKSURL, JWKS: o.Spec.JWKS,
		Audiences: stringsOf(o.Spec.Audiences), Algorithms: stringsOf(o.Spec.Algorithms), Namespaces: stringsOf(o.Spec.Namespaces),
		Leeway: t.duration("spec.leeway", o.Spec.Leeway),
	}
	if i.Leeway%time.Second != 0 {
		t.wrong("spec.leeway", "%q: whole seconds, such as 10s", o.Spec.Leeway)
	}
	if o.Spec.CABundle != "" {
		i.CABundle = []byte(o.Spec.CABundle)
	}
	for _, issue := range config.Check(&i) {
		field := "spec." + issue.Field
		if issue.Field == "name" {
			field = "metadata.name"
		}
		t.add(field, policy.Issue{Reason: policy.Invalid, Code: issue.Code, Message: issue.Message})
	}
	return i, t.defects
}

// bearers is the selector of bearer tokens, if there is one.
func bearers(j *v1alpha1.JWT) []policy.Selector {
	if j == nil {
		return nil
	}
	m := &policy.TokenMatch{Issuer: string(j.Issuer), Audience: string(j.Audience)}
	for _, c := range j.Claims {
		m.Claims = append(m.Claims, policy.ClaimMatch{Path: c.Name, Values: stringsOf(c.Values)})
	}
	return []policy.Selector{{Property: policy.JWT, JWT: m}}
}

// ProviderAlone is ProviderOf for who has no Secrets.
func ProviderAlone(o *v1alpha1.IdentityProvider) (idpconfig.Provider, []policy.Issue) {
	return ProviderOf(o, func(string) (map[string][]byte, bool) { return nil, false })
}
