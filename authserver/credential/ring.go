// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxKeys bounds what a ring can hold, and so what a request can cost.
const maxKeys = 32

// errNoRing is what a Ring that was never made answers.
var errNoRing = errors.New("credential: there is no key ring")

// A Ring holds the keys: one at a time signs, all of them verify. It does not
// change. A nil *Ring has no keys: it mints nothing and verifies nothing.
type Ring struct {
	keys []*key // by the time from which they sign
	jwks []byte
}

// NewRing makes a ring with one new Ed25519 key that signs at once.
func NewRing(now time.Time) (*Ring, error) { return newRing(algEdDSA, now) }

func newRing(algorithm string, now time.Time) (*Ring, error) {
	k, err := generate(algorithm, now)
	if err != nil {
		return nil, err
	}
	return assemble([]*key{k})
}

func generate(algorithm string, active time.Time) (*key, error) {
	a := algorithmNamed(algorithm)
	if a == nil || a.generate == nil {
		return nil, fmt.Errorf("credential: no keys are made for the algorithm %q", algorithm)
	}
	private, err := a.generate()
	if err != nil {
		return nil, fmt.Errorf("credential: making a key: %w", err)
	}
	return newKey(private, active)
}

// assemble makes a ring out of keys, in any order.
func assemble(keys []*key) (*Ring, error) {
	if len(keys) == 0 {
		return nil, errors.New("credential: a key ring needs a key")
	}
	if len(keys) > maxKeys {
		return nil, fmt.Errorf("credential: %d keys are too many for a key ring: at most %d", len(keys), maxKeys)
	}
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b *key) int {
		return cmp.Or(a.active.Compare(b.active), strings.Compare(a.id, b.id))
	})
	seen := make(map[string]bool, len(keys))
	for _, k := range keys {
		if seen[k.id] {
			return nil, fmt.Errorf("credential: key %s is in the ring twice", k.id)
		}
		seen[k.id] = true
	}
	jwks, err := publish(keys)
	if err != nil {
		return nil, err
	}
	return &Ring{keys: keys, jwks: jwks}, nil
}

// publish writes the set that Ring.JWKS returns. The youngest key tells what is
// signed with from now on. If that is RS256, the applications are those whose
// libraries were made for Cloudflare Access, and some of these take every key of
// the set for an RSA key and fail at the first that is none: so only RSA keys
// are in it. What other keys signed before, such an application never took.
func publish(keys []*key) ([]byte, error) {
	set := struct {
		Keys []jwk `json:"keys"`
	}{}
	only := keys[len(keys)-1].alg.name == algRS256
	for _, k := range keys {
		if !only || k.alg.name == algRS256 {
			set.Keys = append(set.Keys, k.public)
		}
	}
	jwks, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return jwks, nil
}

// JWKS returns the public keys as a JWK Set (RFC 7517 §5), coming ones included.
// While RS256 signs, only RSA keys are in it. The bytes are shared: do not modify them.
func (r *Ring) JWKS() []byte {
	if r == nil || len(r.keys) == 0 {
		return []byte(`{"keys":[]}`)
	}
	return r.jwks
}

// signer returns the key that signs at a time: the youngest whose time has come.
// Where none has, the clock went back since the ring was made; the oldest key is
// as good as any then, as every replica verifies it.
func (r *Ring) signer(now time.Time) *key {
	if r == nil || len(r.keys) == 0 {
		return nil
	}
	for _, k := range slices.Backward(r.keys) {
		if !k.active.After(now) {
			return k
		}
	}
	return r.keys[0]
}

// SigningSince returns from when on the key signs that signs now; zero: there is none.
func (r *Ring) SigningSince(now time.Time) time.Time {
	if k := r.signer(now); k != nil {
		return k.active
	}
	return time.Time{}
}

// find returns the key that may have made the token, going by its first bytes.
func (r *Ring) find(token string) *key {
	if r == nil {
		return nil
	}
	for _, k := range r.keys {
		if strings.HasPrefix(token, k.prefix) {
			return k
		}
	}
	return nil
}

// Format writes how many keys there are, whatever the verb: a ring that ends up
// in a log or an error gives nothing away.
func (r *Ring) Format(f fmt.State, _ rune) {
	n := 0
	if r != nil {
		n = len(r.keys)
	}
	fmt.Fprintf(f, "key ring (%d keys)", n)
}
