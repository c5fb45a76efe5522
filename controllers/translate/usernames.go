// SPDX-License-Identifier: Apache-2.0

package translate

import (
	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/authserver/policy"
)

// UserNames says what applications are told of the users of identity providers: of
// each, whether its users are Qualified, and what is to be said about that. A user of
// one provider is never called what a user of another one is.
//
// Who says nothing is Plain while alone. Once there was another provider beside it, it
// stays Qualified: what applications know a person by must not become somebody else's
// when that other provider is taken away. before tells which were Qualified so far.
func UserNames(all []*v1alpha1.IdentityProvider, before map[string]bool) map[string]UserName {
	var plain []*v1alpha1.IdentityProvider
	for _, o := range all {
		if o.Spec.UserNames == v1alpha1.UserNamesPlain {
			plain = append(plain, o)
		}
	}
	out := make(map[string]UserName, len(all))
	for _, o := range all {
		u := UserName{Qualified: true}
		switch {
		case o.Spec.UserNames == v1alpha1.UserNamesPlain:
			if u.Qualified = !oneIssuer(plain); u.Qualified {
				u.warning = "Plain stands in several identity providers, so the users of all of them are told apart as " + o.Name + "/ann: let it stand in one, and write Qualified in the others"
			}
		case o.Spec.UserNames != "":
		case len(all) > 1 || before[o.Name] || o.Status.UserNames == v1alpha1.UserNamesQualified:
			if len(plain) == 0 {
				u.warning = "there is, or was, another identity provider, so applications are told " + o.Name + "/ann of a user ann: write Plain in the one whose users applications know by their names alone, and Qualified in the others"
			}
		default:
			u.Qualified = false
		}
		out[o.Name] = u
	}
	return out
}

// A UserName is what applications are told of a provider's users.
type UserName struct {
	Qualified bool
	warning   string
}

// Issues returns what is to be said about it.
func (u UserName) Issues(provider string) []policy.Issue {
	if u.warning == "" {
		return nil
	}
	return []policy.Issue{{Source: policy.Source{Name: provider, Field: "spec.userNames"}, Reason: policy.Unwise, Message: u.warning}}
}

// Status is that of the object.
func (u UserName) Status() v1alpha1.UserNames {
	if u.Qualified {
		return v1alpha1.UserNamesQualified
	}
	return v1alpha1.UserNamesPlain
}

// oneIssuer reports whether providers have the same people, and call them the same.
func oneIssuer(all []*v1alpha1.IdentityProvider) bool {
	for _, o := range all[1:] {
		a, b := all[0].Spec.OIDC, o.Spec.OIDC
		if a == nil || b == nil || a.Issuer != b.Issuer || userClaim(a) != userClaim(b) {
			return false
		}
	}
	return true
}

func userClaim(o *v1alpha1.OIDC) v1alpha1.ClaimPath {
	if o.Claims == nil || o.Claims.User == "" {
		return "sub"
	}
	return o.Claims.User
}
