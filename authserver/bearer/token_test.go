// SPDX-License-Identifier: Apache-2.0

package bearer

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ostiary/ostiary/authserver/bearer/config"
	"github.com/ostiary/ostiary/authserver/policy"
)

const iss = "https://ci.example.com"

// TestClaims: which tokens count, by what they say. (THREATS F5, F7)
func TestClaims(t *testing.T) {
	k := ecKey(t, "one")
	at := func(seconds int) int64 { return now.Add(time.Duration(seconds) * time.Second).Unix() }
	for name, tc := range map[string]struct {
		change map[string]any
		want   policy.Reason
	}{
		"good":                          {nil, policy.NoReason},
		"audiences":                     {map[string]any{"aud": []string{"other", "app"}}, policy.NoReason},
		"another audience":              {map[string]any{"aud": "other"}, policy.TokenInvalid},
		"part of an audience":           {map[string]any{"aud": "ap"}, policy.TokenInvalid},
		"audience in another case":      {map[string]any{"aud": "App"}, policy.TokenInvalid},
		"no audience":                   {map[string]any{"aud": nil}, policy.TokenInvalid},
		"empty audiences":               {map[string]any{"aud": []string{}}, policy.TokenInvalid},
		"audience of another type":      {map[string]any{"aud": []any{"app", 7}}, policy.TokenInvalid},
		"audience as an object":         {map[string]any{"aud": map[string]any{"app": true}}, policy.TokenInvalid},
		"no subject":                    {map[string]any{"sub": nil}, policy.NoReason},
		"subject of another type":       {map[string]any{"sub": 7}, policy.TokenInvalid},
		"subject with a line end":       {map[string]any{"sub": "a\r\nX-Access-User: root"}, policy.TokenInvalid},
		"subject too long":              {map[string]any{"sub": strings.Repeat("a", 513)}, policy.TokenInvalid},
		"no exp":                        {map[string]any{"exp": nil}, policy.TokenInvalid},
		"exp as text":                   {map[string]any{"exp": fmt.Sprint(at(60))}, policy.TokenInvalid},
		"exp beyond all":                {map[string]any{"exp": json.Number("1e99")}, policy.TokenInvalid},
		"exp negative":                  {map[string]any{"exp": -1}, policy.TokenInvalid},
		"exp with a fraction":           {map[string]any{"exp": float64(at(60)) + 0.5}, policy.NoReason},
		"exp within leeway":             {map[string]any{"exp": at(-29)}, policy.NoReason},
		"exp at leeway":                 {map[string]any{"exp": at(-30)}, policy.TokenExpired},
		"long over":                     {map[string]any{"exp": at(-3600)}, policy.TokenExpired},
		"nbf at leeway":                 {map[string]any{"nbf": at(30)}, policy.NoReason},
		"nbf beyond leeway":             {map[string]any{"nbf": at(31)}, policy.TokenInvalid},
		"nbf as text":                   {map[string]any{"nbf": "0"}, policy.TokenInvalid},
		"iat at leeway":                 {map[string]any{"iat": at(30)}, policy.NoReason},
		"iat beyond leeway":             {map[string]any{"iat": at(31)}, policy.TokenInvalid},
		"neither nbf nor iat":           {map[string]any{"nbf": nil, "iat": nil}, policy.NoReason},
		"bound to a key":                {map[string]any{"cnf": map[string]any{"jkt": "x"}}, policy.TokenInvalid},
		"issuer with a slash":           {map[string]any{"iss": iss + "/"}, policy.NoReason}, // nobody's: nothing to the rules
		"issuer in another case":        {map[string]any{"iss": "https://CI.example.com"}, policy.NoReason},
		"issuer with the default port":  {map[string]any{"iss": iss + ":443"}, policy.NoReason},
		"no issuer":                     {map[string]any{"iss": nil}, policy.NoReason},
		"issuer as a list":              {map[string]any{"iss": []string{iss}}, policy.NoReason},
		"issuer with a blank before it": {map[string]any{"iss": " " + iss}, policy.NoReason},
	} {
		w := newWorld(t, trusted(t, "ci", iss, k))
		b, why := w.verify(t, k.sign(t, claims(iss, tc.change)))
		nobodys := strings.Contains(name, "issuer")
		if why != tc.want || (b != nil) != (tc.want == policy.NoReason && !nobodys) {
			t.Errorf("%s: %v, %q", name, b, why)
		}
	}
}

