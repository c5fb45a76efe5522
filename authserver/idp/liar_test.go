// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/ostiary/ostiary/authserver/oidc"
)

// A liar is a provider that can be told to misbehave. It takes every code.
type liar struct {
	*httptest.Server
	t testing.TB

	mu     sync.Mutex
	hits   map[string]int              // by path
	over   map[string]http.HandlerFunc // in place of what is at a path
	meta   map[string]any              // over the metadata
	claims map[string]any              // over those of the ID token; nil: left out
	info   map[string]any              // what the userinfo endpoint says
	keys   []jose.JSONWebKey
	sign   func(payload []byte) string // nil: with the last key
	form   map[string]string           // the last token request

	late atomic.Int64 // how far its and our clock are ahead, in nanoseconds
}

const clientSecret = "a client secret that is long enough for HS256"

func newLiar(t testing.TB) *liar {
	t.Helper()
	l := &liar{t: t, hits: map[string]int{}, over: map[string]http.HandlerFunc{}, meta: map[string]any{}, claims: map[string]any{}}
	l.Server = httptest.NewServer(l)
	t.Cleanup(l.Close)
	l.keys = []jose.JSONWebKey{ecKey(t, "one")}
	return l
}

func ecKey(t testing.TB, kid string) jose.JSONWebKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: k, KeyID: kid, Algorithm: "ES256", Use: "sig"}
}

func (l *liar) now() time.Time { return time.Now().Add(time.Duration(l.late.Load())) }

func (l *liar) wait(d time.Duration) { l.late.Add(int64(d)) }

func (l *liar) count(path string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.hits[path]
}

// set changes it while it runs.
func (l *liar) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	l.hits[r.URL.Path]++
	over := l.over[r.URL.Path]
	l.mu.Unlock()
	if over != nil {
		over(w, r)
		return
	}
	_ = r.ParseForm()
	l.mu.Lock()
	defer l.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		m := map[string]any{"issuer": l.URL, "authorization_endpoint": l.URL + "/auth", "token_endpoint": l.URL + "/token", "jwks_uri": l.URL + "/jwks",
			"userinfo_endpoint": l.URL + "/userinfo"}
		maps.Copy(m, l.meta)
		_ = json.NewEncoder(w).Encode(m)
	case "/jwks":
		set := jose.JSONWebKeySet{}
		for i := range l.keys {
			set.Keys = append(set.Keys, l.keys[i].Public())
		}
		_ = json.NewEncoder(w).Encode(set)
	case "/token":
		id, secret, _ := r.BasicAuth()
		l.form = map[string]string{"basic": id + ":" + secret, "secret": r.Form.Get("client_secret"), "verifier": r.Form.Get("code_verifier")}
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "at", "token_type": "Bearer", "expires_in": 60, "id_token": l.idToken()})
	case "/userinfo":
		if l.info == nil || r.Header.Get("Authorization") != "Bearer at" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(l.info)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (l *liar) idToken() string {
	now := l.now()
	c := map[string]any{"iss": l.URL, "aud": "client", "sub": "ann", "nonce": "n", "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(),
		"email": "ann@example.com", "email_verified": true, "groups": []string{"staff"}}
	for name, value := range l.claims {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	payload, _ := json.Marshal(c)
	if l.sign != nil {
		return l.sign(payload)
	}
	return signWith(l.t, l.keys[len(l.keys)-1], payload)
}

func signWith(t testing.TB, k jose.JSONWebKey, payload []byte) string {
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(k.Algorithm), Key: k}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	jws, err := s.Sign(payload)
	if err != nil {
		t.Error(err)
		return ""
	}
	text, _ := jws.CompactSerialize()
	return text
}

// provider is one that is configured for the liar.
func (l *liar) provider(edit func(*Config, *Options)) *Provider {
	l.t.Helper()
	c := Config{Name: "liar", Type: TypeOIDC, Issuer: l.URL, ClientID: "client", ClientSecret: clientSecret}
	o := Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: l.now, Timeout: 5 * time.Second}
	if edit != nil {
		edit(&c, &o)
	}
	s := New(o)
	if problems := s.Update([]Config{c}); len(problems) > 0 {
		l.t.Fatal(problems)
	}
	return s.Find("liar")
}

func exchange(t testing.TB, p *Provider) (Identity, error) {
	t.Helper()
	return p.Exchange(t.Context(), Callback{Code: "c", Nonce: "n", Verifier: "v", RedirectURI: "https://auth.example.com/cb"})
}

func wantFailure(t testing.TB, name string, who Identity, err, kind error, text string) {
	t.Helper()
	// What the ID token does not say, and the userinfo endpoint fails to, is unsaid:
	// here these are the groups.
	if err == nil && who.ID == "ann" && who.Unsaid.Groups && len(who.Groups) == 0 && !strings.Contains(name, "token") {
		who, err = Identity{}, who.Unsaid.Err
	}
	if !errors.Is(err, kind) || who.ID != "" || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %+v, %v; want %v: %s", name, who, err, kind, text)
	}
	if err != nil && (oidc.Printable(err.Error(), 400) != err.Error() || strings.Contains(err.Error(), clientSecret)) {
		t.Errorf("%s: unsafe text %q", name, err)
	}
}

// TestTruth: when it does not lie, it is believed.
func TestTruth(t *testing.T) {
	for name, style := range map[string]any{"basic": []string{"client_secret_basic"}, "post": []string{"client_secret_post"}, "unknown": nil} {
		l := newLiar(t)
		l.meta["token_endpoint_auth_methods_supported"] = style
		who, err := exchange(t, l.provider(nil))
		if err != nil || who.ID != "ann" || who.Email != "ann@example.com" || who.Provider != "liar" || strings.Join(who.Groups, " ") != "staff" {
			t.Fatalf("%s: %+v, %v", name, who, err)
		}
		if l.form["verifier"] != "v" || (l.form["secret"] == clientSecret) != (name == "post") || strings.HasPrefix(l.form["basic"], "client:") != (name != "post") {
			t.Errorf("%s: %v", name, l.form)
		}
		if l.count("/userinfo") != 0 {
			t.Errorf("%s: it was asked for what the ID token says", name)
		}
	}
}
