// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"mime"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"
)

// openID is a provider that speaks OpenID Connect.
type openID struct {
	config   *Config
	issuer   string
	scopes   []string
	mapping  mapping
	log      *slog.Logger
	now      func() time.Time
	timeout  time.Duration
	client   *client
	metadata document[metadata]
	keys     document[[]jose.JSONWebKey]
}

// newOpenID makes one of a Config that validate found nothing wrong with.
func newOpenID(c *Config, issuer *url.URL, roots *x509.CertPool, opts *Options) *openID {
	o := &openID{
		config: c, issuer: c.Issuer, scopes: scopes(c.Scopes), mapping: newMapping(c),
		log: opts.Log.With("provider", c.Name), now: opts.Now, timeout: opts.Timeout,
		client: newClient(issuer, roots, opts.Timeout),
	}
	o.metadata = document[metadata]{fetch: o.discover, now: o.now, timeout: o.timeout, fresh: 24 * time.Hour}
	o.keys = document[[]jose.JSONWebKey]{fetch: o.fetchKeys, now: o.now, timeout: o.timeout, fresh: time.Hour}
	return o
}

// authCodeURL is the authentication request of OpenID Connect Core 1.0 §3.1.2.1,
// with PKCE (RFC 7636) by S256 always.
func (o *openID) authCodeURL(ctx context.Context, s Start) (string, error) {
	if s.State == "" || s.Nonce == "" || s.Verifier == "" || s.RedirectURI == "" {
		return "", fail(ErrRejected, "sign-in cannot start without state, nonce, verifier and address")
	}
	m, err := o.metadata.get(ctx)
	if err != nil {
		return "", err
	}
	params := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("redirect_uri", s.RedirectURI), oidc.Nonce(s.Nonce), oauth2.S256ChallengeOption(s.Verifier)}
	for name, value := range o.config.AuthParams {
		params = append(params, oauth2.SetAuthURLParam(name, value))
	}
	if s.Reauthenticate {
		params = append(params, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return m.oauth2.AuthCodeURL(s.State, params...), nil
}

// exchange is the rest of the code flow.
func (o *openID) exchange(ctx context.Context, c Callback) (Identity, error) {
	ctx, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	if c.Code == "" || c.Nonce == "" || c.Verifier == "" || c.RedirectURI == "" {
		return Identity{}, fail(ErrRejected, "sign-in cannot end without code, nonce, verifier and address")
	}
	m, err := o.metadata.get(ctx)
	if err != nil {
		return Identity{}, err
	}
	if err := o.checkIssuer(&m, c.Issuer); err != nil {
		return Identity{}, err
	}
	token, err := o.redeem(ctx, &m, c)
	if err != nil {
		return Identity{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return Identity{}, fail(ErrRejected, "it sent no ID token: is the scope openid allowed?")
	}
	id, err := o.verify(ctx, raw, token.AccessToken, &c)
	if err != nil {
		return Identity{}, err
	}
	return o.identify(ctx, &m, id, token.AccessToken)
}

// checkIssuer checks whose answer it is (RFC 9207 §2.4): before the code is shown
// to anybody, so that one which another provider gave out is not handed to this.
func (o *openID) checkIssuer(m *metadata, issuer string) error {
	switch {
	case issuer != "" && issuer != o.issuer:
		return fail(ErrRejected, "the answer is of another issuer, %q", issuer)
	case issuer == "" && m.NamesItself:
		return fail(ErrRejected, "the answer does not say of which issuer it is")
	}
	return nil
}

// redeem exchanges the code for tokens.
func (o *openID) redeem(ctx context.Context, m *metadata, c Callback) (*oauth2.Token, error) {
	const what = "its token endpoint"
	ctx = context.WithValue(ctx, oauth2.HTTPClient, o.client.http)
	token, err := m.oauth2.Exchange(ctx, c.Code, oauth2.SetAuthURLParam("redirect_uri", c.RedirectURI), oauth2.VerifierOption(c.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case err == nil:
		return token, nil
	case errors.As(err, &refused):
		return nil, o.refused(refused)
	case isTransport(err):
		return nil, asFailure(what, err)
	}
	return nil, fail(ErrRejected, "%s sent no tokens", what)
}

// refused words an answer that is an error: with its code, and its description
// for the log alone.
func (o *openID) refused(e *oauth2.RetrieveError) error {
	status, code := e.Response.StatusCode, ErrorCode(e.ErrorCode)
	o.log.Info("the identity provider refused a code", "status", status, "error", code, "description", printable(e.ErrorDescription, maxText))
	switch {
	case status >= 500 || code == "":
		return fail(kindOf(status), "its token endpoint answers with status %d", status)
	default:
		return fail(ErrRejected, "its token endpoint says %s", code)
	}
}

// isTransport tells what went wrong on the way from what x/oauth2 made of it.
func isTransport(err error) bool {
	var u *url.Error
	var f *failure
	return errors.As(err, &u) || errors.As(err, &f) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}

var errSomebodyElse = fail(ErrRejected, "its userinfo endpoint is about somebody else")

// userInfo asks what the ID token did not say (OpenID Connect Core 1.0 §5.3).
func (o *openID) userInfo(ctx context.Context, m *metadata, accessToken string, subject string) (claims, error) {
	const what = "its userinfo endpoint"
	text, header, err := o.client.get(ctx, what, m.UserInfoURL, accessToken)
	if err != nil {
		return nil, err
	}
	var c claims
	if content, _, _ := mime.ParseMediaType(header.Get("Content-Type")); content == "application/jwt" {
		c, err = (&keySet{keys: &o.keys}).verified(ctx, what, string(text))
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
