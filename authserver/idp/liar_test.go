// SPDX-License-Identifier: Apache-2.0

package idp

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
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
	if !errors.Is(err, kind) || who.ID != "" || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: %+v, %v; want %v: %s", name, who, err, kind, text)
	}
	if err != nil && (printable(err.Error(), 400) != err.Error() || strings.Contains(err.Error(), clientSecret)) {
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

// hang answers nothing until the client is gone.
func hang(_ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // else nobody notices
	<-r.Context().Done()
}

// drip sends the beginning of an answer, and then a byte now and then.
func drip(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	for r.Context().Err() == nil {
		_, _ = w.Write([]byte(" "))
		_ = http.NewResponseController(w).Flush()
		time.Sleep(20 * time.Millisecond)
	}
}

const asked = "/.well-known/openid-configuration /jwks /token /userinfo"

// TestSlowOrLong: THREATS G18 and F19: each of the four addresses.
func TestSlowOrLong(t *testing.T) {
	for path := range strings.FieldsSeq(asked) {
		for name, c := range map[string]struct {
			answer http.HandlerFunc
			kind   error
		}{
			"hangs": {hang, ErrUnavailable},
			"drips": {drip, ErrUnavailable},
			"ends at once": {func(w http.ResponseWriter, _ *http.Request) {
				conn, _, _ := http.NewResponseController(w).Hijack()
				_ = conn.Close()
			}, ErrUnavailable},
			"is no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
				conn, _, _ := http.NewResponseController(w).Hijack()
				_, _ = conn.Write([]byte("\x00\x01SMTP ready\r\n\r\n"))
				_ = conn.Close()
			}, ErrUnavailable},
			"is down":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, ErrUnavailable},
			"is limited": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }, ErrUnavailable},
			"is HTML": {func(w http.ResponseWriter, _ *http.Request) {
				_, _ = io.WriteString(w, "<html>\n<script>alert(1)</script>")
			}, ErrRejected},
			"is null":   {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "null") }, ErrRejected},
			"is a list": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") }, ErrRejected},
			"is empty":  {func(http.ResponseWriter, *http.Request) {}, ErrRejected},
			"redirects for ever": {func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, r.URL.Path, http.StatusTemporaryRedirect)
			}, ErrRejected},
			"redirects to a file": {func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "file:///etc/passwd")
				w.WriteHeader(http.StatusFound)
			}, ErrRejected},
			"redirects to https": {func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, strings.Replace("http://"+r.Host, "http", "https", 1), http.StatusFound)
			}, ErrRejected},
		} {
			l := newLiar(t)
			l.claims = map[string]any{"groups": nil}
			l.over[path] = c.answer
			started := time.Now()
			who, err := exchange(t, l.provider(func(_ *Config, o *Options) { o.Timeout = 300 * time.Millisecond }))
			wantFailure(t, path+" "+name, who, err, c.kind, "")
			if d := time.Since(started); d > 3*time.Second {
				t.Errorf("%s %s: it took %s", path, name, d)
			}
			if n := l.count(path); n > maxRedirects+1 {
				t.Errorf("%s %s: it was asked %d times", path, name, n)
			}
			l.CloseClientConnections()
		}
	}
}

// TestHuge: 1 GB, said or not, packed or not.
func TestHuge(t *testing.T) {
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = io.CopyN(z, blanks{}, 100<<20)
	_ = z.Close()
	for path := range strings.FieldsSeq(asked) {
		for name, declared := range map[string]bool{"declared": true, "endless": false, "packed": false} {
			l := newLiar(t)
			l.claims = map[string]any{"groups": nil}
			var sent atomic.Int64
			l.over[path] = func(w http.ResponseWriter, _ *http.Request) {
				if name == "packed" {
					w.Header().Set("Content-Encoding", "gzip")
					_, _ = w.Write(bomb.Bytes())
					return
				}
				if declared {
					w.Header().Set("Content-Length", "1000000000")
				}
				n, _ := io.CopyN(w, blanks{}, 1e9)
				sent.Add(n)
			}
			who, err := exchange(t, l.provider(nil))
			wantFailure(t, path+" "+name, who, err, ErrUnavailable, "longer than")
			l.Close() // waits for the handlers
			if n := sent.Load(); n > 20<<20 {
				t.Errorf("%s %s: %d bytes were taken", path, name, n)
			}
		}
	}
}

type blanks struct{}

