// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/oidc"
)

// A Logout is a provider's word that the sessions of somebody are over.
type Logout struct {
	ID    string    // of the user at the provider
	Token string    // of the word itself: it is good once
	Until time.Time // what began later, the word is not about
}

// MaxLogoutToken bounds a logout token, in bytes.
const MaxLogoutToken = 8 << 10

// logoutEvent is what a logout token is about (OpenID Connect Back-Channel Logout 1.0 §2.4).
const logoutEvent = "http://schemas.openid.net/event/backchannel-logout"

// LogsOut reports whether the provider can say that somebody's sessions are over. One that is not there cannot.
func (p *Provider) LogsOut() bool {
	if p == nil {
		return false
	}
	_, ok := p.site.(*openID)
	return ok
}

// VerifyLogout checks a logout token (OpenID Connect Back-Channel Logout 1.0 §2.6). All that needs no key
// is looked at first: strangers send these.
func (p *Provider) VerifyLogout(ctx context.Context, token string) (Logout, error) {
	o, ok := p.site.(*openID)
	if !ok {
		return Logout{}, oidc.Fail(ErrRejected, "%s ends no sessions", p.config.Name)
	}
	said, err := unverified(token)
	if err != nil {
		return Logout{}, err
	}
	if _, err := o.readLogout(said); err != nil {
		return Logout{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	const what = "the logout token"
	c, err := o.verified(ctx, what, token)
	if err != nil {
		return Logout{}, err
	}
	return o.readLogout(c)
}

// unverified returns what a token of the right type says, whoever made it.
func unverified(token string) (claims, error) {
	parts := strings.Split(token, ".")
	if len(token) > MaxLogoutToken || len(parts) != 3 {
		return nil, oidc.Fail(ErrRejected, "no logout token")
	}
	switch kind, ok := typeOf(parts[0]); {
	case !ok:
		return nil, oidc.Fail(ErrRejected, "the logout token has no header")
	case kind != "" && kind != "jwt" && kind != "logout+jwt": // not all providers have a type of their own for these
		return nil, oidc.Fail(ErrRejected, "a token of another type (typ)")
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	if err != nil {
		return nil, oidc.Fail(ErrRejected, "the logout token holds no claims")
	}
	return decodeClaims("the logout token", text)
}

// typeOf is the type that a token's header names (RFC 7515 §4.1.9), in lower case; "": none.
func typeOf(header string) (string, bool) {
	var h struct {
		Type string `json:"typ"`
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(header)
	if err != nil || json.Unmarshal(text, &h) != nil {
		return "", false
	}
	return strings.TrimPrefix(strings.ToLower(h.Type), "application/"), true
}

// readLogout reads the claims of a logout token. One without a user is about a session by the provider's
// name for it (sid), which no session here holds.
func (o *openID) readLogout(c claims) (Logout, error) {
	events, _ := c["events"].(map[string]any)
	_, isLogout := events[logoutEvent].(map[string]any)
	_, hasNonce := c["nonce"]
	sub, _ := c["sub"].(string)
	jti, _ := c["jti"].(string)
	switch {
	case c["iss"] != o.config.Issuer:
		return Logout{}, oidc.Fail(ErrRejected, "the logout token is of another issuer")
	case !slices.Contains(texts(c["aud"]), o.config.ClientID):
		return Logout{}, oidc.Fail(ErrRejected, "the logout token is for another client")
	case !isLogout || hasNonce: // an ID token
		return Logout{}, oidc.Fail(ErrRejected, "the token is about no logout (events, nonce)")
	case jti == "" || len(jti) > 255:
		return Logout{}, oidc.Fail(ErrRejected, "the logout token has no name of its own (jti)")
	case len(sub) > 255 || !config.IsName(sub):
		return Logout{}, oidc.Fail(ErrRejected, "the logout token names no user (sub): sessions by sid alone are not known here")
	}
	until, err := o.reaches(c)
	if err != nil {
		return Logout{}, err
	}
	return Logout{ID: sub, Token: jti, Until: until}, nil
}

// reaches returns until when somebody signed in whom a logout token is about. The provider's clock may be
// behind; and a word that comes late, or twice, is not about what began since.
func (o *openID) reaches(c claims) (time.Time, error) {
	now := o.now()
	exp, hasExp := c.time("exp")
	iat, hasIAT := c.time("iat")
	switch {
	case !hasExp || !hasIAT:
		return time.Time{}, oidc.Fail(ErrRejected, "the logout token does not say from and until when it is good (iat, exp)")
	case !now.Before(exp.Add(skew)), iat.After(now.Add(skew)):
		return time.Time{}, oidc.Fail(ErrRejected, "the logout token is over, or of the future: is a clock wrong?")
	}
	until := iat.Add(skew)
	if until.After(now) {
		until = now
	}
	return until, nil
}
