// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"errors"
	"log/slog"
	"mime"
	"slices"
	"sync/atomic"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/oidc"
)

// openID is a provider that speaks OpenID Connect.
type openID struct {
	config  *Config
	scopes  []string
	mapping mapping
	log     *slog.Logger
	now     func() time.Time
	timeout time.Duration
	client  *oidc.Client
	issuer  *oidc.Issuer
	graph   *oidc.Client // nil: groups that are not in an ID token are not asked for
	flow    atomic.Pointer[flow]
}

// A flow is what redeems codes, as long as the issuer's metadata is the same: it
// remembers how the client authenticates.
type flow struct {
	of     *oidc.Metadata
	config oauth2.Config
}

// newOpenID makes one of a Config that is valid.
func newOpenID(c *Config, r *config.Reading, opts *Options) *openID {
	client := oidc.NewClient(r.Asked, r.Roots, opts.Timeout)
	o := &openID{
		config: c, scopes: scopes(c.Scopes), mapping: newMapping(c),
		log: opts.Log.With("provider", c.Name), now: opts.Now, timeout: opts.Timeout, client: client,
		issuer: oidc.New(oidc.Options{Issuer: c.Issuer, DiscoveryURL: c.DiscoveryURL, Client: client, Now: opts.Now, Timeout: opts.Timeout,
			SignsIn: true}),
	}
	if r.Graph != nil {
		o.graph = oidc.NewClient(r.Graph, nil, opts.Timeout)
		o.graph.RefuseRedirects()
	}
	return o
}

func (o *openID) close() {
	o.client.Close()
	if o.graph != nil {
		o.graph.Close()
	}
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

// oauth2 returns what redeems codes by some metadata.
func (o *openID) oauth2(m *oidc.Metadata) *oauth2.Config {
	if f := o.flow.Load(); f != nil && f.of == m {
		return &f.config
	}
	f := &flow{of: m, config: oauth2.Config{ClientID: o.config.ClientID, ClientSecret: o.config.ClientSecret, Scopes: o.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: m.AuthURL, TokenURL: m.TokenURL, AuthStyle: authStyle(m, o.config.ClientSecret)}}}
	o.flow.Store(f)
	return &f.config
}

