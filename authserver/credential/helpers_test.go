// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ostiary/ostiary/authserver/policy"
)

const issuer = "https://access.example.com"

var start = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// fixedKey makes the same key every time: Fuzz workers share no memory.
func fixedKey(t testing.TB, alg string, n byte, active time.Time) *key {
	t.Helper()
	var seed [32]byte
	for i := range seed {
		seed[i] = n
	}
	var signer crypto.Signer = ed25519.NewKeyFromSeed(seed[:])
	switch alg {
	case "ES256":
		k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seed[:])
		if err != nil {
			t.Fatal(err)
		}
		signer = k
	case "RS256":
		signer = rsaKey(t, n)
	}
	k, err := newKey(signer, active)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var rsaKeys sync.Map // of *rsa.PrivateKey, by number

// rsaKey makes the same key every time in one process: RSA keys have no seed.
func rsaKey(t testing.TB, n byte) *rsa.PrivateKey {
	t.Helper()
	if k, ok := rsaKeys.Load(n); ok {
		return k.(*rsa.PrivateKey)
	}
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := rsaKeys.LoadOrStore(n, k)
	return first.(*rsa.PrivateKey)
}

func fixedRing(t testing.TB, keys ...*key) *Ring {
	t.Helper()
	if len(keys) == 0 {
		keys = []*key{fixedKey(t, "EdDSA", 1, start)}
	}
	r, err := assemble(keys)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// subjectOf asks at no place in particular.
func subjectOf(v *Verifier, cookie, authorization string) (*policy.Subject, policy.Reason) {
	out := v.Subject(policy.Place{}, cookie, authorization, start)
	return out.Subject, out.Refused
}

func ada() Claims {
	return Claims{
		Issuer: issuer, Audience: []string{"wiki/wiki"}, ID: "ada-1815", Email: "ada@example.com",
		Groups: []string{"engines", "Équipe, Ω"}, Lifetime: time.Hour,
	}
}

func mint(t testing.TB, r *Ring, c Claims, now time.Time) string {
	t.Helper()
	token, err := r.Mint(c, now)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func seg(text string) string { return base64url.EncodeToString([]byte(text)) }

// signed has the key sign any header and payload.
func signed(t testing.TB, k *key, header, payload string) string {
	t.Helper()
	text := header + "." + payload
	signature, err := k.alg.method.Sign(text, k.signer)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64url.EncodeToString(signature)
}

// claiming has the key sign any claims, with the header that belongs to them.
func claiming(t testing.TB, k *key, claims string) string {
	t.Helper()
	return signed(t, k, k.header(seg(claims)), seg(claims))
}

// mac returns the MAC that belongs to a payload.
func mac(k *key, payload string) string {
	h, _ := base64url.DecodeString(k.header(payload))
	return strings.TrimSuffix(strings.TrimPrefix(string(h), k.head), k.tail)
}

// with returns Ada's claims with some set, or taken away (nil).
func with(changes map[string]any) string {
	claims := map[string]any{
		"iss": issuer, "sub": "ada-1815", "aud": []string{"wiki/wiki"}, "email": "ada@example.com", "type": "app",
		"iat": start.Unix(), "nbf": start.Unix(), "exp": start.Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func wantRefused(t *testing.T, v *Verifier, token string, now time.Time, want policy.Reason) {
	t.Helper()
	for range 2 { // the second time out of the cache, if it got there
		if subject, why := v.Verify(token, now); subject != nil || why != want {
			t.Fatalf("Verify(%.200q) = %+v, %q; want nobody, %q", token, subject, why, want)
		}
	}
}

func wantSubject(t *testing.T, v *Verifier, token string, now time.Time) *policy.Subject {
	t.Helper()
	subject, why := v.Verify(token, now)
	if subject == nil || why != policy.NoReason {
		t.Fatalf("Verify(%.200q) = %+v, %q; want somebody", token, subject, why)
	}
	again, why := v.Verify(token, now)
	if again != subject || why != policy.NoReason {
		t.Fatalf("second Verify = %+v, %q; want the same subject", again, why)
	}
	return subject
}