func (blanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestMetadata: what a provider says about itself.
func TestMetadata(t *testing.T) {
	for name, c := range map[string]struct {
		meta map[string]any
		want string
	}{
		"another issuer":     {map[string]any{"issuer": "https://evil.example"}, "configured as"},
		"a slash more":       {map[string]any{"issuer": "SELF/"}, "slashes included"},
		"no issuer":          {map[string]any{"issuer": nil}, "configured as"},
		"no token endpoint":  {map[string]any{"token_endpoint": nil}, "token_endpoint"},
		"no keys":            {map[string]any{"jwks_uri": ""}, "jwks_uri"},
		"keys in a file":     {map[string]any{"jwks_uri": "file:///etc/passwd"}, "jwks_uri"},
		"script as address":  {map[string]any{"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"},
		"address of nothing": {map[string]any{"userinfo_endpoint": "//x"}, "userinfo_endpoint"},
		"with a password":    {map[string]any{"userinfo_endpoint": "http://a:b@127.0.0.1/"}, "userinfo_endpoint"},
		"endpoint a list":    {map[string]any{"token_endpoint": []string{"x"}}, "form"},
		"iss is promised":    {map[string]any{"authorization_response_iss_parameter_supported": true}, "of which issuer"},
	} {
		l := newLiar(t)
		l.meta = c.meta
		if c.meta["issuer"] == "SELF/" {
			c.meta["issuer"] = l.URL + "/"
		}
		p := l.provider(nil)
		who, err := exchange(t, p)
		wantFailure(t, name, who, err, ErrRejected, c.want)
		if l.count("/token") != 0 {
			t.Errorf("%s: the code was sent", name)
		}
		to, err := p.AuthCodeURL(t.Context(), start())
		if (name == "iss is promised") != (err == nil) || (to == "") != (err != nil) {
			t.Errorf("%s: %q, %v", name, to, err)
		}
	}
}

func start() Start {
	return Start{State: "s", Nonce: "n", Verifier: "v", RedirectURI: "https://auth.example.com/cb"}
}

// TestTokenErrors: the code of an error is shown, if it is one, and nothing else.
func TestTokenErrors(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		kind   error
		want   string
	}{
		"refused":         {400, `{"error":"invalid_grant","error_description":"secret words"}`, ErrRejected, "says invalid_grant"},
		"script":          {400, `{"error":"<script>","error_description":"x"}`, ErrRejected, "status 400"},
		"refused as 200":  {200, `{"error":"bad_verification_code"}`, ErrRejected, "says bad_verification_code"},
		"its own problem": {500, `{"error":"server_error"}`, ErrUnavailable, "status 500"},
		"not a word":      {502, `<html>`, ErrUnavailable, "status 502"},
		"limited":         {429, ``, ErrUnavailable, "status 429"},
		"no access token": {200, `{"id_token":"x"}`, ErrRejected, "no tokens"},
		"no ID token":     {200, `{"access_token":"x"}`, ErrRejected, "openid"},
		"ID token a list": {200, `{"access_token":"x","id_token":["a"]}`, ErrRejected, "openid"},
	} {
		l := newLiar(t)
		l.over["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		}
		who, err := exchange(t, l.provider(nil))
		wantFailure(t, name, who, err, c.kind, c.want)
		if strings.Contains(err.Error(), "words") || strings.Contains(err.Error(), "script") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTokenRedirect: nobody is sent the code and the secret by a redirect.
func TestTokenRedirect(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		l := newLiar(t)
		l.over["/token"] = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, l.URL+"/elsewhere", status) }
		who, err := exchange(t, l.provider(nil))
		wantFailure(t, fmt.Sprint(status), who, err, ErrRejected, "elsewhere")
		if l.count("/elsewhere") != 0 {
			t.Errorf("%d: it was followed", status)
		}
	}
}

func TestUserInfo(t *testing.T) {
	for name, c := range map[string]struct {
		claims, info map[string]any
		email        string
		groups       string
		asked        int
		want         string // a rejection
	}{
		"groups from there":        {claims: map[string]any{"groups": nil}, info: map[string]any{"sub": "ann", "groups": []string{"a", "b"}}, email: "ann@example.com", groups: "a b", asked: 1},
		"email from there":         {claims: map[string]any{"email": nil}, info: map[string]any{"sub": "ann", "email": "a@b.example", "email_verified": "true", "groups": "x"}, email: "a@b.example", groups: "staff", asked: 1},
		"none there either":        {claims: map[string]any{"groups": nil, "email": nil}, info: map[string]any{"sub": "ann"}, asked: 1},
		"flag of another place":    {claims: map[string]any{"email_verified": nil}, info: map[string]any{"sub": "ann", "email_verified": true}, groups: "staff", asked: 1},
		"flag and email there":     {claims: map[string]any{"email_verified": nil}, info: map[string]any{"sub": "ann", "email": "x@b.example", "email_verified": true}, email: "x@b.example", groups: "staff", asked: 1},
		"unverified is settled":    {claims: map[string]any{"email_verified": false}, info: map[string]any{"sub": "ann", "email_verified": true, "email": "root@example.com"}, groups: "staff"},
		"about somebody else":      {claims: map[string]any{"groups": nil}, info: map[string]any{"sub": "bob", "groups": "root"}, asked: 1, want: "somebody else"},
		"about nobody":             {claims: map[string]any{"groups": nil}, info: map[string]any{"groups": "root"}, asked: 1, want: "somebody else"},
		"sub misspelled":           {claims: map[string]any{"groups": nil}, info: map[string]any{"Sub": "ann", "groups": "root"}, asked: 1, want: "somebody else"},
		"it refuses":               {claims: map[string]any{"groups": nil}, asked: 1, want: "status 401"},
		"groups are null":          {claims: map[string]any{"groups": nil}, info: map[string]any{"sub": "ann", "groups": nil}, email: "ann@example.com", asked: 1},
		"the ID token goes before": {claims: map[string]any{"email": nil}, info: map[string]any{"sub": "ann", "groups": "root"}, groups: "staff", asked: 1},
	} {
		l := newLiar(t)
		l.claims, l.info = c.claims, c.info
		who, err := exchange(t, l.provider(nil))
		if n := l.count("/userinfo"); n != c.asked {
			t.Errorf("%s: asked %d times", name, n)
		}
		if c.want != "" {
			wantFailure(t, name, who, err, ErrRejected, c.want)
			continue
		}
		if err != nil || who.Email != c.email || strings.Join(who.Groups, " ") != c.groups {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
}

func TestReauthentication(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		at      any
		started time.Time
		ok      bool
	}{
		"not said":        {nil, now, true},
		"just now":        {now.Unix(), now.Add(-time.Second), true},
		"within the skew": {now.Unix() - 30, now, true},
		"before":          {now.Unix() - 300, now.Add(-time.Minute), false},
		"a minute ago":    {now.Unix() - 60, time.Time{}, true},
		"an hour ago":     {now.Unix() - 3600, time.Time{}, false},
		"no time":         {"now", time.Time{}, false},
	} {
		l := newLiar(t)
		l.claims = map[string]any{"auth_time": c.at}
		p := l.provider(func(c *Config, _ *Options) {
			c.AuthParams = map[string]string{"prompt": "select_account", "hd": "example.com", "max_age": "60"}
		})
		s := start()
		s.Reauthenticate = true
		to, err := p.AuthCodeURL(t.Context(), s)
		if err != nil || !strings.Contains(to, "prompt=login") || !strings.Contains(to, "max_age=0") || !strings.Contains(to, "hd=example.com") || strings.Contains(to, "select_account") {
			t.Fatal(to, err)
		}
		who, err := p.Exchange(t.Context(), Callback{Code: "c", Nonce: "n", Verifier: "v", RedirectURI: s.RedirectURI, Reauthenticate: true, Started: c.started})
		if c.ok != (err == nil) || !c.ok && !errors.Is(err, ErrRejected) {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
		if _, err := exchange(t, p); err != nil {
			t.Errorf("%s: it matters to those who were not to sign in again: %v", name, err)
		}
	}
}

// TestParameters: an authorization request that nobody may change lacks nothing.
func TestParameters(t *testing.T) {
	p := newLiar(t).provider(nil)
	for _, drop := range []func(*Start){
		func(s *Start) { s.State = "" }, func(s *Start) { s.Nonce = "" }, func(s *Start) { s.Verifier = "" }, func(s *Start) { s.RedirectURI = "" },
	} {
		s := start()
		drop(&s)
		if to, err := p.AuthCodeURL(t.Context(), s); to != "" || !errors.Is(err, ErrRejected) {
			t.Errorf("%+v: %s, %v", s, to, err)
		}
	}
	for _, c := range []Callback{{}, {Code: "c", Nonce: "n", RedirectURI: "x"}, {Code: "c", Verifier: "v", RedirectURI: "x"}, {Nonce: "n", Verifier: "v", RedirectURI: "x"}, {Code: "c", Nonce: "n", Verifier: "v"}} {
		who, err := p.Exchange(t.Context(), c)
		wantFailure(t, fmt.Sprint(c), who, err, ErrRejected, "without")
	}
}
