// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/ostiary/ostiary/authserver/policy"
)

func hashOf(n int) *[sha256.Size]byte {
	id := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return &id
}

func TestCacheIsBounded(t *testing.T) {
	const many = 200_000
	for _, limit := range []int{1, 2, 63, 100, 128, 1000, 4096, 0} {
		c := newCache(limit)
		bound := limit
		if bound == 0 {
			bound = DefaultCacheEntries
		}
		e := entry{subject: &policy.Subject{}, until: start.Unix() + 60}
		for n := range many {
			c.put(hashOf(n), e, start)
			if got, ok := c.get(hashOf(n)); !ok || got != e {
				t.Fatalf("limit %d: entry %d is not there", limit, n)
			}
		}
		if n := c.len(); n > bound || n < bound*9/10 {
			t.Errorf("limit %d: %d entries", limit, n)
		}
		for i := range c.shards {
			if s := &c.shards[i]; len(s.index) != len(s.slots) || len(s.slots) > s.limit {
				t.Errorf("limit %d: %d indexed, %d slots of %d", limit, len(s.index), len(s.slots), s.limit)
			}
		}
	}
}

// TestCacheKeepsTheBusy: whoever is asked for stays while others pass through.
func TestCacheKeepsTheBusy(t *testing.T) {
	c := newCache(1000)
	e := entry{subject: &policy.Subject{}, until: start.Unix() + 60}
	for n := range 10 {
		c.put(hashOf(-n), e, start)
	}
	misses := 0
	for n := range 100_000 {
		c.put(hashOf(n+1), e, start)
		busy := hashOf(-(n % 10))
		if _, ok := c.get(busy); !ok {
			misses++
			c.put(busy, e, start)
		}
	}
	if misses > 100 {
		t.Errorf("%d misses of 100000", misses)
	}
}

func TestCacheGivesUpTheExpiredFirst(t *testing.T) {
	s := newCache(4).shards
	old, young := entry{until: 10}, entry{until: 100}
	c := &cache{shards: s}
	for n, e := range []entry{young, young, old, young} {
		c.put(hashOf(n), e, time.Unix(0, 0))
		c.get(hashOf(n))
	}
	c.put(hashOf(9), young, time.Unix(10, 0))
	if _, ok := c.get(hashOf(2)); ok || c.len() != 4 {
		t.Error("the one that is over is still there")
	}
}

func TestForgedTokensLeaveNoTrace(t *testing.T) {
	k := fixedKey(t, "EdDSA", 1, start)
	v := NewVerifier(fixedRing(t, k), issuer, 0)
	other := fixedKey(t, "EdDSA", 2, start)
	for n := range 2000 {
		payload := seg(with(map[string]any{"sub": fmt.Sprint(n)}))
		header := k.header(seg("other"))
		wantRefused(t, v, signed(t, other, header, payload), start, policy.BadSignature)
	}
	if n := v.cache.len() + v.over.len(); n != 0 {
		t.Errorf("%d tokens are remembered", n)
	}
}

// TestOverPushesOutNobody: tokens that name nobody, or no more, are remembered,
// be their signature right or forged, but not in the place of those that do.
func TestOverPushesOutNobody(t *testing.T) {
	k := fixedKey(t, "EdDSA", 1, start)
	v := NewVerifier(fixedRing(t, k), issuer, 32)
	tokens, subjects := make([]string, 32), make([]*policy.Subject, 32)
	for n := range tokens {
		tokens[n] = claiming(t, k, with(map[string]any{"sub": fmt.Sprint(n)}))
		subjects[n] = wantSubject(t, v, tokens[n], start)
	}
	for n := range 200 {
		sub := fmt.Sprint("late", n)
		old := claiming(t, k, with(map[string]any{"sub": sub, "exp": 5, "iat": 1}))
		wantRefused(t, v, forge(old, n), start, policy.BadSignature)
		wantRefused(t, v, old, start, policy.SessionExpired)
		wantRefused(t, v, forge(old, n), start, policy.BadSignature)
		wantRefused(t, v, claiming(t, k, with(map[string]any{"sub": sub, "nbf": start.Unix() + 99})), start, policy.BadSignature)
		wantRefused(t, v, claiming(t, k, with(map[string]any{"sub": sub, "iss": "x"})), start, policy.BadSignature)
	}
	if n := v.over.len(); n > 2 {
		t.Errorf("%d tokens that are over are remembered", n)
	}
	for n, token := range tokens {
		if wantSubject(t, v, token, start) != subjects[n] {
			t.Errorf("token %d was not remembered", n)
		}
	}
}

