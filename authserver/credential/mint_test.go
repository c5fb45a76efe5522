// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/authserver/policy"
)

func TestRoundTrip(t *testing.T) {
	for _, alg := range []string{"EdDSA", "ES256", "RS256"} {
		r := fixedRing(t, fixedKey(t, alg, 1, start))
		v := NewVerifier(r, issuer, 0)
		now := start.Add(1500 * time.Millisecond)
		token := mint(t, r, ada(), now)
		got := wantSubject(t, v, token, now)
		want := &policy.Subject{
			ID: "ada-1815", Email: "ada@example.com", Groups: []string{"engines", "Équipe, Ω"}, Audience: []string{"wiki/wiki"},
			SignedInAt: start.Add(time.Second), IssuedAt: start.Add(time.Second), ExpiresAt: start.Add(time.Hour + time.Second), Token: token,
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got  %+v\nwant %+v", alg, got, want)
		}
	}
}

// TestPlainJWT: what we mint is a token like any other's, for those who know
// nothing of the MAC.
func TestPlainJWT(t *testing.T) {
	for _, alg := range []string{"EdDSA", "ES256", "RS256"} {
		r := fixedRing(t, fixedKey(t, alg, 1, start))
		k := r.keys[0]
		token := mint(t, r, Claims{Issuer: issuer, Audience: []string{"a/b", "c/d"}, ID: "x", Lifetime: time.Hour}, start)
		parsed, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return publicKeys(t, r.JWKS())[k.id], nil },
			jwt.WithAudience("a/b"), jwt.WithIssuer(issuer), jwt.WithTimeFunc(func() time.Time { return start }))
		if err != nil {
			t.Fatal(err)
		}
		header := map[string]any{"alg": alg, "kid": k.id, "typ": "JWT", "mac": mac(k, strings.Split(token, ".")[1])}
		if !reflect.DeepEqual(parsed.Header, header) {
			t.Errorf("header %v, want %v", parsed.Header, header)
		}
		got := parsed.Claims.(jwt.MapClaims)
		if nonce, _ := got["identity_nonce"].(string); len(nonce) != 26 || nonce == nonceOf(t, mint(t, r, ada(), start)) {
			t.Errorf("nonce %q", nonce)
		}
		delete(got, "identity_nonce")
		claims := jwt.MapClaims{
			"iss": issuer, "sub": "x", "aud": []any{"a/b", "c/d"}, "type": "app", "auth_time": float64(start.Unix()),
			"iat": float64(start.Unix()), "nbf": float64(start.Unix()), "exp": float64(start.Unix() + 3600),
		}
		if !reflect.DeepEqual(parsed.Claims, claims) {
			t.Errorf("claims %v, want %v", parsed.Claims, claims)
		}
	}
}

