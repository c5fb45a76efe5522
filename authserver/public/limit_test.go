// SPDX-License-Identifier: Apache-2.0

package public

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// TestLimitBesideBuckets: whatever comes when, a Limit lets no more pass than a bucket
// for each key would, and among few keys no less. What is given back is there again.
func TestLimitBesideBuckets(t *testing.T) {
	type bucket struct {
		used time.Duration
		at   time.Time
	}
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		burst, every := 1+r.IntN(5), time.Duration(1+r.IntN(4))*time.Second
		few := seed%2 == 0
		keys, step := 20_000, time.Millisecond
		if few {
			keys, step = 3, 250*time.Millisecond
		}
		l, buckets, at := NewLimit(burst, every), map[string]*bucket{}, now
		for range 20_000 {
			at = at.Add(time.Duration(r.IntN(3)) * step)
			key := fmt.Sprint(r.IntN(keys))
			b := buckets[key]
			if b == nil {
				b = &bucket{at: at}
				buckets[key] = b
			}
			b.used, b.at = max(0, b.used-at.Sub(b.at)), at
			want := b.used+every <= time.Duration(burst)*every
			got := l.Allow(key, at)
			if got && !want || few && !got && want {
				t.Fatalf("seed %d: %s at %v: %v, and a bucket says %v", seed, key, at.Sub(now), got, want)
			}
			if !got {
				continue
			}
			b.used += every
			if r.IntN(3) == 0 {
				l.GiveBack(key, at)
				b.used -= every
			}
		}
	}
}

// TestLimitOfMany: a million addresses, each of which uses up what it has, take no more
// memory than a few thousand, and are limited still; what they leave drains. THREATS F30.
func TestLimitOfMany(t *testing.T) {
	l := NewLimit(3, time.Second)
	for i := range 1_000_000 {
		l.Allow(fmt.Sprintf("2001:db8:%x:%x::/64", i>>16, i&0xffff), now)
	}
	if len(l.known) > maxKnown {
		t.Errorf("%d buckets", len(l.known))
	}
	if l.Allow("192.0.2.1", now) {
		t.Error("it has no bound")
	}
	if !l.Allow("192.0.2.1", now.Add(time.Second)) || !l.Allow("192.0.2.2", now.Add(3*time.Second)) {
		t.Error("it does not drain")
	}
	if len(l.known) > 2 {
		t.Errorf("%d buckets are kept that are empty", len(l.known))
	}
}

// TestLimitNeighbours: thousands that guess without an end are in nobody's way.
func TestLimitNeighbours(t *testing.T) {
	l := NewLimit(3, time.Second)
	for i := range 7000 {
		for range 10 {
			l.Allow(fmt.Sprint("thief ", i), now)
		}
	}
	for i := range 1000 {
		if !l.Allow(fmt.Sprint("office ", i), now) {
			t.Fatal("somebody is held off by others")
		}
	}
}

// TestLimitClockSetBack: no time is won by it, and nobody is held off for ever.
func TestLimitClockSetBack(t *testing.T) {
	l, back := NewLimit(2, time.Second), now.Add(-time.Hour)
	l.Allow("ann", now)
	if !l.Allow("ann", now) || l.Allow("ann", back) {
		t.Error("there is more for whoever sets it back")
	}
	if !l.Allow("ann", back.Add(time.Second)) {
		t.Error("it is held off until the clock is where it was")
	}
}
