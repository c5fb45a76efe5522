// SPDX-License-Identifier: Apache-2.0

// Package jwks reads sets of public keys (RFC 7517 §5), and says which algorithms may
// sign a token. It talks to nobody, so that whoever reads configurations can use it.
package jwks

import (
	"crypto/rsa"
	"encoding/json"
	"errors"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

// Algorithms are those that may sign a token. Neither none nor HS256: the
// secret would verify what anybody signs who has it, and a public key is none.
var Algorithms = []jose.SignatureAlgorithm{
	jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA,
}

// MaxKeys bounds how many keys of a set are looked at.
const MaxKeys = 64

// What is wrong with a set.
var (
	ErrNotASet = errors.New("not a JSON Web Key Set, which is an object with a list of keys")
	ErrNoKeys  = errors.New("no key in it can sign a token")
)

// Parse returns the keys of a set that can sign a token: those that are for something
// else, too weak, not public, or of a type that is not known do not spoil the others.
func Parse(text []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, ErrNotASet
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys[:min(len(set.Keys), MaxKeys)] {
		var k jose.JSONWebKey
		if json.Unmarshal(raw, &k) == nil && signs(&k) {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, ErrNoKeys
	}
	return keys, nil
}

func signs(k *jose.JSONWebKey) bool {
	if !k.IsPublic() || !k.Valid() || k.Use != "" && k.Use != "sig" {
		return false
	}
	if k.Algorithm != "" && !slices.Contains(Algorithms, jose.SignatureAlgorithm(k.Algorithm)) {
		return false
	}
	if r, ok := k.Key.(*rsa.PublicKey); ok {
		return r.N.BitLen() >= 2048 && r.N.BitLen() <= 8192 // RFC 7518 §3.3, and what checks in no time
	}
	return true
}
