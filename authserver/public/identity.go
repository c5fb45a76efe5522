// SPDX-License-Identifier: Apache-2.0

package public

import (
	"strings"

	"github.com/ostiary/ostiary/authserver/policy"
)

// An Identity is what is told of who is signed in, in the words of Cloudflare Access where
// it has them: at get-identity, and to external evaluation services.
type Identity struct {
	Email   string   `json:"email"`
	ID      string   `json:"user_uuid"`
	Subject string   `json:"sub"`
	Groups  []string `json:"groups"`
	AMR     []string `json:"amr,omitempty"`
	// Custom are claims of the identity provider that rules look at, and Unsaid those that
	// cannot be told.
	Custom   map[string][]string `json:"custom,omitempty"`
	Unsaid   []string            `json:"custom_unsaid,omitempty"`
	Provider struct {
		ID   string `json:"id"`
		Type string `json:"type"`
	} `json:"idp"`
	IssuedAt  int64 `json:"iat"`
	SignedIn  int64 `json:"auth_time"`
	ExpiresAt int64 `json:"exp"`
}

// IdentityOf is what is told of a subject, whose provider is of that type.
func IdentityOf(s *policy.Subject, providerType string) Identity {
	who := Identity{Email: s.Email, ID: s.Name(), Subject: s.Name(), Groups: s.Groups, AMR: s.AMR,
		IssuedAt: s.IssuedAt.Unix(), SignedIn: s.SignedInAt.Unix(), ExpiresAt: s.ExpiresAt.Unix()}
	who.Unsaid = policy.UnsaidOf(s.Claims)
	for _, c := range s.Claims {
		if !c.Unknown && !strings.HasPrefix(c.Name, policy.ReservedClaim) {
			if who.Custom == nil {
				who.Custom = map[string][]string{}
			}
			who.Custom[c.Name] = c.Values
		}
	}
	if who.Groups == nil {
		who.Groups = []string{}
	}
	who.Provider.ID, who.Provider.Type = s.Provider, providerType
	return who
}