// TestNotYetIsRemembered until it is.
func TestNotYetIsRemembered(t *testing.T) {
	k := fixedKey(t, "EdDSA", 1, start)
	v := NewVerifier(fixedRing(t, k), issuer, 0)
	early := claiming(t, k, with(map[string]any{"nbf": start.Unix() + 99}))
	wantRefused(t, v, early, start, policy.BadSignature)
	wantSubject(t, v, early, start.Add(99*time.Second))
	wantRefused(t, v, early, start.Add(time.Hour), policy.SessionExpired)
}

func TestAnotherRingStartsEmpty(t *testing.T) {
	one, two := fixedKey(t, "EdDSA", 1, start), fixedKey(t, "EdDSA", 2, start)
	both := fixedRing(t, one, two)
	token := claiming(t, one, with(nil))
	var live Live
	live.Publish(NewVerifier(both, issuer, 0))
	wantSubject(t, live.Verifier(), token, start)
	live.Publish(NewVerifier(fixedRing(t, two), issuer, 0))
	wantRefused(t, live.Verifier(), token, start, policy.BadSignature)
}

// TestInputIsNotKept: the strings are views of a buffer that is used again.
func TestInputIsNotKept(t *testing.T) {
	r := fixedRing(t)
	v := NewVerifier(r, issuer, 0)
	token := mint(t, r, ada(), start)
	buf := []byte(CookieName + "=" + token)
	subject, _ := subjectOf(v, unsafe.String(&buf[0], len(buf)), "")
	before := *subject
	before.Token = strings.Clone(before.Token)
	for i := range buf {
		buf[i] = 'x'
	}
	if !reflect.DeepEqual(*subject, before) || subject.Token != token {
		t.Errorf("changed with the buffer: %+v", subject)
	}
	again := wantSubject(t, v, token, start)
	if again != subject {
		t.Error("was not remembered")
	}
	wantRefused(t, v, string(buf), start, policy.BadSignature)
}

func TestConcurrentUse(t *testing.T) {
	r := fixedRing(t)
	v := NewVerifier(r, issuer, 8) // so that entries come and go
	var tokens []string
	for n := range 16 {
		c := ada()
		c.ID = fmt.Sprint(n)
		tokens = append(tokens, mint(t, r, c, start))
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for n := range 200 {
				i := (n + worker) % len(tokens)
				subject, why := v.Verify(tokens[i], start)
				if subject == nil || subject.ID != fmt.Sprint(i) || subject.Token != tokens[i] {
					t.Errorf("%d: %+v, %q", i, subject, why)
				}
				if bad, _ := v.Verify(tokens[i][:len(tokens[i])-9]+"AAAAAAAAA", start); bad != nil {
					t.Errorf("%d: forged", i)
				}
			}
		})
	}
	wg.Wait()
	if n := v.cache.len(); n > 8 {
		t.Errorf("%d tokens are remembered", n)
	}
}

func TestNoAllocations(t *testing.T) {
	r := fixedRing(t, fixedKey(t, "EdDSA", 1, start), fixedKey(t, "EdDSA", 2, start), fixedKey(t, "ES256", 3, start))
	v := NewVerifier(r, issuer, 0)
	token := mint(t, r, ada(), start)
	cookie := "theme=dark; lang=en; _ga=GA1.1.1; " + CookieName + "=" + token
	authorization := "Bearer " + token
	forged := strings.Replace(token, ".", ".A", 1)
	wantSubject(t, v, token, start)
	for name, f := range map[string]func(){
		"hot cookie": func() { v.Subject(policy.Place{}, cookie, "", start) },
		"hot bearer": func() { v.Subject(policy.Place{}, "", authorization, start) },
		"anonymous":  func() { v.Subject(policy.Place{}, "theme=dark; lang=en", "Basic x", start) },
		"random":     func() { v.Subject(policy.Place{}, CookieName+"=x", "", start) },
		"forged":     func() { v.Verify(forged, start) },
		"expired":    func() { v.Verify(token, start.Add(day)) },
	} {
		if raceEnabled {
			f() // the race detector makes sync.Pool forget
		} else if n := testing.AllocsPerRun(1000, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
