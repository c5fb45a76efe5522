// SPDX-License-Identifier: Apache-2.0

package oidc

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/authserver/oidc/jwks"
)

// Algorithms returns the names of the algorithms that may sign a token.
func Algorithms() []string {
	names := make([]string, len(jwks.Algorithms))
	for i, a := range jwks.Algorithms {
		names[i] = string(a)
	}
	return names
}

// A KeySet is the public keys of an issuer at one time. It does not change.
type KeySet struct {
	keys   []jose.JSONWebKey
	Digest [sha256.Size]byte // of the text that they stood in
}

// Len returns how many keys there are that can sign a token.
func (k *KeySet) Len() int {
	if k == nil {
		return 0
	}
	return len(k.keys)
}

// NewKeySet reads keys from a text.
func NewKeySet(text []byte) (*KeySet, error) {
	const what = "its key set"
	keys, err := jwks.Parse(text)
	switch {
	case errors.Is(err, jwks.ErrNoKeys):
		return nil, Fail(ErrRejected, "its key set has no key that can sign an ID token")
	case err != nil:
		if err := Decode(what, text, &struct{ Keys []any }{}); err != nil { // words it
			return nil, err
		}
		return nil, Fail(ErrRejected, "%s: %v", what, err)
	}
	return &KeySet{keys, sha256.Sum256(text)}, nil
}

// fetchKeys fetches the issuer's public keys (RFC 7517 §5). Keys that are for
// something else, or too weak, are not among them.
func (i *Issuer) fetchKeys(ctx context.Context) (*KeySet, error) {
	const what = "its key set"
	address := i.JWKSURL
	if address == "" {
		m, err := i.metadata.get(ctx)
		if err != nil {
			return nil, err
		}
		address = m.JWKSURL
	}
	text, _, err := i.Client.Get(ctx, what, address, "")
	if err != nil {
		return nil, err
	}
	return NewKeySet(text)
}

var errNotSigned = Fail(ErrRejected, "the token is signed with none of its keys")

// Verify returns what the issuer signed, a JWS in its compact form. Nothing else
// about it is known: what it says has yet to be checked.
func (i *Issuer) Verify(ctx context.Context, token string) ([]byte, error) {
	jws, err := parse(token, jwks.Algorithms)
	if err != nil {
		return nil, err
	}
	keys, err := i.keys.get(ctx)
	if err != nil {
		return nil, err
	}
	payload, err := keys.verify(jws)
	if err == nil {
		return payload, nil
	}
	// OpenID Connect Core 1.0 §10.1.1: an unknown key may be a new one.
	if keys, err = i.keys.renew(ctx); err != nil {
		return nil, err
	}
	return keys.verify(jws)
}

// Keys returns the issuer's keys: at once if there are any, and otherwise as soon as
// they were fetched. They are fetched again from time to time, in the background.
func (i *Issuer) Keys(ctx context.Context) (*KeySet, error) { return i.keys.get(ctx) }

// Renew returns newer keys, as those of Keys lack one that a token names. If it is too
// early to ask for them again, they are the same.
func (i *Issuer) Renew(ctx context.Context) (*KeySet, error) { return i.keys.renew(ctx) }

// Fetched returns which keys there are, since when, and why the last attempt to fetch
// them failed. It waits for nothing and asks nobody.
func (i *Issuer) Fetched() (keys *KeySet, at time.Time, err error) { return i.keys.state() }

// VerifyBy is Verify with these keys alone, and a choice of the algorithms.
func (k *KeySet) VerifyBy(token string, algorithms []jose.SignatureAlgorithm) ([]byte, error) {
	jws, err := parse(token, algorithms)
	if err != nil {
		return nil, err
	}
	return k.verify(jws)
}

// parse reads a token whose header asks for nothing that would have to be understood (RFC 7515
// §4.1.11, RFC 7797 §6): nothing is here, and go-jose knows b64.
func parse(token string, algorithms []jose.SignatureAlgorithm) (*jose.JSONWebSignature, error) {
	jws, err := jose.ParseSignedCompact(token, algorithms)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, Fail(ErrRejected, "what it sent is no signed token")
	}
	for _, name := range []jose.HeaderKey{"crit", "b64"} {
		if _, there := jws.Signatures[0].Header.ExtraHeaders[name]; there {
			return nil, Fail(ErrRejected, "what it sent has a header that has to be understood (%s)", name)
		}
	}
	return jws, nil
}

// Has reports whether there is a key of that ID.
func (k *KeySet) Has(id string) bool {
	return id != "" && slices.ContainsFunc(k.keys, func(key jose.JSONWebKey) bool { return key.KeyID == id })
}

func (k *KeySet) verify(jws *jose.JSONWebSignature) ([]byte, error) {
	header := jws.Signatures[0].Header
	for i := range k.keys {
		key := &k.keys[i]
		if header.KeyID != "" && key.KeyID != header.KeyID || key.Algorithm != "" && key.Algorithm != header.Algorithm {
			continue
		}
		if payload, err := jws.Verify(key); err == nil {
			return payload, nil
		}
	}
	return nil, errNotSigned
}
