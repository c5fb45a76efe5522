// SPDX-License-Identifier: Apache-2.0

package credential

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ostiary/ostiary/authserver/policy"
)

// FuzzVerify: never a Subject for a token that this ring did not mint. Either
// the token is the fuzzer's own, or it is one of ours with a piece replaced.
func FuzzVerify(f *testing.F) {
	// Keys that signed nothing before: a corpus is kept for longer than ours are.
	ed, es := fixedKey(f, "EdDSA", 11, start), fixedKey(f, "ES256", 12, start)
	foreign := fixedKey(f, "EdDSA", 13, start)
	v := NewVerifier(fixedRing(f, ed, es), issuer, 0)
	bob := map[string]any{"sub": "bob"}
	ours := []string{ // with no nonce: the fuzzer's other processes have the same
		claiming(f, ed, with(nil)), claiming(f, ed, with(bob)), claiming(f, es, with(nil)), claiming(f, es, with(bob)),
	}
	f.Add("", uint16(0), uint16(0), "")
	for i, token := range ours {
		f.Add(token, uint16(0), uint16(0), "")
		f.Add("", uint16(i), uint16(1), "A")
		f.Add("", uint16(i)+4*200, uint16(3), "")
		f.Add("", uint16(i)+4*147, uint16(1), ".")
		f.Add("", uint16(i)+4*400, uint16(86), strings.Repeat("A", 86))
	}
	f.Add(mint(f, fixedRing(f, foreign), ada(), start), uint16(0), uint16(0), "")
	f.Add(seg(`{"alg":"none"}`)+"."+seg(with(nil))+".", uint16(0), uint16(0), "")
	f.Fuzz(func(t *testing.T, token string, at, drop uint16, insert string) {
		if token == "" {
			base := ours[at%4]
			cut := min(int(at/4), len(base))
			token = base[:cut] + insert + base[min(cut+int(drop), len(base)):]
		}
		minted := slices.Contains(ours, token) || mintedElsewhere(es, ours[2:], token)
		for range 2 {
			subject, why := v.Verify(token, start)
			if (subject != nil) != minted || (subject == nil) == (why == policy.NoReason && token != "") {
				t.Fatalf("Verify(%q) = %+v, %q; minted: %v", token, subject, why, minted)
			}
			if subject != nil && subject.Token != token {
				t.Fatalf("Token is %q", subject.Token)
			}
		}
	})
}

// mintedElsewhere reports whether the key made the token in another process:
// an ECDSA signature is another one each time, so the corpus may hold such.
func mintedElsewhere(k *key, ours []string, token string) bool {
	at := strings.LastIndexByte(token, '.') + 1
	signature, err := base64url.DecodeString(token[at:])
	if err != nil || len(signature) != 64 || base64url.EncodeToString(signature) != token[at:] {
		return false
	}
	known := slices.ContainsFunc(ours, func(o string) bool { return o[:strings.LastIndexByte(o, '.')+1] == token[:at] })
	if !known {
		return false
	}
	sum := sha256.Sum256([]byte(token[:at-1]))
	r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
	return ecdsa.Verify(k.signer.Public().(*ecdsa.PublicKey), sum[:], r, s)
}

