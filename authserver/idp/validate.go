// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"crypto/x509"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/ostiary/ostiary/authserver/oidc"
	"github.com/ostiary/ostiary/authserver/oidc/issuer"
)

// A validation collects what is wrong with a Config.
type validation struct {
	config   *Config
	problems []Problem
	issuer   *url.URL
	roots    *x509.CertPool // nil: the system's
}

func (v *validation) add(field, format string, args ...any) {
	v.problems = append(v.problems, Problem{Provider: oidc.Printable(v.config.Name, 100), Field: field, Text: oidc.Printable(fmt.Sprintf(format, args...), oidc.MaxText)})
}

// common checks what both types have.
func (v *validation) common() {
	c := v.config
	if len(c.Name) > 253 || strings.Trim(c.Name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || strings.Trim(c.Name, "-.") != c.Name || c.Name == "" {
		v.add("name", "%q cannot be a name: it is lower-case letters, digits, dots and hyphens", c.Name)
	}
	if c.DisplayName != "" && (!isName(c.DisplayName) || len(c.DisplayName) > 100) {
		v.add("displayName", "it cannot be shown: it is at most 100 printable characters, without blanks at the ends")
	}
	switch c.Type {
	case TypeOIDC, TypeUsers:
	default:
		v.add("type", "%q is neither %q nor %q", c.Type, TypeOIDC, TypeUsers)
	}
}

// openID checks the fields of TypeOIDC.
func (v *validation) openID() {
	c := v.config
	v.checkIssuer()
	if !isName(c.ClientID) {
		v.add("clientID", "it is missing, or holds characters that cannot be printed")
	}
	if strings.TrimSpace(c.ClientSecret) != c.ClientSecret {
		v.add("clientSecret", "it begins or ends with a blank or a line end, which providers take for a part of it")
	}
	for _, s := range c.Scopes {
		if !isScope(s) {
			v.add("scopes", "%q cannot be a scope (RFC 6749 §3.3)", s)
		}
	}
	v.checkClaims()
	for name := range c.AuthParams {
		if slices.Contains(reserved, name) || !isScope(name) {
			v.add("authParams", "%q cannot be set: it is none, or signing in depends on it", name)
		}
	}
	if len(c.CABundle) > 0 {
		v.roots = x509.NewCertPool()
		if !v.roots.AppendCertsFromPEM(c.CABundle) {
			v.add("caBundle", "it holds no certificate in PEM form")
		}
	}
}

func (v *validation) checkClaims() {
	c := v.config
	for _, claim := range []struct{ field, path string }{
		{"claims.email", c.EmailClaim}, {"claims.groups", c.GroupsClaim}, {"claims.user", c.UserClaim}, {"claims.amr", c.AMRClaim},
	} {
		if claim.path != "" && (!isName(claim.path) || strings.Count(claim.path, ".") > 8) {
			v.add(claim.field, "%q cannot be the path of a claim, such as realm_access.roles", claim.path)
		}
	}
}

// reserved are the parameters of a request that the flow, PKCE and the check of
// the answer depend on.
var reserved = []string{
	"response_type", "response_mode", "client_id", "client_secret", "redirect_uri", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri", "registration", "id_token_hint",
}

func (v *validation) checkIssuer() {
	u, err := url.Parse(v.config.Issuer)
	if err != nil || !isName(v.config.Issuer) || u.Hostname() == "" || issuer.IsOddNumber(u.Hostname()) {
		v.add("issuer", "%q is not an address like https://sso.example.com", v.config.Issuer)
		return
	}
	switch {
	case u.User != nil || strings.ContainsAny(v.config.Issuer, "?#"):
		v.add("issuer", "it has a user, a query or a fragment, which the address of an issuer never has")
	case strings.HasSuffix(u.Path, "/.well-known/openid-configuration"):
		v.add("issuer", "leave out /.well-known/openid-configuration: the issuer is what comes before it")
	case u.Scheme == "http" && !issuer.IsLocal(u.Hostname()):
		v.add("issuer", "it must be https: http is for this machine alone (localhost, *.localhost, 127.0.0.1)")
	case u.Scheme != "http" && u.Scheme != "https":
		v.add("issuer", "it must be https, not %q", u.Scheme)
	}
	v.issuer = u
}

// isScope reports whether s is a token of RFC 6749 §3.3.
func isScope(s string) bool {
	return s != "" && len(s) <= maxName && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) < 0
}

// scopes returns those to ask for.
func scopes(configured []string) []string {
	if len(configured) == 0 {
		return []string{"openid", "profile", "email"}
	}
	if slices.Contains(configured, "openid") {
		return configured
	}
	return append([]string{"openid"}, configured...)
}
