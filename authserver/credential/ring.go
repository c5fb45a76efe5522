// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
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
func NewRing(now time.Time) (*Ring, error) {
	k, err := generate(now)
	if err != nil {
		return nil, err
	}
	return assemble([]*key{k})
}

func generate(active time.Time) (*key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
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
	set := struct {
		Keys []jwk `json:"keys"`
	}{}
	seen := make(map[string]bool, len(keys))
	for _, k := range keys {
		if seen[k.id] {
			return nil, fmt.Errorf("credential: key %s is in the ring twice", k.id)
		}
		seen[k.id] = true
		set.Keys = append(set.Keys, k.public)
	}
	jwks, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return &Ring{keys: keys, jwks: jwks}, nil
}

// JWKS returns the public keys as a JWK Set (RFC 7517 §5), coming ones included.
// The bytes are shared: do not modify them.
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

// A Schedule says when keys come and go. A zero field is its default.
type Schedule struct {
	// Every is for how long a key signs. Default: 30 days.
	Every time.Duration
	// Lead is how long before it signs a key is published and verifies: longer
	// than a replica, or an application that caches the JWKS, takes to learn of
	// it. Less than Every. Default: 1 hour.
	Lead time.Duration
	// Keep is how long a key verifies after the next one has taken over: at least
	// the longest session, plus Lead for a replica that has yet to learn of it.
	// What a dropped key signed is refused. Default: 31 days.
	Keep time.Duration
}

func (s Schedule) withDefaults() (Schedule, error) {
	const day = 24 * time.Hour
	s.Every = cmp.Or(s.Every, 30*day)
	s.Lead = cmp.Or(s.Lead, time.Hour)
	s.Keep = cmp.Or(s.Keep, 31*day)
	if s.Every < 0 || s.Lead < 0 || s.Keep < 0 {
		return s, errors.New("credential: a rotation schedule cannot be negative")
	}
	if s.Lead >= s.Every {
		return s, fmt.Errorf("credential: keys that sign for %s cannot be published %s ahead: that must be less", s.Every, s.Lead)
	}
	return s, nil
}

// Rotate returns the ring as it should be now, and whether that is another one:
// the next key added once it is time to publish it, and those dropped that Keep
// no longer covers. Call it more often than Lead: late calls are safe, as a new
// key always waits for Lead before it signs, but the old one signs for longer.
func (r *Ring) Rotate(now time.Time, s Schedule) (*Ring, bool, error) {
	s, err := s.withDefaults()
	if err != nil {
		return nil, false, err
	}
	if r == nil || len(r.keys) == 0 {
		return nil, false, errNoRing
	}
	keys := slices.Clone(r.keys)
	for len(keys) > 1 && !now.Before(keys[1].active.Add(s.Keep)) {
		keys = keys[1:]
	}
	if newest := keys[len(keys)-1]; !now.Before(newest.active.Add(s.Every - s.Lead)) {
		next, err := generate(now.Add(s.Lead + time.Second - 1)) // up: newKey cuts to seconds
		if err != nil {
			return nil, false, err
		}
		keys = append(keys, next)
	} else if len(keys) == len(r.keys) {
		return r, false, nil
	}
	next, err := assemble(keys)
	if err != nil {
		return nil, false, err
	}
	return next, true, nil
}
