// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"
	"strings"
	"time"
)

// refSession is which credentials count, and why others do not, once more.
func refSession(p *Policy, revocations []Revocation, r *Request) Reason {
	s := r.Subject
	if s == nil {
		return NoSession
	}
	if !slices.Contains(s.Audience, Audience(p.Source)) {
		return WrongAudience
	}
	if s.AuthorizedParty != "" {
		taken := p.CORS != nil && p.CORS.Tokens && slices.Contains(p.CORS.AllowedOrigins, s.AuthorizedParty)
		if r.Origin != s.AuthorizedParty || !taken {
			return WrongAudience
		}
	}
	if s.ExpiresAt.Compare(r.Now) <= 0 || s.IssuedAt.After(r.Now.Add(time.Minute)) || s.IssuedAt.Add(30*24*time.Hour).Before(r.Now) {
		return SessionExpired
	}
	before := []time.Time{p.Session.RevokedBefore}
	for _, v := range revocations {
		if v.Provider != "" && (v.Provider != s.Provider || v.User != s.ID) {
			continue
		}
		if v.Provider != "" || v.User == s.ID || strings.EqualFold(v.User, s.Email) {
			before = append(before, v.Before)
		}
	}
	if slices.ContainsFunc(before, func(b time.Time) bool { return b.Compare(s.SignedInAt) > 0 }) {
		return SessionRevoked
	}
	if p.IdentityProviders != nil && !slices.Contains(p.IdentityProviders, s.Provider) {
		return WrongProvider
	}
	return NoReason
}
