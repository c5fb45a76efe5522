// SPDX-License-Identifier: Apache-2.0

package policy

import "time"

// An Agency is what clients that act for people can have of an application, by tokens of the
// team host.
type Agency struct {
	Policy   Source
	Audience string   // of the tokens
	Scopes   []string // which decide nothing
	// registered and listed are what Client looks in.
	registered *OAuthClients
	listed     []OAuthClient
	// How long tokens are good.
	AccessToken, RefreshToken time.Duration
}

// Agency returns what clients can have of what guards a target; false: nothing.
func (t *Table) Agency(target Target) (Agency, bool) {
	if t == nil {
		return Agency{}, false
	}
	a, _, why := t.guarding(&target, true)
	if why != NoReason || a.oauth == nil || a.oauth.Issuer != "" {
		return Agency{}, false
	}
	return Agency{Policy: a.source, Audience: a.audience, Scopes: a.oauth.Scopes, registered: t.clients, listed: a.oauth.Clients,
		AccessToken: a.oauth.AccessTokenDuration, RefreshToken: a.oauth.RefreshTokenDuration}, true
}

// StillAdmits reports whether the policy that guards a target would let somebody do something
// there, by the client that acts for them, from the address that suits them best. Each request
// is judged for itself.
func (t *Table) StillAdmits(target Target, s *Subject, now time.Time) bool {
	if t == nil {
		return false
	}
	a, _, why := t.guarding(&target, true)
	if why != NoReason || a.oauth == nil {
		return false
	}
	judged := *s
	judged.ExpiresAt = now.Add(time.Second) // of the token that is to be made
	return t.standing(a, &judged, now) == NoReason && !a.outlives(&judged, now, 0) && t.everAdmits(a, &judged)
}
