// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// algorithms are those that may sign a token. Neither none nor HS256: the
// secret would verify what anybody signs who has it, and a public key is none.
var algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// Algorithms returns the names of the algorithms that may sign a token.
func Algorithms() []string {
	names := make([]string, len(algorithms))
	for i, a := range algorithms {
		names[i] = string(a)
	}
	return names
}

// maxKeys bounds how many keys of an issuer are looked at.
const maxKeys = 64

// fetchKeys fetches the issuer's public keys (RFC 7517 §5). Keys that are for
// something else, or too weak, are not among them.
func (i *Issuer) fetchKeys(ctx context.Context) ([]jose.JSONWebKey, error) {
	const what = "its key set"
	m, err := i.metadata.get(ctx)
	if err != nil {
		return nil, err
	}
	text, _, err := i.Client.Get(ctx, what, m.JWKSURL, "")
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := Decode(what, text, &set); err != nil {
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
		return nil, Fail(ErrRejected, "its key set has no key that can sign an ID token")
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

var errNotSigned = Fail(ErrRejected, "the token is signed with none of its keys")

// Verify returns what the issuer signed, a JWS in its compact form. Nothing else
// about it is known: what it says has yet to be checked.
func (i *Issuer) Verify(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, Fail(ErrRejected, "what it sent is no signed token")
	}
	keys, err := i.keys.get(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := verifyWith(keys, jws)
	if err == nil {
		return payload, nil
	}
	// OpenID Connect Core 1.0 §10.1.1: an unknown key may be a new one.
	if keys, err = i.keys.renew(ctx); err != nil {
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
