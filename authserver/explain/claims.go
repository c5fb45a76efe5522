// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/dialect"
	"github.com/ostiary/ostiary/authserver/policy"
)

// signIn enters who is signed in, if anybody is, here or at a linked application.
func (q *Question) signIn(t *policy.Table, ask *dialect.Ask) error {
	if q.Client != "" && len(q.As) == 0 {
		return errors.New("--client sends the request for a user: name that as well, with --as")
	}
	claims, err := q.claims()
	assumed, err2 := q.assumed()
	if err = errors.Join(err, err2); err == nil && len(q.LinkedApps) > 0 {
		return q.link(t, ask, claims, assumed)
	}
	if err == nil && len(q.As) > 0 {
		ask.Present(policy.Presented{
			Subject:  q.subject(t, ask.Target, claims, assumed),
			InHeader: q.From != "" || q.Client != "" || ask.Authorization != "",
		})
	}
	return err
}

// claims are what the identity provider says of who is signed in: NAME=VALUE, where a list
// has an entry for each of its members; NAME alone: that cannot be told.
func (q *Question) claims() (out []policy.IdentityClaim, err error) {
	if len(q.Claims) > 0 && len(q.As) == 0 {
		return nil, errors.New("--claim says something of the user: name that as well, with --as")
	}
	for _, text := range q.Claims {
		name, value, known := cutClaim(text)
		if name == "" || known && !policy.IsClaimValue(value) {
			return nil, fmt.Errorf("--claim %q: write NAME=VALUE, as in department=eng", text)
		}
		i := slices.IndexFunc(out, func(c policy.IdentityClaim) bool { return c.Name == name })
		if i < 0 {
			i = len(out)
			out = append(out, policy.IdentityClaim{Name: name})
		}
		if known {
			out[i].Values = append(out[i].Values, value)
		}
		if out[i].Unknown = !known; len(out[i].Values) > 0 && !known {
			return nil, fmt.Errorf("--claim %q: its values are known", text)
		}
	}
	return out, nil
}

// cutClaim cuts at the first "=", which names in the form of an address can hold behind "?".
func cutClaim(text string) (name, value string, known bool) { return strings.Cut(text, "=") }