func TestMintedByStandardLibraryAlone(t *testing.T) {
	r, err := NewRing(start)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(mint(t, r, ada(), start), ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	public := publicKeys(t, r.JWKS())[r.keys[0].id].(ed25519.PublicKey)
	if !ed25519.Verify(public, []byte(parts[0]+"."+parts[1]), signature) {
		t.Error("the signature does not verify")
	}
}

func TestMintRefuses(t *testing.T) {
	r := fixedRing(t)
	for name, change := range map[string]func(*Claims){
		"nothing":              func(c *Claims) { *c = Claims{} },
		"no issuer":            func(c *Claims) { c.Issuer = "" },
		"no audience":          func(c *Claims) { c.Audience = nil },
		"audience of nothing":  func(c *Claims) { c.Audience = []string{""} },
		"audience twice":       func(c *Claims) { c.Audience = []string{"a/b", "c/d", "a/b"} },
		"too many audiences":   func(c *Claims) { c.Audience = audiences(MaxAudience + 1) },
		"line end in amr":      func(c *Claims) { c.AMR = []string{"pwd", "a\nb"} },
		"empty amr":            func(c *Claims) { c.AMR = []string{""} },
		"line end in provider": func(c *Claims) { c.Provider = "corp\n" },
		"blank in provider":    func(c *Claims) { c.Provider = " corp" },
		"line end in azp":      func(c *Claims) { c.AuthorizedParty = "https://a\r\n" },
		"NUL in country":       func(c *Claims) { c.Country = "G\x00" },
		"signed in later":      func(c *Claims) { c.SignedInAt = start.Add(Leeway + time.Second) },
		"signed in in 1970":    func(c *Claims) { c.SignedInAt = time.Unix(0, 0) },
		"signed in before":     func(c *Claims) { c.SignedInAt = time.Unix(-1, 0) },
		"no subject":           func(c *Claims) { c.ID = "" },
		"line end in subject":  func(c *Claims) { c.ID = "ada\r\nX-Access-Groups: admins" },
		"line end in email":    func(c *Claims) { c.Email = "ada@example.com\nX: y" },
		"line end in group":    func(c *Claims) { c.Groups = []string{"ok", "a\rb"} },
		"line end in audience": func(c *Claims) { c.Audience = []string{"a/b", "a/b\n"} },
		"line end in issuer":   func(c *Claims) { c.Issuer = "https://a\n" },
		"NUL":                  func(c *Claims) { c.ID = "ada\x00" },
		"tab":                  func(c *Claims) { c.ID = "ada\tb" },
		"DEL":                  func(c *Claims) { c.Email = "ada\x7f" },
		"C1 control":           func(c *Claims) { c.ID = "ada\u0085" },
		"line separator":       func(c *Claims) { c.ID = "ada\u2028" },
		"zero width":           func(c *Claims) { c.ID = "a\u200bda" },
		"right to left":        func(c *Claims) { c.Groups = []string{"a\u202eb"} },
		"byte order mark":      func(c *Claims) { c.ID = "\ufeffada" },
		"odd blank":            func(c *Claims) { c.ID = "a\u00a0b" },
		"not UTF-8":            func(c *Claims) { c.ID = "ada\xff" },
		"surrogate":            func(c *Claims) { c.ID = "ada\xed\xa0\x80" },
		"blank first":          func(c *Claims) { c.ID = " ada" },
		"blank last":           func(c *Claims) { c.Groups = []string{"admins "} },
		"only a blank":         func(c *Claims) { c.Email = " " },
		"empty group":          func(c *Claims) { c.Groups = []string{""} },
		"no lifetime":          func(c *Claims) { c.Lifetime = 0 },
		"negative lifetime":    func(c *Claims) { c.Lifetime = -time.Hour },
		"short lifetime":       func(c *Claims) { c.Lifetime = time.Second - 1 },
		"long lifetime":        func(c *Claims) { c.Lifetime = MaxLifetime + 1 },
		"over already":         func(c *Claims) { c.IssuedAt = start.Add(-c.Lifetime) },
		"from the future":      func(c *Claims) { c.IssuedAt = start.Add(Leeway + 1) },
		"before all times":     func(c *Claims) { c.IssuedAt = time.Unix(-10, 0) },
	} {
		c := ada()
		change(&c)
		if token, err := r.Mint(c, start); err == nil || token != "" {
			t.Errorf("%s: minted %q, %v", name, token, err)
		} else if errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, none := range map[string]*Ring{"nil ring": nil, "zero ring": {}} {
		if token, err := none.Mint(ada(), start); err == nil || token != "" {
			t.Errorf("%s minted %q", name, token)
		}
	}
	if token, err := r.Mint(ada(), time.Unix(lastSecond, 0)); err == nil {
		t.Errorf("minted %q for after the year 9999", token)
	}
}

// TestMintKeepsSignIn: a session may be renewed, but its owner signed in when they did.
func TestMintKeepsSignIn(t *testing.T) {
	r := fixedRing(t)
	for name, test := range map[string]struct{ signedIn, issued, wantSignedIn, wantIssued time.Duration }{
		"just now":          {0, 0, 0, 0},
		"earlier":           {-40 * day, -time.Hour, -40 * day, -time.Hour},
		"renewed":           {-time.Hour, 0, -time.Hour, 0},
		"on another's time": {Leeway, 0, Leeway, 0},
		"all ahead":         {Leeway, Leeway, Leeway, Leeway},
	} {
		c := ada()
		c.SignedInAt, c.IssuedAt, c.Lifetime = start.Add(test.signedIn), start.Add(test.issued), MaxLifetime
		got := wantSubject(t, NewVerifier(r, issuer, 0), mint(t, r, c, start), start)
		if !got.SignedInAt.Equal(start.Add(test.wantSignedIn)) || !got.IssuedAt.Equal(start.Add(test.wantIssued)) ||
			!got.ExpiresAt.Equal(got.IssuedAt.Add(MaxLifetime)) {
			t.Errorf("%s: signed in at %s, from %s to %s", name, got.SignedInAt, got.IssuedAt, got.ExpiresAt)
		}
	}
	// From before there was such a claim, or just not said.
	k := r.keys[0]
	v := NewVerifier(r, issuer, 0)
	if got := wantSubject(t, v, claiming(t, k, with(nil)), start); !got.SignedInAt.Equal(start) {
		t.Error(got.SignedInAt)
	}
	c := ada()
	c.IssuedAt = start.Add(-time.Minute)
	if got := wantSubject(t, v, mint(t, r, c, start), start); !got.SignedInAt.Equal(c.IssuedAt) {
		t.Error(got.SignedInAt)
	}
}

// TestAllClaims arrive.
func TestAllClaims(t *testing.T) {
	r := fixedRing(t)
	c := ada()
	c.AMR, c.Provider, c.AuthorizedParty, c.Country, c.Audience = []string{"pwd", "otp"}, "corp", "https://spa.example.com", "GB",
		audiences(MaxAudience)
	token := mint(t, r, c, start)
	got := wantSubject(t, NewVerifier(r, issuer, 0), token, start)
	if !reflect.DeepEqual(got.AMR, c.AMR) || got.Provider != "corp" || got.AuthorizedParty != "https://spa.example.com" ||
		!reflect.DeepEqual(got.Audience, c.Audience) {
		t.Errorf("%+v", got)
	}
	claims := claimsOf(t, token)
	if claims["country"] != "GB" || claims["azp"] != "https://spa.example.com" || claims["idp"] != "corp" ||
		!reflect.DeepEqual(claims["amr"], []any{"pwd", "otp"}) {
		t.Errorf("%v", claims)
	}
}

func audiences(n int) []string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("ns/app-%d", i))
	}
	return out
}

