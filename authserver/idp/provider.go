// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"cmp"
	"context"
	"strings"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/oidc"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A Provider is one identity provider. It is safe for concurrent use, also after
// it was replaced in its Set.
type Provider struct {
	config   Config
	problems []Problem
	usable   bool            // whatever Partial problems there are
	known    policy.Provider // what tables know of it
	site     site            // of TypeOIDC and TypeGitHub
	users    *users          // of TypeUsers
	gate     *gate
}

// A site is one of a provider's own, at which people sign in.
type site interface {
	authCodeURL(ctx context.Context, s Start) (string, error)
	exchange(ctx context.Context, c Callback) (Identity, error)
	close()
}

// newProvider makes a provider that is usable unless there are problems.
func (s *Set) newProvider(c Config) *Provider {
	p := &Provider{config: c, gate: s.gate}
	reading, issues := config.Read(&p.config)
	for _, i := range issues {
		p.problems = append(p.problems, Problem{c.Name, i})
	}
	switch p.usable = config.Usable(issues); {
	case !p.usable:
	case c.Type == TypeOIDC:
		p.site = newOpenID(&p.config, &reading, &s.opts)
	case c.Type == TypeGitHub:
		p.site = newGitHub(&p.config, &reading, &s.opts)
	case c.Type == TypeUsers:
		p.users = newUsers(reading.Users)
	}
	p.known = reading.Known(c.Name)
	return p
}

// close lets go of connections that are not in use.
func (p *Provider) close() {
	if p.site != nil {
		p.site.close()
	}
}

// Name returns the name that it is configured by.
func (p *Provider) Name() string { return p.config.Name }

// DisplayName returns its name for people.
func (p *Provider) DisplayName() string { return cmp.Or(p.config.DisplayName, p.config.Name) }

// Type returns TypeOIDC, TypeGitHub or TypeUsers.
func (p *Provider) Type() string { return p.config.Type }

// Password reports whether people sign in with CheckPassword, and not at a site
// of the provider's own.
func (p *Provider) Password() bool { return p.users != nil }

// Posts reports whether it answers by a form that the browser posts from its page (OAuth 2.0
// Form Post Response Mode). One that is not there does not.
func (p *Provider) Posts() bool { return p != nil && p.site != nil && p.config.FormPost }

// Knows reports whether the user of this ID may still exist: a built-in user
// that was removed does not, and of others only their provider knows.
func (p *Provider) Knows(id string) bool {
	if p.users == nil {
		return true
	}
	return p.users.ByID(id) != nil
}

// SecondFactor says who is asked for one besides the password: config.Optional, config.Required;
// empty: nobody. Factors is the name of where they are kept.
func (p *Provider) SecondFactor() (mode, factors string) {
	return p.config.SecondFactor, p.config.Factors
}

// AuthCodeURL returns the address at the provider to send the browser to.
func (p *Provider) AuthCodeURL(ctx context.Context, s Start) (string, error) {
	if p.site == nil {
		return "", oidc.Fail(ErrRejected, "%s has no site to sign in at", p.config.Name)
	}
	return p.site.authCodeURL(ctx, s)
}

// Exchange finds out who came back from the provider.
func (p *Provider) Exchange(ctx context.Context, c Callback) (Identity, error) {
	if p.site == nil {
		return Identity{}, oidc.Fail(ErrRejected, "%s has no site to sign in at", p.config.Name)
	}
	return p.site.exchange(ctx, c)
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
	if fold, ok := config.Folded(typed); ok {
		return fold
	}
	typed = strings.TrimSpace(typed)
	if key, ok := config.Canonical(typed); ok {
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
	if u := p.users.Find(typed); u != nil {
		return u.Name
	}
	return ""
}