// authStyle is how the client's secret travels to the token endpoint. What both
// or none are named for, x/oauth2 finds out: not all clients may do what their
// provider can.
func authStyle(m *oidc.Metadata, secret string) oauth2.AuthStyle {
	basic, post := m.Authenticates("client_secret_basic"), m.Authenticates("client_secret_post")
	switch {
	case secret == "", post && !basic:
		return oauth2.AuthStyleInParams
	case basic && !post:
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleAutoDetect
}

// authCodeURL is the authentication request of OpenID Connect Core 1.0 §3.1.2.1,
// with PKCE (RFC 7636) by S256 always.
func (o *openID) authCodeURL(ctx context.Context, s Start) (string, error) {
	if s.State == "" || s.Nonce == "" || s.Verifier == "" || s.RedirectURI == "" {
		return "", oidc.Fail(ErrRejected, "sign-in cannot start without state, nonce, verifier and address")
	}
	m, err := o.issuer.Metadata(ctx)
	if err != nil {
		return "", err
	}
	params := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("redirect_uri", s.RedirectURI), gooidc.Nonce(s.Nonce),
		oauth2.S256ChallengeOption(s.Verifier)}
	for name, value := range o.config.AuthParams {
		params = append(params, oauth2.SetAuthURLParam(name, value))
	}
	if o.config.FormPost {
		params = append(params, oauth2.SetAuthURLParam("response_mode", "form_post"))
	}
	if s.Reauthenticate {
		params = append(params, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	if s.Silent {
		params = append(params, oauth2.SetAuthURLParam("prompt", "none"))
	}
	return o.oauth2(m).AuthCodeURL(s.State, append(params, o.stepUpParams(s)...)...), nil
}

// exchange is the rest of the code flow.
func (o *openID) exchange(ctx context.Context, c Callback) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if c.Code == "" || c.Nonce == "" || c.Verifier == "" || c.RedirectURI == "" {
		return Identity{}, oidc.Fail(ErrRejected, "sign-in cannot end without code, nonce, verifier and address")
	}
	m, err := o.issuer.Metadata(ctx)
	if err != nil {
		return Identity{}, err
	}
	if err := o.checkIssuer(m, c.Issuer); err != nil {
		return Identity{}, err
	}
	token, err := redeem(ctx, o.client, o.oauth2(m), o.log, c)
	if err != nil {
		return Identity{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return Identity{}, oidc.Fail(ErrRejected, "it sent no ID token: is the scope openid allowed?")
	}
	id, err := o.verify(ctx, raw, token.AccessToken, &c)
	if err != nil {
		return Identity{}, err
	}
	return o.identify(ctx, m, id, token.AccessToken, c.Claims)
}

// checkIssuer checks whose answer it is (RFC 9207 §2.4): before the code is shown
// to anybody, so that one which another provider gave out is not handed to this.
func (o *openID) checkIssuer(m *oidc.Metadata, issuer string) error {
	switch {
	case issuer != "" && issuer != o.config.Issuer:
		return oidc.Fail(ErrRejected, "the answer is of another issuer, %q", issuer)
	case issuer == "" && m.NamesItself:
		return oidc.Fail(ErrRejected, "the answer does not say of which issuer it is")
	}
	return nil
}

// redeem exchanges the code for tokens.
func redeem(ctx context.Context, client *oidc.Client, at *oauth2.Config, log *slog.Logger, c Callback) (*oauth2.Token, error) {
	const what = "its token endpoint"
	ctx = context.WithValue(ctx, oauth2.HTTPClient, client.HTTP())
	token, err := at.Exchange(ctx, c.Code, oauth2.SetAuthURLParam("redirect_uri", c.RedirectURI), oauth2.VerifierOption(c.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case err == nil:
		return token, nil
	case errors.As(err, &refused):
		return nil, refusal(log, refused)
	case oidc.OnTheWay(err):
		return nil, oidc.AsFailure(what, err)
	}
	return nil, oidc.Fail(ErrRejected, "%s sent no tokens", what)
}

// refusal words an answer that is an error: with its code, and its description
// for the log alone.
func refusal(log *slog.Logger, e *oauth2.RetrieveError) error {
	status, code := e.Response.StatusCode, ErrorCode(e.ErrorCode)
	log.Info("the identity provider refused a code", "status", status, "error", code,
		"description", oidc.Printable(e.ErrorDescription, oidc.MaxText))
	switch {
	case status >= 500 || code == "":
		return oidc.Fail(oidc.KindOf(status), "its token endpoint answers with status %d", status)
	default:
		return oidc.Fail(ErrRejected, "its token endpoint says %s", code)
	}
}

var errSomebodyElse = oidc.Fail(ErrRejected, "its userinfo endpoint names another user")

// userInfo asks what the ID token did not say (OpenID Connect Core 1.0 §5.3).
func (o *openID) userInfo(ctx context.Context, m *oidc.Metadata, accessToken string, subject string) (claims, error) {
	const what = "its userinfo endpoint"
	text, header, err := o.client.Get(ctx, what, m.UserInfoURL, accessToken)
	if err != nil {
		return nil, err
	}
	var c claims
	if content, _, _ := mime.ParseMediaType(header.Get("Content-Type")); content == "application/jwt" {
		c, err = o.verified(ctx, what, string(text))
	} else {
		c, err = decodeClaims(what, text)
	}
	if err != nil {
		return nil, err
	}
	if c["sub"] != subject { // §5.3.2: else it may be about somebody else
		return nil, errSomebodyElse
	}
	return c, nil
}

// verified returns the claims of a token that the provider signed, and that
// nothing else is known about.
func (o *openID) verified(ctx context.Context, what, token string) (claims, error) {
	payload, err := o.issuer.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	return decodeClaims(what, payload)
}
