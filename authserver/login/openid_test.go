// SPDX-License-Identifier: Apache-2.0

package login

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/authserver/idp"
)

// An openIDProvider gives out codes to whom a test says, and counts what it is asked.
type openIDProvider struct {
	t      testing.TB
	server *httptest.Server
	key    *ecdsa.PrivateKey
	claims map[string]any // of the ID token, beside what it must hold

	mu       sync.Mutex
	codes    map[string]url.Values // the authorization requests, by code
	tokens   int                   // how often the token endpoint was asked
	metadata map[string]any        // beside what it must hold
	userinfo http.HandlerFunc      // nil: there is none
	traces   map[string]string     // by path, the traceparent of the last request
}

func newOpenIDProvider(t testing.TB) *openIDProvider {
	t.Helper()
	p := &openIDProvider{t: t, codes: map[string]url.Values{}, traces: map[string]string{}, claims: map[string]any{"email": "carol@example.com", "email_verified": true, "groups": []string{"staff"}}}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	p.server = httptest.NewServer(p)
	t.Cleanup(p.server.Close)
	return p
}

// config is how an installation knows it.
func (p *openIDProvider) config() idp.Config {
	return idp.Config{Name: "corp", DisplayName: "Corp", Type: "oidc", Issuer: p.server.URL, ClientID: "ostiary", ClientSecret: "secret"}
}

// use makes it the only provider of a site.
func (p *openIDProvider) use(s *site) {
	p.t.Helper()
	if problems := s.providers.Update([]idp.Config{p.config()}); len(problems) > 0 {
		p.t.Fatal(problems)
	}
}

func (p *openIDProvider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := func(v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	p.mu.Lock()
	p.traces[r.URL.Path] = r.Header.Get("Traceparent")
	p.mu.Unlock()
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		m := map[string]any{"issuer": p.server.URL, "authorization_endpoint": p.server.URL + "/authorize", "token_endpoint": p.server.URL + "/token", "jwks_uri": p.server.URL + "/jwks",
			"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}}
		for name, value := range p.metadata {
			m[name] = value
		}
		if p.userinfo != nil {
			m["userinfo_endpoint"] = p.server.URL + "/userinfo"
		}
		answer(m)
	case "/jwks":
		answer(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "1", Algorithm: "ES256", Use: "sig"}}})
	case "/userinfo":
		p.userinfo(w, r)
	case "/token":
		p.mu.Lock()
		p.tokens++
		asked, ok := p.codes[r.FormValue("code")]
		delete(p.codes, r.FormValue("code"))
		p.mu.Unlock()
		sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
		if !ok || asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
			w.WriteHeader(http.StatusBadRequest)
			answer(map[string]string{"error": "invalid_grant"})
			return
		}
		answer(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": p.idToken(asked.Get("nonce"))})
	default:
		http.NotFound(w, r)
	}
}

func (p *openIDProvider) idToken(nonce string) string {
	claims := map[string]any{"iss": p.server.URL, "aud": "ostiary", "sub": "carol", "nonce": nonce, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	for k, v := range p.claims {
		claims[k] = v
	}
	return p.sign(claims, nil)
}

// sign signs claims as the provider does.
func (p *openIDProvider) sign(claims map[string]any, o *jose.SignerOptions) string {
	text, err := json.Marshal(claims)
	if err != nil {
		p.t.Error(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: p.key, KeyID: "1"}}, o)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	object, err := signer.Sign(text)
	if err != nil {
		p.t.Error(err)
		return ""
	}
	token, _ := object.CompactSerialize()
	return token
}

// finish is what a person does there: it returns where they are sent back to.
func (p *openIDProvider) finish(authorize string) string {
	p.t.Helper()
	u, err := url.Parse(authorize)
	if err != nil || u.Path != "/authorize" {
		p.t.Fatalf("%s is not the provider", authorize)
	}
	q := u.Query()
	p.mu.Lock()
	defer p.mu.Unlock()
	code := fmt.Sprint("code-", len(p.codes), "-", rand.Text())
	p.codes[code] = q
	return q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
}

// asked returns how often codes were exchanged.
func (p *openIDProvider) asked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tokens
}

// trace is the trace context with which a path was asked for last.
func (p *openIDProvider) trace(path string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.traces[path]
}
