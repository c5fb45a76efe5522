// SPDX-License-Identifier: Apache-2.0

package login

import (
	"slices"

	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// maxWanted is how many claims a provider is asked for.
const maxWanted = 128

// wanted are the claims that a sign-in is to find out: own for where it leads, and others
// for where people may go afterwards, as far as there are not too many.
func (h *Handler) wanted(x *public.Exchange, a *attempt) (own, others []policy.ReadClaim) {
	signIn, _ := x.Table.SignIn(h.leadsTo(a), h.Origin(a.Host))
	own, others = x.Table.Wanted(&signIn.Reads)
	own = own[:min(len(own), maxWanted)]
	return own, others[:min(len(others), maxWanted-len(own))]
}

// namesOf are those of claims.
func namesOf(lists ...[]policy.ReadClaim) (out []string) {
	for _, c := range slices.Concat(lists...) {
		out = append(out, c.Name)
	}
	return out
}

// unclaimed is what a provider says that has no claims: that there are none.
func unclaimed(lists ...[]policy.ReadClaim) (out []policy.IdentityClaim) {
	for _, name := range namesOf(lists...) {
		out = append(out, policy.IdentityClaim{Name: name})
	}
	return out
}

// dropClaims says that claims do not fit into a cookie.
func (h *Handler) dropClaims(x *public.Exchange, provider, user string, claims []policy.IdentityClaim) {
	names := make([]string, len(claims))
	for i := range claims {
		names[i] = claims[i].Name
	}
	h.Log.Warn("claims of a user do not fit into a cookie: rules that let people in by them do not match, and those that keep people out do; "+
		"use fewer or shorter groups and claims in the access policies, or at the identity provider",
		"provider", provider, "user", user, "claims", names, "host", x.Host, "requestID", x.ID)
}
