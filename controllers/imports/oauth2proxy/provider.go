// SPDX-License-Identifier: Apache-2.0

package oauth2proxy

import (
	"cmp"
	"net/url"
	"strconv"
	"strings"

	"github.com/ostiary/ostiary/api/v1alpha1"
	"github.com/ostiary/ostiary/controllers/imports/draft"
	"github.com/ostiary/ostiary/controllers/routes"
)

// provider makes the IdentityProvider, and returns its name. Of one whose issuer is not known
// there is but the name: nobody signs in until there is an IdentityProvider of it.
func (s *settings) provider() string {
	kind := s.kind()
	name := s.Draft.Name("IdentityProvider", cmp.Or(s.last("provider-display-name").Text(), kind))
	if kind == "github" {
		return s.gitHub(name)
	}
	oidc := &v1alpha1.OIDC{Issuer: s.issuer(kind), ClientID: s.last("client-id").Text(), AuthParams: s.parameters()}
	if s.Peek("client-secret") != nil || s.Peek("client-secret-file") != nil {
		oidc.ClientSecretRef = &v1alpha1.SecretKey{Name: name}
	}
	for scope := range strings.FieldsSeq(s.last("scope").Text()) {
		oidc.Scopes = append(oidc.Scopes, v1alpha1.Scope(scope))
	}
	claims := v1alpha1.Claims{
		Email:  v1alpha1.ClaimPath(s.last("oidc-email-claim").Text()),
		Groups: v1alpha1.ClaimPath(s.last("oidc-groups-claim").Text()),
	}
	if claims != (v1alpha1.Claims{}) {
		oidc.Claims = &claims
	}
	oidc.TrustUnverifiedEmail = s.last("insecure-oidc-allow-unverified-email").Flag(false, false)
	s.Get("approval-prompt").Known()
	if jwks := s.last("skip-oidc-discovery"); jwks.Flag(false, false) {
		s.Say(draft.Closed, jwks, of, "the provider's metadata is read below its issuer, or at oidc.discoveryURL: nobody can sign in if it has none")
	}
	if oidc.Issuer == "" || oidc.ClientID == "" {
		s.Say(draft.Closed, s.Node, of, "the provider %q has no issuer, or no client ID, in the settings: "+
			"write an IdentityProvider of the name %s; nobody can sign in until then", kind, name)
		return name
	}
	s.Provider(s.Node, of, name, v1alpha1.IdentityProviderSpec{OIDC: oidc})
	s.register(name)
	return name
}

// kind is what kind of provider there is.
func (s *settings) kind() string { return cmp.Or(s.last("provider").Text(), "google") }

func (s *settings) register(name string) {
	s.Say(draft.Noted, s.Node, of, "write the client secret into the Secret %s (key clientSecret) of Ostiary's namespace, "+
		"and register the team host's /.access/idp/%s/callback with the provider", name, name)
}

// gitHub makes the IdentityProvider of GitHub. Who must be in which organization or team, the
// rules say: a user whom github-user names need not be.
func (s *settings) gitHub(name string) string {
	gh := &v1alpha1.GitHub{ClientID: s.last("client-id").Text(), ClientSecretRef: v1alpha1.SecretKey{Name: name}}
	login := s.last("login-url")
	if u, err := url.Parse(login.Text()); err == nil && u.Host != "" && u.Host != "github.com" {
		gh.URL = u.Scheme + "://" + u.Host
	}
	if gh.ClientID == "" {
		s.Say(draft.Closed, s.Node, of, "the settings have no client ID: write an IdentityProvider of the name %s; nobody can sign in until then", name)
		return name
	}
	s.Provider(s.Node, of, name, v1alpha1.IdentityProviderSpec{GitHub: gh})
	s.register(name)
	s.Say(draft.Noted, s.Node, of, "applications are told the number of an account, which stays; github.user: Login tells the name, as before")
	return name
}

// gitHubs are settings of GitHub that need no equivalent: where it is, url says.
var gitHubs = words(`login-url redeem-url validate-url approval-prompt scope`)

// members are those of whom GitHub has to say one: of a team, or of the organization if none
// is asked for, or a user who is named.
func (s *settings) members() (out []draft.Part) {
	member := draft.Part{From: s.Node, Fit: draft.Exact}
	for _, n := range s.all("github-team") {
		for _, team := range routes.SplitList(n.Text()) {
			owner, slug, whole := strings.Cut(team, ":")
			if !whole {
				owner, slug = s.last("github-org").Text(), team
			}
			member.From = n
			if owner == "" || slug == "" {
				return append(out, draft.Lacks(n, "of which organization the team "+strconv.Quote(team)+" is, is not said"))
			}
			member.Selectors = append(member.Selectors, v1alpha1.Selector{IdPGroup: owner + "/" + slug})
		}
	}
	if org := s.last("github-org"); org.Text() != "" && len(member.Selectors) == 0 {
		member.From, member.Selectors = org, []v1alpha1.Selector{{IdPGroup: org.Text()}}
	}
	switch repo := s.last("github-repo"); {
	case repo == nil:
	case len(member.Selectors) == 0:
		return append(out, draft.Lacks(repo, "who had to be a collaborator of "+repo.Text()+" has no equivalent"))
	default:
		s.Say(draft.Left, repo, of, "it says nothing beside an organization or a team")
	}
	if s.users(&member); len(member.Selectors) > 0 {
		out = append(out, member)
	}
	return out
}

// issuer is where the provider is, as its kind has it.
func (s *settings) issuer(kind string) string {
	issuer, tenant := s.last("oidc-issuer-url").Text(), s.last("azure-tenant").Text()
	switch {
	case issuer != "":
		return issuer
	case kind == "google":
		return "https://accounts.google.com"
	case (kind == "azure" || kind == "entra-id") && tenant != "":
		return "https://login.microsoftonline.com/" + tenant + "/v2.0"
	default:
		return ""
	}
}

// users adds the users that are named, beside whom it is enough to be.
func (s *settings) users(member *draft.Part) {
	for _, n := range s.all("github-user") {
		for _, user := range routes.SplitList(n.Text()) {
			member.From = n
			member.Selectors = append(member.Selectors, v1alpha1.Selector{Claim: &v1alpha1.OIDCClaim{Name: "login", Value: user}})
		}
	}
}

// parameters are those of the authorization request.
func (s *settings) parameters() map[string]v1alpha1.AuthParam {
	out := map[string]v1alpha1.AuthParam{}
	for key, param := range map[string]string{"prompt": "prompt", "acr-values": "acr_values"} {
		if value := s.last(key).Text(); value != "" {
			out[param] = v1alpha1.AuthParam(value)
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
