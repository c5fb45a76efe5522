// SPDX-License-Identifier: Apache-2.0

package evaluation

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/credential"
	"github.com/ostiary/ostiary/authserver/policy"
	"github.com/ostiary/ostiary/authserver/public"
)

// A fake is a service that does as Cloudflare's example does: it finds the key by its ID,
// verifies what it is sent, and signs its answer without a type. Tests have it do worse.
type fake struct {
	*httptest.Server
	t      testing.TB
	keySet func() []byte // of who asks
	key    crypto.Signer
	alg    jose.SignatureAlgorithm

	mu     sync.Mutex
	asked  []map[string]any                                  // the claims of questions
	says   func(claims map[string]any) map[string]any        // the answer's claims
	signs  func(payload []byte) string                       // in place of signing it
	writes func(w http.ResponseWriter, r *http.Request) bool // in place of all
	keys   func(w http.ResponseWriter) bool                  // in place of the keys
}

// usualKey takes a while to make.
var usualKey = sync.OnceValue(func() crypto.Signer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func newFake(t testing.TB, keySet func() []byte) *fake {
	t.Helper()
	f := &fake{t: t, keySet: keySet, key: usualKey(), alg: jose.RS256}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	return f
}

func (f *fake) serve(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "keys"):
		if f.keys == nil || !f.keys(w) {
			_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: f.key.Public(), KeyID: "one", Algorithm: string(f.alg)}}})
		}
	case f.writes != nil && f.writes(w, r):
	default:
		f.evaluate(w, r)
	}
}

func (f *fake) evaluate(w http.ResponseWriter, r *http.Request) {
	var body struct{ Token string }
	err := json.NewDecoder(r.Body).Decode(&body)
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || err != nil {
		http.Error(w, "no question", http.StatusBadRequest)
		return
	}
	claims, err := f.verify(body.Token)
	if err != nil {
		f.t.Errorf("the question cannot be verified: %v", err)
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	f.asked = append(f.asked, claims)
	now := time.Now().Unix()
	answer := map[string]any{"success": true, "iat": now, "exp": now + 60, "nonce": claims["nonce"]}
	if f.says != nil {
		answer = f.says(claims)
	}
	text, _ := json.Marshal(answer)
	sign := f.sign
	if f.signs != nil {
		sign = f.signs
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"token": sign(text)})
}

func (f *fake) verify(token string) (claims map[string]any, err error) {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(f.keySet(), &set); err != nil {
		return nil, err
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256, jose.EdDSA})
	if err != nil {
		return nil, err
	}
	keys := set.Key(jws.Signatures[0].Header.KeyID)
	if len(keys) != 1 {
		return nil, fmt.Errorf("%d keys", len(keys))
	}
	payload, err := jws.Verify(keys[0])
	if err != nil {
		return nil, err
	}
	return claims, json.Unmarshal(payload, &claims)
}

func (f *fake) sign(payload []byte) string { return signWith(f.t, f.alg, f.key, "one", payload) }

func signWith(t testing.TB, alg jose.SignatureAlgorithm, key any, id string, payload []byte) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: id}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A bench asks a fake.
type bench struct {
	*Set
	service *fake
	ring    *credential.Ring
	log     bytes.Buffer
	metrics *prometheus.Registry
	skew    time.Duration // of our clock
}

func newBench(t testing.TB) *bench {
	t.Helper()
	b := &bench{metrics: prometheus.NewRegistry()}
	var err error
	if b.ring, err = credential.NewRing(time.Now()); err != nil {
		t.Fatal(err)
	}
	b.service = newFake(t, b.ring.JWKS)
	b.Set = New(Options{Log: slog.New(slog.NewJSONHandler(&b.log, nil)), Now: b.now, Metrics: b.metrics, timeout: time.Minute})
	return b
}

func (b *bench) now() time.Time { return time.Now().Add(b.skew) }

func (b *bench) asking() policy.Asking {
	return policy.Asking{Evaluation: &policy.Evaluation{URL: b.service.URL + "/staff?x=1", KeysURL: b.service.URL + "/keys"},
		Policy: policy.Source{Namespace: "shop", Name: "orders"}}
}

func (b *bench) inquiry(email string) *Inquiry {
	who := policy.Subject{ID: "u1", Email: email, Groups: []string{"staff"}, Provider: "corp", SignedInAt: time.Now(), IssuedAt: time.Now()}
	return &Inquiry{Ring: b.ring, Issuer: "https://auth.example.com", Now: b.now(), ID: "r1",
		Identity: Identity{Identity: public.IdentityOf(&who, "oidc"), Address: "192.0.2.7", Place: &Place{"NL"}}}
}

// outcome asks about somebody and returns what came of it.
func (b *bench) outcome(t testing.TB, email string) policy.Outcome {
	t.Helper()
	a := b.asking()
	out := b.Ask(t.Context(), b.inquiry(email), []policy.Asking{a})
	for _, o := range []policy.Outcome{policy.Approved, policy.Rejected, policy.Untold} {
		if out[0] == a.Outcome(o) {
			return o
		}
	}
	t.Fatalf("%q", out)
	return 0
}
