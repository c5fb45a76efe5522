// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/authserver/policy"
)

// TestDamaged: THREATS F1.
func TestDamaged(t *testing.T) {
	r := fixedRing(t)
	v := NewVerifier(r, issuer, 0)
	good := mint(t, r, ada(), start)
	wantSubject(t, v, good, start)
	parts := strings.Split(good, ".")
	last := func(text string, to byte) string { return text[:len(text)-1] + string(to) }
	for name, token := range map[string]string{
		"one byte":              "x",
		"NUL":                   "\x00",
		"NUL after":             good + "\x00",
		"NUL before":            "\x00" + good,
		"NUL within":            strings.Replace(good, ".", "\x00.", 1),
		"dots":                  "..",
		"many dots":             strings.Repeat(".", 4096),
		"header alone":          parts[0],
		"header and dot":        parts[0] + ".",
		"header and dots":       parts[0] + "..",
		"no header":             "." + parts[1] + "." + parts[2],
		"no payload":            parts[0] + ".." + parts[2],
		"no signature":          parts[0] + "." + parts[1] + ".",
		"two segments":          parts[0] + "." + parts[1],
		"four segments":         good + ".x",
		"empty fourth":          good + ".",
		"100 chunks":            good + strings.Repeat("."+parts[2][:8], 100),
		"oversized":             good + strings.Repeat("A", 4097-len(good)),
		"largest":               good + strings.Repeat("A", 4096-len(good)),
		"huge":                  strings.Repeat("eyJ", 1<<18),
		"twice":                 good + good,
		"blank before":          " " + good,
		"blank after":           good + " ",
		"blank within":          parts[0] + ". " + parts[1] + "." + parts[2],
		"line end after":        good + "\n",
		"line ends in header":   parts[0][:100] + "\r\n" + parts[0][100:] + "." + parts[1] + "." + parts[2],
		"line end in payload":   parts[0] + "." + parts[1][:9] + "\n" + parts[1][9:] + "." + parts[2],
		"line end in signature": parts[0] + "." + parts[1] + "." + parts[2][:9] + "\r" + parts[2][9:],
		"padded header":         parts[0] + "=." + parts[1] + "." + parts[2],
		"padded payload":        parts[0] + "." + parts[1] + "==." + parts[2],
		"padded signature":      good + "==",
		"other last bits":       last(good, good[len(good)-1]+1),
		"other last header bits": last(parts[0], parts[0][len(parts[0])-1]+1) +
			"." + parts[1] + "." + parts[2],
		"standard alphabet": strings.NewReplacer("-", "+", "_", "/").Replace(good) + "/",
		"percent-encoded":   strings.Replace(good, ".", "%2e", 1),
		"quoted":            `"` + good + `"`,
		"comma-joined":      good + "," + good,
		"Bearer":            "Bearer " + good,
		"upper case":        strings.ToUpper(good),
		"not ASCII":         strings.Replace(good, "A", "А", 1),
		"swapped segments":  parts[1] + "." + parts[0] + "." + parts[2],
		"JSON":              `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, v, token, start, policy.BadSignature) })
	}
	for n := 1; n < len(good); n++ {
		wantRefused(t, v, good[:n], start, policy.BadSignature)
		wantRefused(t, v, good[n:], start, policy.BadSignature)
	}
	for i := range good {
		for _, bit := range []byte{1, 2, 4, 32} {
			flipped := good[:i] + string(rune(good[i]^bit)) + good[i+1:]
			wantRefused(t, v, flipped, start, policy.BadSignature)
		}
	}
	if n := v.cache.len(); n != 1 {
		t.Errorf("%d tokens are remembered", n)
	}
}

// TestConfusion: THREATS F2. All signatures that can be right are.
func TestConfusion(t *testing.T) {
	ed, es := fixedKey(t, "EdDSA", 1, start), fixedKey(t, "ES256", 2, start)
	foreign := fixedKey(t, "EdDSA", 3, start)
	r := fixedRing(t, ed, es)
	v := NewVerifier(r, issuer, 0)
	payload := seg(with(nil))
	m := mac(ed, payload)
	head := func(format string, args ...any) string { return seg(fmt.Sprintf(format, args...)) }
	plain := func(alg, kid string) string {
		return head(`{"alg":"%s","kid":"%s","mac":"%s","typ":"JWT"}`, alg, kid, m)
	}
	by := func(k *key, header string) string { return signed(t, k, header, payload) }
	wantSubject(t, v, by(ed, plain("EdDSA", ed.id)), start) // the control
	extra := func(member string) string {
		return by(ed, head(`{"alg":"EdDSA","kid":"%s","mac":"%s","typ":"JWT",%s}`, ed.id, m, member))
	}
	hs := func(header string, secret []byte) string {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(header + "." + payload))
		return header + "." + payload + "." + base64url.EncodeToString(h.Sum(nil))
	}
	public := []byte(ed.signer.Public().(ed25519.PublicKey))
	unsigned := func(alg string) string { return plain(alg, ed.id) + "." + payload + "." }
	fullHS := seg(`{"alg":"HS256","typ":"JWT"}`)
	cases := map[string]string{
		"none": unsigned("none"), "None": unsigned("None"), "NONE": unsigned("NONE"), "nOnE": unsigned("nOnE"), "empty alg": unsigned(""),
		"none, signed":                   by(ed, plain("none", ed.id)),
		"none, junk":                     unsigned("none") + "AAAA",
		"plain none":                     seg(`{"alg":"none"}`) + "." + payload + ".",
		"EdDSA, unsigned":                unsigned("EdDSA"),
		"EdDSA, zeros":                   unsigned("EdDSA") + base64url.EncodeToString(make([]byte, 64)),
		"eddsa":                          by(ed, plain("eddsa", ed.id)),
		"EDDSA":                          by(ed, plain("EDDSA", ed.id)),
		"Ed25519":                        by(ed, plain("Ed25519", ed.id)),
		"HS256 with public key":          hs(plain("HS256", ed.id), public),
		"HS256 with x":                   hs(plain("HS256", ed.id), []byte(ed.public.X)),
		"HS256 with JWKS":                hs(plain("HS256", ed.id), r.JWKS()),
		"HS256 with nothing":             hs(fullHS, nil),
		"HS256 under EdDSA":              hs(plain("EdDSA", ed.id), public),
		"ES256 on the EdDSA key":         by(es, plain("ES256", ed.id)),
		"EdDSA on the ES256 key":         by(ed, plain("EdDSA", es.id)),
		"signed by the other key":        by(es, plain("EdDSA", ed.id)),
		"signed by the other key, ES256": signed(t, ed, es.header(payload), payload),
		"foreign key":                    by(foreign, plain("EdDSA", foreign.id)),
		"foreign key, whole":             by(foreign, foreign.header(payload)),
		"foreign key, our kid":           by(foreign, plain("EdDSA", ed.id)),
		"kid empty":                      by(ed, plain("EdDSA", "")),
		"kid path":                       by(ed, plain("EdDSA", "../../../../dev/null")),
		"kid query":                      by(ed, plain("EdDSA", "' OR 1=1 --")),
		"kid cut short":                  by(ed, plain("EdDSA", ed.id[:42])),
		"kid longer":                     by(ed, plain("EdDSA", ed.id+"A")),
		"kid other case":                 by(ed, plain("EdDSA", strings.ToLower(ed.id))),
		"kid number":                     by(ed, head(`{"alg":"EdDSA","kid":1,"mac":"%s","typ":"JWT"}`, m)),
		"kid list":                       by(ed, head(`{"alg":"EdDSA","kid":["%s"],"mac":"%s","typ":"JWT"}`, ed.id, m)),
		"kid missing":                    by(ed, head(`{"alg":"EdDSA","mac":"%s","typ":"JWT"}`, m)),
		"kid twice":                      by(ed, head(`{"alg":"EdDSA","kid":"%s","kid":"%s","mac":"%s","typ":"JWT"}`, ed.id, ed.id, m)),
		"alg twice":                      by(ed, head(`{"alg":"EdDSA","alg":"none","kid":"%s","mac":"%s","typ":"JWT"}`, ed.id, m)),
		"alg twice, other case":          extra(`"ALG":"none"`),
		"alg again at the end":           extra(`"alg":"none"`),
		"crit":                           extra(`"crit":["exp"]`),
		"crit empty":                     extra(`"crit":[]`),
		"b64":                            extra(`"b64":false,"crit":["b64"]`),
		"jku":                            extra(`"jku":"https://evil.example/jwks"`),
		"jwk":                            by(foreign, head(`{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"%s"},"kid":"%s","mac":"%s","typ":"JWT"}`, foreign.public.X, ed.id, m)),
		"jwk of ours":                    extra(`"jwk":{"kty":"OKP","crv":"Ed25519","x":"` + ed.public.X + `"}`),
		"x5u":                            extra(`"x5u":"https://evil.example/c"`),
		"x5c":                            extra(`"x5c":["AAAA"]`),
		"zip":                            extra(`"zip":"DEF"`),
		"cty":                            extra(`"cty":"JWT"`),
		"unsorted":                       by(ed, head(`{"typ":"JWT","alg":"EdDSA","kid":"%s","mac":"%s"}`, ed.id, m)),
		"spaces":                         by(ed, head(`{"alg":"EdDSA", "kid":"%s","mac":"%s","typ":"JWT"}`, ed.id, m)),
		"space after":                    by(ed, head(`{"alg":"EdDSA","kid":"%s","mac":"%s","typ":"JWT"} `, ed.id, m)),
		"escaped":                        by(ed, head(`{"\u0061lg":"EdDSA","kid":"%s","mac":"%s","typ":"JWT"}`, ed.id, m)),
		"typ missing":                    by(ed, head(`{"alg":"EdDSA","kid":"%s","mac":"%s"}`, ed.id, m)),
		"typ other":                      by(ed, head(`{"alg":"EdDSA","kid":"%s","mac":"%s","typ":"JWE"}`, ed.id, m)),
		"mac missing":                    by(ed, head(`{"alg":"EdDSA","kid":"%s","typ":"JWT"}`, ed.id)),
		"mac empty":                      by(ed, head(`{"alg":"EdDSA","kid":"%s","mac":"","typ":"JWT"}`, ed.id)),
		"mac of zeros":                   by(ed, head(`{"alg":"EdDSA","kid":"%s","mac":"AAAAAAAAAAAAAAAAAAAAAA","typ":"JWT"}`, ed.id)),
		"mac cut short":                  by(ed, head(`{"alg":"EdDSA","kid":"%s","mac":"%s","typ":"JWT"}`, ed.id, m[:21])),
		"mac with other last bits":       by(ed, head(`{"alg":"EdDSA","kid":"%s","mac":"%s","typ":"JWT"}`, ed.id, m[:21]+string(m[21]+1))),
		"mac with a line end":            by(ed, head(`{"alg":"EdDSA","kid":"%s","mac":"%s","typ":"JWT"}`, ed.id, m[:20]+"\n"+m[21:])),
		"mac of another key": by(ed, plain("EdDSA", ed.id))[:0] +
			by(ed, head(`{"alg":"EdDSA","kid":"%s","mac":"%s","typ":"JWT"}`, ed.id, mac(es, payload))),
		"header null": by(ed, seg("null")),
		"header list": by(ed, seg("[]")),
	}
	for name, token := range cases {
		t.Run(name, func(t *testing.T) { wantRefused(t, v, token, start, policy.BadSignature) })
	}
	if n := v.cache.len(); n != 1 {
		t.Errorf("%d tokens are remembered", n)
	}
}

func TestSwappedPayload(t *testing.T) {
	r := fixedRing(t)
	v := NewVerifier(r, issuer, 0)
	bob := ada()
	bob.ID = "bob"
	a, b := strings.Split(mint(t, r, ada(), start), "."), strings.Split(mint(t, r, bob, start), ".")
	for i := range 1 << 3 {
		if i == 0 || i == 7 {
			continue
		}
		pick := func(n int) string {
			if i>>n&1 == 1 {
				return b[n]
			}
			return a[n]
		}
		wantRefused(t, v, pick(0)+"."+pick(1)+"."+pick(2), start, policy.BadSignature)
	}
}

// TestConfusionRSA: THREATS F2, between RS256 and the others of one ring.
func TestConfusionRSA(t *testing.T) {
	ed, es, rs := fixedKey(t, "EdDSA", 1, start), fixedKey(t, "ES256", 2, start), fixedKey(t, "RS256", 3, start)
	foreign := fixedKey(t, "RS256", 4, start)
	r := fixedRing(t, ed, es, rs)
	v := NewVerifier(r, issuer, 0)
	payload := seg(with(nil))
	head := func(alg, kid string, k *key) string {
		return seg(fmt.Sprintf(`{"alg":"%s","kid":"%s","mac":"%s","typ":"JWT"}`, alg, kid, mac(k, payload)))
	}
	good := signed(t, rs, head("RS256", rs.id, rs), payload)
	wantSubject(t, v, good, start)
	public, err := x509.MarshalPKIXPublicKey(rs.signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	hs := func(header string, secret []byte) string {
		h := hmac.New(sha256.New, secret)
		h.Write([]byte(header + "." + payload))
		return header + "." + payload + "." + base64url.EncodeToString(h.Sum(nil))
	}
	message := good[:strings.LastIndexByte(good, '.')+1]
	pss, err := jwt.SigningMethodPS256.Sign(message[:len(message)-1], rs.signer)
	if err != nil {
		t.Fatal(err)
	}
	// The same number, plus the modulus: RFC 8017 §5.2.2 refuses it.
	signature, _ := base64url.DecodeString(good[len(message):])
	more := new(big.Int).Add(new(big.Int).SetBytes(signature), rs.signer.Public().(*rsa.PublicKey).N)
	cases := map[string]string{
		"HS256 with the DER of the key":   hs(head("HS256", rs.id, rs), public),
		"HS256 with its PEM":              hs(head("HS256", rs.id, rs), pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		"HS256 with n":                    hs(head("HS256", rs.id, rs), []byte(rs.public.N)),
		"HS256 under RS256":               hs(head("RS256", rs.id, rs), public),
		"PS256":                           message + base64url.EncodeToString(pss),
		"PS256, said":                     signed(t, rs, head("PS256", rs.id, rs), payload),
		"RS384":                           signed(t, rs, head("RS384", rs.id, rs), payload),
		"rs256":                           signed(t, rs, head("rs256", rs.id, rs), payload),
		"none":                            head("none", rs.id, rs) + "." + payload + ".",
		"unsigned":                        message,
		"zeros":                           message + base64url.EncodeToString(make([]byte, 256)),
		"one":                             message + base64url.EncodeToString(append(make([]byte, 255), 1)),
		"ones":                            message + base64url.EncodeToString(slices.Repeat([]byte{255}, 256)),
		"modulus":                         message + rs.public.N,
		"short":                           message + base64url.EncodeToString(signature[:255]),
		"long":                            message + base64url.EncodeToString(append([]byte{0}, signature...)),
		"size of Ed25519":                 message + base64url.EncodeToString(signature[:64]),
		"RS256 on the Ed25519 key":        signed(t, rs, head("RS256", ed.id, ed), payload),
		"RS256 by the Ed25519 key":        signed(t, ed, head("RS256", rs.id, rs), payload),
		"EdDSA on the RSA key":            signed(t, ed, head("EdDSA", rs.id, rs), payload),
		"EdDSA by the RSA key":            signed(t, rs, head("EdDSA", ed.id, ed), payload),
		"ES256 on the RSA key":            signed(t, es, head("ES256", rs.id, rs), payload),
		"ES256 by the RSA key":            signed(t, rs, head("ES256", es.id, es), payload),
		"header of RS256, rest of EdDSA":  signed(t, ed, rs.header(payload), payload),
		"header of EdDSA, rest of RS256":  signed(t, rs, ed.header(payload), payload),
		"MAC of the Ed25519 key":          signed(t, rs, head("RS256", rs.id, ed), payload),
		"foreign key":                     signed(t, foreign, head("RS256", foreign.id, foreign), payload),
		"foreign key, our kid":            signed(t, foreign, head("RS256", rs.id, rs), payload),
		"foreign key, our kid, their MAC": signed(t, foreign, head("RS256", rs.id, foreign), payload),
	}
	if more.BitLen() <= 2048 {
		cases["plus the modulus"] = message + base64url.EncodeToString(more.FillBytes(make([]byte, 256)))
	}
	for name, token := range cases {
		t.Run(name, func(t *testing.T) { wantRefused(t, v, token, start, policy.BadSignature) })
	}
	wantSubject(t, v, good, start)
	if n := v.cache.len(); n != 1 {
		t.Errorf("%d tokens are remembered", n)
	}
}

// TestMACIsOnlyASieve: with the right MAC, the signature still decides.
func TestMACIsOnlyASieve(t *testing.T) {
	k := fixedKey(t, "EdDSA", 1, start)
	v := NewVerifier(fixedRing(t, k), issuer, 0)
	payload := seg(with(map[string]any{"sub": "root"}))
	other := fixedKey(t, "EdDSA", 9, start)
	wantRefused(t, v, signed(t, other, k.header(payload), payload), start, policy.BadSignature)
	expired := seg(with(map[string]any{"iat": 1, "nbf": 1, "exp": 2}))
	wantRefused(t, v, signed(t, other, k.header(expired), expired), start, policy.BadSignature)
	if _, err := jwt.Parse("", nil); err == nil {
		t.Error("an empty token parsed")
	}
}

func TestZeroValuesRefuse(t *testing.T) {
	r := fixedRing(t)
	token := mint(t, r, ada(), start)
	var live Live
	for name, v := range map[string]*Verifier{
		"nil": nil, "zero": {}, "no ring": NewVerifier(nil, issuer, 0), "no issuer": NewVerifier(r, "", 0), "zero Live": live.Verifier(),
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, v, token, start, policy.NotReady)
			if _, why := subjectOf(v, CookieName+"="+token, ""); why != policy.NotReady {
				t.Error(why)
			}
			if _, why := subjectOf(v, "", ""); why != policy.NoReason {
				t.Error(why)
			}
		})
	}
	wantRefused(t, NewVerifier(&Ring{}, issuer, 0), token, start, policy.BadSignature)
	wantRefused(t, NewVerifier(r, issuer+"/", 0), token, start, policy.BadSignature)
	live.Publish(NewVerifier(r, issuer, 0))
	wantSubject(t, live.Verifier(), token, start)
}

// TestTimes of a real token, to the second.
func TestTimes(t *testing.T) {
	r := fixedRing(t)
	c := ada()
	token := mint(t, r, c, start)
	for _, step := range []struct {
		at   time.Duration
		want policy.Reason
	}{
		{0, policy.NoReason},
		{-Leeway, policy.NoReason},
		{-Leeway - 1, policy.BadSignature},
		{-time.Hour, policy.BadSignature},
		{time.Hour - 1, policy.NoReason},
		{time.Hour, policy.SessionExpired}, // no leeway
		{time.Hour + Leeway - 1, policy.SessionExpired},
		{time.Hour + Leeway, policy.SessionExpired},
		{1e6 * time.Hour, policy.SessionExpired},
	} {
		warm := NewVerifier(r, issuer, 0)
		wantSubject(t, warm, token, start)
		for _, v := range []*Verifier{NewVerifier(r, issuer, 0), warm} {
			if step.want != policy.NoReason {
				wantRefused(t, v, token, start.Add(step.at), step.want)
			} else {
				wantSubject(t, v, token, start.Add(step.at))
			}
		}
	}
}
