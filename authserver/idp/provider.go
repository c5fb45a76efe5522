// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"cmp"
	"context"
	"slices"
)

// A Provider is one identity provider. It is safe for concurrent use, also after
// it was replaced in its Set.
type Provider struct {
	config   Config
	problems []Problem
	oidc     *openID // of TypeOIDC
	users    *users  // of TypeUsers
}

func (s *Set) newProvider(c Config) *Provider {
	p := &Provider{config: c}
	return p
}

func (p *Provider) usable() bool {
	return !slices.ContainsFunc(p.problems, func(problem Problem) bool { return !problem.Partial })
}

func (p *Provider) close() {}

// Name returns the name that it is configured by.
func (p *Provider) Name() string { return p.config.Name }

// DisplayName returns its name for people.
func (p *Provider) DisplayName() string { return cmp.Or(p.config.DisplayName, p.config.Name) }

// Type returns TypeOIDC or TypeUsers.
func (p *Provider) Type() string { return p.config.Type }

// Password reports whether people sign in with CheckPassword, and not at a site
// of the provider's own.
func (p *Provider) Password() bool { return p.config.Type == TypeUsers }

// Knows reports whether the user of this ID may still exist: a built-in user
// that was removed does not, and of others only their provider knows.
func (p *Provider) Knows(id string) bool { return true }

// AuthCodeURL returns the address at the provider to send the browser to.
func (p *Provider) AuthCodeURL(ctx context.Context, s Start) (string, error) {
	return "", ErrUnavailable
}

// Exchange finds out who came back from the provider.
func (p *Provider) Exchange(ctx context.Context, c Callback) (Identity, error) {
	return Identity{}, ErrUnavailable
}

// CheckPassword returns the built-in user of that name or email address, if the
// password is theirs. Who is unknown takes as long as who is not.
func (p *Provider) CheckPassword(ctx context.Context, user, password string) (Identity, error) {
	return Identity{}, ErrWrongPassword
}

type (
	openID struct{}
	users  struct{}
	gate   struct{}
)

func newGate() *gate { return &gate{} }
