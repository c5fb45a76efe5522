// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/oidc"
)

// gitHub is GitHub, which is no OpenID provider: who somebody is says its REST API, of
// which two addresses are asked, the site's and the API's, and no other, whatever they say.
type gitHub struct {
	config  *Config
	api     string // without a slash at its end
	mapping mapping
	log     *slog.Logger
	timeout time.Duration
	client  *oidc.Client
	oauth2  oauth2.Config
}

// pageSize is how many entries GitHub is asked for at once, the most that it gives; maxPages
// is how often.
const (
	pageSize = 100
	maxPages = 1 + config.MaxGroups/pageSize
)

// newGitHub makes one of a Config that is valid.
func newGitHub(c *Config, r *config.Reading, opts *Options) *gitHub {
	client := oidc.NewClient(r.Asked, r.Roots, opts.Timeout)
	client.RefuseRedirects()
	site := strings.TrimSuffix(r.Asked.String(), "/")
	// Who somebody is says the number of the account: a login can be given up, and taken by
	// somebody else.
	m := mapping{user: "sub", email: "email", groups: "groups", format: config.List, amr: "amr"}
	if c.UserClaim != "" {
		m.user = c.UserClaim
	}
	return &gitHub{
		config: c, api: config.GitHubAPI(r.Asked), mapping: m, log: opts.Log.With("provider", c.Name), timeout: opts.Timeout, client: client,
		oauth2: oauth2.Config{ClientID: c.ClientID, ClientSecret: c.ClientSecret, Scopes: []string{"read:user", "user:email", "read:org"},
			Endpoint: oauth2.Endpoint{AuthURL: site + "/login/oauth/authorize", TokenURL: site + "/login/oauth/access_token",
				AuthStyle: oauth2.AuthStyleInParams}},
	}
}

func (g *gitHub) close() { g.client.Close() }

// authCodeURL is GitHub's authorization request, with PKCE. It knows no way to ask for the
// password again: who is to sign in anew chooses the account anew.
func (g *gitHub) authCodeURL(_ context.Context, s Start) (string, error) {
	if s.State == "" || s.Verifier == "" || s.RedirectURI == "" {
		return "", oidc.Fail(ErrRejected, "sign-in cannot start without state, verifier and address")
	}
	params := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("redirect_uri", s.RedirectURI), oauth2.S256ChallengeOption(s.Verifier)}
	if s.Reauthenticate {
		params = append(params, oauth2.SetAuthURLParam("prompt", "select_account"))
	}
	return g.oauth2.AuthCodeURL(s.State, params...), nil
}

// exchange is the rest of the code flow.
func (g *gitHub) exchange(ctx context.Context, c Callback) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	site := strings.TrimSuffix(g.oauth2.Endpoint.AuthURL, "/authorize") // which is what its metadata calls it
	switch {
	case c.Code == "" || c.Verifier == "" || c.RedirectURI == "":
		return Identity{}, oidc.Fail(ErrRejected, "sign-in cannot end without code, verifier and address")
	case c.Issuer != "" && c.Issuer != site: // RFC 9207 §2.4
		return Identity{}, oidc.Fail(ErrRejected, "the answer is of another issuer, %q", c.Issuer)
	}
	token, err := redeem(ctx, g.client, &g.oauth2, g.log, c)
	if err != nil {
		return Identity{}, err
	}
	who, err := g.user(ctx, token.AccessToken)
	if err != nil {
		return Identity{}, err
	}
	unsaid, err := g.complete(ctx, token, who)
	if err != nil {
		return Identity{}, err
	}
	out, err := g.mapping.person(g.log, g.config.Name, []claims{who}, c.Claims, unsaid)
	if err == nil && out.Name == "" {
		out.Name, _ = who["login"].(string)
	}
	return out, err
}

// user returns what GitHub says of somebody, as the claims of an ID token: the number of
// the account is its sub. Nothing is left of an address, which may be any, or of what
// could pass for something that was asked elsewhere.
func (g *gitHub) user(ctx context.Context, accessToken string) (claims, error) {
	const what = "its user endpoint"
	text, _, err := g.client.Get(ctx, what, g.api+"/user", accessToken)
	if err != nil {
		return nil, err
	}
	c, err := decodeClaims(what, text)
	if err != nil {
		return nil, err
	}
	number, _ := c["id"].(json.Number)
	id, err := strconv.ParseUint(number.String(), 10, 63)
	login, _ := c["login"].(string)
	if err != nil || id == 0 || !config.IsName(login) {
		return nil, oidc.Fail(ErrRejected, "%s names no user", what)
	}
	for _, name := range []string{"email", "email_verified", "groups", "amr", "preferred_username", "_claim_names"} {
		delete(c, name)
	}
	c["sub"] = strconv.FormatUint(id, 10)
	return c, nil
}

