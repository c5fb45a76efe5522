// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"maps"
	"slices"
)

// The types of a provider.
const (
	TypeOIDC  = "oidc"
	TypeUsers = "users"
)

// A Config describes one identity provider.
type Config struct {
	Name        string // unique; it is part of the callback's address
	DisplayName string // for people; default: Name
	Type        string // TypeOIDC or TypeUsers

	// TypeOIDC. A claim is named by its path: "groups", "realm_access.roles".
	Issuer       string // https, or http on this machine
	ClientID     string
	ClientSecret string            // empty: a public client
	Scopes       []string          // default: openid profile email; openid is always asked for
	EmailClaim   string            // default: email
	GroupsClaim  string            // default: groups
	UserClaim    string            // what people are called; default: sub. Who they are says sub
	AMRClaim     string            // default: amr
	AuthParams   map[string]string // added to the authorization request
	CABundle     []byte            // PEM; in place of the system's roots

	// TrustUnverifiedEmail takes an address that the provider does not say it has
	// verified: only for a provider whose users cannot choose their address.
	TrustUnverifiedEmail bool

	// QualifiedUsers: applications are told "NAME/USER", as another provider may have
	// users of the same names.
	QualifiedUsers bool

	// TypeUsers: a YAML list of {name, email, groups, passwordHash}.
	Users []byte
}

// clone returns a copy that the caller's later changes do not reach.
func (c *Config) clone() Config {
	d := *c
	d.Scopes, d.AuthParams = slices.Clone(c.Scopes), maps.Clone(c.AuthParams)
	d.CABundle, d.Users = slices.Clone(c.CABundle), slices.Clone(c.Users)
	return d
}

// A Problem is a mistake in a Config, worded for whoever wrote it.
type Problem struct {
	Provider string // its name
	Field    string // as in Config's custom resource: "issuer", "users"
	Text     string // quotes no secret
	// Partial: the provider is in use without what the problem is about, which
	// is an entry of the users. Otherwise it signs nobody in.
	Partial bool
}

// String returns it as one line.
func (p Problem) String() string {
	return "identity provider " + p.Provider + ": " + p.Field + ": " + p.Text
}
