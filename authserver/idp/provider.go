// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/oidc"
)

// A Provider is one identity provider. It is safe for concurrent use, also after
// it was replaced in its Set.
type Provider struct {
	config   Config
	problems []Problem
	openID   *openID // of TypeOIDC
	users    *users  // of TypeUsers
	gate     *gate
}

// newProvider makes a provider that is usable unless there are problems.
func (s *Set) newProvider(c Config) *Provider {
	p := &Provider{config: c, gate: s.gate}
	v := &validation{config: &p.config}
	v.common()
	switch c.Type {
	case TypeOIDC:
		if v.openID(); len(v.problems) == 0 {
			p.openID = newOpenID(&p.config, v.issuer, v.roots, &s.opts)
		}
	case TypeUsers:
		var problems []Problem
		p.users, problems = parseUsers(c.Users)
		for _, problem := range problems {
			problem.Provider = oidc.Printable(c.Name, 100)
			v.problems = append(v.problems, problem)
		}
	}
	p.problems = v.problems
	return p
}

func (p *Provider) usable() bool {
	return !slices.ContainsFunc(p.problems, func(problem Problem) bool { return !problem.Partial })
}

// close lets go of connections that are not in use.
func (p *Provider) close() {
	if p.openID != nil {
		p.openID.client.Close()
	}
}

// Name returns the name that it is configured by.
func (p *Provider) Name() string { return p.config.Name }

// DisplayName returns its name for people.
func (p *Provider) DisplayName() string { return cmp.Or(p.config.DisplayName, p.config.Name) }

// Type returns TypeOIDC or TypeUsers.
func (p *Provider) Type() string { return p.config.Type }

// Password reports whether people sign in with CheckPassword, and not at a site
// of the provider's own.
func (p *Provider) Password() bool { return p.users != nil }

// Knows reports whether the user of this ID may still exist: a built-in user
// that was removed does not, and of others only their provider knows.
func (p *Provider) Knows(id string) bool {
	if p.users == nil {
		return true
	}
	u := p.users.byKey[id]
	return u != nil && u.name == id
}

// AuthCodeURL returns the address at the provider to send the browser to.
func (p *Provider) AuthCodeURL(ctx context.Context, s Start) (string, error) {
	if p.openID == nil {
		return "", oidc.Fail(ErrRejected, "%s has no site to sign in at", p.config.Name)
	}
	return p.openID.authCodeURL(ctx, s)
}

// Exchange finds out who came back from the provider.
func (p *Provider) Exchange(ctx context.Context, c Callback) (Identity, error) {
	if p.openID == nil {
		return Identity{}, oidc.Fail(ErrRejected, "%s has no site to sign in at", p.config.Name)
	}
	return p.openID.exchange(ctx, c)
}

// CheckPassword returns the built-in user of that name or email address, if the
// password is theirs. Who is unknown takes as long as who is not.
func (p *Provider) CheckPassword(ctx context.Context, t Turn, user, password string) (Identity, error) {
	if p.users == nil {
		return Identity{}, oidc.Fail(ErrRejected, "%s takes no passwords", p.config.Name)
	}
	return p.checkPassword(ctx, t, user, password)
}

// Account returns by what guesses at an account are counted: the name as it was
// typed, in the one spelling that stands for all that are the same.
func (p *Provider) Account(typed string) string {
	if key, ok := canonical(strings.TrimSpace(typed)); ok {
		return key
	}
	return typed
}

// IDOf returns the ID of the built-in user of that name or address; empty: there is
// none. It is nobody's business who is.
func (p *Provider) IDOf(typed string) string {
	if p.users == nil {
		return ""
	}
	if u := p.users.find(typed); u != nil {
		return u.name
	}
	return ""
}