// complete adds the address and the groups. What cannot be asked is Unsaid, but for who has
// to be a member of an organization: that has to be known.
func (g *gitHub) complete(ctx context.Context, token *oauth2.Token, who claims) (unsaid Unsaid, err error) {
	email, err := g.email(ctx, token.AccessToken)
	if err != nil {
		unsaid.Email, unsaid.Err = true, err
	}
	if email != "" {
		who["email"], who["email_verified"] = email, true
	}
	groups, err := g.groups(ctx, token)
	switch {
	case err != nil && len(g.config.Organizations) > 0:
		return unsaid, err
	case err != nil:
		unsaid.Groups, unsaid.Err = true, err
	case len(groups) == 0 && len(g.config.Organizations) > 0:
		return unsaid, oidc.Fail(ErrRejected, "%s is in none of the organizations that are configured, as far as GitHub tells", who["login"])
	default:
		who["groups"] = groups
	}
	if unsaid.Err != nil {
		g.log.Warn("GitHub does not tell all about a user who signs in", "user", who["sub"], "error", unsaid.Err, "email", unsaid.Email,
			"groups", unsaid.Groups)
	}
	return unsaid, nil
}

// email returns the primary address, if it is verified.
func (g *gitHub) email(ctx context.Context, accessToken string) (string, error) {
	type entry struct {
		Email    string
		Primary  bool
		Verified bool
	}
	all, _, err := list[entry](ctx, g, "its list of addresses", "/user/emails", accessToken)
	for _, e := range all {
		if e.Primary && e.Verified && config.IsEmail(e.Email) {
			return e.Email, err
		}
	}
	return "", err
}

// groups returns the organizations of somebody, and their teams as "organization/team": of
// the organizations that are configured, if any are.
func (g *gitHub) groups(ctx context.Context, token *oauth2.Token) ([]any, error) {
	if !tellsOrganizations(token) {
		return nil, oidc.Fail(ErrRejected, "it did not grant the scope read:org")
	}
	type organization struct{ Login string }
	type team struct {
		Slug         string
		Organization organization
	}
	organizations, more, err := list[organization](ctx, g, "its list of organizations", "/user/orgs", token.AccessToken)
	if err != nil {
		return nil, err
	}
	teams, moreTeams, err := list[team](ctx, g, "its list of teams", "/user/teams", token.AccessToken)
	if err != nil {
		return nil, err
	}
	if more || moreTeams {
		g.log.Warn("a user who signs in has more organizations or teams than are read", "most", maxPages*pageSize)
	}
	var out []any
	for _, o := range organizations {
		if g.wants(o.Login) {
			out = append(out, o.Login)
		}
	}
	for _, t := range teams {
		if g.wants(t.Organization.Login) && isOne(t.Slug) {
			out = append(out, t.Organization.Login+"/"+t.Slug)
		}
	}
	return out, nil
}

// tellsOrganizations reports whether a token is for private memberships, too: others are
// those that people choose to show. A token of a GitHub App has no scopes.
func tellsOrganizations(token *oauth2.Token) bool {
	scope, _ := token.Extra("scope").(string)
	return scope == "" || slices.Contains(strings.FieldsFunc(scope, isScopeEnd), "read:org")
}

// isOne reports whether a name is that of one thing, and cannot pass for a team's.
func isOne(name string) bool { return name != "" && !strings.Contains(name, "/") }

func isScopeEnd(r rune) bool { return r == ',' || r == ' ' }

// wants reports whether an organization counts. Their names differ in more than case.
func (g *gitHub) wants(organization string) bool {
	if !isOne(organization) {
		return false
	}
	return len(g.config.Organizations) == 0 ||
		slices.ContainsFunc(g.config.Organizations, func(o string) bool { return strings.EqualFold(o, organization) })
}

// list returns a list of GitHub's, page after page by number: no address that an answer
// names is gone to. more: it is longer than is read.
func list[T any](ctx context.Context, g *gitHub, what, path, accessToken string) (all []T, more bool, err error) {
	for page := 1; page <= maxPages; page++ {
		address := fmt.Sprintf("%s%s?%s", g.api, path, url.Values{"per_page": {strconv.Itoa(pageSize)}, "page": {strconv.Itoa(page)}}.Encode())
		text, _, err := g.client.Get(ctx, what, address, accessToken)
		if err != nil {
			return nil, false, err
		}
		var some []T
		if err := oidc.Decode(what, text, &some); err != nil {
			return nil, false, err
		}
		all = append(all, some[:min(len(some), pageSize)]...)
		if len(some) < pageSize {
			return all, false, nil
		}
	}
	return all, true, nil
}
