// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

const day = 24 * time.Hour

func rotate(t *testing.T, r *Ring, now time.Time, s Schedule) (*Ring, bool) {
	t.Helper()
	next, changed, err := r.Rotate(now, s)
	if err != nil {
		t.Fatal(err)
	}
	if changed != (next != r) {
		t.Fatalf("changed %v, but the ring is the same: %v", changed, next == r)
	}
	return next, changed
}

// TestRotation walks 200 days in steps of ten minutes, and has a token of every
// day verified until its last second, by this replica and by one that lags.
func TestRotation(t *testing.T) {
	r := fixedRing(t)
	lagging := r // what a replica knows that hears of everything 50 minutes late
	type news struct {
		at time.Time
		r  *Ring
	}
	var queue []news
	tokens := map[string]time.Time{} // until when
	changes, most := 0, 0
	for now := start; now.Before(start.Add(200 * day)); now = now.Add(10 * time.Minute) {
		before := r.signer(now)
		next, changed := rotate(t, r, now, Schedule{})
		if changed {
			changes++
			if next.signer(now) != before {
				t.Fatalf("%s: the new key signs at once", now)
			}
			r = next
			queue = append(queue, news{now.Add(50 * time.Minute), next})
		}
		for len(queue) > 0 && !queue[0].at.After(now) {
			lagging, queue = queue[0].r, queue[1:]
		}
		most = max(most, len(r.keys))
		if now.Sub(start)%day < 10*time.Minute || changed || r.signer(now) != r.signer(now.Add(-10*time.Minute)) {
			c := ada()
			c.Lifetime = 30 * day
			for _, from := range []*Ring{r, lagging} {
				token := mint(t, from, c, now)
				tokens[token] = now.Add(c.Lifetime)
				wantSubject(t, NewVerifier(r, issuer, 1), token, now)
				wantSubject(t, NewVerifier(lagging, issuer, 1), token, now)
			}
		}
		if now.Sub(start)%(10*day) == 0 {
			checkAll(t, r, lagging, tokens, now)
		}
	}
	if most != 3 || changes < 10 || changes > 14 {
		t.Errorf("%d changes, at most %d keys", changes, most)
	}
}

func checkAll(t *testing.T, r, lagging *Ring, tokens map[string]time.Time, now time.Time) {
	t.Helper()
	for token, until := range tokens {
		for _, ring := range []*Ring{r, lagging} {
			v := NewVerifier(ring, issuer, 1)
			subject, why := v.Verify(token, now)
			if (subject != nil) != now.Before(until) {
				t.Fatalf("%s: a token until %s: %q", now, until, why)
			}
		}
		if !now.Before(until) {
			delete(tokens, token)
		}
	}
}

func TestRotationSteps(t *testing.T) {
	s := Schedule{Every: 10 * time.Hour, Lead: time.Hour, Keep: 5 * time.Hour}
	r := fixedRing(t)
	first := r.keys[0]
	at := func(d time.Duration) time.Time { return start.Add(d) }
	steps := []struct {
		at      time.Duration
		changed bool
		keys    int
	}{
		{0, false, 1},
		{9*time.Hour - 1, false, 1},
		{9 * time.Hour, true, 2}, // published, signs from hour 10
		{9 * time.Hour, false, 2},
		{15*time.Hour - 1, false, 2},
		{15 * time.Hour, true, 1}, // the first is dropped
		{19 * time.Hour, true, 2},
		{60 * time.Hour, true, 2}, // late: the old one goes, a new one waits for Lead
		{61*time.Hour - 1, false, 2},
	}
	var tokenOfFirst string
	for _, step := range steps {
		if step.at == 9*time.Hour && tokenOfFirst == "" {
			c := ada()
			c.Lifetime = 24 * time.Hour
			tokenOfFirst = mint(t, r, c, at(step.at))
		}
		var changed bool
		r, changed = rotate(t, r, at(step.at), s)
		if changed != step.changed || len(r.keys) != step.keys {
			t.Fatalf("at %s: changed %v, %d keys", step.at, changed, len(r.keys))
		}
	}
	if r.signer(at(60*time.Hour)) != r.keys[0] || r.signer(at(61*time.Hour)) != r.keys[1] {
		t.Error("the late key does not wait for Lead")
	}
	if first == r.keys[0] {
		t.Error("the first key is still there")
	}
	wantRefused(t, NewVerifier(r, issuer, 0), tokenOfFirst, at(16*time.Hour), policy.BadSignature)
}

func TestLeadIsNeverCutShort(t *testing.T) {
	s := Schedule{Every: 10 * time.Hour, Lead: time.Minute, Keep: time.Hour}
	now := start.Add(20*time.Hour + 999*time.Millisecond)
	r, _ := rotate(t, fixedRing(t), now, s)
	if got := r.keys[1].active.Sub(now); got < s.Lead || got > s.Lead+time.Second {
		t.Errorf("signs after %s", got)
	}
}

// TestClockBack: a ring from the future still signs, with a key all have.
func TestClockBack(t *testing.T) {
	r := fixedRing(t)
	early := start.Add(-time.Hour)
	wantSubject(t, NewVerifier(r, issuer, 0), mint(t, r, ada(), early), early)
	if _, changed := rotate(t, r, early, Schedule{}); changed {
		t.Error("rotated")
	}
}

func TestRotateRefuses(t *testing.T) {
	r := fixedRing(t)
	for _, s := range []Schedule{
		{Lead: -1}, {Keep: -1}, {Algorithm: "ES256"}, {Algorithm: "none"}, {Algorithm: "rs256"}, {Every: time.Hour, Lead: time.Hour},
		{Every: time.Minute},
	} {
		if _, _, err := r.Rotate(start, s); err == nil {
			t.Errorf("%+v: no error", s)
		}
	}
	for _, none := range []*Ring{nil, {}} {
		if _, _, err := none.Rotate(start, Schedule{}); err == nil {
			t.Error("rotated no ring")
		}
	}
}
