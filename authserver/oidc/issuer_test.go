// SPDX-License-Identifier: Apache-2.0

package oidc_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/authserver/oidc"
)

// A publisher is an issuer of tokens that nobody signs in at: its metadata has an
// issuer and a jwks_uri alone.
type publisher struct {
	*httptest.Server
	keys     []jose.JSONWebKey
	jwks     string // in place of the keys
	asked    atomic.Int64
	document func() map[string]any
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{keys: []jose.JSONWebKey{newKey(t, "one")}}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	p.document = func() map[string]any { return map[string]any{"issuer": p.URL, "jwks_uri": p.URL + "/jwks"} }
	return p
}

func newKey(t *testing.T, id string) jose.JSONWebKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: k, KeyID: id, Algorithm: "ES256", Use: "sig"}
}

func (p *publisher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		_ = json.NewEncoder(w).Encode(p.document())
	case "/jwks":
		p.asked.Add(1)
		if p.jwks != "" {
			_, _ = w.Write([]byte(p.jwks))
			return
		}
		set := jose.JSONWebKeySet{}
		for _, k := range p.keys {
			set.Keys = append(set.Keys, k.Public())
		}
		_ = json.NewEncoder(w).Encode(set)
	default:
		http.NotFound(w, r)
	}
}

func (p *publisher) new(t *testing.T, edit func(*oidc.Options)) *oidc.Issuer {
	t.Helper()
	u, err := url.Parse(p.URL)
	if err != nil {
		t.Fatal(err)
	}
	o := oidc.Options{Issuer: p.URL, Client: oidc.NewClient(u, nil, 5*time.Second), Now: time.Now, Timeout: 5 * time.Second}
	t.Cleanup(o.Client.Close)
	if edit != nil {
		edit(&o)
	}
	return oidc.New(o)
}

func sign(t *testing.T, k jose.JSONWebKey, text string) string {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: k}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := s.Sign([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	compact, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// TestVerify: what the issuer signed, and nothing else.
func TestVerify(t *testing.T) {
	p := newPublisher(t)
	i := p.new(t, nil)
	got, err := i.Verify(t.Context(), sign(t, p.keys[0], `{"sub":"ann"}`))
	if err != nil || string(got) != `{"sub":"ann"}` {
		t.Fatalf("%s, %v", got, err)
	}
	for name, token := range map[string]string{
		"another key of that name": sign(t, newKey(t, "one"), `{}`),
		"another key":              sign(t, newKey(t, "two"), `{}`),
		"no token":                 "a.b.c",
		"nothing":                  "",
		"unsigned":                 "eyJhbGciOiJub25lIn0.e30.",
	} {
		if got, err := i.Verify(t.Context(), token); !errors.Is(err, oidc.ErrRejected) || got != nil {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	if n := p.asked.Load(); n != 1 {
		t.Errorf("made-up keys became %d requests", n-1)
	}
}

// TestDiscovery: metadata that cannot be used, and for whom it can.
func TestDiscovery(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]any, *oidc.Options)
		want   string // "": none
	}{
		"keys alone":              {func(map[string]any, *oidc.Options) {}, ""},
		"people sign in":          {func(_ map[string]any, o *oidc.Options) { o.SignsIn = true }, "no usable authorization_endpoint"},
		"a slash more":            {func(_ map[string]any, o *oidc.Options) { o.Issuer += "/" }, "they must be the same"},
		"no keys":                 {func(m map[string]any, _ *oidc.Options) { delete(m, "jwks_uri") }, "no usable jwks_uri"},
		"keys of another scheme":  {func(m map[string]any, _ *oidc.Options) { m["jwks_uri"] = "https://127.0.0.1/jwks" }, "no usable jwks_uri"},
		"userinfo with a user":    {func(m map[string]any, _ *oidc.Options) { m["userinfo_endpoint"] = "http://a@127.0.0.1/" }, "no usable userinfo_endpoint"},
		"endpoints of a sign-in":  {func(m map[string]any, _ *oidc.Options) { m["token_endpoint"] = "file:///etc/passwd" }, "no usable token_endpoint"},
		"an issuer of wrong type": {func(m map[string]any, _ *oidc.Options) { m["issuer"] = 1 }, "not of the right form"},
	} {
		p := newPublisher(t)
		document := p.document()
		i := p.new(t, func(o *oidc.Options) { c.change(document, o) })
		p.document = func() map[string]any { return document }
		m, err := i.Metadata(t.Context())
		if (c.want == "") != (err == nil) || err != nil && (!errors.Is(err, oidc.ErrRejected) || !strings.Contains(err.Error(), c.want)) || (m == nil) != (err != nil) {
			t.Errorf("%s: %+v, %v", name, m, err)
		}
	}
}

// TestKeySets: keys that cannot sign a token are none, and spoil no others.
func TestKeySets(t *testing.T) {
	p := newPublisher(t)
	good, err := json.Marshal(p.keys[0].Public())
	if err != nil {
		t.Fatal(err)
	}
	token := sign(t, p.keys[0], `{}`)
	for set, ok := range map[string]bool{
		`{"keys":[` + string(good) + `]}`:                                   true,
		`{"keys":[{"kty":"unknown"},{"kty":"RSA"},1,` + string(good) + `]}`: true,
		`{"keys":[]}`: false,
		`{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"one"}]}`:                    false,
		`{"keys":[` + strings.Replace(string(good), `"sig"`, `"enc"`, 1) + `]}`:  false,
		`{"keys":[` + strings.Replace(string(good), `ES256`, `HS256`, 1) + `]}`:  false,
		`{"keys":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`: false,
		strings.Repeat(" ", 1_000_001) + `{"keys":[]}`:                           false,
	} {
		p.jwks = set
		if _, err := p.new(t, nil).Verify(t.Context(), token); (err == nil) != ok {
			t.Errorf("%.80s: %v", set, err)
		}
	}
}
