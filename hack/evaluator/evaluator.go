// SPDX-License-Identifier: Apache-2.0

// Package evaluator is an external evaluation service, as small as one can be: see
// docs/guides/external-evaluation.md.
package evaluator

import (
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// A Service answers at one address, and shows its key below /keys.
type Service struct {
	URL      string // of the service, as it stands in the policy
	Certs    string // where Ostiary has its keys: https://auth.example.com/.access/certs
	Key      *rsa.PrivateKey
	Approves func(email string, groups []string) bool
}

// A question is what Ostiary asks.
type question struct {
	Identity struct {
		Email  string   `json:"email"`
		Groups []string `json:"groups"`
	} `json:"identity"`
	Audience string `json:"aud"`
	Nonce    string `json:"nonce"`
	Expires  int64  `json:"exp"`
}

func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/keys" {
		write(w, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: s.Key.Public(), KeyID: "1", Use: "sig"}}})
		return
	}
	var body struct {
		Token string `json:"token"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&body); err != nil {
		http.Error(w, "no question", http.StatusBadRequest)
		return
	}
	q, err := s.read(body.Token)
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	now := time.Now().Unix()
	text, err := json.Marshal(map[string]any{
		"success": s.Approves(q.Identity.Email, q.Identity.Groups),
		"nonce":   q.Nonce, // it tells Ostiary that this is the answer to its question
		"iat":     now,
		"exp":     now + 60,
	})
	if err != nil {
		http.Error(w, "no answer", http.StatusInternalServerError)
		return
	}
	token, err := s.sign(text)
	if err != nil {
		http.Error(w, "no answer", http.StatusInternalServerError)
		return
	}
	write(w, map[string]string{"token": token})
}

// read takes a question that Ostiary signed, for this service, a moment ago.
func (s *Service) read(token string) (q question, err error) {
	resp, err := http.Get(s.Certs)
	if err != nil {
		return q, err
	}
	defer func() { _ = resp.Body.Close() }()
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(resp.Body).Decode(&keys); err != nil {
		return q, err
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.EdDSA, jose.RS256})
	if err != nil {
		return q, err
	}
	named := keys.Key(signed.Signatures[0].Header.KeyID)
	if len(named) == 0 {
		return q, fmt.Errorf("%s has no such key", s.Certs)
	}
	payload, err := signed.Verify(named[0])
	if err != nil {
		return q, err
	}
	err = json.Unmarshal(payload, &q)
	if err == nil && (q.Audience != s.URL || q.Expires < time.Now().Unix()) {
		err = fmt.Errorf("the question is for %s, until %d", q.Audience, q.Expires)
	}
	return q, err
}

func (s *Service) sign(text []byte) (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: s.Key, KeyID: "1"}}, nil)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(text)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

func write(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // who asked may be gone
}
