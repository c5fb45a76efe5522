// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

// forge puts another signature under a token's own header and payload, for
// every n another one.
func forge(token string, n int) string {
	at := strings.LastIndexByte(token, '.') + 1
	sum := sha512.Sum512(binary.BigEndian.AppendUint64(nil, uint64(n)))
	return token[:at] + base64url.EncodeToString(slices.Repeat(sum[:], base64url.DecodedLen(len(token)-at)/len(sum)))
}

// wantNoCheck: checking a signature allocates, comparing it does not.
func wantNoCheck(t *testing.T, v *Verifier, now time.Time, tokens ...string) {
	t.Helper()
	if raceEnabled {
		return // the race detector makes sync.Pool forget
	}
	n := 0
	check := func() { v.Verify(tokens[n%len(tokens)], now); n++ }
	if allocs := testing.AllocsPerRun(4*len(tokens), check); allocs != 0 {
		t.Errorf("%v allocations: signatures are checked", allocs)
	}
}

// TestForgedSignature under a token of one's own, so that its MAC fits: it is
// refused, costs one check, and never keeps the owner out. The clock goes on to
// where the token is over.
func TestForgedSignature(t *testing.T) {
	for _, alg := range []string{"EdDSA", "RS256"} {
		t.Run(alg, func(t *testing.T) { testForgedSignature(t, fixedRing(t, fixedKey(t, alg, 1, start))) })
	}
}

func testForgedSignature(t *testing.T, r *Ring) {
	token := mint(t, r, ada(), start)
	forged := make([]string, 50)
	for n := range forged {
		forged[n] = forge(token, n)
	}
	for name, before := range map[string]func(*Verifier){
		"forged first": func(v *Verifier) { v.Verify(forged[0], start) },
		"true first":   func(v *Verifier) { v.Verify(token, start) },
		"over already": func(v *Verifier) { v.Verify(forged[0], start.Add(day)) },
		"too early":    func(v *Verifier) { v.Verify(forged[0], start.Add(-day)) },
	} {
		t.Run(name, func(t *testing.T) {
			v := NewVerifier(r, issuer, 0)
			before(v)
			for _, f := range forged {
				wantRefused(t, v, f, start, policy.BadSignature)
			}
			wantNoCheck(t, v, start, forged...)
			wantNoCheck(t, v, start, token)
			subject := wantSubject(t, v, token, start)
			if want := wantSubject(t, NewVerifier(r, issuer, 0), token, start); subject.ID != want.ID || subject.Token != token ||
				!slices.Equal(subject.Groups, want.Groups) || subject.ExpiresAt != want.ExpiresAt {
				t.Errorf("%+v, want %+v", subject, want)
			}
			wantRefused(t, v, forged[7], start, policy.BadSignature)
			wantRefused(t, v, token, start.Add(time.Hour), policy.SessionExpired)
			wantRefused(t, v, forged[7], start.Add(time.Hour), policy.BadSignature)
			if n := v.cache.len() + v.over.len(); n != 1 {
				t.Errorf("%d tokens are remembered", n)
			}
		})
	}
}

// TestForgedSignatureWhenOver: neither the token nor what is made of it costs a
// check each time.
func TestForgedSignatureWhenOver(t *testing.T) {
	r := fixedRing(t)
	token := mint(t, r, ada(), start)
	later := start.Add(day)
	for _, order := range [][]string{{token, forge(token, 1)}, {forge(token, 1), token}} {
		v := NewVerifier(r, issuer, 0)
		for range 2 {
			for _, s := range order {
				want := policy.BadSignature
				if s == token {
					want = policy.SessionExpired
				}
				wantRefused(t, v, s, later, want)
			}
		}
		wantNoCheck(t, v, later, token, forge(token, 1), forge(token, 2))
		if v.cache.len() != 0 || v.over.len() != 1 {
			t.Errorf("%d and %d tokens are remembered", v.cache.len(), v.over.len())
		}
	}
}

// TestForgedSignatureOfADroppedKey: what was learned goes with the ring.
func TestForgedSignatureOfADroppedKey(t *testing.T) {
	one, two := fixedKey(t, "EdDSA", 1, start), fixedKey(t, "EdDSA", 2, start)
	token := claiming(t, one, with(nil))
	var live Live
	live.Publish(NewVerifier(fixedRing(t, one, two), issuer, 0))
	wantRefused(t, live.Verifier(), forge(token, 0), start, policy.BadSignature)
	live.Publish(NewVerifier(fixedRing(t, two), issuer, 0))
	wantRefused(t, live.Verifier(), token, start, policy.BadSignature)
}

// TestManySignatures: with ES256 the claims of one second, minted twice, are two
// tokens; each is good, whichever was seen first, and whatever was forged before.
func TestManySignatures(t *testing.T) {
	r := fixedRing(t, fixedKey(t, "ES256", 1, start))
	v := NewVerifier(r, issuer, 0)
	one, two := claiming(t, r.keys[0], with(nil)), claiming(t, r.keys[0], with(nil))
	if one == two {
		t.Fatal("ES256 signs alike now: have algorithm.unique say so")
	}
	for _, token := range []string{one, two} {
		wantRefused(t, v, forge(token, 0), start, policy.BadSignature)
		if subject := wantSubject(t, v, token, start); subject.Token != token {
			t.Errorf("the token of another is handed on")
		}
	}
	if n := v.cache.len() + v.over.len(); n != 2 {
		t.Errorf("%d tokens are remembered", n)
	}
}

// TestSignsAlike is what knowing one signature rests on.
func TestSignsAlike(t *testing.T) {
	for _, alg := range []string{"RS256", "EdDSA"} {
		k := fixedKey(t, alg, 1, start)
		token := claiming(t, k, with(nil))
		for range 10 {
			if again := claiming(t, k, with(nil)); again != token {
				t.Fatal("one message has two signatures")
			}
		}
		if again, err := k.signAgain(forge(token, 0)); err != nil || again != token {
			t.Errorf("%q, %v", again, err)
		}
	}
	k := fixedKey(t, "EdDSA", 1, start)
	r := fixedRing(t, k)
	token := claiming(t, k, with(nil))
	// S plus the order of the group is the same point (RFC 8032 §8.4).
	order := []byte{
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
	}
	at := strings.LastIndexByte(token, '.')
	signature, err := base64url.DecodeString(token[at+1:])
	if err != nil {
		t.Fatal(err)
	}
	carry := 0
	for i, b := range order {
		carry += int(signature[32+i]) + int(b)
		signature[32+i], carry = byte(carry), carry>>8
	}
	if ed25519.Verify(k.signer.Public().(ed25519.PublicKey), []byte(token[:at]), signature) {
		t.Error("one message has two signatures that verify")
	}
	wantRefused(t, NewVerifier(r, issuer, 0), token[:at+1]+base64url.EncodeToString(signature), start, policy.BadSignature)
}
