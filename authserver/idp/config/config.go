// SPDX-License-Identifier: Apache-2.0

package config

import (
	"maps"
	"slices"

	"github.com/ostiary/ostiary/authserver/policy"
)

// The types of a provider.
const (
	OIDC   = "oidc"
	GitHub = "github"
	Users  = "users"
)

// A Provider describes one identity provider.
type Provider struct {
	Name        string // unique; it is part of the callback's address
	DisplayName string // for people; default: Name
	Type        string // OIDC, GitHub or Users

	// OIDC. A claim is named by its path: "groups", "realm_access.roles".
	Issuer string // https, or http on this machine
	// GraphURL is where Microsoft Graph is, which is asked for groups that an ID token has no
	// room for. Empty: nobody is asked.
	GraphURL     string
	DiscoveryURL string // where the metadata is; default: below Issuer
	ClientID     string
	ClientSecret string            // empty: a public client
	Scopes       []string          // default: openid profile email; openid is always asked for
	EmailClaim   string            // default: email
	GroupsClaim  string            // default: groups
	UserClaim    string            // what people are called; default: sub. Who they are says sub
	AMRClaim     string            // default: amr
	GroupsFormat string            // one of GroupsFormats; default: List
	AuthParams   map[string]string // added to the authorization request
	CABundle     []byte            // PEM; in place of the system's roots
	StepUp       []StepUp          // how it is asked for a stronger sign-in, a method once

	// NonceOptional accepts ID tokens without a nonce: whose sign-in a code is of, PKCE alone
	// tells then.
	NonceOptional bool
	// FormPost has the provider answer by a form that the browser posts.
	FormPost bool
	// EndSession has a sign-out everywhere go on to the provider, at EndSessionURL, or else where its
	// metadata says.
	EndSession    bool
	EndSessionURL string
	// TrustUnverifiedEmail takes an address that the provider does not say it has
	// verified: only for a provider whose users cannot choose their address.
	TrustUnverifiedEmail bool

	// QualifiedUsers: applications are told "NAME/USER", as another provider may have
	// users of the same names.
	QualifiedUsers bool

	// GitHub, beside ClientID, ClientSecret, CABundle, and UserClaim: "login", or the number of
	// the account.
	Site          string   // default: https://github.com
	Organizations []string // who is in none of them is refused; default: anybody is taken

	// Users: a YAML list of {name, email, groups, passwordHash}.
	Users []byte
	// SecondFactor is who is asked for one besides the password: Optional or Required; empty:
	// nobody. Factors is the name of where they are kept.
	SecondFactor, Factors string
}

// Who is asked for a second factor.
const (
	Optional = "Optional" // whoever has one
	Required = "Required" // everybody: who has none sets one up first
)

// How groups stand at their claim.
const (
	List  = "List"  // a list of names, or one name
	Comma = "Comma" // a text, with commas between names
	Space = "Space" // a text, with blanks between names
	JSON  = "JSON"  // a text that is a JSON list
	Keys  = "Keys"  // an object, whose keys are the names
	DN    = "DN"    // distinguished names (RFC 4514), whose first values are the names
)

// GroupsFormats are all of them.
func GroupsFormats() []string { return []string{List, Comma, Space, JSON, Keys, DN} }

// String names the provider, and keeps its secrets out of whatever is printed.
func (p Provider) String() string { return "identity provider " + p.Name }

// Clone returns a copy that the caller's later changes do not reach.
func (p *Provider) Clone() Provider {
	d := *p
	d.Scopes, d.AuthParams = slices.Clone(p.Scopes), maps.Clone(p.AuthParams)
	d.CABundle, d.Users = slices.Clone(p.CABundle), slices.Clone(p.Users)
	d.Organizations = slices.Clone(p.Organizations)
	d.StepUp = slices.Clone(p.StepUp)
	for i := range d.StepUp {
		d.StepUp[i].ACRValues = slices.Clone(d.StepUp[i].ACRValues)
	}
	return d
}

// An Issue is a mistake in a Provider, worded for whoever wrote it.
type Issue struct {
	Field   string // as in its custom resource: "issuer", "claims.groups", "users"
	Code    policy.Code
	Message string // quotes no secret
	// Partial: the provider is in use without what the issue is about, which is an
	// entry of the users. Otherwise it signs nobody in.
	Partial bool
}

// InUse returns what a table knows of providers: those that are valid, and the
// users of those that list them. Of a name that two have, there is none.
func InUse(all []Provider) *policy.Providers {
	count := map[string]int{}
	for i := range all {
		count[all[i].Name]++
	}
	var used []policy.Provider
	for i := range all {
		r, issues := Read(&all[i])
		if count[all[i].Name] == 1 && Usable(issues) {
			used = append(used, r.Known(all[i].Name))
		}
	}
	return policy.NewProviders(used...)
}

// Known returns what a table knows of the provider, which has that name.
func (r Reading) Known(name string) policy.Provider {
	if r.Users == nil {
		return policy.Provider{Name: name, StepUp: r.StepUp}
	}
	return policy.Provider{Name: name, Listed: true, Users: r.Users.all()}
}
