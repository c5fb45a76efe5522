// SPDX-License-Identifier: Apache-2.0

package dialect

import (
	"github.com/ostiary/ostiary/authserver/contract"
	"github.com/ostiary/ostiary/authserver/policy"
)

// readToken reads a service token. What came twice, or in both pairs of headers, is none:
// nobody could tell which of them counts.
func (a *Ask) readToken(v View) {
	a.Token = readPair(v, contract.ClientID, contract.ClientSecret)
	if !a.Cloudflare {
		return
	}
	other := readPair(v, contract.CloudflareClientID, contract.CloudflareClientSecret)
	switch {
	case other == (policy.PresentedToken{}):
	case a.Token == (policy.PresentedToken{}):
		a.Token = other
	case a.Token != other:
		a.Token = policy.PresentedToken{Broken: true}
	}
}

func readPair(v View, idHeader, secretHeader string) policy.PresentedToken {
	id, n := v.Header(idHeader)
	secret, m := v.Header(secretHeader)
	if n > 1 || m > 1 || n+m > 0 && (id == "" || secret == "") {
		return policy.PresentedToken{Broken: true}
	}
	return policy.PresentedToken{ID: id, Secret: secret}
}
