// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Schedule says when keys come and go. A zero field is its default.
type Schedule struct {
	// Algorithm is what keys are made for: "EdDSA" (default) or "RS256". Where the
	// youngest key is for another one, Rotate adds a key that signs at once: with
	// no Lead, as the applications that need the new one take nothing until then.
	Algorithm string
	// Every is for how long a key signs. Default: 30 days. Negative: for as long as
	// Algorithm is its own, and no key is dropped until then.
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

// ParseRotation reads how long a key is to sign; 0: for good.
func ParseRotation(every time.Duration) (Schedule, error) {
	if every == 0 {
		return Schedule{Every: -1}, nil
	}
	if every < 2*time.Hour {
		return Schedule{}, errors.New("at least 2h: a key is published an hour before it signs")
	}
	return Schedule{Every: every}, nil
}

func (s Schedule) withDefaults() (Schedule, error) {
	const day = 24 * time.Hour
	s.Algorithm = cmp.Or(s.Algorithm, algEdDSA)
	s.Every = cmp.Or(s.Every, 30*day)
	s.Lead = cmp.Or(s.Lead, time.Hour)
	s.Keep = cmp.Or(s.Keep, 31*day)
	if a := algorithmNamed(s.Algorithm); a == nil || a.generate == nil {
		return s, fmt.Errorf("credential: no keys are made for the algorithm %q: it is %s or %s", s.Algorithm, algEdDSA, algRS256)
	}
	if s.Lead < 0 || s.Keep < 0 {
		return s, errors.New("credential: a rotation schedule cannot be negative")
	}
	if s.Every > 0 && s.Lead >= s.Every {
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
	keys, err := s.rotate(r.keys, now)
	if err != nil {
		return nil, false, err
	}
	if slices.Equal(keys, r.keys) {
		return r, false, nil
	}
	next, err := assemble(keys)
	if err != nil {
		return nil, false, err
	}
	return next, true, nil
}

func (s Schedule) rotate(keys []*key, now time.Time) ([]*key, error) {
	newest := keys[len(keys)-1]
	suits := newest.alg.name == s.Algorithm
	if suits && s.Every < 0 {
		return keys, nil
	}
	keys = slices.Clone(keys)
	for len(keys) > 1 && !now.Before(keys[1].active.Add(s.Keep)) {
		keys = keys[1:]
	}
	switch {
	case !suits:
		return s.change(keys, now)
	case now.Before(newest.active.Add(s.Every - s.Lead)):
		return keys, nil
	}
	next, err := generate(s.Algorithm, now.Add(s.Lead+time.Second-1)) // up: newKey cuts to seconds
	return append(keys, next), err
}

// change has a key of another algorithm sign at once. It takes one that is in the
// ring already, which the other replicas know, so that two that are configured
// differently do not fill the ring with keys. It is the youngest then, which
// only makes the ring keep others for longer.
func (s Schedule) change(keys []*key, now time.Time) ([]*key, error) {
	// A key whose time is to come would take over from the new one. It goes, as
	// nobody has signed with it: not even a replica whose clock is ahead.
	signed := slices.DeleteFunc(slices.Clone(keys), func(k *key) bool { return k.active.After(now.Add(Leeway)) })
	if len(signed) == 0 {
		signed = keys // the clock went back: see Ring.signer
	}
	active := now
	if least := signed[len(signed)-1].active.Add(time.Second); active.Before(least) {
		active = least
	}
	for i, k := range slices.Backward(signed) {
		if k.alg.name == s.Algorithm {
			again, err := newKey(k.signer, active)
			return append(slices.Delete(signed, i, i+1), again), err
		}
	}
	next, err := generate(s.Algorithm, active)
	return append(signed, next), err
}

// RotateBytes is Rotate for a stored ring: it returns the ring to store, and
// whether that differs from old. An empty old asks for a first ring.
func RotateBytes(old []byte, now time.Time, s Schedule) ([]byte, bool, error) {
	if len(old) == 0 {
		s, err := s.withDefaults()
		if err != nil {
			return nil, false, err
		}
		ring, err := newRing(s.Algorithm, now)
		if err != nil {
			return nil, false, err
		}
		data, err := ring.Marshal()
		return data, true, err
	}
	ring, err := ParseRing(old)
	if err != nil {
		return nil, false, err
	}
	next, changed, err := ring.Rotate(now, s)
	if err != nil || !changed {
		return old, false, err
	}
	data, err := next.Marshal()
	return data, true, err
}
