// SPDX-License-Identifier: Apache-2.0

package bearer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/policy"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

type key struct {
	id     string
	method jwt.SigningMethod
	signer crypto.Signer
}

var rsaKeys = sync.OnceValue(func() (out [2]*rsa.PrivateKey) {
	for i := range out {
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		out[i] = k
	}
	return out
})

func rsaKey(id string, n int) key { return key{id, jwt.SigningMethodRS256, rsaKeys()[n]} }

func ecKey(t testing.TB, id string) key {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key{id, jwt.SigningMethodES256, k}
}

func edKey(t testing.TB, id string) key {
	t.Helper()
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key{id, jwt.SigningMethodEdDSA, k}
}

// jwks is the key set of some keys.
func jwks(t testing.TB, keys ...key) string {
	t.Helper()
	set := jose.JSONWebKeySet{}
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k.signer.Public(), KeyID: k.id, Use: "sig", Algorithm: k.method.Alg()})
	}
	text, err := json.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sign makes a token; edits of the header come last.
func (k key) sign(t testing.TB, claims map[string]any, header ...map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(k.method, jwt.MapClaims(claims))
	token.Header["kid"] = k.id
	for _, h := range header {
		for name, v := range h {
			if token.Header[name] = v; v == nil {
				delete(token.Header, name)
			}
		}
	}
	out, err := token.SignedString(k.signer)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// signText signs a payload as it stands.
func (k key) signText(t testing.TB, header, payload string) string {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString([]byte(payload))
	sum, err := k.method.Sign(text, k.signer)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sum)
}

// A provider publishes keys.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	keys    string
	answer  http.HandlerFunc // in place of the keys
	meta    func() map[string]any
	fetched atomic.Int64
	other   atomic.Int64 // requests to where nobody should ask
}

func newProvider(t testing.TB, keys ...key) *provider {
	t.Helper()
	p := &provider{keys: jwks(t, keys...)}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	p.meta = func() map[string]any { return map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/jwks"} }
	return p
}

func (p *provider) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	keys, answer, meta := p.keys, p.answer, p.meta
	p.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(meta())
	case "/jwks":
		p.fetched.Add(1)
		if answer != nil {
			answer(w, r)
			return
		}
		_, _ = w.Write([]byte(keys))
	default:
		p.other.Add(1)
		http.NotFound(w, r)
	}
}

// claims are those of a good token of an issuer for the audience "app".
func claims(iss string, more ...map[string]any) map[string]any {
	out := map[string]any{
		"iss": iss, "sub": "repo:org/name:ref:refs/heads/main", "aud": "app",
		"iat": now.Add(-time.Minute).Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	for _, m := range more {
		maps.Copy(out, m)
		maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	}
	return out
}

// A world is a Set beside a table whose policy, shop/app at a.x, looks at the tokens of
// all its issuers.
type world struct {
	set   *Set
	table *policy.Table
	clock atomic.Int64 // seconds after now
}

func (w *world) now() time.Time { return now.Add(time.Duration(w.clock.Load()) * time.Second) }

func newWorld(t testing.TB, issuers ...config.Issuer) *world {
	t.Helper()
	w := &world{}
	w.set = New(Options{Now: w.now})
	w.update(t, issuers...)
	return w
}

func (w *world) update(t testing.TB, issuers ...config.Issuer) {
	t.Helper()
	p := policy.Policy{Source: policy.Source{Namespace: "shop", Name: "app"}, Hosts: []string{"a.x"}}
	for i := range issuers {
		if wrong := config.Check(&issuers[i]); len(wrong) > 0 {
			t.Fatalf("%+v", wrong)
		}
		p.Rules = append(p.Rules, policy.Rule{Action: policy.ServiceAuth, Include: []policy.Selector{{
			Property: policy.JWT, JWT: &policy.TokenMatch{Issuer: issuers[i].Name, Audience: issuers[i].Audiences[0],
				Claims: []policy.ClaimMatch{{Path: "sub", Values: []string{"x"}}}}}}})
	}
	w.set.Update(issuers)
	var problems []policy.Issue
	w.table, problems = policy.Build(policy.Input{Policies: []*policy.Compiled{policy.Compile(&p)}, TokenIssuers: config.Known(issuers)})
	for _, i := range problems {
		t.Fatal(i)
	}
}

// verify presents a token to the policy.
func (w *world) verify(t testing.TB, token string) (*policy.Bearer, policy.Reason) {
	t.Helper()
	target, err := policy.ParseTarget("https://a.x/")
	if err != nil {
		t.Fatal(err)
	}
	r := policy.Request{Target: target, Method: "GET", Now: w.now()}
	return w.set.Verify(w.table.At(&r), "Bearer "+token, w.now())
}

// trusted describes an issuer whose keys are known.
func trusted(t testing.TB, name, iss string, keys ...key) config.Issuer {
	t.Helper()
	return config.Issuer{Name: name, Issuer: iss, JWKS: jwks(t, keys...), Audiences: []string{"app"}, Namespaces: []string{"shop"}}
}

// remote describes an issuer whose keys are fetched.
func remote(name string, p *provider) config.Issuer {
	return config.Issuer{Name: name, Issuer: p.URL, Audiences: []string{"app"}, Namespaces: []string{"shop"}}
}

func pemOf(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }

// counted returns how many tokens of an issuer came to a result.
func counted(t *testing.T, s *Set, issuer, result string) (n float64) {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(s.tokens)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if l := m.GetLabel(); l[0].GetValue() == issuer && l[1].GetValue() == result {
				n += m.GetCounter().GetValue()
			}
		}
	}
	return n
}
