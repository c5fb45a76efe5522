// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// publicKeys reads a JWK Set like an application would.
func publicKeys(t testing.TB, jwks []byte) map[string]crypto.PublicKey {
	t.Helper()
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(jwks, &set); err != nil {
		t.Fatal(err)
	}
	out := map[string]crypto.PublicKey{}
	for _, k := range set.Keys {
		for name := range k {
			if !strings.Contains(" kty crv x y n e alg kid use ", " "+name+" ") {
				t.Fatalf("member %q in a public key", name)
			}
		}
		x, err := base64.RawURLEncoding.DecodeString(k["x"])
		if err != nil || len(x) != 32 && k["kty"] != "RSA" || k["use"] != "sig" {
			t.Fatalf("key %v: %v", k, err)
		}
		switch k["kty"] + " " + k["crv"] + " " + k["alg"] {
		case "OKP Ed25519 EdDSA":
			out[k["kid"]] = ed25519.PublicKey(x)
		case "EC P-256 ES256":
			y, _ := base64.RawURLEncoding.DecodeString(k["y"])
			public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), bytes.Join([][]byte{{4}, x, y}, nil))
			if err != nil {
				t.Fatal(err)
			}
			out[k["kid"]] = public
		case "RSA  RS256":
			n, err := base64.RawURLEncoding.DecodeString(k["n"])
			if err != nil || len(n) != 256 || k["e"] != "AQAB" {
				t.Fatalf("key %v: %v", k, err)
			}
			out[k["kid"]] = &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537}
		default:
			t.Fatalf("key %v", k)
		}
	}
	return out
}

func TestJWKS(t *testing.T) {
	r := fixedRing(t, fixedKey(t, "EdDSA", 1, start), fixedKey(t, "ES256", 2, start.Add(time.Hour)), fixedKey(t, "EdDSA", 3, start))
	public := publicKeys(t, r.JWKS())
	if len(public) != 3 {
		t.Fatalf("%d keys", len(public))
	}
	for _, k := range r.keys {
		if !k.signer.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(public[k.id]) {
			t.Errorf("key %s came back as another one", k.id)
		}
	}
	for _, none := range []*Ring{nil, {}} {
		if got := string(none.JWKS()); got != `{"keys":[]}` {
			t.Error(got)
		}
	}
}

// TestJWKSForCloudflare: libraries made for Cloudflare Access take each key of the
// set for an RSA key.
func TestJWKSForCloudflare(t *testing.T) {
	ed, es := fixedKey(t, "EdDSA", 1, start), fixedKey(t, "ES256", 2, start)
	one, two := fixedKey(t, "RS256", 3, start.Add(time.Hour)), fixedKey(t, "RS256", 4, start.Add(2*time.Hour))
	for name, test := range map[string]struct {
		ring *Ring
		want []*key
	}{
		"RS256 signs":       {fixedRing(t, ed, es, one, two), []*key{one, two}},
		"RS256 signed once": {fixedRing(t, ed, one, fixedKey(t, "EdDSA", 5, start.Add(day))), []*key{ed, one, fixedKey(t, "EdDSA", 5, start)}},
		"no RSA key":        {fixedRing(t, ed, es), []*key{ed, es}},
	} {
		got := publicKeys(t, test.ring.JWKS())
		for _, k := range test.want {
			if got[k.id] == nil {
				t.Errorf("%s: %s is missing", name, k.alg.name)
			}
		}
		if len(got) != len(test.want) {
			t.Errorf("%s: %s", name, test.ring.JWKS())
		}
	}
}

