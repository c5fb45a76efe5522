// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// startAsker starts a provider without sessions and cookies: each visit is asked,
// and any number can be under way. Everybody is carol.
func (e *environment) startAsker(context.Context) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	e.asker = "http://" + l.Addr().String()
	go http.Serve(l, newAsker(e.asker, key)) //nolint:errcheck // it ends with this process
	return nil
}

func newAsker(issuer string, key *rsa.PrivateKey) http.Handler {
	encode := base64.RawURLEncoding.EncodeToString
	answer := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v) // who asked has gone
	}
	var mu sync.Mutex
	nonces := map[string]string{} // by code
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"issuer": issuer, "authorization_endpoint": issuer + "/authorize", "token_endpoint": issuer + "/token",
			"jwks_uri": issuer + "/keys"})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]string{"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig",
			"n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("/authorize", func(w http.ResponseWriter, r *http.Request) {
		q, code := r.URL.Query(), fmt.Sprint(time.Now().UnixNano())
		mu.Lock()
		nonces[code] = q.Get("nonce")
		mu.Unlock()
		back := q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
		fmt.Fprintf(w, `<!doctype html><title>Asker</title><a id="yes" href="%s">Yes, it is me</a>`, html.EscapeString(back))
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		nonce := nonces[r.FormValue("code")]
		delete(nonces, r.FormValue("code"))
		mu.Unlock()
		claims, _ := json.Marshal(map[string]any{"iss": issuer, "aud": "ostiary", "sub": "carol", "nonce": nonce, "iat": time.Now().Unix(),
			"exp":   time.Now().Add(time.Hour).Unix(),
			"email": "carol@example.com", "email_verified": true, "groups": []string{"staff"}})
		signed := encode([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + encode(claims)
		sum := sha256.Sum256([]byte(signed))
		signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
		if err != nil || nonce == "" {
			w.WriteHeader(http.StatusBadRequest)
			answer(w, map[string]string{"error": "invalid_grant"})
			return
		}
		answer(w, map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": signed + "." + encode(signature)})
	})
	return mux
}
