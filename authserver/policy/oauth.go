// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// OAuth lets programs in that act for people, which are called clients.
type OAuth struct {
	// Issuer is the name of the TokenIssuer that gives out the tokens. Empty: the team host.
	Issuer string
	// ResourceName is what clients show people for the application. Empty: Launcher.Title.
	ResourceName string
	// Scopes are what clients are told of. They decide nothing.
	Scopes []string
	// How long tokens are good. 0: DefaultAccessToken, DefaultRefreshToken.
	AccessTokenDuration  time.Duration
	RefreshTokenDuration time.Duration
	// Clients are those that the policy answers for.
	Clients []OAuthClient
}

// How long tokens of clients are good.
const (
	DefaultAccessToken  = 10 * time.Minute
	MaxAccessToken      = time.Hour
	DefaultRefreshToken = MaxRefreshToken
	MaxRefreshToken     = 30 * 24 * time.Hour
)

// Bounds of an OAuth.
const (
	maxScopes        = 32
	maxScope         = 64
	maxOAuthClientID = 512
)

// oauth checks what a policy says of clients.
func (v *validator) oauth(o *OAuth) {
	if o == nil {
		return
	}
	if o.Issuer != "" && !isObjectName(o.Issuer) {
		v.wrong("spec.oauth.authorizationServer", codeOAuthServer, "%q: TeamHost, or the metadata.name of a TokenIssuer", o.Issuer)
	}
	if !isLine(o.ResourceName, maxTitle) {
		v.wrong("spec.oauth.resourceName", codeOAuthName, "one line of at most %d printable characters", maxTitle)
	}
	if len(o.Scopes) > maxScopes {
		v.wrong("spec.oauth.scopes", codeOAuthScope, "%d: at most %d", len(o.Scopes), maxScopes)
	} else {
		v.each("spec.oauth.scopes", o.Scopes, func(scope string) problem {
			if !IsScope(scope) {
				return problem{codeOAuthScope, "1 to 64 printable characters of ASCII, without blanks, \" and \\"}
			}
			return problem{}
		})
	}
	v.clients(o.Clients)
	if d := o.AccessTokenDuration; d < 0 || d > MaxAccessToken {
		v.wrong("spec.oauth.accessTokenDuration", codeOAuthDuration, "%s: more than 0 and at most 1h", d)
	}
	if d := o.RefreshTokenDuration; d < 0 || d > MaxRefreshToken {
		v.wrong("spec.oauth.refreshTokenDuration", codeOAuthDuration, "%s: more than 0 and at most 720h", d)
	}
}

// IsScope reports whether s is one scope (RFC 6749 §3.3) of a length that policies may have.
func IsScope(s string) bool {
	return s != "" && len(s) <= maxScope && !strings.ContainsAny(s, `"\`) && isGraphic(s)
}

// IsClientID reports whether s can be what a client is called (RFC 6749 §2.2).
func IsClientID(s string) bool {
	return s != "" && len(s) <= maxOAuthClientID && isGraphic(s)
}

// isGraphic reports whether all of s is ASCII that can be seen.
func isGraphic(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// checkClient: without a value it is any client.
func (s *Selector) checkClient() problem {
	if s.Value != "" && !IsClientID(s.Value) {
		return problem{codeClientID, "client: id is a client_id, 1 to 512 printable characters of ASCII without blanks"}
	}
	return problem{}
}

// compiled is a copy with what was not said.
func (o *OAuth) compiled() *OAuth {
	if o == nil {
		return nil
	}
	c := *o
	c.Scopes, c.Clients = slices.Clone(o.Scopes), slices.Clone(o.Clients)
	if c.AccessTokenDuration == 0 {
		c.AccessTokenDuration = DefaultAccessToken
	}
	if c.RefreshTokenDuration == 0 {
		c.RefreshTokenDuration = DefaultRefreshToken
	}
	return &c
}

// takesClients reports whether a credential that a client holds for somebody counts here: the
// policy is for such, and it is in Authorization, where no browser puts one by itself.
func (a *app) takesClients(r *Request) bool {
	return a.oauth != nil && a.oauth.Issuer == "" && r.InHeader
}

func (d *digest) oauth(o *OAuth) {
	if d.bools(o != nil); o == nil {
		return
	}
	d.str(o.Issuer, o.ResourceName)
	d.strs(o.Scopes)
	d.num(int(o.AccessTokenDuration))
	d.num(int(o.RefreshTokenDuration))
	d.clients(o.Clients)
}

// A Resource is what a client's token is for (RFC 8707): the part of a host that a policy with
// OAuth protects.
type Resource struct {
	Policy   Source
	Audience string // what a credential for it is made for
	Host     string
	// Path is the claim's, as it stands in a URL; "/" is the whole host.
	Path     string
	Launcher Launcher
	OAuth    OAuth // with what was not said filled in
	// Issuer is what tokens of OAuth.Issuer have as iss; empty: the team host gives them out.
	Issuer string
}

// Resource returns the one that a target is part of. There is none where the policy has no
// OAuth, or cannot be told, or names a TokenIssuer that it cannot use.
func (t *Table) Resource(target Target) (Resource, bool) {
	if t == nil {
		return Resource{}, false
	}
	a, _, why := t.guarding(&target, true) // as for signing in: a client comes back by a route
	if why != NoReason || a.oauth == nil {
		return Resource{}, false
	}
	out := Resource{
		Policy: a.source, Audience: a.audience, Host: target.host, Path: cookiePath(t.resource(&target)), Launcher: a.launcher.words(),
		OAuth: *a.oauth,
	}
	out.OAuth.Scopes = slices.Clone(out.OAuth.Scopes)
	if out.OAuth.Issuer != "" {
		i := t.tokenIssuerOf(a)
		if i == nil {
			return Resource{}, false
		}
		out.Issuer = i.Issuer
	}
	return out, true
}

// tokenIssuerOf returns whose tokens programs bring that act at an application; nil: those of the
// team host, or of nobody.
func (t *Table) tokenIssuerOf(a *app) *TokenIssuer {
	if a.oauth == nil || a.oauth.Issuer == "" {
		return nil
	}
	if i := t.tokenIssuers.find(a.oauth.Issuer); i != nil && i.serves(a.source.Namespace) {
		return i
	}
	return nil
}

// resource is the path of the claim that a target falls under.
func (t *Table) resource(target *Target) string { return t.claims(target.host).covering(target.path) }

// covering returns the path of the claim that lookup finds; "/" is the whole host.
func (r *claims) covering(path string) string {
	if r == nil {
		return "/"
	}
	out := ""
	if r.many != nil {
		out = r.many.covering(path)
	}
	for i := range r.few {
		if c := &r.few[i]; c.covers(path) {
			out = c.path
			break
		}
	}
	return cmp.Or(out, "/")
}

func (m *manyClaims) covering(path string) string {
	if m.exact[path] != nil {
		return path
	}
	for p := m.start(path); ; p = p[:strings.LastIndexByte(p, '/')] {
		if m.prefix[p] != nil || p == "" {
			return p
		}
	}
}
