// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// TestIDToken: THREATS E7, F2 and F7, at the provider.
func TestIDToken(t *testing.T) {
	at := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for name, c := range map[string]struct {
		claims map[string]any
		want   string // "": accepted
	}{
		"wrong aud":              {map[string]any{"aud": "other"}, "audience"},
		"no aud":                 {map[string]any{"aud": nil}, "audience"},
		"aud is a prefix":        {map[string]any{"aud": "clien"}, "audience"},
		"aud in other case":      {map[string]any{"aud": "Client"}, "audience"},
		"aud misspelled":         {map[string]any{"aud": nil, "AUD": "client"}, "another client"},
		"aud misspelled besides": {map[string]any{"aud": "other", "zaud": 1, "AUD": "client"}, "audience"},
		"aud of two":             {map[string]any{"aud": []string{"client", "other"}}, "azp"},
		"aud of two, azp":        {map[string]any{"aud": []string{"client", "other"}, "azp": "client"}, ""},
		"azp of another":         {map[string]any{"azp": "other"}, "azp"},
		"azp a list":             {map[string]any{"azp": []string{"client"}}, "azp"},
		"wrong iss":              {map[string]any{"iss": "https://evil.example"}, "different provider"},
		"no iss":                 {map[string]any{"iss": nil}, "different provider"},
		"wrong nonce":            {map[string]any{"nonce": "m"}, "nonce"},
		"no nonce":               {map[string]any{"nonce": nil}, "nonce"},
		"nonce misspelled":       {map[string]any{"nonce": nil, "Nonce": "n"}, "nonce"},
		"nonce a list":           {map[string]any{"nonce": []string{"n"}}, ""},
		"expired":                {map[string]any{"exp": at(-time.Hour)}, "expired"},
		"expired by the skew":    {map[string]any{"exp": at(-70 * time.Second)}, "expired"},
		"expired within skew":    {map[string]any{"exp": at(-30 * time.Second)}, ""},
		"no exp":                 {map[string]any{"exp": nil}, "until when"},
		"exp a string":           {map[string]any{"exp": "9999999999"}, ""},
		"exp huge":               {map[string]any{"exp": 1e99}, ""},
		"no iat":                 {map[string]any{"iat": nil}, "from and until"},
		"iat in the future":      {map[string]any{"iat": at(5 * time.Minute)}, "future"},
		"nbf in the future":      {map[string]any{"nbf": at(2 * time.Minute)}, "future"},
		"nbf within skew":        {map[string]any{"nbf": at(30 * time.Second)}, ""},
		"no sub":                 {map[string]any{"sub": nil}, "(sub)"},
		"sub a number":           {map[string]any{"sub": 7}, ""},
		"sub with a line end":    {map[string]any{"sub": "ann\nX-Admin: 1"}, "(sub)"},
		"sub too long":           {map[string]any{"sub": strings.Repeat("a", 256)}, "(sub)"},
		"at_hash of another":     {map[string]any{"at_hash": "x"}, "at_hash"},
		"alg of the header only": {map[string]any{"alg": "none"}, ""},
	} {
		l := newLiar(t)
		l.claims = c.claims
		who, err := exchange(t, l.provider(nil))
		switch refusedByType := map[string]bool{"nonce a list": true, "exp a string": true, "exp huge": true, "sub a number": true}[name]; {
		case c.want == "" && !refusedByType:
			if err != nil || who.ID != "ann" {
				t.Errorf("%s: %+v, %v", name, who, err)
			}
		default:
			wantFailure(t, name, who, err, ErrRejected, c.want)
		}
	}
}

// TestAlgorithms: THREATS F2.
func TestAlgorithms(t *testing.T) {
	seg := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	other := ecKey(t, "one")
	key := func(k any, alg, use string) jose.JSONWebKey {
		return jose.JSONWebKey{Key: k, KeyID: "k", Algorithm: alg, Use: use}
	}
	for name, c := range map[string]struct {
		keys []jose.JSONWebKey
		sign func([]byte) string
		want string // "": accepted
	}{
		"RS256": {keys: []jose.JSONWebKey{key(rs, "RS256", "sig")}},
		"PS512": {keys: []jose.JSONWebKey{key(rs, "PS512", "")}},
		"EdDSA": {keys: []jose.JSONWebKey{key(ed, "EdDSA", "sig")}},
		"none":  {sign: func(p []byte) string { return seg(`{"alg":"none"}`) + "." + seg(string(p)) + "." }, want: "malformed"},
		"None":  {sign: func(p []byte) string { return seg(`{"alg":"None"}`) + "." + seg(string(p)) + "." }, want: "malformed"},
		"HS256 with the secret": {sign: func(p []byte) string {
			return signWith(t, jose.JSONWebKey{Key: []byte(clientSecret), Algorithm: "HS256"}, p)
		}, want: "malformed"},
		"HS256 key in the set":  {keys: []jose.JSONWebKey{{Key: []byte(clientSecret), Algorithm: "HS256", KeyID: "k"}}, want: "malformed"},
		"key of nobody":         {sign: func(p []byte) string { return signWith(t, other, p) }, want: "none of its keys"},
		"key for encryption":    {keys: []jose.JSONWebKey{key(rs, "RS256", "enc")}, want: "no key that can sign"},
		"key for another alg":   {keys: []jose.JSONWebKey{key(rs, "PS256", "")}, sign: func(p []byte) string { return signWith(t, key(rs, "RS256", ""), p) }, want: "none of its keys"},
		"key too short":         {keys: []jose.JSONWebKey{key(weak, "RS256", "")}, sign: func([]byte) string { return signWith(t, other, []byte("{}")) }, want: "no key that can sign"},
		"key in the header":     {sign: func(p []byte) string { return signWithOwnKey(t, other, p) }, want: "none of its keys"},
		"JSON serialization":    {sign: func(p []byte) string { return asJSON(t, other, p) }, want: ""},
		"not a token":           {sign: func([]byte) string { return "token" }, want: "malformed"},
		"empty":                 {sign: func([]byte) string { return "" }, want: "no ID token"},
		"claims are no object":  {sign: nil, want: ""},
		"two keys of one name":  {keys: []jose.JSONWebKey{key(rs, "RS256", ""), key(ed, "EdDSA", "")}},
		"beside an unknown one": {keys: []jose.JSONWebKey{key(weak, "RS256", ""), key(ed, "EdDSA", "")}},
	} {
		l := newLiar(t)
		if c.keys != nil {
			l.keys = c.keys
		}
		l.sign = c.sign
		if name == "HS256 key in the set" {
			l.over["/jwks"] = func(w http.ResponseWriter, _ *http.Request) {
				_, _ = fmt.Fprintf(w, `{"keys":[{"kty":"oct","k":%q,"alg":"HS256","kid":"k"}]}`, seg(clientSecret))
			}
		}
		who, err := exchange(t, l.provider(nil))
		if c.want == "" && name != "JSON serialization" {
			if err != nil || who.ID != "ann" {
				t.Errorf("%s: %+v, %v", name, who, err)
			}
			continue
		}
		wantFailure(t, name, who, err, ErrRejected, c.want)
	}
}

func signWithOwnKey(t testing.TB, k jose.JSONWebKey, payload []byte) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k.Key}, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	jws, _ := s.Sign(payload)
	text, _ := jws.CompactSerialize()
	return text
}

func asJSON(t testing.TB, k jose.JSONWebKey, payload []byte) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k.Key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, _ := s.Sign(payload)
	return jws.FullSerialize()
}
