// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/x509"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ostiary/ostiary/authserver/oidc/issuer"
	"github.com/ostiary/ostiary/authserver/policy"
)

// A Reading is what a Provider's texts say.
type Reading struct {
	Issuer *url.URL       // of OIDC
	Asked  *url.URL       // of OIDC: where its metadata is asked for, at its Issuer or elsewhere; of GitHub: its site
	Graph  *url.URL       // of OIDC: Microsoft Graph; nil: it is not asked
	Roots  *x509.CertPool // of OIDC and GitHub; nil: the system's
	Users  *UserList      // of Users
	StepUp []string       // the methods that it can be asked for
}

// Usable reports whether a provider with these issues signs people in.
func Usable(issues []Issue) bool {
	return !slices.ContainsFunc(issues, func(i Issue) bool { return !i.Partial })
}

// Check returns everything that is wrong with a provider.
func Check(p *Provider) []Issue {
	_, issues := Read(p)
	return issues
}

// Read reads a provider's texts, and returns everything that is wrong with it. The
// reading is complete if the provider is Usable.
func Read(p *Provider) (Reading, []Issue) {
	c := &check{provider: p}
	c.common()
	switch p.Type {
	case OIDC:
		c.oidc()
	case GitHub:
		c.gitHub()
	case Users:
		users, issues := readUsers(p.Users)
		c.Users, c.issues = users, append(c.issues, issues...)
		c.secondFactor()
	}
	return c.Reading, c.issues
}

// A check collects what is wrong with a Provider.
type check struct {
	Reading
	provider *Provider
	issues   []Issue
}

func (c *check) wrong(field string, code policy.Code, format string, args ...any) {
	c.issues = append(c.issues, Issue{Field: field, Code: code, Message: fmt.Sprintf(format, args...)})
}

