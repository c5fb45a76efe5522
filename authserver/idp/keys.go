// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are those that may sign an ID token. Neither none nor HS256: the
// secret would verify what anybody signs who has it, and a public key is none.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// maxKeys bounds how many keys of a provider are looked at.
const maxKeys = 64

// fetchKeys fetches the provider's public keys (RFC 7517 §5). Keys that are for
// something else, or too weak, are not among them.
func (o *openID) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	const what = "its key set"
	m, err := o.metadata.get(ctx)
	if err != nil {
		return nil, err
	}
	text, _, err := o.client.get(ctx, what, m.JWKSURL, "")
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := decode(what, text, &set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		// A key of a type that is not known here does not spoil the others (§5).
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) == nil && signs(&k) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, fail(ErrRejected, "its key set has no key that can sign an ID token")
	}
	return keys, nil
}

func signs(k *jose.JSONWebKey) bool {
	if !k.IsPublic() || !k.Valid() || k.Use != "" && k.Use != "sig" {
		return false
	}
	if k.Algorithm != "" && !slices.Contains(algorithms, jose.SignatureAlgorithm(k.Algorithm)) {
		return false
	}
	if r, ok := k.Key.(*rsa.PublicKey); ok {
		return r.N.BitLen() >= 2048 && r.N.BitLen() <= 8192 // RFC 7518 §3.3, and what checks in no time
	}
	return true
}

// A keySet verifies one token. Its error is kept, as go-oidc makes a text of it.
type keySet struct {
	keys *document[[]jose.JSONWebKey]
	err  error
}

var errNotSigned = fail(ErrRejected, "the ID token is signed with none of its keys")

// VerifySignature returns what was signed (oidc.KeySet).
func (s *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := s.verify(ctx, token)
	s.err = err
	return payload, err
}

func (s *keySet) verify(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, fail(ErrRejected, "what it sent is no signed token")
	}
	keys, err := s.keys.get(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := verifyWith(keys, jws)
	if err == nil {
		return payload, nil
	}
	// OpenID Connect Core 1.0 §10.1.1: an unknown key may be a new one.
	if keys, err = s.keys.renew(ctx); err != nil {
		return nil, err
	}
	return verifyWith(keys, jws)
}

func verifyWith(keys []jose.JSONWebKey, jws *jose.JSONWebSignature) ([]byte, error) {
	header := jws.Signatures[0].Header
	for i := range keys {
		k := &keys[i]
		if header.KeyID != "" && k.KeyID != header.KeyID || k.Algorithm != "" && k.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := jws.Verify(k); err == nil {
			return payload, nil
		}
	}
	return nil, errNotSigned
}

// verified returns the claims of a token that the provider signed, and that
// nothing else is known about.
func (s *keySet) verified(ctx context.Context, what, token string) (claims, error) {
	payload, err := s.VerifySignature(ctx, token)
	if err != nil {
		return nil, err
	}
	return decodeClaims(what, payload)
}
