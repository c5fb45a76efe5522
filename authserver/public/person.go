// SPDX-License-Identifier: Apache-2.0

package public

import (
	"crypto/rand"
	"encoding/base64"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// A Person is all that is known of somebody, as it travels sealed: in a ticket to an
// application, and in what an OAuth client holds.
type Person struct {
	ID     string   `json:"sub"`
	User   string   `json:"user,omitempty"` // what the provider calls them
	Email  string   `json:"email,omitempty"`
	Groups []string `json:"groups,omitempty"`
	// Claims are those of the identity provider that rules look at.
	Claims      []policy.IdentityClaim `json:"claims,omitempty"`
	AMR         []string               `json:"amr,omitempty"`
	Asked       string                 `json:"asked,omitempty"`
	Evaluations []string               `json:"eval,omitempty"`
	Provider    string                 `json:"idp"`
	SignedIn    int64                  `json:"at"`
	Said        int64                  `json:"st"` // when the provider said so
}

// PersonOf is what is known of a subject.
func PersonOf(s *policy.Subject) Person {
	return Person{ID: s.ID, User: s.User, Email: s.Email, Groups: s.Groups, Claims: s.Claims, AMR: s.AMR, Asked: s.Asked,
		Evaluations: s.Evaluations, Provider: s.Provider, SignedIn: s.SignedInAt.Unix(), Said: s.IssuedAt.Unix()}
}

// Subject is who that is.
func (p *Person) Subject() *policy.Subject {
	return &policy.Subject{ID: p.ID, User: p.User, Email: p.Email, Groups: p.Groups, Claims: p.Claims, AMR: p.AMR, Asked: p.Asked,
		Evaluations: p.Evaluations, Provider: p.Provider,
		SignedInAt: time.Unix(p.SignedIn, 0).UTC(), IssuedAt: time.Unix(p.Said, 0).UTC()}
}

// RandomID returns 128 bits that nobody guesses.
func RandomID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails (crypto/rand)
	return base64.RawURLEncoding.EncodeToString(raw[:])
}