// TestAnotherLibrary reads our JWKS and verifies our tokens with it, as an
// application does that has go-jose, whose thumbprints are ours.
func TestAnotherLibrary(t *testing.T) {
	for _, alg := range []string{"EdDSA", "ES256", "RS256"} {
		r := fixedRing(t, fixedKey(t, alg, 1, start), fixedKey(t, alg, 2, start.Add(-day)))
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(r.JWKS(), &set); err != nil || len(set.Keys) != 2 {
			t.Fatal(err)
		}
		for _, k := range set.Keys {
			sum, err := k.Thumbprint(crypto.SHA256)
			if err != nil || base64url.EncodeToString(sum) != k.KeyID || !k.Valid() || !k.IsPublic() || k.Algorithm != alg {
				t.Errorf("%+v, %v", k, err)
			}
		}
		token, err := jose.ParseSignedCompact(mint(t, r, ada(), start), []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)})
		if err != nil {
			t.Fatal(err)
		}
		if payload, err := token.Verify(set); err != nil || !strings.Contains(string(payload), "ada-1815") {
			t.Errorf("%s, %v", payload, err)
		}
	}
}

// TestThumbprintRSA: the example of RFC 7638 §3.1.
func TestThumbprintRSA(t *testing.T) {
	k := jwk{KeyType: "RSA", E: "AQAB", ID: "2011-04-29", Algorithm: "RS256",
		N: "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}
	if got, err := k.thumbprint(); err != nil || got != "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" {
		t.Error(got, err)
	}
}

// TestThumbprint: the example of RFC 8037, appendices A.1 to A.3.
func TestThumbprint(t *testing.T) {
	seed, _ := base64url.DecodeString("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
	k, err := newKey(ed25519.NewKeyFromSeed(seed), start)
	if err != nil {
		t.Fatal(err)
	}
	if k.public.X != "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" || k.id != "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" {
		t.Errorf("x %s, kid %s", k.public.X, k.id)
	}
}

func TestRingRoundTrip(t *testing.T) {
	r := fixedRing(t, fixedKey(t, "EdDSA", 1, start), fixedKey(t, "ES256", 2, start.Add(time.Hour)),
		fixedKey(t, "RS256", 3, start.Add(2*time.Hour)))
	text, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParseRing(text)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.Marshal()
	if err != nil || !bytes.Equal(text, again) || !bytes.Equal(r.JWKS(), back.JWKS()) {
		t.Errorf("%s\n%s", text, again)
	}
	for _, now := range []time.Time{start, start.Add(time.Hour), start.Add(2 * time.Hour)} {
		wantSubject(t, NewVerifier(r, issuer, 0), mint(t, back, ada(), now), now)
	}
	for _, none := range []*Ring{nil, {}} {
		if _, err := none.Marshal(); err == nil {
			t.Error("no ring was written")
		}
	}
}

func TestParseRingRefuses(t *testing.T) {
	r := fixedRing(t, fixedKey(t, "EdDSA", 1, start), fixedKey(t, "ES256", 2, start))
	text, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	one, two := r.keys[0], r.keys[1]
	private := func(signer any) string {
		der, err := x509.MarshalPKCS8PrivateKey(signer)
		if err != nil {
			t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(der)
	}
	sized := func(bits int) *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	rs := fixedKey(t, "RS256", 1, start)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	entry := func(kid, alg, key string) string {
		return fmt.Sprintf(`{"version":1,"keys":[{"kid":%q,"alg":%q,"active":"2026-07-01T12:00:00Z","private":%q}]}`, kid, alg, key)
	}
	good := entry(one.id, one.alg.name, private(one.signer))
	if _, err := ParseRing([]byte(good)); err != nil {
		t.Fatal(err)
	}
	twice := strings.Replace(good, "[{", "["+good[strings.Index(good, "{\"kid"):strings.Index(good, "]}")]+",{", 1)
	for name, data := range map[string]string{
		"empty": "", "null": "null", "array": "[]", "no version": `{"keys":[]}`, "no keys": `{"version":1}`, "not JSON": "secret secret",
		"version 2":             strings.Replace(good, `"version":1`, `"version":2,"more":[]`, 1),
		"version text":          strings.Replace(good, `"version":1`, `"version":"1"`, 1),
		"unknown member":        strings.Replace(good, `"alg"`, `"algo"`, 1),
		"something follows":     good + good,
		"twice":                 twice,
		"RSA, kid of another":   entry(one.id, "RS256", private(rs.signer)),
		"RSA as PS256":          entry(rs.id, "PS256", private(rs.signer)),
		"RSA as rs256":          entry(rs.id, "rs256", private(rs.signer)),
		"RSA as ES256":          entry(rs.id, "ES256", private(rs.signer)),
		"Ed25519 as RS256":      entry(one.id, "RS256", private(one.signer)),
		"RSA of 1024 bits":      entry(rs.id, "RS256", private(sized(1024))),
		"RSA of 3072 bits":      entry(rs.id, "RS256", private(sized(3072))),
		"alg none":              entry(one.id, "none", private(one.signer)),
		"alg empty":             entry(one.id, "", private(one.signer)),
		"alg eddsa":             entry(one.id, "eddsa", private(one.signer)),
		"alg of another":        entry(one.id, two.alg.name, private(one.signer)),
		"RSA as EdDSA":          entry(rs.id, "EdDSA", private(rs.signer)),
		"P-384 as ES256":        entry(one.id, "ES256", private(p384)),
		"kid of another":        entry(two.id, one.alg.name, private(one.signer)),
		"kid empty":             entry("", one.alg.name, private(one.signer)),
		"kid path":              entry("../../etc/passwd", one.alg.name, private(one.signer)),
		"key empty":             entry(one.id, one.alg.name, ""),
		"key not base64":        entry(one.id, one.alg.name, "!"+private(one.signer)),
		"key cut short":         entry(one.id, one.alg.name, private(one.signer)[:40]),
		"active missing":        strings.Replace(good, `"active":"2026-07-01T12:00:00Z",`, "", 1),
		"active no time":        strings.Replace(good, `2026-07-01T12:00:00Z`, "yesterday", 1),
		"private key as number": strings.Replace(good, `"private":"`, `"private":1234567890123,"x":"`, 1),
	} {
		got, err := ParseRing([]byte(data))
		if err == nil || got != nil {
			t.Errorf("%s: no error", name)
			continue
		}
		wantNoSecret(t, name, err.Error(), good, "1234567890")
	}
	for n := range text {
		if n == len(text)-1 {
			break // the line end
		}
		_, err := ParseRing(text[:n])
		if err == nil {
			t.Fatalf("took %d of %d bytes", n, len(text))
		}
		wantNoSecret(t, "truncated", err.Error(), string(text))
	}
}

// wantNoSecret checks that a message holds no piece of a private key.
func wantNoSecret(t *testing.T, name, message string, from ...string) {
	t.Helper()
	for _, text := range from {
		if _, after, ok := strings.Cut(text, `"private": "`); ok {
			text = after
		} else if _, after, ok := strings.Cut(text, `"private":"`); ok {
			text = after
		}
		for i := 0; i+8 <= min(len(text), 60); i++ {
			if strings.Contains(message, text[i:i+8]) {
				t.Errorf("%s: %s", name, message)
			}
		}
	}
}

func TestRingNeverPrinted(t *testing.T) {
	r := fixedRing(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		if got := fmt.Sprintf(verb, r); got != "key ring (1 keys)" {
			t.Errorf("%s: %s", verb, got)
		}
	}
	//nolint:staticcheck // that nothing of it can be marshalled is what is tested
	if text, err := json.Marshal(r); err != nil || string(text) != "{}" {
		t.Errorf("%s, %v", text, err)
	}
}

func TestTooManyKeys(t *testing.T) {
	var keys []*key
	for n := range maxKeys + 1 {
		keys = append(keys, fixedKey(t, "EdDSA", byte(n+1), start))
	}
	if _, err := assemble(keys); err == nil {
		t.Error("no error")
	}
	fixedRing(t, keys[1:]...)
}
