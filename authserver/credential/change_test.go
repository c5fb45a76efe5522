// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

func algorithmsOf(r *Ring) string {
	text := ""
	for _, k := range r.keys {
		text += k.alg.name[:1]
	}
	return text
}

// TestChangeOfAlgorithm: the new one signs at once, and what was signed before
// verifies for as long as it would have.
func TestChangeOfAlgorithm(t *testing.T) {
	for _, every := range []time.Duration{0, -1} {
		rs, ed := Schedule{Every: every, Algorithm: "RS256"}, Schedule{Every: every}
		r := fixedRing(t)
		c := ada()
		c.Lifetime = 30 * day
		before := mint(t, r, c, start)
		now := start.Add(time.Hour)
		r, changed := rotate(t, r, now, rs)
		if !changed || algorithmsOf(r) != "ER" || r.signer(now).alg.name != "RS256" {
			t.Fatalf("%s: %v", algorithmsOf(r), changed)
		}
		v := NewVerifier(r, issuer, 0)
		wantSubject(t, v, before, now)
		after := mint(t, r, c, now)
		wantSubject(t, v, after, now)
		if got := len(publicKeys(t, r.JWKS())); got != 1 {
			t.Errorf("%d keys are published", got)
		}
		if _, changed = rotate(t, r, now, rs); changed {
			t.Error("it changed twice")
		}
		// And back: the first key signs again, as all replicas know it.
		now = now.Add(time.Hour)
		first := r.keys[0].id
		if r, changed = rotate(t, r, now, ed); !changed || algorithmsOf(r) != "RE" || r.signer(now).id != first {
			t.Fatalf("%s: %v", algorithmsOf(r), changed)
		}
		for _, token := range []string{before, after, mint(t, r, c, now)} {
			wantSubject(t, NewVerifier(r, issuer, 0), token, now)
		}
		if got := len(publicKeys(t, r.JWKS())); got != 2 {
			t.Errorf("%d keys are published", got)
		}
	}
}

// TestChangeWithKeyToCome: a key of the old algorithm that waits does not take
// over from the new one.
func TestChangeWithKeyToCome(t *testing.T) {
	for _, test := range []struct {
		left time.Duration // until the waiting key signs
		want string
	}{
		{time.Hour, "ER"}, {Leeway + 2*time.Second, "ER"}, {Leeway, "EER"}, {0, "EER"}, {-time.Minute, "EER"},
	} {
		waiting := fixedKey(t, "EdDSA", 2, start.Add(30*day))
		r := fixedRing(t, fixedKey(t, "EdDSA", 1, start), waiting)
		now := waiting.active.Add(-test.left)
		r, _ = rotate(t, r, now, Schedule{Algorithm: "RS256"})
		if got := algorithmsOf(r); got != test.want {
			t.Errorf("%s left: %s", test.left, got)
		}
		if later := now.Add(Leeway + time.Second); r.signer(later).alg.name != "RS256" {
			t.Errorf("%s left: %s signs", test.left, r.signer(later).alg.name)
		}
		if _, changed := rotate(t, r, now.Add(time.Minute), Schedule{Algorithm: "RS256"}); changed {
			t.Errorf("%s left: it changed twice", test.left)
		}
	}
}

// TestChangeToAndFro: two replicas that are configured differently do not fill
// the ring, and lose no session.
func TestChangeToAndFro(t *testing.T) {
	r := fixedRing(t)
	token := mint(t, r, ada(), start)
	for n := range 200 {
		now := start.Add(time.Duration(n) * 10 * time.Second)
		r, _ = rotate(t, r, now, Schedule{Algorithm: []string{"RS256", "EdDSA"}[n%2]})
		if len(r.keys) > 2 {
			t.Fatalf("%d keys", len(r.keys))
		}
		wantSubject(t, NewVerifier(r, issuer, 0), token, now)
	}
}

// TestChangeWhenClockWentBack drops no key.
func TestChangeWhenClockWentBack(t *testing.T) {
	r := fixedRing(t, fixedKey(t, "EdDSA", 1, start), fixedKey(t, "EdDSA", 2, start.Add(day)))
	early := start.Add(-day)
	r, _ = rotate(t, r, early, Schedule{Algorithm: "RS256"})
	if got := algorithmsOf(r); got != "EER" {
		t.Error(got)
	}
	if _, changed := rotate(t, r, early, Schedule{Algorithm: "RS256"}); changed {
		t.Error("it changed twice")
	}
}

func TestRotationOfRSA(t *testing.T) {
	s := Schedule{Algorithm: "RS256"}
	data, changed, err := RotateBytes(nil, start, s)
	if err != nil || !changed {
		t.Fatal(err)
	}
	r, err := ParseRing(data)
	if err != nil || algorithmsOf(r) != "R" || r.signer(start) == nil {
		t.Fatal(err)
	}
	c := ada()
	c.Lifetime = 30 * day
	token := mint(t, r, c, start)
	r, _ = rotate(t, r, start.Add(30*day-time.Hour), s)
	if algorithmsOf(r) != "RR" || r.signer(start.Add(30*day-time.Second)) != r.keys[0] {
		t.Error(algorithmsOf(r))
	}
	wantSubject(t, NewVerifier(r, issuer, 0), token, start.Add(30*day-time.Second))
	r, _ = rotate(t, r, start.Add(61*day), s)
	wantRefused(t, NewVerifier(r, issuer, 0), token, start.Add(day), policy.BadSignature)
	for _, s := range []Schedule{{Algorithm: "RS512"}, {Algorithm: "none", Every: -1}} {
		if _, _, err := RotateBytes(nil, start, s); err == nil {
			t.Error("made a key for", s.Algorithm)
		}
	}
	if _, changed, err := RotateBytes(data, start.Add(300*day), Schedule{Algorithm: "RS256", Every: -1}); err != nil || changed {
		t.Error("never means never", err)
	}
}
