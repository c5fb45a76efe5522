// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/ostiary/ostiary/authserver/idp/config"
	"github.com/ostiary/ostiary/authserver/oidc"
)

const (
	// skew is how far the provider's clock may be from ours.
	skew = 60 * time.Second
	// reauthentication is how long ago somebody may have signed in who was to do so
	// again, if it is not known when they were sent to.
	reauthentication = 10 * time.Minute
)

// verify checks an ID token (OpenID Connect Core 1.0 §3.1.3.7) and returns its
// claims.
func (o *openID) verify(ctx context.Context, raw, accessToken string, c *Callback) (claims, error) {
	header, _, _ := strings.Cut(raw, ".")
	if kind, ok := typeOf(header); ok && strings.HasSuffix(kind, "+jwt") && kind != "id_token+jwt" { // RFC 8725 §3.11
		return nil, oidc.Fail(ErrRejected, "a token of another type than an ID token (%s)", kind)
	}
	keys := &keySet{issuer: o.issuer}
	token, err := gooidc.NewVerifier(o.config.Issuer, keys, &gooidc.Config{
		ClientID: o.config.ClientID, SupportedSigningAlgs: oidc.Algorithms(),
		SkipExpiryCheck: true, // it allows nbf five minutes, and exp none: see checkTimes
	}).Verify(ctx, raw)
	switch {
	case keys.err != nil:
		return nil, keys.err
	case err != nil:
		return nil, oidc.Fail(ErrRejected, "%v", err)
	}
	var text json.RawMessage
	if err := token.Claims(&text); err != nil {
		return nil, oidc.Fail(ErrRejected, "the ID token has no claims")
	}
	id, err := decodeClaims("the ID token", text)
	if err != nil {
		return nil, err
	}
	if err := o.checkParties(id, token, c.Nonce); err != nil {
		return nil, err
	}
	if token.AccessTokenHash != "" && token.VerifyAccessToken(accessToken) != nil {
		return nil, oidc.Fail(ErrRejected, "the ID token came with another access token (at_hash)")
	}
	return id, o.checkTimes(id, c)
}

// A keySet verifies one token. Its error is kept, as go-oidc makes a text of it.
type keySet struct {
	issuer *oidc.Issuer
	err    error
}

// VerifySignature returns what was signed (go-oidc's KeySet).
func (s *keySet) VerifySignature(ctx context.Context, token string) (payload []byte, err error) {
	payload, s.err = s.issuer.Verify(ctx, token)
	return payload, s.err
}

// checkParties checks by whom, for whom and about whom the token is. What go-oidc
// read, it read ignoring the case of the claims' names, as encoding/json does:
// the claims that are spelled right must say the same.
func (o *openID) checkParties(id claims, token *gooidc.IDToken, nonce string) error {
	audience := texts(id["aud"])
	azp := id["azp"]
	sub, _ := id["sub"].(string)
	switch {
	case id["iss"] != token.Issuer:
		return oidc.Fail(ErrRejected, "the ID token is of another issuer")
	case !slices.Contains(audience, o.config.ClientID):
		return oidc.Fail(ErrRejected, "the ID token is for another client")
	case azp != nil && azp != o.config.ClientID, azp == nil && len(audience) > 1:
		return oidc.Fail(ErrRejected, "the ID token was issued to another client (azp)")
	case id["nonce"] != nonce && (id["nonce"] != nil || !o.config.NonceOptional):
		return oidc.Fail(ErrRejected, "the ID token is of another sign-in (nonce)")
	case len(sub) > 255 || !config.IsName(sub): // §2
		return oidc.Fail(ErrRejected, "the ID token has no usable subject (sub)")
	}
	return nil
}

func (o *openID) checkTimes(id claims, c *Callback) error {
	now := o.now()
	exp, hasExp := id.time("exp")
	iat, hasIAT := id.time("iat")
	nbf, hasNBF := id.time("nbf")
	switch {
	case !hasExp || !hasIAT:
		return oidc.Fail(ErrRejected, "the ID token does not say from and until when it is good (iat, exp)")
	case !now.Before(exp.Add(skew)):
		return oidc.Fail(ErrRejected, "the ID token expired at %s: is a clock wrong?", exp.UTC().Format(time.RFC3339))
	case iat.After(now.Add(skew)), nbf.After(now.Add(skew)):
		return oidc.Fail(ErrRejected, "the ID token is of the future: is a clock wrong?")
	case !hasNBF && id["nbf"] != nil:
		return oidc.Fail(ErrRejected, "the ID token has a time that is none (nbf)")
	}
	if by := o.config.StepUpBy(c.StepUp); by != nil && by.MaxAge > 0 {
		if err := checkAge(id, c.Started, by.MaxAge); err != nil {
			return err
		}
	}
	if c.Reauthenticate {
		return checkSignIn(id, c.Started, now)
	}
	return nil
}

// checkSignIn checks that somebody who was to sign in again has done so. Not all
// providers say when, though they must (OpenID Connect Core 1.0 §2).
func checkSignIn(id claims, started, now time.Time) error {
	if id["auth_time"] == nil {
		return nil
	}
	if started.IsZero() {
		started = now.Add(-reauthentication)
	}
	at, ok := id.time("auth_time")
	if !ok || at.Before(started.Add(-skew)) {
		return oidc.Fail(ErrRejected, "it did not ask for the credentials again: the last time was %s", at.UTC().Format(time.RFC3339))
	}
	return nil
}
