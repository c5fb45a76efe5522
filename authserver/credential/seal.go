// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// MaxSealed is the length, in bytes, of the longest text that Seal returns and
// Open looks at: a URL that holds it fits the 8 kB that nginx takes in a line.
const MaxSealed = 6144

var (
	// ErrSealed reports what this ring did not seal for that purpose.
	ErrSealed = errors.New("credential: not sealed by us, or for something else")
	// ErrSealExpired reports what it did, but for a time that is over.
	ErrSealExpired = errors.New("credential: sealed by us, but it is over")
)

// sealed is what is inside.
type sealed struct {
	ExpiresAt int64           `json:"exp"` // seconds since 1970
	Value     json.RawMessage `json:"v"`
}

func sealFor(purpose string) use { return use{info: "ostiary credential: seal, v1: " + purpose} }

// Seal returns v, as JSON, such that only Open with a ring of the same keys and
// the same purpose can read it, until expires, cut to the second. Nobody else can
// change it or tell what is in it, but for how long it is. It may be presented
// any number of times: whatever must be used once has to remember that itself.
// ErrTooLarge is one it wraps.
func (r *Ring) Seal(purpose string, v any, expires, now time.Time) (string, error) {
	k := r.signer(now)
	if k == nil {
		return "", errNoRing
	}
	if purpose == "" {
		return "", errors.New("credential: what is sealed needs a purpose")
	}
	end := expires.Unix()
	if end <= now.Unix() || end > lastSecond {
		return "", errors.New("credential: what is sealed would be over already, or never be over")
	}
	value, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("credential: sealing: %w", err)
	}
	content, err := json.Marshal(sealed{ExpiresAt: end, Value: value})
	if err != nil {
		return "", fmt.Errorf("credential: sealing: %w", err)
	}
	text, err := k.encrypt(sealFor(purpose), content)
	if err == nil && len(text) > MaxSealed {
		err = fmt.Errorf("credential: %w (sealed: %d bytes of %d)", ErrTooLarge, len(text), MaxSealed)
	}
	if err != nil {
		return "", err
	}
	return text, nil
}

// Open reads into v what Seal returned. On an error, ErrSealed or ErrSealExpired,
// v is as it was unless it is of another shape than what was sealed.
func (r *Ring) Open(purpose, text string, v any, now time.Time) error {
	if purpose == "" || len(text) > MaxSealed {
		return ErrSealed
	}
	_, content := r.decrypt(sealFor(purpose), text)
	var s sealed
	if content == nil || json.Unmarshal(content, &s) != nil {
		return ErrSealed
	}
	if now.Unix() >= s.ExpiresAt {
		return ErrSealExpired
	}
	if json.Unmarshal(s.Value, v) != nil {
		return ErrSealed
	}
	return nil
}