func claimsOf(t testing.TB, token string) map[string]any {
	t.Helper()
	payload, err := base64url.DecodeString(strings.Split(token, ".")[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

func nonceOf(t testing.TB, token string) string { return claimsOf(t, token)["identity_nonce"].(string) }

func TestMintSize(t *testing.T) {
	r := fixedRing(t)
	v := NewVerifier(r, issuer, 0)
	longest := 0
	for n := 1; ; n++ {
		c := ada()
		c.Groups = []string{strings.Repeat("g", n)}
		token, err := r.Mint(c, start)
		if err != nil {
			if !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "fewer") {
				t.Fatal(err)
			}
			break
		}
		longest = len(token)
	}
	if longest > MaxToken || longest < MaxToken-2 {
		t.Errorf("the longest token is %d bytes", longest)
	}
	c := ada()
	c.Groups = nil
	for range 100 {
		c.Groups = append(c.Groups, "group-name")
	}
	wantSubject(t, v, mint(t, r, c, start), start)
}

// TestClaimsSurvive: markup, quotes and other scripts come back as they went in.
func TestClaimsSurvive(t *testing.T) {
	r := fixedRing(t)
	v := NewVerifier(r, issuer, 0)
	for _, id := range []string{"<b>&\"'\\", "auth0|1", "cn=a,ou=b", "愛達", "O'Brien €", "�", "a b"} {
		c := ada()
		c.ID, c.Groups = id, []string{id, id}
		got := wantSubject(t, v, mint(t, r, c, start), start)
		if got.ID != id || !reflect.DeepEqual(got.Groups, c.Groups) {
			t.Errorf("%q came back as %q, %q", id, got.ID, got.Groups)
		}
	}
}

func TestNoGroupsNoClaim(t *testing.T) {
	r := fixedRing(t)
	c := ada()
	c.Groups, c.Email = []string{}, ""
	claims := claimsOf(t, mint(t, r, c, start))
	for _, name := range []string{"groups", "email", "amr", "idp", "azp", "country"} {
		if _, ok := claims[name]; ok {
			t.Errorf("%s is in %v", name, claims)
		}
	}
}

// TestNames: a token says who somebody is, and what applications are told of them.
func TestNames(t *testing.T) {
	r := fixedRing(t)
	v := NewVerifier(r, issuer, 0)
	for _, tc := range []struct{ id, user, name string }{{"7", "", "7"}, {"7", "7", "7"}, {"7", "corp/ann", "corp/ann"},
		{"ann", "guests/ann", "guests/ann"}} {
		c := ada()
		c.ID, c.User = tc.id, tc.user
		s, _ := v.Verify(mint(t, r, c, start), start)
		if s == nil || s.ID != tc.id || s.Name() != tc.name {
			t.Errorf("%+v: %+v", tc, s)
		}
		team, err := r.MintTeam(c, start)
		if s, _ := r.OpenTeam(team, issuer, start); err != nil || s == nil || s.ID != tc.id || s.Name() != tc.name {
			t.Errorf("%+v at the team host: %+v %v", tc, s, err)
		}
	}
	c := ada()
	c.ID, c.User = "", "ann"
	if token, err := r.Mint(c, start); err == nil {
		t.Errorf("a token of nobody: %s", token)
	}
}