// FuzzClaims has our key sign what the fuzzer makes up: it may name a Subject
// only if a plain reading of it says the same, and the Subject can be minted.
func FuzzClaims(f *testing.F) {
	k := fixedKey(f, "EdDSA", 1, start)
	r := fixedRing(f, k)
	v := NewVerifier(r, issuer, 0)
	f.Add(with(nil))
	f.Add(with(map[string]any{"aud": "a/b", "groups": []string{"x", "ö"}}))
	f.Add(with(map[string]any{"aud": []string{"a/b", "c/d"}, "amr": []string{"pwd"}, "idp": "corp", "azp": "https://a", "auth_time": 1,
		"country": "GB"}))
	f.Add(with(map[string]any{"sub": "corp/ann", "idp_sub": "7", "idp": "corp"}))
	f.Add(with(map[string]any{"exp": json.RawMessage("1e99")}))
	f.Add(strings.Replace(with(nil), "{", `{"sub":"root",`, 1))
	f.Add(strings.Replace(with(nil), "{", `{"Sub":null,`, 1))
	f.Fuzz(func(t *testing.T, text string) {
		payload := seg(text)
		subject, _ := v.Verify(k.header(payload)+"."+payload+"."+signatureOf(t, k, payload), start)
		if subject == nil {
			return
		}
		d := json.NewDecoder(bytes.NewReader([]byte(text)))
		d.UseNumber()
		var claims map[string]any
		if err := d.Decode(&claims); err != nil {
			t.Fatal(err)
		}
		email, _ := claims["email"].(string)
		audience, ok := claims["aud"].([]any)
		if !ok {
			audience = []any{claims["aud"]}
		}
		number := func(name string) int64 {
			n, err := claims[name].(json.Number).Int64()
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if claims["iss"] != issuer || claims["type"] != "app" || claims["sub"] != subject.Name() || claims["idp_sub"] != nil &&
			claims["idp_sub"] != "" && claims["idp_sub"] != subject.ID || claims["idp_sub"] == nil && claims["sub"] != subject.ID ||
			email != subject.Email ||
			fmt.Sprint(audience) != fmt.Sprint(subject.Audience) || number("exp") != subject.ExpiresAt.Unix() ||
			number("iat") != subject.IssuedAt.Unix() {
			t.Fatalf("%s names %+v", text, subject)
		}
		if !subject.ExpiresAt.After(start) || subject.IssuedAt.After(start.Add(Leeway)) {
			t.Fatalf("%s is good at %s", text, start)
		}
		c := ada()
		c.ID, c.Email, c.Groups, c.Audience, c.AMR = subject.ID, subject.Email, subject.Groups, subject.Audience, subject.AMR
		c.Provider, c.AuthorizedParty = subject.Provider, subject.AuthorizedParty
		back, _ := v.Verify(mint(t, r, c, start), start)
		if back == nil || back.ID != subject.ID || len(back.Groups) != len(subject.Groups) {
			t.Fatalf("%+v was minted as %+v", subject, back)
		}
	})
}

func signatureOf(t *testing.T, k *key, payload string) string {
	t.Helper()
	return strings.SplitN(signed(t, k, k.header(payload), payload), ".", 3)[2]
}

// FuzzCookie compares the scanner with net/http's parser, for fields that both
// mean to understand: without quotes, and with blanks only after semicolons.
func FuzzCookie(f *testing.F) {
	for _, field := range []string{
		"", CookieName, CookieName + "=", CookieName + "=a", "a=b; " + CookieName + "=c", CookieName + "=a;" + CookieName + "=b; x=y",
		CookieName + "==", "=" + CookieName + "=a", "; ;" + CookieName + "=a.b.c;", "x=" + CookieName + "=a",
		"\x00=a; " + CookieName + "=a\x7f", CookieName + "=é", strings.ToUpper(CookieName) + "=a",
	} {
		f.Add(field)
	}
	f.Fuzz(func(t *testing.T, field string) {
		var got []string
		for rest := field; rest != ""; {
			var value string
			if value, rest = nextCookie(rest, CookieName); value != "" {
				got = append(got, value)
			}
		}
		for _, value := range got {
			if strings.ContainsRune(value, ';') || !strings.Contains(field, CookieName+"="+value) {
				t.Fatalf("%q has no %q", field, value)
			}
		}
		plain := strings.ReplaceAll(field, "; ", ";")
		if strings.ContainsAny(plain, " \t\r\n\"\\,") || strings.ContainsFunc(plain, func(r rune) bool { return r < ' ' || r > '~' }) {
			return
		}
		var want []string
		for _, c := range (&http.Request{Header: http.Header{"Cookie": {field}}}).CookiesNamed(CookieName) {
			if c.Value != "" {
				want = append(want, c.Value)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %q, and net/http says %q", field, got, want)
		}
	})
}

// FuzzParseRing: what is taken is written back the same, and errors quote nothing.
func FuzzParseRing(f *testing.F) {
	text, err := fixedRing(f, fixedKey(f, "EdDSA", 1, start), fixedKey(f, "ES256", 2, start)).Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(text[:100])
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseRing(data)
		if err != nil {
			wantNoSecret(t, "fuzz", err.Error(), string(text))
			return
		}
		once, err := r.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseRing(once)
		if err != nil {
			t.Fatal(err)
		}
		if twice, _ := again.Marshal(); !bytes.Equal(once, twice) {
			t.Fatalf("%s\n%s", once, twice)
		}
	})
}