// secondFactor refuses what says half of it: the other half must not be guessed.
func (c *check) secondFactor() {
	switch p := c.provider; {
	case p.SecondFactor == "" && p.Factors == "":
	case p.SecondFactor != Optional && p.SecondFactor != Required:
		c.wrong("secondFactor.mode", codeSecondFactor, "%.40q: Optional or Required", p.SecondFactor)
	case p.Factors == "" || len(p.Factors) > 253 || strings.Trim(p.Factors, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" ||
		strings.Trim(p.Factors, "-.") != p.Factors:
		c.wrong("secondFactor.secretRef", codeSecondFactor, "%.100q: not the name of a Secret", p.Factors)
	}
}

// common checks what both types have.
func (c *check) common() {
	p := c.provider
	if p.Name == "" || len(p.Name) > 253 || strings.Trim(p.Name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" ||
		strings.Trim(p.Name, "-.") != p.Name {
		c.wrong("name", codeName, "%.100q: a name has lower-case letters, digits, dots and hyphens only", p.Name)
	}
	if p.DisplayName != "" {
		c.printable("displayName", codeDisplayName, p.DisplayName, 100)
	}
	switch p.Type {
	case OIDC, GitHub, Users:
	default:
		c.wrong("type", codeType, "%.40q: none of %q, %q and %q", p.Type, OIDC, GitHub, Users)
	}
}

// The bounds of the CRD.
const (
	maxScopes     = 32
	maxParams     = 16
	maxParam      = 1024
	maxIdentifier = 255
)

func (c *check) oidc() {
	p := c.provider
	address, problem := issuer.Parse(p.Issuer)
	if c.Issuer = address; problem != "" {
		c.wrong("issuer", codeIssuer, "%.300q: %s", p.Issuer, problem)
	}
	c.Asked = c.Issuer
	if p.DiscoveryURL != "" {
		if c.Asked, problem = issuer.ParseDocument(p.DiscoveryURL); problem != "" {
			c.wrong("discoveryURL", codeDiscovery, "%.300q: %s", p.DiscoveryURL, problem)
		}
	}
	c.endSession()
	if p.GroupsFormat != "" && !slices.Contains(GroupsFormats(), p.GroupsFormat) {
		c.wrong("claims.groupsFormat", codeFormat, "%.40q: one of %s", p.GroupsFormat, strings.Join(GroupsFormats(), ", "))
	}
	if p.GraphURL != "" {
		if c.Graph, problem = issuer.Parse(p.GraphURL); problem != "" {
			c.wrong("graphURL", codeGraph, "%.300q: %s", p.GraphURL, problem)
		}
	}
	c.client()
	c.scopes()
	for _, claim := range []struct{ field, path string }{
		{"claims.email", p.EmailClaim}, {"claims.groups", p.GroupsClaim}, {"claims.user", p.UserClaim}, {"claims.amr", p.AMRClaim},
	} {
		if claim.path != "" && (!IsName(claim.path) || strings.Count(claim.path, ".") > 8) {
			c.wrong(claim.field, codeClaim, "%.40q: not the path of a claim, such as groups or realm_access.roles", claim.path)
		}
	}
	c.authParams()
	c.stepUp()
	c.certificates()
}

func (c *check) endSession() {
	address := c.provider.EndSessionURL
	if address == "" {
		return
	}
	if _, problem := issuer.ParseDocument(address); problem != "" {
		c.wrong("endSessionURL", codeEndSession, "%.300q: %s", address, problem)
	}
}

// client checks what GitHub and OpenID providers know this client by.
func (c *check) client() {
	p := c.provider
	c.printable("clientID", codeClientID, p.ClientID, maxIdentifier)
	if strings.TrimSpace(p.ClientSecret) != p.ClientSecret {
		c.wrong("clientSecret", codeSecretBlank, "the secret begins or ends with a blank or a line end, which the provider would take for a part of it: "+
			"store it without (printf, not echo)")
	}
}

func (c *check) scopes() {
	all := c.provider.Scopes
	for i, s := range all {
		if field := fmt.Sprintf("scopes[%d]", i); !isWord(s) {
			c.wrong(field, codeScope, "%.40q: a scope is one word: no spaces, quotes or backslashes (RFC 6749 §3.3)", s)
		} else if slices.Contains(all[:i], s) {
			c.wrong(field, codeScopeTwice, "%q: listed twice", s)
		}
	}
	if len(all) > maxScopes {
		c.wrong("scopes", codeScopes, "%d scopes, and at most %d are allowed", len(all), maxScopes)
	}
}

// reserved are the parameters that signing in depends on (RFC 6749, OpenID Connect
// Core, RFC 7636).
var reserved = []string{
	"response_type", "response_mode", "client_id", "client_secret", "redirect_uri", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri", "registration", "id_token_hint",
}

func (c *check) authParams() {
	all := c.provider.AuthParams
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch {
		case slices.Contains(reserved, name):
			c.wrong("authParams", codeReserved, "%q: signing in depends on this parameter, so it cannot be set here", name)
		case !isWord(name):
			c.wrong("authParams", codeParam, "%.40q: the name of a parameter is one word", name)
		case utf8.RuneCountInString(all[name]) > maxParam:
			c.wrong("authParams."+name, codeParam, "longer than %d characters", maxParam)
		}
	}
	if len(all) > maxParams {
		c.wrong("authParams", codeParams, "%d parameters, and at most %d are allowed", len(all), maxParams)
	}
}

func (c *check) certificates() {
	pem := c.provider.CABundle
	if len(pem) == 0 {
		return
	}
	c.Roots = x509.NewCertPool()
	if strings.Contains(string(pem), "PRIVATE KEY") {
		c.wrong("caBundle", codePrivateKey, "a private key stands here, which others can read now: remove it, and make another; the certificates are enough")
	} else if !c.Roots.AppendCertsFromPEM(pem) {
		c.wrong("caBundle", codeCertificates, "no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----")
	}
}

func (c *check) printable(field string, code policy.Code, s string, longest int) {
	if !IsPrintable(s, longest) {
		c.wrong(field, code, "%.40q: 1 to %d printable characters, without blanks at the ends", s, longest)
	}
}