// TestHostileTokens: what is no token of the issuer's. (THREATS F2, F5)
func TestHostileTokens(t *testing.T) {
	k, other, r := ecKey(t, "one"), ecKey(t, "one"), rsaKey("rsa", 0)
	w := newWorld(t, trusted(t, "ci", iss, k, r))
	good := k.sign(t, claims(iss))
	body, err := json.Marshal(claims(iss))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	enc := base64.RawURLEncoding.EncodeToString
	hs := func(secret []byte) string {
		text := enc([]byte(`{"alg":"HS256","kid":"rsa"}`)) + "." + enc(body)
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return text + "." + enc(mac.Sum(nil))
	}
	der, err := x509.MarshalPKIXPublicKey(r.signer.Public())
	if err != nil {
		t.Fatal(err)
	}
	none := func(alg string) string { return enc([]byte(`{"alg":"`+alg+`"}`)) + "." + enc(body) + "." }
	deep := `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + ","
	with := func(h map[string]any) string { return other.sign(t, claims(iss), h) }
	for name, token := range map[string]string{
		"alg none":                       none("none"),
		"alg None":                       none("None"),
		"alg none, a signature":          none("none") + "AA",
		"HS256 with the PEM of a key":    hs(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"HS256 with the DER of a key":    hs(der),
		"HS256 with the modulus":         hs(rsaKeys()[0].N.Bytes()),
		"another key of that ID":         other.sign(t, claims(iss)),
		"a key beside it (jwk)":          with(map[string]any{"jwk": map[string]any{"kty": "EC"}}),
		"where its keys are (jku)":       with(map[string]any{"jku": "https://evil.example/keys"}),
		"where its certificate is (x5u)": with(map[string]any{"x5u": "https://evil.example/crt"}),
		"a certificate (x5c)":            with(map[string]any{"x5c": []string{enc(der)}}),
		"kid with a path":                k.sign(t, claims(iss), map[string]any{"kid": "../../dev/null"}),
		"kid with SQL":                   k.sign(t, claims(iss), map[string]any{"kid": "x' UNION SELECT 'k"}),
		"kid of another type":            k.sign(t, claims(iss), map[string]any{"kid": 1}),
		"kid of the other algorithm":     k.sign(t, claims(iss), map[string]any{"kid": "rsa"}),
		"RS256 said of ES256":            k.signText(t, `{"alg":"RS256","kid":"one"}`, string(body)),
		"ES256 said of RS256":            r.signText(t, `{"alg":"ES256","kid":"rsa"}`, string(body)),
		"PS256 said of RS256":            r.signText(t, `{"alg":"PS256","kid":"rsa"}`, string(body)),
		"alg in lower case":              k.signText(t, `{"alg":"es256","kid":"one"}`, string(body)),
		"no alg":                         k.signText(t, `{"kid":"one"}`, string(body)),
		"two algs":                       k.signText(t, `{"alg":"ES256","alg":"ES256","kid":"one"}`, string(body)),
		"what must be understood":        k.sign(t, claims(iss), map[string]any{"crit": []string{"exp"}}),
		"an unencoded payload":           k.sign(t, claims(iss), map[string]any{"b64": true}),
		"a logout token":                 k.sign(t, claims(iss), map[string]any{"typ": "logout+jwt"}),
		"a proof":                        k.sign(t, claims(iss), map[string]any{"typ": "dpop+jwt"}),
		"twice iss":                      k.signText(t, `{"alg":"ES256","kid":"one"}`, `{"iss":"https://evil.example",`+string(body[1:])),
		"twice aud, written otherwise":   k.signText(t, `{"alg":"ES256","kid":"one"}`, `{"\u0061ud":"app",`+string(body[1:])),
		"twice, nested":                  k.signText(t, `{"alg":"ES256","kid":"one"}`, `{"a":[{"b":1,"b":2}],`+string(body[1:])),
		"more than an object":            k.signText(t, `{"alg":"ES256","kid":"one"}`, string(body)+"{}"),
		"a list":                         k.signText(t, `{"alg":"ES256","kid":"one"}`, "["+string(body)+"]"),
		"not UTF-8":                      k.signText(t, `{"alg":"ES256","kid":"one"}`, "{\"a\":\"\xff\","+string(body[1:])),
		"nested too deep":                k.signText(t, `{"alg":"ES256","kid":"one"}`, deep+string(body[1:])),
		"too large":                      k.sign(t, claims(iss, map[string]any{"fill": strings.Repeat("x", maxToken)})),
		"damaged":                        good[:len(good)-4] + "AAAA",
		"another payload":                parts[0] + "." + enc([]byte(strings.Replace(string(body), "main", "evil", 1))) + "." + parts[2],
		"a part more":                    good + "." + parts[2],
		"a part less":                    parts[0] + "." + parts[1],
		"no signature":                   parts[0] + "." + parts[1] + ".",
		"padding":                        parts[0] + "." + parts[1] + "=." + parts[2],
		"a line end":                     parts[0] + "." + parts[1] + "\n." + parts[2],
		"a blank":                        good[:20] + " " + good[20:],
		"encrypted":                      "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d",
		"JSON":                           `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"nothing":                        "",
		"dots":                           "..",
	} {
		if b, why := w.verify(t, token); b != nil || why != policy.NoReason && why != policy.TokenInvalid {
			t.Errorf("%s: %+v, %s", name, b, why)
		}
	}
	// The same, of an issuer and with headers that say nothing of keys, are good.
	for name, token := range map[string]string{
		"as it was":     good,
		"RSA":           r.sign(t, claims(iss)),
		"no typ":        k.sign(t, claims(iss), map[string]any{"typ": nil}),
		"access token":  k.sign(t, claims(iss), map[string]any{"typ": "application/at+JWT"}),
		"no kid":        k.sign(t, claims(iss), map[string]any{"kid": nil}),
		"another's jku": k.sign(t, claims(iss), map[string]any{"jku": "https://evil.example/keys"}),
	} {
		if b, why := w.verify(t, token); b == nil || why != policy.NoReason {
			t.Errorf("%s: %s", name, why)
		}
	}
}

// TestAlgorithms: those of the description, and no others.
func TestAlgorithms(t *testing.T) {
	k, e, r := ecKey(t, "ec"), edKey(t, "ed"), rsaKey("rsa", 0)
	r.method = jwt.SigningMethodPS512
	for _, listed := range [][]string{nil, {"ES256"}, {"EdDSA", "PS512"}} {
		i := trusted(t, "ci", iss, k, e, r)
		i.Algorithms = listed
		w := newWorld(t, i)
		for _, one := range []key{k, e, r} {
			want := len(listed) == 0 || strings.Contains(strings.Join(listed, " "), one.method.Alg())
			if b, _ := w.verify(t, one.sign(t, claims(iss))); (b != nil) != want {
				t.Errorf("%v, %s: %v", listed, one.method.Alg(), b)
			}
		}
	}
	for _, alg := range []string{"none", "HS256", "RS1", "es256", ""} {
		i := trusted(t, "ci", iss, k)
		i.Algorithms = []string{alg}
		if wrong := config.Check(&i); len(wrong) != 1 || wrong[0].Field != "algorithms[0]" {
			t.Errorf("%q: %+v", alg, wrong)
		}
	}
}

// FuzzRead: whatever comes, no panic, and what is read is read in one way: encoding/json
// finds the same members.
func FuzzRead(f *testing.F) {
	k := ecKey(f, "one")
	f.Add(k.sign(f, claims(iss)))
	f.Add("a.b.c")
	f.Add(k.signText(f, `{"alg":"ES256"}`, `{"iss":"a","iss":"b"}`))
	f.Add(k.signText(f, `{"alg":"ES256"}`, `{"a":{"b":[1,true,null,{"c":"\ud800"}]}}`))
	f.Fuzz(func(t *testing.T, token string) {
		d, err := read(token)
		if err != nil {
			return
		}
		text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		if err != nil {
			t.Fatal(err)
		}
		var plain map[string]any
		dec := json.NewDecoder(strings.NewReader(string(text)))
		dec.UseNumber()
		if err := dec.Decode(&plain); err != nil {
			t.Fatal(err)
		}
		a, _ := json.Marshal(plain)
		b, _ := json.Marshal(d.claims)
		if string(a) != string(b) {
			t.Fatalf("%s, and %s", a, b)
		}
		d.checkClaims(&config.Issuer{Issuer: d.issuer(), Audiences: []string{"app"}}, time.Minute)
	})
}
